//! Google's `generateContent` (<https://ai.google.dev/api/generate-content>); its events end in CRLF.

use serde_json::{Value, json};

use super::super::payload::with;
use super::super::record::Seen;
use super::super::reply::Reply;
use super::Dialect;
use super::rules::{list, text};
use super::story::{Asked, CACHED, FAULT_WORDS, INPUT, OUTPUT, SIGNATURE, Tale};

pub(super) struct Gemini;

/// The count of tokens of any prompt.
pub(super) fn count() -> Value {
    json!({"totalTokens": INPUT, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": INPUT}]})
}

/// Embeddings of every request in a batch.
pub(super) fn embeddings(request: &Value) -> Value {
    let one = |_| json!({"values": [0.25, -0.5, 0.125]});
    let all: Vec<Value> = list(request, "/requests").iter().map(one).collect();
    json!({"embeddings": all})
}

impl Dialect for Gemini {
    fn is_streamed(&self, seen: &Seen, _: &Value) -> bool {
        seen.path.contains(":streamGenerateContent")
    }

    fn complaint(&self, seen: &Seen, request: &Value) -> Option<String> {
        if seen.header("x-goog-api-key").is_none() {
            return Some("API key not valid. Please pass a valid API key.".to_owned());
        }
        if seen.path.contains(":stream") && !seen.path.ends_with("?alt=sse") {
            return Some("The scripted upstream streams with alt=sse only.".to_owned());
        }
        let contents = list(request, "/contents");
        if contents.is_empty() {
            return Some("contents is not specified".to_owned());
        }
        let mut open = 0;
        for (at, content) in contents.iter().enumerate() {
            let parts = list(content, "/parts");
            if parts.is_empty() {
                return Some(format!("contents[{at}].parts must not be empty"));
            }
            if !matches!(text(content, "/role"), "user" | "model" | "") {
                return Some("Please use a valid role: user, model.".to_owned());
            }
            let count = |key: &str| parts.iter().filter(|part| part.get(key).is_some()).count();
            let results = count("functionResponse");
            if results != open {
                return Some(
                    "Please ensure that the number of function response parts is equal to the number of function call \
                     parts of the function call turn."
                        .to_owned(),
                );
            }
            open = count("functionCall");
        }
        unknown_schema_keyword(request)
    }

    fn asked(&self, request: &Value) -> Asked {
        let declared = declarations(request);
        let config = "/toolConfig/functionCallingConfig";
        let allowed = text(request, &format!("{config}/allowedFunctionNames/0"));
        let forced = declared.iter().find(|tool| {
            text(request, &format!("{config}/mode")) == "ANY"
                && (allowed.is_empty() || text(tool, "/name") == allowed)
        });
        // Google reads names in either case, and its own SDK writes this one so.
        let names = [
            "parametersJsonSchema",
            "parameters_json_schema",
            "parameters",
        ];
        let schema = |tool: &Value| names.iter().find_map(|name| tool.get(name)).map(lower);
        let answered = |content| {
            list(content, "/parts")
                .iter()
                .any(|part: &Value| part.get("functionResponse").is_some())
        };
        let config = request.get("generationConfig").unwrap_or(&Value::Null);
        Asked {
            has_tools: !declared.is_empty(),
            has_result: list(request, "/contents").iter().any(answered),
            forced: forced.map(|tool| {
                let name = text(tool, "/name").to_owned();
                (name, schema(tool).unwrap_or_default())
            }),
            schema: config
                .get("responseJsonSchema")
                .or_else(|| config.get("responseSchema"))
                .map(lower),
        }
    }

    fn whole(&self, tale: &Tale, model: &str) -> Value {
        let mut parts = thoughts(tale);
        if !tale.text.is_empty() {
            parts.push(signed(tale, json!({"text": tale.text})));
        }
        parts.extend(calls(tale));
        answer(tale, model, parts, true)
    }

    fn stream(&self, tale: &Tale, model: &str, _: &Value) -> Vec<Vec<u8>> {
        let mut parts = thoughts(tale);
        parts.extend(
            tale.pieces()
                .into_iter()
                .map(|piece| json!({"text": piece})),
        );
        parts.extend(calls(tale));
        let count = parts.len();
        let event = |(at, part): (usize, Value)| {
            let last = at + 1 == count;
            let part = if last { signed(tale, part) } else { part };
            let event = answer(tale, model, vec![part], last);
            format!("data: {event}\r\n\r\n").into_bytes()
        };
        parts.into_iter().enumerate().map(event).collect()
    }

    fn fault(&self) -> Vec<u8> {
        let error = json!({"code": 503, "message": FAULT_WORDS, "status": "UNAVAILABLE"});
        format!("data: {}\r\n\r\n", json!({"error": error})).into_bytes()
    }

    fn refusal(&self, status: u16, words: &str) -> Reply {
        let name = match status {
            429 => "RESOURCE_EXHAUSTED",
            _ => "INVALID_ARGUMENT",
        };
        let delay =
            json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"});
        let error = json!({"code": status, "message": words, "status": name, "details": [delay]});
        Reply::json(status, &json!({"error": error}))
    }
}

fn declarations(request: &Value) -> Vec<&Value> {
    let tools = list(request, "/tools").iter();
    tools
        .flat_map(|tool| list(tool, "/functionDeclarations"))
        .collect()
}

fn thoughts(tale: &Tale) -> Vec<Value> {
    let part = |thoughts| json!({"text": thoughts, "thought": true});
    tale.thoughts.map(part).into_iter().collect()
}

/// Where thoughts came before, the text that follows them carries their proof.
fn signed(tale: &Tale, part: Value) -> Value {
    match tale.thoughts {
        Some(_) => with(part, "thoughtSignature", json!(SIGNATURE)),
        None => part,
    }
}

/// Calls have no id in the Gemini API; the first one of a turn carries the thoughts' proof.
fn calls(tale: &Tale) -> Vec<Value> {
    let part = |(at, call): (usize, &super::story::Call)| {
        let part = json!({"functionCall": {"name": call.name, "args": call.input()}});
        match at {
            0 => with(part, "thoughtSignature", json!(SIGNATURE)),
            _ => part,
        }
    };
    tale.calls.iter().enumerate().map(part).collect()
}

fn answer(tale: &Tale, model: &str, parts: Vec<Value>, is_last: bool) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
    let mut usage = json!({"promptTokenCount": INPUT, "cachedContentTokenCount": CACHED, "totalTokenCount": INPUT,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": INPUT}]});
    if is_last {
        let finish = tale.ending("STOP", "STOP", "MAX_TOKENS");
        candidate = with(candidate, "finishReason", json!(finish));
        usage = with(
            usage,
            "candidatesTokenCount",
            json!(OUTPUT - tale.reasoning()),
        );
        usage = with(usage, "totalTokenCount", json!(INPUT + OUTPUT));
        if tale.reasoning() > 0 {
            usage = with(usage, "thoughtsTokenCount", json!(tale.reasoning()));
        }
    }
    json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "story"})
}

/// Google's `Schema` refuses keywords it does not know, where `parametersJsonSchema` takes any.
fn unknown_schema_keyword(request: &Value) -> Option<String> {
    let schemas = declarations(request)
        .into_iter()
        .filter_map(|tool| tool.get("parameters"))
        .chain(request.pointer("/generationConfig/responseSchema"));
    for schema in schemas {
        for keyword in ["$schema", "additionalProperties", "$ref", "strict"] {
            if schema.get(keyword).is_some() {
                return Some(format!(
                    "Invalid JSON payload received. Unknown name \"{keyword}\" at 'schema': Cannot find field."
                ));
            }
        }
    }
    None
}

/// A `Schema` with the types of JSON Schema: Google writes `OBJECT` where JSON Schema has `object`.
fn lower(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| match (key.as_str(), value) {
                ("type", Value::String(name)) => (key.clone(), json!(name.to_lowercase())),
                _ => (key.clone(), lower(value)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(lower).collect(),
        other => other.clone(),
    }
}
