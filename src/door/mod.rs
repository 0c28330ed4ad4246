//! The front door: listeners, connections, requests, answers. Everything here is HTTP; nothing here knows a provider.

pub mod app;
pub mod client;
pub mod connection;
pub mod listen;
pub mod models;
mod ops;
pub mod reply;
pub mod route;
mod tunnel;
