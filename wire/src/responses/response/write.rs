//! Writing a whole answer for a client.

use std::borrow::Cow;

use super::{
    Envelope, ItemIds, ItemKind, ItemStatus, Outcome, OutputItem, OutputPart, State,
    flat_annotations, flat_logprobs, response_id,
};
use crate::format::Format;
use crate::neutral::{Choice, Content, Part, Reply, Source};
use crate::translate::Context;

pub(crate) fn write_reply(reply: &Reply, context: &Context) -> Vec<u8> {
    // There is one answer in this format, and its requests cannot ask for more.
    let choice = reply.choices.first();
    let is_refusal = |part: &Part| matches!(part.content, Content::Refusal(_));
    let outcome = Outcome::of(
        choice.and_then(|it| it.finish.as_ref()),
        choice.is_some_and(|it| it.parts.iter().any(is_refusal)),
    );
    let mut output = choice
        .map(|choice| write_output(choice, context))
        .unwrap_or_default();
    if let (Outcome::Incomplete(_), Some(last)) = (outcome, output.last_mut()) {
        last.cut_off();
    }
    let envelope = Envelope::new(
        &response_id(&context.call_id),
        reply.created_s.unwrap_or(context.created_s),
        reply.model.as_deref().unwrap_or(&context.model),
        &context.request,
    );
    let state = State {
        outcome,
        error: None,
        usage: reply.usage.as_ref(),
        service_tier: reply.service_tier.as_deref(),
    };
    let mut body = Vec::new();
    envelope.write(&mut body, &state, &output);
    body
}

fn write_output<'a>(choice: &'a Choice, context: &Context) -> Vec<OutputItem<'a>> {
    let ids = ItemIds::new(&context.call_id);
    let mut items = Vec::new();
    for part in &choice.parts {
        write_part(part, &ids, &mut items);
    }
    if let Some(logprobs) = &choice.logprobs {
        set_logprobs(&mut items, logprobs);
    }
    items
}

fn write_part<'a>(part: &'a Part, ids: &ItemIds, items: &mut Vec<OutputItem<'a>>) {
    const DONE: ItemStatus = ItemStatus::Completed;
    let id = |kind, items: &Vec<_>| ids.id(kind, items.len());
    let item = match &part.content {
        Content::Text(_) | Content::Refusal(_) => {
            let Some(text) = write_text(part) else {
                return;
            };
            if let Some(OutputItem::Message { content, .. }) = items.last_mut() {
                content.push(text);
                return;
            }
            OutputItem::message(id(ItemKind::Message, items), DONE, vec![text])
        }
        Content::Thinking(thinking) => {
            let signature = thinking.signature.as_ref();
            let id = id(ItemKind::Reasoning, items);
            OutputItem::reasoning(id, &thinking.text, signature, thinking.is_redacted)
        }
        Content::ToolCall(call) => {
            if let Some(signature) = &call.signature {
                let id = id(ItemKind::Reasoning, items);
                items.push(OutputItem::signature_of_call(id, signature));
            }
            OutputItem::call(id(ItemKind::of_call(call.is_custom), items), DONE, call)
        }
        Content::Image {
            source: Source::Data { media_type, base64 },
            ..
        } => OutputItem::image(id(ItemKind::Image, items), DONE, media_type, Some(base64)),
        Content::Other {
            format: Format::Responses,
            value,
            ..
        } => OutputItem::Other(value),
        // Sound, documents and what only other formats know have no place, and were not asked for.
        _ => return,
    };
    items.push(item);
}

fn write_text(part: &Part) -> Option<OutputPart<'_>> {
    match &part.content {
        Content::Text(text) => {
            let annotations = part.rest.get("annotations");
            Some(OutputPart::OutputText {
                annotations: annotations.map(flat_annotations).unwrap_or_default().into(),
                logprobs: Cow::default(),
                text,
            })
        }
        Content::Refusal(refusal) => Some(OutputPart::Refusal { refusal }),
        _ => None,
    }
}

/// They are told for the whole answer, and stand in the first text.
fn set_logprobs(items: &mut [OutputItem<'_>], value: &serde_json::Value) {
    let first = items.iter_mut().find_map(|item| match item {
        OutputItem::Message { content, .. } => content.first_mut(),
        _ => None,
    });
    if let Some(OutputPart::OutputText { logprobs, .. }) = first {
        *logprobs = flat_logprobs(value).into();
    }
}
