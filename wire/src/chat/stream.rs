//! Streams of `chat.completion.chunk`, both ways.

mod calls;
mod chunk;
mod decoder;
mod encoder;
mod loose;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;
