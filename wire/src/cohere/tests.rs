//! What Cohere is sent and what is made of its answers.

mod reply;
mod request;
mod stream;

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use crate::neutral::{Content, Part, Request, Thinking};
use crate::translate::{Context, Prefill, Target};

fn context() -> Context {
    Context {
        call_id: "0192-ab".to_owned(),
        model: "command-a-03-2025".to_owned(),
        created_s: 1_760_000_000,
        think_tags: false,
        request: Arc::new(Request::default()),
    }
}

fn target() -> Target<'static> {
    Target {
        provider: "cohere",
        model: "command-a-03-2025",
        max_output_tokens: None,
        stream_options: false,
        max_tokens_field: None,
        reasoning_field: None,
        reasoning_details: false,
        prefill: Prefill::None,
        anthropic_version: None,
    }
}

/// Thoughts that Cohere calls `kind`.
fn thoughts(kind: &str, text: &str) -> Part {
    Part::new(Content::Thinking(Thinking {
        text: text.to_owned(),
        signature: Some(super::mark(kind)),
        is_redacted: false,
    }))
}

/// JSON of any shape, made of the names that Cohere uses.
fn any_json() -> impl Strategy<Value = Value> {
    const KEYS: [&str; 16] = [
        "type",
        "delta",
        "message",
        "content",
        "text",
        "thinking",
        "tool_calls",
        "tool_plan",
        "function",
        "name",
        "arguments",
        "index",
        "finish_reason",
        "usage",
        "billed_units",
        "input_tokens",
    ];
    const WORDS: [&str; 8] = [
        "content-delta",
        "message-start",
        "tool-call-start",
        "tool-call-end",
        "message-end",
        "COMPLETE",
        "text",
        "é\"",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(&WORDS[..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        let key = proptest::sample::select(&KEYS[..]).prop_map(str::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
