//! The answers of `/v1/models` and `/v1/models/{id}`, in OpenAI's shape.

use serde::Serialize;

/// One model as clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelEntry<'a> {
    /// The name to put in a request.
    pub id: &'a str,
    /// Who serves it.
    pub owned_by: &'a str,
    /// Unix seconds; clients want a number and few look at it.
    pub created: u64,
    /// The context window in tokens, if it is known. OpenAI does not tell; the key is OpenRouter's, which LibreChat and
    /// others read.
    pub context_tokens: Option<u64>,
    /// The longest answer in tokens, if it is known. The key is Groq's.
    pub max_output_tokens: Option<u64>,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
}

impl<'a> From<ModelEntry<'a>> for Model<'a> {
    fn from(entry: ModelEntry<'a>) -> Self {
        Self {
            id: entry.id,
            object: "model",
            created: entry.created,
            owned_by: entry.owned_by,
            context_length: entry.context_tokens,
            max_completion_tokens: entry.max_output_tokens,
        }
    }
}

/// The list of models, in the order given.
pub fn render_list<'a>(entries: impl IntoIterator<Item = ModelEntry<'a>>) -> Vec<u8> {
    to_json(&List {
        object: "list",
        data: entries.into_iter().map(Model::from).collect(),
    })
}

/// One model.
pub fn render_one(entry: ModelEntry<'_>) -> Vec<u8> {
    to_json(&Model::from(entry))
}

#[expect(
    clippy::expect_used,
    reason = "writing strings and numbers to memory cannot fail"
)]
fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("strings and numbers serialize")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: ModelEntry<'_> = ModelEntry {
        id: "openai/gpt-4o",
        owned_by: "openai",
        created: 1_700_000_000,
        context_tokens: None,
        max_output_tokens: None,
    };
    const PLAIN_JSON: &str =
        r#"{"id":"openai/gpt-4o","object":"model","created":1700000000,"owned_by":"openai"}"#;

    #[test]
    fn unknown_sizes_are_left_out() {
        assert_eq!(render_one(PLAIN), PLAIN_JSON.as_bytes());
        let sized = ModelEntry {
            context_tokens: Some(128_000),
            max_output_tokens: Some(16_384),
            ..PLAIN
        };
        let json = String::from_utf8(render_one(sized)).unwrap();
        assert!(json.ends_with(r#","context_length":128000,"max_completion_tokens":16384}"#));
    }

    #[test]
    fn a_list_is_a_list_even_when_empty() {
        assert_eq!(render_list([]), br#"{"object":"list","data":[]}"#);
        assert_eq!(
            render_list([PLAIN]),
            format!(r#"{{"object":"list","data":[{PLAIN_JSON}]}}"#).as_bytes()
        );
    }
}
