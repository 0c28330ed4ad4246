//! Google's `generateContent`, as the Gemini API and Vertex AI both speak it.
//!
//! Sources: <https://ai.google.dev/api/generate-content>, <https://ai.google.dev/gemini-api/docs/thought-signatures>,
//! Vertex AI's REST reference, and the types of the official Python SDK.

mod answer;
mod array;
mod count;
mod errors;
mod finish;
mod grounding;
mod logprobs;
mod media;
mod members;
mod model;
mod names;
mod part;
mod request;
mod response;
mod schema;
mod signature;
mod stream;
#[cfg(test)]
mod tests;
pub(crate) mod usage;

pub use array::JsonArray;
pub use count::count_tokens_reply;
pub use errors::{error_body, error_event};
pub(crate) use request::{CARRIES, read_request, write_request};
pub(crate) use response::{read_reply, write_reply};
pub(crate) use signature::{SKIP as UNCHECKED_SIGNATURE, is_foreign_signature};
pub use stream::KEEP_ALIVE;
pub(crate) use stream::{Decoder, Encoder};
