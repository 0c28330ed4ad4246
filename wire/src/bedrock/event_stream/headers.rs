//! The headers of a message: each a name, a type and a value.

use serde_json::json;

/// A value that is text.
const TEXT: u8 = 7;

/// Those that say what a message is; empty where they are missing.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Headers<'a> {
    /// `event`, `exception` or `error`.
    pub message_type: &'a str,
    pub event_type: &'a str,
    pub exception_type: &'a str,
    pub error_code: &'a str,
    pub error_message: &'a str,
}

impl<'a> Headers<'a> {
    /// Reads them; none if they are not what the framing says.
    pub fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let mut headers = Self::default();
        while let Some((name_length, rest)) = bytes.split_first() {
            let (name, rest) = rest.split_at_checked(usize::from(*name_length))?;
            let (kind, rest) = rest.split_first()?;
            let (value, rest) = value(*kind, rest)?;
            bytes = rest;
            if *kind != TEXT {
                continue;
            }
            let field = match name {
                b":message-type" => &mut headers.message_type,
                b":event-type" => &mut headers.event_type,
                b":exception-type" => &mut headers.exception_type,
                b":error-code" => &mut headers.error_code,
                b":error-message" => &mut headers.error_message,
                _ => continue,
            };
            *field = std::str::from_utf8(value).ok()?;
        }
        Some(headers)
    }

    /// What an error says, in the shape in which an exception says it.
    pub fn error_payload(&self) -> Vec<u8> {
        json!({ "message": self.error_message })
            .to_string()
            .into_bytes()
    }
}

/// The bytes of a value, and what follows them; none for a type that is unknown, because its length is, too.
fn value(kind: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = match kind {
        // True and false say it all by their type.
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        // A long, and a time in milliseconds.
        5 | 8 => 8,
        6 | TEXT => {
            let (length, rest) = bytes.split_first_chunk::<2>()?;
            return rest.split_at_checked(usize::from(u16::from_be_bytes(*length)));
        }
        // A UUID.
        9 => 16,
        _ => return None,
    };
    bytes.split_at_checked(length)
}

/// Writes a header whose value is text. A name has at most 255 bytes, a value 65 535; more is cut off.
pub(super) fn write_text(name: &str, text: &str, out: &mut Vec<u8>) {
    let name_length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.push(name_length);
    out.extend(name.bytes().take(usize::from(name_length)));
    out.push(TEXT);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend(text.bytes().take(usize::from(length)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_type_are_stepped_over() {
        let mut bytes = Vec::new();
        let lengths: [(u8, usize); 8] = [
            (0, 0),
            (1, 0),
            (2, 1),
            (3, 2),
            (4, 4),
            (5, 8),
            (8, 8),
            (9, 16),
        ];
        for (kind, length) in lengths {
            bytes.extend_from_slice(&[1, b'x', kind]);
            bytes.extend(std::iter::repeat_n(0xff, length));
        }
        bytes.extend_from_slice(&[1, b'b', 6, 0, 3, 1, 2, 3]);
        write_text(":event-type", "messageStart", &mut bytes);
        write_text(":message-type", "event", &mut bytes);
        let headers = Headers::read(&bytes).unwrap();
        assert_eq!(
            (headers.message_type, headers.event_type),
            ("event", "messageStart")
        );
        for cut in 1..bytes.len() {
            // A cut may fall between two headers; it must never panic.
            let _whole_or_none = Headers::read(&bytes[..cut]);
        }
        assert_eq!(Headers::read(&[1, b'x', 10]), None);
        assert_eq!(Headers::read(&[9, b'x']), None);
    }
}
