//! The values of the members that the gateway acts on, each of one type or refused.

use super::{BodyError, EXPECTED_MODEL, StreamOptions, check_name, inside, place};
use crate::json;

pub(super) fn read_model(value: Option<&str>) -> Result<Option<String>, BodyError> {
    match value {
        None | Some("null") => Ok(None),
        Some(value) => {
            let name = json::string(value).ok_or(BodyError::WrongType {
                key: "model",
                expected: EXPECTED_MODEL,
            })?;
            check_name(name).map(Some)
        }
    }
}

pub(super) fn read_flag(key: &'static str, value: Option<&str>) -> Result<bool, BodyError> {
    match value {
        None | Some("null" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(BodyError::WrongType {
            key,
            expected: "true, false or null",
        }),
    }
}

pub(super) fn read_count(key: &'static str, value: &str) -> Result<Option<u64>, BodyError> {
    if value == "null" {
        return Ok(None);
    }
    value
        .parse()
        .map(Some)
        .map_err(|_not_a_count| BodyError::WrongType {
            key,
            expected: "a non-negative whole number or null",
        })
}

pub(super) fn read_choices(value: Option<&str>) -> Result<u32, BodyError> {
    match value {
        None | Some("null") => Ok(1),
        // Zero goes to the provider as it is, to be refused there; what is held here is never for nothing.
        Some(value) => value
            .parse::<u32>()
            .map(|choices| choices.max(1))
            .map_err(|_not_a_count| BodyError::WrongType {
                key: "n",
                expected: "a positive whole number or null",
            }),
    }
}

/// Gemini's output limit and number of answers. What is odd here is Gemini's to refuse: it only bounds what is held.
pub(super) fn read_generation_config(value: &str) -> (Option<u64>, Option<u32>) {
    let (mut limit, mut candidates) = (None, None);
    let _not_an_object = json::members(value, |member| match member.key.as_ref() {
        "maxOutputTokens" | "max_output_tokens" => limit = member.value.parse().ok(),
        "candidateCount" | "candidate_count" => candidates = member.value.parse().ok(),
        _ => {}
    });
    (limit, candidates)
}

pub(super) fn read_stream_options(
    text: &str,
    value: Option<&str>,
) -> Result<(StreamOptions, bool), BodyError> {
    let value = match value {
        None => return Ok((StreamOptions::Absent, false)),
        Some(null @ "null") => return Ok((StreamOptions::Null(place(text, null)), false)),
        Some(value) => value,
    };
    let mut members = 0;
    let mut include_usage = None;
    let mut repeated = false;
    json::members(value, |member| {
        members += 1;
        if member.key == "include_usage" {
            repeated |= include_usage.replace(member.value).is_some();
        }
    })
    .map_err(|_not_an_object| BodyError::WrongType {
        key: "stream_options",
        expected: "an object or null",
    })?;
    if repeated {
        return Err(BodyError::DuplicateKey {
            key: "stream_options.include_usage",
        });
    }
    let asked = read_flag("stream_options.include_usage", include_usage)?;
    let options = StreamOptions::Object {
        inside: inside(text, value, members),
        include_usage_value: include_usage.map(|value| place(text, value)),
    };
    Ok((options, asked))
}
