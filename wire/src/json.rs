//! Looking into JSON without building trees: shallow passes that lend slices of the text.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr2;
use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// One member of an object, borrowed from its text.
pub(crate) struct Member<'a> {
    pub key: Cow<'a, str>,
    /// The key as it is written, with its quotes.
    pub key_token: &'a str,
    /// The value as it is written, without space around it.
    pub value: &'a str,
}

/// Visits the members of the one object that `text` must be. The whole text is validated, however deep it is, without
/// recursion: serde_json skips over raw values with a stack of its own.
pub(crate) fn members<'a>(
    text: &'a str,
    visit: impl FnMut(Member<'a>),
) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_map(EachMember(visit))?;
    deserializer.end()
}

struct EachMember<F>(F);

impl<'a, F: FnMut(Member<'a>)> Visitor<'a> for EachMember<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<&'a RawValue>()? {
            let key_token = key.get();
            (self.0)(Member {
                key: unquote(key_token),
                key_token,
                value: map.next_value::<&'a RawValue>()?.get(),
            });
        }
        Ok(())
    }
}

/// The text of a string token. One that cannot be decoded (a lone surrogate) stays as it is written, with its quotes:
/// then it equals no key that anyone looks for.
pub(crate) fn unquote(token: &str) -> Cow<'_, str> {
    let inner = token
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
        _ => serde_json::from_str(token).map_or(Cow::Borrowed(token), Cow::Owned),
    }
}

/// Whether a key would be taken for `name` by servers that do not tell capitals, as Go's do not: it folds letters as
/// Unicode does, two of which lie outside of ASCII.
pub(crate) fn is_like(key: &str, name: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17F}' => 's',
        '\u{212A}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(name.chars().map(fold))
}

/// The elements of an array; none if `value` is anything else.
pub(crate) fn elements(value: &str) -> Vec<&str> {
    serde_json::from_str::<Vec<&RawValue>>(value)
        .map(|raw| raw.into_iter().map(RawValue::get).collect())
        .unwrap_or_default()
}

/// The decoded text, if `value` is a string.
pub(crate) fn string(value: &str) -> Option<String> {
    serde_json::from_str(value).ok()
}

/// Whether `value` says something: it is not null, and not an empty string, array or object.
pub(crate) fn is_filled(value: &str) -> bool {
    match value.as_bytes() {
        b"null" | b"\"\"" => false,
        [b'[' | b'{', inside @ .., b']' | b'}'] => !inside.trim_ascii().is_empty(),
        _ => true,
    }
}

/// The index just after the string whose opening quote is at `quote_at`, or the end of the text if it is not closed.
pub(crate) fn string_end(json: &[u8], quote_at: usize) -> usize {
    let mut at = quote_at + 1;
    while let Some(rest) = json.get(at..) {
        let Some(found) = memchr2(b'"', b'\\', rest) else {
            break;
        };
        if rest.get(found) == Some(&b'"') {
            return at + found + 1;
        }
        at += found + 2;
    }
    json.len()
}

/// The index of the first byte at or after `at` that is not white space.
pub(crate) fn skip_space(json: &[u8], mut at: usize) -> usize {
    while matches!(json.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// Whether brackets nest deeper than `max`. Strings are skipped; the text need not be valid.
pub(crate) fn is_deeper_than(json: &[u8], max: usize) -> bool {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => {
                at = string_end(json, at);
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > max {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_and_values_lent() {
        let mut seen = Vec::new();
        members(r#" {"a" : [1, 2] ,"b\u0063":"x","\ud800":{}} "#, |member| {
            seen.push((member.key.into_owned(), member.value));
        })
        .unwrap();
        let seen: Vec<_> = seen.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        assert_eq!(
            seen,
            [("a", "[1, 2]"), ("bc", "\"x\""), ("\"\\ud800\"", "{}")]
        );
    }

    #[test]
    fn what_is_not_one_object_is_an_error() {
        for text in ["", "[]", "null", "{", "{}{}", "{\"a\":}", "{a:1}"] {
            assert!(members(text, |_| {}).is_err(), "{text}");
        }
    }

    #[test]
    fn capitals_make_no_other_key() {
        for key in ["stop_k", "Stop_K", "\u{17F}top_\u{212A}"] {
            assert!(is_like(key, "stop_k"), "{key}");
        }
        assert!(!is_like("stop_kk", "stop_k") && !is_like("stopk", "stop_k"));
    }

    #[test]
    fn emptiness_ignores_space() {
        for value in ["null", "\"\"", "[]", "[ \n]", "{}", "{ }"] {
            assert!(!is_filled(value), "{value}");
        }
        for value in ["0", "false", "\" \"", "[0]", "{\"a\":1}"] {
            assert!(is_filled(value), "{value}");
        }
    }

    #[test]
    fn strings_end_at_their_own_quote() {
        assert_eq!(string_end(br#""a\"b" c"#, 0), 6);
        assert_eq!(string_end(br#""a\\" c"#, 0), 5);
        assert_eq!(string_end(br#""open"#, 0), 5);
        assert_eq!(string_end(br#""open\"#, 0), 6);
    }

    #[test]
    fn depth_counts_brackets_outside_of_strings() {
        assert!(!is_deeper_than(br#"{"a":"[[[["}"#, 1));
        assert!(!is_deeper_than(b"[[],[],[]]", 2));
        assert!(is_deeper_than(b"[[[]]]", 2));
    }
}
