//! The conversation, as OpenAI wants it: results of tools first and alone, each in a message of its own, right after the
//! message that called them.

use serde_json::{Map, Value, json};

use crate::chat::assistant::write_signature;
use crate::chat::content::write_part;
use crate::chat::details;
use crate::chat::tool_names::{fit_id, fit_name};
use crate::format::Format;
use crate::loss::{Loss, Losses};
use crate::neutral::{Content, Message, Part, Role, ToolCall, ToolResult};
use crate::translate::Target;

/// Writes the messages.
pub(super) fn write(
    messages: &[Message],
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Vec<Value>, Loss> {
    let mut writer = Writer {
        target,
        losses,
        written: Vec::with_capacity(messages.len()),
        media: Vec::new(),
    };
    let mut at = 0;
    while let Some(rest) = messages.get(at..).filter(|rest| !rest.is_empty()) {
        at += writer.turn(rest, at)?;
    }
    writer.flush_media();
    Ok(writer.written)
}

struct Writer<'a> {
    target: &'a Target<'a>,
    losses: &'a mut Losses,
    written: Vec<Value>,
    /// Images and other media that can only be said by the user, and wait for the next place where the user may speak.
    media: Vec<Value>,
}

/// The text or parts of one message.
#[derive(Default)]
struct Said {
    parts: Vec<Value>,
    has_media: bool,
}

impl Said {
    fn push(&mut self, part: Value, is_text: bool) {
        self.parts.push(part);
        self.has_media |= !is_text;
    }

    /// Plain text where that is all there is, since not every server takes parts.
    fn into_content(self) -> Value {
        if self.has_media {
            return self.parts.into();
        }
        join_texts(&self.parts).into()
    }
}

fn join_texts(parts: &[Value]) -> String {
    let texts: Vec<&str> = parts
        .iter()
        .filter_map(|part| part.get("text").and_then(Value::as_str))
        .collect();
    texts.join("\n")
}

impl Writer<'_> {
    fn system(&mut self, message: &Message, at: usize) -> Result<(), Loss> {
        self.flush_media();
        let mut said = Said::default();
        for part in &message.parts {
            self.say(part, at, &mut said)?;
        }
        if !said.parts.is_empty() {
            self.push("system", message, said.into_content());
        }
        Ok(())
    }

    /// Writes what one side says until another speaks; returns how many messages that is. Other formats may have the
    /// calls of one turn in several messages, and their results too, but here all results must follow one message with
    /// all calls, and nothing may stand between.
    fn turn(&mut self, rest: &[Message], at: usize) -> Result<usize, Loss> {
        let Some(first) = rest.first() else {
            return Ok(0);
        };
        let same = rest.iter().take_while(|one| one.role == first.role);
        let length = same.count();
        let turn = rest.get(..length).unwrap_or_default();
        match first.role {
            Role::System | Role::Developer => {
                for (message, at) in turn.iter().zip(at..) {
                    self.system(message, at)?;
                }
            }
            Role::User => {
                for (message, at) in turn.iter().zip(at..) {
                    self.results(message, at)?;
                }
                for (message, at) in turn.iter().zip(at..) {
                    self.user(message, at)?;
                }
            }
            Role::Assistant => self.assistant(turn, at)?,
        }
        Ok(length)
    }

    fn results(&mut self, message: &Message, at: usize) -> Result<(), Loss> {
        for part in &message.parts {
            if let Content::ToolResult(result) = &part.content {
                self.result(result, at)?;
            }
        }
        Ok(())
    }

    fn user(&mut self, message: &Message, at: usize) -> Result<(), Loss> {
        let is_result = |part: &&Part| matches!(part.content, Content::ToolResult(_));
        let has_results = message.parts.iter().any(|part| is_result(&part));
        let mut said = Said::default();
        for part in message.parts.iter().filter(|part| !is_result(part)) {
            self.say(part, at, &mut said)?;
        }
        if said.parts.is_empty() && has_results {
            return Ok(());
        }
        if !self.media.is_empty() {
            said.has_media = true;
            said.parts.splice(0..0, self.media.drain(..));
        }
        self.push("user", message, said.into_content());
        Ok(())
    }

    /// Takes a part that is said, by the user or the application.
    fn say(&mut self, part: &Part, at: usize, said: &mut Said) -> Result<(), Loss> {
        if self.is_foreign(&part.content, at)? {
            return Ok(());
        }
        let is_text = matches!(part.content, Content::Text(_) | Content::Refusal(_));
        if let Some(written) = write_part(&part.content) {
            said.push(written, is_text);
        }
        Ok(())
    }

    /// Whether it is of another format alone. It is left out then, if it may be.
    fn is_foreign(&mut self, content: &Content, at: usize) -> Result<bool, Loss> {
        const WHY: &str = "only a provider of its own format knows it";
        match content {
            Content::Other { format, kind, .. } if *format != Format::Chat => {
                let what = format!("messages[{at}] ({kind})");
                self.losses.meaning(&what, WHY)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// A message of a tool can only be text: media follow as the user's.
    fn result(&mut self, result: &ToolResult, at: usize) -> Result<(), Loss> {
        if result.is_error {
            let why = "results of that format are no errors, but for what they say";
            self.losses.hint("is_error", why)?;
        }
        let mut said = Said::default();
        for part in &result.parts {
            if self.is_foreign(&part.content, at)? {
                continue;
            }
            let Some(written) = write_part(&part.content) else {
                continue;
            };
            match part.content {
                Content::Text(_) | Content::Refusal(_) => said.push(written, true),
                _ => self.media.push(written),
            }
        }
        self.written.push(json!({
            "role": "tool",
            "tool_call_id": fit_id(&result.call_id),
            "content": join_texts(&said.parts),
        }));
        Ok(())
    }

    fn assistant(&mut self, turn: &[Message], at: usize) -> Result<(), Loss> {
        self.flush_media();
        let mut spoken = Spoken::default();
        for (message, at) in turn.iter().zip(at..) {
            if !spoken.text.is_empty() && !spoken.text.ends_with('\n') {
                spoken.is_new_message = true;
            }
            for part in &message.parts {
                self.speak(part, at, &mut spoken)?;
            }
        }
        let has_thoughts = !spoken.details.is_empty()
            || self.target.reasoning_field.is_some() && !spoken.thoughts.is_empty();
        let had_parts = turn.iter().any(|message| !message.parts.is_empty());
        if had_parts && !spoken.is_there && !has_thoughts {
            // All of it was left out, and some servers refuse an assistant who says nothing.
            return Ok(());
        }
        let mut message = Map::new();
        message.insert("role".to_owned(), "assistant".into());
        let content = match spoken.text.is_empty() && !spoken.calls.is_empty() {
            true => Value::Null,
            false => spoken.text.into(),
        };
        message.insert("content".to_owned(), content);
        if let Some(field) = self.target.reasoning_field
            && !spoken.thoughts.is_empty()
        {
            message.insert(field.to_owned(), spoken.thoughts.into());
        }
        if !spoken.details.is_empty() {
            message.insert("reasoning_details".to_owned(), spoken.details.into());
        }
        if !spoken.calls.is_empty() {
            message.insert("tool_calls".to_owned(), spoken.calls.into());
        }
        if let Some(name) = turn.iter().find_map(|message| message.name.as_deref()) {
            message.insert("name".to_owned(), name.into());
        }
        self.written.push(Value::Object(message));
        Ok(())
    }

    fn speak(&mut self, part: &Part, at: usize, spoken: &mut Spoken) -> Result<(), Loss> {
        const WHY: &str = "it takes no thoughts of earlier turns, or none that are hidden";
        if self.is_foreign(&part.content, at)? {
            return Ok(());
        }
        spoken.is_there |= !matches!(part.content, Content::Thinking(_));
        match &part.content {
            Content::Text(text) | Content::Refusal(text) => {
                if std::mem::take(&mut spoken.is_new_message) {
                    spoken.text.push('\n');
                }
                spoken.text.push_str(text);
            }
            Content::Thinking(thinking)
                if self.target.reasoning_details
                    && details::write(thinking, self.target, &mut spoken.details) => {}
            Content::Thinking(thinking) => {
                if self.target.reasoning_field.is_none() || thinking.text.is_empty() {
                    self.losses.hint("thinking of another provider", WHY)?;
                }
                spoken.thoughts.push_str(&thinking.text);
            }
            Content::ToolCall(call) => spoken.calls.push(write_call(call)),
            // Chat has no place for what a model drew or spoke but the user's messages.
            content => self.media.extend(write_part(content)),
        }
        Ok(())
    }

    /// Writes the media that wait, in a message of the user's.
    fn flush_media(&mut self) {
        if !self.media.is_empty() {
            let media = std::mem::take(&mut self.media);
            self.written.push(json!({"role": "user", "content": media}));
        }
    }

    fn push(&mut self, role: &str, message: &Message, content: Value) {
        let mut written = Map::new();
        written.insert("role".to_owned(), role.into());
        written.insert("content".to_owned(), content);
        if let Some(name) = &message.name {
            written.insert("name".to_owned(), name.as_str().into());
        }
        self.written.push(Value::Object(written));
    }
}

/// What the model said in one turn.
#[derive(Default)]
struct Spoken {
    text: String,
    thoughts: String,
    /// Thoughts with their proofs.
    details: Vec<Value>,
    calls: Vec<Value>,
    /// Whether there is anything but thoughts.
    is_there: bool,
    /// Whether the next text is of another message, and so begins on a line of its own.
    is_new_message: bool,
}

fn write_call(call: &ToolCall) -> Value {
    let id = fit_id(&call.id);
    let name = fit_name(&call.name);
    if call.is_custom {
        return json!({"id": id, "type": "custom", "custom": {"name": name, "input": call.input}});
    }
    let arguments = match call.input.trim_ascii() {
        "" => "{}",
        _ => call.input.as_str(),
    };
    let mut written = Map::new();
    written.insert("id".to_owned(), id.into());
    written.insert("type".to_owned(), "function".into());
    let function = json!({"name": name, "arguments": arguments});
    written.insert("function".to_owned(), function);
    let signature = call.signature.as_ref();
    if let Some(signature) = signature.and_then(|it| it.for_target(Format::Chat)) {
        written.insert("extra_content".to_owned(), write_signature(signature));
    }
    Value::Object(written)
}
