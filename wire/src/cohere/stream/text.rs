//! Text that is lent from the event it stands in, and empty where it is null.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// Serde lends a `Cow`, but copies one that may be null; this lends both.
#[derive(Debug, Default)]
pub(super) struct Text<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lend;

        impl<'de> Visitor<'de> for Lend {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text or null")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Text::default())
            }
        }

        deserializer.deserialize_any(Lend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_lent_and_null_is_empty() {
        let lent: Text<'_> = serde_json::from_str(r#""plain""#).unwrap();
        assert!(matches!(lent.0, Cow::Borrowed("plain")));
        let copied: Text<'_> = serde_json::from_str(r#""a\nb""#).unwrap();
        assert_eq!(copied.0, "a\nb");
        assert!(
            serde_json::from_str::<Text<'_>>("null")
                .unwrap()
                .0
                .is_empty()
        );
        assert!(serde_json::from_str::<Text<'_>>("7").is_err());
    }
}
