//! Answers for clients.

use serde_json::{Value, json};

use super::{Encoding, Reply, Request, Vector};

/// Writes the body of OpenAI's answer, with the numbers as the request asks for them. A usage that nobody told is
/// zero, since OpenAI's SDKs want one.
pub fn write_openai(reply: &Reply, request: &Request, model: &str) -> Vec<u8> {
    let mut out = br#"{"object":"list","data":["#.to_vec();
    for (index, vector) in reply.vectors.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let head = format!(r#"{comma}{{"object":"embedding","index":{index},"embedding":"#);
        out.extend_from_slice(head.as_bytes());
        match request.encoding {
            Encoding::Float => out.extend_from_slice(vector.as_json().as_bytes()),
            // Base64 has no character that JSON escapes.
            Encoding::Base64 => {
                out.push(b'"');
                out.extend_from_slice(vector.to_base64().as_bytes());
                out.push(b'"');
            }
        }
        out.push(b'}');
    }
    let tokens = reply.usage.map_or(0, |usage| usage.input_total());
    let model = Value::from(model);
    let tail = format!(
        r#"],"model":{model},"usage":{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}}}"#
    );
    out.extend_from_slice(tail.as_bytes());
    out
}

/// Writes the body of Google's answer to `:embedContent`, or to `:batchEmbedContents` if `batch`.
pub fn write_gemini(reply: &Reply, batch: bool) -> Vec<u8> {
    let values = |vector: &Vector| format!(r#"{{"values":{}}}"#, vector.as_json());
    let mut out = if batch {
        let all: Vec<String> = reply.vectors.iter().map(values).collect();
        format!(r#"{{"embeddings":[{}]"#, all.join(","))
    } else {
        let one = reply.vectors.first().map(values);
        let one = one.unwrap_or_else(|| r#"{"values":[]}"#.to_owned());
        format!(r#"{{"embedding":{one}"#)
    };
    if let Some(usage) = reply.usage {
        let tokens = usage.input_total();
        let told = json!({"promptTokenCount": tokens, "totalTokenCount": tokens});
        out.push_str(&format!(r#","usageMetadata":{told}"#));
    }
    out.push('}');
    out.into_bytes()
}
