//! Ollama's own `/api/chat`.
//!
//! Sources: <https://docs.ollama.com/api/chat>, <https://docs.ollama.com/api/streaming>,
//! <https://docs.ollama.com/api/errors>, and the types of `github.com/ollama/ollama/api` and of the official SDKs.

mod answer;
mod request;
mod response;
mod stream;

pub(crate) use request::{CARRIES, write_request};
pub(crate) use response::read_reply;
pub(crate) use stream::Decoder;

#[cfg(test)]
mod tests;
