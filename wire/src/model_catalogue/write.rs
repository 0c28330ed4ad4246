//! Lists of models for clients, in the shape that each reads.

use serde_json::{Value, json};

use super::date;
use super::{Ability, Entry, Source};
use crate::format::Format;

/// The moment models say they were created where nobody knows: OpenAI's and Anthropic's shapes want one.
const CREATED_S: u64 = 1_767_225_600;

/// The whole list in a client's shape: Anthropic's, Gemini's, else OpenAI's.
pub fn write_list(format: Format, entries: &[Entry]) -> Vec<u8> {
    let data: Vec<Value> = entries
        .iter()
        .map(|entry| to_value(format, entry))
        .collect();
    let list = match format {
        Format::Anthropic => json!({
            "first_id": entries.first().map(|entry| &entry.id),
            "last_id": entries.last().map(|entry| &entry.id),
            "has_more": false,
            "data": data,
        }),
        Format::Gemini => json!({"models": data}),
        _ => json!({"object": "list", "data": data}),
    };
    list.to_string().into_bytes()
}

/// One model in a client's shape.
pub fn write_one(format: Format, entry: &Entry) -> Vec<u8> {
    to_value(format, entry).to_string().into_bytes()
}

/// One model in a client's shape, as a value.
pub fn to_value(format: Format, entry: &Entry) -> Value {
    match format {
        Format::Anthropic => of_anthropic(entry),
        Format::Gemini => of_gemini(entry),
        _ => of_openai(entry),
    }
}

fn display_name(entry: &Entry) -> &str {
    entry.model.display_name.as_deref().unwrap_or(&entry.id)
}

/// OpenAI's members, and beside them OpenRouter's where it has a name for what is told (`context_length`, `pricing`), which
/// LibreChat and others read. What is not known is left out.
fn of_openai(entry: &Entry) -> Value {
    let model = &entry.model;
    let mut value = json!({
        "id": entry.id,
        "object": "model",
        "created": model.created_s.unwrap_or(CREATED_S),
        "owned_by": model.owned_by.as_deref().unwrap_or(&entry.provider),
        "provider": entry.provider,
        "source": entry.source.as_str(),
    });
    let mut add = |key: &str, known: Option<Value>| {
        if let Some(known) = known {
            value[key] = known;
        }
    };
    add(
        "fallback",
        (entry.source == Source::Shipped).then_some(Value::Bool(true)),
    );
    add("name", model.display_name.as_deref().map(Value::from));
    add("context_length", model.context_tokens.map(Value::from));
    add(
        "max_output_tokens",
        model.max_output_tokens.map(Value::from),
    );
    let abilities: Vec<&str> = model.abilities.iter().map(Ability::as_str).collect();
    add(
        "abilities",
        (!abilities.is_empty()).then(|| abilities.into()),
    );
    let pricing = &model.pricing;
    add("pricing", (!pricing.is_empty()).then(|| pricing.to_value()));
    value
}

/// <https://docs.claude.com/en/api/models-list>
fn of_anthropic(entry: &Entry) -> Value {
    json!({
        "type": "model",
        "id": entry.id,
        "display_name": display_name(entry),
        "created_at": date::to_text(entry.model.created_s.unwrap_or(CREATED_S)),
    })
}

/// <https://ai.google.dev/api/models#Model>
fn of_gemini(entry: &Entry) -> Value {
    let model = &entry.model;
    let mut methods = Vec::new();
    if model.abilities.has(Ability::Chat) {
        methods.extend(["generateContent", "streamGenerateContent", "countTokens"]);
    }
    if model.abilities.has(Ability::Embeddings) {
        methods.extend(["embedContent", "batchEmbedContents"]);
    }
    let mut value = json!({
        "name": format!("models/{}", entry.id),
        "baseModelId": entry.id,
        "displayName": display_name(entry),
        "supportedGenerationMethods": methods,
    });
    if let Some(tokens) = model.context_tokens {
        value["inputTokenLimit"] = tokens.into();
    }
    if let Some(tokens) = model.max_output_tokens {
        value["outputTokenLimit"] = tokens.into();
    }
    value
}
