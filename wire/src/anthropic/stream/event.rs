//! The events of a stream, as far as they are looked at. Text is borrowed where nothing in it is escaped.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::json::string_end;

/// A delta that is one text and nothing else: nearly every event there is.
#[derive(Debug, PartialEq)]
pub(super) enum TextDelta<'a> {
    Text(Cow<'a, str>),
    Thinking(Cow<'a, str>),
    Input(u32, Cow<'a, str>),
}

impl<'a> TextDelta<'a> {
    /// Reads one that is written as Anthropic writes them, to the byte. None for any other, which may be one all the
    /// same. It costs a fraction of what a parser does.
    pub fn read(data: &'a [u8]) -> Option<Self> {
        let rest = data.strip_prefix(br#"{"type":"content_block_delta","index":"#)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (index, rest) = rest.split_at_checked(digits)?;
        let rest = rest.strip_prefix(br#","delta":{"type":"#)?;
        let kinds: [&[u8]; 3] = [
            br#""text_delta","text":"#,
            br#""thinking_delta","thinking":"#,
            br#""input_json_delta","partial_json":"#,
        ];
        let mut kinds = (0..).zip(kinds);
        let (kind, rest) = kinds.find_map(|(at, kind)| Some((at, rest.strip_prefix(kind)?)))?;
        if rest.first() != Some(&b'"') {
            return None;
        }
        let (token, end) = rest.split_at_checked(string_end(rest, 0))?;
        // Some events are padded, so that their lengths give nothing away.
        let end = end.trim_ascii_start().strip_prefix(b"}")?;
        if end.trim_ascii() != b"}" {
            return None;
        }
        let Text(text) = serde_json::from_slice(token).ok()?;
        Some(match kind {
            0 => Self::Text(text),
            1 => Self::Thinking(text),
            _ => Self::Input(std::str::from_utf8(index).ok()?.parse().ok()?, text),
        })
    }
}

#[derive(Deserialize)]
pub(super) struct StreamEvent<'a> {
    #[serde(borrow, default, rename = "type")]
    pub kind: Text<'a>,
    #[serde(default)]
    pub index: u32,
    #[serde(borrow)]
    pub delta: Option<Delta<'a>>,
    #[serde(borrow)]
    pub content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    pub message: Option<&'a RawValue>,
    #[serde(borrow)]
    pub usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
}

/// The `delta` of `content_block_delta` and of `message_delta`.
#[derive(Deserialize)]
pub(super) struct Delta<'a> {
    #[serde(borrow, default, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow, default)]
    pub text: Text<'a>,
    #[serde(borrow, default)]
    pub thinking: Text<'a>,
    #[serde(borrow, default)]
    pub partial_json: Text<'a>,
    #[serde(borrow, default)]
    pub signature: Text<'a>,
    #[serde(borrow)]
    pub citation: Option<&'a RawValue>,
    pub stop_reason: Option<String>,
    pub stop_sequence: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub model: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub usage: Option<&'a RawValue>,
}

/// A `content_block`. Anthropic's begin empty; others send whole ones.
#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(borrow, default, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow, default)]
    pub id: Text<'a>,
    #[serde(borrow, default)]
    pub name: Text<'a>,
    #[serde(borrow, default)]
    pub text: Text<'a>,
    #[serde(borrow, default)]
    pub thinking: Text<'a>,
    #[serde(borrow, default)]
    pub signature: Text<'a>,
    #[serde(borrow, default)]
    pub data: Text<'a>,
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
}

/// Text; null is as good as none.
#[derive(Default)]
pub(super) struct Text<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string or null")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Text::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &str) -> Option<TextDelta<'_>> {
        TextDelta::read(data.as_bytes())
    }

    #[test]
    fn a_delta_as_anthropic_writes_it_is_read_at_once() {
        let plain = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"} }"#;
        let Some(TextDelta::Text(Cow::Borrowed(text))) = read(plain) else {
            panic!("not borrowed")
        };
        assert_eq!(text, "Hi");
        let escaped = r#"{"type":"content_block_delta","index":2,"delta":{"type":"thinking_delta","thinking":"\"\u00fc\n"}           }"#;
        assert_eq!(read(escaped), Some(TextDelta::Thinking("\"ü\n".into())));
        let input = r#"{"type":"content_block_delta","index":12,"delta":{"type":"input_json_delta","partial_json":"{\"a"}}"#;
        assert_eq!(read(input), Some(TextDelta::Input(12, "{\"a".into())));
    }

    #[test]
    fn any_other_is_left_to_the_parser() {
        for data in [
            "",
            r#"{"type":"ping"}"#,
            r#"{"index":0,"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":null}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi","x":1}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"},"x":1}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\x"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"S"}}"#,
        ] {
            assert_eq!(read(data), None, "{data}");
        }
    }
}
