//! Amazon Bedrock's Converse.

pub mod event_stream;
mod request;
mod response;
mod stream;

pub(crate) use request::{CARRIES, write_request};
pub(crate) use response::read_reply;
pub(crate) use stream::Decoder;
