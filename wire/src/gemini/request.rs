//! Requests.

mod pairing;
mod read;
mod read_config;
mod read_contents;
mod read_part;
mod read_tools;
mod write;
mod write_config;
mod write_contents;
mod write_tools;

pub(crate) use read::read_request;
pub(crate) use write::{CARRIES, write_request};
