//! What holds for SQLite alone: its files, and what a killed process leaves in them.

mod crash;
mod files;
#[path = "../contract/kit.rs"]
mod kit;
