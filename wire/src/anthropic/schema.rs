//! JSON Schema as Anthropic's structured outputs take it
//! (<https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations>): objects are
//! closed, and constraints that cannot be enforced are told to the model in the description instead.

use serde_json::{Map, Value, json};

/// A schema within the limits.
pub(super) struct Restricted {
    pub schema: Value,
    /// Whether constraints became words.
    pub is_weaker: bool,
}

/// Puts a schema within the limits; the order of its members is kept.
pub(super) fn restrict(schema: &Value) -> Restricted {
    let mut is_weaker = false;
    let schema = restricted(schema, &mut is_weaker);
    Restricted { schema, is_weaker }
}

/// What strings may be required to look like.
const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

fn restricted(schema: &Value, is_weaker: &mut bool) -> Value {
    // The parser's limit on nesting bounds the recursion.
    let Value::Object(members) = schema else {
        return schema.clone();
    };
    let mut kept = Map::new();
    let mut told = Vec::new();
    for (key, value) in members {
        match key.as_str() {
            "properties" | "$defs" | "definitions" => {
                kept.insert(key.clone(), each_member(value, is_weaker));
            }
            "items" => {
                kept.insert(key.clone(), restricted(value, is_weaker));
            }
            "anyOf" | "allOf" => {
                kept.insert(key.clone(), each_element(value, is_weaker));
            }
            "oneOf" => {
                kept.insert("anyOf".to_owned(), each_element(value, is_weaker));
            }
            "additionalProperties" => *is_weaker |= *value != json!(false),
            "$schema" | "$id" | "$comment" => {}
            _ if is_enforced(key, value) => {
                kept.insert(key.clone(), value.clone());
            }
            _ => told.push(format!("{key}: {value}")),
        }
    }
    if is_object(&kept) {
        kept.insert("additionalProperties".to_owned(), json!(false));
    }
    if !told.is_empty() {
        *is_weaker = true;
        describe(&mut kept, &told.join(", "));
    }
    Value::Object(kept)
}

fn is_enforced(key: &str, value: &Value) -> bool {
    match key {
        "type" | "title" | "description" | "required" | "enum" | "const" | "default" | "$ref" => {
            true
        }
        "format" => value
            .as_str()
            .is_some_and(|format| FORMATS.contains(&format)),
        "minItems" => value.as_u64().is_some_and(|count| count <= 1),
        _ => false,
    }
}

fn is_object(members: &Map<String, Value>) -> bool {
    match members.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        _ => members.contains_key("properties"),
    }
}

fn describe(members: &mut Map<String, Value>, constraints: &str) {
    let description = match members.get("description").and_then(Value::as_str) {
        Some(text) => format!("{text}\n\n{{{constraints}}}"),
        None => format!("{{{constraints}}}"),
    };
    members.insert("description".to_owned(), Value::String(description));
}

fn each_member(value: &Value, is_weaker: &mut bool) -> Value {
    match value {
        Value::Object(members) => {
            let restrict_one =
                |(key, value): (&String, &Value)| (key.clone(), restricted(value, is_weaker));
            Value::Object(members.iter().map(restrict_one).collect())
        }
        other => other.clone(),
    }
}

fn each_element(value: &Value, is_weaker: &mut bool) -> Value {
    match value {
        Value::Array(list) => list.iter().map(|one| restricted(one, is_weaker)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strict_schema_is_not_touched() {
        let schema = json!({
            "type": "object",
            "properties": {
                "z": {"type": ["string", "null"], "enum": ["a", null]},
                "a": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
            },
            "required": ["z", "a"],
            "additionalProperties": false,
            "$defs": {"Item": {"type": "object", "properties": {}, "additionalProperties": false}},
        });
        let restricted = restrict(&schema);
        assert!(!restricted.is_weaker);
        assert_eq!(restricted.schema, schema);
        let keys: Vec<_> = restricted.schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .collect();
        assert_eq!(keys, ["z", "a"]);
    }

    #[test]
    fn what_cannot_be_enforced_is_told() {
        let schema = json!({
            "type": "object",
            "properties": {
                "age": {"type": "integer", "minimum": 0, "maximum": 150, "description": "In years."},
                "kind": {"oneOf": [{"type": "string", "pattern": "^a"}, {"type": "object"}]},
            },
        });
        let restricted = restrict(&schema);
        assert!(restricted.is_weaker);
        let expected = json!({
            "type": "object",
            "properties": {
                "age": {"type": "integer", "description": "In years.\n\n{minimum: 0, maximum: 150}"},
                "kind": {"anyOf": [
                    {"type": "string", "description": "{pattern: \"^a\"}"},
                    {"type": "object", "additionalProperties": false},
                ]},
            },
            "additionalProperties": false,
        });
        assert_eq!(restricted.schema, expected);
    }

    #[test]
    fn an_open_object_is_closed_and_said_to_be() {
        assert!(
            restrict(&json!({"type": "object", "additionalProperties": {"type": "string"}}))
                .is_weaker
        );
        assert!(!restrict(&json!({"type": "object"})).is_weaker);
        assert_eq!(restrict(&json!(true)).schema, json!(true));
    }
}
