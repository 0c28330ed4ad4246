//! OpenAI's Responses.

mod request;
mod response;
mod stream;

pub(crate) use request::{CARRIES, read_request, write_request};
pub(crate) use response::{read_reply, write_reply};
pub(crate) use stream::{Decoder, Encoder};

/// TEMPORARY
pub fn failed_event(_: &str, _: u64, _: &str, _: &str, message: &str) -> Vec<u8> {
    message.as_bytes().to_vec()
}
