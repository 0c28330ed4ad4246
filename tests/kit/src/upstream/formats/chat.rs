//! OpenAI's Chat Completions (<https://platform.openai.com/docs/api-reference/chat>), with `reasoning_content` for thoughts,
//! as DeepSeek and vLLM have it.

use serde_json::{Value, json};

use super::super::payload::with;
use super::super::record::Seen;
use super::super::reply::Reply;
use super::rules::{bearer, list, text};
use super::story::{Asked, CACHED, Call, FAULT_WORDS, INPUT, OUTPUT, Tale};
use super::{Dialect, data};

pub(super) struct Chat;

const ID: &str = "chatcmpl-story";

impl Dialect for Chat {
    fn is_streamed(&self, _: &Seen, request: &Value) -> bool {
        request.get("stream") == Some(&Value::Bool(true))
    }

    fn complaint(&self, seen: &Seen, request: &Value) -> Option<String> {
        if bearer(seen).is_none() {
            return Some("You didn't provide an API key.".to_owned());
        }
        let messages = list(request, "/messages");
        if messages.is_empty() {
            return Some("Missing required parameter: 'messages'.".to_owned());
        }
        let mut calls: Vec<&str> = Vec::new();
        for (at, message) in messages.iter().enumerate() {
            match text(message, "/role") {
                "assistant" => calls = ids_of(message),
                "tool" if !calls.contains(&text(message, "/tool_call_id")) => {
                    return Some(format!(
                        "messages[{at}]: 'tool' must follow a message with 'tool_calls' that has its id"
                    ));
                }
                "tool" | "system" | "developer" | "user" => {}
                role => return Some(format!("messages[{at}]: invalid role {role:?}")),
            }
        }
        None
    }

    fn asked(&self, request: &Value) -> Asked {
        let tools = list(request, "/tools");
        let choice = request.get("tool_choice").unwrap_or(&Value::Null);
        let forced = match choice.as_str() {
            Some("required") => tools.first(),
            _ => tools.iter().find(|tool| {
                let name = text(tool, "/function/name");
                !name.is_empty() && text(choice, "/function/name") == name
            }),
        };
        let schema = |tool: &Value| tool.pointer("/function/parameters").cloned();
        Asked {
            has_tools: !tools.is_empty(),
            has_result: list(request, "/messages")
                .iter()
                .any(|message| text(message, "/role") == "tool"),
            forced: forced.map(|tool| {
                let name = text(tool, "/function/name").to_owned();
                (name, schema(tool).unwrap_or_default())
            }),
            schema: request
                .pointer("/response_format/json_schema/schema")
                .cloned(),
        }
    }

    fn whole(&self, tale: &Tale, model: &str) -> Value {
        let content = Some(&tale.text).filter(|text| !text.is_empty());
        let mut message =
            json!({"role": "assistant", "content": content, "refusal": null, "annotations": []});
        if let Some(thoughts) = tale.thoughts {
            message = with(message, "reasoning_content", json!(thoughts));
        }
        if !tale.calls.is_empty() {
            let calls: Vec<Value> = tale
                .calls
                .iter()
                .map(|call| tool_call(call, &call.arguments))
                .collect();
            message = with(message, "tool_calls", json!(calls));
        }
        let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": finish(tale)});
        json!({"id": ID, "object": "chat.completion", "created": 1_760_000_000, "model": model, "choices": [choice],
            "usage": usage(tale), "service_tier": "default", "system_fingerprint": "fp_story"})
    }

    fn stream(&self, tale: &Tale, model: &str, request: &Value) -> Vec<Vec<u8>> {
        let with_usage = request.pointer("/stream_options/include_usage") == Some(&json!(true));
        let chunk = |choices: Value, usage: Value| {
            let chunk = json!({"id": ID, "object": "chat.completion.chunk", "created": 1_760_000_000, "model": model,
                "service_tier": "default", "system_fingerprint": "fp_story", "choices": choices});
            if with_usage {
                data(&with(chunk, "usage", usage))
            } else {
                data(&chunk)
            }
        };
        let delta = |delta: Value, finish: Option<&str>| {
            let choice =
                json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
            chunk(json!([choice]), Value::Null)
        };
        let mut events = vec![delta(
            json!({"role": "assistant", "content": "", "refusal": null}),
            None,
        )];
        if let Some(thoughts) = tale.thoughts {
            events.push(delta(json!({"reasoning_content": thoughts}), None));
        }
        for piece in tale.pieces() {
            events.push(delta(json!({"content": piece}), None));
        }
        for (index, call) in tale.calls.iter().enumerate() {
            let [first, rest @ ..] = call.fragments();
            let begun = with(tool_call(call, first), "index", json!(index));
            events.push(delta(json!({"tool_calls": [begun]}), None));
            for part in rest {
                let more = json!({"index": index, "function": {"arguments": part}});
                events.push(delta(json!({"tool_calls": [more]}), None));
            }
        }
        events.push(delta(json!({}), Some(finish(tale))));
        if with_usage {
            events.push(chunk(json!([]), usage(tale)));
        }
        events.push(b"data: [DONE]\n\n".to_vec());
        events
    }

    fn fault(&self) -> Vec<u8> {
        let error =
            json!({"message": FAULT_WORDS, "type": "server_error", "param": null, "code": null});
        data(&json!({"error": error}))
    }

    fn refusal(&self, status: u16, words: &str) -> Reply {
        let (kind, code) = match status {
            429 => ("requests", json!("rate_limit_exceeded")),
            _ => ("invalid_request_error", Value::Null),
        };
        let error = json!({"message": words, "type": kind, "param": null, "code": code});
        Reply::json(status, &json!({"error": error})).header("x-request-id", "req_story")
    }
}

fn ids_of(message: &Value) -> Vec<&str> {
    list(message, "/tool_calls")
        .iter()
        .map(|call| text(call, "/id"))
        .collect()
}

fn tool_call(call: &Call, arguments: &str) -> Value {
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

fn finish(tale: &Tale) -> &'static str {
    tale.ending("stop", "tool_calls", "length")
}

fn usage(tale: &Tale) -> Value {
    json!({"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT,
        "prompt_tokens_details": {"cached_tokens": CACHED, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": tale.reasoning(), "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}})
}
