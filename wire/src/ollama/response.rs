//! Whole answers.

use serde_json::value::RawValue;

use super::answer::Answer;
use crate::errors::{describe, is_error};
use crate::neutral::{Choice, Content, Part, Reply, Thinking, ToolCall};
use crate::translate::{Context, ReplyError};

pub(crate) fn read_reply(body: &[u8], context: &Context) -> Result<Reply, ReplyError> {
    let answer: Answer<'_> =
        serde_json::from_slice(body).map_err(|error| ReplyError::Unreadable(error.to_string()))?;
    if answer.error.map(RawValue::get).is_some_and(is_error) {
        return Err(ReplyError::Reported(describe(body)));
    }
    let Some(message) = &answer.message else {
        return Err(ReplyError::Unreadable("it has no message".to_owned()));
    };
    let mut parts = Vec::new();
    if !message.thinking.is_empty() {
        parts.push(Part::new(Content::Thinking(Thinking {
            text: message.thinking.to_string(),
            ..Thinking::default()
        })));
    }
    if !message.content.is_empty() {
        parts.push(Part::text(message.content.as_ref()));
    }
    let calls = message.tool_calls.as_deref().unwrap_or_default();
    for (number, call) in calls.iter().enumerate() {
        parts.push(Part::new(Content::ToolCall(ToolCall {
            id: call.id(number, context).into_owned(),
            name: call.name().into_owned(),
            input: call.arguments().to_owned(),
            is_custom: false,
            signature: None,
        })));
    }
    Ok(Reply {
        model: Some(answer.model.to_string()).filter(|model| !model.is_empty()),
        choices: vec![Choice {
            index: 0,
            parts,
            finish: answer.done.then(|| answer.finish(!calls.is_empty())),
            logprobs: answer.logprobs(),
        }],
        usage: answer.usage(),
        ..Reply::default()
    })
}
