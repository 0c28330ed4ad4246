//! Reasoning items: thoughts, and the signatures of any provider in their `encrypted_content`.
//!
//! Clients send these items back as they came and drop members they do not know, so everything that a provider of another
//! format must get back has to travel in `encrypted_content`.

use serde_json::{Value, json};

use crate::fields::{RequestError, Taker};
use crate::format::Format;
use crate::neutral::{Signature, Thinking};

/// What a signature of another format's provider stands for; OpenAI's own needs no mark.
const REDACTED: &str = "redacted:";
const OF_CALL: &str = "call:";

/// What a reasoning item means.
#[derive(Debug, PartialEq)]
pub(super) enum Thought {
    /// Thoughts, shown or hidden.
    Thinking(Thinking),
    /// The signature of the tool call that follows (Gemini).
    OfCall(Signature),
}

/// OpenRouter's `format` of Claude's items, whose proof stands in a `signature` beside.
const CLAUDE: &str = "anthropic-claude-v1";

/// Between the parts of a summary, which have headings of their own.
pub(super) const PART_BREAK: &str = "\n\n";

/// Reads the members of a reasoning item but `type`.
pub(super) fn read(item: &mut Taker) -> Result<Thought, RequestError> {
    let summary = read_texts(item, "summary")?;
    let content = read_texts(item, "content")?;
    let text = if content.is_empty() { summary } else { content };
    if item.take("format").is_some_and(|it| it == CLAUDE) {
        return Ok(Thought::Thinking(read_claudes(item, text)));
    }
    let Some(encrypted) = item
        .string("encrypted_content")?
        .filter(|it| !it.is_empty())
    else {
        return Ok(Thought::Thinking(Thinking {
            text,
            ..Thinking::default()
        }));
    };
    Ok(read_encrypted(&encrypted, text))
}

/// Thoughts of Claude's as OpenRouter tells them; its hidden ones are others than those it shows.
fn read_claudes(item: &mut Taker, text: String) -> Thinking {
    let mut proof = |key: &str| match item.take(key) {
        Some(Value::String(proof)) if !proof.is_empty() => Some(proof),
        _ => None,
    };
    let (signature, hidden) = (proof("signature"), proof("encrypted_content"));
    let is_redacted = text.is_empty() && signature.is_none() && hidden.is_some();
    let proof = signature.or(hidden.filter(|_| is_redacted));
    Thinking {
        text,
        signature: proof.map(|it| Signature::new(Format::Anthropic, it)),
        is_redacted,
    }
}

/// The item in which OpenRouter takes thoughts of Claude's back; none if these are not.
pub(super) fn claudes_item(thinking: &Thinking, at: usize) -> Option<Value> {
    let proof = thinking.signature.as_ref()?.for_target(Format::Anthropic)?;
    let mut item =
        json!({"type": "reasoning", "id": format!("rs_{at}"), "summary": [], "format": CLAUDE});
    if thinking.is_redacted {
        item["encrypted_content"] = proof.into();
    } else {
        item["content"] = json!([{"type": "reasoning_text", "text": thinking.text}]);
        item["signature"] = proof.into();
    }
    Some(item)
}

/// What `encrypted_content` beside this text means.
pub(super) fn read_encrypted(encrypted: &str, text: String) -> Thought {
    let mut signature = Signature::read(encrypted, Format::Responses);
    let mut is_redacted = false;
    if signature.origin == Format::Responses {
        is_redacted = text.is_empty();
    } else if let Some(value) = signature.value.strip_prefix(OF_CALL) {
        return Thought::OfCall(Signature::new(signature.origin, value));
    } else if let Some(value) = signature.value.strip_prefix(REDACTED) {
        signature.value = value.to_owned();
        is_redacted = true;
    }
    Thought::Thinking(Thinking {
        text,
        signature: Some(signature),
        is_redacted,
    })
}

fn read_texts(item: &mut Taker, key: &str) -> Result<String, RequestError> {
    let path = item.at(key);
    let mut text = String::new();
    for (at, part) in item.list(key)?.unwrap_or_default().into_iter().enumerate() {
        let mut part = Taker::of(part, format!("{path}[{at}]"))?;
        let piece = part.string("text")?.unwrap_or_default();
        if !text.is_empty() && !piece.is_empty() {
            text.push_str(PART_BREAK);
        }
        text.push_str(&piece);
    }
    Ok(text)
}

/// The `encrypted_content` that holds a signature of thoughts.
pub(super) fn encrypted(signature: &Signature, is_redacted: bool) -> String {
    if is_redacted {
        marked(signature, REDACTED)
    } else {
        signature.write(Format::Responses)
    }
}

/// The `encrypted_content` that holds the signature of the tool call that follows.
pub(super) fn encrypted_of_call(signature: &Signature) -> String {
    marked(signature, OF_CALL)
}

fn marked(signature: &Signature, mark: &str) -> String {
    if signature.origin == Format::Responses {
        return signature.value.clone();
    }
    Signature::new(signature.origin, format!("{mark}{}", signature.value)).write(Format::Responses)
}

/// The `summary` of an item with these thoughts.
pub(super) fn summary(text: &str) -> Vec<Value> {
    if text.is_empty() {
        return Vec::new();
    }
    vec![json!({"type": "summary_text", "text": text})]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(thinking: &Thinking) -> Thought {
        let signature = thinking.signature.as_ref().unwrap();
        read_encrypted(
            &encrypted(signature, thinking.is_redacted),
            thinking.text.clone(),
        )
    }

    #[test]
    fn hidden_shown_and_empty_thoughts_of_any_provider_stay_apart() {
        for (origin, text, is_redacted) in [
            (Format::Responses, "", true),
            (Format::Responses, "Plan", false),
            (Format::Anthropic, "", true),
            (Format::Anthropic, "", false),
            (Format::Anthropic, "Plan", false),
            (Format::Gemini, "Plan", false),
        ] {
            let thinking = Thinking {
                text: text.to_owned(),
                signature: Some(Signature::new(origin, "Ab+/=")),
                is_redacted,
            };
            assert_eq!(round_trip(&thinking), Thought::Thinking(thinking));
        }
    }

    #[test]
    fn claudes_thoughts_at_openrouter_come_back_as_they_were() {
        let shown = json!({"type": "reasoning", "id": "rs_0", "summary": [], "format": CLAUDE,
            "content": [{"type": "reasoning_text", "text": "Plan"}], "signature": "EqQB"});
        let hidden = json!({"type": "reasoning", "id": "rs_1", "summary": [], "format": CLAUDE,
            "encrypted_content": "EtMF"});
        for (at, item) in [shown, hidden].into_iter().enumerate() {
            let mut taker = Taker::of(item.clone(), "input[0]").unwrap();
            let Thought::Thinking(thinking) = read(&mut taker).unwrap() else {
                panic!("thoughts are none");
            };
            assert_eq!(claudes_item(&thinking, at), Some(item));
        }
        assert_eq!(claudes_item(&Thinking::default(), 0), None);
    }

    #[test]
    fn the_signature_of_a_call_is_told_from_that_of_thoughts() {
        let signature = Signature::new(Format::Gemini, "Ab+/=");
        assert_eq!(
            read_encrypted(&encrypted_of_call(&signature), String::new()),
            Thought::OfCall(signature)
        );
    }
}
