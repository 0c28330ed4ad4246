//! Google's `generateContent`.

mod request;
mod response;
mod stream;

pub(crate) use request::{CARRIES, read_request, write_request};
pub(crate) use response::{read_reply, write_reply};
pub(crate) use stream::{Decoder, Encoder};

/// TEMPORARY
pub fn error_body(_: u16, message: &str) -> Vec<u8> {
    message.as_bytes().to_vec()
}
/// TEMPORARY
pub fn error_event(_: u16, message: &str) -> Vec<u8> {
    message.as_bytes().to_vec()
}
/// TEMPORARY
pub fn count_tokens_reply(_: u64) -> Vec<u8> {
    Vec::new()
}
