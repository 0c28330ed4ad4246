//! Cohere's v2 chat (<https://docs.cohere.com/reference/chat>, <https://docs.cohere.com/docs/streaming>).

use serde_json::{Value, json};

use super::super::payload::with;
use super::super::record::Seen;
use super::super::reply::Reply;
use super::rules::{bearer, list, text};
use super::story::{Asked, CACHED, FAULT_WORDS, INPUT, OUTPUT, Tale};
use super::{Dialect, named};

pub(super) struct Cohere;

impl Dialect for Cohere {
    fn is_streamed(&self, _: &Seen, request: &Value) -> bool {
        request.get("stream") == Some(&Value::Bool(true))
    }

    fn complaint(&self, seen: &Seen, request: &Value) -> Option<String> {
        if bearer(seen).is_none() {
            return Some("no api key supplied".to_owned());
        }
        let messages = list(request, "/messages");
        if messages.is_empty() {
            return Some("invalid request: messages must not be empty".to_owned());
        }
        let mut calls: Vec<&str> = Vec::new();
        for message in messages {
            let made = list(message, "/tool_calls").iter();
            calls.extend(made.map(|call| text(call, "/id")));
            let id = text(message, "/tool_call_id");
            if text(message, "/role") == "tool" && !calls.contains(&id) {
                return Some(format!(
                    "invalid request: tool call id not found in previous tool calls: {id}"
                ));
            }
        }
        match request.get("tool_choice").map(Value::as_str) {
            None | Some(Some("REQUIRED" | "NONE")) => None,
            Some(other) => Some(format!("invalid request: tool_choice {other:?}")),
        }
    }

    fn asked(&self, request: &Value) -> Asked {
        let tools = list(request, "/tools");
        let forced = tools
            .first()
            .filter(|_| text(request, "/tool_choice") == "REQUIRED");
        Asked {
            has_tools: !tools.is_empty(),
            has_result: list(request, "/messages")
                .iter()
                .any(|message| text(message, "/role") == "tool"),
            forced: forced.map(|tool| {
                let schema = tool.pointer("/function/parameters").cloned();
                let name = text(tool, "/function/name").to_owned();
                (name, schema.unwrap_or_default())
            }),
            schema: request
                .pointer("/response_format/json_schema")
                .or_else(|| request.pointer("/response_format/schema"))
                .cloned(),
        }
    }

    fn whole(&self, tale: &Tale, _: &str) -> Value {
        let mut content = Vec::new();
        if let Some(thoughts) = tale.thoughts {
            content.push(json!({"type": "thinking", "thinking": thoughts}));
        }
        if !tale.text.is_empty() {
            content.push(json!({"type": "text", "text": tale.text}));
        }
        let mut message = json!({"role": "assistant"});
        if tale.calls.is_empty() {
            message = with(message, "content", json!(content));
        } else {
            message = with(message, "tool_plan", json!("I will look the weather up."));
            let calls: Vec<Value> = tale
                .calls
                .iter()
                .map(|call| tool_call(call, &call.arguments))
                .collect();
            message = with(message, "tool_calls", json!(calls));
        }
        json!({"id": "story", "message": message, "finish_reason": finish(tale), "usage": usage()})
    }

    fn stream(&self, tale: &Tale, _: &str, _: &Value) -> Vec<Vec<u8>> {
        let empty = json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []});
        let start = json!({"id": "story", "type": "message-start", "delta": {"message": empty}});
        let mut events = vec![named("message-start", &start)];
        let mut push = |kind: &str, index: usize, message: Value| {
            let event = json!({"type": kind, "index": index, "delta": {"message": message}});
            events.push(named(kind, &event));
        };
        let mut index = 0;
        for (kind, pieces) in [
            (
                "thinking",
                tale.thoughts.map(str::to_owned).into_iter().collect(),
            ),
            ("text", tale.pieces()),
        ] {
            if pieces.is_empty() {
                continue;
            }
            let begun = json!({"content": with(json!({"type": kind}), kind, json!(""))});
            push("content-start", index, begun);
            for piece in pieces {
                let more = json!({"content": with(json!({}), kind, json!(piece))});
                push("content-delta", index, more);
            }
            push("content-end", index, json!({}));
            index += 1;
        }
        if !tale.calls.is_empty() {
            let plan = json!({"tool_plan": "I will look the weather up."});
            push("tool-plan-delta", 0, plan);
        }
        for (index, call) in tale.calls.iter().enumerate() {
            let [first, rest @ ..] = call.fragments();
            push(
                "tool-call-start",
                index,
                json!({"tool_calls": tool_call(call, first)}),
            );
            for part in rest {
                let more = json!({"tool_calls": {"function": {"arguments": part}}});
                push("tool-call-delta", index, more);
            }
            push("tool-call-end", index, json!({}));
        }
        let end = json!({"type": "message-end", "delta": {"finish_reason": finish(tale), "usage": usage()}});
        events.push(named("message-end", &end));
        events
    }

    fn fault(&self) -> Vec<u8> {
        let delta = json!({"error": FAULT_WORDS, "finish_reason": "ERROR"});
        named(
            "message-end",
            &json!({"type": "message-end", "delta": delta}),
        )
    }

    fn refusal(&self, status: u16, words: &str) -> Reply {
        Reply::json(status, &json!({"id": "story", "message": words}))
    }
}

fn tool_call(call: &super::story::Call, arguments: &str) -> Value {
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

fn finish(tale: &Tale) -> &'static str {
    tale.ending("COMPLETE", "TOOL_CALL", "MAX_TOKENS")
}

/// Cohere's own template adds tokens that nobody pays for.
fn usage() -> Value {
    json!({"billed_units": {"input_tokens": INPUT, "output_tokens": OUTPUT},
        "tokens": {"input_tokens": INPUT + 60, "output_tokens": OUTPUT + 2}, "cached_tokens": CACHED})
}
