//! Requests, answers and streams of the shapes that clients and providers send, and what each is translated to.
//!
//! The expected files are the review of the translators: read their diff as code. After a change that is meant,
//! `WEIR_BLESS=1 cargo test -p weir-wire --test golden` writes them anew.

#![expect(
    clippy::unwrap_used,
    reason = "a failed expectation is the test's failure"
)]

mod files;
mod replies;
mod requests;
