//! What a model said, read from a message of its: in the history of a request, or in a whole answer.

use serde_json::Value;

use super::content;
use super::details;
use super::thinking;
use super::tool_names::{CallIds, ChangedNames};
use crate::fields::{RequestError, Taker};
use crate::format::Format;
use crate::neutral::{Content, Part, Signature, Source, Thinking, ToolCall};

/// Where the message stands.
pub(super) enum Place<'a> {
    /// In a request: a call without an id is the caller's mistake. The number is the message's.
    History(usize),
    /// In an answer: what a provider leaves out is made up.
    Reply {
        ids: &'a mut CallIds,
        names: &'a ChangedNames,
    },
}

/// Reads the parts of a message: thoughts, text, refusal, images, tool calls, in the order in which they were made.
pub(super) fn read(taker: &mut Taker, place: &mut Place<'_>) -> Result<Vec<Part>, RequestError> {
    let mut parts: Vec<Part> = read_thoughts(taker)
        .into_iter()
        .map(|thinking| Part::new(Content::Thinking(thinking)))
        .collect();
    parts.extend(content::read(taker, "content")?);
    if let Some(refusal) = taker.string("refusal")?.filter(|text| !text.is_empty()) {
        parts.push(Part::new(Content::Refusal(refusal)));
    }
    if let Some(Value::Array(images)) = taker.take("images") {
        parts.extend(images.iter().filter_map(read_image).map(Part::new));
    }
    read_calls(taker, place, &mut parts)?;
    Ok(parts)
}

fn read_thoughts(taker: &mut Taker) -> Vec<Thinking> {
    let mut plain = None;
    for key in ["reasoning_content", "reasoning"] {
        if taker.peek(key).is_some_and(Value::is_string)
            && let Some(Value::String(text)) = taker.take(key)
            && plain.is_none()
        {
            plain = Some(text);
        }
    }
    let mut list = |key: &str| match taker.take(key) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    let blocks = list("thinking_blocks");
    let details = details::read_list(&list("reasoning_details"));
    if details.is_empty() {
        return thinking::read_blocks(&blocks, plain);
    }
    thinking::with_plain(details, plain)
}

/// OpenRouter's place for the images that a model makes.
pub(super) fn read_image(image: &Value) -> Option<Content> {
    let place = image.get("image_url")?;
    let url = place.as_str().or_else(|| place.get("url")?.as_str())?;
    Some(Content::Image {
        source: Source::from_url(url),
        detail: None,
    })
}

fn read_calls(
    taker: &mut Taker,
    place: &mut Place<'_>,
    parts: &mut Vec<Part>,
) -> Result<(), RequestError> {
    let path = taker.at("tool_calls");
    for (at, call) in taker.list("tool_calls")?.into_iter().flatten().enumerate() {
        let call = Taker::of(call, format!("{path}[{at}]"))?;
        parts.push(Part::new(read_call(call, place)?));
    }
    if let Some(mut function) = taker.object("function_call")? {
        let id = match place {
            Place::History(at) => legacy_id(*at),
            Place::Reply { ids, .. } => ids.make(),
        };
        let call = ToolCall {
            id,
            name: read_name(&mut function, place)?,
            input: read_arguments(&mut function, place)?,
            is_custom: false,
            signature: None,
        };
        parts.push(Part::new(Content::ToolCall(call)));
    }
    Ok(())
}

/// The id of a legacy `function_call`, which has none: the number of its message.
pub(super) fn legacy_id(message: usize) -> String {
    format!("call_function_{message}")
}

fn read_call(mut call: Taker, place: &mut Place<'_>) -> Result<Content, RequestError> {
    let kind = match call.peek("type") {
        Some(Value::String(kind)) => kind.clone(),
        _ if call.peek("custom").is_some() => "custom".to_owned(),
        _ => "function".to_owned(),
    };
    if kind != "function" && kind != "custom" {
        return Ok(Content::Other {
            format: Format::Chat,
            kind,
            value: call.into_value(),
        });
    }
    let id = call.string("id")?.filter(|id| !id.is_empty());
    let id = match (id, &mut *place) {
        (Some(id), _) => id,
        (None, Place::History(_)) => return Err(call.error("id", "a string that is not empty")),
        (None, Place::Reply { ids, .. }) => ids.make(),
    };
    let origin = match place {
        Place::History(_) => Format::Gemini,
        Place::Reply { .. } => Format::Chat,
    };
    let signature = read_signature(call.peek("extra_content"), origin);
    call.take("extra_content");
    let mut tool = call
        .object(&kind)?
        .ok_or_else(|| call.error(&kind, "an object with a `name`"))?;
    let name = read_name(&mut tool, place)?;
    let is_custom = kind == "custom";
    let input = match is_custom {
        true => tool.string("input")?.unwrap_or_default(),
        false => read_arguments(&mut tool, place)?,
    };
    Ok(Content::ToolCall(ToolCall {
        id,
        name,
        input,
        is_custom,
        signature,
    }))
}

fn read_name(function: &mut Taker, place: &Place<'_>) -> Result<String, RequestError> {
    let name = function.required_string("name")?;
    Ok(match place {
        Place::History(_) => name,
        Place::Reply { names, .. } => names.restore(&name).to_owned(),
    })
}

/// Arguments are JSON in a string; some servers answer with the object itself.
fn read_arguments(function: &mut Taker, place: &Place<'_>) -> Result<String, RequestError> {
    let in_reply = matches!(place, Place::Reply { .. });
    if in_reply && function.peek("arguments").is_some_and(Value::is_object) {
        return Ok(function
            .take("arguments")
            .map_or_else(no_arguments, |it| it.to_string()));
    }
    let text = function.string("arguments")?;
    Ok(text
        .filter(|text| !text.trim_ascii().is_empty())
        .unwrap_or_else(no_arguments))
}

fn no_arguments() -> String {
    "{}".to_owned()
}

/// Gemini's signature of a call, where Google's OpenAI endpoint has it. It is `origin`'s: one that a client sends may go to
/// Gemini itself; one that comes from a provider of chat must go back in chat.
pub(super) fn read_signature(extra_content: Option<&Value>, origin: Format) -> Option<Signature> {
    let signature = extra_content?.get("google")?.get("thought_signature")?;
    Some(Signature::new(origin, signature.as_str()?))
}

/// The `extra_content` that carries a signature.
pub(super) fn write_signature(signature: &str) -> Value {
    serde_json::json!({"google": {"thought_signature": signature}})
}
