//! The quick way to read what nearly all chunks are: one piece of one answer's text or thoughts, and nothing else.
//!
//! A chunk that holds anything more is left to the parser of whole chunks. Both read the same from what both can read.

use std::borrow::Cow;

use crate::chat::details::Detail;
use crate::json::{skip_space, string_end};

/// A chunk that tells one piece.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plain<'a> {
    pub index: u32,
    pub text: Cow<'a, str>,
    pub is_thought: bool,
}

/// Reads a chunk. None if it is not so plain.
pub(super) fn read(data: &[u8]) -> Option<Plain<'_>> {
    let mut scan = Scan { data, at: 0 };
    let mut found = Found::default();
    scan.object(|scan, key| match key {
        b"choices" => scan.only_choice(&mut found),
        b"usage" | b"error" | b"x_groq" => scan.null(),
        _ => scan.skip_value(),
    })?;
    let is_all = skip_space(data, scan.at) == data.len();
    let (token, is_thought) = found.piece.filter(|_| is_all)?;
    if found.has_details && !is_thought {
        return None;
    }
    Some(Plain {
        index: found.index?,
        text: decode(token)?,
        is_thought,
    })
}

#[derive(Default)]
struct Found<'a> {
    index: Option<u32>,
    /// The string as it is written, with its quotes, and whether it is a thought.
    piece: Option<(&'a [u8], bool)>,
    /// Details of a thought, which say nothing that its text does not.
    has_details: bool,
}

fn decode(token: &[u8]) -> Option<Cow<'_, str>> {
    let inner = token.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_some() {
        return Some(Cow::Owned(serde_json::from_slice(token).ok()?));
    }
    // What JSON does not allow inside of a string is for the parser to refuse.
    let is_plain = inner.iter().all(|&byte| byte >= b' ');
    let text = std::str::from_utf8(inner).ok().filter(|_| is_plain)?;
    Some(Cow::Borrowed(text))
}

/// A way through JSON that gives up at whatever it does not expect.
struct Scan<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn peek(&mut self) -> Option<u8> {
        self.at = skip_space(self.data, self.at);
        self.data.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// A string, with its quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at;
        self.at = string_end(self.data, start);
        self.data.get(start..self.at)
    }

    /// Visits the members of an object. The visitor must pass each one's value.
    fn object(&mut self, mut visit: impl FnMut(&mut Self, &[u8]) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let token = self.string()?;
            let key = token.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
            if memchr::memchr(b'\\', key).is_some() {
                return None;
            }
            self.expect(b':')?;
            visit(self, key)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn only_choice(&mut self, found: &mut Found<'a>) -> Option<()> {
        self.expect(b'[')?;
        self.object(|scan, key| match key {
            b"index" => {
                let digit = scan.peek().filter(u8::is_ascii_digit)?;
                scan.at += 1;
                // Answers beyond the tenth are rare enough for the long way.
                let is_whole = matches!(scan.peek()?, b',' | b'}');
                found.index = (is_whole && found.index.is_none()).then(|| u32::from(digit - b'0'));
                found.index.map(|_| ())
            }
            b"delta" => scan.delta(found),
            b"finish_reason" | b"logprobs" | b"stop_reason" | b"message" | b"text" => scan.null(),
            _ => scan.skip_value(),
        })?;
        self.expect(b']')
    }

    fn delta(&mut self, found: &mut Found<'a>) -> Option<()> {
        self.object(|scan, key| {
            let is_thought = match key {
                b"content" => false,
                b"reasoning_content" | b"reasoning" => true,
                b"role" => return scan.skip_value(),
                b"reasoning_details" => return scan.details(found),
                _ => return scan.null(),
            };
            if scan.peek()? != b'"' {
                return scan.null();
            }
            let token = scan.string()?;
            if token.len() > 2 {
                let is_first = found.piece.replace((token, is_thought)).is_none();
                return is_first.then_some(());
            }
            Some(())
        })
    }

    /// OpenRouter's details of the thought beside them: only those without a proof are passed over.
    fn details(&mut self, found: &mut Found<'a>) -> Option<()> {
        if self.peek()? != b'[' {
            return self.null();
        }
        let start = self.at;
        self.skip_nested()?;
        let raw = std::str::from_utf8(self.data.get(start..self.at)?).ok()?;
        found.has_details = true;
        (!Detail::is_proof(raw)).then_some(())
    }

    fn null(&mut self) -> Option<()> {
        self.peek()?;
        let rest = self.data.get(self.at..)?;
        rest.starts_with(b"null").then(|| self.at += 4)
    }

    /// Passes a value of no interest.
    fn skip_value(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' | b'[' => self.skip_nested(),
            _ => {
                let rest = self.data.get(self.at..)?;
                let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']');
                self.at += rest.iter().position(is_end)?;
                Some(())
            }
        }
    }

    /// Passes a list or an object by counting brackets.
    fn skip_nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.data.get(self.at)? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::chunk::Chunk;
    use super::super::loose::Said;
    use super::*;

    fn plain(index: u32, text: &str, is_thought: bool) -> Option<Plain<'_>> {
        let text = Cow::Borrowed(text);
        Some(Plain {
            index,
            text,
            is_thought,
        })
    }

    #[test]
    fn pieces_of_text_are_read_as_servers_write_them() {
        let chunk = r#"{"id":"x","created":1,"model":"m","system_fingerprint":null,"choices":[{"index":0,"delta":
            {"role":"assistant","content":"Hi","refusal":null},"logprobs":null,"finish_reason":null,
            "content_filter_results":{"hate":{"filtered":false,"x":"}"}}}],"usage":null,"obfuscation":"aB"}"#;
        assert_eq!(read(chunk.as_bytes()), plain(0, "Hi", false));
        let thought =
            r#"{"choices":[{"delta":{"content":"","reasoning_content":"\u00e9\n"},"index":3}]}"#;
        assert_eq!(read(thought.as_bytes()), plain(3, "é\n", true));
        let detailed = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":"Hm","reasoning_details":
            [{"type":"reasoning.text","text":"Hm","format":"anthropic-claude-v1","index":0}]}}]}"#;
        assert_eq!(read(detailed.as_bytes()), plain(0, "Hm", true));
    }

    #[test]
    fn whatever_is_more_or_less_is_left_to_the_parser() {
        for chunk in [
            r#"{"choices":[]}"#,
            r#"{"choices":[{"index":0,"delta":{}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":""}}]}"#,
            r#"{"choices":[{"index":10,"delta":{"content":"x"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"x"}},{"index":1,"delta":{"content":"x"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"x"},"logprobs":{}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"x","tool_calls":[]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"x","reasoning":"y"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"reasoning":"x","reasoning_details":[{"signature":"s"}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"x","reasoning_details":[{"text":"y"}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"x"}}],"usage":{}}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"x"}}],"error":"y"}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"\ud800"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"x"}}]"#,
            r#"{"choices":[{"index":0,"delta":{"content":"x"}}]}{}"#,
            "[DONE]",
            "",
        ] {
            assert_eq!(read(chunk.as_bytes()), None, "{chunk}");
        }
    }

    fn any_member() -> impl Strategy<Value = (String, Value)> {
        const KEYS: [&str; 15] = [
            "content",
            "reasoning_content",
            "reasoning",
            "reasoning_details",
            "role",
            "refusal",
            "tool_calls",
            "index",
            "delta",
            "logprobs",
            "finish_reason",
            "message",
            "text",
            "images",
            "novelty",
        ];
        let value = prop_oneof![
            3 => Just(Value::Null),
            3 => prop::sample::select(vec!["", "a", "é\"\n", "}]"]).prop_map(Value::from),
            1 => (-1..12).prop_map(Value::from),
            1 => Just(json!([{"text": "x"}])),
            1 => Just(json!([{"type": "reasoning.text", "signature": "x"}])),
            1 => Just(json!({})),
        ];
        (
            prop::sample::select(&KEYS[..]).prop_map(str::to_owned),
            value,
        )
    }

    fn any_object() -> impl Strategy<Value = Value> {
        let members = prop::collection::vec(any_member(), 0..4);
        members.prop_map(|members| Value::Object(members.into_iter().collect()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_is_read_quickly_is_all_there_is(mut choice in any_object(), delta in any_object(), index in 0..3_u32) {
            choice["index"] = index.into();
            choice["delta"] = delta;
            let chunk = json!({"id": "x", "choices": [choice], "usage": null}).to_string();
            let Some(quick) = read(chunk.as_bytes()) else {
                return Ok(());
            };
            let chunk: Chunk<'_> = serde_json::from_str(&chunk).unwrap();
            let choice = chunk.choices.unwrap().pop().unwrap();
            prop_assert_eq!(choice.index.0, Some(quick.index));
            prop_assert!(choice.text.filled().is_none() && choice.finish_reason.filled().is_none());
            prop_assert!(choice.logprobs.is_none() && choice.message.is_none());
            let delta = choice.delta.unwrap();
            prop_assert!(delta.tool_calls.is_none() && delta.images.is_none() && delta.refusal.filled().is_none());
            let details = delta.reasoning_details.map(|it| it.get()).unwrap_or_default();
            prop_assert!(details.is_empty() || quick.is_thought && !Detail::is_proof(details));
            let thought = delta.reasoning_content.filled().or(delta.reasoning.filled());
            let said = match delta.content {
                Said::Text(text) if !text.is_empty() => Some(text),
                Said::Text(_) | Said::Nothing => None,
                Said::Parts(_) => panic!("a list is not plain"),
            };
            let (expected, other) = if quick.is_thought { (thought, said) } else { (said, thought) };
            prop_assert_eq!(expected, Some(quick.text));
            prop_assert_eq!(other, None);
        }
    }
}
