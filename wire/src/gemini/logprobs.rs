//! Log probabilities: Google's two parallel lists, and OpenAI's one.

use serde_json::{Value, json};

/// OpenAI's `logprobs` of a `logprobsResult`; none if it tells no token.
pub(super) fn read(result: &Value) -> Option<Value> {
    let chosen = result.get("chosenCandidates")?.as_array()?;
    let top = result.get("topCandidates").and_then(Value::as_array);
    let tokens = chosen.iter().enumerate().map(|(at, token)| {
        let beside = top
            .and_then(|top| top.get(at)?.get("candidates")?.as_array())
            .map(|beside| beside.iter().map(read_token).collect())
            .unwrap_or_default();
        let mut read = read_token(token);
        if let Some(read) = read.as_object_mut() {
            read.insert("top_logprobs".to_owned(), Value::Array(beside));
        }
        read
    });
    let tokens: Vec<Value> = tokens.collect();
    (!tokens.is_empty()).then(|| json!({"content": tokens, "refusal": null}))
}

fn read_token(token: &Value) -> Value {
    let text = token.get("token").and_then(Value::as_str);
    let text = text.unwrap_or_default();
    // A probability of one is zero, which Google's JSON leaves out.
    let probability = token.get("logProbability").cloned().unwrap_or(json!(0.0));
    json!({"token": text, "logprob": probability, "bytes": text.as_bytes()})
}

/// A `logprobsResult` of OpenAI's `logprobs`; none if they tell no token.
pub(super) fn write(logprobs: &Value) -> Option<Value> {
    let tokens = logprobs.get("content")?.as_array()?;
    if tokens.is_empty() {
        return None;
    }
    let chosen: Vec<Value> = tokens.iter().map(write_token).collect();
    let top = tokens.iter().map(|token| {
        let beside = token.get("top_logprobs").and_then(Value::as_array);
        let beside: Vec<Value> = beside.into_iter().flatten().map(write_token).collect();
        json!({ "candidates": beside })
    });
    let top: Vec<Value> = top.collect();
    Some(json!({"chosenCandidates": chosen, "topCandidates": top}))
}

fn write_token(token: &Value) -> Value {
    json!({"token": token.get("token"), "logProbability": token.get("logprob")})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let google = json!({
            "chosenCandidates": [
                {"token": "Hé", "logProbability": -0.25},
                {"token": "!", "logProbability": -1.5}
            ],
            "topCandidates": [
                {"candidates": [{"token": "Hé", "logProbability": -0.25}, {"token": "Yo", "logProbability": -2.0}]},
                {"candidates": []}
            ]
        });
        let openai = read(&google).unwrap();
        assert_eq!(openai["content"][0]["bytes"], json!([72, 195, 169]));
        assert_eq!(openai["content"][0]["top_logprobs"][1]["token"], "Yo");
        assert_eq!(openai["content"][1]["logprob"], -1.5);
        assert_eq!(write(&openai), Some(google));
        assert_eq!(read(&json!({})), None);
        assert_eq!(write(&json!({"content": []})), None);
    }
}
