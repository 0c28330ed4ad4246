//! Streams: each event is a whole `GenerateContentResponse` with what is new, and nothing but the stream's end ends it.

mod decoder;
mod encoder;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;
pub use encoder::KEEP_ALIVE;
pub(super) use encoder::shows_thoughts;
