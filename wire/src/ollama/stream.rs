//! Streams: one object a line, the last of them `done`.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::answer::{Answer, Message};
use crate::errors::{describe, is_error};
use crate::framing::Frame;
use crate::neutral::Event;
use crate::stream::Decode;
use crate::translate::Context;

/// There is one answer only.
const CHOICE: u32 = 0;

/// Reads a stream.
pub(crate) struct Decoder {
    context: Context,
    has_started: bool,
    tools: u32,
    is_over: bool,
}

impl Decoder {
    pub fn new(context: &Context) -> Self {
        Self {
            context: context.clone(),
            has_started: false,
            tools: 0,
            is_over: false,
        }
    }

    fn read<'a>(&mut self, mut answer: Answer<'a>, emit: &mut dyn FnMut(Event<'a>)) {
        if !std::mem::replace(&mut self.has_started, true) {
            let model = std::mem::take(&mut answer.model);
            emit(Event::Start {
                id: None,
                model: (!model.is_empty()).then_some(model),
            });
        }
        if let Some(message) = answer.message.take() {
            self.read_message(message, emit);
        }
        if let Some(value) = answer.logprobs() {
            emit(Event::Logprobs {
                choice: CHOICE,
                value,
            });
        }
        if !answer.done {
            return;
        }
        self.is_over = true;
        if let Some(usage) = answer.usage() {
            emit(Event::Usage(usage));
        }
        emit(Event::Finish {
            choice: CHOICE,
            finish: answer.finish(self.tools > 0),
        });
        emit(Event::Done);
    }

    fn read_message<'a>(&mut self, message: Message<'a>, emit: &mut dyn FnMut(Event<'a>)) {
        if !message.thinking.is_empty() {
            emit(Event::Thinking {
                choice: CHOICE,
                text: message.thinking,
            });
        }
        if !message.content.is_empty() {
            emit(Event::Text {
                choice: CHOICE,
                text: message.content,
            });
        }
        for call in message.tool_calls.unwrap_or_default() {
            let tool = self.tools;
            self.tools += 1;
            emit(Event::ToolStart {
                choice: CHOICE,
                tool,
                id: call.id(tool as usize, &self.context),
                name: call.name(),
                is_custom: false,
                signature: None,
            });
            emit(Event::ToolInput {
                choice: CHOICE,
                tool,
                text: Cow::Borrowed(call.arguments()),
            });
        }
    }
}

impl Decode for Decoder {
    fn decode(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if self.is_over {
            return;
        }
        match serde_json::from_slice::<Answer<'_>>(frame.data) {
            Ok(answer) if !answer.error.map(RawValue::get).is_some_and(is_error) => {
                self.read(answer, &mut |event| emit(event));
            }
            // An error, or a line that cannot be read, and with it a piece of the answer.
            _ => {
                self.is_over = true;
                emit(Event::Error(describe(frame.data)));
            }
        }
    }

    /// A stream without its last line has broken off.
    fn finish(&mut self, _emit: &mut dyn FnMut(Event<'_>)) {}
}
