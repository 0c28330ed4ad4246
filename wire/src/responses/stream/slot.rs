//! An output item while it is streamed: its events, and what it has come to.

use serde_json::Value;

use super::event_text::{EventText, Sequence, end_event};
use crate::neutral::{Signature, ToolCall};
use crate::responses::response::{ItemStatus, OutputItem, OutputPart, write_json};

/// An output item.
#[derive(Debug)]
pub(super) struct Slot {
    /// Its `output_index`.
    pub index: usize,
    id: String,
    pub body: Body,
    status: ItemStatus,
    /// The constant text of an event that brings a piece, up to the piece.
    delta_head: Vec<u8>,
}

#[derive(Debug)]
pub(super) enum Body {
    /// The last piece is the one that grows.
    Message(Vec<Piece>),
    Thoughts {
        text: String,
        signature: Option<Signature>,
        is_redacted: bool,
    },
    SignatureOfCall(Signature),
    Call(ToolCall),
    Image {
        media_type: String,
        base64: String,
    },
}

/// A content part of a message.
#[derive(Debug)]
pub(super) struct Piece {
    pub is_refusal: bool,
    text: String,
    annotations: Vec<Value>,
    logprobs: Vec<Value>,
}

impl Piece {
    fn part(&self) -> OutputPart<'_> {
        if self.is_refusal {
            return OutputPart::Refusal {
                refusal: &self.text,
            };
        }
        OutputPart::OutputText {
            annotations: self.annotations.as_slice().into(),
            logprobs: self.logprobs.as_slice().into(),
            text: &self.text,
        }
    }
}

impl Slot {
    pub fn new(index: usize, id: String, body: Body) -> Self {
        Self {
            index,
            id,
            body,
            status: ItemStatus::InProgress,
            delta_head: Vec::new(),
        }
    }

    /// The item as it is now.
    pub fn item(&self) -> OutputItem<'_> {
        let (id, status) = (self.id.as_str(), self.status);
        match &self.body {
            Body::Message(pieces) => {
                OutputItem::message(id, status, pieces.iter().map(Piece::part).collect())
            }
            Body::Thoughts {
                text,
                signature,
                is_redacted,
            } => OutputItem::reasoning(id, text, signature.as_ref(), *is_redacted),
            Body::SignatureOfCall(signature) => OutputItem::signature_of_call(id, signature),
            Body::Call(call) => OutputItem::call(id, status, call),
            Body::Image { media_type, base64 } => {
                let result = (status != ItemStatus::InProgress).then_some(base64.as_str());
                OutputItem::image(id, status, media_type, result)
            }
        }
    }

    /// Tells that the item begins.
    pub fn open(&mut self, out: &mut Vec<u8>, sequence: &mut Sequence) {
        let added = match &self.body {
            // What they hold comes with the end.
            Body::SignatureOfCall(_) | Body::Thoughts { .. } => {
                OutputItem::reasoning(self.id.as_str(), "", None, false)
            }
            _ => self.item(),
        };
        EventText::of("response.output_item.added", out)
            .with("output_index", &self.index)
            .with("item", &added)
            .end(sequence);
        let kind = match &self.body {
            Body::Call(call) if call.is_custom => "response.custom_tool_call_input.delta",
            Body::Call(_) => "response.function_call_arguments.delta",
            _ => return,
        };
        self.delta_head = self.head(kind, None);
    }

    /// Begins a content part of a message.
    pub fn open_piece(&mut self, is_refusal: bool, out: &mut Vec<u8>, sequence: &mut Sequence) {
        self.close_piece(out, sequence);
        let Body::Message(pieces) = &mut self.body else {
            return;
        };
        let piece = Piece {
            is_refusal,
            text: String::new(),
            annotations: Vec::new(),
            logprobs: Vec::new(),
        };
        let at = pieces.len();
        EventText::of("response.content_part.added", out)
            .with("item_id", &self.id)
            .with("output_index", &self.index)
            .with("content_index", &at)
            .with("part", &piece.part())
            .end(sequence);
        pieces.push(piece);
        let kind = if is_refusal {
            "response.refusal.delta"
        } else {
            "response.output_text.delta"
        };
        self.delta_head = self.head(kind, Some(("content_index", at)));
    }

    /// Tells that thoughts become visible.
    pub fn open_summary(&mut self, out: &mut Vec<u8>, sequence: &mut Sequence) {
        EventText::of("response.reasoning_summary_part.added", out)
            .with("item_id", &self.id)
            .with("output_index", &self.index)
            .with("summary_index", &0)
            .with("part", &summary_part(""))
            .end(sequence);
        let kind = "response.reasoning_summary_text.delta";
        self.delta_head = self.head(kind, Some(("summary_index", 0)));
    }

    fn head(&self, kind: &str, part: Option<(&'static str, usize)>) -> Vec<u8> {
        let mut head = Vec::new();
        let mut event = EventText::of(kind, &mut head)
            .with("item_id", &self.id)
            .with("output_index", &self.index);
        if let Some((key, at)) = part {
            event = event.with(key, &at);
        }
        event.with_key("delta");
        head
    }

    /// The content part that grows.
    pub fn last_piece(&mut self) -> Option<&mut Piece> {
        match &mut self.body {
            Body::Message(pieces) => pieces.last_mut(),
            _ => None,
        }
    }

    /// Tells a piece of whatever grows.
    pub fn push(&mut self, delta: &str, out: &mut Vec<u8>, sequence: &mut Sequence) {
        self.push_with(delta, &[], out, sequence);
    }

    /// Tells log probabilities, in a piece without text.
    pub fn push_logprobs(
        &mut self,
        logprobs: Vec<Value>,
        out: &mut Vec<u8>,
        sequence: &mut Sequence,
    ) {
        self.push_with("", &logprobs, out, sequence);
        if let Some(piece) = self.last_piece() {
            piece.logprobs.extend(logprobs);
        }
    }

    fn push_with(
        &mut self,
        delta: &str,
        logprobs: &[Value],
        out: &mut Vec<u8>,
        sequence: &mut Sequence,
    ) {
        let (grows, is_text) = match &mut self.body {
            Body::Message(pieces) => match pieces.last_mut() {
                Some(piece) => (&mut piece.text, !piece.is_refusal),
                None => return,
            },
            Body::Thoughts { text, .. } => (text, false),
            Body::Call(call) => (&mut call.input, false),
            Body::SignatureOfCall(_) | Body::Image { .. } => return,
        };
        grows.push_str(delta);
        out.extend_from_slice(&self.delta_head);
        write_json(out, &delta);
        if is_text {
            out.extend_from_slice(b",\"logprobs\":");
            write_json(out, &logprobs);
        }
        end_event(out, sequence);
    }

    /// Tells a citation of the text that grows.
    pub fn annotate(&mut self, annotation: Value, out: &mut Vec<u8>, sequence: &mut Sequence) {
        let Body::Message(pieces) = &mut self.body else {
            return;
        };
        let content_index = pieces.len().saturating_sub(1);
        let Some(piece) = pieces.last_mut() else {
            return;
        };
        EventText::of("response.output_text.annotation.added", out)
            .with("item_id", &self.id)
            .with("output_index", &self.index)
            .with("content_index", &content_index)
            .with("annotation_index", &piece.annotations.len())
            .with("annotation", &annotation)
            .end(sequence);
        piece.annotations.push(annotation);
    }

    /// Tells that the item is done.
    pub fn close(&mut self, status: ItemStatus, out: &mut Vec<u8>, sequence: &mut Sequence) {
        self.status = status;
        match &self.body {
            Body::Message(_) => self.close_piece(out, sequence),
            Body::Thoughts { text, .. } if !text.is_empty() => {
                self.close_summary(text, out, sequence);
            }
            Body::Call(_) => self.close_input(out, sequence),
            Body::Image { .. } => {
                EventText::of("response.image_generation_call.completed", out)
                    .with("item_id", &self.id)
                    .with("output_index", &self.index)
                    .end(sequence);
            }
            _ => {}
        }
        EventText::of("response.output_item.done", out)
            .with("output_index", &self.index)
            .with("item", &self.item())
            .end(sequence);
    }

    fn close_piece(&self, out: &mut Vec<u8>, sequence: &mut Sequence) {
        let Body::Message(pieces) = &self.body else {
            return;
        };
        let Some(piece) = pieces.last() else {
            return;
        };
        let content_index = pieces.len() - 1;
        let kind = if piece.is_refusal {
            "response.refusal.done"
        } else {
            "response.output_text.done"
        };
        let event = EventText::of(kind, out)
            .with("item_id", &self.id)
            .with("output_index", &self.index)
            .with("content_index", &content_index);
        let event = if piece.is_refusal {
            event.with("refusal", &piece.text)
        } else {
            event
                .with("text", &piece.text)
                .with("logprobs", &piece.logprobs)
        };
        event.end(sequence);
        EventText::of("response.content_part.done", out)
            .with("item_id", &self.id)
            .with("output_index", &self.index)
            .with("content_index", &content_index)
            .with("part", &piece.part())
            .end(sequence);
    }

    fn close_summary(&self, text: &str, out: &mut Vec<u8>, sequence: &mut Sequence) {
        EventText::of("response.reasoning_summary_text.done", out)
            .with("item_id", &self.id)
            .with("output_index", &self.index)
            .with("summary_index", &0)
            .with("text", &text)
            .end(sequence);
        EventText::of("response.reasoning_summary_part.done", out)
            .with("item_id", &self.id)
            .with("output_index", &self.index)
            .with("summary_index", &0)
            .with("part", &summary_part(text))
            .end(sequence);
    }

    fn close_input(&mut self, out: &mut Vec<u8>, sequence: &mut Sequence) {
        if matches!(&self.body, Body::Call(call) if !call.is_custom && call.input.is_empty()) {
            self.push("{}", out, sequence);
        }
        let Body::Call(call) = &self.body else {
            return;
        };
        let (kind, key) = if call.is_custom {
            ("response.custom_tool_call_input.done", "input")
        } else {
            ("response.function_call_arguments.done", "arguments")
        };
        EventText::of(kind, out)
            .with("item_id", &self.id)
            .with("output_index", &self.index)
            .with("name", &call.name)
            .with(key, &call.input)
            .end(sequence);
    }
}

fn summary_part(text: &str) -> Value {
    serde_json::json!({"type": "summary_text", "text": text})
}
