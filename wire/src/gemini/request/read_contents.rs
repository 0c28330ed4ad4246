//! Reading the conversation.

use serde_json::Value;

use super::pairing::Pairing;
use super::read_part::read_part;
use crate::fields::{RequestError, Taker};
use crate::gemini::members::{elements, open};
use crate::gemini::response::push_part;
use crate::neutral::{Message, Part, Request, Role};

/// Reads `systemInstruction`, whose role means nothing.
pub(super) fn read_system(top: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    let path = top.at("systemInstruction");
    let parts = match top.take("systemInstruction") {
        None => return Ok(()),
        // What SDKs take from their callers, and some proxies from theirs.
        Some(Value::String(text)) => vec![Part::text(text)],
        Some(value) => {
            let mut content = open(value, path)?;
            read_parts(&mut content, Role::System, &mut Pairing::default())?
        }
    };
    if !parts.is_empty() {
        request.messages.push(Message::new(Role::System, parts));
    }
    Ok(())
}

/// Reads `contents`.
pub(super) fn read_contents(top: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    const EXPECTED: &str = "a list of contents, of which there is at least one";
    let contents = elements(top, "contents")?;
    if contents.is_empty() {
        return Err(top.error("contents", EXPECTED));
    }
    let mut pairing = Pairing::default();
    for (value, path) in contents {
        let mut content = open(value, path)?;
        let role = read_role(&mut content)?;
        let parts = read_parts(&mut content, role, &mut pairing)?;
        let mut message = Message::new(role, parts);
        message.rest = content.rest();
        join(&mut request.messages, message);
    }
    Ok(())
}

fn read_role(content: &mut Taker) -> Result<Role, RequestError> {
    match content.string("role")?.as_deref() {
        // `function` is how results came before Gemini 1.5.
        None | Some("" | "user" | "function") => Ok(Role::User),
        Some("model") => Ok(Role::Assistant),
        Some(_) => Err(content.error("role", "`user` or `model`")),
    }
}

fn read_parts(
    content: &mut Taker,
    role: Role,
    pairing: &mut Pairing,
) -> Result<Vec<Part>, RequestError> {
    let mut parts = Vec::new();
    for (value, path) in elements(content, "parts")? {
        for part in read_part(value, path, role, pairing)? {
            if role == Role::Assistant {
                push_part(&mut parts, part);
            } else {
                parts.push(part);
            }
        }
    }
    Ok(parts)
}

/// Adds a message. The SDKs keep a streamed answer as one content for each chunk: they are one turn.
fn join(messages: &mut Vec<Message>, message: Message) {
    let last = messages.last_mut().filter(|last| {
        last.role == Role::Assistant && message.role == Role::Assistant && message.rest.is_empty()
    });
    match last {
        Some(last) => {
            for part in message.parts {
                push_part(&mut last.parts, part);
            }
        }
        None => messages.push(message),
    }
}
