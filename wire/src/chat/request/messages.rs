//! The conversation of a request.

use std::collections::HashMap;

use serde_json::Value;

use crate::chat::assistant::{self, Place};
use crate::chat::content;
use crate::fields::{RequestError, Taker};
use crate::neutral::{CacheMark, Content, Message, Part, Role, ToolResult};

/// Reads the messages. Results of tools become parts of user messages, one message each, as they stand.
pub(super) fn read(messages: Vec<Value>) -> Result<Vec<Message>, RequestError> {
    let mut calls = Calls::default();
    let mut read = Vec::with_capacity(messages.len());
    for (at, message) in messages.into_iter().enumerate() {
        let taker = Taker::of(message, format!("messages[{at}]"))?;
        read.push(read_message(taker, at, &mut calls)?);
    }
    Ok(read)
}

/// The tool calls so far: a result does not tell what it is the result of, but other formats want to know.
/// Of calls with the same id or name the latest is meant.
#[derive(Default)]
struct Calls {
    made: Vec<Call>,
    by_id: HashMap<String, usize>,
    by_name: HashMap<String, usize>,
}

struct Call {
    id: String,
    name: String,
    is_custom: bool,
}

impl Calls {
    fn note(&mut self, parts: &[Part]) {
        for part in parts {
            let Content::ToolCall(call) = &part.content else {
                continue;
            };
            self.by_id.insert(call.id.clone(), self.made.len());
            self.by_name.insert(call.name.clone(), self.made.len());
            self.made.push(Call {
                id: call.id.clone(),
                name: call.name.clone(),
                is_custom: call.is_custom,
            });
        }
    }

    fn of_id(&self, id: &str) -> Option<&Call> {
        self.made.get(*self.by_id.get(id)?)
    }

    fn of_name(&self, name: &str) -> Option<&Call> {
        self.made.get(*self.by_name.get(name)?)
    }
}

fn read_message(mut taker: Taker, at: usize, calls: &mut Calls) -> Result<Message, RequestError> {
    const EXPECTED: &str = "`system`, `developer`, `user`, `assistant`, `tool` or `function`";
    let role = taker.required_string("role")?;
    let mark = content::take_cache_mark(&mut taker);
    let name = taker.string("name")?;
    let (role, mut parts) = match role.as_str() {
        "system" => (Role::System, content::read(&mut taker, "content")?),
        "developer" => (Role::Developer, content::read(&mut taker, "content")?),
        "user" => (Role::User, content::read(&mut taker, "content")?),
        "assistant" => {
            let mut parts = assistant::read(&mut taker, &mut Place::History(at))?;
            calls.note(&parts);
            parts.extend(read_spoken(&mut taker));
            (Role::Assistant, parts)
        }
        "tool" => (
            Role::User,
            vec![read_tool(&mut taker, name.clone(), calls)?],
        ),
        "function" => (
            Role::User,
            vec![read_function(&mut taker, name.clone(), at, calls)?],
        ),
        _ => return Err(taker.error("role", EXPECTED)),
    };
    mark_last(&mut parts, mark);
    let is_result = matches!(
        parts.first(),
        Some(Part {
            content: Content::ToolResult(_),
            ..
        })
    );
    Ok(Message {
        role,
        parts,
        // The name beside a result is its tool's, and nobody's who speaks.
        name: name.filter(|_| !is_result),
        rest: taker.rest(),
    })
}

/// A mark on a message is one on its last part. Thoughts cannot be marked.
fn mark_last(parts: &mut [Part], mark: Option<CacheMark>) {
    let mut markable = parts
        .iter_mut()
        .rev()
        .filter(|part| !matches!(part.content, Content::Thinking(_)));
    if let Some(last) = markable.next() {
        last.cache = mark.or(last.cache);
    }
}

/// The id of an earlier spoken answer, which only its provider knows.
fn read_spoken(taker: &mut Taker) -> Option<Part> {
    let value = taker.take("audio")?;
    Some(Part::new(Content::Other {
        format: crate::format::Format::Chat,
        kind: "audio".to_owned(),
        value,
    }))
}

fn read_tool(taker: &mut Taker, name: Option<String>, calls: &Calls) -> Result<Part, RequestError> {
    let call_id = taker
        .string("tool_call_id")?
        .filter(|id| !id.is_empty())
        .ok_or_else(|| taker.error("tool_call_id", "the `id` of a tool call"))?;
    let call = calls.of_id(&call_id);
    let name = name.or_else(|| call.map(|call| call.name.clone()));
    let is_custom = call.is_some_and(|call| call.is_custom);
    result(taker, call_id, name, is_custom)
}

/// The legacy role, whose results refer to a call by the function's name alone.
fn read_function(
    taker: &mut Taker,
    name: Option<String>,
    at: usize,
    calls: &Calls,
) -> Result<Part, RequestError> {
    let name = name.ok_or_else(|| taker.error("name", "the name of a function"))?;
    let call = calls.of_name(&name);
    let call_id = call.map_or_else(|| assistant::legacy_id(at), |call| call.id.clone());
    result(taker, call_id, Some(name), false)
}

fn result(
    taker: &mut Taker,
    call_id: String,
    name: Option<String>,
    is_custom: bool,
) -> Result<Part, RequestError> {
    let mut parts = content::read(taker, "content")?;
    // A mark inside of a result is as good as one on the whole, which is where other formats have it.
    let inner_mark = parts.iter_mut().filter_map(|part| part.cache.take()).last();
    let mut part = Part::new(Content::ToolResult(ToolResult {
        call_id,
        name,
        parts,
        is_error: false,
        is_custom,
    }));
    part.cache = inner_mark;
    Ok(part)
}
