//! The conversation. A message has one text, and its images, thoughts and calls apart from it.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::arguments;
use crate::loss::{Loss, Losses};
use crate::neutral::{
    Content, Message as Turn, Part, Request, Role, Source, ToolCall as Call, ToolResult,
};

#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    content: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    thinking: Cow<'a, str>,
    /// Base64.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
    /// Which tool a result is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

/// Older versions know neither ids nor indexes, and pass over them.
#[derive(Debug, Serialize)]
struct ToolCall<'a> {
    id: &'a str,
    function: Function<'a>,
}

#[derive(Debug, Serialize)]
struct Function<'a> {
    index: usize,
    name: &'a str,
    arguments: Cow<'a, RawValue>,
}

impl<'a> Message<'a> {
    fn new(role: &'static str) -> Self {
        Self {
            role,
            content: Cow::Borrowed(""),
            thinking: Cow::Borrowed(""),
            images: Vec::new(),
            tool_calls: Vec::new(),
            tool_name: None,
            tool_call_id: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.content.is_empty()
            && self.thinking.is_empty()
            && self.images.is_empty()
            && self.tool_calls.is_empty()
    }

    fn call(&mut self, call: &'a Call) {
        self.tool_calls.push(ToolCall {
            id: &call.id,
            function: Function {
                index: self.tool_calls.len(),
                name: &call.name,
                arguments: arguments::as_object(&call.input),
            },
        });
    }
}

pub(super) fn write_messages<'a>(
    request: &'a Request,
    losses: &mut Losses,
) -> Result<Vec<Message<'a>>, Loss> {
    let mut writer = Writer {
        losses,
        messages: Vec::with_capacity(request.messages.len()),
        tool_names: HashMap::new(),
    };
    for turn in &request.messages {
        writer.turn(turn)?;
    }
    Ok(writer.messages)
}

struct Writer<'a, 'l> {
    losses: &'l mut Losses,
    messages: Vec<Message<'a>>,
    /// The tools of the calls so far, by the calls' ids.
    tool_names: HashMap<&'a str, &'a str>,
}

impl<'a> Writer<'a, '_> {
    fn turn(&mut self, turn: &'a Turn) -> Result<(), Loss> {
        if turn.name.is_some() {
            self.losses.hint("name", "it has no names of speakers")?;
        }
        let mut message = Message::new(match turn.role {
            Role::System | Role::Developer => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        });
        for part in &turn.parts {
            match &part.content {
                Content::ToolResult(result) => self.result(result)?,
                Content::ToolCall(call) if !call.is_custom => {
                    self.tool_names.insert(&call.id, &call.name);
                    message.call(call);
                }
                Content::Thinking(thinking) if thinking.text.is_empty() => {
                    self.losses.hint(
                        "hidden thinking of another provider",
                        "it takes plain thoughts alone",
                    )?;
                }
                Content::Thinking(thinking) => join(&mut message.thinking, &thinking.text),
                _ => add(part, &mut message),
            }
        }
        let had_results = turn
            .parts
            .iter()
            .any(|part| matches!(part.content, Content::ToolResult(_)));
        if !message.is_empty() || !had_results {
            self.messages.push(message);
        }
        Ok(())
    }

    /// Each result is a message of its own, and goes before what else its turn says.
    fn result(&mut self, result: &'a ToolResult) -> Result<(), Loss> {
        if result.is_custom {
            // Its call is not carried either.
            return Ok(());
        }
        if result.is_error {
            self.losses
                .hint("is_error", "that format has nothing like it")?;
        }
        let mut message = Message::new("tool");
        for part in &result.parts {
            add(part, &mut message);
        }
        let known = self.tool_names.get(result.call_id.as_str()).copied();
        message.tool_name = result.name.as_deref().or(known);
        message.tool_call_id = Some(&result.call_id);
        self.messages.push(message);
        Ok(())
    }
}

/// Adds a text or an image. The tables of losses have told of the rest.
fn add<'a>(part: &'a Part, message: &mut Message<'a>) {
    match &part.content {
        Content::Text(text) | Content::Refusal(text) => join(&mut message.content, text),
        Content::Image {
            source: Source::Data { base64, .. },
            ..
        } => message.images.push(base64),
        _ => {}
    }
}

/// Appends a text as a paragraph of its own.
fn join<'a>(text: &mut Cow<'a, str>, more: &'a str) {
    if text.is_empty() {
        *text = Cow::Borrowed(more);
    } else if !more.is_empty() {
        let text = text.to_mut();
        text.push('\n');
        text.push_str(more);
    }
}
