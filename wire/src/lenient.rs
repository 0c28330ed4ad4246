//! Members of a provider's answer that may be null or oddly written where a text or a count should be, read without
//! giving up what stands beside them. For `#[serde(deserialize_with)]`.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Visitor};

use crate::usage::MAX_COUNT;

/// A text, borrowed where nothing in it is escaped; null is an empty one.
pub(crate) fn text<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Cow<'a, str>, D::Error> {
    deserializer.deserialize_any(Text)
}

/// A count of tokens: `12.0` is 12, null and less than nothing are 0, and no count is more than JSON keeps exact.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_any(Count)
}

struct Text;

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text or null")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }
}

struct Count;

impl Visitor<'_> for Count {
    type Value = u64;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a count or null")
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<u64, E> {
        Ok(count.min(MAX_COUNT))
    }

    fn visit_i64<E: Error>(self, count: i64) -> Result<u64, E> {
        Ok(u64::try_from(count).unwrap_or(0).min(MAX_COUNT))
    }

    fn visit_f64<E: Error>(self, count: f64) -> Result<u64, E> {
        // `as` saturates and takes negatives for zero, which is what is wanted.
        Ok((count as u64).min(MAX_COUNT))
    }

    fn visit_unit<E: Error>(self) -> Result<u64, E> {
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Both<'a> {
        #[serde(borrow, default, deserialize_with = "text")]
        text: Cow<'a, str>,
        #[serde(default, deserialize_with = "count")]
        count: u64,
    }

    fn read(json: &str) -> Both<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn plain_text_is_borrowed_and_null_is_empty() {
        assert!(matches!(
            read(r#"{"text":"plain"}"#).text,
            Cow::Borrowed("plain")
        ));
        assert_eq!(read(r#"{"text":"a\nb"}"#).text, "a\nb");
        assert_eq!(read(r#"{"text":null}"#).text, "");
        assert_eq!(read("{}").text, "");
    }

    #[test]
    fn odd_counts_are_still_counts() {
        for (written, expected) in [
            ("12", 12),
            ("12.0", 12),
            ("-3", 0),
            ("null", 0),
            ("1e300", MAX_COUNT),
        ] {
            assert_eq!(read(&format!(r#"{{"count":{written}}}"#)).count, expected);
        }
    }
}
