//! The front door: listeners, connections, requests, answers. Everything here is HTTP; nothing here knows a provider.

pub mod app;
mod client;
pub mod connection;
pub mod listen;
mod models;
mod ops;
mod reply;
mod route;
mod tunnel;
