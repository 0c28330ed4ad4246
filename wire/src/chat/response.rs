//! Whole answers, both ways.

mod read;
mod write;

pub(crate) use read::read_reply;
pub(crate) use write::write_reply;
pub(in crate::chat) use write::{client_signature, finish_word, text_of, write_image};
