//! Which schemas OpenAI takes as `strict`. Anthropic's may have optional properties; here they would be refused.

use serde_json::Value;

use crate::loss::{Loss, Losses};
use crate::neutral::{Request, ResponseFormat, Tool};

/// What is left of `strict`, for this schema.
pub(crate) fn kept(strict: Option<bool>, schema: Option<&Value>) -> Option<bool> {
    let is_refused = strict == Some(true) && !schema.is_none_or(is_strict);
    if is_refused { Some(false) } else { strict }
}

/// Lowers `strict` in what was written with its schema at `key`.
pub(crate) fn relax(written: &mut Value, key: &str) {
    let strict = written.get("strict").and_then(Value::as_bool);
    let left = kept(strict, written.get(key));
    if strict != left {
        written["strict"] = left.into();
    }
}

/// Names the loss where a tool or the answer's format cannot be strict.
pub(crate) fn check(request: &Request, losses: &mut Losses) -> Result<(), Loss> {
    let is_lost = |strict, schema| strict != kept(strict, schema);
    let in_tools = request.tools.iter().any(|tool| match tool {
        Tool::Function {
            strict, parameters, ..
        } => is_lost(*strict, parameters.as_ref()),
        _ => false,
    });
    let in_format = match &request.response_format {
        Some(ResponseFormat::JsonSchema { strict, schema, .. }) => is_lost(*strict, Some(schema)),
        _ => false,
    };
    if in_tools || in_format {
        losses.hint(
            "strict",
            "OpenAI takes no strict schema with optional properties",
        )?;
    }
    Ok(())
}

/// Whether each object in a schema requires all of its properties and admits no others
/// (<https://platform.openai.com/docs/guides/structured-outputs>, "Supported schemas").
fn is_strict(schema: &Value) -> bool {
    let Some(members) = schema.as_object() else {
        return true;
    };
    let properties = members.get("properties").and_then(Value::as_object);
    if properties.is_some() || members.get("type").is_some_and(|it| it == "object") {
        let required = members.get("required").and_then(Value::as_array);
        let is_required = |name: &String| {
            required.is_some_and(|all| all.iter().any(|it| it.as_str() == Some(name)))
        };
        let is_closed = members.get("additionalProperties") == Some(&Value::Bool(false));
        let names = properties.into_iter().flat_map(|all| all.keys());
        if !is_closed || !names.into_iter().all(is_required) {
            return false;
        }
    }
    let named = ["properties", "$defs", "definitions"];
    let in_named = named
        .iter()
        .filter_map(|key| members.get(*key)?.as_object())
        .flat_map(serde_json::Map::values);
    let in_list = members.get("anyOf").and_then(Value::as_array);
    let below = in_named.chain(in_list.into_iter().flatten());
    below.chain(members.get("items")).all(is_strict)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_with_something_optional_is_not_strict() {
        let inner = |required: Value| {
            json!({"type": "object", "properties": {"a": {}, "b": {"type": "string"}},
                "required": required, "additionalProperties": false})
        };
        let around = |inner: Value| {
            json!({"type": "object", "properties": {"list": {"type": "array", "items": {"anyOf": [inner, {"type": "null"}]}}},
                "required": ["list"], "additionalProperties": false})
        };
        for (schema, expected) in [
            (inner(json!(["b", "a"])), Some(true)),
            (inner(json!(["a"])), Some(false)),
            (around(inner(json!(["b", "a"]))), Some(true)),
            (around(inner(json!([]))), Some(false)),
            (json!({"type": "object", "properties": {}}), Some(false)),
            (json!({"type": "string"}), Some(true)),
        ] {
            assert_eq!(kept(Some(true), Some(&schema)), expected, "{schema}");
        }
        let loose = json!({"type": "object"});
        assert_eq!(kept(None, Some(&loose)), None);
        assert_eq!(kept(Some(true), None), Some(true));
    }
}
