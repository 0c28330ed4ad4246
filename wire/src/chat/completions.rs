//! Legacy Completions, for clients that still speak it (editors that complete code, old scripts): its prompt is said to a
//! chat model as the user's message, and only the text of the answer is shown.
//!
//! Source: <https://platform.openai.com/docs/api-reference/completions>.

mod logprobs;
mod reply;
mod request;
mod stream;

pub(crate) use reply::write_completions_reply;
pub(crate) use request::read_completions_request;
pub(crate) use stream::CompletionsEncoder;
