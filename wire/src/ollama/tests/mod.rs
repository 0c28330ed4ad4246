mod reply;
mod request;
mod stream;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::format::Format;
use crate::neutral::{Content, Message, Part, Request, Role, Source, ToolCall, ToolResult};
use crate::translate::Context;

fn context() -> Context {
    Context {
        call_id: "0199-ab".to_owned(),
        model: "qwen3:8b".to_owned(),
        created_s: 1_700_000_000,
        think_tags: false,
        request: Arc::new(Request::default()),
    }
}

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message::new(role, parts)
}

fn user(text: &str) -> Message {
    message(Role::User, vec![Part::text(text)])
}

fn image(base64: &str) -> Part {
    Part::new(Content::Image {
        source: Source::Data {
            media_type: "image/png".to_owned(),
            base64: base64.to_owned(),
        },
        detail: None,
    })
}

fn call(id: &str, name: &str, input: &str) -> Part {
    Part::new(Content::ToolCall(ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        input: input.to_owned(),
        is_custom: false,
        signature: None,
    }))
}

fn result(id: &str, parts: Vec<Part>) -> Part {
    Part::new(Content::ToolResult(ToolResult {
        call_id: id.to_owned(),
        name: None,
        parts,
        is_error: false,
        is_custom: false,
    }))
}

/// Ollama's answer with a call as version 0.13 writes it.
fn answer_with_calls() -> Value {
    json!({
        "model": "qwen3:8b",
        "created_at": "2025-12-01T10:00:00.123456Z",
        "message": {
            "role": "assistant",
            "content": "I look.",
            "thinking": "Hm.",
            "tool_calls": [
                {"id": "call_x1", "function": {"index": 0, "name": "weather", "arguments": {"z": 1.50, "a": "Bonn"}}},
                {"function": {"name": "now", "arguments": {}}},
                {"function": {"name": "now"}},
            ],
        },
        "done": true,
        "done_reason": "stop",
        "total_duration": 4_883_583_458_i64,
        "load_duration": 1_334_875,
        "prompt_eval_count": 26,
        "prompt_eval_duration": 342_546_000,
        "eval_count": 282,
        "eval_duration": 4_535_599_000_i64,
    })
}
