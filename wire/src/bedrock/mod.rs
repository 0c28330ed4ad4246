//! Amazon Bedrock's Converse and ConverseStream.
//!
//! Sources: the service model that AWS's SDKs are made from (`bedrock-runtime`, 2023-09-30),
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html> and its neighbours, and, for what
//! single models take, Bedrock's and Nova's user guides.

pub mod event_stream;
mod family;
mod names;
mod path;
mod proof;
mod request;
mod response;
mod stream;
pub(crate) mod usage;

pub use path::model_path;
pub(crate) use request::{CARRIES, write_request};
pub(crate) use response::read_reply;
pub(crate) use stream::Decoder;

#[cfg(test)]
mod tests;
