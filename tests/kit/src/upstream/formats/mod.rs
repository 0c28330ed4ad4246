//! Every provider format, as its vendor speaks it: which one is chosen by the request's path, what is told by the model's
//! name (a [`story`]). The shapes are those of the vendors' references and SDK types, written down by hand.

mod anthropic;
mod bedrock;
mod chat;
mod cohere;
mod event_stream;
mod gemini;
mod ollama;
mod responses;
mod rules;
mod story;

pub use story::{
    ARGUMENTS, CUT_TEXT, ERROR_WORDS, FAULT_WORDS, RETRY_AFTER_S, SIGNATURE, TEXT, THOUGHTS, TOOL,
};

use bytes::Bytes;
use serde_json::Value;

use super::act::{Act, Behaviour, Play};
use super::record::Seen;
use super::reply::{Reply, chunk};
use story::{Asked, Story, Tale};

/// One vendor's way of speaking.
trait Dialect {
    /// The media type of its streams.
    fn media_type(&self) -> &'static str {
        "text/event-stream"
    }

    /// Whether the request asks for a stream.
    fn is_streamed(&self, seen: &Seen, request: &Value) -> bool;

    /// The vendor's complaint about a request it would answer with 400.
    fn complaint(&self, seen: &Seen, request: &Value) -> Option<String>;

    /// What the request asks for, as far as a story depends on it.
    fn asked(&self, request: &Value) -> Asked;

    /// A whole answer.
    fn whole(&self, tale: &Tale, model: &str) -> Value;

    /// The events of a streamed answer, as they are written. One that begins, one for each piece of content, and so on.
    fn stream(&self, tale: &Tale, model: &str, request: &Value) -> Vec<Vec<u8>>;

    /// The event by which the vendor tells that a stream that has begun fails.
    fn fault(&self) -> Vec<u8>;

    /// A refusal in the vendor's shape, for 400, 401 and 429.
    fn refusal(&self, status: u16, words: &str) -> Reply;
}

/// The behaviour of a model whose name begins with `story-`, in whatever format it is asked.
pub(super) fn behaviour(model: &str) -> Option<Behaviour> {
    model.starts_with("story-").then(|| Behaviour::new(play))
}

/// The model that a path names, as Gemini's and Bedrock's do.
pub(super) fn model_of_path(path: &str) -> Option<&str> {
    let path = path.split('?').next().unwrap_or_default();
    if let Some((_, rest)) = path.split_once("/model/") {
        return rest.split('/').next();
    }
    let (_, named) = path.split_once("/models/")?;
    named.rsplit_once(':').map(|(model, _)| model)
}

/// The dialect that is spoken at a path.
fn dialect(path: &str) -> Option<&'static dyn Dialect> {
    let path = path.split('?').next().unwrap_or_default();
    let gemini = [":generateContent", ":streamGenerateContent"];
    Some(match path {
        _ if path.ends_with("/chat/completions") => &chat::Chat,
        _ if path.ends_with("/responses") => &responses::Responses,
        _ if path.ends_with("/messages") => &anthropic::Anthropic,
        _ if gemini.iter().any(|end| path.ends_with(end)) => &gemini::Gemini,
        _ if path.ends_with("/converse") || path.ends_with("/converse-stream") => &bedrock::Bedrock,
        _ if path.ends_with("/api/chat") => &ollama::Ollama,
        _ if path.ends_with("/v2/chat") => &cohere::Cohere,
        _ => return None,
    })
}

fn play(seen: &Seen) -> Play {
    let request = seen.json();
    let Some(dialect) = dialect(&seen.path) else {
        return beside_chat(seen, &request).into_play();
    };
    if let Some(complaint) = dialect.complaint(seen, &request) {
        return dialect.refusal(400, &complaint).into_play();
    }
    let model = seen.model().unwrap_or_default();
    let story = Story::of(model);
    if story == Story::Error {
        return dialect
            .refusal(429, ERROR_WORDS)
            .header("retry-after", &RETRY_AFTER_S.to_string())
            .into_play();
    }
    let tale = story.tale(&dialect.asked(&request), seen);
    if dialect.is_streamed(seen, &request) {
        let mut events = dialect.stream(&tale, model, &request);
        if story == Story::Fault {
            events.truncate(story::CUT_AFTER);
            events.push(dialect.fault());
        }
        return streamed(dialect.media_type(), events, story == Story::Cut);
    }
    let reply = Reply::json(200, &dialect.whole(&tale, model));
    match story {
        Story::Cut => reply.chunked_cut().into_play(),
        _ => reply.completes().into_play(),
    }
}

/// What the formats have beside conversations: counts of tokens and embeddings.
fn beside_chat(seen: &Seen, request: &Value) -> Reply {
    let path = seen.path.split('?').next().unwrap_or_default();
    let answer = match path {
        _ if path.ends_with("/count_tokens") => anthropic::count(),
        _ if path.ends_with(":countTokens") => gemini::count(),
        _ if path.ends_with(":batchEmbedContents") => gemini::embeddings(request),
        _ if path.ends_with("/embeddings") => super::payload::embeddings(request),
        _ => return Reply::error(404, "unknown_path", "No story is told at this path."),
    };
    Reply::json(200, &answer).completes()
}

/// A streamed answer; one that is cut stops in the middle of an event.
fn streamed(media_type: &str, events: Vec<Vec<u8>>, is_cut: bool) -> Play {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let mut play = Play::new().send(head);
    let whole = if is_cut { story::CUT_AFTER } else { usize::MAX };
    for event in events.iter().take(whole) {
        play = play.send(chunk(event));
    }
    if !is_cut {
        return play.send(Bytes::from_static(b"0\r\n\r\n")).completes();
    }
    let next = events.get(whole).map(Vec::as_slice).unwrap_or_default();
    let half = next.get(..next.len() / 2).unwrap_or_default();
    play.send(chunk(half)).act(Act::Close)
}

/// A server-sent event without a name.
fn data(event: &Value) -> Vec<u8> {
    format!("data: {event}\n\n").into_bytes()
}

/// A server-sent event with a name.
fn named(name: &str, event: &Value) -> Vec<u8> {
    format!("event: {name}\ndata: {event}\n\n").into_bytes()
}
