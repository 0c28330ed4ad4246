//! Copies JSON with its long strings cut short, as it arrives: images and sound come in strings of megabytes, and what the
//! gateway wants to know stands beside them.

use memchr::{memchr, memchr2, memchr3};

/// How much of a string is kept.
const STRING_BYTES: usize = 2 * 1024;
/// The room that an escape takes at most: `\u1234`.
const ESCAPE_BYTES: usize = 6;

/// The short copy of one JSON text, or of an event that holds one. What it makes of a valid text is a valid text.
#[derive(Debug)]
pub(crate) struct Shortener {
    kept: Vec<u8>,
    max_bytes: usize,
    is_overfull: bool,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Outside,
    /// In a string of which so many more bytes are kept.
    InString {
        room: usize,
    },
    /// After a backslash.
    Escaped {
        room: usize,
    },
    /// In a string of which enough is kept.
    Skipped,
    SkippedEscape,
}

impl Shortener {
    /// Keeps up to `max_bytes` in all.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            kept: Vec::new(),
            max_bytes,
            is_overfull: false,
            place: Place::Outside,
        }
    }

    /// Takes the next bytes of the text.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            let taken = match self.place {
                Place::Outside => self.pass_outside(rest),
                Place::InString { room } => self.pass_string(rest, room),
                Place::Escaped { room } => {
                    self.keep(&[first]);
                    self.place = Place::InString { room: room - 1 };
                    1
                }
                Place::Skipped => self.skip(rest),
                Place::SkippedEscape => {
                    self.place = Place::Skipped;
                    1
                }
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// The short copy, unless even that is too long.
    pub fn text(&self) -> Option<&[u8]> {
        (!self.is_overfull).then_some(&self.kept)
    }

    /// Whether nothing came yet.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty() && !self.is_overfull
    }

    /// Makes ready for another text.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.is_overfull = false;
        self.place = Place::Outside;
    }

    fn pass_outside(&mut self, bytes: &[u8]) -> usize {
        let taken = match memchr(b'"', bytes) {
            Some(found) => {
                self.place = Place::InString { room: STRING_BYTES };
                found + 1
            }
            None => bytes.len(),
        };
        self.keep(bytes.get(..taken).unwrap_or_default());
        taken
    }

    fn pass_string(&mut self, bytes: &[u8], room: usize) -> usize {
        // A line feed stands in no string: a quote that was none, in a comment of an event stream, is over.
        let found = memchr3(b'"', b'\\', b'\n', bytes).unwrap_or(bytes.len());
        let run = bytes.get(..found).unwrap_or_default();
        if let Some(&first_cut) = run.get(room) {
            self.keep(run.get(..room).unwrap_or_default());
            if is_continuation(first_cut) {
                self.drop_half_character();
            }
            self.skip_from_here();
            return room;
        }
        self.keep(run);
        let room = room - run.len();
        let Some(&end) = bytes.get(found) else {
            self.place = Place::InString { room };
            return found;
        };
        if end == b'\\' && room < ESCAPE_BYTES {
            self.skip_from_here();
            return found;
        }
        self.keep(&[end]);
        self.place = match end {
            b'\\' => Place::Escaped { room: room - 1 },
            _ => Place::Outside,
        };
        found + 1
    }

    fn skip(&mut self, bytes: &[u8]) -> usize {
        let Some(found) = memchr2(b'"', b'\\', bytes) else {
            return bytes.len();
        };
        if bytes.get(found) == Some(&b'"') {
            self.keep(b"\"");
            self.place = Place::Outside;
        } else {
            self.place = Place::SkippedEscape;
        }
        found + 1
    }

    /// Keeps no more of this string. The first escape of a character that takes two must not stand alone.
    fn skip_from_here(&mut self) {
        self.place = Place::Skipped;
        let Some((before, [b'\\', b'u', b'd' | b'D', second, _, _])) =
            self.kept.split_last_chunk::<ESCAPE_BYTES>()
        else {
            return;
        };
        let is_first_of_two = matches!(second, b'8' | b'9' | b'a' | b'b' | b'A' | b'B');
        let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\');
        let is_escape = backslashes.count() % 2 == 0;
        if is_first_of_two && is_escape {
            self.kept.truncate(before.len());
        }
    }

    /// Takes back the bytes of a character whose rest is not kept.
    fn drop_half_character(&mut self) {
        while let Some(last) = self.kept.pop() {
            if !is_continuation(last) {
                break;
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.kept.len() + bytes.len() > self.max_bytes {
            self.is_overfull = true;
            self.kept.clear();
        }
        if !self.is_overfull {
            self.kept.extend_from_slice(bytes);
        }
    }
}

/// Whether a byte of UTF-8 goes on with a character.
fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const MAX_BYTES: usize = 64 * 1024;

    fn shorten(text: &[u8], piece: usize) -> Vec<u8> {
        let mut shortener = Shortener::new(MAX_BYTES);
        for chunk in text.chunks(piece) {
            shortener.feed(chunk);
        }
        shortener.text().unwrap().to_vec()
    }

    #[test]
    fn what_stands_beside_a_picture_is_kept() {
        let picture = "A".repeat(3 << 20);
        let event = json!({"type": "image_generation.completed", "b64_json": picture, "usage": {"output_tokens": 4160}});
        let short = shorten(event.to_string().as_bytes(), 1400);
        let value: Value = serde_json::from_slice(&short).unwrap();
        assert_eq!(value["usage"], event["usage"]);
        assert_eq!(value["type"], event["type"]);
        assert_eq!(value["b64_json"].as_str().unwrap().len(), STRING_BYTES);
    }

    #[test]
    fn a_quote_in_a_comment_ends_with_its_line() {
        let event = b": it's 5\" wide\ndata: {\"a\":\"b\"}\n\n";
        assert_eq!(shorten(event, 1), event);
    }

    #[test]
    fn more_than_the_bound_is_not_kept() {
        let mut shortener = Shortener::new(10);
        shortener.feed(b"[1,2,3,4]");
        assert!(shortener.text().is_some());
        shortener.feed(b"  ");
        assert_eq!(shortener.text(), None);
        shortener.clear();
        assert!(shortener.is_empty());
    }

    proptest! {
        #[test]
        fn a_valid_text_stays_valid_and_the_same_in_any_chunks(
            lead in 0_usize..25,
            text in r#"([a\\"é€\n]|😀|\\ud83d){0,20}"#,
            is_ascii: bool,
            piece in 1_usize..40,
        ) {
            // Just before the cut, where escapes and characters of several bytes are in danger.
            let long = format!("{}{text}", "x".repeat(STRING_BYTES - lead));
            let mut json = json!({"long": long, "n": 7}).to_string();
            if is_ascii {
                json = json.chars().fold(String::new(), |mut ascii, c| {
                    if c.is_ascii() {
                        ascii.push(c);
                    } else {
                        let mut units = [0; 2];
                        for unit in c.encode_utf16(&mut units) {
                            ascii.push_str(&format!("\\u{unit:04x}"));
                        }
                    }
                    ascii
                });
            }
            let short = shorten(json.as_bytes(), piece);
            prop_assert_eq!(&short, &shorten(json.as_bytes(), json.len()));
            let value: Value = serde_json::from_slice(&short).unwrap();
            prop_assert_eq!(&value["n"], 7);
            let kept = value["long"].as_str().unwrap();
            prop_assert!(long.starts_with(kept), "{}", kept);
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1_usize..40) {
            let short = shorten(&bytes, piece);
            prop_assert!(short.len() <= bytes.len());
        }
    }
}
