//! Thoughts as `reasoning_details`: OpenRouter's shape (<https://openrouter.ai/docs/use-cases/reasoning-tokens>), a list of
//! what is shown (`reasoning.text`, `reasoning.summary`) and what is hidden (`reasoning.encrypted`), each with the format
//! of the model's own vendor. What it proves must come back as it was.
//!
//! Claude's proofs are good wherever Claude is, so they are told as Anthropic's. Every other is good here alone: the whole
//! detail, its text apart, is the proof.

use serde_json::{Map, Value, json};

use crate::format::Format;
use crate::neutral::{Signature, Thinking};
use crate::translate::Target;

/// The `format` of Claude's details.
const CLAUDE: &str = "anthropic-claude-v1";

/// One detail, or a piece of one in a stream.
#[derive(Debug, PartialEq)]
pub(super) struct Detail {
    /// What is shown.
    pub text: String,
    pub proof: Option<Signature>,
    /// Whether the proof is the thoughts themselves, encrypted.
    pub is_hidden: bool,
    index: Option<u64>,
}

impl Detail {
    /// Reads a detail. None if it is of a kind that tells nothing of thoughts.
    pub fn read(detail: &Value) -> Option<Self> {
        let fields = detail.as_object()?;
        let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
        let (shown, proof, is_hidden) = match text("type") {
            "reasoning.text" => ("text", "signature", false),
            "reasoning.summary" => ("summary", "", false),
            "reasoning.encrypted" => ("", "data", true),
            _ => return None,
        };
        let proof = Some(text(proof)).filter(|it| !it.is_empty());
        Some(Self {
            text: text(shown).to_owned(),
            proof: proof.map(|proof| match text("format") {
                CLAUDE => Signature::new(Format::Anthropic, proof),
                _ => wrapped(fields, shown),
            }),
            is_hidden,
            index: fields.get("index").and_then(Value::as_u64),
        })
    }

    /// Whether it says something that a plain text beside it does not: all others need not be read.
    pub fn is_proof(raw: &str) -> bool {
        let has = |mark: &str| memchr::memmem::find(raw.as_bytes(), mark.as_bytes()).is_some();
        has("\"signature\"") || has("\"data\"")
    }

    /// Whether hidden thoughts belong to what was shown before them, as OpenAI's do to their summary. Claude's hidden
    /// thoughts are others than those it shows.
    pub fn belongs_to_shown(&self) -> bool {
        let origin = self.proof.as_ref().map(|it| it.origin);
        !self.is_hidden || origin != Some(Format::Anthropic)
    }
}

/// A detail without its text, as a proof.
fn wrapped(fields: &Map<String, Value>, shown: &str) -> Signature {
    let members = fields.iter().filter(|(key, _)| *key != shown);
    let members: Map<String, Value> = members.map(|(key, it)| (key.clone(), it.clone())).collect();
    Signature::new(Format::Chat, Value::Object(members).to_string())
}

/// Reads a whole list, put together from the pieces of a stream or not.
pub(super) fn read_list(details: &[Value]) -> Vec<Thinking> {
    let mut thoughts: Vec<Thinking> = Vec::new();
    let mut last_index = None;
    for detail in details.iter().filter_map(Detail::read) {
        let is_same = detail.index.is_none() || detail.index == last_index;
        let open = thoughts.last_mut().filter(|it| it.signature.is_none());
        let joined = match detail.is_hidden {
            true => open.filter(|_| detail.belongs_to_shown()),
            false => open.filter(|_| is_same),
        };
        last_index = detail.index;
        match joined {
            Some(open) => {
                open.text.push_str(&detail.text);
                open.signature = detail.proof;
            }
            None if detail.text.is_empty() && detail.proof.is_none() => {}
            None => thoughts.push(Thinking {
                text: detail.text,
                signature: detail.proof,
                is_redacted: detail.is_hidden,
            }),
        }
    }
    thoughts
}

/// Appends the details that prove these thoughts to a target that takes them; false if there are none.
pub(super) fn write(thinking: &Thinking, target: &Target<'_>, details: &mut Vec<Value>) -> bool {
    let Some(signature) = &thinking.signature else {
        return false;
    };
    match signature.origin {
        Format::Anthropic if target.takes_claudes_details() => {
            let (proof, index) = (&signature.value, details.len());
            details.push(match thinking.is_redacted {
                true => json!({"type": "reasoning.encrypted", "data": proof, "format": CLAUDE, "index": index}),
                false => json!({"type": "reasoning.text", "text": thinking.text, "signature": proof, "format": CLAUDE,
                    "index": index}),
            });
            true
        }
        Format::Chat => match serde_json::from_str(&signature.value) {
            Ok(Value::Object(detail)) => {
                unwrap(detail, &thinking.text, details);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// Appends a detail that was a proof, and what was shown with it.
fn unwrap(mut detail: Map<String, Value>, text: &str, details: &mut Vec<Value>) {
    let is_hidden = detail
        .get("type")
        .is_some_and(|it| it == "reasoning.encrypted");
    if !is_hidden {
        detail.insert("text".to_owned(), text.into());
    } else if !text.is_empty() {
        let format = detail.get("format").cloned().unwrap_or_default();
        // OpenAI's models, and those that are served as theirs, show summaries.
        let is_summary = format.as_str().is_some_and(|it| it.contains("responses"));
        let (kind, key) = match is_summary {
            true => ("reasoning.summary", "summary"),
            false => ("reasoning.text", "text"),
        };
        let mut shown = Map::new();
        shown.insert("type".to_owned(), kind.into());
        shown.insert(key.to_owned(), text.into());
        shown.insert("format".to_owned(), format);
        shown.extend(
            detail
                .get("index")
                .map(|it| ("index".to_owned(), it.clone())),
        );
        details.push(Value::Object(shown));
    }
    details.push(Value::Object(detail));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(model: &str) -> Target<'_> {
        Target {
            model,
            reasoning_details: true,
            ..crate::chat::tests::TARGET
        }
    }

    fn round_trip(details: Value, model: &str) -> Value {
        let mut written = Vec::new();
        for thinking in read_list(details.as_array().unwrap()) {
            assert!(
                write(&thinking, &target(model), &mut written),
                "{thinking:?}"
            );
        }
        Value::Array(written)
    }

    #[test]
    fn what_is_proven_comes_back_as_it_was() {
        let claude = json!([
            {"type": "reasoning.text", "text": "Hm.", "signature": "EqQB", "format": CLAUDE, "index": 0},
            {"type": "reasoning.encrypted", "data": "EtMF", "format": CLAUDE, "index": 1},
        ]);
        assert_eq!(
            round_trip(claude.clone(), "anthropic/claude-sonnet-4.5"),
            claude
        );
        let openai = json!([
            {"type": "reasoning.summary", "summary": "Sums", "format": "openai-responses-v1", "index": 0},
            {"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "format": "openai-responses-v1", "index": 0},
            {"type": "reasoning.encrypted", "data": "gBBB", "id": "rs_2", "format": "openai-responses-v1", "index": 1},
        ]);
        assert_eq!(round_trip(openai.clone(), "openai/gpt-5"), openai);
        let gemini = json!([
            {"type": "reasoning.text", "text": "Hm.", "format": "google-gemini-v1", "index": 0},
            {"type": "reasoning.encrypted", "data": "CsQB", "id": "tool_1", "format": "google-gemini-v1", "index": 0},
        ]);
        assert_eq!(round_trip(gemini.clone(), "google/gemini-3-pro"), gemini);
        let other = json!([{"type": "reasoning.text", "text": "Hm.", "signature": "s", "format": null, "id": "a", "novel": 1}]);
        assert_eq!(round_trip(other.clone(), "any"), other);
    }

    #[test]
    fn pieces_of_one_detail_are_one_thought() {
        let pieces = json!([
            {"type": "reasoning.text", "text": "Let ", "format": CLAUDE, "index": 0},
            {"type": "reasoning.text", "text": "me.", "format": CLAUDE, "index": 0},
            {"type": "reasoning.text", "signature": "EqQB", "format": CLAUDE, "index": 0},
            {"type": "reasoning.text", "text": "Next.", "format": CLAUDE, "index": 1},
            {"type": "reasoning.server_tool_call", "index": 2},
        ]);
        let thoughts = read_list(pieces.as_array().unwrap());
        let signed = Some(Signature::new(Format::Anthropic, "EqQB"));
        let seen: Vec<_> = thoughts
            .iter()
            .map(|it| (it.text.as_str(), &it.signature))
            .collect();
        assert_eq!(seen, [("Let me.", &signed), ("Next.", &None)]);
    }

    #[test]
    fn claudes_proofs_go_to_claude_alone_and_strangers_to_nobody() {
        let thinking = |origin, value: &str| Thinking {
            text: "Hm.".to_owned(),
            signature: Some(Signature::new(origin, value)),
            is_redacted: false,
        };
        let mut details = Vec::new();
        for (thinking, model) in [
            (thinking(Format::Anthropic, "EqQB"), "openai/gpt-5"),
            (
                thinking(Format::Gemini, "CsQB"),
                "anthropic/claude-opus-4.5",
            ),
            (thinking(Format::Chat, "no JSON"), "any"),
            (Thinking::default(), "any"),
        ] {
            assert!(!write(&thinking, &target(model), &mut details));
        }
        assert_eq!(details, Vec::<Value>::new());
    }
}
