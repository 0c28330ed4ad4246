//! The JSON a provider sends, in OpenAI's shapes.

use serde_json::{Map, Value, json};

/// The text of an answer nobody chose: several scripts, so that cutting it at a byte cuts a character.
pub const TEXT: &str = "Grüße, 世界! Hello from the upstream 🌍.";

/// When every answer was made; a constant keeps answers comparable.
const CREATED: u64 = 1_760_000_000;

/// A usage object with these counts.
pub(super) fn usage(prompt: u64, completion: u64, cached: u64) -> Value {
    json!({
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
    })
}

/// What all answers and chunks of one call share.
pub(super) struct Envelope<'a> {
    pub(super) id: &'a str,
    pub(super) model: &'a str,
    pub(super) legacy: bool,
}

impl Envelope<'_> {
    fn object(&self, object: &str, choices: Value) -> Value {
        json!({
            "id": self.id, "object": object, "created": CREATED, "model": self.model, "choices": choices,
            "system_fingerprint": "fp_scripted", "x_unknown": {"kept": [1, 2.50, "three"]},
        })
    }

    /// A whole answer.
    pub(super) fn whole(&self, text: &str, tools: &[Value], finish: &str) -> Value {
        if self.legacy {
            let choice =
                json!({"index": 0, "text": text, "logprobs": null, "finish_reason": finish});
            return self.object("text_completion", json!([choice]));
        }
        let mut message = json!({"role": "assistant", "content": text, "refusal": null});
        if let (false, Some(message)) = (tools.is_empty(), message.as_object_mut()) {
            message.insert("content".into(), Value::Null);
            message.insert("tool_calls".into(), json!(tools));
        }
        let choice =
            json!({"index": 0, "message": message, "logprobs": null, "finish_reason": finish});
        self.object("chat.completion", json!([choice]))
    }

    /// One chunk with this delta; the legacy endpoint has `text` where chat has `delta`.
    pub(super) fn chunk(&self, delta: Value, finish: Option<&str>) -> Value {
        if self.legacy {
            let text = delta.get("content").cloned().unwrap_or_else(|| json!(""));
            let choice =
                json!({"index": 0, "text": text, "logprobs": null, "finish_reason": finish});
            return self.object("text_completion", json!([choice]));
        }
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        self.object("chat.completion.chunk", json!([choice]))
    }

    /// The last chunk, which has usage and no choice.
    pub(super) fn usage_chunk(&self, usage: Value) -> Value {
        let object = if self.legacy {
            "text_completion"
        } else {
            "chat.completion.chunk"
        };
        with(self.object(object, json!([])), "usage", usage)
    }
}

/// `object` with one more field.
pub(super) fn with(mut object: Value, key: &str, value: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
    object
}

/// The embeddings of every input, as floats or, if asked, as base64 of little-endian f32.
pub(super) fn embeddings(request: &Value) -> Value {
    use base64::Engine as _;
    let inputs = match request.get("input") {
        Some(Value::Array(many)) if !many.iter().all(Value::is_number) => many.len(),
        _ => 1,
    };
    let base64 = request.get("encoding_format").and_then(Value::as_str) == Some("base64");
    let data: Vec<Value> = (0..inputs)
        .map(|index| {
            let vector = [0.25_f32, -0.5, 0.125, index as f32];
            let embedding = if base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|part| part.to_le_bytes()).collect();
                json!(base64::engine::general_purpose::STANDARD.encode(bytes))
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    json!({
        "object": "list", "data": data, "model": request.get("model").cloned().unwrap_or(Value::Null),
        "usage": {"prompt_tokens": 8 * inputs, "total_tokens": 8 * inputs},
    })
}

/// The upstream's own list of models.
pub(super) fn models() -> Value {
    let model =
        |id: &str| json!({"id": id, "object": "model", "created": CREATED, "owned_by": "scripted"});
    json!({"object": "list", "data": [model("ok"), model("tools"), model("schema")]})
}

/// The smallest value that a JSON schema allows, for the subset that structured outputs use.
pub(super) fn instance_of(schema: &Value, root: &Value) -> Value {
    if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
        let target = root
            .pointer(path.trim_start_matches('#'))
            .unwrap_or(&Value::Null);
        return instance_of(target, root);
    }
    if let Some(first) = schema.pointer("/enum/0").or_else(|| schema.get("const")) {
        return first.clone();
    }
    if let Some(first) = schema.pointer("/anyOf/0") {
        return instance_of(first, root);
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let fields: Map<String, Value> = properties
                .into_iter()
                .flatten()
                .map(|(key, inner)| (key.clone(), instance_of(inner, root)))
                .collect();
            Value::Object(fields)
        }
        Some("array") => json!([instance_of(
            schema.get("items").unwrap_or(&Value::Null),
            root
        )]),
        Some("string") => json!("Grüße"),
        Some("integer") => json!(7),
        Some("number") => json!(1.5),
        Some("boolean") => json!(true),
        _ => Value::Null,
    }
}
