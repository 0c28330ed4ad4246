//! The load generator: requests in a closed loop or at a fixed rate, plain or streamed.
//!
//! At a fixed rate every latency counts from the moment the request *should* have left, so that a stall
//! of the gateway is charged with all the requests it held up (no coordinated omission).

mod connection;
mod outcome;
mod pace;
mod request;
mod runner;
mod stream;
mod watch;

pub use outcome::{Faults, Outcome, Streams, Usage};
pub use request::{Request, RequestError};
pub use runner::{Plan, run};
