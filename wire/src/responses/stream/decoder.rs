//! Reading a provider's stream.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::message::{Closing, Item, Message, Opening};
use crate::chat::tool_names::ChangedNames;
use crate::errors::{self, UpstreamError};
use crate::framing::Frame;
use crate::json;
use crate::neutral::{Content, Event, Finish, Part, Source, Thinking, ToolCall};
use crate::responses::response::{
    cut_off, made_up_call_id, nested_annotation, nested_logprobs, read_output,
};
use crate::responses::searches;
use crate::responses::thoughts::PART_BREAK;
use crate::stream::Decode;
use crate::translate::Context;
use crate::usage::from_openai;

/// There is one answer in this format.
const CHOICE: u32 = 0;

type Emit<'e> = dyn FnMut(Event<'_>) + 'e;

#[derive(Debug)]
pub(crate) struct Decoder {
    context: Context,
    has_started: bool,
    is_over: bool,
    items: HashMap<usize, Seen>,
    /// The number of the item that spoke last, for servers that do not say which one does.
    latest: usize,
    tools: u32,
    has_refusal: bool,
}

/// What has been told of an item.
#[derive(Debug, Default)]
struct Seen {
    has_text: bool,
    has_annotations: bool,
    tool: Option<u32>,
    /// Where the last piece of thought belongs. Of an item that has both thoughts and their summary one is told.
    thought: Option<(ThoughtKind, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ThoughtKind {
    Summary,
    Text,
}

impl Decoder {
    pub fn new(context: &Context) -> Self {
        Self {
            context: context.clone(),
            has_started: false,
            is_over: false,
            items: HashMap::new(),
            latest: 0,
            tools: 0,
            has_refusal: false,
        }
    }

    fn start(&mut self, response: Option<&RawValue>, emit: &mut Emit<'_>) {
        if std::mem::replace(&mut self.has_started, true) {
            return;
        }
        let opening: Opening<'_> = response.and_then(read).unwrap_or_default();
        emit(Event::Start {
            id: opening.id.filled(),
            model: opening.model.filled(),
        });
    }

    fn seen(&mut self, index: Option<usize>) -> &mut Seen {
        self.latest = index.unwrap_or(self.latest);
        self.items.entry(self.latest).or_default()
    }

    fn decode_message(&mut self, message: Message<'_>, data: &[u8], emit: &mut Emit<'_>) {
        let index = message.output_index;
        match message.kind.0.as_ref() {
            "response.output_text.delta" => self.text(message, emit),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.tool_input(message, emit);
            }
            "response.reasoning_summary_text.delta" => {
                let part = message.summary_index.unwrap_or_default();
                self.thought((ThoughtKind::Summary, part), message, emit);
            }
            "response.reasoning_text.delta" => {
                let part = message.content_index.unwrap_or_default();
                self.thought((ThoughtKind::Text, part), message, emit);
            }
            "response.refusal.delta" => {
                if let Some(text) = message.delta.filled() {
                    self.start(None, emit);
                    self.has_refusal = true;
                    self.seen(index).has_text = true;
                    let choice = CHOICE;
                    emit(Event::Refusal { choice, text });
                }
            }
            "response.output_item.added" => self.item_added(index, message.item, emit),
            "response.output_item.done" => self.item_done(index, message.item, emit),
            "response.output_text.annotation.added" => self.annotation(message, emit),
            "response.created" | "response.queued" | "response.in_progress" => {
                self.start(message.response, emit);
            }
            "response.completed" | "response.incomplete" => {
                let is_whole = message.kind.0 == "response.completed";
                self.close(is_whole, message.response, emit);
            }
            "response.failed" | "response.cancelled" => self.fail(message.response, data, emit),
            "error" => self.error(errors::describe(data), emit),
            _ => {
                // An error in an envelope of its own, from a server that is not OpenAI's.
                let is_error = |error: &RawValue| errors::is_error(error.get());
                if message.kind.0.is_empty() && message.error.is_some_and(is_error) {
                    self.error(errors::describe(data), emit);
                }
            }
        }
    }

    fn text(&mut self, message: Message<'_>, emit: &mut Emit<'_>) {
        let choice = CHOICE;
        let Some(text) = message.delta.filled() else {
            return;
        };
        self.start(None, emit);
        self.seen(message.output_index).has_text = true;
        emit(Event::Text { choice, text });
        let logprobs = message.logprobs.filter(|it| json::is_filled(it.get()));
        let tokens: Option<Vec<Value>> = logprobs.and_then(read);
        if let Some(value) = tokens.and_then(nested_logprobs) {
            emit(Event::Logprobs { choice, value });
        }
    }

    fn thought(&mut self, place: (ThoughtKind, usize), message: Message<'_>, emit: &mut Emit<'_>) {
        let choice = CHOICE;
        let Some(text) = message.delta.filled() else {
            return;
        };
        self.start(None, emit);
        let seen = self.seen(message.output_index);
        match seen.thought.replace(place) {
            Some(before) if before.0 != place.0 => {
                seen.thought = Some(before);
                return;
            }
            Some(before) if before != place => emit(Event::Thinking {
                choice,
                text: Cow::Borrowed(PART_BREAK),
            }),
            _ => {}
        }
        seen.has_text = true;
        emit(Event::Thinking { choice, text });
    }

    fn tool_input(&mut self, message: Message<'_>, emit: &mut Emit<'_>) {
        let Some(text) = message.delta.filled() else {
            return;
        };
        let seen = self.seen(message.output_index);
        // The input of a call that never began is told when the item is done.
        if let Some(tool) = seen.tool {
            seen.has_text = true;
            emit(Event::ToolInput {
                choice: CHOICE,
                tool,
                text,
            });
        }
    }

    fn annotation(&mut self, message: Message<'_>, emit: &mut Emit<'_>) {
        let Some(annotation) = message.annotation.and_then(read::<Value>) else {
            return;
        };
        self.start(None, emit);
        self.seen(message.output_index).has_annotations = true;
        emit(Event::Annotations {
            choice: CHOICE,
            value: Value::Array(vec![nested_annotation(annotation)]),
        });
    }

    fn item_added(&mut self, index: Option<usize>, item: Option<&RawValue>, emit: &mut Emit<'_>) {
        self.start(None, emit);
        let Some(item) = item.and_then(read::<Item<'_>>) else {
            return;
        };
        let is_custom = match item.kind.0.as_ref() {
            "function_call" => false,
            "custom_tool_call" => true,
            _ => return,
        };
        if let Some(name) = item.name.filled() {
            let id = item.call_id.filled().or(item.id.filled());
            let names = ChangedNames::of(&self.context.request);
            let name = Cow::Borrowed(names.restore(&name));
            self.tool_start(index, id, name, is_custom, emit);
        }
    }

    fn tool_start(
        &mut self,
        index: Option<usize>,
        id: Option<Cow<'_, str>>,
        name: Cow<'_, str>,
        is_custom: bool,
        emit: &mut Emit<'_>,
    ) {
        let tool = self.tools;
        let seen = self.seen(index);
        if seen.tool.is_some() {
            return;
        }
        seen.tool = Some(tool);
        self.tools += 1;
        let made_up = || Cow::Owned(made_up_call_id(&self.context, self.latest));
        emit(Event::ToolStart {
            choice: CHOICE,
            tool,
            id: id.unwrap_or_else(made_up),
            name,
            is_custom,
            signature: None,
        });
    }

    /// Tells what an item has that no event before has told.
    fn item_done(&mut self, index: Option<usize>, item: Option<&RawValue>, emit: &mut Emit<'_>) {
        self.start(None, emit);
        self.seen(index);
        let item = item.and_then(read::<Value>).into_iter().collect();
        // An item that is not what its type says was told by its deltas, or cannot be understood.
        if let Ok(output) = read_output(item, self.latest, &self.context) {
            for part in output.parts {
                self.rest_of_part(part, emit);
            }
        }
    }

    fn rest_of_part(&mut self, part: Part, emit: &mut Emit<'_>) {
        let choice = CHOICE;
        let seen = self.seen(None);
        let (is_told, is_cited) = (seen.has_text, seen.has_annotations);
        match part.content {
            Content::Text(text) => {
                if !is_told && !text.is_empty() {
                    emit(Event::Text {
                        choice,
                        text: Cow::Owned(text),
                    });
                }
                let annotations = part.rest.get("annotations").filter(|_| !is_cited);
                if let Some(value) = annotations.cloned() {
                    emit(Event::Annotations { choice, value });
                }
            }
            Content::Refusal(text) if !is_told => {
                self.has_refusal = true;
                let text = Cow::Owned(text);
                emit(Event::Refusal { choice, text });
            }
            Content::Thinking(thinking) => rest_of_thinking(thinking, is_told, emit),
            Content::ToolCall(call) => self.rest_of_call(call, is_told, emit),
            Content::Image {
                source: Source::Data { media_type, base64 },
                ..
            } => emit(Event::Image {
                choice,
                media_type: Cow::Owned(media_type),
                base64: Cow::Owned(base64),
            }),
            _ => {}
        }
    }

    fn rest_of_call(&mut self, call: ToolCall, is_told: bool, emit: &mut Emit<'_>) {
        let (id, name) = (Cow::Owned(call.id), Cow::Owned(call.name));
        self.tool_start(None, Some(id), name, call.is_custom, emit);
        let seen = self.seen(None);
        if let (Some(tool), false, false) = (seen.tool, is_told, call.input.is_empty()) {
            seen.has_text = true;
            emit(Event::ToolInput {
                choice: CHOICE,
                tool,
                text: Cow::Owned(call.input),
            });
        }
    }

    fn close(&mut self, is_whole: bool, response: Option<&RawValue>, emit: &mut Emit<'_>) {
        self.start(response, emit);
        let closing: Closing<'_> = response.and_then(read).unwrap_or_default();
        let items: Vec<&RawValue> = closing.output.and_then(read).unwrap_or_default();
        if self.items.is_empty() {
            // A server that tells nothing before the end.
            for (at, item) in items.iter().copied().enumerate() {
                self.item_done(Some(at), Some(item), emit);
            }
        }
        emit_usage(closing.usage, &items, emit);
        let finish = if !is_whole {
            cut_off(closing.incomplete_details.as_ref())
        } else if self.tools > 0 {
            Finish::ToolCalls
        } else if self.has_refusal {
            Finish::Refusal
        } else {
            Finish::Stop
        };
        self.is_over = true;
        let choice = CHOICE;
        emit(Event::Finish { choice, finish });
        emit(Event::Done);
    }

    fn fail(&mut self, response: Option<&RawValue>, data: &[u8], emit: &mut Emit<'_>) {
        let closing: Closing<'_> = response.and_then(read).unwrap_or_default();
        // What a failed answer used is billed.
        let items: Vec<&RawValue> = closing.output.and_then(read).unwrap_or_default();
        emit_usage(closing.usage, &items, emit);
        let told = response.and_then(|it| errors::parse_error(it.get().as_bytes()));
        let mut error = told.unwrap_or_else(|| UpstreamError {
            message: "The upstream gave its answer up without saying why.".to_owned(),
            ..errors::describe(data)
        });
        // The object's own `status` is no kind of error.
        error.kind = error.kind.filter(|kind| kind != "failed");
        self.error(error, emit);
    }

    fn error(&mut self, mut error: UpstreamError, emit: &mut Emit<'_>) {
        // The event's own type is no kind of error.
        error.kind = error.kind.filter(|kind| kind != "error");
        self.is_over = true;
        emit(Event::Error(error));
    }
}

impl Decode for Decoder {
    fn decode(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if self.is_over {
            return;
        }
        let data = frame.data.trim_ascii();
        if data.is_empty() {
            emit(Event::Ping);
            return;
        }
        match serde_json::from_slice::<Message<'_>>(data) {
            Ok(mut message) => {
                if message.kind.0.is_empty() {
                    message.kind.0 = Cow::Borrowed(frame.name);
                }
                self.decode_message(message, data, emit);
            }
            // Some servers end every stream as chat does.
            Err(_) if data == b"[DONE]" => {}
            // What a stream that breaks off leaves is half an object, and one of unknown shape is nobody's error.
            Err(error) if (data.starts_with(b"{") || error.is_data()) && frame.name != "error" => {}
            Err(_) => self.error(errors::describe(data), emit),
        }
    }

    /// Only the terminating event says that an answer is whole.
    fn finish(&mut self, _: &mut dyn FnMut(Event<'_>)) {}
}

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

fn emit_usage(usage: Option<&RawValue>, items: &[&RawValue], emit: &mut Emit<'_>) {
    let usage = usage.and_then(|it| from_openai(it.get().as_bytes()));
    if let Some(usage) = searches::add(items.iter().copied(), usage) {
        emit(Event::Usage(usage));
    }
}

fn rest_of_thinking(thinking: Thinking, is_told: bool, emit: &mut Emit<'_>) {
    let choice = CHOICE;
    if !is_told && !thinking.text.is_empty() {
        emit(Event::Thinking {
            choice,
            text: Cow::Owned(thinking.text),
        });
    }
    let Some(signature) = thinking.signature else {
        return;
    };
    emit(if thinking.is_redacted && !is_told {
        Event::RedactedThinking { choice, signature }
    } else {
        Event::Signature { choice, signature }
    });
}
