//! The probabilities of tokens, in the shape that Completions has for them.

use serde_json::{Map, Value, json};

/// Writes chat's `logprobs` as legacy ones. `offset` is where in the text, in characters, the first token stands; it is
/// moved behind the last one.
pub(super) fn write(of_chat: &Value, offset: &mut usize) -> Value {
    let mut tokens = Vec::new();
    let mut chosen = Vec::new();
    let mut likely = Vec::new();
    let mut offsets = Vec::new();
    let content = of_chat.get("content").and_then(Value::as_array);
    for entry in content.into_iter().flatten() {
        let token = entry
            .get("token")
            .and_then(Value::as_str)
            .unwrap_or_default();
        tokens.push(Value::from(token));
        chosen.push(entry.get("logprob").cloned().unwrap_or_default());
        likely.push(write_likely(entry));
        offsets.push(Value::from(*offset));
        *offset += token.chars().count();
    }
    json!({
        "tokens": tokens,
        "token_logprobs": chosen,
        "top_logprobs": likely,
        "text_offset": offsets,
    })
}

fn write_likely(entry: &Value) -> Value {
    let listed = entry.get("top_logprobs").and_then(Value::as_array);
    let pairs = listed.into_iter().flatten().filter_map(|one| {
        let token = one.get("token")?.as_str()?;
        Some((token.to_owned(), one.get("logprob")?.clone()))
    });
    Value::Object(pairs.collect::<Map<_, _>>())
}
