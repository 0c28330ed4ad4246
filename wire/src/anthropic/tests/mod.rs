//! The format as a whole: what a user of either side would notice.

mod properties;
mod replies;
mod requests_read;
mod requests_written;
mod streams_read;
mod streams_written;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::{Decoder, Encoder};
use crate::format::Format;
use crate::framing::Framing;
use crate::loss::DropParams;
use crate::neutral::{Content, Message, Part, Request, Role, ToolCall, ToolResult};
use crate::stream::{Ending, Progress, Relay};
use crate::translate::{Context, Prefill, Target, write_request};

fn context(request: Request) -> Context {
    Context {
        call_id: "0198-aa-42".to_owned(),
        model: "claude-opus-4-5".to_owned(),
        created_s: 1_760_000_000,
        think_tags: false,
        request: Arc::new(request),
    }
}

fn target(model: &str) -> Target<'_> {
    Target {
        provider: "anthropic",
        model,
        max_output_tokens: Some(64_000),
        stream_options: false,
        max_tokens_field: None,
        reasoning_field: None,
        reasoning_details: false,
        prefill: Prefill::None,
        anthropic_version: None,
    }
}

/// The request as a model of Anthropic's gets it, and what was left out.
fn written_for(model: &str, request: &Request) -> (Value, Vec<String>) {
    let rendered = write_request(
        Format::Anthropic,
        request,
        &target(model),
        DropParams::Hints,
    )
    .unwrap();
    (
        serde_json::from_slice(&rendered.body).unwrap(),
        rendered.dropped,
    )
}

/// The same where nothing may be left out.
fn written(request: &Request) -> Value {
    let target = target("claude-sonnet-4-5");
    let rendered = write_request(Format::Anthropic, request, &target, DropParams::None).unwrap();
    serde_json::from_slice(&rendered.body).unwrap()
}

/// What the request is refused for.
fn refused_for(model: &str, request: &Request) -> String {
    write_request(
        Format::Anthropic,
        request,
        &target(model),
        DropParams::Hints,
    )
    .unwrap_err()
    .what
}

fn user(text: &str) -> Message {
    Message::new(Role::User, vec![Part::text(text)])
}

fn assistant(parts: Vec<Part>) -> Message {
    Message::new(Role::Assistant, parts)
}

fn call(id: &str, name: &str, input: &str) -> Part {
    Part::new(Content::ToolCall(ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        input: input.to_owned(),
        is_custom: false,
        signature: None,
    }))
}

fn result(call_id: &str, text: &str) -> Part {
    Part::new(Content::ToolResult(ToolResult {
        call_id: call_id.to_owned(),
        name: None,
        parts: vec![Part::text(text)],
        is_error: false,
        is_custom: false,
    }))
}

fn request(messages: Vec<Message>) -> Request {
    Request {
        model: "m".to_owned(),
        messages,
        ..Request::default()
    }
}

/// Reads a stream of Anthropic's in chunks of `size` bytes and writes it again.
fn rewrite(stream: &[u8], size: usize, context: &Context) -> (Vec<u8>, Progress, Ending) {
    let mut relay = Relay::new(
        Framing::sse(),
        Box::new(Decoder::new(context)),
        Some(Box::new(Encoder::new(context))),
    );
    let mut out = Vec::new();
    for chunk in stream.chunks(size.max(1)) {
        relay.feed(Bytes::copy_from_slice(chunk), &mut out).unwrap();
    }
    let ending = relay.finish(&mut out);
    (out.concat(), relay.progress().clone(), ending)
}
