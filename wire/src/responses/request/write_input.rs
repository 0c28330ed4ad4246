//! Writing `input`: turns become a flat list of items.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::write::HERE;
use crate::chat::tool_names::fit_name;
use crate::loss::{Loss, Losses};
use crate::neutral::{
    Content, Message, Part, Request, Role, Source, Thinking, ToolCall, ToolResult,
};
use crate::responses::thoughts;
use crate::translate::Target;

/// A conversation as this format has it.
pub(super) struct Input {
    /// The application's text, if it all stands at the beginning.
    pub instructions: Option<String>,
    pub items: Vec<Value>,
    /// Whether thoughts of this format's own providers are among the items.
    pub has_thoughts: bool,
}

pub(super) fn write_input(
    request: &Request,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Input, Loss> {
    let instructions = instructions(request);
    let mut writer = Writer {
        losses,
        ids: Ids::default(),
        items: Vec::new(),
        has_thoughts: false,
        takes_claudes_thoughts: target.takes_claudes_details(),
    };
    for (at, message) in request.messages.iter().enumerate() {
        if message.name.is_some() {
            let why = "messages of that format have no names";
            writer.losses.hint("name", why)?;
        }
        if message.is_system() && instructions.is_some() {
            continue;
        }
        writer.write_message(message, at)?;
    }
    writer.drop_loose_thoughts()?;
    Ok(Input {
        instructions,
        items: writer.items,
        has_thoughts: writer.has_thoughts,
    })
}

/// None unless all that the application says is text before the first turn, and there is one.
fn instructions(request: &Request) -> Option<String> {
    let leading = request.messages.iter().take_while(|it| it.is_system());
    let count = leading.clone().count();
    let has_later = request.messages.iter().skip(count).any(Message::is_system);
    if count == 0 || has_later || count == request.messages.len() {
        return None;
    }
    let text_of = |part: &Part| match &part.content {
        Content::Text(text) => Some(text.clone()),
        _ => None,
    };
    let texts: Option<Vec<String>> = leading.flat_map(|it| &it.parts).map(text_of).collect();
    texts.filter(|it| !it.is_empty()).map(|it| it.join("\n\n"))
}

struct Writer<'a> {
    losses: &'a mut Losses,
    ids: Ids,
    items: Vec<Value>,
    has_thoughts: bool,
    /// Whether the target takes Claude's thoughts with their proofs.
    takes_claudes_thoughts: bool,
}

impl Writer<'_> {
    fn write_message(&mut self, message: &Message, at: usize) -> Result<(), Loss> {
        if message.role != Role::Assistant {
            self.drop_loose_thoughts()?;
        }
        let mut content = Vec::new();
        for part in &message.parts {
            match &part.content {
                Content::ToolCall(call) => {
                    self.flush(message.role, &mut content);
                    self.write_call(call);
                }
                Content::ToolResult(result) => {
                    self.flush(message.role, &mut content);
                    self.write_result(result, at)?;
                }
                Content::Thinking(thinking) => {
                    self.flush(message.role, &mut content);
                    self.write_thinking(thinking)?;
                }
                Content::Other {
                    format,
                    kind,
                    value,
                } if *format == HERE && !is_part(kind) => {
                    self.flush(message.role, &mut content);
                    self.items.push(value.clone());
                }
                _ => content.extend(self.write_part(part, message.role, at)?),
            }
        }
        self.flush(message.role, &mut content);
        Ok(())
    }

    /// Writes what was said up to here as a message.
    fn flush(&mut self, role: Role, content: &mut Vec<Value>) {
        if content.is_empty() {
            return;
        }
        let role = match role {
            Role::System | Role::Developer => "developer",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let content = std::mem::take(content);
        self.items
            .push(json!({"type": "message", "role": role, "content": content}));
    }

    fn write_call(&mut self, call: &ToolCall) {
        let id = self.ids.of_call(call);
        let name = fit_name(&call.name);
        self.items.push(if call.is_custom {
            json!({"type": "custom_tool_call", "call_id": id, "name": name, "input": call.input})
        } else {
            let arguments = if call.input.trim().is_empty() {
                "{}"
            } else {
                &call.input
            };
            json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments})
        });
    }

    fn write_result(&mut self, result: &ToolResult, at: usize) -> Result<(), Loss> {
        if result.is_error {
            let why = "results of that format are no errors, but for what they say";
            self.losses.hint("is_error", why)?;
        }
        let is_custom = result.is_custom || self.ids.is_custom(&result.call_id);
        let kind = if is_custom {
            "custom_tool_call_output"
        } else {
            "function_call_output"
        };
        let id = self.ids.short(&result.call_id);
        let output = self.write_output(&result.parts, at)?;
        self.items
            .push(json!({"type": kind, "call_id": id, "output": output}));
        Ok(())
    }

    /// A text where it is one, because not every server of this format takes lists here.
    fn write_output(&mut self, parts: &[Part], at: usize) -> Result<Value, Loss> {
        let text_of = |part: &Part| match &part.content {
            Content::Text(text) => Some(text.clone()),
            _ => None,
        };
        if let Some(texts) = parts.iter().map(text_of).collect::<Option<Vec<_>>>() {
            return Ok(json!(texts.join("\n")));
        }
        let mut output = Vec::new();
        for part in parts {
            output.extend(self.write_part(part, Role::User, at)?);
        }
        Ok(Value::Array(output))
    }

    fn write_thinking(&mut self, thinking: &Thinking) -> Result<(), Loss> {
        if self.takes_claudes_thoughts
            && let Some(item) = thoughts::claudes_item(thinking, self.items.len())
        {
            self.items.push(item);
            return Ok(());
        }
        let signature = thinking.signature.as_ref();
        let Some(own) = signature.and_then(|it| it.for_target(HERE)) else {
            let why = "only OpenAI's own encrypted thoughts can be sent back";
            return self.losses.hint("thinking of another provider", why);
        };
        self.has_thoughts = true;
        self.items.push(json!({
            "type": "reasoning",
            "summary": thoughts::summary(&thinking.text),
            "encrypted_content": own,
        }));
        Ok(())
    }

    /// Thoughts must be followed by what they led to, or the request is refused. An answer that was cut off while the
    /// model thought has nothing else.
    fn drop_loose_thoughts(&mut self) -> Result<(), Loss> {
        while self
            .items
            .last()
            .is_some_and(|item| item["type"] == "reasoning")
        {
            self.items.pop();
            let why = "thoughts must be followed by what they led to";
            self.losses.hint("thinking without an answer", why)?;
        }
        Ok(())
    }

    /// A part of a message, or of a tool's result; none if it is left out.
    fn write_part(&mut self, part: &Part, role: Role, at: usize) -> Result<Option<Value>, Loss> {
        let is_model = role == Role::Assistant;
        let written = match &part.content {
            Content::Text(text) if is_model => {
                Some(json!({"type": "output_text", "text": text, "annotations": []}))
            }
            Content::Text(text) => Some(json!({"type": "input_text", "text": text})),
            Content::Refusal(text) if is_model => Some(json!({"type": "refusal", "refusal": text})),
            Content::Refusal(text) => Some(json!({"type": "input_text", "text": text})),
            Content::Image { source, detail } if !is_model => Some(write_image(source, detail)),
            Content::File { source, name } if !is_model => Some(write_file(source, name)),
            Content::Audio { source } if !is_model => write_audio(source),
            Content::Other { format, value, .. } if *format == HERE => Some(value.clone()),
            _ => None,
        };
        if written.is_none() {
            let what = format!("messages[{at}] ({})", part.content.kind().as_str());
            let why = if is_model {
                "the model's turns of that format are text, thoughts and tool calls"
            } else {
                "that format has nothing like it"
            };
            self.losses.meaning(&what, why)?;
        }
        Ok(written)
    }
}

/// Whether something that only this format knows is a part of a message and not an item.
fn is_part(kind: &str) -> bool {
    kind.starts_with("input_") || kind.starts_with("output_")
}

fn write_image(source: &Source, detail: &Option<String>) -> Value {
    let detail = detail.as_deref().unwrap_or("auto");
    match source {
        Source::Id(id) => json!({"type": "input_image", "file_id": id, "detail": detail}),
        _ => json!({"type": "input_image", "image_url": source.to_url(), "detail": detail}),
    }
}

fn write_file(source: &Source, name: &Option<String>) -> Value {
    match source {
        Source::Id(id) => json!({"type": "input_file", "file_id": id}),
        Source::Url { url, .. } => json!({"type": "input_file", "file_url": url}),
        Source::Data { media_type, .. } => {
            // Data must have a name, whose ending is looked at.
            let ending = match media_type.as_str() {
                "application/pdf" => "pdf",
                "text/html" => "html",
                "text/markdown" => "md",
                "text/csv" => "csv",
                "application/json" => "json",
                _ => "txt",
            };
            let made_up = || format!("document.{ending}");
            let name = name.clone().unwrap_or_else(made_up);
            json!({"type": "input_file", "filename": name, "file_data": source.to_url()})
        }
    }
}

fn write_audio(source: &Source) -> Option<Value> {
    let Source::Data { media_type, base64 } = source else {
        return None;
    };
    let format = match media_type.strip_prefix("audio/")? {
        "mpeg" | "mp3" => "mp3",
        "wav" | "x-wav" | "wave" | "vnd.wave" => "wav",
        other => other,
    };
    Some(json!({"type": "input_audio", "input_audio": {"data": base64, "format": format}}))
}

/// The ids of calls as they are written: OpenAI takes at most 64 bytes, and other formats' can be longer.
#[derive(Default)]
struct Ids {
    custom: HashSet<String>,
    long: HashMap<String, usize>,
}

const MAX_ID_BYTES: usize = 64;

impl Ids {
    fn of_call(&mut self, call: &ToolCall) -> String {
        if call.is_custom {
            self.custom.insert(call.id.clone());
        }
        self.short(&call.id)
    }

    fn is_custom(&self, id: &str) -> bool {
        self.custom.contains(id)
    }

    /// The same for a call and its result, and the same on every turn of a growing conversation.
    fn short(&mut self, id: &str) -> String {
        if id.len() <= MAX_ID_BYTES {
            return id.to_owned();
        }
        let next = self.long.len();
        let number = self.long.entry(id.to_owned()).or_insert(next);
        format!("call_weir_{number}")
    }
}
