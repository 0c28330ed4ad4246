//! What the formats of this folder promise, on payloads shaped as real clients and servers write them.

mod completions;
mod properties;
mod replies;
mod requests;
mod streams;
mod writes;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::{Decoder, Encoder};
use crate::framing::Framing;
use crate::neutral::{Content, Event, Part, Request};
use crate::stream::{Decode, Encode, Ending, Progress, Relay};
use crate::translate::{Context, Prefill, Target};

fn context(request: Request) -> Context {
    Context {
        call_id: "0198a-7c".to_owned(),
        model: "gpt-5-mini".to_owned(),
        created_s: 1_760_000_000,
        think_tags: false,
        request: Arc::new(request),
    }
}

fn plain_context() -> Context {
    context(Request::default())
}

pub(super) const TARGET: Target<'static> = Target {
    provider: "openai",
    model: "gpt-5-mini",
    max_output_tokens: None,
    stream_options: true,
    max_tokens_field: None,
    reasoning_field: None,
    reasoning_details: false,
    prefill: Prefill::None,
    anthropic_version: None,
};

fn read(request: &Value) -> Request {
    super::read_request(request.to_string().as_bytes()).unwrap()
}

fn texts(parts: &[Part]) -> Vec<&str> {
    let texts = parts.iter().filter_map(|part| match &part.content {
        Content::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// A stream of these chunks.
fn sse(chunks: &[Value]) -> String {
    let events = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
    events.collect()
}

/// Relays a stream of chat, cut into pieces, through reader and writer.
fn relay(stream: &[u8], piece: usize, context: &Context) -> (String, Progress, Ending) {
    relay_to(Box::new(Encoder::new(context)), stream, piece, context)
}

fn relay_to(
    encoder: Box<dyn Encode>,
    stream: &[u8],
    piece: usize,
    context: &Context,
) -> (String, Progress, Ending) {
    let decoder = Box::new(Decoder::new(context));
    let mut relay = Relay::new(Framing::sse(), decoder, Some(encoder));
    let mut out = Vec::new();
    for chunk in stream.chunks(piece.max(1)) {
        relay.feed(Bytes::copy_from_slice(chunk), &mut out).unwrap();
    }
    let ending = relay.finish(&mut out);
    let written = String::from_utf8(out.concat()).unwrap();
    (written, relay.progress().clone(), ending)
}

/// An event of one's own.
fn own(event: Event<'_>) -> Event<'static> {
    fn keep(text: std::borrow::Cow<'_, str>) -> std::borrow::Cow<'static, str> {
        text.into_owned().into()
    }
    match event {
        Event::Start { id, model } => Event::Start {
            id: id.map(keep),
            model: model.map(keep),
        },
        Event::Text { choice, text } => Event::Text {
            choice,
            text: keep(text),
        },
        Event::Thinking { choice, text } => Event::Thinking {
            choice,
            text: keep(text),
        },
        Event::Signature { choice, signature } => Event::Signature { choice, signature },
        Event::RedactedThinking { choice, signature } => {
            Event::RedactedThinking { choice, signature }
        }
        Event::Refusal { choice, text } => Event::Refusal {
            choice,
            text: keep(text),
        },
        Event::ToolStart {
            choice,
            tool,
            id,
            name,
            is_custom,
            signature,
        } => Event::ToolStart {
            choice,
            tool,
            id: keep(id),
            name: keep(name),
            is_custom,
            signature,
        },
        Event::ToolInput { choice, tool, text } => Event::ToolInput {
            choice,
            tool,
            text: keep(text),
        },
        Event::Image {
            choice,
            media_type,
            base64,
        } => Event::Image {
            choice,
            media_type: keep(media_type),
            base64: keep(base64),
        },
        Event::Audio { choice, value } => Event::Audio { choice, value },
        Event::Annotations { choice, value } => Event::Annotations { choice, value },
        Event::Logprobs { choice, value } => Event::Logprobs { choice, value },
        Event::Finish { choice, finish } => Event::Finish { choice, finish },
        Event::Usage(usage) => Event::Usage(usage),
        Event::Ping => Event::Ping,
        Event::Error(error) => Event::Error(error),
        Event::Done => Event::Done,
    }
}

/// All that a stream tells.
fn events(stream: &str, context: &Context) -> Vec<Event<'static>> {
    let mut decoder = Decoder::new(context);
    let mut framing = Framing::sse();
    let mut told = Vec::new();
    framing
        .feed(stream.as_bytes(), |frame, _| {
            decoder.decode(&frame, &mut |event| told.push(own(event)));
            true
        })
        .unwrap();
    framing.finish(|frame, _| {
        decoder.decode(&frame, &mut |event| told.push(own(event)));
        true
    });
    decoder.finish(&mut |event| told.push(own(event)));
    told
}

/// The chunks that are written for these events.
fn written(events: &[Event<'_>], context: &Context) -> Vec<Value> {
    let mut encoder = Encoder::new(context);
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    chunks(&String::from_utf8(out).unwrap())
}

/// The chunks of a stream, the terminator as a text.
fn chunks(stream: &str) -> Vec<Value> {
    let data = stream
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "));
    data.map(|data| match data {
        "[DONE]" => Value::from("[DONE]"),
        json => serde_json::from_str(json).unwrap(),
    })
    .collect()
}
