//! Anthropic's Messages (<https://docs.claude.com/en/api/messages>, <https://docs.claude.com/en/docs/build-with-claude/streaming>).

use serde_json::{Value, json};

use super::super::record::Seen;
use super::super::reply::Reply;
use super::rules::{alternation, bearer, list, pairing, text};
use super::story::{Asked, CACHED, FAULT_WORDS, INPUT, OUTPUT, SIGNATURE, Tale};
use super::{Dialect, named};

pub(super) struct Anthropic;

/// The count of tokens of any prompt.
pub(super) fn count() -> Value {
    json!({"input_tokens": INPUT})
}

impl Dialect for Anthropic {
    fn is_streamed(&self, _: &Seen, request: &Value) -> bool {
        request.get("stream") == Some(&Value::Bool(true))
    }

    fn complaint(&self, seen: &Seen, request: &Value) -> Option<String> {
        if seen.header("x-api-key").or(bearer(seen)).is_none() {
            return Some("x-api-key header is required".to_owned());
        }
        if seen.header("anthropic-version").is_none() {
            return Some("anthropic-version: header is required".to_owned());
        }
        if request
            .get("max_tokens")
            .and_then(Value::as_u64)
            .unwrap_or(0)
            == 0
        {
            return Some("max_tokens: Field required".to_owned());
        }
        let messages = list(request, "/messages");
        if messages.is_empty() {
            return Some("messages: at least one message is required".to_owned());
        }
        let blocks = messages.iter().flat_map(|turn| list(turn, "/content"));
        for block in blocks {
            if text(block, "/type") == "text" && text(block, "/text").is_empty() {
                return Some("messages: text content blocks must be non-empty".to_owned());
            }
        }
        alternation(messages, "assistant").or_else(|| pairing(&turns(messages)))
    }

    fn asked(&self, request: &Value) -> Asked {
        let tools = list(request, "/tools");
        let forced = match text(request, "/tool_choice/type") {
            "any" => tools.first(),
            "tool" => tools
                .iter()
                .find(|tool| text(tool, "/name") == text(request, "/tool_choice/name")),
            _ => None,
        };
        Asked {
            has_tools: !tools.is_empty(),
            has_result: turns(list(request, "/messages"))
                .iter()
                .any(|(_, results)| !results.is_empty()),
            forced: forced.map(|tool| {
                let schema = tool.get("input_schema").cloned().unwrap_or_default();
                (text(tool, "/name").to_owned(), schema)
            }),
            schema: request
                .pointer("/output_config/format/schema")
                .or_else(|| request.pointer("/output_format/schema"))
                .cloned(),
        }
    }

    fn whole(&self, tale: &Tale, model: &str) -> Value {
        let mut content = Vec::new();
        if let Some(thoughts) = tale.thoughts {
            content.push(json!({"type": "thinking", "thinking": thoughts, "signature": SIGNATURE}));
        }
        if !tale.text.is_empty() {
            content.push(json!({"type": "text", "text": tale.text}));
        }
        for call in &tale.calls {
            content.push(
                json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.input()}),
            );
        }
        message(model, json!(content), json!(stop_reason(tale)), OUTPUT)
    }

    fn stream(&self, tale: &Tale, model: &str, _: &Value) -> Vec<Vec<u8>> {
        let begun = message(model, json!([]), Value::Null, 1);
        let start = named(
            "message_start",
            &json!({"type": "message_start", "message": begun}),
        );
        let ping = named("ping", &json!({"type": "ping"}));
        let mut events = vec![start, ping];
        let mut blocks = Blocks {
            events: &mut events,
            index: 0,
        };
        if let Some(thoughts) = tale.thoughts {
            blocks.add(
                &json!({"type": "thinking", "thinking": "", "signature": ""}),
                vec![
                    json!({"type": "thinking_delta", "thinking": thoughts}),
                    json!({"type": "signature_delta", "signature": SIGNATURE}),
                ],
            );
        }
        let text_delta = |piece| json!({"type": "text_delta", "text": piece});
        let pieces: Vec<Value> = tale.pieces().into_iter().map(text_delta).collect();
        if !pieces.is_empty() {
            blocks.add(&json!({"type": "text", "text": ""}), pieces);
        }
        for call in &tale.calls {
            let delta = |part| json!({"type": "input_json_delta", "partial_json": part});
            blocks.add(
                &json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}}),
                call.fragments().map(delta).to_vec(),
            );
        }
        let delta = json!({"stop_reason": stop_reason(tale), "stop_sequence": null});
        let end = json!({"type": "message_delta", "delta": delta, "usage": usage(OUTPUT)});
        events.push(named("message_delta", &end));
        events.push(named("message_stop", &json!({"type": "message_stop"})));
        events
    }

    fn fault(&self) -> Vec<u8> {
        let error = json!({"type": "overloaded_error", "message": FAULT_WORDS});
        named("error", &json!({"type": "error", "error": error}))
    }

    fn refusal(&self, status: u16, words: &str) -> Reply {
        let kind = match status {
            429 => "rate_limit_error",
            _ => "invalid_request_error",
        };
        let error = json!({"type": kind, "message": words});
        let body = json!({"type": "error", "error": error, "request_id": "req_story"});
        Reply::json(status, &body).header("request-id", "req_story")
    }
}

/// Writes content blocks: start, deltas, stop.
struct Blocks<'a> {
    events: &'a mut Vec<Vec<u8>>,
    index: usize,
}

impl Blocks<'_> {
    fn add(&mut self, block: &Value, deltas: Vec<Value>) {
        let index = self.index;
        let mut push = |kind: &str, key: &str, value: &Value| {
            let mut event = json!({"type": kind, "index": index});
            if !key.is_empty() {
                event = super::super::payload::with(event, key, value.clone());
            }
            self.events.push(named(kind, &event));
        };
        push("content_block_start", "content_block", block);
        for delta in &deltas {
            push("content_block_delta", "delta", delta);
        }
        push("content_block_stop", "", &Value::Null);
        self.index += 1;
    }
}

fn message(model: &str, content: Value, stop_reason: Value, output: u64) -> Value {
    json!({"id": "msg_story", "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": stop_reason, "stop_sequence": null, "usage": usage(output)})
}

/// Anthropic counts cached tokens apart from the input.
fn usage(output: u64) -> Value {
    json!({"input_tokens": INPUT - CACHED, "cache_creation_input_tokens": 0, "cache_read_input_tokens": CACHED,
        "output_tokens": output, "service_tier": "standard"})
}

fn stop_reason(tale: &Tale) -> &'static str {
    tale.ending("end_turn", "tool_use", "max_tokens")
}

/// The ids of calls and of results in each turn.
fn turns(messages: &[Value]) -> Vec<(Vec<&str>, Vec<&str>)> {
    let ids = |message, kind: &str, key: &str| {
        list(message, "/content")
            .iter()
            .filter(|block| text(block, "/type") == kind)
            .map(|block| text(block, key))
            .collect()
    };
    let turn = |message| {
        let calls = ids(message, "tool_use", "/id");
        (calls, ids(message, "tool_result", "/tool_use_id"))
    };
    messages.iter().map(turn).collect()
}
