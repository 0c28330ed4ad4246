//! Anthropic's Messages.

mod request;
mod response;
mod stream;

pub(crate) use request::{CARRIES, read_request, write_request};
pub(crate) use response::{read_reply, write_reply};
pub(crate) use stream::{Decoder, Encoder};
