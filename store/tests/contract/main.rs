//! What every database behind `Store` must do. Nothing in the tests here may know which one it is.

mod accounts;
mod kit;
mod ledger;
