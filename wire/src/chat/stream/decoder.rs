//! Reading the chunks of OpenAI and of the many servers like it, which agree on text and on little else.
//!
//! Why an answer ended is told only when nothing more can follow (the usage, `[DONE]`, the end of the bytes): some servers
//! write a finish reason before the last content, some on every chunk.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::answer::{Answers, Emit, filled_value};
use super::calls::Naming;
use super::chunk::{Choice, Chunk};
use super::plain::{self, Plain};
use crate::chat::tool_names::{CallIds, ChangedNames};
use crate::errors::{self, UpstreamError, describe, parse_error};
use crate::framing::Frame;
use crate::neutral::{Event, Request};
use crate::stream::Decode;
use crate::translate::Context;
use crate::usage::{Usage, from_openai};

const DONE: &[u8] = b"[DONE]";

/// Reads one stream of chat, or of legacy completions.
pub(crate) struct Decoder {
    request: Arc<Request>,
    naming: Naming,
    answers: Answers,
    usage: Option<Usage>,
    has_started: bool,
    is_over: bool,
}

impl Decoder {
    pub fn new(context: &Context) -> Self {
        Self {
            naming: Naming {
                ids: CallIds::new(&context.call_id),
                names: ChangedNames::of(&context.request),
            },
            request: Arc::clone(&context.request),
            answers: Answers::new(context.think_tags),
            usage: None,
            has_started: false,
            is_over: false,
        }
    }

    fn fail(&mut self, error: UpstreamError, emit: &mut Emit<'_>) {
        self.is_over = true;
        emit(Event::Error(error));
    }

    fn take(&mut self, chunk: Chunk<'_>, data: &[u8], emit: &mut Emit<'_>) {
        if chunk.error.is_some_and(|raw| errors::is_error(raw.get())) {
            return self.fail(describe(data), emit);
        }
        let Some(choices) = chunk.choices else {
            return self.take_odd(chunk.usage, data, emit);
        };
        let id = chunk.id.filled();
        // Azure's first chunk tells of filters only.
        if !self.has_started && (id.is_some() || !choices.is_empty()) {
            self.has_started = true;
            let model = chunk.model.filled();
            emit(Event::Start { id, model });
        }
        let is_empty = choices.is_empty();
        for (at, choice) in (0..).zip(choices) {
            self.take_choice(choice, at, emit);
        }
        let usage = chunk.usage.or_else(|| chunk.x_groq.and_then(usage_of_groq));
        if let Some(raw) = usage {
            self.take_usage(raw, emit);
            if is_empty && self.answers.are_complete() {
                self.answers.tell_finishes(emit);
            }
        }
    }

    /// Takes what has no choices: a usage alone, or an error in some other envelope.
    fn take_odd(&mut self, usage: Option<&RawValue>, data: &[u8], emit: &mut Emit<'_>) {
        match usage {
            Some(raw) => self.take_usage(raw, emit),
            None => {
                if let Some(error) = parse_error(data) {
                    self.fail(error, emit);
                }
            }
        }
    }

    fn take_usage(&mut self, raw: &RawValue, emit: &mut Emit<'_>) {
        let usage = from_openai(raw.get().as_bytes());
        if let Some(usage) = usage
            && self.usage != Some(usage)
        {
            self.usage = Some(usage);
            emit(Event::Usage(usage));
        }
    }

    fn take_plain(&mut self, piece: Plain<'_>, emit: &mut Emit<'_>) {
        let Some(answer) = self.answers.get_mut(piece.index) else {
            return;
        };
        if piece.is_thought {
            answer.has_plain_thoughts = true;
            answer.think(piece.text, emit);
        } else {
            answer.say(piece.text, emit);
        }
    }

    fn take_choice(&mut self, choice: Choice<'_>, at: u32, emit: &mut Emit<'_>) {
        let index = choice.index.0.unwrap_or(at);
        let Some(answer) = self.answers.get_mut(index) else {
            return;
        };
        if let Some(text) = choice.text.filled() {
            answer.say(text, emit);
        }
        let whole = choice.message.map(|message| *message);
        if let Some(delta) = choice.delta.or(whole) {
            answer.take(delta, &mut self.naming, emit);
        }
        if let Some(raw) = choice.logprobs
            && let Some(value) = filled_value(raw)
        {
            let choice = index;
            emit(Event::Logprobs { choice, value });
        }
        if let Some(word) = choice.finish_reason.filled() {
            answer.finish_word = Some(word.into_owned());
        }
        if let Some(text) = choice.stop_reason.filled()
            && self.request.stop.iter().any(|one| *one == *text)
        {
            answer.stop_text = Some(text.into_owned());
        }
    }

    fn end(&mut self, emit: &mut Emit<'_>) {
        self.answers.tell_finishes(emit);
        self.is_over = true;
        emit(Event::Done);
    }
}

impl Decode for Decoder {
    fn decode(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if self.is_over {
            return;
        }
        if frame.name == "error" {
            return self.fail(describe(frame.data), emit);
        }
        if frame.data.is_empty() {
            return emit(Event::Ping);
        }
        if self.has_started
            && let Some(piece) = plain::read(frame.data)
        {
            return self.take_plain(piece, emit);
        }
        match serde_json::from_slice::<Chunk<'_>>(frame.data) {
            Ok(chunk) => self.take(chunk, frame.data, emit),
            Err(_) if frame.data.trim_ascii_start().starts_with(DONE) => self.end(emit),
            // An event of another shape that tells an error must not be passed over; anything else may be.
            Err(_) => self.take_odd(None, frame.data, emit),
        }
    }

    fn finish(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        if !self.is_over && self.answers.are_complete() {
            self.end(emit);
        }
    }
}

fn usage_of_groq(raw: &RawValue) -> Option<&RawValue> {
    #[derive(serde::Deserialize)]
    struct Groq<'a> {
        #[serde(borrow, default)]
        usage: Option<&'a RawValue>,
    }
    serde_json::from_str::<Groq<'_>>(raw.get()).ok()?.usage
}
