//! A page of a provider's list of models. One reader for all shapes, as providers mix them:
//!
//! - `{data: […]}`: OpenAI (<https://platform.openai.com/docs/api-reference/models/list>) and, with members of their own,
//!   OpenRouter, Groq, Mistral, vLLM, Hugging Face, Fireworks; Anthropic with `has_more` and `last_id`
//!   (<https://docs.claude.com/en/api/models-list>)
//! - `[…]`: Together (<https://docs.together.ai/reference/models-1>)
//! - `{models: […]}`: Gemini (<https://ai.google.dev/api/models>) and Cohere (<https://docs.cohere.com/reference/list-models>)

use serde_json::Value;

use super::ability::{Abilities, Ability};
use super::date;
use super::page::{ListError, Next, Page};
use super::pricing::Pricing;
use super::{Listed, MODELS_MAX};
use crate::body::MAX_MODEL_BYTES;
use crate::json;

/// The longest text that is kept of what a provider says about a model.
const TEXT_MAX_CHARS: usize = 200;
/// Reads a page of any of these shapes, adding its models to `models` as long as there are fewer than [`MODELS_MAX`]. An entry that cannot be
/// understood is passed over.
///
/// # Errors
/// If it is no list at all.
pub fn read(body: &[u8], models: &mut Vec<Listed>) -> Result<Option<Next>, ListError> {
    // Some servers give both: what OpenAI's clients read is the one that is looked after.
    let page = Page::of(body, &["data", "models"])?;
    for entry in json::elements(page.entries) {
        if models.len() >= MODELS_MAX {
            return Ok(None);
        }
        let entry = serde_json::from_str::<Value>(entry).ok();
        models.extend(entry.as_ref().and_then(listed));
    }
    Ok(page.next)
}

/// One model, in whatever members its provider has.
fn listed(entry: &Value) -> Option<Listed> {
    let text = |names: &[&str]| names.iter().find_map(|name| text_of(entry.get(name)?));
    let count = |places: &[&str]| places.iter().find_map(|at| entry.pointer(at)?.as_u64());
    let id = entry.get("id").or_else(|| entry.get("name"))?.as_str()?;
    let id = id.strip_prefix("models/").unwrap_or(id);
    if !is_id(id) {
        return None;
    }
    let abilities = abilities(entry);
    // Gemini tells all that a model does: where it is nothing that can be asked for here, there is nothing to offer.
    if entry.get("supportedGenerationMethods").is_some() && !abilities.has_operation() {
        return None;
    }
    let created = entry.get("created").and_then(Value::as_u64);
    let created_at = || date::of_text(entry.get("created_at")?.as_str()?);
    Some(Listed {
        id: id.to_owned(),
        // Where `id` is the name in requests, `name` is one for people.
        display_name: text(&["display_name", "displayName"])
            .or_else(|| entry.get("id").and_then(|_| text(&["name"])))
            .filter(|name| name != id),
        owned_by: text(&["owned_by", "organization"]),
        created_s: created.filter(|at| *at > 0).or_else(created_at),
        context_tokens: count(&[
            "/context_length",
            "/context_window",
            "/max_model_len",
            "/max_context_length",
            "/inputTokenLimit",
            "/max_input_tokens",
            "/meta/n_ctx_train",
        ])
        .filter(|tokens| *tokens > 0),
        max_output_tokens: count(&[
            "/max_output_tokens",
            "/max_completion_tokens",
            "/top_provider/max_completion_tokens",
            "/outputTokenLimit",
            "/max_tokens",
        ])
        .filter(|tokens| *tokens > 0),
        abilities,
        pricing: entry.get("pricing").map(Pricing::read).unwrap_or_default(),
    })
}

/// Whether a name can be one in a request.
pub(super) fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_MODEL_BYTES && !id.chars().any(char::is_control)
}

/// A text that says something, as much of it as is kept.
pub(super) fn text_of(value: &Value) -> Option<String> {
    let text: String = value.as_str()?.chars().take(TEXT_MAX_CHARS).collect();
    (!text.trim().is_empty()).then_some(text)
}

/// The places where lists of words tell an ability, and the word.
const WORDS: [(&str, &str, Ability); 12] = [
    // Gemini
    (
        "/supportedGenerationMethods",
        "generateContent",
        Ability::Chat,
    ),
    (
        "/supportedGenerationMethods",
        "embedContent",
        Ability::Embeddings,
    ),
    ("/supportedGenerationMethods", "predict", Ability::Images),
    // Cohere
    ("/endpoints", "chat", Ability::Chat),
    ("/endpoints", "embed", Ability::Embeddings),
    ("/endpoints", "rerank", Ability::Rerank),
    ("/features", "tools", Ability::Tools),
    ("/features", "vision", Ability::Vision),
    // OpenRouter and Hugging Face
    ("/architecture/output_modalities", "text", Ability::Chat),
    (
        "/architecture/output_modalities",
        "embeddings",
        Ability::Embeddings,
    ),
    ("/architecture/input_modalities", "image", Ability::Vision),
    ("/supported_parameters", "tools", Ability::Tools),
];

/// The places where something is said to be true.
const FLAGS: [(&str, Ability); 7] = [
    // Mistral
    ("/capabilities/completion_chat", Ability::Chat),
    ("/capabilities/function_calling", Ability::Tools),
    ("/capabilities/vision", Ability::Vision),
    // Anthropic
    ("/capabilities/image_input/supported", Ability::Vision),
    // Fireworks
    ("/supports_chat", Ability::Chat),
    ("/supports_tools", Ability::Tools),
    ("/supports_image_input", Ability::Vision),
];

/// What the provider says the model can do.
fn abilities(entry: &Value) -> Abilities {
    let lists = |at: &str, word: &str| {
        let list = entry.pointer(at).and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|one| one == word))
    };
    let is = |at: &str| entry.pointer(at).and_then(Value::as_bool) == Some(true);
    let kind = entry
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut found = Abilities::default();
    for (at, word, ability) in WORDS {
        found.add_if(lists(at, word), ability);
    }
    for (at, ability) in FLAGS {
        found.add_if(is(at), ability);
    }
    if let Some(ability) = of_type(kind) {
        found.add(ability);
    }
    found
}

/// Together's types of models.
fn of_type(kind: &str) -> Option<Ability> {
    Some(match kind {
        "chat" | "language" | "code" => Ability::Chat,
        "embedding" => Ability::Embeddings,
        "image" => Ability::Images,
        "rerank" => Ability::Rerank,
        "moderation" => Ability::Moderation,
        "audio" => Ability::Speech,
        "transcribe" => Ability::Transcription,
        _ => return None,
    })
}
