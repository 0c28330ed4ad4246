//! One function for each target: it takes any bytes, and panics if something does not hold that must hold for all of them.

mod framing;
mod requests;
mod streams;

use weir_wire::format::Format;

/// A target: its name, which is also its corpus', and what it does with some bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 25] = [
    ("body", framing::body),
    ("event_stream", framing::event_stream),
    ("multipart", framing::multipart),
    ("sse", framing::sse),
    ("usage", framing::usage),
    ("websocket", framing::websocket),
    ("request_chat", |bytes| {
        requests::request(Format::Chat, bytes)
    }),
    ("request_completions", |bytes| {
        requests::request(Format::Completions, bytes)
    }),
    ("request_responses", |bytes| {
        requests::request(Format::Responses, bytes)
    }),
    ("request_anthropic", |bytes| {
        requests::request(Format::Anthropic, bytes)
    }),
    ("request_gemini", |bytes| {
        requests::request(Format::Gemini, bytes)
    }),
    ("reply_chat", |bytes| requests::reply(Format::Chat, bytes)),
    ("reply_responses", |bytes| {
        requests::reply(Format::Responses, bytes)
    }),
    ("reply_anthropic", |bytes| {
        requests::reply(Format::Anthropic, bytes)
    }),
    ("reply_gemini", |bytes| {
        requests::reply(Format::Gemini, bytes)
    }),
    ("reply_bedrock", |bytes| {
        requests::reply(Format::Bedrock, bytes)
    }),
    ("reply_ollama", |bytes| {
        requests::reply(Format::Ollama, bytes)
    }),
    ("reply_cohere", |bytes| {
        requests::reply(Format::Cohere, bytes)
    }),
    ("stream_chat", |bytes| streams::stream(Format::Chat, bytes)),
    ("stream_responses", |bytes| {
        streams::stream(Format::Responses, bytes)
    }),
    ("stream_anthropic", |bytes| {
        streams::stream(Format::Anthropic, bytes)
    }),
    ("stream_gemini", |bytes| {
        streams::stream(Format::Gemini, bytes)
    }),
    ("stream_bedrock", |bytes| {
        streams::stream(Format::Bedrock, &streams::framed(bytes))
    }),
    ("stream_ollama", |bytes| {
        streams::stream(Format::Ollama, bytes)
    }),
    ("stream_cohere", |bytes| {
        streams::stream(Format::Cohere, bytes)
    }),
];

/// Runs a target by its name.
///
/// # Panics
/// If there is no such target, or something does not hold.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(one, _)| *one == name);
    let Some((_, check)) = target else {
        panic!("`{name}` is no target");
    };
    check(bytes);
}

/// The sizes of chunks in which everything that is streamed is tried, beside all at once.
const CHUNK_BYTES: [usize; 2] = [1, 7];
