//! Streams (<https://platform.claude.com/docs/en/build-with-claude/streaming>).

mod decoder;
mod encoder;
mod event;
mod object_end;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;
