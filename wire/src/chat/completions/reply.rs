//! A whole answer for a legacy client.

use serde_json::{Map, Value, json};

use super::logprobs;
use crate::chat::response::{finish_word, text_of};
use crate::chat::usage;
use crate::neutral::{Choice, Content, Reply};
use crate::translate::Context;

/// Writes a legacy completion.
pub(crate) fn write_completions_reply(reply: &Reply, context: &Context) -> Vec<u8> {
    let choices: Vec<Value> = reply.choices.iter().map(write_choice).collect();
    let model = reply.model.as_deref().unwrap_or(&context.model);
    let mut body = Map::new();
    body.insert("id".to_owned(), format!("cmpl-{}", context.call_id).into());
    body.insert("object".to_owned(), "text_completion".into());
    body.insert("created".to_owned(), context.created_s.into());
    body.insert("model".to_owned(), model.into());
    body.insert("choices".to_owned(), choices.into());
    if let Some(used) = &reply.usage {
        body.insert("usage".to_owned(), usage::write(used));
    }
    if let Some(print) = reply.rest.get("system_fingerprint") {
        body.insert("system_fingerprint".to_owned(), print.clone());
    }
    Value::Object(body).to_string().into_bytes()
}

fn write_choice(choice: &Choice) -> Value {
    let mut text = text_of(&choice.parts);
    for part in &choice.parts {
        if let Content::Refusal(refusal) = &part.content {
            text.push_str(refusal);
        }
    }
    let probabilities = choice.logprobs.as_ref();
    json!({
        "index": choice.index,
        "text": text,
        "logprobs": probabilities.map(|of_chat| logprobs::write(of_chat, &mut 0)),
        "finish_reason": plain_word(finish_word(choice)),
    })
}

/// A legacy client knows of no tools.
pub(super) fn plain_word(word: &str) -> &str {
    match word {
        "tool_calls" => "stop",
        _ => word,
    }
}
