//! Answers that no model gave.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};
use weir_wire::format::Format;
use weir_wire::neutral::{Choice, Content, Finish, Part, Reply, Signature, Thinking, ToolCall};
use weir_wire::usage::{Unit, Usage};

/// Text as models write it, and as they should not: escapes, other scripts, what looks like framing.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -~]{1,12}",
        2 => "\\PC{1,6}",
        1 => Just("\r\n\r\ndata: [DONE]\n\n".to_owned()),
        1 => Just("\u{2028}\u{0}\u{1f}\"\\/".to_owned()),
        1 => Just("🏳️‍🌈 Grüße 漢字".to_owned()),
        1 => Just("event: message_stop\n".to_owned()),
        1 => Just("<think>".to_owned()),
    ];
    vec(piece, 1..4).prop_map(|pieces| pieces.concat())
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(|number: f64| json!(number)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map("[a-z]{1,6}", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

fn call() -> impl Strategy<Value = ToolCall> {
    let arguments = btree_map("[a-zA-Z_]{1,8}", json_value(), 0..4);
    ("[a-z][a-zA-Z0-9_-]{0,30}", arguments).prop_map(|(name, arguments)| ToolCall {
        id: String::new(),
        name,
        input: json!(arguments).to_string(),
        is_custom: false,
        signature: None,
    })
}

fn usage() -> impl Strategy<Value = Usage> {
    let count = 0_u64..5_000_000;
    (count.clone(), count.clone(), 1..5_000_000_u64, count).prop_map(
        |(input, cached, output, thought)| {
            let mut usage = Usage::default();
            usage.set(Unit::Input, input + 1);
            usage.set(Unit::CacheRead, cached);
            usage.set(Unit::Output, output);
            usage.set(Unit::Reasoning, thought);
            usage
        },
    )
}

/// A proof of thoughts, as the vendors give them; OpenRouter's are JSON.
fn proof() -> impl Strategy<Value = Signature> {
    let value = prop_oneof![
        3 => "[A-Za-z0-9+/]{4,40}={0,2}",
        1 => Just(r#"{"type":"reasoning.encrypted","data":"gAAA","id":"rs_1","index":0}"#.to_owned()),
    ];
    let origin = prop::sample::select(&Format::ALL[..]);
    (origin, value).prop_map(|(origin, value)| Signature::new(origin, value))
}

/// An answer: thoughts, text and calls, in the order in which models give them.
pub fn reply() -> impl Strategy<Value = Reply> {
    let finish = prop_oneof![
        3 => Just(Finish::Stop),
        1 => Just(Finish::Length),
        1 => Just(Finish::ContentFilter),
    ];
    let thoughts = proptest::option::of((text(), proptest::option::of(proof())));
    let said = proptest::option::of(text());
    (thoughts, said, vec(call(), 0..5), finish, usage()).prop_map(
        |(thoughts, said, mut calls, finish, usage)| {
            for (at, call) in calls.iter_mut().enumerate() {
                call.id = format!("call_{at}{}", "x".repeat(at * 3));
            }
            let finish = match finish {
                Finish::Stop if !calls.is_empty() => Finish::ToolCalls,
                finish => finish,
            };
            let thoughts = thoughts.map(|(text, signature)| {
                Content::Thinking(Thinking {
                    text,
                    signature,
                    is_redacted: false,
                })
            });
            let contents = thoughts.into_iter().chain(said.map(Content::Text));
            let contents = contents.chain(calls.into_iter().map(Content::ToolCall));
            Reply {
                id: Some("msg_1".to_owned()),
                model: Some("some-model".to_owned()),
                choices: vec![Choice {
                    index: 0,
                    parts: contents.map(Part::new).collect(),
                    finish: Some(finish),
                    logprobs: None,
                }],
                usage: Some(usage),
                ..Reply::default()
            }
        },
    )
}

/// Sizes of chunks.
pub fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(1_usize..50, 1..30)
}
