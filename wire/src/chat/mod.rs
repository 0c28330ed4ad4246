//! OpenAI's Chat Completions, and its legacy Completions beside it.

mod request;
mod response;
mod stream;

pub(crate) use request::{CARRIES, read_completions_request, read_request, write_request};
pub(crate) use response::{read_reply, write_completions_reply, write_reply};
pub(crate) use stream::{CompletionsEncoder, Decoder, Encoder};
