//! What a request to a model may hold, as a JSON Schema (draft 2020-12,
//! <https://json-schema.org/draft/2020-12/json-schema-core>) with descriptions, defaults and examples: for tools that check
//! requests and for forms. One table for each operation, in OpenAI's names; of a conversation's, what the target's format
//! cannot carry is taken out and named.

mod chat;
mod completions;
mod images;
mod other;

use serde_json::{Map, Value, json};

use crate::format::Format;
use crate::loss::DropParams;
use crate::model_catalogue::Ability;
use crate::neutral::{Class, Param};
use crate::translate::carries;

/// What the schema depends on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The model as it is asked for.
    pub model: &'a str,
    /// The provider that serves it first.
    pub provider: &'a str,
    /// The provider's name of the model.
    pub provider_model: &'a str,
    /// What is done with the model.
    pub operation: Ability,
    /// The format of the provider, if the operation is a conversation.
    pub format: Option<Format>,
    /// What becomes of what the format cannot carry.
    pub policy: DropParams,
    /// Tokens of the longest answer.
    pub max_output_tokens: Option<u64>,
    /// What is written as the limit of an answer in a format that needs one, where the request has none.
    pub output_limit: Option<u64>,
    /// The name an OpenAI-compatible provider has for the output limit, if it takes but one.
    pub max_tokens_field: Option<&'static str>,
    /// Whether it takes `stream_options`.
    pub stream_options: bool,
    /// Whether it is a server of open weights, which take more than OpenAI's API has.
    pub is_local: bool,
    /// Whether the request is said anew in another API, if the operation is no conversation.
    pub is_adapted: bool,
}

/// One parameter.
struct Row {
    /// Its name in the request.
    name: &'static str,
    /// What it is in other formats; none where it concerns the gateway itself and is always taken.
    params: &'static [Param],
    /// Whether a request without it is refused.
    is_required: bool,
    /// Its schema.
    schema: fn(&Facts<'_>) -> Value,
}

/// What becomes of a parameter at a target.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Carried,
    Dropped,
    Refused,
}

/// The schema of a request to a model.
pub fn schema(facts: &Facts<'_>) -> Value {
    let (url, place, rows) = match facts.operation {
        Ability::Completions => ("/v1/completions", "body", completions::ROWS),
        Ability::Embeddings => ("/v1/embeddings", "body", other::EMBEDDINGS),
        Ability::Images => ("/v1/images/generations", "body", images::ROWS),
        Ability::Speech => ("/v1/audio/speech", "body", other::SPEECH),
        Ability::Transcription => ("/v1/audio/transcriptions", "form", other::TRANSCRIPTION),
        Ability::Rerank => ("/v1/rerank", "body", other::RERANK),
        Ability::Moderation => ("/v1/moderations", "body", other::MODERATION),
        Ability::Realtime => ("/v1/realtime", "query", other::REALTIME),
        _ => ("/v1/chat/completions", "body", chat::ROWS),
    };
    let mut properties = Map::new();
    let (mut required, mut dropped, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        if row.name == chat::STREAM_OPTIONS && !facts.stream_options {
            continue;
        }
        let fate = match facts.operation {
            Ability::Images => images::fate(facts, row.name),
            _ => Some(fate(facts, row.params)),
        };
        match fate {
            Some(Fate::Carried) => {
                properties.insert(row.name.to_owned(), (row.schema)(facts));
                required.extend(row.is_required.then_some(row.name));
            }
            Some(Fate::Dropped) => dropped.push(row.name),
            Some(Fate::Refused) => refused.push(row.name),
            None => {}
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("{} for {}", url, facts.model),
        "type": "object",
        "properties": properties,
        "required": required,
        "x-weir": {
            "url": url,
            "in": place,
            "operation": facts.operation.as_str(),
            "provider": facts.provider,
            "model": facts.provider_model,
            "format": facts.format.map(Format::as_str),
            "dropped": dropped,
            "refused": refused,
        },
    })
}

/// What becomes of a parameter that is any of `params`: the best of their fates.
fn fate(facts: &Facts<'_>, params: &[Param]) -> Fate {
    let Some(format) = facts.format.filter(|_| !params.is_empty()) else {
        return Fate::Carried;
    };
    let is_carried = |param: &Param| match format {
        // The client's own bytes go there; but what OpenAI's API does not have is not promised.
        Format::Chat => facts.is_local || !matches!(param, Param::TopK | Param::MinP),
        _ => carries(format).params.contains(param),
    };
    if params.iter().any(is_carried) {
        return Fate::Carried;
    }
    let is_hint = params.iter().all(|param| param.class() == Class::Hint);
    lost(facts.policy, is_hint)
}

/// What becomes of what cannot be carried.
fn lost(policy: DropParams, is_hint: bool) -> Fate {
    match policy {
        DropParams::All => Fate::Dropped,
        DropParams::Hints if is_hint => Fate::Dropped,
        DropParams::Hints | DropParams::None => Fate::Refused,
    }
}

/// The name that every request has.
fn model(facts: &Facts<'_>) -> Value {
    json!({
        "type": "string",
        "const": facts.model,
        "description": "The model.",
        "examples": [facts.model],
    })
}

/// A row that every target takes.
const fn own(name: &'static str, schema: fn(&Facts<'_>) -> Value) -> Row {
    Row {
        name,
        params: &[],
        is_required: false,
        schema,
    }
}

/// A row that every target takes and every request must have.
const fn required(name: &'static str, schema: fn(&Facts<'_>) -> Value) -> Row {
    Row {
        is_required: true,
        ..own(name, schema)
    }
}

#[cfg(test)]
mod tests;
