//! The conversation.

use serde_json::{Value, json};

use crate::cohere::TOOL_PLAN;
use crate::format::Format;
use crate::loss::{Loss, Losses};
use crate::neutral::{Content, Fields, Message, Part, Request, Role, Thinking, ToolResult};

const NO_MEDIA: &str = "its users alone show it images";
const NOT_ITS_OWN: &str = "its models take thoughts of their own alone";
const NOT_OURS: &str = "it is a part of another format's";

/// The messages, in order. What says nothing is left out: Cohere refuses messages without a token.
pub(super) fn write(request: &Request, losses: &mut Losses) -> Result<Vec<Value>, Loss> {
    let mut messages = Vec::new();
    for (at, message) in request.messages.iter().enumerate() {
        if message.name.is_some() {
            losses.hint("name", "messages of that format have no names")?;
        }
        let mut writer = Writer { at, losses };
        match message.role {
            Role::System | Role::Developer => {
                let texts = writer.texts(&message.parts, "system")?;
                messages.extend(said("system", texts));
            }
            Role::User => writer.user(message, &mut messages)?,
            Role::Assistant => messages.extend(writer.assistant(message)?),
        }
    }
    Ok(messages)
}

/// Writes one message; `at` is its place in the client's list.
struct Writer<'a> {
    at: usize,
    losses: &'a mut Losses,
}

impl Writer<'_> {
    fn lose(&mut self, part: &Part, why: &'static str) -> Result<(), Loss> {
        let what = format!("messages[{}] ({})", self.at, part.content.kind().as_str());
        self.losses.meaning(&what, why)
    }

    /// The texts of a message that can have nothing else.
    fn texts(&mut self, parts: &[Part], role: &str) -> Result<Vec<Value>, Loss> {
        let mut texts = Vec::new();
        for part in parts {
            match &part.content {
                Content::Text(text) | Content::Refusal(text) => texts.extend(text_block(text)),
                Content::Other { .. } => self.lose(part, NOT_OURS)?,
                Content::Thinking(_) => {}
                _ if role == "system" => {
                    self.lose(part, "its system messages are text")?;
                }
                _ => self.lose(part, NO_MEDIA)?,
            }
        }
        Ok(texts)
    }

    /// Results of tools are messages of their own, right after the calls; what else the user says follows.
    fn user(&mut self, message: &Message, messages: &mut Vec<Value>) -> Result<(), Loss> {
        let mut blocks = Vec::new();
        for part in &message.parts {
            match &part.content {
                Content::ToolResult(result) => messages.push(self.tool_result(result)?),
                Content::Text(text) | Content::Refusal(text) => blocks.extend(text_block(text)),
                Content::Image { source, detail } => match source.to_url() {
                    Some(url) => blocks.push(image_block(&url, detail.as_deref())),
                    None => self.lose(part, "it takes images as data or by URL")?,
                },
                Content::Other { .. } => self.lose(part, NOT_OURS)?,
                Content::Thinking(_) => {}
                _ => self.lose(part, "its users say text and show images")?,
            }
        }
        messages.extend(said("user", blocks));
        Ok(())
    }

    fn tool_result(&mut self, result: &ToolResult) -> Result<Value, Loss> {
        let texts = self.texts(&result.parts, "tool")?;
        let content = if result.is_error {
            // There is no mark for a failure; Cohere wants results as JSON objects in text, which can say it.
            let words: Vec<&str> = texts.iter().filter_map(|it| it["text"].as_str()).collect();
            Value::String(json!({"error": words.join("\n")}).to_string())
        } else if texts.is_empty() {
            Value::String("{}".to_owned())
        } else {
            content(texts)
        };
        Ok(json!({"role": "tool", "tool_call_id": result.call_id, "content": content}))
    }

    fn assistant(&mut self, message: &Message) -> Result<Option<Value>, Loss> {
        let mut plan = String::new();
        let mut blocks = Vec::new();
        let mut calls = Vec::new();
        for part in &message.parts {
            match &part.content {
                Content::Text(text) | Content::Refusal(text) => blocks.extend(text_block(text)),
                Content::Thinking(thinking) => match kind(thinking) {
                    Some(_) if thinking.text.is_empty() => {}
                    Some(TOOL_PLAN) => plan.push_str(&thinking.text),
                    Some(_) => blocks.push(json!({"type": "thinking", "thinking": thinking.text})),
                    None => self
                        .losses
                        .hint("thinking of another provider", NOT_ITS_OWN)?,
                },
                Content::ToolCall(call) => calls.push(json!({
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": arguments(&call.input)},
                })),
                Content::Other { .. } => self.lose(part, NOT_OURS)?,
                _ => self.lose(part, NO_MEDIA)?,
            }
        }
        if calls.is_empty() {
            // A plan without calls is nothing that Cohere knows, but it was said.
            blocks.extend(text_block(&plan));
            return Ok(said("assistant", blocks));
        }
        let mut written = Fields::new();
        written.insert("role".into(), "assistant".into());
        if !plan.is_empty() {
            written.insert("tool_plan".into(), plan.into());
        }
        if !blocks.is_empty() {
            written.insert("content".into(), content(blocks));
        }
        written.insert("tool_calls".into(), calls.into());
        Ok(Some(written.into()))
    }
}

/// What Cohere calls thoughts of its own; none if they are another provider's.
fn kind(thinking: &Thinking) -> Option<&str> {
    thinking.signature.as_ref()?.for_target(Format::Cohere)
}

fn text_block(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| json!({"type": "text", "text": text}))
}

fn image_block(url: &str, detail: Option<&str>) -> Value {
    let mut image = Fields::new();
    image.insert("url".into(), url.into());
    // Values that only newer OpenAI models know would be refused.
    if let Some(detail @ ("auto" | "low" | "high")) = detail {
        image.insert("detail".into(), detail.into());
    }
    json!({"type": "image_url", "image_url": image})
}

fn arguments(input: &str) -> &str {
    if input.trim().is_empty() { "{}" } else { input }
}

/// A message of these blocks; none if there are none.
fn said(role: &str, blocks: Vec<Value>) -> Option<Value> {
    (!blocks.is_empty()).then(|| json!({"role": role, "content": content(blocks)}))
}

/// One text is written as it is, which every model and older servers take.
fn content(blocks: Vec<Value>) -> Value {
    match blocks.as_slice() {
        [only] if only["type"] == "text" => only["text"].clone(),
        _ => Value::Array(blocks),
    }
}
