//! One flat pass over an answer's JSON: strings are skipped, brackets counted, a few keys looked at. It is much cheaper
//! than parsing, so it can look at every event of a stream and say which ones are worth a parse. It believes that it
//! reads JSON; on anything else it finds nothing, or something harmless.

use std::ops::Range;

use crate::json::{skip_space, string_end};

/// What a flat pass found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Skim {
    /// Bytes of produced text, thoughts and tool arguments, as they are written in JSON.
    pub output_bytes: u64,
    /// There is a usage, an error or a finish reason, each not null, so the text must be parsed.
    pub must_parse: bool,
    /// Where a `"usage":null` of the outermost object is, key and value.
    pub null_usage: Option<Range<usize>>,
}

/// Looks over an object, or over a value in it.
pub(crate) fn skim(json: &[u8]) -> Skim {
    let mut skimmer = Skimmer {
        json,
        depth: 0,
        ignored_depth: None,
        found: Skim::default(),
    };
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        at = match byte {
            b'"' => skimmer.pass_string(at),
            b'{' | b'[' => {
                skimmer.depth += 1;
                at + 1
            }
            b'}' | b']' => {
                skimmer.close();
                at + 1
            }
            _ => at + 1,
        };
    }
    skimmer.found
}

struct Skimmer<'a> {
    json: &'a [u8],
    depth: usize,
    /// Set while inside a value that repeats what is counted elsewhere: the depth of its key.
    ignored_depth: Option<usize>,
    found: Skim,
}

impl Skimmer<'_> {
    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.ignored_depth.is_some_and(|depth| self.depth <= depth) {
            self.ignored_depth = None;
        }
    }

    /// Passes the string at `quote_at` and, if it is a key, looks at its value. Returns where to go on.
    fn pass_string(&mut self, quote_at: usize) -> usize {
        let end = string_end(self.json, quote_at);
        let colon_at = skip_space(self.json, end);
        if self.json.get(colon_at) != Some(&b':') {
            return end;
        }
        let value_at = skip_space(self.json, colon_at + 1);
        let key = self.json.get(quote_at + 1..end - 1).unwrap_or_default();
        match key {
            b"content" | b"reasoning_content" | b"reasoning" | b"refusal" | b"arguments"
            | b"text" => return self.pass_output(value_at),
            b"usage" => self.note_usage(quote_at, value_at),
            b"error" => self.found.must_parse |= self.depth == 1 && !self.is_null(value_at),
            b"finish_reason" => self.found.must_parse |= self.is_filled_string(value_at),
            // OpenRouter repeats the thoughts in details, and quotes pages it cites in annotations.
            b"reasoning_details" | b"annotations" if self.ignored_depth.is_none() => {
                self.ignored_depth = self.opens(value_at).then_some(self.depth);
            }
            _ => {}
        }
        value_at
    }

    /// Counts a produced string and passes it. Other values are passed like any.
    fn pass_output(&mut self, value_at: usize) -> usize {
        if self.json.get(value_at) != Some(&b'"') {
            return value_at;
        }
        let end = string_end(self.json, value_at);
        if self.ignored_depth.is_none() {
            self.found.output_bytes += (end - value_at).saturating_sub(2) as u64;
        }
        end
    }

    fn note_usage(&mut self, key_at: usize, value_at: usize) {
        if !self.is_null(value_at) {
            self.found.must_parse = true;
        } else if self.depth == 1 {
            self.found.null_usage = Some(key_at..value_at + b"null".len());
        }
    }

    fn is_null(&self, value_at: usize) -> bool {
        self.rest(value_at).starts_with(b"null")
    }

    fn is_filled_string(&self, value_at: usize) -> bool {
        matches!(self.rest(value_at), [b'"', next, ..] if *next != b'"')
    }

    fn opens(&self, value_at: usize) -> bool {
        matches!(self.json.get(value_at), Some(b'{' | b'['))
    }

    fn rest(&self, at: usize) -> &[u8] {
        self.json.get(at..).unwrap_or_default()
    }
}

/// Widens the range of a member by the one comma that goes with it, so that what is left is still an object.
pub(crate) fn with_comma(json: &[u8], member: Range<usize>) -> Range<usize> {
    let after = skip_space(json, member.end);
    if json.get(after) == Some(&b',') {
        return member.start..skip_space(json, after + 1);
    }
    let before = json
        .get(..member.start)
        .unwrap_or_default()
        .trim_ascii_end();
    if before.ends_with(b",") {
        return before.len() - 1..member.end;
    }
    member
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn without_null_usage(json: &str) -> String {
        let Some(member) = skim(json.as_bytes()).null_usage else {
            return json.to_owned();
        };
        let cut = with_comma(json.as_bytes(), member);
        format!("{}{}", &json[..cut.start], &json[cut.end..])
    }

    #[test]
    fn a_null_usage_goes_with_one_comma() {
        let cases = [
            (r#"{"a":1,"usage":null}"#, r#"{"a":1}"#),
            (r#"{"usage":null,"a":1}"#, r#"{"a":1}"#),
            (r#"{"a":1, "usage" : null , "b":2}"#, r#"{"a":1, "b":2}"#),
            (r#"{"a":1 , "usage": null }"#, r#"{"a":1  }"#),
            (r#"{"usage":null}"#, r#"{}"#),
        ];
        for (json, left) in cases {
            assert_eq!(without_null_usage(json), left);
        }
    }

    #[test]
    fn a_usage_anywhere_else_stays() {
        for json in [
            r#"{"a":{"usage":null}}"#,
            r#"{"a":"\"usage\":null"}"#,
            r#"{"a":"usage"}"#,
            r#"{"a\"usage":null}"#,
            r#"[{"usage":null}]"#,
        ] {
            assert_eq!(without_null_usage(json), json);
        }
    }

    #[test]
    fn only_what_says_something_is_worth_a_parse() {
        for json in [
            r#"{"usage":{}}"#,
            r#"{"x_groq":{"usage":{}}}"#,
            r#"{"error": "x"}"#,
            r#"{"choices":[{"finish_reason":"stop"}]}"#,
        ] {
            assert!(skim(json.as_bytes()).must_parse, "{json}");
        }
        for json in [
            r#"{"usage": null,"error":null,"choices":[{"finish_reason":null}]}"#,
            r#"{"choices":[{"delta":{"content":"{\"error\":1}"},"finish_reason":""}]}"#,
            r#"{"choices":[{"delta":{"error":"not ours"}}]}"#,
        ] {
            assert!(!skim(json.as_bytes()).must_parse, "{json}");
        }
    }

    #[test]
    fn produced_bytes_are_counted_once() {
        let cases = [
            (
                r#"{"choices":[{"delta":{"role":"assistant","content":"Hello"}}]}"#,
                5,
            ),
            (r#"{"choices":[{"text":"Hi"},{"text":" you"}]}"#, 6),
            (
                r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}}]}"#,
                2,
            ),
            (
                r#"{"choices":[{"delta":{"reasoning":"ab","reasoning_details":[{"text":"ab"}],"content":"c"}}]}"#,
                3,
            ),
            (
                r#"{"choices":[{"delta":{"reasoning_details":null,"content":"abc"}}]}"#,
                3,
            ),
            (
                r#"{"choices":[{"message":{"content":[{"type":"text","text":"abcd"}]}}]}"#,
                4,
            ),
            (r#"{"choices":[{"delta":{"content":null}}]}"#, 0),
            (r#"{"choices":[{"delta":{"content":"#, 0),
        ];
        for (json, bytes) in cases {
            assert_eq!(skim(json.as_bytes()).output_bytes, bytes, "{json}");
        }
    }

    fn arbitrary_object() -> impl Strategy<Value = Map<String, Value>> {
        let leaf = prop_oneof![
            3 => Just(Value::Null),
            1 => any::<i32>().prop_map(Value::from),
            2 => r#"[\\"usage:,{}]{0,9}"#.prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                members(inner).prop_map(Value::from),
            ]
        });
        members(value)
    }

    fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
        let key = prop_oneof![
            Just("usage".to_owned()),
            Just("error".to_owned()),
            r#"[\\"a]{0,3}"#
        ];
        prop::collection::btree_map(key, value, 0..4).prop_map(|map| map.into_iter().collect())
    }

    fn has_usage(value: &Value) -> bool {
        match value {
            Value::Array(elements) => elements.iter().any(has_usage),
            Value::Object(members) => members
                .iter()
                .any(|(key, value)| (key == "usage" && !value.is_null()) || has_usage(value)),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_skim_sees_what_a_parser_sees(mut object in arbitrary_object(), is_pretty: bool) {
            let value = Value::Object(object.clone());
            let json = if is_pretty { format!("{value:#}") } else { value.to_string() };
            let has_error = object.get("error").is_some_and(|error| !error.is_null());
            prop_assert_eq!(skim(json.as_bytes()).must_parse, has_error || has_usage(&value));

            if object.get("usage") == Some(&Value::Null) {
                object.remove("usage");
            }
            let left: Value = serde_json::from_str(&without_null_usage(&json)).unwrap();
            prop_assert_eq!(left, Value::Object(object));
        }
    }
}
