//! Both sides of the format, on payloads of the shapes that clients and OpenAI send.

mod decoding;
mod encoding;
mod properties;
mod reading;
mod replies;
mod writing;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::framing::Framing;
use crate::neutral::{Event, Request};
use crate::responses::{Decoder, Encoder};
use crate::stream::{Decode, Encode};
use crate::translate::Context;

fn context_of(request: Request) -> Context {
    Context {
        call_id: "0199-ab".to_owned(),
        model: "served-model".to_owned(),
        created_s: 1_741_476_542,
        request: Arc::new(request),
    }
}

fn context() -> Context {
    context_of(Request::default())
}

/// The events that a stream's bytes tell.
fn decode(stream: &str) -> Vec<Event<'static>> {
    let mut decoder = Decoder::new(&context());
    let mut framing = Framing::sse();
    let mut events = Vec::new();
    let bytes = Bytes::copy_from_slice(stream.as_bytes());
    framing
        .feed(&bytes, |frame, _| {
            decoder.decode(&frame, &mut |event| events.push(own(event)));
            true
        })
        .unwrap();
    decoder.finish(&mut |event| events.push(own(event)));
    events
}

/// A stream's bytes, as a client gets them for these events.
fn encode_for(context: &Context, events: &[Event<'_>]) -> String {
    let mut encoder = Encoder::new(context);
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

fn encode(events: &[Event<'_>]) -> String {
    encode_for(&context(), events)
}

/// The data of a stream's events; checks that each has a name, which is its type, and the next number.
fn checked_data(stream: &str) -> Vec<Value> {
    let events = stream
        .split_terminator("\n\n")
        .filter(|it| !it.starts_with(':'));
    let read = |(number, event): (usize, &str)| {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        assert_eq!(data["sequence_number"], number);
        data
    };
    events.enumerate().map(read).collect()
}

/// An event that outlives the bytes it was read from.
fn own(event: Event<'_>) -> Event<'static> {
    let owned = |text: std::borrow::Cow<'_, str>| std::borrow::Cow::Owned(text.into_owned());
    match event {
        Event::Start { id, model } => Event::Start {
            id: id.map(owned),
            model: model.map(owned),
        },
        Event::Text { choice, text } => Event::Text {
            choice,
            text: owned(text),
        },
        Event::Thinking { choice, text } => Event::Thinking {
            choice,
            text: owned(text),
        },
        Event::Signature { choice, signature } => Event::Signature { choice, signature },
        Event::RedactedThinking { choice, signature } => {
            Event::RedactedThinking { choice, signature }
        }
        Event::Refusal { choice, text } => Event::Refusal {
            choice,
            text: owned(text),
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
            id: owned(id),
            name: owned(name),
            is_custom,
            signature,
        },
        Event::ToolInput { choice, tool, text } => Event::ToolInput {
            choice,
            tool,
            text: owned(text),
        },
        Event::Image {
            choice,
            media_type,
            base64,
        } => Event::Image {
            choice,
            media_type: owned(media_type),
            base64: owned(base64),
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
