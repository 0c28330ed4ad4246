//! Whole answers.

use serde_json::{Value, json};

use super::{context, context_of};
use crate::format::Format;
use crate::neutral::{Choice, Content, Finish, Part, Reply, Signature, Source, Thinking, ToolCall};
use crate::responses::{failed_event, read_reply, read_request, response_id, write_reply};
use crate::translate::ReplyError;
use crate::usage::{Unit, Usage};

fn read(body: Value) -> Reply {
    read_reply(body.to_string().as_bytes(), &context()).unwrap()
}

fn write(reply: &Reply) -> Value {
    serde_json::from_slice(&write_reply(reply, &context())).unwrap()
}

fn reply_of(contents: Vec<Content>, finish: Finish) -> Reply {
    Reply {
        choices: vec![Choice {
            index: 0,
            parts: contents.into_iter().map(Part::new).collect(),
            finish: Some(finish),
            logprobs: None,
        }],
        ..Reply::default()
    }
}

fn call(id: &str, input: &str, is_custom: bool) -> Content {
    Content::ToolCall(ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        input: input.to_owned(),
        is_custom,
        signature: None,
    })
}

/// As OpenAI writes one, what repeats the request shortened.
fn openais() -> Value {
    json!({
        "id": "resp_67cc", "object": "response", "created_at": 1_741_476_542, "status": "completed",
        "error": null, "incomplete_details": null, "instructions": null, "model": "gpt-5-2025-08-07",
        "output": [
            {"id": "rs_1", "type": "reasoning", "encrypted_content": "gAAA",
             "summary": [{"type": "summary_text", "text": "Plan"}]},
            {"id": "ws_1", "type": "web_search_call", "status": "completed"},
            {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [
                {"type": "output_text", "text": "It is so.", "logprobs": [], "annotations": [
                    {"type": "url_citation", "start_index": 0, "end_index": 2, "url": "https://e.example", "title": "T"}]},
                {"type": "refusal", "refusal": "No more."}]},
            {"id": "fc_1", "type": "function_call", "call_id": "call_a", "name": "f", "arguments": "", "status": "completed"},
            {"id": "ctc_1", "type": "custom_tool_call", "call_id": "call_b", "name": "f", "input": "select 1"},
            {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": "AAAA", "output_format": "webp"},
        ],
        "service_tier": "default", "tools": [], "tool_choice": "auto", "temperature": 1.0,
        "usage": {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 40}, "output_tokens": 30,
                  "output_tokens_details": {"reasoning_tokens": 20}, "total_tokens": 130},
    })
}

#[test]
fn an_answer_of_openais_is_read() {
    let reply = read(openais());
    assert_eq!(reply.id.as_deref(), Some("resp_67cc"));
    assert_eq!(reply.model.as_deref(), Some("gpt-5-2025-08-07"));
    assert_eq!(reply.created_s, Some(1_741_476_542));
    assert_eq!(reply.service_tier.as_deref(), Some("default"));
    let choice = &reply.choices[0];
    assert_eq!(choice.finish, Some(Finish::ToolCalls));
    let contents: Vec<_> = choice.parts.iter().map(|it| it.content.clone()).collect();
    assert_eq!(
        contents[0],
        Content::Thinking(Thinking {
            text: "Plan".to_owned(),
            signature: Some(Signature::new(Format::Responses, "gAAA")),
            is_redacted: false,
        })
    );
    assert!(matches!(&contents[1], Content::Other { kind, .. } if kind == "web_search_call"));
    assert_eq!(
        contents[2..],
        [
            Content::Text("It is so.".to_owned()),
            Content::Refusal("No more.".to_owned()),
            call("call_a", "{}", false),
            call("call_b", "select 1", true),
            Content::Image {
                source: Source::from_url("data:image/webp;base64,AAAA"),
                detail: None
            },
        ]
    );
    assert_eq!(
        choice.parts[2].rest["annotations"],
        json!([{"type": "url_citation",
                "url_citation": {"start_index": 0, "end_index": 2, "url": "https://e.example", "title": "T"}}])
    );
    let usage = reply.usage.unwrap();
    let units: Vec<_> = usage.iter().collect();
    assert_eq!(
        units,
        [
            (Unit::Input, 60),
            (Unit::CacheRead, 40),
            (Unit::Output, 10),
            (Unit::Reasoning, 20),
            (Unit::Searches, 1)
        ]
    );
}

#[test]
fn a_reply_written_and_read_again_is_the_same() {
    let first = read(openais());
    let mut second = read(write(&first));
    assert_eq!(second.id.as_deref(), Some("resp_0199ab"));
    second.id.clone_from(&first.id);
    assert_eq!(second, first);
}

#[test]
fn cut_off_and_failed_answers_are_told_apart() {
    let incomplete = |reason: &str| {
        let mut body = openais();
        body["status"] = json!("incomplete");
        body["incomplete_details"] = json!({"reason": reason});
        read(body).choices[0].finish.clone().unwrap()
    };
    assert_eq!(incomplete("max_output_tokens"), Finish::Length);
    assert_eq!(incomplete("content_filter"), Finish::ContentFilter);
    assert_eq!(incomplete("steered"), Finish::Other("steered".to_owned()));

    let refused = |body: Value| read_reply(body.to_string().as_bytes(), &context()).unwrap_err();
    let mut failed = openais();
    failed["status"] = json!("failed");
    failed["error"] = json!({"code": "server_error", "message": "Sorry."});
    let ReplyError::Reported(error) = refused(failed.clone()) else {
        panic!("not reported");
    };
    assert_eq!(
        (error.code.as_deref(), error.message.as_str()),
        (Some("server_error"), "Sorry.")
    );
    failed["error"] = Value::Null;
    assert!(matches!(refused(failed), ReplyError::Reported(_)));
    assert!(matches!(
        refused(json!({"error": {"message": "m"}})),
        ReplyError::Reported(_)
    ));
    for body in [
        json!([]),
        json!({}),
        json!({"status": "queued", "output": []}),
    ] {
        assert!(matches!(refused(body), ReplyError::Unreadable(_)));
    }
}

#[test]
fn the_object_repeats_the_request() {
    let request = read_request(
        json!({
            "model": "m", "input": "x", "instructions": "Be brief.", "max_output_tokens": 99, "temperature": 0.5,
            "reasoning": {"effort": "low", "summary": "auto"}, "metadata": {"k": "v"}, "truncation": "auto",
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": true},
                      {"type": "web_search"}],
            "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": false,
            "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        })
        .to_string()
        .as_bytes(),
    )
    .unwrap();
    let reply = reply_of(vec![Content::Text("Hi".to_owned())], Finish::Stop);
    let body: Value = serde_json::from_slice(&write_reply(&reply, &context_of(request))).unwrap();
    for (key, value) in [
        ("id", json!("resp_0199ab")),
        ("object", json!("response")),
        ("created_at", json!(1_741_476_542)),
        ("model", json!("served-model")),
        ("status", json!("completed")),
        ("error", Value::Null),
        ("incomplete_details", Value::Null),
        ("instructions", json!("Be brief.")),
        ("max_output_tokens", json!(99)),
        ("temperature", json!(0.5)),
        ("top_p", json!(1.0)),
        ("reasoning", json!({"effort": "low", "summary": "auto"})),
        ("metadata", json!({"k": "v"})),
        ("truncation", json!("auto")),
        ("tool_choice", json!({"type": "function", "name": "f"})),
        ("parallel_tool_calls", json!(false)),
        (
            "text",
            json!({"format": {"type": "json_object"}, "verbosity": "low"}),
        ),
        ("store", json!(false)),
        ("usage", Value::Null),
    ] {
        assert_eq!(body[key], value, "{key}");
    }
    assert_eq!(body["tools"][0]["strict"], true);
    assert_eq!(body["tools"][1], json!({"type": "web_search"}));
}

/// A call of Gemini's, with the proof that must come back with it.
fn signed_call() -> ToolCall {
    ToolCall {
        id: "call_a".to_owned(),
        name: "f".to_owned(),
        input: String::new(),
        is_custom: false,
        signature: Some(Signature::new(Format::Gemini, "GS")),
    }
}

#[test]
fn an_answer_of_another_format_becomes_items() {
    let mut call_with_signature = signed_call();
    let mut reply = reply_of(
        vec![
            Content::Thinking(Thinking {
                text: "Hm".to_owned(),
                signature: Some(Signature::new(Format::Anthropic, "AS")),
                is_redacted: false,
            }),
            Content::Text("One. ".to_owned()),
            Content::Text("Two.".to_owned()),
            Content::ToolCall(call_with_signature.clone()),
        ],
        Finish::Length,
    );
    reply.choices[0].logprobs = Some(json!({"content": [
        {"token": "One", "logprob": -0.1, "bytes": null, "top_logprobs": [{"token": "1", "logprob": -2.0}]}]}));
    let mut usage = Usage::default();
    usage.set(Unit::Input, 5);
    usage.set(Unit::CacheRead, 10);
    usage.set(Unit::CacheWrite1h, 3);
    usage.set(Unit::Output, 7);
    usage.set(Unit::Reasoning, 2);
    reply.usage = Some(usage);
    let body = write(&reply);
    assert_eq!(body["status"], "incomplete");
    assert_eq!(
        body["incomplete_details"],
        json!({"reason": "max_output_tokens"})
    );
    assert_eq!(
        body["output"],
        json!([
            {"type": "reasoning", "id": "rs_0199ab_0", "summary": [{"type": "summary_text", "text": "Hm"}],
             "encrypted_content": "weir.anthropic.AS"},
            {"type": "message", "id": "msg_0199ab_1", "status": "completed", "role": "assistant", "content": [
                {"type": "output_text", "annotations": [], "text": "One. ", "logprobs": [
                    {"token": "One", "logprob": -0.1, "bytes": [],
                     "top_logprobs": [{"token": "1", "logprob": -2.0, "bytes": []}]}]},
                {"type": "output_text", "annotations": [], "logprobs": [], "text": "Two."}]},
            {"type": "reasoning", "id": "rs_0199ab_2", "summary": [], "encrypted_content": "weir.gemini.call:GS"},
            {"type": "function_call", "id": "fc_0199ab_3", "call_id": "call_a", "name": "f", "arguments": "{}",
             "status": "incomplete"},
        ])
    );
    assert_eq!(
        body["usage"],
        json!({
            "input_tokens": 18, "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 3},
            "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 27,
        })
    );

    // What the client sends back next time gives each signature to its provider again.
    let next = json!({"model": "m", "input": body["output"]});
    let request = read_request(next.to_string().as_bytes()).unwrap();
    call_with_signature.input = "{}".to_owned();
    assert_eq!(
        request.messages[0].parts.last().unwrap().content,
        Content::ToolCall(call_with_signature)
    );
    assert_eq!(
        request.messages[0].parts[0].content,
        reply.choices[0].parts[0].content
    );
}

#[test]
fn a_failure_is_an_event_with_the_streams_id() {
    let event = failed_event(
        &response_id("0199-ab"),
        7,
        "m",
        "server_error",
        "Say \"sorry\".",
    );
    let text = String::from_utf8(event).unwrap();
    let data = text
        .strip_prefix("event: response.failed\ndata: ")
        .and_then(|it| it.strip_suffix("\n\n"))
        .unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    let response = &data["response"];
    assert_eq!(data["type"], "response.failed");
    assert_eq!(response["id"], "resp_0199ab");
    assert_eq!(response["status"], "failed");
    assert_eq!(
        response["error"],
        json!({"code": "server_error", "message": "Say \"sorry\"."})
    );
    assert_eq!(response["output"], json!([]));
}
