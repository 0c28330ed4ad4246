//! Whole answers.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::family::Family;
use super::names::Names;
use super::proof;
use super::usage::TokenUsage;
use crate::errors::{UpstreamError, describe};
use crate::fields::Taker;
use crate::format::Format;
use crate::neutral::{Choice, Content, Finish, Part, Reply, Source, Thinking, ToolCall};
use crate::translate::{Context, ReplyError};

/// The answer of Converse.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow, default)]
    output: Option<Output<'a>>,
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<TokenUsage>,
    #[serde(default)]
    service_tier: Option<Value>,
    #[serde(default)]
    additional_model_response_fields: Option<Value>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Vec<&'a RawValue>,
}

/// A block of one of the kinds that are understood; every other is kept as it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Block<'a> {
    Text(String),
    #[serde(borrow)]
    ToolUse(ToolUse<'a>),
    ReasoningContent(ReasoningContent),
    Image(Image),
    CitationsContent(CitationsContent),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolUse<'a> {
    tool_use_id: String,
    name: String,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    /// `server_tool_use`: the provider has called it itself.
    #[serde(default)]
    r#type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum ReasoningContent {
    ReasoningText {
        #[serde(default)]
        text: String,
        #[serde(default)]
        signature: Option<String>,
    },
    RedactedContent(String),
}

#[derive(Deserialize)]
struct Image {
    format: String,
    source: ImageSource,
}

#[derive(Deserialize)]
struct ImageSource {
    bytes: String,
}

#[derive(Deserialize)]
struct CitationsContent {
    #[serde(default)]
    content: Vec<CitedText>,
}

#[derive(Deserialize)]
struct CitedText {
    #[serde(default)]
    text: String,
}

pub(crate) fn read_reply(body: &[u8], context: &Context) -> Result<Reply, ReplyError> {
    let unreadable = |why: String| ReplyError::Unreadable(why);
    let answer: Answer<'_> =
        serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))?;
    let Some(message) = answer.output.and_then(|output| output.message) else {
        return Err(match reported(body) {
            Some(error) => ReplyError::Reported(error),
            None => unreadable("it has no message".to_owned()),
        });
    };
    let names = Names::of(&context.request);
    let family = Family::of(&context.model);
    let mut parts = Vec::with_capacity(message.content.len());
    for block in message.content {
        parts.push(Part::new(read_block(block, &names, family)));
    }
    let calls_tool = parts
        .iter()
        .any(|part| matches!(part.content, Content::ToolCall(_)));
    let stop_sequence = answer
        .additional_model_response_fields
        .as_ref()
        .and_then(stop_sequence);
    Ok(Reply {
        choices: vec![Choice {
            index: 0,
            parts,
            finish: answer
                .stop_reason
                .map(|word| finish(&word, calls_tool, stop_sequence)),
            logprobs: None,
        }],
        usage: answer.usage.map(|usage| usage.to_usage()),
        service_tier: answer.service_tier.as_ref().and_then(tier),
        ..Reply::default()
    })
}

fn read_block(block: &RawValue, names: &Names, family: Family) -> Content {
    match serde_json::from_str(block.get()) {
        Ok(Block::Text(text)) => Content::Text(text),
        Ok(Block::ToolUse(call)) if call.r#type.is_none() => Content::ToolCall(ToolCall {
            id: call.tool_use_id,
            name: names.original(&call.name).to_owned(),
            input: match call.input.map(RawValue::get) {
                None | Some("null") => "{}".to_owned(),
                Some(input) => input.to_owned(),
            },
            is_custom: false,
            signature: None,
        }),
        Ok(Block::ReasoningContent(reasoning)) => Content::Thinking(thinking(reasoning, family)),
        Ok(Block::Image(image)) => Content::Image {
            source: Source::Data {
                media_type: format!("image/{}", image.format),
                base64: image.source.bytes,
            },
            detail: None,
        },
        Ok(Block::CitationsContent(cited)) => {
            Content::Text(cited.content.into_iter().map(|it| it.text).collect())
        }
        Ok(Block::ToolUse(_)) | Err(_) => other(block),
    }
}

fn thinking(reasoning: ReasoningContent, family: Family) -> Thinking {
    match reasoning {
        ReasoningContent::ReasoningText { text, signature } => Thinking {
            text,
            signature: signature
                .filter(|it| !it.is_empty())
                .map(|it| proof::of_shown(family, it)),
            is_redacted: false,
        },
        ReasoningContent::RedactedContent(content) => Thinking {
            text: String::new(),
            signature: Some(proof::of_hidden(family, content)),
            is_redacted: true,
        },
    }
}

fn other(block: &RawValue) -> Content {
    let value: Value = serde_json::from_str(block.get()).unwrap_or_default();
    let kind = value
        .as_object()
        .and_then(|fields| fields.keys().next())
        .cloned();
    Content::Other {
        format: Format::Bedrock,
        kind: kind.unwrap_or_default(),
        value,
    }
}

/// Why the answer ended, from `stopReason`.
pub(super) fn finish(word: &str, calls_tool: bool, stop_sequence: Option<String>) -> Finish {
    match word {
        "end_turn" if calls_tool => Finish::ToolCalls,
        "end_turn" => Finish::Stop,
        "tool_use" => Finish::ToolCalls,
        "stop_sequence" => Finish::StopSequence(stop_sequence),
        "max_tokens" => Finish::Length,
        "guardrail_intervened" | "content_filtered" => Finish::ContentFilter,
        "model_context_window_exceeded" => Finish::ContextWindow,
        "refusal" => Finish::Refusal,
        "pause_turn" => Finish::Pause,
        _ => Finish::Other(word.to_owned()),
    }
}

/// The text that ended the answer, which Claude tells where it was asked for.
pub(super) fn stop_sequence(additional: &Value) -> Option<String> {
    additional.get("stop_sequence")?.as_str().map(str::to_owned)
}

fn tier(value: &Value) -> Option<String> {
    value.get("type")?.as_str().map(str::to_owned)
}

/// The error in the guise of an answer: `{"message":…}`, with its type in `__type` after a namespace and `#`.
fn reported(body: &[u8]) -> Option<UpstreamError> {
    let mut fields = Taker::of_body(body).ok()?;
    let inner = fields.take("Output").or_else(|| fields.take("error"));
    let fields = match inner {
        Some(Value::Object(inner)) => inner,
        _ => fields.rest(),
    };
    let text = |fields: &Map<String, Value>, names: [&str; 2]| {
        let found = names.into_iter().find_map(|name| fields.get(name));
        found.and_then(Value::as_str).map(str::to_owned)
    };
    let message = text(&fields, ["message", "Message"]);
    let kind = text(&fields, ["__type", "code"]);
    let code = kind.map(|kind| kind.rsplit('#').next().unwrap_or_default().to_owned());
    if message.is_none() && code.is_none() {
        return None;
    }
    let mut error = describe(body);
    error.message = message.or(code.clone()).unwrap_or_default();
    error.code = code;
    Some(error)
}
