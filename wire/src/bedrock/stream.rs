//! Streams of ConverseStream.

mod payload;

use std::borrow::Cow;

use super::family::Family;
use super::names::Names;
use super::proof;
use super::response::{finish, stop_sequence};
use crate::errors::{UpstreamError, describe};
use crate::framing::{Frame, MAX_EVENT_BYTES};
use crate::neutral::Event;
use crate::stream::Decode;
use crate::translate::Context;
use payload::{BlockDelta, BlockStart, BlockStop, MessageStop, Metadata, ReasoningDelta};

/// There is one answer only.
const CHOICE: u32 = 0;

/// Reads a stream.
pub(crate) struct Decoder {
    names: Names,
    family: Family,
    has_started: bool,
    /// The blocks that are open and are more than text.
    open: Vec<Open>,
    tools: u32,
    has_stopped: bool,
    has_metadata: bool,
    is_over: bool,
}

/// An open block.
struct Open {
    index: u64,
    kind: OpenKind,
}

enum OpenKind {
    /// A call, by its number, and whether any input came.
    Tool { number: u32, has_input: bool },
    /// An image and what has come of it, in base64.
    Image { format: String, base64: String },
}

impl Decoder {
    pub fn new(context: &Context) -> Self {
        Self {
            names: Names::of(&context.request),
            family: Family::of(&context.model),
            has_started: false,
            open: Vec::new(),
            tools: 0,
            has_stopped: false,
            has_metadata: false,
            is_over: false,
        }
    }

    fn read(
        &mut self,
        frame: &Frame<'_>,
        emit: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), serde_json::Error> {
        match frame.name {
            "contentBlockDelta" => {
                let delta: BlockDelta<'_> = serde_json::from_slice(frame.data)?;
                self.start(emit);
                self.read_delta(delta, emit);
            }
            "messageStart" => self.start(emit),
            "contentBlockStart" => {
                let block: BlockStart<'_> = serde_json::from_slice(frame.data)?;
                self.start(emit);
                self.open_block(block, emit);
            }
            "contentBlockStop" => {
                let stop: BlockStop = serde_json::from_slice(frame.data)?;
                self.close_block(stop.content_block_index, emit);
            }
            "messageStop" => {
                let stop: MessageStop<'_> = serde_json::from_slice(frame.data)?;
                self.start(emit);
                self.stop(&stop, emit);
            }
            "metadata" => {
                let metadata: Metadata = serde_json::from_slice(frame.data)?;
                self.start(emit);
                if let Some(usage) = metadata.usage {
                    emit(Event::Usage(usage.to_usage()));
                }
                self.has_metadata = true;
                self.end_if_complete(emit);
            }
            // Nothing that is known yet.
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        if !std::mem::replace(&mut self.has_started, true) {
            emit(Event::Start {
                id: None,
                model: None,
            });
        }
    }

    fn open_block(&mut self, block: BlockStart<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let Some(start) = block.start else {
            return;
        };
        let kind = if let Some(tool) = start.tool_use {
            if tool.r#type.is_some() {
                return;
            }
            let number = self.tools;
            self.tools += 1;
            emit(Event::ToolStart {
                choice: CHOICE,
                tool: number,
                id: tool.tool_use_id,
                name: Cow::Borrowed(self.names.original(&tool.name)),
                is_custom: false,
                signature: None,
            });
            OpenKind::Tool {
                number,
                has_input: false,
            }
        } else if let Some(image) = start.image {
            OpenKind::Image {
                format: image.format,
                base64: String::new(),
            }
        } else {
            return;
        };
        self.open.push(Open {
            index: block.content_block_index,
            kind,
        });
    }

    fn read_delta(&mut self, block: BlockDelta<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let delta = block.delta;
        if !delta.text.is_empty() {
            emit(Event::Text {
                choice: CHOICE,
                text: delta.text,
            });
        }
        if let Some(reasoning) = delta.reasoning_content {
            read_reasoning(reasoning, self.family, emit);
        }
        if delta.tool_use.is_none() && delta.image.is_none() {
            return;
        }
        let index = block.content_block_index;
        let of_block = |open: &&mut Open| open.index == index;
        let Some(open) = self.open.iter_mut().rev().find(of_block) else {
            return;
        };
        match (&mut open.kind, delta.tool_use, delta.image) {
            (OpenKind::Tool { number, has_input }, Some(tool), _) if !tool.input.is_empty() => {
                *has_input = true;
                emit(Event::ToolInput {
                    choice: CHOICE,
                    tool: *number,
                    text: tool.input,
                });
            }
            (OpenKind::Image { base64, .. }, _, Some(image)) => {
                let piece = image.source.map(|it| it.bytes).unwrap_or_default();
                if base64.len() + piece.len() > MAX_EVENT_BYTES {
                    // No image is better than a part of one, and memory has a bound.
                    self.open.retain(|open| open.index != index);
                } else {
                    base64.push_str(&piece);
                }
            }
            _ => {}
        }
    }

    fn close_block(&mut self, index: u64, emit: &mut dyn FnMut(Event<'_>)) {
        let Some(at) = self.open.iter().rposition(|open| open.index == index) else {
            return;
        };
        close(self.open.swap_remove(at).kind, emit);
    }

    fn stop(&mut self, stop: &MessageStop<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if std::mem::replace(&mut self.has_stopped, true) {
            return;
        }
        for open in std::mem::take(&mut self.open) {
            close(open.kind, emit);
        }
        let sequence = stop
            .additional_model_response_fields
            .as_ref()
            .and_then(stop_sequence);
        emit(Event::Finish {
            choice: CHOICE,
            finish: finish(&stop.stop_reason, self.tools > 0, sequence),
        });
        self.end_if_complete(emit);
    }

    fn end_if_complete(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        if self.has_stopped && self.has_metadata {
            self.is_over = true;
            emit(Event::Done);
        }
    }
}

fn read_reasoning(reasoning: ReasoningDelta<'_>, family: Family, emit: &mut dyn FnMut(Event<'_>)) {
    if !reasoning.text.is_empty() {
        emit(Event::Thinking {
            choice: CHOICE,
            text: reasoning.text,
        });
    }
    if !reasoning.signature.is_empty() {
        emit(Event::Signature {
            choice: CHOICE,
            signature: proof::of_shown(family, reasoning.signature),
        });
    }
    if !reasoning.redacted_content.is_empty() {
        emit(Event::RedactedThinking {
            choice: CHOICE,
            signature: proof::of_hidden(family, reasoning.redacted_content),
        });
    }
}

/// What a block comes to when it ends.
fn close(kind: OpenKind, emit: &mut dyn FnMut(Event<'_>)) {
    match kind {
        OpenKind::Tool {
            number,
            has_input: false,
        } => emit(Event::ToolInput {
            choice: CHOICE,
            tool: number,
            text: Cow::Borrowed("{}"),
        }),
        OpenKind::Image { format, base64 } if !base64.is_empty() => emit(Event::Image {
            choice: CHOICE,
            media_type: Cow::Owned(format!("image/{format}")),
            base64: Cow::Owned(base64),
        }),
        OpenKind::Tool { .. } | OpenKind::Image { .. } => {}
    }
}

impl Decode for Decoder {
    fn decode(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if self.is_over {
            return;
        }
        if frame.name.ends_with("Exception") {
            self.is_over = true;
            emit(Event::Error(exception(frame)));
        } else if self.read(frame, emit).is_err() {
            // A piece of the answer is lost with it.
            self.is_over = true;
            emit(Event::Error(describe(frame.data)));
        }
    }

    fn finish(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        if self.has_stopped && !self.is_over {
            self.is_over = true;
            emit(Event::Done);
        }
    }
}

/// An exception in the middle of a stream, under the name that AWS documents: `ThrottlingException` comes as
/// `throttlingException`.
fn exception(frame: &Frame<'_>) -> UpstreamError {
    let mut letters = frame.name.chars();
    let code: String = letters
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(letters)
        .collect();
    let mut error = describe(frame.data);
    if error.message.is_empty() {
        error.message.clone_from(&code);
    }
    error.code = Some(code);
    error
}
