//! The front door: listeners, connections, requests, answers. Everything here is HTTP; nothing here knows a provider.

pub mod app;
mod client;
pub mod connection;
pub mod listen;
mod models;
mod ops;
mod reply;
mod route;
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "the route to it comes with the endpoints beyond chat"
    )
)]
mod tunnel;
