//! What the gateway reads of a request's JSON body, and the few edits it makes in it.
//!
//! A body is validated whole but never taken apart: [`parse`] remembers where the members it may have to change are
//! written, and [`render`] splices there. Key order, numbers, spacing and unknown members reach the provider as sent.

mod error;
mod members;
mod others;
mod render;

use std::ops::Range;

use serde::de::IgnoredAny;

use crate::json::{self, Member};

pub use error::BodyError;
use members::{
    read_choices, read_count, read_flag, read_generation_config, read_model, read_stream_options,
};
pub use others::{any_model, other_model};
pub use render::{Edit, ModelEdit, render};

/// How deep arrays and objects may nest, the outermost object included.
pub const MAX_DEPTH: usize = 128;

/// The longest model name. Names are remembered, compared and told: they must stay small.
pub const MAX_MODEL_BYTES: usize = 256;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What the gateway needs to know of a request, and where in the body it is written. It belongs to the body it was
/// parsed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// `model`; none if it is absent or null.
    pub model: Option<String>,
    /// `stream`; false if it is absent or null.
    pub stream: bool,
    /// Whether the client asked for the usage chunk: `stream_options.include_usage` is true.
    pub include_usage: bool,
    /// `max_completion_tokens`, else `max_tokens`, else `max_output_tokens` (Responses), else
    /// `generationConfig.maxOutputTokens` (Gemini): tokens per choice.
    pub max_output_tokens: Option<u64>,
    /// `n`, the number of answers asked for; at least 1, which is the default.
    pub choices: u32,
    /// Whether `tools` is a list with something in it.
    pub has_tools: bool,
    places: Places,
}

/// Where the members that can be edited are: byte ranges of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Places {
    outer: Inside,
    model_key: Option<Range<usize>>,
    model_value: Option<Range<usize>>,
    stream_options: StreamOptions,
    max_tokens_key: Option<Range<usize>>,
    max_completion_tokens_key: Option<Range<usize>>,
}

impl Places {
    /// The whole `model` member, key and value.
    fn model_member(&self) -> Option<Range<usize>> {
        Some(self.model_key.as_ref()?.start..self.model_value.as_ref()?.end)
    }
}

/// Where a member can be added to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Inside {
    /// The index just after the opening brace.
    start: usize,
    is_empty: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum StreamOptions {
    Absent,
    Null(Range<usize>),
    Object {
        inside: Inside,
        include_usage_value: Option<Range<usize>>,
    },
}

impl Head {
    /// The head of a request that is a form and not JSON: there is no body in which anything could be edited.
    ///
    /// # Errors
    /// If the model's name can be none.
    pub fn of_form(model: Option<String>, stream: bool, choices: u32) -> Result<Self, BodyError> {
        Ok(Self {
            model: model.map(check_name).transpose()?,
            stream,
            include_usage: false,
            max_output_tokens: None,
            choices: choices.max(1),
            has_tools: false,
            places: Places {
                outer: Inside {
                    start: 0,
                    is_empty: true,
                },
                model_key: None,
                model_value: None,
                stream_options: StreamOptions::Absent,
                max_tokens_key: None,
                max_completion_tokens_key: None,
            },
        })
    }

    /// The head of a request whose URL names the model, as Gemini's does.
    ///
    /// # Errors
    /// If the model's name can be none.
    pub fn with_model(self, model: &str) -> Result<Self, BodyError> {
        Ok(Self {
            model: Some(check_name(model.to_owned())?),
            ..self
        })
    }
}

/// Takes a model's name that can be one: it is remembered, logged, and shown where a control character does harm.
fn check_name(name: String) -> Result<String, BodyError> {
    if name.len() > MAX_MODEL_BYTES || name.chars().any(char::is_control) {
        return Err(BodyError::WrongType {
            key: "model",
            expected: EXPECTED_MODEL,
        });
    }
    Ok(name)
}

const EXPECTED_MODEL: &str = "a string of at most 256 bytes without control characters";

/// Reads a request body in one shallow pass, linear in its length and without copying it; all of it is validated as
/// JSON and UTF-8.
///
/// # Errors
/// Whatever would let the gateway and a provider disagree about what was asked: see [`BodyError`].
pub fn parse(body: &[u8]) -> Result<Head, BodyError> {
    let text = check_text(body)?;
    let mut found = Found::default();
    if let Err(error) = json::members(text, |member| found.note(member)) {
        return Err(explain(text, &error));
    }
    found.into_head(text)
}

/// Checks all that must hold before a JSON parser may see the body.
fn check_text(body: &[u8]) -> Result<&str, BodyError> {
    if body.starts_with(BYTE_ORDER_MARK) {
        return Err(BodyError::Bom);
    }
    let text = std::str::from_utf8(body).map_err(|error| BodyError::NotUtf8 {
        at: error.valid_up_to(),
    })?;
    if text.trim_ascii().is_empty() {
        return Err(BodyError::Empty);
    }
    if json::is_deeper_than(body, MAX_DEPTH) {
        return Err(BodyError::TooDeep { max: MAX_DEPTH });
    }
    Ok(text)
}

/// Says what is wrong with a text that is not an object: a value of another kind, or no JSON at all.
fn explain(text: &str, error: &serde_json::Error) -> BodyError {
    let found = match text.trim_ascii().bytes().next() {
        Some(b'[') => Some("an array"),
        Some(b'"') => Some("a string"),
        Some(b'n') => Some("null"),
        Some(b't' | b'f') => Some("a boolean"),
        Some(b'-' | b'0'..=b'9') => Some("a number"),
        _ => None,
    };
    let Some(found) = found else {
        return not_json(error);
    };
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => BodyError::NotObject { found },
        Err(error) => not_json(&error),
    }
}

fn not_json(error: &serde_json::Error) -> BodyError {
    let (line, column) = (error.line(), error.column());
    let full = error.to_string();
    // serde_json ends its messages with the place, which is told apart here.
    let place = format!(" at line {line} column {column}");
    BodyError::NotJson {
        line,
        column,
        reason: full.strip_suffix(&place).unwrap_or(&full).to_owned(),
    }
}

/// The members that matter, as they are written.
#[derive(Default)]
struct Found<'a> {
    members: usize,
    model: Option<Written<'a>>,
    stream: Option<&'a str>,
    stream_options: Option<&'a str>,
    max_tokens: Option<Written<'a>>,
    max_completion_tokens: Option<Written<'a>>,
    max_output_tokens: Option<&'a str>,
    generation_config: Option<&'a str>,
    n: Option<&'a str>,
    tools: Option<&'a str>,
    repeated: Option<&'static str>,
    in_capitals: Option<&'static str>,
}

/// The keys of these members.
const ACTED_ON: [&str; 10] = [
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "generationConfig",
    "generation_config",
    "n",
    "tools",
];

#[derive(Clone, Copy)]
struct Written<'a> {
    key: &'a str,
    value: &'a str,
}

impl<'a> Found<'a> {
    fn note(&mut self, member: Member<'a>) {
        self.members += 1;
        let value = member.value;
        let written = Written {
            key: member.key_token,
            value,
        };
        let (key, earlier) = match member.key.as_ref() {
            "model" => ("model", self.model.replace(written).is_some()),
            "stream" => ("stream", self.stream.replace(value).is_some()),
            "stream_options" => (
                "stream_options",
                self.stream_options.replace(value).is_some(),
            ),
            "max_tokens" => ("max_tokens", self.max_tokens.replace(written).is_some()),
            "max_completion_tokens" => (
                "max_completion_tokens",
                self.max_completion_tokens.replace(written).is_some(),
            ),
            "max_output_tokens" => (
                "max_output_tokens",
                self.max_output_tokens.replace(value).is_some(),
            ),
            "generationConfig" | "generation_config" => (
                "generationConfig",
                self.generation_config.replace(value).is_some(),
            ),
            "n" => ("n", self.n.replace(value).is_some()),
            "tools" => ("tools", self.tools.replace(value).is_some()),
            other => {
                let mut keys = ACTED_ON.into_iter();
                self.in_capitals = self
                    .in_capitals
                    .or(keys.find(|key| json::is_like(other, key)));
                return;
            }
        };
        if earlier {
            self.repeated.get_or_insert(key);
        }
    }

    fn into_head(self, text: &str) -> Result<Head, BodyError> {
        if let Some(key) = self.repeated {
            return Err(BodyError::DuplicateKey { key });
        }
        if let Some(key) = self.in_capitals {
            return Err(BodyError::OtherCapitals { key });
        }
        let (stream_options, include_usage) = read_stream_options(text, self.stream_options)?;
        let limit = |key, written: Option<Written<'a>>| {
            read_count(key, written.map_or("null", |written| written.value))
        };
        let max_tokens = limit("max_tokens", self.max_tokens)?;
        let max_completion_tokens = limit("max_completion_tokens", self.max_completion_tokens)?;
        let max_output_tokens = read_count(
            "max_output_tokens",
            self.max_output_tokens.unwrap_or("null"),
        )?;
        let generation = self.generation_config.map(read_generation_config);
        let (of_generation, candidates) = generation.unwrap_or_default();
        Ok(Head {
            model: read_model(self.model.map(|written| written.value))?,
            stream: read_flag("stream", self.stream)?,
            include_usage,
            max_output_tokens: max_completion_tokens
                .or(max_tokens)
                .or(max_output_tokens)
                .or(of_generation),
            choices: match candidates {
                Some(candidates) => candidates.max(1),
                None => read_choices(self.n)?,
            },
            has_tools: self
                .tools
                .is_some_and(|tools| tools.starts_with('[') && json::is_filled(tools)),
            places: Places {
                outer: inside(text, text, self.members),
                model_key: self.model.map(|written| place(text, written.key)),
                model_value: self.model.map(|written| place(text, written.value)),
                stream_options,
                max_tokens_key: self.max_tokens.map(|written| place(text, written.key)),
                max_completion_tokens_key: self
                    .max_completion_tokens
                    .map(|written| place(text, written.key)),
            },
        })
    }
}

/// The byte range of `part`, which is a slice of `text`.
fn place(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

/// Where members can be added to `object`, which is a slice of `text`, or all of it with space around.
fn inside(text: &str, object: &str, members: usize) -> Inside {
    Inside {
        start: place(text, object.trim_ascii_start()).start + 1,
        is_empty: members == 0,
    }
}

#[cfg(test)]
mod tests;
