//! OpenAI's Responses (<https://platform.openai.com/docs/api-reference/responses>), without stored conversations: every
//! request brings its whole history.

mod request;
mod response;
mod searches;
mod stateless;
mod stream;
mod thoughts;
mod tools;

pub(crate) use request::{CARRIES, read_request, write_request};
pub use response::{failed_event, is_failed_event, response_id};
pub(crate) use response::{read_reply, write_reply};
pub use stateless::{StatefulError, check_stateless};
pub(crate) use stream::{Decoder, Encoder};

#[cfg(test)]
mod tests;
