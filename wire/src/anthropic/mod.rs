//! Anthropic's Messages (<https://platform.claude.com/docs/en/api/messages>), both sides, on Anthropic's own API and on
//! Vertex AI.

mod citations;
mod count;
mod errors;
mod finish;
mod model;
mod names;
mod request;
mod response;
mod schema;
mod stream;
#[cfg(test)]
mod tests;
pub(crate) mod usage;

pub use count::count_tokens_reply;
pub use errors::{error_body, error_event};
pub(crate) use request::{CARRIES, DEFAULT_MAX_TOKENS, read_request, write_request};
pub(crate) use response::{read_reply, write_reply};
pub(crate) use stream::{Decoder, Encoder};
