//! Server-sent events as bytes: where an event ends and what its lines are.
//!
//! The format is WHATWG's (HTML standard, section 9.2.6): lines end with LF, CRLF or a lone CR; a blank line ends an
//! event; a line is a comment, or a field with or without one space after its colon.

use std::borrow::Cow;

use memchr::memchr2;

/// Finds where events end, over any chunking of their bytes. It remembers where in a line it stopped, never the bytes,
/// so every byte is looked at once.
#[derive(Debug, Default)]
pub(crate) struct EventEnds {
    position: Position,
}

#[derive(Clone, Copy, Debug, Default)]
enum Position {
    #[default]
    LineStart,
    InLine,
    /// After a CR, which ended a line; a LF that follows belongs to it.
    AfterCr {
        line_was_blank: bool,
    },
}

impl EventEnds {
    /// Looks on from `at` in `chunk`, which continues what was looked at before. Returns the index just after the next
    /// event, its blank line included; none if it ends in a later chunk.
    ///
    /// A blank line that ends with CR is known to be whole only when the next byte has come.
    pub fn next(&mut self, chunk: &[u8], mut at: usize) -> Option<usize> {
        loop {
            let rest = chunk.get(at..).unwrap_or_default();
            let &first = rest.first()?;
            if let Position::AfterCr { line_was_blank } = self.position {
                self.position = Position::LineStart;
                at += usize::from(first == b'\n');
                if line_was_blank {
                    return Some(at);
                }
                continue;
            }
            let Some(length) = memchr2(b'\n', b'\r', rest) else {
                self.position = Position::InLine;
                return None;
            };
            let line_was_blank = length == 0 && matches!(self.position, Position::LineStart);
            at += length + 1;
            if rest.get(length) == Some(&b'\r') {
                self.position = Position::AfterCr { line_was_blank };
                continue;
            }
            self.position = Position::LineStart;
            if line_was_blank {
                return Some(at);
            }
        }
    }

    /// Whether all that was looked at ends with a whole event, so that nothing needs to follow.
    pub fn is_after_event(&self) -> bool {
        matches!(
            self.position,
            Position::AfterCr {
                line_was_blank: true
            }
        )
    }
}

/// One line of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The line with its end.
    pub whole: &'a [u8],
    /// What ends it: nothing if the upstream broke off.
    pub end: &'a [u8],
    pub kind: LineKind<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineKind<'a> {
    Blank,
    /// The text after the colon.
    Comment(&'a [u8]),
    Data(&'a [u8]),
    Event(&'a [u8]),
    Id,
    Retry,
    /// A field that the standard tells to ignore, or no field at all.
    Unknown(&'a [u8]),
}

/// The lines of an event, in order.
pub(crate) fn lines(event: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut rest = event;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (text, after) = rest.split_at_checked(length)?;
        let end_length = match after {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        let (whole, remaining) = rest.split_at_checked(length + end_length)?;
        rest = remaining;
        Some(Line {
            whole,
            end: after.get(..end_length)?,
            kind: kind(text),
        })
    })
}

fn kind(line: &[u8]) -> LineKind<'_> {
    let colon = memchr::memchr(b':', line).unwrap_or(line.len());
    let name = line.get(..colon).unwrap_or_default();
    let value = line.get(colon + 1..).unwrap_or_default();
    let trimmed = value.strip_prefix(b" ").unwrap_or(value);
    match name {
        b"" if line.is_empty() => LineKind::Blank,
        b"" => LineKind::Comment(value),
        b"data" => LineKind::Data(trimmed),
        b"event" => LineKind::Event(trimmed),
        b"id" => LineKind::Id,
        b"retry" => LineKind::Retry,
        _ => LineKind::Unknown(line),
    }
}

/// The data of an event that has one `data:` line and no other: nearly all of them.
pub(crate) fn only_data(event: &[u8]) -> Option<&[u8]> {
    let value = event.strip_prefix(b"data:")?;
    let value = value.strip_prefix(b" ").unwrap_or(value);
    let length = memchr2(b'\n', b'\r', value)?;
    let (data, ends) = value.split_at_checked(length)?;
    matches!(ends, b"\n\n" | b"\r\n\r\n" | b"\r\r").then_some(data)
}

/// The name and the data of an event that has one `event:` line, one `data:` line after it, and no other.
pub(crate) fn named_data(event: &[u8]) -> Option<(&[u8], &[u8])> {
    let value = event.strip_prefix(b"event:")?;
    let value = value.strip_prefix(b" ").unwrap_or(value);
    let length = memchr2(b'\n', b'\r', value)?;
    let (name, rest) = value.split_at_checked(length)?;
    let rest = match rest {
        [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
        [] => return None,
    };
    Some((name, only_data(rest)?))
}

/// The data of an event: its data lines joined by LF. None if it has no data line.
pub(crate) fn data(event: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut joined: Option<Cow<'_, [u8]>> = None;
    for line in lines(event) {
        if let LineKind::Data(text) = line.kind {
            match &mut joined {
                None => joined = Some(Cow::Borrowed(text)),
                Some(data) => {
                    let data = data.to_mut();
                    data.push(b'\n');
                    data.extend_from_slice(text);
                }
            }
        }
    }
    joined
}

/// The JSON text that an upstream wrote into the stream without wrapping it into an event: from the first such line to
/// the end of the event.
pub(crate) fn bare_json(event: &[u8]) -> Option<&[u8]> {
    let mut before = 0;
    for line in lines(event) {
        if let LineKind::Unknown(text) = line.kind
            && looks_like_json(text)
        {
            return event.get(before..).map(<[u8]>::trim_ascii);
        }
        before += line.whole.len();
    }
    None
}

fn looks_like_json(line: &[u8]) -> bool {
    match line.trim_ascii_start() {
        [b'{', ..] => true,
        // `[DONE]` without `data:` is no JSON.
        [b'[', after @ ..] => matches!(after.trim_ascii_start(), [] | [b'{' | b'[' | b'"', ..]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(stream: &[u8], chunk_length: usize) -> Vec<usize> {
        let mut ends = EventEnds::default();
        let mut found = Vec::new();
        for (number, chunk) in stream.chunks(chunk_length).enumerate() {
            let mut at = 0;
            while let Some(end) = ends.next(chunk, at) {
                found.push(number * chunk_length + end);
                at = end;
            }
        }
        found
    }

    #[test]
    fn events_end_at_blank_lines_however_they_are_cut() {
        let cases: [(&[u8], &[usize]); 6] = [
            (b"data: a\n\ndata: b\n\n", &[9, 18]),
            (b"data: a\r\n\r\ndata: b\r\n\r\nx", &[11, 22]),
            (b"data: a\r\rdata: b\r\rx", &[9, 18]),
            (b"\n\n: c\n\n", &[1, 2, 7]),
            (b"data: a\ndata: b\r\n\nx", &[18]),
            (b"data: a\n", &[]),
        ];
        for (stream, expected) in cases {
            for chunk_length in 1..=stream.len() {
                assert_eq!(split(stream, chunk_length), expected, "{chunk_length}");
            }
        }
    }

    #[test]
    fn lines_are_told_apart_by_their_field() {
        let event = b"data:x\r\ndata:  y\rdata\n: c\nid: 1\nretry\nevent: e\nidx: 1\n\n";
        let kinds: Vec<_> = lines(event).map(|line| line.kind).collect();
        assert_eq!(
            kinds,
            [
                LineKind::Data(b"x"),
                LineKind::Data(b" y"),
                LineKind::Data(b""),
                LineKind::Comment(b" c"),
                LineKind::Id,
                LineKind::Retry,
                LineKind::Event(b"e"),
                LineKind::Unknown(b"idx: 1"),
                LineKind::Blank,
            ]
        );
        let whole: Vec<u8> = lines(event).flat_map(|line| line.whole.to_vec()).collect();
        assert_eq!(whole, event);
        assert_eq!(data(event).as_deref(), Some(b"x\n y\n".as_slice()));
    }

    #[test]
    fn json_outside_of_a_field_is_found_whole() {
        assert_eq!(
            bare_json(b"event: x\n{\r\n \"error\": 1\r\n}\n\n"),
            Some(b"{\r\n \"error\": 1\r\n}".as_slice())
        );
        assert!(bare_json(b"[{\"error\": 1}]\n\n").is_some());
        assert_eq!(bare_json(b"[DONE]\n\n"), None);
        assert_eq!(bare_json(b"data: {}\n\n"), None);
        assert_eq!(bare_json(b"oops\n\n"), None);
    }

    #[test]
    fn a_name_and_its_data_are_found_at_once() {
        for end in ["\n", "\r\n", "\r"] {
            let event = format!("event: ping{end}data: {{}}{end}{end}");
            let found = named_data(event.as_bytes());
            assert_eq!(found, Some((&b"ping"[..], &b"{}"[..])), "{event:?}");
        }
        for event in [
            "data: {}\n\n",
            "event: a\n\n",
            "event: a\ndata: 1\ndata: 2\n\n",
            "event: a\n: note\ndata: 1\n\n",
            "event: a",
        ] {
            assert_eq!(named_data(event.as_bytes()), None, "{event:?}");
        }
    }
}
