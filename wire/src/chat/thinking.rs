//! Thoughts as `thinking_blocks`: LiteLLM's shape, which is Anthropic's.
//!
//! Chat itself shows thoughts as plain text (`reasoning_content`); the blocks beside it carry what a provider wants to see
//! again. Signatures in them are Anthropic's unless they say otherwise.

use serde_json::{Map, Value, json};

use crate::format::Format;
use crate::neutral::{Signature, Thinking};

/// Whose signatures stand in the blocks as they are.
const CARRIER: Format = Format::Anthropic;

/// Reads a list of blocks; `plain` is the text that was shown beside them.
pub(super) fn read_blocks(blocks: &[Value], plain: Option<String>) -> Vec<Thinking> {
    with_plain(blocks.iter().filter_map(read_block).collect(), plain)
}

/// Thoughts with the text that was shown beside them, where they do not have it themselves.
pub(super) fn with_plain(mut thoughts: Vec<Thinking>, plain: Option<String>) -> Vec<Thinking> {
    let has_text = thoughts.iter().any(|thinking| !thinking.text.is_empty());
    let Some(plain) = plain.filter(|text| !text.is_empty() && !has_text) else {
        return thoughts;
    };
    // Encrypted thoughts (OpenAI's) have their summary beside them.
    match thoughts.first_mut() {
        Some(first) => first.text = plain,
        None => thoughts.push(Thinking {
            text: plain,
            ..Thinking::default()
        }),
    }
    thoughts
}

/// Reads one block. None if it says nothing.
pub(super) fn read_block(block: &Value) -> Option<Thinking> {
    let filled = |key: &str| {
        let text = block.get(key).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    if let Some(data) = filled("data") {
        return Some(Thinking {
            text: String::new(),
            signature: Some(Signature::read(data, CARRIER)),
            is_redacted: true,
        });
    }
    let thinking = Thinking {
        text: text_of(block.get("thinking")),
        signature: filled("signature").map(|text| Signature::read(text, CARRIER)),
        is_redacted: false,
    };
    let is_filled = !thinking.text.is_empty() || thinking.signature.is_some();
    is_filled.then_some(thinking)
}

/// A text, or Mistral's list of text parts.
fn text_of(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part.get("text").and_then(Value::as_str))
            .collect(),
        _ => String::new(),
    }
}

/// Writes one block.
pub(super) fn write_block(thinking: &Thinking) -> Value {
    match &thinking.signature {
        Some(signature) if thinking.is_redacted => write_redacted(signature),
        Some(signature) => write_signed(&thinking.text, signature),
        None => {
            let mut block = Map::new();
            block.insert("type".to_owned(), "thinking".into());
            block.insert("thinking".to_owned(), thinking.text.as_str().into());
            Value::Object(block)
        }
    }
}

/// A block of thoughts that are shown, with their proof.
pub(super) fn write_signed(text: &str, signature: &Signature) -> Value {
    json!({"type": "thinking", "thinking": text, "signature": signature.write(CARRIER)})
}

/// A block of thoughts that are hidden.
pub(super) fn write_redacted(signature: &Signature) -> Value {
    json!({"type": "redacted_thinking", "data": signature.write(CARRIER)})
}
