//! Cohere's log probabilities as OpenAI's `logprobs`.

use serde_json::{Value, json};

/// One entry for each chunk of text that Cohere tells of. A chunk of several tokens is one entry, with the logarithm of
/// the probability of the whole: what its single tokens say is not told.
pub(super) fn to_openai(items: &[Value]) -> Option<Value> {
    let content: Vec<Value> = items.iter().filter_map(entry).collect();
    (!content.is_empty()).then(|| json!({"content": content, "refusal": null}))
}

fn entry(item: &Value) -> Option<Value> {
    let text = item.get("text")?.as_str()?;
    let of_tokens = item.get("logprobs")?.as_array()?;
    let whole: f64 = of_tokens.iter().filter_map(Value::as_f64).sum();
    Some(json!({
        "token": text,
        "logprob": whole,
        "bytes": text.as_bytes(),
        "top_logprobs": [],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_an_entry() {
        let items = [
            json!({"text": "Hé", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}),
            json!({"token_ids": [3]}),
        ];
        let expected = json!({"content": [
            {"token": "Hé", "logprob": -0.75, "bytes": [72, 195, 169], "top_logprobs": []}
        ], "refusal": null});
        assert_eq!(to_openai(&items), Some(expected));
        assert_eq!(to_openai(&[]), None);
    }
}
