//! The Response object around what the model said. Most of it repeats the request, and clients with strict types insist
//! on it.

use serde::Serialize;
use serde_json::{Value, json};

use super::{to_json, write_json};
use crate::neutral::{Content, Role};
use crate::neutral::{Finish, Message, Param, Request, ResponseFormat};
use crate::responses::request::write_format;
use crate::responses::tools;
use crate::usage::{Unit, Usage};

/// The id of the answer to a call. It stays the same over all events of a stream, which clients check.
pub fn response_id(call_id: &str) -> String {
    format!("resp_{}", call_id.replace('-', ""))
}

/// How far an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::responses) enum Outcome {
    InProgress,
    Completed,
    /// Cut off; the reason.
    Incomplete(&'static str),
    Failed,
}

impl Outcome {
    /// A refusal that was said is an answer like any other; `has_refusal` tells whether one was.
    pub fn of(finish: Option<&Finish>, has_refusal: bool) -> Self {
        match finish {
            Some(Finish::Refusal) if !has_refusal => Self::Incomplete("content_filter"),
            Some(Finish::Length | Finish::ContextWindow) => Self::Incomplete("max_output_tokens"),
            Some(Finish::ContentFilter) => Self::Incomplete("content_filter"),
            _ => Self::Completed,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed => "failed",
        }
    }
}

/// What changes of a Response object while it is streamed.
#[derive(Debug)]
pub(in crate::responses) struct State<'a> {
    pub outcome: Outcome,
    /// Code and message.
    pub error: Option<(&'a str, &'a str)>,
    pub usage: Option<&'a Usage>,
    pub service_tier: Option<&'a str>,
}

impl State<'_> {
    pub const IN_PROGRESS: Self = Self {
        outcome: Outcome::InProgress,
        error: None,
        usage: None,
        service_tier: None,
    };
}

/// The constant text of a Response object, before and after what changes.
#[derive(Debug)]
pub(in crate::responses) struct Envelope {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Envelope {
    pub fn new(id: &str, created_s: u64, model: &str, request: &Request) -> Self {
        let mut head = to_json(&json!({
            "id": id,
            "object": "response",
            "created_at": created_s,
            "background": false,
            "completed_at": null,
            "model": model,
        }));
        head.pop();
        let mut tail = to_json(&echo(request));
        if let Some(brace) = tail.first_mut() {
            *brace = b',';
        }
        Self { head, tail }
    }

    /// Appends the object.
    pub fn write(&self, out: &mut Vec<u8>, state: &State<'_>, output: &impl Serialize) {
        let error = state
            .error
            .map(|(code, message)| json!({"code": code, "message": message}));
        let details = match state.outcome {
            Outcome::Incomplete(reason) => json!({"reason": reason}),
            _ => Value::Null,
        };
        out.extend_from_slice(&self.head);
        field(out, "status", &state.outcome.as_str());
        field(out, "error", &error);
        field(out, "incomplete_details", &details);
        field(out, "output", output);
        field(out, "service_tier", &state.service_tier);
        field(out, "usage", &state.usage.map(usage));
        out.extend_from_slice(&self.tail);
    }
}

fn field(out: &mut Vec<u8>, key: &str, value: &impl Serialize) {
    out.push(b',');
    write_json(out, &key);
    out.push(b':');
    write_json(out, value);
}

/// What OpenAI repeats of the request, with its defaults.
fn echo(request: &Request) -> Value {
    let param = |param| request.param(param);
    let or = |name, default: Value| param(name).cloned().unwrap_or(default);
    let reasoning = request.reasoning.as_ref();
    let format = request
        .response_format
        .as_ref()
        .unwrap_or(&ResponseFormat::Text);
    let choice = request
        .tool_choice
        .as_ref()
        .map(|choice| tools::write_choice(choice, &request.tools));
    let hosted_choice = request.rest.get("tool_choice").cloned();
    json!({
        "instructions": request.messages.first().and_then(instructions),
        "max_output_tokens": request.max_tokens,
        "max_tool_calls": null,
        "metadata": or(Param::Metadata, json!({})),
        "parallel_tool_calls": or(Param::ParallelToolCalls, json!(true)),
        "previous_response_id": null,
        "prompt_cache_key": param(Param::PromptCacheKey),
        "reasoning": {
            "effort": reasoning.and_then(|it| it.effort.as_deref()),
            "summary": reasoning.and_then(|it| it.summary.as_deref()),
        },
        "safety_identifier": param(Param::SafetyIdentifier),
        "store": false,
        "temperature": or(Param::Temperature, json!(1.0)),
        "text": {
            "format": write_format(format),
            "verbosity": or(Param::Verbosity, json!("medium")),
        },
        "tool_choice": choice.or(hosted_choice).unwrap_or(json!("auto")),
        "tools": request.tools.iter().filter_map(tools::write).collect::<Vec<_>>(),
        "top_logprobs": or(Param::TopLogprobs, json!(0)),
        "top_p": or(Param::TopP, json!(1.0)),
        "truncation": or(Param::Truncation, json!("disabled")),
        "user": param(Param::User),
    })
}

fn instructions(first: &Message) -> Option<&str> {
    match first.parts.first().map(|part| &part.content) {
        Some(Content::Text(text)) if first.role == Role::System => Some(text),
        _ => None,
    }
}

/// The `usage` object: what came from a cache is part of the input, and thoughts are part of the output.
fn usage(usage: &Usage) -> Value {
    let input = usage.input_total();
    let output = usage.output_total();
    let cache_write = usage
        .get(Unit::CacheWrite5m)
        .saturating_add(usage.get(Unit::CacheWrite1h));
    let mut input_details = json!({
        "cached_tokens": usage.get(Unit::CacheRead),
        "cache_write_tokens": cache_write,
    });
    let mut output_details = json!({"reasoning_tokens": usage.get(Unit::Reasoning)});
    let set = |details: &mut Value, key: &str, unit| {
        let count = usage.get(unit);
        if let Value::Object(details) = details
            && count > 0
        {
            details.insert(key.to_owned(), json!(count));
        }
    };
    set(&mut input_details, "audio_tokens", Unit::AudioInput);
    set(&mut input_details, "image_tokens", Unit::ImageInput);
    set(&mut output_details, "audio_tokens", Unit::AudioOutput);
    json!({
        "input_tokens": input,
        "input_tokens_details": input_details,
        "output_tokens": output,
        "output_tokens_details": output_details,
        "total_tokens": input.saturating_add(output),
    })
}
