//! What an answer says of its usage, whichever of the known formats it is in. It is for answers that are passed on
//! uninterpreted: nothing of them is held but the few bytes of a usage, however long they are and however they are cut.

mod scan;
mod usage;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::bedrock::event_stream::Messages;
use crate::usage::Usage;

use scan::Scanner;
use usage::Gathered;

/// How the JSON of an answer is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One text.
    Whole,
    /// Server-sent events.
    Events,
    /// One text a line.
    Lines,
    /// Amazon's event stream.
    EventStream,
}

impl Layout {
    /// The layout of a media type; none if it holds no JSON.
    pub fn of(content_type: &[u8]) -> Option<Self> {
        let essence = content_type.split(|byte| *byte == b';').next()?;
        let essence = essence.trim_ascii().to_ascii_lowercase();
        Some(match essence.as_slice() {
            b"application/json" => Self::Whole,
            b"text/event-stream" => Self::Events,
            b"application/x-ndjson" | b"application/jsonl" | b"application/ndjson" => Self::Lines,
            b"application/vnd.amazon.eventstream" => Self::EventStream,
            other if other.ends_with(b"+json") => Self::Whole,
            _ => return None,
        })
    }
}

/// An answer that is listened to.
#[derive(Debug)]
pub struct Overheard {
    framing: Framing,
    scanner: Scanner,
    gathered: Gathered,
    bytes: u64,
}

#[derive(Debug)]
enum Framing {
    Text(Layout),
    /// Amazon's, as long as it can be cut into messages.
    Messages(Option<Box<Messages>>),
}

impl Overheard {
    /// Begins to listen.
    pub fn new(layout: Layout) -> Self {
        Self {
            framing: match layout {
                Layout::EventStream => Framing::Messages(Some(Box::default())),
                text => Framing::Text(text),
            },
            scanner: Scanner::default(),
            gathered: Gathered::default(),
            bytes: 0,
        }
    }

    /// The usage of a whole answer.
    pub fn usage_of(body: &[u8]) -> Option<Usage> {
        let mut heard = Self::new(Layout::Whole);
        heard.feed(body);
        heard.usage()
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, chunk: &[u8]) {
        self.bytes = self.bytes.saturating_add(chunk.len() as u64);
        let Self {
            framing,
            scanner,
            gathered,
            ..
        } = self;
        let mut note = |key: &str, value: &str| gathered.note(key, value);
        match framing {
            Framing::Text(layout) => scanner.feed(chunk, *layout, &mut note),
            Framing::Messages(messages) => {
                let fed = messages.as_mut().map(|messages| {
                    messages.feed(chunk, |_name, payload, _raw| {
                        let inner = wrapped(payload);
                        let text = inner.as_deref().unwrap_or(payload);
                        scanner.restart();
                        scanner.feed(text, Layout::Whole, &mut note);
                        true
                    })
                });
                if matches!(fed, Some(Err(_))) {
                    *messages = None;
                }
            }
        }
    }

    /// The usage, as far as it was told.
    pub fn usage(&self) -> Option<Usage> {
        self.gathered.usage()
    }

    /// The bytes of the answer so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// What Bedrock's `invoke` wraps into its messages: the model's own event, as `{"bytes":"<base64>"}`.
fn wrapped(payload: &[u8]) -> Option<Vec<u8>> {
    let rest = payload.strip_prefix(b"{\"bytes\":\"")?;
    let end = memchr::memchr(b'"', rest)?;
    STANDARD.decode(rest.get(..end)?).ok()
}

#[cfg(test)]
mod tests;
