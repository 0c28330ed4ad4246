use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::any_json::{any_json, one_of};
use crate::bedrock::read_reply;
use crate::neutral::{Choice, Finish, Reply, Signature, Thinking};
use crate::translate::ReplyError;
use crate::usage::Unit;

fn read(body: &Value, request: Request) -> Result<Reply, ReplyError> {
    read_reply(body.to_string().as_bytes(), &context(request))
}

fn choice(body: &Value) -> Choice {
    let mut reply = read(body, Request::default()).unwrap();
    assert_eq!(reply.choices.len(), 1);
    reply.choices.remove(0)
}

fn saying(content: Value, stop_reason: &str) -> Value {
    json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_reason,
        "usage": {"inputTokens": 12, "outputTokens": 7, "totalTokens": 19},
        "metrics": {"latencyMs": 551},
        "serviceTier": {"type": "default"},
    })
}

#[test]
fn a_plain_answer() {
    let reply = read(
        &saying(json!([{"text": "Hello."}]), "end_turn"),
        Request::default(),
    )
    .unwrap();
    assert_eq!(reply.choices[0].parts, [Part::text("Hello.")]);
    assert_eq!(reply.choices[0].finish, Some(Finish::Stop));
    assert_eq!(reply.usage.unwrap().get(Unit::Output), 7);
    assert_eq!(reply.service_tier.as_deref(), Some("default"));
}

#[test]
fn thoughts_calls_and_unknown_blocks_keep_their_order() {
    let request = Request {
        tools: vec![tool("weather.get")],
        ..Request::default()
    };
    let fitted = crate::bedrock::names::tool_name("weather.get").into_owned();
    let unknown = json!({"searchResult": {"title": "t"}});
    let searched = json!({"toolUse": {"toolUseId": "s1", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}});
    let body = saying(
        json!([
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
            {"reasoningContent": {"redactedContent": "cmVk"}},
            {"text": "I look."},
            {"toolUse": {"toolUseId": "t1", "name": fitted, "input": {"z": 1, "a": 2}}},
            {"toolUse": {"toolUseId": "t2", "name": "other", "input": {}}},
            {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
            {"citationsContent": {"content": [{"text": "Cited"}, {"text": " text."}], "citations": []}},
            searched,
            unknown,
        ]),
        "tool_use",
    );
    let reply = read(&body, request).unwrap();
    let sign = |value| Some(Signature::new(Format::Anthropic, value));
    let other = |kind: &str, value: Value| {
        Part::new(Content::Other {
            format: Format::Bedrock,
            kind: kind.to_owned(),
            value,
        })
    };
    let expected = [
        Part::new(Content::Thinking(Thinking {
            text: "Hm.".to_owned(),
            signature: sign("c2ln"),
            is_redacted: false,
        })),
        Part::new(Content::Thinking(Thinking {
            text: String::new(),
            signature: sign("red"),
            is_redacted: true,
        })),
        Part::text("I look."),
        call("t1", "weather.get", r#"{"z":1,"a":2}"#),
        call("t2", "other", "{}"),
        Part::new(Content::Image {
            source: data("image/png", "AAAA"),
            detail: None,
        }),
        Part::text("Cited text."),
        other("toolUse", searched),
        other("searchResult", unknown),
    ];
    assert_eq!(reply.choices[0].parts, expected);
    assert_eq!(reply.choices[0].finish, Some(Finish::ToolCalls));
}

#[test]
fn every_reason_to_stop_is_told() {
    for (word, finish) in [
        ("end_turn", Finish::Stop),
        ("tool_use", Finish::ToolCalls),
        ("max_tokens", Finish::Length),
        ("stop_sequence", Finish::StopSequence(None)),
        ("guardrail_intervened", Finish::ContentFilter),
        ("content_filtered", Finish::ContentFilter),
        ("model_context_window_exceeded", Finish::ContextWindow),
        (
            "malformed_tool_use",
            Finish::Other("malformed_tool_use".to_owned()),
        ),
    ] {
        let choice = choice(&saying(json!([{"text": "x"}]), word));
        assert_eq!(choice.finish, Some(finish));
    }
    let mut body = saying(
        json!([{"toolUse": {"toolUseId": "t", "name": "f", "input": null}}]),
        "end_turn",
    );
    assert_eq!(choice(&body).finish, Some(Finish::ToolCalls));
    assert_eq!(choice(&body).parts, [call("t", "f", "{}")]);
    body["stopReason"] = json!("stop_sequence");
    body["additionalModelResponseFields"] = json!({"stop_sequence": "END"});
    assert_eq!(
        choice(&body).finish,
        Some(Finish::StopSequence(Some("END".to_owned())))
    );
}

#[test]
fn an_error_in_a_success_is_an_error() {
    for (body, message, code) in [
        (
            json!({"message": "slow down", "__type": "com.amazon.bedrock#ThrottlingException"}),
            "slow down",
            Some("ThrottlingException"),
        ),
        (
            json!({"Output": {"__type": "com.amazon.coral.service#UnknownOperationException"}, "Version": "1.0"}),
            "UnknownOperationException",
            Some("UnknownOperationException"),
        ),
        (json!({"Message": "no"}), "no", None),
    ] {
        let Err(ReplyError::Reported(error)) = read(&body, Request::default()) else {
            panic!("{body} reports an error");
        };
        assert_eq!(
            (error.message.as_str(), error.code.as_deref()),
            (message, code)
        );
    }
    let unreadable = read(&json!({"choices": []}), Request::default());
    assert!(matches!(unreadable, Err(ReplyError::Unreadable(_))));
}

const KEYS: &[&str] = &[
    "output",
    "message",
    "content",
    "text",
    "toolUse",
    "toolUseId",
    "name",
    "input",
    "reasoningContent",
    "reasoningText",
    "signature",
    "redactedContent",
    "image",
    "source",
    "bytes",
    "stopReason",
    "usage",
    "inputTokens",
    "cacheDetails",
    "ttl",
    "__type",
    "serviceTier",
    "additionalModelResponseFields",
    "stop_sequence",
    "citationsContent",
];

proptest! {
    #[test]
    fn nothing_makes_reading_panic(value in any_json(one_of(KEYS), "[a-z_]{0,8}"), bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _read_or_not = read(&value, Request::default());
        let content = json!([value.clone()]);
        let _read_or_not = read(&saying(content, "end_turn"), Request::default());
        let _read_or_not = read_reply(&bytes, &context(Request::default()));
    }
}
