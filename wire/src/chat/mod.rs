//! OpenAI's Chat Completions, and its legacy Completions beside it.

mod assistant;
mod completions;
mod content;
mod details;
mod finish;
mod request;
mod response;
mod stream;
pub(crate) mod strictness;
mod think_tags;
mod thinking;
pub(crate) mod tool_names;
mod usage;
mod write_json;

pub(crate) use completions::{
    CompletionsEncoder, read_completions_request, write_completions_reply,
};
pub(crate) use request::{CARRIES, read_request, write_request};
pub(crate) use response::{read_reply, write_reply};
pub(crate) use stream::{Decoder, Encoder};

#[cfg(test)]
mod tests;
