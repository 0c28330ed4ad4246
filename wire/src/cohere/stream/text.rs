//! Text that is lent from the event it stands in, and empty where it is null.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

use crate::lenient;

/// Serde lends a `Cow`, but copies one that may be null; this lends both.
#[derive(Debug, Default)]
pub(super) struct Text<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::text(deserializer).map(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_lent_and_null_is_empty() {
        let lent: Text<'_> = serde_json::from_str(r#""plain""#).unwrap();
        assert!(matches!(lent.0, Cow::Borrowed("plain")));
        let null: Text<'_> = serde_json::from_str("null").unwrap();
        assert!(null.0.is_empty());
    }
}
