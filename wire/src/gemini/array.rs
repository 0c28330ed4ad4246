//! A stream as Google writes it where nobody asks for `alt=sse`: one JSON array, an element for each event.
//!
//! Google's readers of it (`google.api_core`) want `[` as the very first byte, nothing behind `]`, and pass over white space.

use serde::de::IgnoredAny;

use super::KEEP_ALIVE;
use crate::framing::Framing;

/// Writes the events of a stream as the elements of an array.
#[derive(Debug, Default)]
pub struct JsonArray {
    is_open: bool,
    has_elements: bool,
}

impl JsonArray {
    /// The next elements: those of whole server-sent events. What is no JSON would make the whole array unreadable, and is
    /// left out.
    pub fn elements(&mut self, events: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(events.len());
        let mut framing = Framing::sse();
        let mut visit = |data: &[u8]| {
            if data.is_empty() || is_sign_of_life(data) {
                out.extend_from_slice(self.sign_of_life());
            } else if serde_json::from_slice::<IgnoredAny>(data).is_ok() {
                self.separate(&mut out);
                out.extend_from_slice(data);
            }
            true
        };
        // Only an event without an end can be too long, and there is none.
        if framing.feed(events, |frame, _| visit(frame.data)).is_ok() {
            framing.finish(|frame, _| visit(frame.data));
        }
        out
    }

    fn separate(&mut self, out: &mut Vec<u8>) {
        let is_first = !std::mem::replace(&mut self.has_elements, true);
        let is_open = std::mem::replace(&mut self.is_open, true);
        match (is_open, is_first) {
            (false, _) => out.push(b'['),
            (true, true) => {}
            (true, false) => out.extend_from_slice(b",\r\n"),
        }
    }

    /// What breaks silence: white space, once the array is open.
    pub fn sign_of_life(&mut self) -> &'static [u8] {
        match std::mem::replace(&mut self.is_open, true) {
            true => b"\r\n",
            false => b"[",
        }
    }

    /// What ends the array.
    pub fn end(&mut self) -> &'static [u8] {
        match std::mem::replace(&mut self.is_open, true) {
            true => b"]",
            false => b"[]",
        }
    }
}

/// Whether the data of an event is that of [`KEEP_ALIVE`].
fn is_sign_of_life(data: &[u8]) -> bool {
    let whole = KEEP_ALIVE.strip_prefix(b"data: ");
    whole.is_some_and(|whole| whole.trim_ascii_end() == data)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn events_are_elements_and_silence_is_white_space() {
        let mut array = JsonArray::default();
        let mut written = array.sign_of_life().to_vec();
        written.extend(
            array.elements(b"data: {\"a\":1}\r\n\r\n: comment\n\ndata:{\"b\":\ndata:2}\n\n"),
        );
        written.extend(array.elements(KEEP_ALIVE));
        written.extend(array.elements(b"data: no json\n\n"));
        written.extend(array.elements(b"data: {\"c\":[]}\n\n"));
        written.extend_from_slice(array.end());
        let text = String::from_utf8(written).unwrap();
        assert_eq!(text, "[{\"a\":1}\r\n,\r\n{\"b\":\n2}\r\n,\r\n{\"c\":[]}]");
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, json!([{"a": 1}, {"b": 2}, {"c": []}]));
    }

    #[test]
    fn an_array_is_whole_without_elements_and_without_silence() {
        assert_eq!(JsonArray::default().end(), b"[]");
        let mut silent = JsonArray::default();
        assert_eq!(
            (silent.sign_of_life(), silent.end()),
            (&b"["[..], &b"]"[..])
        );
        let mut one = JsonArray::default();
        assert_eq!(one.elements(b"data: {}\n\n"), b"[{}");
        assert_eq!(one.end(), b"]");
    }
}
