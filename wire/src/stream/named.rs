//! Names for events that came without: Anthropic's SDK passes over every event that has none, and OpenAI names those of
//! Responses, too.

use std::borrow::Cow;

use crate::framing::Frame;
use crate::json;

/// Longer names are nobody's.
const MAX_NAME_BYTES: usize = 64;

/// An event as it came, behind the name that its data has for it if it came without one.
pub(super) fn named<'a>(frame: &Frame<'_>, raw: &'a [u8]) -> Cow<'a, [u8]> {
    let is_nameless = frame.name.is_empty() && raw.starts_with(b"data:");
    match is_nameless.then(|| kind(frame.data)).flatten() {
        Some(kind) => Cow::Owned([b"event: ", kind.as_bytes(), b"\n", raw].concat()),
        None => Cow::Borrowed(raw),
    }
}

fn kind(data: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(data).ok()?;
    let mut kind = None;
    let _no_object = json::members(text, |member| {
        if member.key == "type" {
            kind = json::string(member.value);
        }
    });
    let is_name = |it: &String| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        (1..=MAX_NAME_BYTES).contains(&it.len()) && it.bytes().all(is_plain)
    };
    kind.filter(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, data: &str, raw: &str) -> String {
        let data = data.as_bytes();
        String::from_utf8(named(&Frame { name, data }, raw.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn an_event_without_a_name_gets_the_one_in_its_data() {
        let data = r#"{"type":"message_stop"}"#;
        let raw = format!("data: {data}\r\n\r\n");
        assert_eq!(of("", data, &raw), format!("event: message_stop\n{raw}"));
        assert_eq!(of("message_stop", data, &raw), raw);
    }

    #[test]
    fn what_has_no_name_at_all_stays_as_it_is() {
        for data in ["[DONE]", "{}", r#"{"type":"a\nb"}"#, r#"{"type":1}"#] {
            let raw = format!("data: {data}\n\n");
            assert_eq!(of("", data, &raw), raw);
        }
    }
}
