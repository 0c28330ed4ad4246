//! Objects of Google's JSON, whose members may be written in camelCase or in snake_case (the proto3 JSON mapping).

use serde_json::Value;

use crate::fields::{RequestError, Taker};

/// The object of a whole body, its members in camelCase.
pub(super) fn open_body(body: &[u8]) -> Result<Taker, RequestError> {
    open(Taker::of_body(body)?.into_value(), "")
}

/// The object that `value` must be, its members in camelCase; `path` is where it stands. What is inside of the members is
/// left as it is: it may be the caller's own, such as the arguments of a call.
pub(super) fn open(value: Value, path: impl Into<String>) -> Result<Taker, RequestError> {
    Taker::of(with_camel_keys(value), path)
}

/// The object in a member.
pub(super) fn open_member(taker: &mut Taker, key: &str) -> Result<Option<Taker>, RequestError> {
    let path = taker.at(key);
    taker.take(key).map(|value| open(value, path)).transpose()
}

/// The elements of a list with their paths. Google takes a lone object for a list of one.
pub(super) fn elements(taker: &mut Taker, key: &str) -> Result<Vec<(Value, String)>, RequestError> {
    let path = taker.at(key);
    match taker.take(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => Ok(list
            .into_iter()
            .enumerate()
            .map(|(at, value)| (value, format!("{path}[{at}]")))
            .collect()),
        Some(lone @ Value::Object(_)) => Ok(vec![(lone, path)]),
        Some(_) => Err(RequestError::new(path, "a list")),
    }
}

/// A list of strings.
pub(super) fn strings(taker: &mut Taker, key: &str) -> Result<Vec<String>, RequestError> {
    let list = taker.list(key)?.unwrap_or_default();
    let texts = list.into_iter().map(|value| match value {
        Value::String(text) => Ok(text),
        _ => Err(taker.error(key, "a list of strings")),
    });
    texts.collect()
}

/// A number, as it was written.
pub(super) fn number(taker: &mut Taker, key: &str) -> Result<Option<Value>, RequestError> {
    match taker.take(key) {
        None => Ok(None),
        Some(number @ Value::Number(_)) => Ok(Some(number)),
        Some(_) => Err(taker.error(key, "a number")),
    }
}

fn with_camel_keys(value: Value) -> Value {
    match value {
        Value::Object(fields) if fields.keys().any(|key| key.contains('_')) => fields
            .into_iter()
            .map(|(key, value)| (camel(&key), value))
            .collect(),
        other => other,
    }
}

/// A snake_case name in camelCase; any other name as it is.
pub(super) fn camel(name: &str) -> String {
    let is_snake = name.contains('_')
        && !name.starts_with('_')
        && !name.contains(|letter: char| letter.is_ascii_uppercase());
    if !is_snake {
        return name.to_owned();
    }
    let mut written = String::with_capacity(name.len());
    let mut is_start = false;
    for letter in name.chars() {
        if letter == '_' {
            is_start = true;
        } else if std::mem::take(&mut is_start) {
            written.push(letter.to_ascii_uppercase());
        } else {
            written.push(letter);
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_of_members_are_read_in_both_cases_and_what_is_inside_stays() {
        let mut taker = open(
            json!({"function_call": {"my_arg": 1}, "inlineData": 2}),
            "p",
        )
        .unwrap();
        assert_eq!(taker.take("functionCall"), Some(json!({"my_arg": 1})));
        assert_eq!(taker.take("inlineData"), Some(json!(2)));
        assert_eq!(camel("max_output_tokens"), "maxOutputTokens");
        assert_eq!(camel("_private"), "_private");
        assert_eq!(camel("topP"), "topP");
    }

    #[test]
    fn a_lone_object_is_a_list_of_one() {
        let mut taker = open(json!({"parts": {"text": "x"}}), "contents[0]").unwrap();
        let parts = elements(&mut taker, "parts").unwrap();
        assert_eq!(
            parts,
            [(json!({"text": "x"}), "contents[0].parts".to_owned())]
        );
    }
}
