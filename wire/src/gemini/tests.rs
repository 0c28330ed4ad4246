//! What the format means, by payloads of the shapes that Google and its clients send.

mod properties;
mod replies;
mod requests_read;
mod requests_written;
mod streams;

use std::sync::Arc;

use serde_json::Value;

use crate::format::Format;
use crate::loss::{DropParams, Loss};
use crate::neutral::{Reasoning, Request};
use crate::translate::{Context, Prefill, Rendered, Target, write_request};

/// Of a client that wants to see thoughts.
fn context() -> Context {
    context_of(Request {
        reasoning: Some(Reasoning {
            include_thoughts: Some(true),
            ..Reasoning::default()
        }),
        ..Request::default()
    })
}

fn context_of(request: Request) -> Context {
    Context {
        call_id: "0199-ab".to_owned(),
        model: "gemini-3-flash".to_owned(),
        created_s: 1_760_000_000,
        think_tags: false,
        request: Arc::new(request),
    }
}

fn rendered(request: &Request, model: &str, policy: DropParams) -> Result<Rendered, Loss> {
    let target = Target {
        provider: "google",
        model,
        max_output_tokens: None,
        stream_options: false,
        max_tokens_field: None,
        reasoning_field: None,
        reasoning_details: false,
        prefill: Prefill::None,
        anthropic_version: None,
    };
    write_request(Format::Gemini, request, &target, policy)
}

/// A request as written for a model that loses nothing of it.
fn written(request: &Request, model: &str) -> Value {
    let rendered = rendered(request, model, DropParams::None).unwrap();
    serde_json::from_slice(&rendered.body).unwrap()
}
