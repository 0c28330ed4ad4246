//! Whole answers.

use serde_json::{Value, json};

use super::{call, context};
use crate::anthropic::names::fit;
use crate::anthropic::{read_reply, write_reply};
use crate::format::Format;
use crate::neutral::{
    Choice, Content, Finish, Part, Reply, Request, Signature, Source, Thinking, Tool,
};
use crate::translate::ReplyError;
use crate::usage::{Unit, Usage};

fn read(message: &Value) -> Result<Reply, ReplyError> {
    read_reply(message.to_string().as_bytes(), &context(Request::default()))
}

fn write(parts: Vec<Part>, finish: Finish) -> Value {
    let reply = Reply {
        choices: vec![Choice {
            index: 0,
            parts,
            finish: Some(finish),
            logprobs: None,
        }],
        ..Reply::default()
    };
    serde_json::from_slice(&write_reply(&reply, &context(Request::default()))).unwrap()
}

fn message(content: Value, stop_reason: &str) -> Value {
    json!({
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant",
        "model": "claude-opus-4-5-20251101", "content": content, "stop_reason": stop_reason,
        "stop_sequence": null, "container": null,
        "usage": {"input_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 90,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 20, "service_tier": "standard"},
    })
}

#[test]
fn an_answer_with_thoughts_and_parallel_calls_comes_back_as_it_was() {
    let content = json!([
        {"type": "thinking", "thinking": "Two calls.", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "Emwk"},
        {"type": "text", "text": "I'll look."},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"z": 1, "city": "Oslo"}},
        {"type": "tool_use", "id": "toolu_2", "name": "time", "input": {}},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
    ]);
    let mut message = message(content, "tool_use");
    let reply = read(&message).unwrap();
    assert_eq!(reply.choices[0].finish, Some(Finish::ToolCalls));
    let usage = reply.usage.unwrap();
    assert_eq!(
        (usage.get(Unit::Input), usage.get(Unit::CacheRead)),
        (10, 90)
    );
    let written = write_reply(&reply, &context(Request::default()));
    message.as_object_mut().unwrap().shift_remove("container");
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), message);
}

#[test]
fn every_stop_reason_goes_both_ways() {
    for (word, finish) in [
        ("end_turn", Finish::Stop),
        ("max_tokens", Finish::Length),
        ("pause_turn", Finish::Pause),
        ("refusal", Finish::Refusal),
        ("model_context_window_exceeded", Finish::ContextWindow),
    ] {
        let reply = read(&message(json!([]), word)).unwrap();
        assert_eq!(reply.choices[0].finish, Some(finish.clone()));
        assert_eq!(write(vec![Part::text("x")], finish)["stop_reason"], word);
    }
    let mut stopped = message(json!([]), "stop_sequence");
    stopped["stop_sequence"] = json!("END");
    let finish = Finish::StopSequence(Some("END".to_owned()));
    assert_eq!(
        read(&stopped).unwrap().choices[0].finish,
        Some(finish.clone())
    );
    let written = write(Vec::new(), finish);
    assert_eq!(
        (&written["stop_reason"], &written["stop_sequence"]),
        (&json!("stop_sequence"), &json!("END"))
    );
    assert_eq!(
        write(Vec::new(), Finish::ContentFilter)["stop_reason"],
        "refusal"
    );
    assert_eq!(
        write(vec![call("c", "f", "{}")], Finish::Stop)["stop_reason"],
        "tool_use"
    );
    let refusal = Part::new(Content::Refusal("No.".to_owned()));
    let written = write(vec![refusal], Finish::Stop);
    assert_eq!(written["stop_reason"], "refusal");
    assert_eq!(written["content"], json!([{"type": "text", "text": "No."}]));
}

#[test]
fn a_call_with_an_end_of_turn_is_a_call() {
    let content = json!([{"type": "tool_use", "id": "t", "name": "f", "input": {}}]);
    let reply = read(&message(content, "end_turn")).unwrap();
    assert_eq!(reply.choices[0].finish, Some(Finish::ToolCalls));
}

#[test]
fn names_and_free_texts_come_back_as_the_client_knows_them() {
    let tools = vec![
        Tool::Function {
            name: "files.read".to_owned(),
            description: None,
            parameters: None,
            strict: None,
            cache: None,
            rest: serde_json::Map::new(),
        },
        Tool::Custom {
            name: "apply_patch".to_owned(),
            description: None,
            format: None,
        },
    ];
    let context = context(Request {
        tools,
        ..Request::default()
    });
    let body = message(
        json!([
            {"type": "tool_use", "id": "a", "name": fit("files.read"), "input": {}},
            {"type": "tool_use", "id": "b", "name": "apply_patch", "input": {"input": "*** \"Begin\""}},
        ]),
        "tool_use",
    );
    let reply = read_reply(body.to_string().as_bytes(), &context).unwrap();
    let calls: Vec<_> = reply.choices[0]
        .parts
        .iter()
        .map(|part| match &part.content {
            Content::ToolCall(call) => (call.name.as_str(), call.input.as_str(), call.is_custom),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        calls,
        [
            ("files.read", "{}", false),
            ("apply_patch", "*** \"Begin\"", true)
        ]
    );
}

#[test]
fn what_other_formats_answer_is_written_so_that_clients_take_it() {
    let parts = vec![
        Part::new(Content::Thinking(Thinking {
            text: "Hm.".to_owned(),
            signature: None,
            is_redacted: false,
        })),
        Part::text(""),
        Part::new(Content::Image {
            source: Source::from_url("data:image/png;base64,iVBO"),
            detail: None,
        }),
        call("call.1", "f", ""),
        call("c2", "g", "broken"),
    ];
    let written = write(parts, Finish::ToolCalls);
    assert_eq!(written["id"], "msg_0198aa42");
    assert_eq!(written["model"], "claude-opus-4-5");
    let expected = json!([
        {"type": "thinking", "thinking": "Hm.", "signature": ""},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
        {"type": "tool_use", "id": fit("call.1"), "name": "f", "input": {}},
        {"type": "tool_use", "id": "c2", "name": "g", "input": {"arguments": "broken"}},
    ]);
    assert_eq!(written["content"], expected);
    assert_eq!(written["usage"]["input_tokens"], 0);
}

#[test]
fn other_providers_signatures_survive_a_turn() {
    let signature = Signature::new(Format::Gemini, "AbC=");
    let mut part = call("c1", "f", "{}");
    let Content::ToolCall(tool_call) = &mut part.content else {
        panic!()
    };
    tool_call.signature = Some(signature.clone());
    let content = write(vec![part.clone()], Finish::ToolCalls)["content"].clone();
    assert_eq!(content.as_array().unwrap().len(), 2);
    let read = read(&message(content, "tool_use")).unwrap();
    assert_eq!(read.choices[0].parts, [part]);
}

#[test]
fn citations_of_pages_are_annotations() {
    let content = json!([
        {"type": "text", "text": "Über "},
        {"type": "text", "text": "Oslo", "citations": [
            {"type": "web_search_result_location", "url": "https://e.example", "title": "T", "encrypted_index": "E", "cited_text": "c"},
            {"type": "char_location", "document_index": 0, "cited_text": "d"},
        ]},
    ]);
    let reply = read(&message(content, "end_turn")).unwrap();
    let expected = json!([{"type": "url_citation", "url_citation": {
        "url": "https://e.example", "title": "T", "start_index": 5, "end_index": 9,
    }}]);
    assert_eq!(reply.choices[0].parts[1].rest["annotations"], expected);
    assert_eq!(reply.choices[0].parts[0].rest.get("annotations"), None);
}

#[test]
fn audio_tokens_are_part_of_what_went_in() {
    let mut usage = Usage::default();
    usage.set(Unit::Input, 5);
    usage.set(Unit::AudioInput, 7);
    usage.set(Unit::CacheRead, 3);
    let reply = Reply {
        usage: Some(usage),
        ..Reply::default()
    };
    let written: Value =
        serde_json::from_slice(&write_reply(&reply, &context(Request::default()))).unwrap();
    assert_eq!(written["usage"]["input_tokens"], 12);
    assert_eq!(written["content"], json!([]));
}

#[test]
fn an_error_in_a_success_is_an_error() {
    let error = read(
        &json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    );
    let Err(ReplyError::Reported(error)) = error else {
        panic!()
    };
    assert_eq!(
        (error.message.as_str(), error.kind.as_deref()),
        ("Overloaded", Some("overloaded_error"))
    );
    for body in [
        "",
        "[]",
        "<html>",
        r#"{"type":"message"}"#,
        r#"{"content":[{"type":"text"}]}"#,
    ] {
        let read = read_reply(body.as_bytes(), &context(Request::default()));
        assert!(matches!(read, Err(ReplyError::Unreadable(_))), "{body}");
    }
}
