//! Reading the chunks of OpenAI and of the many servers like it, which agree on text and on little else.
//!
//! Why an answer ended is told only when nothing more can follow (the usage, `[DONE]`, the end of the bytes): some servers
//! write a finish reason before the last content, some on every chunk.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::calls::{Calls, Naming, Piece, arguments_text};
use super::chunk::{Choice, Chunk, Delta, FunctionDelta};
use super::loose::Said;
use super::plain::{self, Plain};
use crate::chat::assistant::read_image;
use crate::chat::details::Detail;
use crate::chat::finish::{self, Seen};
use crate::chat::think_tags::{Side, ThinkTags};
use crate::chat::thinking;
use crate::chat::tool_names::{CallIds, ChangedNames};
use crate::errors::{self, UpstreamError, describe, parse_error};
use crate::framing::Frame;
use crate::json;
use crate::neutral::{Content, Event, Finish, Request, Source, Thinking};
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

/// The answers, as they appear.
#[derive(Debug)]
struct Answers {
    list: Vec<Answer>,
    /// Whether thoughts may come between tags in the text.
    are_tagged: bool,
}

/// One of the answers.
#[derive(Debug, Default)]
struct Answer {
    index: u32,
    calls: Calls,
    /// Thoughts came as plain text, which blocks of thoughts repeat.
    has_plain_thoughts: bool,
    /// The last that came was a thought, which a proof may follow.
    is_thinking: bool,
    tags: ThinkTags,
    has_refusal: bool,
    has_output: bool,
    finish_word: Option<String>,
    stop_text: Option<String>,
    is_told: bool,
}

type Emit<'e> = dyn FnMut(Event<'_>) + 'e;

impl Decoder {
    pub fn new(context: &Context) -> Self {
        Self {
            naming: Naming {
                ids: CallIds::new(&context.call_id),
                names: ChangedNames::of(&context.request),
            },
            request: Arc::clone(&context.request),
            answers: Answers {
                list: Vec::new(),
                are_tagged: context.think_tags,
            },
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
            if is_empty && self.is_complete() {
                self.tell_finishes(emit);
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

    /// Whether every answer that began has said why it ended.
    fn is_complete(&self) -> bool {
        let has_ended = |answer: &Answer| answer.finish_word.is_some() || answer.is_told;
        !self.answers.list.is_empty() && self.answers.list.iter().all(has_ended)
    }

    fn tell_finishes(&mut self, emit: &mut Emit<'_>) {
        for answer in &mut self.answers.list {
            answer.tell_finish(emit);
        }
    }

    fn end(&mut self, emit: &mut Emit<'_>) {
        self.tell_finishes(emit);
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
        if !self.is_over && self.is_complete() {
            self.end(emit);
        }
    }
}

impl Answers {
    /// The answer of this number. None if its end was told: nothing may follow.
    fn get_mut(&mut self, index: u32) -> Option<&mut Answer> {
        let known = self.list.iter().position(|one| one.index == index);
        let place = known.unwrap_or_else(|| {
            self.list.push(Answer {
                index,
                tags: ThinkTags::new(self.are_tagged),
                ..Answer::default()
            });
            self.list.len() - 1
        });
        self.list.get_mut(place).filter(|one| !one.is_told)
    }
}

impl Answer {
    fn say(&mut self, text: Cow<'_, str>, emit: &mut Emit<'_>) {
        self.has_output = true;
        if self.tags.is_over() {
            return self.tell(Side::Text, text, emit);
        }
        let mut tags = std::mem::take(&mut self.tags);
        tags.feed(&text, &mut |side, piece| {
            self.tell(side, Cow::Borrowed(piece), emit);
        });
        self.tags = tags;
    }

    /// What follows is no text: nothing that was held back can be a tag any more.
    fn end_tags(&mut self, emit: &mut Emit<'_>) {
        if !self.tags.is_over() {
            let mut tags = std::mem::take(&mut self.tags);
            tags.finish(&mut |side, piece| self.tell(side, Cow::Borrowed(piece), emit));
        }
    }

    fn tell(&mut self, side: Side, text: Cow<'_, str>, emit: &mut Emit<'_>) {
        let choice = self.index;
        self.is_thinking = side == Side::Thought;
        emit(match side {
            Side::Thought => Event::Thinking { choice, text },
            Side::Text => Event::Text { choice, text },
        });
    }

    fn think(&mut self, text: Cow<'_, str>, emit: &mut Emit<'_>) {
        self.has_output = true;
        self.tell(Side::Thought, text, emit);
    }

    fn take(&mut self, delta: Delta<'_>, naming: &mut Naming, emit: &mut Emit<'_>) {
        let choice = self.index;
        if let Some(text) = delta
            .reasoning_content
            .filled()
            .or(delta.reasoning.filled())
        {
            self.has_plain_thoughts = true;
            self.think(text, emit);
        }
        for block in list(delta.thinking_blocks) {
            if let Some(block) = thinking::read_block(&block) {
                self.take_block(block, emit);
            }
        }
        if let Some(raw) = delta.reasoning_details
            && (!self.has_plain_thoughts || Detail::is_proof(raw.get()))
        {
            let details = list(Some(raw));
            for detail in details.iter().filter_map(Detail::read) {
                self.take_detail(detail, emit);
            }
        }
        match delta.content {
            Said::Text(text) if !text.is_empty() => self.say(text, emit),
            Said::Parts(parts) => self.take_parts(&parts, emit),
            Said::Text(_) | Said::Nothing => {}
        }
        if let Some(text) = delta.refusal.filled() {
            self.has_output = true;
            self.has_refusal = true;
            emit(Event::Refusal { choice, text });
        }
        for image in list(delta.images) {
            self.show(read_image(&image), emit);
        }
        if let Some(value) = delta.audio.and_then(filled_value) {
            self.has_output = true;
            emit(Event::Audio { choice, value });
        }
        if let Some(value) = delta.annotations.and_then(filled_value) {
            emit(Event::Annotations { choice, value });
        }
        for call in delta.tool_calls.into_iter().flatten() {
            self.call(Piece::of(call), naming, emit);
        }
        if let Some(FunctionDelta { name, arguments }) = delta.function_call {
            // The legacy call is the only one of its answer.
            let piece = Piece {
                index: Some(u32::MAX),
                name: name.filled(),
                input: arguments.and_then(arguments_text),
                ..Piece::default()
            };
            self.call(piece, naming, emit);
        }
    }

    fn call(&mut self, piece: Piece<'_>, naming: &mut Naming, emit: &mut Emit<'_>) {
        self.has_output = true;
        self.end_tags(emit);
        self.is_thinking = false;
        self.calls.take(self.index, piece, naming, emit);
    }

    fn take_block(&mut self, block: Thinking, emit: &mut Emit<'_>) {
        let choice = self.index;
        if !block.text.is_empty() && !self.has_plain_thoughts {
            self.think(Cow::Owned(block.text), emit);
        }
        if let Some(signature) = block.signature {
            self.has_output = true;
            emit(match block.is_redacted {
                true => Event::RedactedThinking { choice, signature },
                false => Event::Signature { choice, signature },
            });
        }
    }

    fn take_detail(&mut self, detail: Detail, emit: &mut Emit<'_>) {
        let choice = self.index;
        let is_of_shown = detail.belongs_to_shown();
        if !detail.text.is_empty() && !self.has_plain_thoughts {
            self.think(Cow::Owned(detail.text), emit);
        }
        if let Some(signature) = detail.proof {
            self.has_output = true;
            let is_thinking = std::mem::take(&mut self.is_thinking);
            emit(match detail.is_hidden && !(is_of_shown && is_thinking) {
                true => Event::RedactedThinking { choice, signature },
                false => Event::Signature { choice, signature },
            });
        }
    }

    fn take_parts(&mut self, parts: &[Value], emit: &mut Emit<'_>) {
        for part in parts {
            match part.get("type").and_then(Value::as_str) {
                Some("thinking" | "redacted_thinking") => {
                    if let Some(block) = thinking::read_block(part) {
                        self.take_block(block, emit);
                    }
                }
                Some("image_url") => self.show(read_image(part), emit),
                _ => {
                    let text = part.get("text").and_then(Value::as_str);
                    if let Some(text) = text.filter(|text| !text.is_empty()) {
                        self.say(Cow::Borrowed(text), emit);
                    }
                }
            }
        }
    }

    fn show(&mut self, image: Option<Content>, emit: &mut Emit<'_>) {
        if let Some(Content::Image {
            source: Source::Data { media_type, base64 },
            ..
        }) = image
        {
            self.has_output = true;
            emit(Event::Image {
                choice: self.index,
                media_type: Cow::Owned(media_type),
                base64: Cow::Owned(base64),
            });
        }
    }

    /// Tells why the answer ended, once. One that said something and then met the terminator has just ended.
    fn tell_finish(&mut self, emit: &mut Emit<'_>) {
        if self.is_told || (self.finish_word.is_none() && !self.has_output) {
            return;
        }
        self.is_told = true;
        self.end_tags(emit);
        let choice = self.index;
        self.calls.finish(choice, emit);
        let seen = Seen {
            tool_call: !self.calls.is_empty(),
            refusal: self.has_refusal,
            stop_text: self.stop_text.as_deref(),
        };
        let finish: Finish = finish::read(self.finish_word.as_deref().unwrap_or("stop"), seen);
        emit(Event::Finish { choice, finish });
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

/// The elements of a list; none if it is anything else.
fn list(raw: Option<&RawValue>) -> Vec<Value> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default()
}

/// The value, if it says something.
fn filled_value(raw: &RawValue) -> Option<Value> {
    let is_filled = json::is_filled(raw.get());
    is_filled.then(|| serde_json::from_str(raw.get()).ok())?
}
