//! Schemas: Google's own (<https://ai.google.dev/api/caching#Schema>), an OpenAPI subset with upper-case types, and JSON
//! Schema, which it takes in `parametersJsonSchema` and `responseJsonSchema`.
//!
//! Both APIs document those members, take `$ref` and `additionalProperties` there, and pass over keywords they do not
//! know; the older `parameters` and `responseSchema` refuse them. So a foreign schema goes there, mended only where that
//! is known to be refused or to mislead.

use serde_json::{Map, Value, json};

use super::members::camel;

/// JSON Schema of a schema of Google's. Its members keep their order.
pub(super) fn from_google(schema: Value) -> Value {
    let Value::Object(members) = schema else {
        return schema;
    };
    let mut is_nullable = false;
    let mut written = Map::new();
    for (key, value) in members {
        let key = camel(&key);
        match key.as_str() {
            "nullable" => is_nullable = value == json!(true),
            // A hint about the order of properties, which JSON Schema has not; strict targets refuse it.
            "propertyOrdering" => {}
            "type" if value == "TYPE_UNSPECIFIED" => {}
            "type" => drop(written.insert(key, lower_types(value))),
            "format" if value == "enum" => {}
            "example" => drop(written.insert("examples".to_owned(), json!([value]))),
            "ref" => drop(written.insert("$ref".to_owned(), moved(&value, "#/defs/"))),
            "defs" => drop(written.insert("$defs".to_owned(), each_member(value, from_google))),
            "properties" => drop(written.insert(key, each_member(value, from_google))),
            "items" | "additionalProperties" => drop(written.insert(key, from_google(value))),
            "anyOf" => drop(written.insert(key, each_element(value, from_google))),
            // 64-bit integers are strings in Google's JSON.
            "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties"
            | "maxProperties" => drop(written.insert(key, as_number(value))),
            _ => drop(written.insert(key, value)),
        }
    }
    if is_nullable {
        allow_null(&mut written);
    }
    Value::Object(written)
}

/// A reference into the place that JSON Schema has for definitions.
fn moved(reference: &Value, from: &str) -> Value {
    let place = reference.as_str().unwrap_or_default();
    Value::String(place.replacen(from, "#/$defs/", 1))
}

fn lower_types(value: Value) -> Value {
    match value {
        Value::String(word) => Value::String(word.to_ascii_lowercase()),
        other => each_element(other, lower_types),
    }
}

fn as_number(value: Value) -> Value {
    let number = value.as_str().and_then(|text| text.parse::<u64>().ok());
    number.map_or(value, Value::from)
}

fn allow_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.push(json!({"type": "null"}));
    }
    if let Some(one @ Value::String(_)) = schema.get_mut("type") {
        *one = json!([one.take(), "null"]);
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.push(Value::Null);
    }
}

fn each_member(value: Value, mut change: impl FnMut(Value) -> Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| (key, change(value)))
            .collect(),
        other => other,
    }
}

fn each_element(value: Value, change: impl FnMut(Value) -> Value) -> Value {
    match value {
        Value::Array(elements) => elements.into_iter().map(change).collect(),
        other => other,
    }
}

/// A foreign schema as Google takes it in its members for JSON Schema. Its members keep their order.
pub(super) fn for_google(schema: &Value) -> Value {
    let mut mending = Mending {
        definitions: definitions(schema),
        open: Vec::new(),
        inlined: 0,
    };
    mending.mend(schema.clone())
}

/// Whether a schema of a function's parameters has any. Without, it is left out: an object without properties was long
/// refused.
pub(super) fn has_parameters(schema: &Value) -> bool {
    let Value::Object(members) = schema else {
        return false;
    };
    let is_filled = |key: &str| match members.get(key) {
        Some(Value::Object(inner)) => !inner.is_empty(),
        Some(Value::Array(inner)) => !inner.is_empty(),
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(_)) => true,
        _ => false,
    };
    [
        "properties",
        "$ref",
        "anyOf",
        "oneOf",
        "allOf",
        "additionalProperties",
        "patternProperties",
    ]
    .into_iter()
    .any(is_filled)
}

/// The named parts of a schema, by where references find them.
fn definitions(schema: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for place in ["$defs", "definitions"] {
        if let Some(Value::Object(named)) = schema.get(place) {
            for (name, part) in named {
                found.push((format!("#/{place}/{name}"), part.clone()));
            }
        }
    }
    found
}

/// So many references are written out at most, lest a small schema become a huge one.
const MAX_INLINED: usize = 64;

struct Mending {
    definitions: Vec<(String, Value)>,
    /// The references that are being written out, so that a circle ends.
    open: Vec<String>,
    inlined: usize,
}

impl Mending {
    fn mend(&mut self, schema: Value) -> Value {
        let Value::Object(members) = schema else {
            return schema;
        };
        match self.resolve(&members) {
            Some((reference, merged)) => {
                self.open.push(reference);
                let mended = self.mend_members(merged);
                self.open.pop();
                mended
            }
            None => self.mend_members(members),
        }
    }

    /// Beside a `$ref` nothing else may stand, so a reference with a description of its own is written out.
    fn resolve(&mut self, members: &Map<String, Value>) -> Option<(String, Map<String, Value>)> {
        let reference = members.get("$ref")?.as_str()?;
        let is_alone = members.keys().all(|key| key.starts_with('$'));
        let is_circle = self.open.iter().any(|open| open == reference);
        if is_alone || is_circle || self.inlined >= MAX_INLINED {
            return None;
        }
        let mut definitions = self.definitions.iter();
        let (_, part) = definitions.find(|(place, _)| place == reference)?;
        let mut merged = part.as_object()?.clone();
        for (key, value) in members {
            if key != "$ref" {
                merged.insert(key.clone(), value.clone());
            }
        }
        self.inlined += 1;
        Some((reference.to_owned(), merged))
    }

    fn mend_members(&mut self, members: Map<String, Value>) -> Value {
        let is_reference = members.get("$ref").is_some_and(Value::is_string);
        let is_text = members.get("type").is_some_and(|kind| kind == "string");
        let is_whole = members.get("type").is_some_and(|kind| kind == "integer");
        let has_choices = members.contains_key("anyOf");
        let mut format = None;
        let mut written = Map::new();
        for (key, value) in members {
            let (key, value) = match (key.as_str(), value) {
                ("$ref", place @ Value::String(_)) => (key, moved(&place, "#/definitions/")),
                ("$defs" | "definitions", named) => {
                    let mut all = written.shift_remove("$defs").unwrap_or(json!({}));
                    let named = each_member(named, |it| self.mend(it));
                    if let (Some(all), Value::Object(named)) = (all.as_object_mut(), named) {
                        all.extend(named);
                    }
                    ("$defs".to_owned(), all)
                }
                (plain, _) if is_reference && !plain.starts_with('$') => continue,
                // Titles of nested schemas have been taken for functions to call (googleapis/python-genai#1732).
                ("title", Value::String(_)) | ("$schema" | "examples" | "discriminator", _) => {
                    continue;
                }
                ("const", value) => {
                    note_type(&mut written, &value);
                    ("enum".to_owned(), json!([value]))
                }
                ("format", Value::String(word)) if is_text && !is_known_format(&word) => {
                    format = Some(word);
                    continue;
                }
                ("exclusiveMinimum" | "exclusiveMaximum", bound) => {
                    match inclusive(&key, &bound, is_whole) {
                        Some(mended) => mended,
                        None => continue,
                    }
                }
                ("allOf", Value::Array(all)) if all.len() == 1 && !has_choices => (
                    "anyOf".to_owned(),
                    each_element(all.into(), |it| self.mend(it)),
                ),
                ("anyOf" | "oneOf" | "allOf" | "prefixItems", value) => {
                    (key, each_element(value, |it| self.mend(it)))
                }
                ("properties" | "patternProperties", value) => {
                    (key, each_member(value, |it| self.mend(it)))
                }
                ("items", value @ Value::Array(_)) => (
                    "prefixItems".to_owned(),
                    each_element(value, |it| self.mend(it)),
                ),
                ("items" | "additionalProperties", value) => (key, self.mend(value)),
                (_, value) => (key, value),
            };
            written.insert(key, value);
        }
        if let Some(word) = format {
            describe_format(&mut written, &word);
        }
        Value::Object(written)
    }
}

fn is_known_format(word: &str) -> bool {
    matches!(word, "date-time" | "date" | "time" | "enum")
}

/// The bound of an integer, which may be reached where the other could not. Of other numbers it has no equal.
fn inclusive(key: &str, bound: &Value, is_whole: bool) -> Option<(String, Value)> {
    let bound = bound.as_i64().filter(|_| is_whole)?;
    Some(if key == "exclusiveMinimum" {
        ("minimum".to_owned(), json!(bound.checked_add(1)?))
    } else {
        ("maximum".to_owned(), json!(bound.checked_sub(1)?))
    })
}

/// A constant needs no type in JSON Schema, but an enumeration needs one here.
fn note_type(written: &mut Map<String, Value>, constant: &Value) {
    let kind = match constant {
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        _ => return,
    };
    written.entry("type").or_insert_with(|| json!(kind));
}

/// A format that would be refused is told in words instead.
fn describe_format(written: &mut Map<String, Value>, word: &str) {
    let text = match written.get("description").and_then(Value::as_str) {
        Some(text) if !text.is_empty() => format!("{text} (format: {word})"),
        _ => format!("Format: {word}"),
    };
    written.insert("description".to_owned(), Value::String(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &Value) -> String {
        value.to_string()
    }

    #[test]
    fn googles_schema_becomes_json_schema_in_its_order() {
        let schema = json!({
            "type": "OBJECT",
            "properties": {
                "zeta_id": {"type": "STRING", "nullable": true, "format": "enum", "enum": ["A"]},
                "type": {"type": "INTEGER", "format": "int32"},
                "list": {"type": "ARRAY", "minItems": "2", "items": {"any_of": [{"type": "NUMBER"}]}}
            },
            "required": ["type"],
            "propertyOrdering": ["type", "zeta_id"],
            "defs": {"Pet": {"ref": "#/defs/Pet"}}
        });
        assert_eq!(
            text(&from_google(schema)),
            r##"{"type":"object","properties":{"zeta_id":{"type":["string","null"],"enum":["A",null]},"type":{"type":"integer","format":"int32"},"list":{"type":"array","minItems":2,"items":{"anyOf":[{"type":"number"}]}}},"required":["type"],"$defs":{"Pet":{"$ref":"#/$defs/Pet"}}}"##
        );
    }

    #[test]
    fn a_foreign_schema_is_mended_where_it_would_be_refused() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Order",
            "type": "object",
            "definitions": {"Item": {"title": "Item", "type": "object", "properties": {"title": {"type": "string"}}}},
            "properties": {
                "title": {"type": "string", "format": "uri", "description": "Link"},
                "plain": {"$ref": "#/definitions/Item"},
                "told": {"$ref": "#/definitions/Item", "description": "The first"},
                "kind": {"const": "order"},
                "count": {"type": "integer", "exclusiveMinimum": 0},
                "when": {"type": "string", "format": "date-time"},
                "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": null}
            },
            "additionalProperties": false
        });
        let mended = for_google(&schema);
        assert_eq!(
            text(&mended),
            text(&json!({
                "type": "object",
                "$defs": {"Item": {"type": "object", "properties": {"title": {"type": "string"}}}},
                "properties": {
                    "title": {"type": "string", "description": "Link (format: uri)"},
                    "plain": {"$ref": "#/$defs/Item"},
                    "told": {"type": "object", "properties": {"title": {"type": "string"}}, "description": "The first"},
                    "kind": {"type": "string", "enum": ["order"]},
                    "count": {"type": "integer", "minimum": 1},
                    "when": {"type": "string", "format": "date-time"},
                    "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": null}
                },
                "additionalProperties": false
            }))
        );
    }

    #[test]
    fn a_circle_of_references_ends() {
        let schema = json!({
            "$defs": {"Node": {"type": "object", "properties": {
                "left": {"$ref": "#/$defs/Node", "description": "l"},
                "right": {"$ref": "#/$defs/Node", "description": "r"}
            }}},
            "$ref": "#/$defs/Node",
            "description": "root"
        });
        let mended = for_google(&schema);
        let root_left = &mended["properties"]["left"];
        assert_eq!(root_left, &json!({"$ref": "#/$defs/Node"}));
        assert!(text(&mended).len() < 100_000);
    }

    #[test]
    fn only_schemas_with_parameters_are_sent() {
        assert!(!has_parameters(
            &json!({"type": "object", "properties": {}})
        ));
        assert!(!has_parameters(
            &json!({"type": "object", "additionalProperties": false})
        ));
        assert!(has_parameters(&json!({"properties": {"a": {}}})));
        assert!(has_parameters(&json!({"$ref": "#/$defs/A"})));
    }
}
