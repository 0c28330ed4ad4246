use serde_json::{Value, json};

use super::{context, context_of};
use crate::format::Format;
use crate::gemini::{read_reply, write_reply};
use crate::neutral::{
    Choice, Content, Finish, Part, Reply, Request, Signature, Source, Thinking, Tool, ToolCall,
};
use crate::translate::ReplyError;
use crate::usage::{Unit, Usage};

fn read(body: &Value) -> Reply {
    read_reply(body.to_string().as_bytes(), &context()).unwrap()
}

fn thinking(text: &str, origin: Format, value: &str, is_redacted: bool) -> Part {
    Part::new(Content::Thinking(Thinking {
        text: text.to_owned(),
        signature: Some(Signature::new(origin, value)),
        is_redacted,
    }))
}

#[test]
fn an_answer_with_thoughts_calls_and_usage_is_read() {
    let reply = read(&json!({
        "candidates": [{
            "content": {"role": "model", "parts": [
                {"text": "Weighing.", "thought": true},
                {"text": "Here", "thoughtSignature": "c2ln"},
                {"text": " it is."},
                {"functionCall": {"name": "weather", "args": {"z": 1.0, "a": [2]}}, "thoughtSignature": "Y2FsbA=="},
                {"functionCall": {"id": "given", "name": "time"}},
                {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}
            ]},
            "finishReason": "STOP",
            "index": 0,
            "groundingMetadata": {"webSearchQueries": ["q"]}
        }],
        "usageMetadata": {"promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 6, "thoughtsTokenCount": 3, "totalTokenCount": 19},
        "modelVersion": "gemini-3-flash-001",
        "responseId": "resp-1"
    }));
    assert_eq!(reply.id.as_deref(), Some("resp-1"));
    assert_eq!(reply.model.as_deref(), Some("gemini-3-flash-001"));
    let usage = reply.usage.unwrap();
    assert_eq!((usage.get(Unit::Input), usage.get(Unit::CacheRead)), (6, 4));
    assert_eq!(
        (usage.get(Unit::Output), usage.get(Unit::Reasoning)),
        (6, 3)
    );
    assert_eq!(
        reply.rest["groundingMetadata"],
        json!({"webSearchQueries": ["q"]})
    );
    let call = |id: &str, name: &str, input: &str, signature: Option<&str>| {
        Part::new(Content::ToolCall(ToolCall {
            id: id.to_owned(),
            name: name.to_owned(),
            input: input.to_owned(),
            is_custom: false,
            signature: signature.map(|value| Signature::new(Format::Gemini, value)),
        }))
    };
    let expected = Choice {
        index: 0,
        parts: vec![
            thinking("Weighing.", Format::Gemini, "c2ln", false),
            Part::text("Here it is."),
            call(
                "call_0199ab_0",
                "weather",
                r#"{"z":1.0,"a":[2]}"#,
                Some("Y2FsbA=="),
            ),
            call("given", "time", "{}", None),
            Part::new(Content::Image {
                source: Source::Data {
                    media_type: "image/png".to_owned(),
                    base64: "iVBO".to_owned(),
                },
                detail: None,
            }),
        ],
        finish: Some(Finish::ToolCalls),
        logprobs: None,
    };
    assert_eq!(reply.choices, [expected]);
}

#[test]
fn several_candidates_with_log_probabilities_are_several_choices() {
    let reply = read(&json!({"candidates": [
        {"content": {"parts": [{"text": "a"}]}, "finishReason": "MAX_TOKENS",
         "logprobsResult": {"chosenCandidates": [{"token": "a", "logProbability": -0.5}]}},
        {"content": {"parts": [{"text": "b"}]}, "finishReason": "SAFETY", "index": 1},
    ]}));
    assert_eq!(reply.choices[0].finish, Some(Finish::Length));
    assert_eq!(
        reply.choices[0].logprobs.as_ref().unwrap()["content"][0]["logprob"],
        -0.5
    );
    assert_eq!(reply.choices[1].index, 1);
    assert_eq!(reply.choices[1].finish, Some(Finish::ContentFilter));
}

#[test]
fn a_refused_prompt_is_an_empty_filtered_answer() {
    let reply = read(&json!({
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 8, "totalTokenCount": 8}
    }));
    assert_eq!(reply.choices.len(), 1);
    assert_eq!(reply.choices[0].parts, []);
    assert_eq!(reply.choices[0].finish, Some(Finish::ContentFilter));
    assert_eq!(reply.usage.unwrap().get(Unit::Input), 8);
}

#[test]
fn errors_in_a_success_are_told() {
    let error =
        json!({"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}});
    for body in [error.clone(), json!([error])] {
        match read_reply(body.to_string().as_bytes(), &context()) {
            Err(ReplyError::Reported(error)) => {
                assert_eq!(error.kind.as_deref(), Some("RESOURCE_EXHAUSTED"));
            }
            other => panic!("{other:?}"),
        }
    }
    for body in ["<html>", "{}", "null"] {
        let read = read_reply(body.as_bytes(), &context());
        assert!(matches!(read, Err(ReplyError::Unreadable(_))), "{read:?}");
    }
}

#[test]
fn a_renamed_tool_is_called_by_its_own_name_again() {
    let request = Request {
        tools: vec![Tool::Function {
            name: "2nd tool".to_owned(),
            description: None,
            parameters: None,
            strict: None,
            cache: None,
            rest: serde_json::Map::new(),
        }],
        ..Request::default()
    };
    let told = crate::gemini::names::to_google("2nd tool").into_owned();
    let body = json!({"candidates": [{"content": {"parts": [{"functionCall": {"name": told}}]}}]});
    let reply = read_reply(body.to_string().as_bytes(), &context_of(request)).unwrap();
    let Content::ToolCall(call) = &reply.choices[0].parts[0].content else {
        panic!();
    };
    assert_eq!(call.name, "2nd tool");
}

/// An answer of another provider with everything that Google's form has a place for.
fn foreign() -> Reply {
    let mut usage = Usage::default();
    usage.set(Unit::Input, 5);
    usage.set(Unit::Output, 2);
    Reply {
        id: Some("msg_1".to_owned()),
        model: Some("claude".to_owned()),
        choices: vec![Choice {
            index: 0,
            parts: vec![
                thinking("Hm.", Format::Anthropic, "EqQB/+", false),
                thinking("", Format::Anthropic, "hidden", true),
                Part::text("Hi"),
                Part::new(Content::ToolCall(ToolCall {
                    id: "toolu_1".to_owned(),
                    name: "f".to_owned(),
                    input: "{\"a\": 1}".to_owned(),
                    is_custom: false,
                    signature: None,
                })),
            ],
            finish: Some(Finish::ToolCalls),
            logprobs: None,
        }],
        usage: Some(usage),
        ..Reply::default()
    }
}

#[test]
fn a_foreign_answer_is_written_in_googles_form() {
    let body: Value = serde_json::from_slice(&write_reply(&foreign(), &context())).unwrap();
    assert_eq!(
        body,
        json!({
            "candidates": [{
                "content": {"parts": [
                    {"text": "Hm.", "thought": true, "thoughtSignature": "d2Vpci5hbnRocm9waWMuRXFRQi8r"},
                    {"text": "", "thought": true, "thoughtSignature": "d2Vpci5yZWRhY3RlZC53ZWlyLmFudGhyb3BpYy5oaWRkZW4="},
                    {"text": "Hi"},
                    {"functionCall": {"id": "toolu_1", "name": "f", "args": {"a": 1}}}
                ], "role": "model"},
                "finishReason": "STOP",
                "index": 0
            }],
            "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 5}]},
            "modelVersion": "claude",
            "responseId": "msg_1"
        })
    );
}

#[test]
fn an_answer_survives_being_written_and_read() {
    let mut reply = foreign();
    if let Content::ToolCall(call) = &mut reply.choices[0].parts[3].content {
        call.input = "{\"a\":1}".to_owned();
    }
    let read_back = read_reply(&write_reply(&reply, &context()), &context()).unwrap();
    assert_eq!(read_back, reply);
}

#[test]
fn unsigned_thoughts_are_written_only_for_those_who_ask() {
    let mut reply = foreign();
    reply.choices[0].parts[0] = Part::new(Content::Thinking(Thinking {
        text: "Hm.".to_owned(),
        ..Thinking::default()
    }));
    let count = |context| {
        let body: Value = serde_json::from_slice(&write_reply(&reply, &context)).unwrap();
        body["candidates"][0]["content"]["parts"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count(context()), 4);
    assert_eq!(count(context_of(Request::default())), 3);
}

#[test]
fn an_empty_answer_has_a_part_for_the_sdk_and_names_of_ours() {
    let reply = Reply {
        choices: vec![Choice {
            index: 0,
            parts: Vec::new(),
            finish: Some(Finish::Length),
            logprobs: None,
        }],
        ..Reply::default()
    };
    let body: Value = serde_json::from_slice(&write_reply(&reply, &context())).unwrap();
    assert_eq!(
        body["candidates"][0]["content"]["parts"],
        json!([{"text": ""}])
    );
    assert_eq!(body["candidates"][0]["finishReason"], "MAX_TOKENS");
    assert_eq!(body["responseId"], "0199-ab");
    assert_eq!(body["modelVersion"], "gemini-3-flash");
}
