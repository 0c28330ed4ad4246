//! Streams of `chat.completion.chunk`, both ways.

mod answer;
mod calls;
mod chunk;
mod decoder;
mod encoder;
mod head;
mod loose;
mod plain;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;
pub(in crate::chat) use head::Head;
