//! Whole answers (<https://platform.claude.com/docs/en/api/messages>).

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::citations::{annotations, cited_blocks};
use super::finish;
use super::names::{ToolNames, fit};
use super::request::read_parts;
use super::usage;
use crate::errors::describe;
use crate::fields::Taker;
use crate::format::Format;
use crate::neutral::{Choice, Content, Finish, Part, Reply, Signature, Source, Thinking, ToolCall};
use crate::translate::{Context, ReplyError};

pub(crate) fn read_reply(body: &[u8], context: &Context) -> Result<Reply, ReplyError> {
    let unreadable = |error: crate::fields::RequestError| ReplyError::Unreadable(error.to_string());
    let mut message = Taker::of_body(body).map_err(unreadable)?;
    let is_error = message.peek("type").is_some_and(|kind| kind == "error");
    if is_error || message.peek("error").is_some() {
        return Err(ReplyError::Reported(describe(body)));
    }
    message.take("type");
    message.take("role");
    let content = message.take("content").unwrap_or_default();
    let mut parts = read_parts(content, "content").map_err(unreadable)?;
    let names = ToolNames::of(&context.request);
    let mut chars = 0;
    for part in &mut parts {
        restore_tool(part, &names);
        annotate(part, &mut chars);
    }
    let word = message.string("stop_reason").map_err(unreadable)?;
    let stop_sequence = message.string("stop_sequence").map_err(unreadable)?;
    let has_tool_call = parts
        .iter()
        .any(|part| matches!(part.content, Content::ToolCall(_)));
    let usage = message.take("usage");
    let tier = usage
        .as_ref()
        .and_then(|it| it.get("service_tier")?.as_str());
    Ok(Reply {
        id: message.string("id").map_err(unreadable)?,
        model: message.string("model").map_err(unreadable)?,
        created_s: None,
        service_tier: tier.map(neutral_tier),
        usage: usage.and_then(|usage| usage::read(&usage.to_string())),
        choices: vec![Choice {
            index: 0,
            parts,
            finish: word.map(|word| finish::read(&word, stop_sequence, has_tool_call)),
            logprobs: None,
        }],
        rest: message.rest(),
    })
}

/// Gives a tool call its tool's own name, and a custom tool its text.
fn restore_tool(part: &mut Part, names: &ToolNames) {
    let Content::ToolCall(call) = &mut part.content else {
        return;
    };
    call.name = names.original(Cow::Borrowed(&call.name)).into_owned();
    if names.is_custom(&call.name) {
        call.is_custom = true;
        call.input = free_text(&call.input);
    }
}

/// The text that a custom tool's input is, out of the one argument that it is asked for as.
pub(super) fn free_text(arguments: &str) -> String {
    let text = serde_json::from_str::<Value>(arguments).ok();
    let text = text.as_ref().and_then(|it| it.get("input")?.as_str());
    text.unwrap_or(arguments).to_owned()
}

/// Says what a text cites as OpenAI's clients read it. `chars` is the length of the texts before it.
fn annotate(part: &mut Part, chars: &mut usize) {
    let Content::Text(text) = &part.content else {
        return;
    };
    let start = *chars;
    *chars += text.chars().count();
    let citations = part.rest.get("citations").and_then(Value::as_array);
    let annotations = annotations(citations.into_iter().flatten(), start, *chars);
    if !annotations.is_empty() {
        part.rest
            .insert("annotations".to_owned(), Value::Array(annotations));
    }
}

pub(crate) fn write_reply(reply: &Reply, context: &Context) -> Vec<u8> {
    let choice = reply.choices.first();
    let parts = choice.map(|it| it.parts.as_slice()).unwrap_or_default();
    let has = |wanted: fn(&Content) -> bool| parts.iter().any(|part| wanted(&part.content));
    let said = finish::Said {
        tool_call: has(|content| matches!(content, Content::ToolCall(_))),
        refusal: has(|content| matches!(content, Content::Refusal(_))),
    };
    let finish = choice.and_then(|it| it.finish.as_ref());
    let (reason, sequence) = finish::write(finish.unwrap_or(&Finish::Stop), said);
    let mut usage = usage::write(&reply.usage.unwrap_or_default());
    if let (Some(tier), Some(members)) = (service_tier(reply), usage.as_object_mut()) {
        members.insert("service_tier".to_owned(), tier.into());
    }
    let message = json!({
        "id": message_id(reply.id.as_deref(), context),
        "type": "message",
        "role": "assistant",
        "model": reply.model.as_deref().unwrap_or(&context.model),
        "content": parts.iter().flat_map(write_part).collect::<Vec<_>>(),
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": usage,
    });
    message.to_string().into_bytes()
}

/// A tier by OpenAI's name for it.
fn neutral_tier(tier: &str) -> String {
    match tier {
        "standard" => "default",
        other => other,
    }
    .to_owned()
}

fn service_tier(reply: &Reply) -> Option<&'static str> {
    match reply.service_tier.as_deref()? {
        "default" | "standard" => Some("standard"),
        "priority" => Some("priority"),
        "batch" => Some("batch"),
        _ => None,
    }
}

/// Clients know messages by ids of this look.
pub(super) fn message_id(id: Option<&str>, context: &Context) -> String {
    match id {
        Some(id) if id.starts_with("msg_") => id.to_owned(),
        _ => format!("msg_{}", context.call_id.replace('-', "")),
    }
}

fn write_part(part: &Part) -> Vec<Value> {
    match &part.content {
        Content::Text(text) if text.is_empty() => Vec::new(),
        Content::Text(text) => match part.rest.get("annotations") {
            Some(Value::Array(annotations)) => cited_blocks(text, annotations),
            _ => vec![json!({"type": "text", "text": text})],
        },
        Content::Refusal(text) => vec![json!({"type": "text", "text": text})],
        Content::Thinking(thinking) => write_thinking(thinking).into_iter().collect(),
        Content::ToolCall(call) => write_tool_use(call),
        Content::Image {
            source: Source::Data { media_type, base64 },
            ..
        } => vec![image_block(media_type, base64)],
        Content::Other { format, value, .. } if *format == Format::Anthropic => vec![value.clone()],
        Content::Image { .. }
        | Content::Audio { .. }
        | Content::Video { .. }
        | Content::File { .. }
        | Content::ToolResult(_)
        | Content::Other { .. } => Vec::new(),
    }
}

fn write_thinking(thinking: &Thinking) -> Option<Value> {
    let signature = thinking
        .signature
        .as_ref()
        .map(|it| it.write(Format::Anthropic));
    match signature {
        Some(data) if thinking.is_redacted && thinking.text.is_empty() => {
            Some(redacted_block(&data))
        }
        None if thinking.text.is_empty() => None,
        signature => Some(json!({
            "type": "thinking",
            "thinking": thinking.text,
            "signature": signature.unwrap_or_default(),
        })),
    }
}

fn write_tool_use(call: &ToolCall) -> Vec<Value> {
    let mut blocks = Vec::new();
    if let Some(signature) = &call.signature {
        blocks.push(carrier_block(signature));
    }
    let mut block = tool_use_block(&call.id, &call.name);
    block.insert("input".to_owned(), input(call));
    blocks.push(Value::Object(block));
    blocks
}

/// The input of a call must be an object; what is none is told as one, rather than lost.
fn input(call: &ToolCall) -> Value {
    if call.is_custom {
        return json!({"input": call.input});
    }
    if call.input.trim().is_empty() {
        return json!({});
    }
    match serde_json::from_str(&call.input) {
        Ok(input @ Value::Object(_)) => input,
        _ => json!({"arguments": call.input}),
    }
}

/// An empty thought, in which clients send another provider's signature of a tool call back.
pub(super) fn carrier_block(signature: &Signature) -> Value {
    json!({"type": "thinking", "thinking": "", "signature": signature.write(Format::Anthropic)})
}

pub(super) fn redacted_block(data: &str) -> Value {
    json!({"type": "redacted_thinking", "data": data})
}

pub(super) fn image_block(media_type: &str, base64: &str) -> Value {
    json!({"type": "image", "source": {"type": "base64", "media_type": media_type, "data": base64}})
}

/// A tool call without its input. Ids are brought within Anthropic's limits, so that the conversation can go on there.
pub(super) fn tool_use_block(id: &str, name: &str) -> Map<String, Value> {
    let mut block = Map::new();
    block.insert("type".to_owned(), "tool_use".into());
    block.insert("id".to_owned(), fit(id).into());
    block.insert("name".to_owned(), name.into());
    block
}
