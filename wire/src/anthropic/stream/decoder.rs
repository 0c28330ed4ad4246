//! Reads a stream of Anthropic's.

use std::borrow::Cow;

use serde_json::Value;

use super::event::{Block, Delta, Message, StreamEvent, TextDelta};
use crate::anthropic::citations::annotations;
use crate::anthropic::finish;
use crate::anthropic::names::{ToolNames, fit};
use crate::anthropic::response::free_text;
use crate::anthropic::usage::Reported;
use crate::errors::describe;
use crate::format::Format;
use crate::framing::{Frame, MAX_EVENT_BYTES};
use crate::neutral::{Event, Signature};
use crate::stream::Decode;
use crate::translate::Context;

type Emit<'e> = dyn FnMut(Event<'_>) + 'e;

pub(crate) struct Decoder {
    names: ToolNames,
    call_id: String,
    has_started: bool,
    has_finished: bool,
    usage: Reported,
    tools: u32,
    /// Tool calls whose block has not stopped.
    open_tools: Vec<OpenTool>,
    /// Characters of text so far.
    chars: usize,
    /// Where the text block at hand begins, and what it cites.
    cited_from: usize,
    citations: Vec<Value>,
}

struct OpenTool {
    /// The number of its block.
    index: u32,
    tool: u32,
    /// The input that came with the block's start, in case that nothing follows.
    initial: String,
    has_input: bool,
    /// The input of a custom tool, whose text can be taken out when it is whole.
    custom: Option<String>,
}

impl Decoder {
    pub fn new(context: &Context) -> Self {
        Self {
            names: ToolNames::of(&context.request),
            call_id: context.call_id.replace('-', ""),
            has_started: false,
            has_finished: false,
            usage: Reported::default(),
            tools: 0,
            open_tools: Vec::new(),
            chars: 0,
            cited_from: 0,
            citations: Vec::new(),
        }
    }
}

impl Decode for Decoder {
    fn decode(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if frame.data.is_empty() {
            return emit(Event::Ping);
        }
        if let Some(delta) = TextDelta::read(frame.data) {
            self.start(None, emit);
            return match delta {
                TextDelta::Text(text) => self.take_text(text, emit),
                TextDelta::Thinking(text) => take_thinking(text, emit),
                TextDelta::Input(index, text) => self.take_input(index, text, emit),
            };
        }
        let Ok(event) = serde_json::from_slice::<StreamEvent<'_>>(frame.data) else {
            if frame.name == "error" {
                emit(Event::Error(describe(frame.data)));
            }
            return;
        };
        let kind = match event.kind.0.as_ref() {
            "" => frame.name,
            kind => kind,
        };
        if kind == "error" || (event.error.is_some() && !is_known(kind)) {
            return emit(Event::Error(describe(frame.data)));
        }
        self.take_event(kind, &event, emit);
    }

    /// The terminator is an event; without it the answer is cut off.
    fn finish(&mut self, _emit: &mut dyn FnMut(Event<'_>)) {}
}

/// Whether an event of this kind is one of an answer's.
fn is_known(kind: &str) -> bool {
    kind.starts_with("content_block_") || kind.starts_with("message_") || kind == "ping"
}

impl Decoder {
    fn take_event(&mut self, kind: &str, event: &StreamEvent<'_>, emit: &mut Emit<'_>) {
        match kind {
            "ping" => emit(Event::Ping),
            "message_start" => {
                let message = event.message.map(|raw| serde_json::from_str(raw.get()));
                self.start(message.and_then(Result::ok), emit);
            }
            "content_block_start" => {
                self.start(None, emit);
                let block = event
                    .content_block
                    .map(|raw| serde_json::from_str(raw.get()));
                if let Some(Ok(block)) = block {
                    self.start_block(event.index, block, emit);
                }
            }
            "content_block_delta" => {
                self.start(None, emit);
                if let Some(delta) = &event.delta {
                    self.take_delta(event.index, delta, emit);
                }
            }
            "content_block_stop" => self.stop_block(event.index, emit),
            "message_delta" => {
                self.start(None, emit);
                self.take_usage(event.usage.map(|raw| raw.get()), emit);
                if let Some(delta) = &event.delta
                    && let Some(word) = &delta.stop_reason
                {
                    self.finish_choice(word, delta.stop_sequence.clone(), emit);
                }
            }
            "message_stop" => {
                self.start(None, emit);
                self.finish_choice("end_turn", None, emit);
                emit(Event::Done);
            }
            // New kinds of events may come, and old readers are to pass over them.
            _ => {}
        }
    }

    fn start(&mut self, message: Option<Message<'_>>, emit: &mut Emit<'_>) {
        if std::mem::replace(&mut self.has_started, true) {
            return;
        }
        let (id, model, usage) = match message {
            Some(message) => (message.id, message.model, message.usage),
            None => (None, None, None),
        };
        emit(Event::Start { id, model });
        self.take_usage(usage.map(|raw| raw.get()), emit);
    }

    fn take_usage(&mut self, usage_json: Option<&str>, emit: &mut Emit<'_>) {
        if usage_json.is_some_and(|text| self.usage.merge(text)) {
            emit(Event::Usage(self.usage.usage()));
        }
    }

    fn take_delta(&mut self, index: u32, delta: &Delta<'_>, emit: &mut Emit<'_>) {
        match delta.kind.0.as_ref() {
            "text_delta" => self.take_text(Cow::Borrowed(&delta.text.0), emit),
            "thinking_delta" => take_thinking(Cow::Borrowed(&delta.thinking.0), emit),
            "signature_delta" => take_signature(&delta.signature.0, emit),
            "input_json_delta" => {
                self.take_input(index, Cow::Borrowed(&delta.partial_json.0), emit)
            }
            "citations_delta" => {
                let citation = delta.citation.map(|raw| serde_json::from_str(raw.get()));
                self.citations.extend(citation.and_then(Result::ok));
            }
            _ => {}
        }
    }

    fn take_text(&mut self, text: Cow<'_, str>, emit: &mut Emit<'_>) {
        if !text.is_empty() {
            self.chars += text.chars().count();
            emit(Event::Text { choice: 0, text });
        }
    }

    fn take_input(&mut self, index: u32, text: Cow<'_, str>, emit: &mut Emit<'_>) {
        // The inputs of tools that Anthropic runs are not in the list.
        let mut from_last = self.open_tools.iter_mut().rev();
        let Some(open) = from_last.find(|open| open.index == index) else {
            return;
        };
        if text.is_empty() {
            return;
        }
        open.has_input = true;
        match &mut open.custom {
            Some(whole) if whole.len() + text.len() > MAX_EVENT_BYTES => {
                emit(Event::Error(describe(
                    b"The input of a tool call has no end.",
                )));
            }
            Some(whole) => whole.push_str(&text),
            None => emit(Event::ToolInput {
                choice: 0,
                tool: open.tool,
                text,
            }),
        }
    }

    fn start_block(&mut self, index: u32, block: Block<'_>, emit: &mut Emit<'_>) {
        match block.kind.0.as_ref() {
            "text" => {
                self.cited_from = self.chars;
                self.take_text(block.text.0, emit);
            }
            "thinking" => {
                take_thinking(block.thinking.0, emit);
                take_signature(&block.signature.0, emit);
            }
            "redacted_thinking" if !block.data.0.is_empty() => emit(Event::RedactedThinking {
                choice: 0,
                signature: Signature::read(&block.data.0, Format::Anthropic),
            }),
            "tool_use" => self.start_tool(index, block, emit),
            // What a tool of Anthropic's is asked and answers has no counterpart elsewhere.
            _ => {}
        }
    }

    fn start_tool(&mut self, index: u32, block: Block<'_>, emit: &mut Emit<'_>) {
        let tool = self.tools;
        self.tools += 1;
        let id = if block.id.0.is_empty() {
            Cow::Owned(format!("toolu_{}_{tool}", fit(&self.call_id)))
        } else {
            block.id.0
        };
        let name = self.names.original(block.name.0);
        let is_custom = self.names.is_custom(&name);
        let initial = block.input.map(|raw| raw.get()).unwrap_or_default();
        self.open_tools.push(OpenTool {
            index,
            tool,
            initial: if initial.starts_with('{') {
                initial
            } else {
                "{}"
            }
            .to_owned(),
            has_input: false,
            custom: is_custom.then(String::new),
        });
        emit(Event::ToolStart {
            choice: 0,
            tool,
            id,
            name,
            is_custom,
            signature: None,
        });
    }

    fn stop_block(&mut self, index: u32, emit: &mut Emit<'_>) {
        if let Some(at) = self.open_tools.iter().position(|open| open.index == index) {
            let open = self.open_tools.remove(at);
            close_tool(open, emit);
        }
        if !self.citations.is_empty() {
            let citations = std::mem::take(&mut self.citations);
            let list = annotations(citations.iter(), self.cited_from, self.chars);
            if !list.is_empty() {
                emit(Event::Annotations {
                    choice: 0,
                    value: Value::Array(list),
                });
            }
        }
    }

    fn finish_choice(&mut self, word: &str, stop_sequence: Option<String>, emit: &mut Emit<'_>) {
        if std::mem::replace(&mut self.has_finished, true) {
            return;
        }
        for open in std::mem::take(&mut self.open_tools) {
            close_tool(open, emit);
        }
        emit(Event::Finish {
            choice: 0,
            finish: finish::read(word, stop_sequence, self.tools > 0),
        });
    }
}

fn take_thinking(text: Cow<'_, str>, emit: &mut Emit<'_>) {
    if !text.is_empty() {
        emit(Event::Thinking { choice: 0, text });
    }
}

fn take_signature(text: &str, emit: &mut Emit<'_>) {
    if !text.is_empty() {
        emit(Event::Signature {
            choice: 0,
            signature: Signature::read(text, Format::Anthropic),
        });
    }
}

/// Emits what of a tool's input is still to be told.
fn close_tool(open: OpenTool, emit: &mut Emit<'_>) {
    let text = match (open.custom, open.has_input) {
        (Some(whole), true) => free_text(&whole),
        (Some(_), false) => free_text(&open.initial),
        (None, true) => return,
        (None, false) => open.initial,
    };
    emit(Event::ToolInput {
        choice: 0,
        tool: open.tool,
        text: Cow::Owned(text),
    });
}
