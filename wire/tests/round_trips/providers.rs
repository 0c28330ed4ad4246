//! Streams as providers write them whose format no client speaks.

use serde_json::{Value, json};
use weir_wire::bedrock::event_stream::write_message;
use weir_wire::neutral::{Content, Finish, Reply};
use weir_wire::usage::{Unit, Usage};

/// A text in two pieces.
fn pieces(text: &str) -> Vec<&str> {
    let middle = (text.len() / 2..text.len()).find(|&at| text.is_char_boundary(at));
    let (start, end) = text.split_at_checked(middle.unwrap_or(0)).unwrap();
    [start, end]
        .into_iter()
        .filter(|it| !it.is_empty())
        .collect()
}

fn finish(reply: &Reply) -> &Finish {
    reply.choices[0].finish.as_ref().unwrap()
}

fn contents(reply: &Reply) -> impl Iterator<Item = (usize, &Content)> {
    let parts = reply.choices[0].parts.iter();
    parts.map(|part| &part.content).enumerate()
}

/// Amazon's Converse.
pub fn bedrock(reply: &Reply) -> Vec<u8> {
    let mut out = Vec::new();
    let mut tell = |name: &str, payload: Value| {
        write_message(name, payload.to_string().as_bytes(), &mut out);
    };
    tell("messageStart", json!({"role": "assistant"}));
    for (at, content) in contents(reply) {
        let mut delta = |delta: Value| {
            tell(
                "contentBlockDelta",
                json!({"contentBlockIndex": at, "delta": delta}),
            );
        };
        match content {
            Content::Text(text) => {
                pieces(text)
                    .iter()
                    .for_each(|it| delta(json!({"text": it})));
            }
            Content::Thinking(thinking) => {
                let say = |it: &&str| delta(json!({"reasoningContent": {"text": it}}));
                pieces(&thinking.text).iter().for_each(say);
            }
            Content::ToolCall(call) => {
                let start = json!({"toolUse": {"toolUseId": call.id, "name": call.name}});
                tell(
                    "contentBlockStart",
                    json!({"contentBlockIndex": at, "start": start}),
                );
                for piece in pieces(&call.input) {
                    let delta = json!({"toolUse": {"input": piece}});
                    tell(
                        "contentBlockDelta",
                        json!({"contentBlockIndex": at, "delta": delta}),
                    );
                }
            }
            other => panic!("nobody said {other:?}"),
        }
        tell("contentBlockStop", json!({"contentBlockIndex": at}));
    }
    let reason = match finish(reply) {
        Finish::ToolCalls => "tool_use",
        Finish::Length => "max_tokens",
        Finish::ContentFilter => "content_filtered",
        _ => "end_turn",
    };
    tell("messageStop", json!({"stopReason": reason}));
    let usage = reply.usage.unwrap();
    let input = usage.input_total() - usage.get(Unit::CacheRead);
    tell(
        "metadata",
        json!({"usage": {
            "inputTokens": input, "outputTokens": usage.output_total(),
            "cacheReadInputTokens": usage.get(Unit::CacheRead),
            "totalTokens": usage.input_total() + usage.output_total(),
        }}),
    );
    out
}

/// Cohere's chat, version 2.
pub fn cohere(reply: &Reply) -> Vec<u8> {
    let mut out = String::new();
    let mut tell = |kind: &str, index: Option<usize>, message: Value| {
        let event = json!({"type": kind, "index": index, "delta": {"message": message}});
        out.push_str(&format!("event: {kind}\ndata: {event}\n\n"));
    };
    tell("message-start", None, json!({"role": "assistant"}));
    for (at, content) in contents(reply) {
        let mut say = |kind: &str, text: &str| {
            let content = json!({"content": {"type": kind, kind: ""}});
            tell("content-start", Some(at), content);
            for piece in pieces(text) {
                tell("content-delta", Some(at), json!({"content": {kind: piece}}));
            }
            tell("content-end", Some(at), json!({}));
        };
        match content {
            Content::Text(text) => say("text", text),
            Content::Thinking(thinking) => say("thinking", &thinking.text),
            Content::ToolCall(call) => {
                let function = json!({"name": call.name, "arguments": ""});
                let start = json!({"id": call.id, "type": "function", "function": function});
                tell("tool-call-start", Some(at), json!({"tool_calls": start}));
                for piece in pieces(&call.input) {
                    let delta = json!({"tool_calls": {"function": {"arguments": piece}}});
                    tell("tool-call-delta", Some(at), delta);
                }
                tell("tool-call-end", Some(at), json!({}));
            }
            other => panic!("nobody said {other:?}"),
        }
    }
    let reason = match finish(reply) {
        Finish::ToolCalls => "TOOL_CALL",
        Finish::Length => "MAX_TOKENS",
        Finish::ContentFilter => "ERROR_TOXIC",
        _ => "COMPLETE",
    };
    let (input, output) = totals(reply.usage.unwrap());
    let counts = json!({"input_tokens": input, "output_tokens": output});
    let end = json!({"type": "message-end", "delta": {
        "finish_reason": reason, "usage": {"billed_units": counts, "tokens": counts},
    }});
    out.push_str(&format!("event: message-end\ndata: {end}\n\n"));
    out.into_bytes()
}

/// Ollama's chat.
pub fn ollama(reply: &Reply) -> Vec<u8> {
    let mut out = String::new();
    let mut tell = |message: Value| {
        out.push_str(&json!({"model": "qwen3", "message": message, "done": false}).to_string());
        out.push('\n');
    };
    for (_, content) in contents(reply) {
        match content {
            Content::Text(text) => {
                let say = |it: &&str| tell(json!({"role": "assistant", "content": it}));
                pieces(text).iter().for_each(say);
            }
            Content::Thinking(thinking) => {
                let say = |it: &&str| {
                    tell(json!({"role": "assistant", "content": "", "thinking": it}));
                };
                pieces(&thinking.text).iter().for_each(say);
            }
            Content::ToolCall(call) => {
                let arguments: Value = serde_json::from_str(&call.input).unwrap();
                let function = json!({"name": call.name, "arguments": arguments});
                tell(json!({"content": "", "tool_calls": [{"function": function}]}));
            }
            other => panic!("nobody said {other:?}"),
        }
    }
    let reason = match finish(reply) {
        Finish::Length => "length",
        _ => "stop",
    };
    let (input, output) = totals(reply.usage.unwrap());
    let end = json!({"model": "qwen3", "message": {"role": "assistant", "content": ""}, "done": true,
        "done_reason": reason, "prompt_eval_count": input, "eval_count": output});
    out.push_str(&format!("{end}\n"));
    out.into_bytes()
}

fn totals(usage: Usage) -> (u64, u64) {
    (usage.input_total(), usage.output_total())
}
