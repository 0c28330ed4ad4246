//! Whole answers.

mod read;
mod write;

pub(super) use read::push_part;
pub(crate) use read::read_reply;
pub(crate) use write::write_reply;
