//! Both sides of the format, on payloads of the shapes that clients and OpenAI send.

mod decoding;
mod encoding;
mod properties;
mod reading;
mod replies;
mod writing;

use std::sync::Arc;

use serde_json::Value;

use crate::framing::{Frame, Framing};
use crate::neutral::{Event, Request};
use crate::responses::{Decoder, Encoder};
use crate::stream::{Decode, Encode};
use crate::translate::Context;

fn context_of(request: Request) -> Context {
    Context {
        call_id: "0199-ab".to_owned(),
        model: "served-model".to_owned(),
        created_s: 1_741_476_542,
        think_tags: false,
        request: Arc::new(request),
    }
}

fn context() -> Context {
    context_of(Request::default())
}

/// What events tell, one line each; neighbouring pieces of the same thing are one.
#[derive(Debug, Default, PartialEq)]
struct Told {
    lines: Vec<String>,
    grows: Option<String>,
}

impl Told {
    fn of(events: &[Event<'_>]) -> Vec<String> {
        let mut told = Self::default();
        events.iter().for_each(|event| told.tell(event));
        told.lines
    }

    fn tell(&mut self, event: &Event<'_>) {
        match event {
            Event::Text { text, .. } => self.grow("text ", text),
            Event::Thinking { text, .. } => self.grow("thinking ", text),
            Event::Refusal { text, .. } => self.grow("refusal ", text),
            Event::ToolInput { tool, text, .. } => self.grow(&format!("input {tool} "), text),
            Event::Start { id, model } => self.line(format!("start {id:?} {model:?}")),
            Event::Signature { signature, .. } => self.line(format!(
                "signature {} {}",
                signature.origin.as_str(),
                signature.value
            )),
            Event::RedactedThinking { signature, .. } => self.line(format!(
                "redacted {} {}",
                signature.origin.as_str(),
                signature.value
            )),
            Event::ToolStart {
                tool,
                id,
                name,
                is_custom,
                ..
            } => self.line(format!("tool {tool} {id} {name} {is_custom}")),
            Event::Image {
                media_type, base64, ..
            } => self.line(format!("image {media_type} {base64}")),
            Event::Audio { value, .. } => self.line(format!("audio {value}")),
            Event::Annotations { value, .. } => self.line(format!("annotations {value}")),
            Event::Logprobs { value, .. } => self.line(format!("logprobs {value}")),
            Event::Finish { finish, .. } => self.line(format!("finish {finish:?}")),
            Event::Usage(usage) => {
                let units: Vec<_> = usage
                    .iter()
                    .map(|(unit, count)| format!("{} {count}", unit.as_str()))
                    .collect();
                self.line(format!("usage {}", units.join(", ")));
            }
            Event::Ping => self.line("ping".to_owned()),
            Event::Error(error) => self.line(format!(
                "error {:?} {:?} {}",
                error.kind, error.code, error.message
            )),
            Event::Done => self.line("done".to_owned()),
        }
    }

    fn line(&mut self, line: String) {
        self.grows = None;
        self.lines.push(line);
    }

    fn grow(&mut self, what: &str, piece: &str) {
        match self.lines.last_mut() {
            Some(last) if self.grows.as_deref() == Some(what) => last.push_str(piece),
            _ => {
                self.lines.push(format!("{what}{piece}"));
                self.grows = Some(what.to_owned());
            }
        }
    }
}

/// What a stream's bytes tell.
fn told(stream: &str) -> Vec<String> {
    let mut decoder = Decoder::new(&context());
    let mut framing = Framing::sse();
    let mut told = Told::default();
    let mut emit = |frame: &Frame<'_>| decoder.decode(frame, &mut |event| told.tell(&event));
    framing
        .feed(stream.as_bytes(), |frame, _| {
            emit(&frame);
            true
        })
        .unwrap();
    framing.finish(|frame, _| {
        emit(&frame);
        true
    });
    decoder.finish(&mut |event| told.tell(&event));
    told.lines
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
