//! Requests.

mod input;
mod parts;
mod read;
mod write;
mod write_input;

pub(crate) use read::read_request;
pub(super) use write::write_format;
pub(crate) use write::{CARRIES, write_request};
