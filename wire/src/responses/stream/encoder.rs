//! Writing a stream for a client: the whole grammar of typed events, as the official SDKs accumulate it.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::event_text::{EventText, Sequence};
use super::slot::{Body, Slot};
use crate::neutral::{Event, Finish, Signature, ToolCall};
use crate::responses::response::{
    Envelope, ItemIds, ItemKind, ItemStatus, Outcome, State, flat_annotations, flat_logprobs,
    response_id,
};
use crate::stream::Encode;
use crate::translate::Context;
use crate::usage::Usage;

#[derive(Debug)]
pub(crate) struct Encoder {
    context: Context,
    ids: ItemIds,
    /// None until the stream begins.
    envelope: Option<Envelope>,
    sequence: Sequence,
    next_index: usize,
    /// The message or the thoughts that grow.
    speaking: Option<Slot>,
    /// The calls that grow, by their number: several may do so at once.
    calls: BTreeMap<u32, Slot>,
    /// What is done, by its index: all of it is told again at the end.
    done: BTreeMap<usize, Slot>,
    finish: Option<Finish>,
    has_refusal: bool,
    usage: Option<Usage>,
    /// Signs of life since the last event.
    pings: u32,
}

/// Every so many signs of life in a row one is an event. Codex gives up after five minutes without an event, and comments
/// are none to it; strict clients do not know the event, which OpenAI sends in long silences and has not documented.
const PINGS_PER_EVENT: u32 = 5;

/// There is one answer in this format.
const CHOICE: u32 = 0;

impl Encoder {
    pub fn new(context: &Context) -> Self {
        Self {
            context: context.clone(),
            ids: ItemIds::new(&context.call_id),
            envelope: None,
            sequence: Sequence::default(),
            next_index: 0,
            speaking: None,
            calls: BTreeMap::new(),
            done: BTreeMap::new(),
            finish: None,
            has_refusal: false,
            usage: None,
            pings: 0,
        }
    }

    /// Before the first event every sign of life is a comment: clients insist on `response.created` first.
    fn ping(&mut self, out: &mut Vec<u8>) {
        self.pings += 1;
        if self.pings < PINGS_PER_EVENT || self.envelope.is_none() {
            return out.extend_from_slice(b": keepalive\n\n");
        }
        self.pings = 0;
        EventText::of("keepalive", out).end(&mut self.sequence);
    }

    fn start(&mut self, model: Option<&str>, out: &mut Vec<u8>) {
        if self.envelope.is_some() {
            return;
        }
        let context = &self.context;
        let envelope = Envelope::new(
            &response_id(&context.call_id),
            context.created_s,
            model.unwrap_or(&context.model),
            &context.request,
        );
        for kind in ["response.created", "response.in_progress"] {
            let mut event = EventText::of(kind, out).with_key("response");
            envelope.write(event.text(), &State::IN_PROGRESS, &[(); 0]);
            event.end(&mut self.sequence);
        }
        self.envelope = Some(envelope);
    }

    fn open(&mut self, kind: ItemKind, body: Body, out: &mut Vec<u8>) -> Slot {
        let index = self.next_index;
        self.next_index += 1;
        let mut slot = Slot::new(index, self.ids.id(kind, index), body);
        slot.open(out, &mut self.sequence);
        slot
    }

    fn close(&mut self, mut slot: Slot, status: ItemStatus, out: &mut Vec<u8>) {
        slot.close(status, out, &mut self.sequence);
        self.done.insert(slot.index, slot);
    }

    fn close_speaking(&mut self, status: ItemStatus, out: &mut Vec<u8>) {
        if let Some(slot) = self.speaking.take() {
            self.close(slot, status, out);
        }
    }

    /// Tells an item that is whole at once.
    fn tell(&mut self, kind: ItemKind, body: Body, out: &mut Vec<u8>) {
        self.close_speaking(ItemStatus::Completed, out);
        let slot = self.open(kind, body, out);
        self.close(slot, ItemStatus::Completed, out);
    }

    /// Makes sure that such a content part of a message is what grows.
    fn open_message(&mut self, is_refusal: bool, out: &mut Vec<u8>) {
        let grows = |slot: &mut Slot| {
            let last = slot.last_piece();
            last.is_some_and(|piece| piece.is_refusal == is_refusal)
        };
        if self.speaking.as_mut().is_some_and(grows) {
            return;
        }
        let is_message = |slot: &mut Slot| matches!(slot.body, Body::Message(_));
        let mut slot = match self.speaking.take_if(is_message) {
            Some(slot) => slot,
            None => {
                self.close_speaking(ItemStatus::Completed, out);
                self.open(ItemKind::Message, Body::Message(Vec::new()), out)
            }
        };
        slot.open_piece(is_refusal, out, &mut self.sequence);
        self.speaking = Some(slot);
    }

    fn say(&mut self, is_refusal: bool, text: &str, out: &mut Vec<u8>) {
        self.open_message(is_refusal, out);
        if let Some(slot) = &mut self.speaking {
            slot.push(text, out, &mut self.sequence);
        }
    }

    fn think(&mut self, text: &str, out: &mut Vec<u8>) {
        let is_thinking = |slot: &Slot| matches!(slot.body, Body::Thoughts { .. });
        if !self.speaking.as_ref().is_some_and(is_thinking) {
            self.close_speaking(ItemStatus::Completed, out);
            let body = Body::Thoughts {
                text: String::new(),
                signature: None,
                is_redacted: false,
            };
            let mut slot = self.open(ItemKind::Reasoning, body, out);
            slot.open_summary(out, &mut self.sequence);
            self.speaking = Some(slot);
        }
        if let Some(slot) = &mut self.speaking {
            slot.push(text, out, &mut self.sequence);
        }
    }

    /// A signature ends the thoughts before it; where there are none, it stands alone.
    fn sign(&mut self, signed: &Signature, is_redacted: bool, out: &mut Vec<u8>) {
        if let Some(Slot {
            body: Body::Thoughts { signature, .. },
            ..
        }) = &mut self.speaking
            && !is_redacted
        {
            *signature = Some(signed.clone());
            self.close_speaking(ItemStatus::Completed, out);
            return;
        }
        let body = Body::Thoughts {
            text: String::new(),
            signature: Some(signed.clone()),
            is_redacted,
        };
        self.tell(ItemKind::Reasoning, body, out);
    }

    fn start_call(&mut self, tool: u32, call: ToolCall, out: &mut Vec<u8>) {
        self.close_speaking(ItemStatus::Completed, out);
        self.close_whole_calls(out);
        if let Some(signature) = &call.signature {
            let body = Body::SignatureOfCall(signature.clone());
            self.tell(ItemKind::Reasoning, body, out);
        }
        let kind = ItemKind::of_call(call.is_custom);
        let slot = self.open(kind, Body::Call(call), out);
        if let Some(same) = self.calls.insert(tool, slot) {
            self.close(same, ItemStatus::Completed, out);
        }
    }

    /// Clients begin a tool when its item is done, so a call whose arguments are whole JSON does not wait for the others.
    fn close_whole_calls(&mut self, out: &mut Vec<u8>) {
        let is_whole = |slot: &Slot| match &slot.body {
            Body::Call(call) if !call.is_custom => {
                serde_json::from_str::<IgnoredAny>(&call.input).is_ok()
            }
            _ => false,
        };
        let whole: Vec<u32> = self
            .calls
            .iter()
            .filter(|(_, slot)| is_whole(slot))
            .map(|(tool, _)| *tool)
            .collect();
        for tool in whole {
            if let Some(slot) = self.calls.remove(&tool) {
                self.close(slot, ItemStatus::Completed, out);
            }
        }
    }

    fn close_all(&mut self, out: &mut Vec<u8>) {
        let status = match Outcome::of(self.finish.as_ref(), self.has_refusal) {
            Outcome::Incomplete(_) => ItemStatus::Incomplete,
            _ => ItemStatus::Completed,
        };
        self.close_speaking(status, out);
        while let Some((_, slot)) = self.calls.pop_first() {
            self.close(slot, status, out);
        }
    }

    fn annotate(&mut self, annotations: &Value, out: &mut Vec<u8>) {
        // They say where in the text they belong, so without a text before them they say nothing.
        let Some(slot) = &mut self.speaking else {
            return;
        };
        if slot.last_piece().is_none_or(|piece| piece.is_refusal) {
            return;
        }
        for annotation in flat_annotations(annotations) {
            slot.annotate(annotation, out, &mut self.sequence);
        }
    }

    fn complete(&mut self, out: &mut Vec<u8>) {
        self.close_all(out);
        let outcome = Outcome::of(self.finish.as_ref(), self.has_refusal);
        let kind = match outcome {
            Outcome::Incomplete(_) => "response.incomplete",
            _ => "response.completed",
        };
        let Some(envelope) = &self.envelope else {
            return;
        };
        let output: Vec<_> = self.done.values().map(Slot::item).collect();
        let state = State {
            outcome,
            usage: self.usage.as_ref(),
            ..State::IN_PROGRESS
        };
        let mut event = EventText::of(kind, out).with_key("response");
        envelope.write(event.text(), &state, &output);
        event.end(&mut self.sequence);
    }

    /// Takes what belongs to the one answer.
    fn encode_content(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Text { text, .. } if !text.is_empty() => self.say(false, text, out),
            Event::Refusal { text, .. } if !text.is_empty() => {
                self.has_refusal = true;
                self.say(true, text, out);
            }
            Event::Thinking { text, .. } if !text.is_empty() => self.think(text, out),
            Event::Signature { signature, .. } => self.sign(signature, false, out),
            Event::RedactedThinking { signature, .. } => self.sign(signature, true, out),
            Event::ToolStart {
                tool,
                id,
                name,
                is_custom,
                signature,
                ..
            } => {
                let call = ToolCall {
                    id: id.clone().into_owned(),
                    name: name.clone().into_owned(),
                    input: String::new(),
                    is_custom: *is_custom,
                    signature: signature.clone(),
                };
                self.start_call(*tool, call, out);
            }
            Event::ToolInput { tool, text, .. } if !text.is_empty() => {
                if let Some(slot) = self.calls.get_mut(tool) {
                    slot.push(text, out, &mut self.sequence);
                }
            }
            Event::Image {
                media_type, base64, ..
            } => {
                let body = Body::Image {
                    media_type: media_type.clone().into_owned(),
                    base64: base64.clone().into_owned(),
                };
                self.tell(ItemKind::Image, body, out);
            }
            Event::Annotations { value, .. } => self.annotate(value, out),
            Event::Logprobs { value, .. } => {
                let logprobs = flat_logprobs(value);
                if !logprobs.is_empty() {
                    self.open_message(false, out);
                    if let Some(slot) = &mut self.speaking {
                        slot.push_logprobs(logprobs, out, &mut self.sequence);
                    }
                }
            }
            Event::Finish { finish, .. } => {
                self.finish = Some(finish.clone());
                self.close_all(out);
            }
            // Sound has no place here, and was not asked for.
            _ => {}
        }
    }
}

impl Encode for Encoder {
    fn encode(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { model, .. } => self.start(model.as_deref(), out),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Ping => return self.ping(out),
            Event::Error(_) => {}
            Event::Done => {
                self.start(None, out);
                self.complete(out);
            }
            _ if choice(event) == Some(CHOICE) => {
                self.start(None, out);
                self.encode_content(event, out);
            }
            _ => {}
        }
        self.pings = 0;
    }
}

/// The answer that an event belongs to.
fn choice(event: &Event<'_>) -> Option<u32> {
    match event {
        Event::Text { choice, .. }
        | Event::Thinking { choice, .. }
        | Event::Signature { choice, .. }
        | Event::RedactedThinking { choice, .. }
        | Event::Refusal { choice, .. }
        | Event::ToolStart { choice, .. }
        | Event::ToolInput { choice, .. }
        | Event::Image { choice, .. }
        | Event::Audio { choice, .. }
        | Event::Annotations { choice, .. }
        | Event::Logprobs { choice, .. }
        | Event::Finish { choice, .. } => Some(*choice),
        Event::Start { .. } | Event::Usage(_) | Event::Ping | Event::Error(_) | Event::Done => None,
    }
}
