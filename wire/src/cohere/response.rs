//! Whole answers.

use serde_json::Value;

use super::{THINKING, TOOL_PLAN, citations, failure, finish, logprobs, made_up_id, mark, usage};
use crate::errors;
use crate::fields::{RequestError, Taker};
use crate::neutral::{Choice, Content, Part, Reply, Thinking, ToolCall};
use crate::translate::{Context, ReplyError};

pub(crate) fn read_reply(body: &[u8], context: &Context) -> Result<Reply, ReplyError> {
    let mut answer = Taker::of_body(body).map_err(unreadable)?;
    let reason = answer.string("finish_reason").map_err(unreadable)?;
    let Some(message) = answer.object("message").ok().flatten() else {
        // Errors are told in a `message` that is text.
        return Err(match errors::parse_error(body) {
            Some(error) => ReplyError::Reported(error),
            None => ReplyError::Unreadable("it has no `message`".to_owned()),
        });
    };
    let parts = read_message(message, context).map_err(unreadable)?;
    let is_call = |part: &Part| matches!(part.content, Content::ToolCall(_));
    let has_tool_calls = parts.iter().any(is_call);
    let told = answer.take("error");
    let finish = match reason.as_deref() {
        None => None,
        Some(reason) => Some(finish(reason, has_tool_calls).ok_or_else(|| {
            let message = told.as_ref().and_then(Value::as_str);
            ReplyError::Reported(failure(reason, message))
        })?),
    };
    let logprobs = answer.list("logprobs").map_err(unreadable)?;
    let counts = answer.take("usage").or_else(|| answer.take("meta"));
    Ok(Reply {
        id: answer.string("id").map_err(unreadable)?,
        choices: vec![Choice {
            index: 0,
            parts,
            finish,
            logprobs: logprobs.and_then(|items| logprobs::to_openai(&items)),
        }],
        usage: counts.and_then(|counts| usage::read(&counts)),
        rest: answer.rest(),
        ..Reply::default()
    })
}

fn unreadable(error: RequestError) -> ReplyError {
    ReplyError::Unreadable(error.to_string())
}

fn read_message(mut message: Taker, context: &Context) -> Result<Vec<Part>, RequestError> {
    let mut parts = Vec::new();
    let plan = message.string("tool_plan")?.unwrap_or_default();
    if !plan.is_empty() {
        parts.push(thoughts_part(plan, TOOL_PLAN));
    }
    match message.take("content") {
        Some(Value::String(text)) => parts.extend(text_part(text)),
        Some(Value::Array(blocks)) => {
            for (at, block) in blocks.into_iter().enumerate() {
                let path = format!("message.content[{at}]");
                parts.extend(read_block(Taker::of(block, path)?)?);
            }
        }
        Some(_) => return Err(message.error("content", "a text or a list")),
        None => {}
    }
    let calls = message.list("tool_calls")?.unwrap_or_default();
    for (at, call) in calls.into_iter().enumerate() {
        let path = format!("message.tool_calls[{at}]");
        let call = read_call(Taker::of(call, path)?, at, context)?;
        parts.push(Part::new(Content::ToolCall(call)));
    }
    if let Some(citations) = message.take("citations") {
        let is_text = |part: &&mut Part| matches!(part.content, Content::Text(_));
        if let Some(text) = parts.iter_mut().rev().find(is_text) {
            let annotations = citations::to_openai(citations.as_array().into_iter().flatten());
            if let Some(annotations) = annotations {
                text.rest.insert("annotations".into(), annotations);
            }
            text.rest.insert("citations".into(), citations);
        }
    }
    Ok(parts)
}

fn text_part(text: String) -> Option<Part> {
    (!text.is_empty()).then(|| Part::text(text))
}

fn read_block(mut block: Taker) -> Result<Option<Part>, RequestError> {
    let text = block.string("text")?.unwrap_or_default();
    let thoughts = block.string("thinking")?.unwrap_or_default();
    if thoughts.is_empty() {
        return Ok(text_part(text));
    }
    Ok(Some(thoughts_part(thoughts, THINKING)))
}

fn thoughts_part(text: String, kind: &str) -> Part {
    Part::new(Content::Thinking(Thinking {
        text,
        signature: Some(mark(kind)),
        is_redacted: false,
    }))
}

fn read_call(mut call: Taker, at: usize, context: &Context) -> Result<ToolCall, RequestError> {
    let id = call.string("id")?.filter(|id| !id.is_empty());
    let mut function = match call.object("function")? {
        Some(function) => function,
        None => return Err(call.error("function", "an object")),
    };
    let name = function.required_string("name")?;
    let input = function.string("arguments")?.unwrap_or_default();
    Ok(ToolCall {
        id: id.unwrap_or_else(|| made_up_id(&context.call_id, at)),
        name,
        input: match input.trim() {
            // Some models write the arguments of a call without any as null.
            "" | "null" => "{}".to_owned(),
            _ => input,
        },
        is_custom: false,
        signature: None,
    })
}
