//! Streams.

mod decoder;
mod encoder;
mod event_text;
mod message;
mod slot;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;
