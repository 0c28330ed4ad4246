//! How the events of a stream are cut out of its bytes: server-sent events, or lines of JSON, or Amazon's event stream.

use bytes::Bytes;

use crate::bedrock::event_stream::Messages;
use crate::chat_stream;
use crate::sse::{self, EventEnds};
use crate::stream::StreamError;

/// The longest event that is taken. Audio and images come in single events of megabytes.
pub(crate) const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// A way to cut.
#[derive(Debug)]
pub(crate) enum Framing {
    /// `text/event-stream`.
    Sse(Pieces),
    /// One JSON value a line.
    Lines(Pieces),
    /// `application/vnd.amazon.eventstream`.
    EventStream(Messages),
}

/// One event, as cut.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    /// The `event:` field, or Amazon's `:event-type` (`:exception-type`); empty where there is none.
    pub name: &'a str,
    /// The data.
    pub data: &'a [u8],
}

impl Framing {
    pub fn sse() -> Self {
        Self::Sse(Pieces::default())
    }

    pub fn lines() -> Self {
        Self::Lines(Pieces::default())
    }

    pub fn event_stream() -> Self {
        Self::EventStream(Messages::default())
    }

    /// The room that an unfinished event takes.
    pub fn held_bytes(&self) -> usize {
        match self {
            Self::Sse(pieces) | Self::Lines(pieces) => pieces.unfinished.capacity(),
            Self::EventStream(messages) => messages.held_bytes(),
        }
    }

    /// Takes a chunk and visits every event that is whole now, with its bytes as they came, the lines apart that clients
    /// cannot bear. The visitor returns false to stop for good.
    pub fn feed(
        &mut self,
        chunk: &[u8],
        mut visit: impl FnMut(Frame<'_>, &[u8]) -> bool,
    ) -> Result<(), StreamError> {
        match self {
            Self::Sse(pieces) => {
                pieces.feed(chunk, Cut::Event, |event| visit_sse(event, &mut visit))
            }
            Self::Lines(pieces) => {
                pieces.feed(chunk, Cut::Line, |line| visit_line(line, &mut visit))
            }
            Self::EventStream(messages) => messages.feed(chunk, |name, payload, raw| {
                visit(
                    Frame {
                        name,
                        data: payload,
                    },
                    raw,
                )
            }),
        }
    }

    /// The stream is over: visits what its last bytes hold without the end that should follow. Returns whether bytes
    /// were left that are no event.
    pub fn finish(&mut self, mut visit: impl FnMut(Frame<'_>, &[u8]) -> bool) -> bool {
        match self {
            Self::Sse(pieces) => {
                let rest = pieces.take_rest();
                if !rest.is_empty() {
                    visit_last_sse(rest, &pieces.ends, &mut visit);
                }
                false
            }
            Self::Lines(pieces) => {
                let rest = pieces.take_rest();
                if !rest.is_empty() {
                    visit_line(&rest, &mut visit);
                }
                false
            }
            Self::EventStream(messages) => messages.has_rest(),
        }
    }
}

fn visit_line(line: &[u8], visit: &mut impl FnMut(Frame<'_>, &[u8]) -> bool) -> bool {
    let data = line.trim_ascii();
    data.is_empty() || visit(Frame { name: "", data }, line)
}

fn visit_sse(event: &[u8], visit: &mut impl FnMut(Frame<'_>, &[u8]) -> bool) -> bool {
    // Nearly all events of most formats, and of those that name them; the rest goes the long way.
    if let Some(data) = sse::only_data(event) {
        return visit(Frame { name: "", data }, event);
    }
    if let Some((name, data)) = sse::named_data(event) {
        let name = std::str::from_utf8(name).unwrap_or_default();
        return visit(Frame { name, data }, event);
    }
    if let Some(json) = sse::bare_json(event) {
        // To a client these bytes are no event.
        return visit(
            Frame {
                name: "error",
                data: json,
            },
            b"",
        );
    }
    let mut name = "";
    for line in sse::lines(event) {
        if let sse::LineKind::Event(text) = line.kind {
            name = std::str::from_utf8(text).unwrap_or_default();
        }
    }
    let data = sse::data(event);
    // Without data it is a comment, or nothing: a sign of life.
    let frame = Frame {
        name: if data.is_some() { name } else { "" },
        data: data.as_deref().unwrap_or_default(),
    };
    visit(frame, &chat_stream::bearable(event))
}

/// Visits what the bytes ended with. An event that lacks only its blank line gets it; of one that broke off no byte is
/// relayed, for what follows must not become a part of it.
fn visit_last_sse(
    mut event: Vec<u8>,
    ends: &EventEnds,
    visit: &mut impl FnMut(Frame<'_>, &[u8]) -> bool,
) {
    let mut is_whole = ends.is_after_event();
    if !is_whole && chat_stream::is_worth_mending(&event) {
        event.extend_from_slice(if event.ends_with(b"\n") {
            b"\n"
        } else {
            b"\n\n"
        });
        is_whole = true;
    }
    visit_sse(&event, &mut |frame, raw| {
        visit(frame, if is_whole { raw } else { b"" })
    });
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    Event,
    Line,
}

/// Bytes whose next cut has not come yet.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    ends: EventEnds,
    unfinished: Vec<u8>,
    has_begun: bool,
}

impl Pieces {
    fn feed(
        &mut self,
        chunk: &[u8],
        cut: Cut,
        mut visit: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), StreamError> {
        let mut start = 0;
        while let Some(end) = self.next_end(chunk, start, cut) {
            let piece = chunk.get(start..end).unwrap_or_default();
            start = end;
            let goes_on = if self.unfinished.is_empty() {
                visit(strip_mark(&mut self.has_begun, piece))
            } else {
                let mut whole = std::mem::take(&mut self.unfinished);
                whole.extend_from_slice(piece);
                let goes_on = visit(strip_mark(&mut self.has_begun, &whole));
                // Its room is used again for the next one.
                whole.clear();
                self.unfinished = whole;
                goes_on
            };
            if !goes_on {
                return Ok(());
            }
        }
        let rest = chunk.get(start..).unwrap_or_default();
        if self.unfinished.len() + rest.len() > MAX_EVENT_BYTES {
            return Err(StreamError::EventTooLong {
                max: MAX_EVENT_BYTES,
            });
        }
        self.unfinished.extend_from_slice(rest);
        Ok(())
    }

    fn next_end(&mut self, chunk: &[u8], at: usize, cut: Cut) -> Option<usize> {
        match cut {
            Cut::Event => self.ends.next(chunk, at),
            Cut::Line => {
                let rest = chunk.get(at..)?;
                memchr::memchr(b'\n', rest).map(|found| at + found + 1)
            }
        }
    }

    fn take_rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.unfinished)
    }
}

/// A stream may start with a byte order mark (HTML standard, section 9.2.5).
fn strip_mark<'a>(has_begun: &mut bool, piece: &'a [u8]) -> &'a [u8] {
    let is_first = !std::mem::replace(has_begun, true);
    match piece.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) if is_first => rest,
        _ => piece,
    }
}

/// An event as bytes of their own, for what outlives its chunk.
pub(crate) fn own(raw: &[u8]) -> Bytes {
    Bytes::copy_from_slice(raw)
}
