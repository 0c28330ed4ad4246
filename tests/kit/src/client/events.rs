//! A response read as server-sent events, each with its arrival.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::body::Body;
use super::{Conn, Response};

/// One block of a stream, up to its blank line.
#[derive(Clone, Debug)]
pub struct Event {
    /// The `data:` lines, joined; `None` for a block that has none, such as a comment.
    pub data: Option<String>,
    /// All lines as they came.
    pub lines: Vec<String>,
    /// When its last byte arrived.
    pub at: Instant,
}

impl Event {
    fn of(lines: Vec<String>) -> Self {
        let data: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.strip_prefix("data:"))
            .map(|value| value.strip_prefix(' ').unwrap_or(value))
            .collect();
        Self {
            data: (!data.is_empty()).then(|| data.join("\n")),
            lines,
            at: Instant::now(),
        }
    }

    /// Whether the block is a comment and nothing else.
    pub fn is_comment(&self) -> bool {
        !self.lines.is_empty() && self.lines.iter().all(|line| line.starts_with(':'))
    }

    /// The data as JSON; `Null` where it is none, such as `[DONE]`.
    pub fn json(&self) -> Value {
        self.data
            .as_deref()
            .and_then(|data| serde_json::from_str(data).ok())
            .unwrap_or(Value::Null)
    }

    /// The text this chunk of a chat or legacy completion adds.
    pub fn content(&self) -> String {
        let json = self.json();
        let text = json
            .pointer("/choices/0/delta/content")
            .or_else(|| json.pointer("/choices/0/text"));
        text.and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// An open stream; an iterator over its events that ends with the body.
pub struct Events {
    /// The response's status and headers; its body stays empty.
    pub head: Response,
    connection: Conn,
    body: Body,
    pending: Vec<u8>,
    lines: Vec<String>,
}

impl Events {
    pub(super) fn new(connection: Conn, head: Response, body: Body) -> Self {
        Self {
            head,
            connection,
            body,
            pending: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Whether the body ended as its framing promised; ask after the last event.
    pub fn is_whole(&self) -> bool {
        self.body.is_whole()
    }

    /// Reads until an event carries text, and gives that event.
    pub fn first_content(&mut self) -> Event {
        self.find(|event| !event.content().is_empty())
            .expect("the stream has content")
    }

    /// Reads to the end.
    pub fn transcript(mut self) -> Transcript {
        let started = Instant::now();
        let events: Vec<Event> = self.by_ref().collect();
        Transcript {
            status: self.head.status,
            head: self.head.clone(),
            whole: self.is_whole(),
            took: started.elapsed(),
            events,
        }
    }

    /// Closes in good order.
    pub fn close(self) {
        drop(self);
    }

    /// Closes by RST.
    pub fn reset(self) {
        self.connection.reset();
    }

    /// Ends this side's sending and keeps reading.
    pub fn half_close(&mut self) {
        self.connection.half_close();
    }

    fn take_line(&mut self) -> Option<String> {
        let end = memchr::memchr(b'\n', &self.pending)?;
        let line: Vec<u8> = self.pending.drain(..=end).collect();
        let text = String::from_utf8_lossy(&line);
        Some(
            text.trim_end_matches('\n')
                .trim_end_matches('\r')
                .to_owned(),
        )
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(line) = self.take_line() {
                if !line.is_empty() {
                    self.lines.push(line);
                } else if !self.lines.is_empty() {
                    return Some(Event::of(std::mem::take(&mut self.lines)));
                }
            }
            match self.body.next(&mut self.connection) {
                Ok(Some(piece)) => self.pending.extend(piece),
                // An unfinished block is no event: a client would not see it either.
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

/// A stream that was read to its end.
#[derive(Debug)]
pub struct Transcript {
    /// The response's status.
    pub status: u16,
    /// The response's head.
    pub head: Response,
    /// All events.
    pub events: Vec<Event>,
    /// Whether the body ended as its framing promised.
    pub whole: bool,
    /// How long the body took.
    pub took: Duration,
}

impl Transcript {
    /// The text, all chunks together.
    pub fn content(&self) -> String {
        self.events.iter().map(Event::content).collect()
    }

    /// Whether `[DONE]` came.
    pub fn is_done(&self) -> bool {
        self.events
            .iter()
            .any(|event| event.data.as_deref() == Some("[DONE]"))
    }

    /// The error event's `error` object, if one came.
    pub fn error(&self) -> Option<Value> {
        self.events
            .iter()
            .find_map(|event| event.json().get("error").cloned())
    }

    /// The usage objects that are not `null`.
    pub fn usages(&self) -> Vec<Value> {
        let usage = |event: &Event| {
            event
                .json()
                .get("usage")
                .filter(|usage| !usage.is_null())
                .cloned()
        };
        self.events.iter().filter_map(usage).collect()
    }

    /// Every line of the stream.
    pub fn lines(&self) -> Vec<&str> {
        self.events
            .iter()
            .flat_map(|event| event.lines.iter().map(String::as_str))
            .collect()
    }
}
