//! OpenAI's Realtime API as the gateway sees it: what a session used, and which models a client names in it.
//!
//! Source: OpenAI's API reference, realtime client events and server events, and the events of the API's beta, which
//! other providers still speak.

use crate::errors::{UpstreamError, describe};
use crate::json;
use crate::usage::{Unit, Usage, from_modalities};

/// Longer names are not remembered.
const MAX_NAME_BYTES: usize = 256;

/// What a session has told so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// The provider's id of the session.
    pub id: Option<String>,
    /// The model that answers, by the provider's name for it.
    pub model: Option<String>,
    /// What all responses used, in sum.
    pub usage: Usage,
    /// What the transcription of the client's speech used, in sum. It is billed at the price of its own model.
    pub transcription_usage: Usage,
    /// The model that transcribes the client's speech.
    pub transcription_model: Option<String>,
    /// Responses that ended.
    pub responses: u64,
    /// Responses that began and have not ended: when the connection breaks, what they used is not known.
    pub open_responses: u64,
    /// Ended responses that told no usage.
    pub untold_responses: u64,
    /// Bytes of text and transcripts produced by responses that have not ended: for estimates.
    pub open_output_bytes: u64,
    /// The error that was told last. Most do not end a session.
    pub last_error: Option<UpstreamError>,
}

/// What of a server event matters.
#[derive(Default)]
struct ServerEvent<'a> {
    kind: String,
    response: Option<&'a str>,
    session: Option<&'a str>,
    usage: Option<&'a str>,
    delta_bytes: u64,
}

impl Session {
    /// Learns from a server's event, whose long strings may have been cut short. What is no event is passed over.
    pub fn learn(&mut self, event: &[u8]) {
        let Ok(text) = std::str::from_utf8(event) else {
            return;
        };
        let mut told = ServerEvent::default();
        let read = json::members(text, |member| match member.key.as_ref() {
            "type" => told.kind = json::string(member.value).unwrap_or_default(),
            "response" => told.response = Some(member.value),
            "session" => told.session = Some(member.value),
            "usage" => told.usage = Some(member.value),
            "delta" => told.delta_bytes = (member.value.len() as u64).saturating_sub(2),
            _ => {}
        });
        if read.is_err() {
            return;
        }
        match told.kind.as_str() {
            "session.created"
            | "session.updated"
            | "transcription_session.created"
            | "transcription_session.updated" => self.learn_session(told.session),
            "response.created" => self.open_responses += 1,
            "response.done" => self.end_response(told.response),
            "conversation.item.input_audio_transcription.completed" => {
                add(
                    told.usage,
                    (Unit::AudioInput, Unit::Output),
                    &mut self.transcription_usage,
                );
            }
            "error" => self.last_error = Some(describe(event)),
            // Sound has text beside it; its own bytes say nothing about tokens.
            kind if kind.starts_with("response.")
                && kind.ends_with(".delta")
                && !kind.ends_with("audio.delta") =>
            {
                self.open_output_bytes += told.delta_bytes;
            }
            _ => {}
        }
    }

    fn learn_session(&mut self, session: Option<&str>) {
        let name = |value| {
            json::string(value).filter(|name| name.len() <= MAX_NAME_BYTES && !name.is_empty())
        };
        let (mut id, mut model) = (None, None);
        // A session that is no object tells nothing.
        let _no_object = json::members(session.unwrap_or_default(), |member| {
            match member.key.as_ref() {
                "id" => id = name(member.value),
                "model" => model = name(member.value),
                _ => {}
            }
        });
        self.id = id.or(self.id.take());
        self.model = model.or(self.model.take());
        let transcription = named_in(session.unwrap_or_default())
            .into_iter()
            .rfind(|named| named.purpose == Purpose::Transcription);
        if let Some(named) = transcription {
            self.transcription_model = Some(named.model);
        }
    }

    fn end_response(&mut self, response: Option<&str>) {
        self.responses += 1;
        self.open_responses = self.open_responses.saturating_sub(1);
        if self.open_responses == 0 {
            self.open_output_bytes = 0;
        }
        let mut usage = None;
        let _no_object = json::members(response.unwrap_or_default(), |member| {
            if member.key == "usage" {
                usage = Some(member.value);
            }
        });
        if !add(usage, (Unit::Input, Unit::Output), &mut self.usage) {
            self.untold_responses += 1;
        }
    }
}

/// Adds a usage to a sum; whether there was one.
fn add(usage: Option<&str>, otherwise: (Unit, Unit), sum: &mut Usage) -> bool {
    let usage = usage.and_then(|usage| from_modalities(usage.as_bytes(), otherwise));
    for (unit, count) in usage.iter().flat_map(Usage::iter) {
        sum.add(unit, count);
    }
    usage.is_some()
}

/// What a model is named for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To answer.
    Session,
    /// To transcribe what the client says.
    Transcription,
}

/// A model that a client names in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What for.
    pub purpose: Purpose,
    /// Its name, as the client gives it; cut short if it is longer than any name.
    pub model: String,
}

/// A client's message that is no JSON object. A server might make something of it that cannot be seen here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the Realtime API must be a JSON object")]
pub struct NotAnEvent;

/// The models that a client's event names, whatever kind of event it says it is: `session.model` and `response.model`,
/// `session.audio.input.transcription.model` and, in the beta, `session.input_audio_transcription.model`. Where a member
/// is given more than once, all of its values count, and those of members that differ in capitals only.
///
/// # Errors
/// If it is no JSON object.
pub fn named_models(event: &[u8]) -> Result<Vec<Named>, NotAnEvent> {
    let text = std::str::from_utf8(event).map_err(|_not_text| NotAnEvent)?;
    let mut named = Vec::new();
    json::members(text, |member| {
        let is_named = |name| json::is_like(&member.key, name);
        if is_named("session") || is_named("response") {
            named.append(&mut named_in(member.value));
        }
    })
    .map_err(|_not_an_object| NotAnEvent)?;
    Ok(named)
}

/// The models that a session's settings name.
fn named_in(session: &str) -> Vec<Named> {
    let mut named = Vec::new();
    let mut note = |purpose, value: &str| {
        if let Some(mut model) = json::string(value) {
            let length = model.floor_char_boundary(MAX_NAME_BYTES);
            model.truncate(length);
            named.push(Named { purpose, model });
        }
    };
    visit(session, "model", &mut |model| {
        note(Purpose::Session, model);
    });
    let mut transcription = |settings: &str| {
        visit(settings, "model", &mut |model| {
            note(Purpose::Transcription, model);
        });
    };
    visit(session, "input_audio_transcription", &mut transcription);
    visit(session, "audio", &mut |audio| {
        visit(audio, "input", &mut |input| {
            visit(input, "transcription", &mut transcription);
        });
    });
    named
}

/// Visits the values of a key in an object; none if `object` is anything else.
fn visit(object: &str, key: &str, each: &mut dyn FnMut(&str)) {
    let _no_object = json::members(object, |member| {
        if json::is_like(&member.key, key) {
            each(member.value);
        }
    });
}

#[cfg(test)]
mod tests;
