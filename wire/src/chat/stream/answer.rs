//! The answers of one stream, as their pieces come.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::calls::{Calls, Naming, Piece, arguments_text};
use super::chunk::{Delta, FunctionDelta};
use super::loose::Said;
use crate::chat::assistant::read_image;
use crate::chat::details::Detail;
use crate::chat::finish::{self, Seen};
use crate::chat::think_tags::{Side, ThinkTags};
use crate::chat::thinking;
use crate::json;
use crate::neutral::{Content, Event, Finish, Source, Thinking};

/// The answers, as they appear.
#[derive(Debug)]
pub(super) struct Answers {
    list: Vec<Answer>,
    /// Whether thoughts may come between tags in the text.
    are_tagged: bool,
}

/// One of the answers.
#[derive(Debug, Default)]
pub(super) struct Answer {
    index: u32,
    calls: Calls,
    /// Thoughts came as plain text, which blocks of thoughts repeat.
    pub has_plain_thoughts: bool,
    /// The last that came was a thought, which a proof may follow.
    is_thinking: bool,
    tags: ThinkTags,
    has_refusal: bool,
    has_output: bool,
    pub finish_word: Option<String>,
    pub stop_text: Option<String>,
    is_told: bool,
}

pub(super) type Emit<'e> = dyn FnMut(Event<'_>) + 'e;

impl Answers {
    /// None yet, of a server that leaves tags in the text or of any other.
    pub fn new(are_tagged: bool) -> Self {
        Self {
            list: Vec::new(),
            are_tagged,
        }
    }

    /// Whether every answer that began has said why it ended.
    pub fn are_complete(&self) -> bool {
        let has_ended = |answer: &Answer| answer.finish_word.is_some() || answer.is_told;
        !self.list.is_empty() && self.list.iter().all(has_ended)
    }

    /// Tells of each why it ended.
    pub fn tell_finishes(&mut self, emit: &mut Emit<'_>) {
        for answer in &mut self.list {
            answer.tell_finish(emit);
        }
    }

    /// The answer of this number. None if its end was told: nothing may follow.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut Answer> {
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
    pub fn say(&mut self, text: Cow<'_, str>, emit: &mut Emit<'_>) {
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

    pub fn think(&mut self, text: Cow<'_, str>, emit: &mut Emit<'_>) {
        self.has_output = true;
        self.tell(Side::Thought, text, emit);
    }

    pub fn take(&mut self, delta: Delta<'_>, naming: &mut Naming, emit: &mut Emit<'_>) {
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

/// The elements of a list; none if it is anything else.
fn list(raw: Option<&RawValue>) -> Vec<Value> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default()
}

/// The value, if it says something.
pub(super) fn filled_value(raw: &RawValue) -> Option<Value> {
    let is_filled = json::is_filled(raw.get());
    is_filled.then(|| serde_json::from_str(raw.get()).ok())?
}
