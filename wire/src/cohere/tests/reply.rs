use proptest::prelude::*;
use serde_json::{Value, json};

use super::{any_json, context, thoughts};
use crate::cohere::read_reply;
use crate::neutral::*;
use crate::translate::ReplyError;
use crate::usage::Unit;

fn read(body: Value) -> Result<Reply, ReplyError> {
    read_reply(body.to_string().as_bytes(), &context())
}

#[test]
fn text_with_its_usage_and_probabilities() {
    let reply = read(json!({
        "id": "c14c80c3",
        "finish_reason": "COMPLETE",
        "message": {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "They greet."},
            {"type": "text", "text": "Hello!"}
        ]},
        "usage": {
            "billed_units": {"input_tokens": 5, "output_tokens": 3},
            "tokens": {"input_tokens": 71, "output_tokens": 3}
        },
        "logprobs": [{"text": "Hello!", "token_ids": [28339, 8], "logprobs": [-0.25, -0.5]}]
    }))
    .unwrap();
    assert_eq!(reply.id.as_deref(), Some("c14c80c3"));
    let usage = reply.usage.unwrap();
    assert_eq!((usage.get(Unit::Input), usage.get(Unit::Output)), (5, 3));
    let choice = &reply.choices[0];
    assert_eq!(choice.finish, Some(Finish::Stop));
    assert_eq!(
        choice.logprobs.as_ref().unwrap()["content"][0]["logprob"],
        json!(-0.75)
    );
    let expected = [thoughts("thinking", "They greet."), Part::text("Hello!")];
    assert_eq!(choice.parts, expected);
}

#[test]
fn a_plan_and_calls_of_tools() {
    let reply = read(json!({
        "id": "x",
        "finish_reason": "TOOL_CALL",
        "message": {
            "role": "assistant",
            "tool_plan": "I will look.",
            "tool_calls": [
                {"id": "look_1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 1}"}},
                {"type": "function", "function": {"name": "wait", "arguments": "null"}}
            ]
        },
        "usage": {"tokens": {"input_tokens": 9, "output_tokens": 4}}
    }))
    .unwrap();
    let choice = &reply.choices[0];
    assert_eq!(choice.finish, Some(Finish::ToolCalls));
    let call = |id: &str, name: &str, input: &str| {
        Part::new(Content::ToolCall(ToolCall {
            id: id.to_owned(),
            name: name.to_owned(),
            input: input.to_owned(),
            is_custom: false,
            signature: None,
        }))
    };
    let expected = [
        thoughts("tool_plan", "I will look."),
        call("look_1", "look", "{\"at\": 1}"),
        call("call_0192ab_1", "wait", "{}"),
    ];
    assert_eq!(choice.parts, expected);
}

#[test]
fn citations_stay_with_the_text_and_addresses_become_annotations() {
    let citations = json!([
        {"start": 0, "end": 5, "text": "Paris", "sources": [
            {"type": "tool", "id": "a:0", "tool_output": {"url": "https://example.com/p", "title": "Paris"}},
            {"type": "tool", "id": "a:1", "tool_output": {"city": "Paris"}}
        ], "type": "TEXT_CONTENT"}
    ]);
    let reply = read(json!({
        "finish_reason": "COMPLETE",
        "message": {"content": [{"type": "text", "text": "Paris."}], "citations": citations}
    }))
    .unwrap();
    let rest = &reply.choices[0].parts[0].rest;
    assert_eq!(rest["citations"], citations);
    assert_eq!(
        rest["annotations"],
        json!([{"type": "url_citation", "url_citation": {
            "start_index": 0, "end_index": 5, "url": "https://example.com/p", "title": "Paris"
        }}])
    );
}

#[test]
fn every_end_has_its_meaning() {
    let ended = |reason: &str| {
        let body = json!({"finish_reason": reason, "message": {"content": [{"type": "text", "text": "a"}]}});
        read(body).map(|reply| reply.choices[0].finish.clone())
    };
    for (reason, finish) in [
        ("COMPLETE", Finish::Stop),
        ("STOP_SEQUENCE", Finish::StopSequence(None)),
        ("MAX_TOKENS", Finish::Length),
        ("TOOL_CALL", Finish::Stop),
        ("ERROR_TOXIC", Finish::ContentFilter),
        ("NOVELTY", Finish::Other("NOVELTY".to_owned())),
    ] {
        assert_eq!(ended(reason), Ok(Some(finish)), "{reason}");
    }
    for reason in ["ERROR", "TIMEOUT"] {
        let Err(ReplyError::Reported(error)) = ended(reason) else {
            panic!("{reason} is an error");
        };
        assert_eq!(error.code.as_deref(), Some(reason));
    }
}

#[test]
fn errors_and_nonsense_are_told_apart() {
    let reported = read(json!({"id": "x", "message": "invalid request: no such model"}));
    let Err(ReplyError::Reported(error)) = reported else {
        panic!("{reported:?}");
    };
    assert_eq!(error.message, "invalid request: no such model");
    for body in [json!({}), json!([]), json!({"message": {"content": 7}})] {
        assert!(matches!(read(body), Err(ReplyError::Unreadable(_))));
    }
}

proptest! {
    #[test]
    fn nothing_panics(body in any_json(), bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _either = read(body);
        let _either = read_reply(&bytes, &context());
    }
}
