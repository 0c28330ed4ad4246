//! What holds for SQLite alone: its files, and what a killed process leaves in them.
#![expect(
    clippy::expect_used,
    reason = "a failed expectation is the test's failure"
)]

mod crash;
mod files;
#[path = "../contract/kit.rs"]
mod kit;
