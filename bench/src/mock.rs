//! The mock upstream: any POST gets a chat answer, whole or streamed as its body asks.
//!
//! Body fields it looks at: `stream`, `stream_options.include_usage`, `x_chunks` (events of the stream)
//! and `x_interval_ms` (from one event to the next; 0 sends as fast as the client reads).

mod connection;
mod server;

pub use server::serve;
