//! Arguments of a tool call for formats that have them as an object, not as text.

use std::borrow::Cow;

use serde_json::json;
use serde_json::value::RawValue;

/// The arguments as a JSON object: the very text where it is one, so that numbers and order stay as they were written.
/// No arguments are `{}`. What a model wrote that is no object is kept under `arguments`, for the model to see its mistake.
pub(crate) fn as_object(input: &str) -> Cow<'_, RawValue> {
    let raw = serde_json::from_str::<&RawValue>(input).ok();
    if let Some(object) = raw.filter(|raw| raw.get().starts_with('{')) {
        return Cow::Borrowed(object);
    }
    if input.trim().is_empty() || raw.is_some_and(|raw| raw.get() == "null") {
        return Cow::Borrowed(empty());
    }
    let wrapped = RawValue::from_string(json!({ "arguments": input }).to_string());
    wrapped.map_or(Cow::Borrowed(empty()), Cow::Owned)
}

fn empty() -> &'static RawValue {
    serde_json::from_str("{}").unwrap_or(RawValue::NULL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_stays_as_it_was_written() {
        for (input, expected) in [
            (
                r#" {"b": 1.50, "a": 12345678901234567890123} "#,
                r#"{"b": 1.50, "a": 12345678901234567890123}"#,
            ),
            ("", "{}"),
            ("null", "{}"),
            ("[1]", r#"{"arguments":"[1]"}"#),
            (r#"{"cut": "#, r#"{"arguments":"{\"cut\": "}"#),
        ] {
            assert_eq!(as_object(input).get(), expected);
        }
    }
}
