//! Requests, both ways.

mod messages;
mod params;
mod tools;
mod write;
mod write_messages;

pub(crate) use params::read_request;
pub(in crate::chat) use params::read_shared_params;
pub(crate) use write::{CARRIES, write_request};
