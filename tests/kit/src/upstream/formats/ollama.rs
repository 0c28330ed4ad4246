//! Ollama's own chat (<https://docs.ollama.com/api/chat>): a line of JSON for each piece. It asks for no key.

use serde_json::{Value, json};

use super::super::payload::with;
use super::super::record::Seen;
use super::super::reply::Reply;
use super::Dialect;
use super::rules::{list, text};
use super::story::{Asked, FAULT_WORDS, INPUT, OUTPUT, Tale};

pub(super) struct Ollama;

impl Dialect for Ollama {
    fn media_type(&self) -> &'static str {
        "application/x-ndjson"
    }

    /// Ollama streams unless it is told not to.
    fn is_streamed(&self, _: &Seen, request: &Value) -> bool {
        request.get("stream") != Some(&Value::Bool(false))
    }

    fn complaint(&self, _: &Seen, request: &Value) -> Option<String> {
        for message in list(request, "/messages") {
            if !message.get("content").is_none_or(Value::is_string) {
                return Some(
                    "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string"
                        .to_owned(),
                );
            }
            for call in list(message, "/tool_calls") {
                if !call
                    .pointer("/function/arguments")
                    .is_some_and(Value::is_object)
                {
                    return Some(
                        "json: cannot unmarshal string into Go struct field ToolCallFunction.arguments".to_owned(),
                    );
                }
            }
        }
        None
    }

    fn asked(&self, request: &Value) -> Asked {
        Asked {
            has_tools: !list(request, "/tools").is_empty(),
            has_result: list(request, "/messages")
                .iter()
                .any(|message| text(message, "/role") == "tool"),
            forced: None,
            schema: request.get("format").filter(|it| it.is_object()).cloned(),
        }
    }

    fn whole(&self, tale: &Tale, model: &str) -> Value {
        let mut message = json!({"role": "assistant", "content": tale.text});
        if let Some(thoughts) = tale.thoughts {
            message = with(message, "thinking", json!(thoughts));
        }
        if !tale.calls.is_empty() {
            message = with(message, "tool_calls", calls(tale));
        }
        last(tale, model, message)
    }

    fn stream(&self, tale: &Tale, model: &str, _: &Value) -> Vec<Vec<u8>> {
        let line = |message: Value| {
            let piece = json!({"model": model, "created_at": "2026-11-01T12:00:00.123456Z", "message": message,
                "done": false});
            format!("{piece}\n").into_bytes()
        };
        let mut lines = Vec::new();
        if let Some(thoughts) = tale.thoughts {
            lines.push(line(
                json!({"role": "assistant", "content": "", "thinking": thoughts}),
            ));
        }
        for piece in tale.pieces() {
            lines.push(line(json!({"role": "assistant", "content": piece})));
        }
        if !tale.calls.is_empty() {
            lines.push(line(
                json!({"role": "assistant", "content": "", "tool_calls": calls(tale)}),
            ));
        }
        let end = last(tale, model, json!({"role": "assistant", "content": ""}));
        lines.push(format!("{end}\n").into_bytes());
        lines
    }

    fn fault(&self) -> Vec<u8> {
        format!("{}\n", json!({"error": FAULT_WORDS})).into_bytes()
    }

    fn refusal(&self, status: u16, words: &str) -> Reply {
        Reply::json(status, &json!({"error": words}))
    }
}

fn calls(tale: &Tale) -> Value {
    let call = |(index, call): (usize, &super::story::Call)| json!({"function": {"index": index, "name": call.name, "arguments": call.input()}});
    tale.calls.iter().enumerate().map(call).collect()
}

/// The line that ends an answer; a whole answer is that line alone. Ollama says `stop` also of calls.
fn last(tale: &Tale, model: &str, message: Value) -> Value {
    json!({"model": model, "created_at": "2026-11-01T12:00:01.123456Z", "message": message, "done": true,
        "done_reason": tale.ending("stop", "stop", "length"), "total_duration": 1_234_567_890_u64,
        "load_duration": 12_345_678, "prompt_eval_count": INPUT, "prompt_eval_duration": 23_456_789,
        "eval_count": OUTPUT, "eval_duration": 987_654_321})
}
