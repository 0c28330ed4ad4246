//! The formats Weir speaks, as pure functions: no I/O, no clock, no async. Bytes from a client or a provider come in,
//! what the gateway needs to know about them comes out, and they are changed only by splicing, so that every byte which
//! is not ours to change is relayed as it came. Nothing here recurses on input, and everything is linear in its size.
//!
//! - [`body`]: what the gateway reads of a request, and the few edits it makes
//! - [`chat_stream`]: the relay of a streamed chat or completions answer
//! - [`chat_reply`]: what the gateway reads of a whole JSON answer
//! - [`usage`]: token counts in disjoint units, from every dialect of the `usage` object
//! - [`errors`]: error envelopes, read and written
//! - [`retry_after`]: how long a provider asks to be left alone
//! - [`estimate`]: token counts where nobody reported any
//! - [`format`](mod@format): the dialects, and which of them serves which
//! - [`neutral`]: what all formats mean, and [`translate`]: from one to another; one folder for each format
//! - [`responses`]: beside the translation, what every request of this format is held against
//! - [`gemini`]: besides its translation, what a gateway says of itself in Google's words: errors, token counts
//! - [`loss`]: what a translation cannot carry, and what becomes of it
//! - [`foreign`]: other providers' proofs, taken out of histories that need no translation
//! - [`bedrock`]: besides its translation, the framing of its streams and the path of its models
//! - [`stream`]: the relay of a streamed answer from any format to any other
//! - [`embeddings`] and [`rerank`]: the same for vectors and for orders of documents, which many APIs give
//! - [`anthropic`]: what Anthropic's clients are told beside answers: errors, token counts
//! - [`websocket`]: the messages of a WebSocket that is relayed as it is, and [`realtime`]: what they used
//! - [`url`](mod@url): percent-encoding
//! - [`models_list`]: the answer of `/v1/models`
//! - [`model_catalogue`]: lists of models, read from providers and written for clients
//! - [`model_parameters`]: what a request to a model may hold, as a JSON Schema
//! - [`audio`]: what speech and transcriptions use
//! - [`images`]: what images use, and their way to Google's models and back
//! - [`media_stream`]: streamed images, speech and transcripts, watched
//! - [`overheard`]: the usage of an answer that nobody interprets, whatever its format
//! - [`multipart`]: forms with files, observed as they arrive
//! - [`weight`]: what a text takes in memory when it is translated

pub mod anthropic;
#[cfg(test)]
mod any_json;
mod arguments;
pub mod audio;
pub mod bedrock;
pub mod body;
mod chat;
pub mod chat_reply;
pub mod chat_stream;
mod cohere;
mod defaults;
pub mod embeddings;
pub mod errors;
pub mod estimate;
pub mod fields;
pub mod foreign;
pub mod format;
mod framing;
pub mod gemini;
pub mod images;
mod json;
mod lenient;
pub mod loss;
pub mod media_stream;
pub mod model_catalogue;
pub mod model_parameters;
pub mod multipart;
pub mod neutral;
mod ollama;
pub mod overheard;
pub mod realtime;
pub mod rerank;
pub mod responses;
pub mod retry_after;
mod shorten;
mod skim;
mod sse;
pub mod stream;
pub mod translate;
pub mod url;
pub mod usage;
pub mod websocket;
pub mod weight;
