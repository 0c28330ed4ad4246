//! One `chat.completion.chunk`, or a legacy completions chunk, read by value. Only the first events of a stream and the
//! few that say something about it come here.

use super::MAX_NAME_BYTES;
use crate::errors;
use crate::json;
use crate::usage::{Usage, from_openai};

/// What a chunk tells.
#[derive(Debug, Default)]
pub(super) struct Chunk<'a> {
    pub id: Option<&'a str>,
    pub model: Option<&'a str>,
    pub usage: Option<Usage>,
    pub has_error: bool,
    pub has_output: bool,
    pub is_finished: bool,
    /// It has a usage and no choice, so that only who asked for a usage has a use for it.
    pub is_only_usage: bool,
}

impl Chunk<'_> {
    /// The text of an id or a model. Azure's first chunk has empty ones, which are none.
    pub fn name(&self, value: Option<&str>) -> Option<String> {
        value
            .filter(|value| value.len() <= MAX_NAME_BYTES)
            .and_then(json::string)
            .filter(|name| !name.is_empty())
    }
}

/// Reads a chunk. None if the data is not a JSON object.
pub(super) fn parse(data: &[u8]) -> Option<Chunk<'_>> {
    let text = std::str::from_utf8(data).ok()?;
    let mut chunk = Chunk::default();
    let mut groq = None;
    let mut has_usage = false;
    let mut choices = 0;
    json::members(text, |member| match member.key.as_ref() {
        "id" => chunk.id = Some(member.value),
        "model" => chunk.model = Some(member.value),
        "error" => chunk.has_error = errors::is_error(member.value),
        "usage" => {
            has_usage = member.value != "null";
            chunk.usage = from_openai(member.value.as_bytes());
        }
        "x_groq" => groq = usage_in(member.value),
        "choices" => {
            for choice in json::elements(member.value) {
                choices += 1;
                read_choice(choice, &mut chunk);
            }
        }
        _ => {}
    })
    .ok()?;
    chunk.is_only_usage = has_usage && choices == 0;
    chunk.usage = chunk.usage.or(groq);
    Some(chunk)
}

/// Groq's own place for the usage.
fn usage_in(value: &str) -> Option<Usage> {
    let mut usage = None;
    json::members(value, |member| {
        if member.key == "usage" {
            usage = from_openai(member.value.as_bytes());
        }
    })
    .ok()?;
    usage
}

fn read_choice(choice: &str, chunk: &mut Chunk<'_>) {
    // A choice that is no object tells nothing.
    let _not_an_object = json::members(choice, |member| match member.key.as_ref() {
        "delta" | "message" => chunk.has_output |= has_output(member.value),
        "text" => chunk.has_output |= json::is_filled(member.value),
        "finish_reason" => {
            chunk.is_finished |= member.value.starts_with('"') && json::is_filled(member.value);
        }
        _ => {}
    });
}

fn has_output(delta: &str) -> bool {
    let mut found = false;
    let _not_an_object = json::members(delta, |member| {
        found |= matches!(
            member.key.as_ref(),
            "content"
                | "reasoning_content"
                | "reasoning"
                | "reasoning_details"
                | "thinking_blocks"
                | "refusal"
                | "tool_calls"
                | "function_call"
                | "audio"
                | "images"
        ) && json::is_filled(member.value);
    });
    found
}
