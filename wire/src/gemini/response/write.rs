//! Writing a whole answer.

use serde::Serialize;
use serde_json::Value;

use crate::format::Format;
use crate::gemini::part::{KnownPart, WirePart};
use crate::gemini::stream::shows_thoughts;
use crate::gemini::{finish, grounding, logprobs, usage};
use crate::neutral::{Choice, Content, Part, Reply};
use crate::translate::Context;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    candidates: Vec<WireCandidate<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<Value>,
    model_version: &'a str,
    response_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireCandidate<'a> {
    content: WireContent<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'a str>,
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs_result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grounding_metadata: Option<Value>,
}

#[derive(Serialize)]
struct WireContent<'a> {
    parts: Vec<WirePart<'a>>,
    role: &'static str,
}

/// Writes the answer of `generateContent`.
#[expect(clippy::expect_used, reason = "writing values to memory cannot fail")]
pub(crate) fn write_reply(reply: &Reply, context: &Context) -> Vec<u8> {
    let shows_thoughts = shows_thoughts(&context.request);
    let body = Body {
        candidates: reply
            .choices
            .iter()
            .map(|choice| write_choice(choice, shows_thoughts))
            .collect(),
        usage_metadata: reply.usage.as_ref().map(usage::write),
        model_version: reply.model.as_deref().unwrap_or(&context.model),
        response_id: reply.id.as_deref().unwrap_or(&context.call_id),
    };
    serde_json::to_vec(&body).expect("values serialize")
}

fn write_choice(choice: &Choice, shows_thoughts: bool) -> WireCandidate<'_> {
    let shown = choice.parts.iter().filter(|part| match &part.content {
        // Signed thoughts must come back with the next request, so that a client has to have them.
        Content::Thinking(thinking) => shows_thoughts || thinking.signature.is_some(),
        _ => true,
    });
    let mut parts: Vec<_> = shown.filter_map(write_part).collect();
    // Google's SDK takes an answer without parts for an invalid one, and forgets the whole turn.
    if parts.is_empty() {
        parts.push(WirePart::Known(KnownPart::text("")));
    }
    WireCandidate {
        content: WireContent {
            parts,
            role: "model",
        },
        finish_reason: choice.finish.as_ref().map(finish::write),
        index: choice.index,
        logprobs_result: choice.logprobs.as_ref().and_then(logprobs::write),
        grounding_metadata: write_grounding(choice),
    }
}

fn write_grounding(choice: &Choice) -> Option<Value> {
    let texts = choice.parts.iter().filter_map(|part| match &part.content {
        Content::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let lists = choice.parts.iter().map(|part| part.rest.get("annotations"));
    let mut annotations = lists
        .flatten()
        .filter_map(Value::as_array)
        .flatten()
        .peekable();
    annotations.peek()?;
    grounding::from_openai(annotations, &texts.collect::<String>())
}

fn write_part(part: &Part) -> Option<WirePart<'_>> {
    Some(WirePart::Known(match &part.content {
        Content::Text(text) | Content::Refusal(text) => KnownPart::text(text.as_str()),
        Content::Thinking(thinking) => KnownPart::thinking(thinking),
        Content::ToolCall(call) => KnownPart::call_for_client(call),
        Content::Other {
            format: Format::Gemini,
            value,
            ..
        } => return Some(WirePart::Own(value)),
        Content::ToolResult(_) | Content::Other { .. } => return None,
        media => KnownPart::media(media)?,
    }))
}
