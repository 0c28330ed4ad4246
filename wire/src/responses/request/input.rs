//! Reading `input`: a flat list of items becomes turns. What the model said in several items, one after another, is one
//! turn, and so are the results of several tools.

use serde_json::Value;

use super::parts;
use crate::fields::{RequestError, Taker};
use crate::format::Format;
use crate::neutral::{Content, Message, Part, Role, Signature, ToolCall, ToolResult};
use crate::responses::thoughts::{self, Thought};

const REFERENCE: &str = "the item itself, because conversations are not kept yet and a reference finds nothing: send `store: false`";

/// The turns read so far.
#[derive(Default)]
pub(super) struct Conversation {
    messages: Vec<Message>,
    /// The signature of the next tool call, which came in an item before it.
    call_signature: Option<Signature>,
}

impl Conversation {
    pub fn say(&mut self, role: Role, text: String) {
        self.messages
            .push(Message::new(role, vec![Part::text(text)]));
    }

    pub fn into_messages(self) -> Vec<Message> {
        self.messages
    }

    /// Reads all of `input`.
    pub fn read(&mut self, input: Value) -> Result<(), RequestError> {
        match input {
            Value::String(text) => self.say(Role::User, text),
            Value::Array(items) => {
                for (at, item) in items.into_iter().enumerate() {
                    self.read_item(Taker::of(item, format!("input[{at}]"))?)?;
                }
            }
            _ => return Err(RequestError::new("input", "a text or a list of items")),
        }
        Ok(())
    }

    fn read_item(&mut self, item: Taker) -> Result<(), RequestError> {
        let kind = match item.peek("type") {
            Some(Value::String(kind)) => kind.clone(),
            Some(_) => return Err(item.error("type", "a string")),
            None if item.peek("role").is_some() => "message".to_owned(),
            None if item.peek("id").is_some() => "item_reference".to_owned(),
            None => return Err(item.error("type", "a string")),
        };
        if !matches!(
            kind.as_str(),
            "reasoning" | "function_call" | "custom_tool_call"
        ) {
            self.call_signature = None;
        }
        match kind.as_str() {
            "message" => self.read_message(item),
            "function_call" => self.read_call(item, "arguments", false),
            "custom_tool_call" => self.read_call(item, "input", true),
            "function_call_output" => self.read_result(item, false),
            "custom_tool_call_output" => self.read_result(item, true),
            "reasoning" => self.read_reasoning(item),
            // The AI SDK refers to thoughts where it sends all else. They can be done without.
            "item_reference" if is_of_thoughts(&item) => Ok(()),
            "item_reference" => {
                let path = item.at("type");
                let place = path.trim_end_matches(".type");
                Err(RequestError::new(place, REFERENCE))
            }
            _ => {
                // Results of the client's side are named so; everything else is the model's.
                let is_clients = kind.ends_with("_output") || kind.ends_with("_response");
                let role = if is_clients {
                    Role::User
                } else {
                    Role::Assistant
                };
                let other = Content::Other {
                    format: Format::Responses,
                    kind,
                    value: item.into_value(),
                };
                self.join(role, Part::new(other));
                Ok(())
            }
        }
    }

    fn read_message(&mut self, mut item: Taker) -> Result<(), RequestError> {
        item.take("type");
        let role = match item.required_string("role")?.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            "developer" => Role::Developer,
            _ => {
                const EXPECTED: &str = "`user`, `assistant`, `system` or `developer`";
                return Err(item.error("role", EXPECTED));
            }
        };
        let path = item.at("content");
        let parts = match item.take("content") {
            Some(content) => parts::read(content, &path)?,
            None => Vec::new(),
        };
        let rest = item.rest();
        if role != Role::Assistant {
            let mut message = Message::new(role, parts);
            message.rest = rest;
            self.messages.push(message);
            return Ok(());
        }
        for part in parts {
            self.join(role, part);
        }
        if let Some(last) = self.messages.last_mut().filter(|it| it.role == role) {
            last.rest.extend(rest);
        }
        Ok(())
    }

    fn read_call(
        &mut self,
        mut item: Taker,
        input_key: &str,
        is_custom: bool,
    ) -> Result<(), RequestError> {
        item.take("type");
        let mut input = item.string(input_key)?.unwrap_or_default();
        if input.trim().is_empty() && !is_custom {
            "{}".clone_into(&mut input);
        }
        let call = ToolCall {
            id: item.required_string("call_id")?,
            name: item.required_string("name")?,
            input,
            is_custom,
            signature: self.call_signature.take(),
        };
        let mut part = Part::new(Content::ToolCall(call));
        part.rest = item.rest();
        self.join(Role::Assistant, part);
        Ok(())
    }

    fn read_result(&mut self, mut item: Taker, is_custom: bool) -> Result<(), RequestError> {
        item.take("type");
        let path = item.at("output");
        let Some(output) = item.take("output") else {
            return Err(item.error("output", "a text or a list of parts"));
        };
        let result = ToolResult {
            call_id: item.required_string("call_id")?,
            name: item.string("name")?,
            parts: parts::read(output, &path)?,
            is_error: false,
            is_custom,
        };
        let mut part = Part::new(Content::ToolResult(result));
        part.rest = item.rest();
        self.join(Role::User, part);
        Ok(())
    }

    fn read_reasoning(&mut self, mut item: Taker) -> Result<(), RequestError> {
        item.take("type");
        match thoughts::read(&mut item)? {
            Thought::Thinking(thinking) => {
                let mut part = Part::new(Content::Thinking(thinking));
                part.rest = item.rest();
                self.join(Role::Assistant, part);
            }
            Thought::OfCall(signature) => self.call_signature = Some(signature),
        }
        Ok(())
    }

    /// Adds to the last turn if it is of the same side; what the user said is a turn of its own.
    fn join(&mut self, role: Role, part: Part) {
        let last = self.messages.last_mut().filter(|last| last.role == role);
        match last {
            Some(last) if role == Role::Assistant || has_results(last) => last.parts.push(part),
            _ => self.messages.push(Message::new(role, vec![part])),
        }
    }
}

/// Whether an item is of thoughts, by the beginning that OpenAI's ids have, and ours.
fn is_of_thoughts(item: &Taker) -> bool {
    let id = item.peek("id").and_then(Value::as_str);
    id.is_some_and(|id| id.starts_with("rs_"))
}

fn has_results(message: &Message) -> bool {
    let is_result =
        |part: &Part| matches!(part.content, Content::ToolResult(_) | Content::Other { .. });
    message.parts.iter().all(is_result)
}
