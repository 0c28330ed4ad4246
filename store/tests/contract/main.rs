//! What every database behind `Store` must do. Nothing in the tests here may know which one it is.
#![expect(
    clippy::expect_used,
    reason = "a failed expectation is the test's failure"
)]

mod accounts;
mod kit;
mod ledger;
