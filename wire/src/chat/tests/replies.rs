//! Whole answers, both ways.

use serde_json::{Value, json};

use super::*;
use crate::chat::{read_reply, write_reply};
use crate::format::Format;
use crate::neutral::{
    Choice, Fields, Finish, Param, Reply, Signature, Source, Thinking, Tool, ToolCall,
};
use crate::translate::ReplyError;
use crate::usage::Unit;

fn answer(message: Value, word: &str) -> Value {
    json!({
        "id": "chatcmpl-B9", "object": "chat.completion", "created": 1741569952, "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": word}],
        "usage": {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0}},
        "service_tier": "default", "system_fingerprint": "fp_1",
    })
}

fn read_with(body: &Value, context: &Context) -> Reply {
    read_reply(body.to_string().as_bytes(), context).unwrap()
}

fn read_one(message: Value, word: &str) -> Choice {
    let mut reply = read_with(&answer(message, word), &plain_context());
    reply.choices.remove(0)
}

fn write(reply: &Reply, context: &Context) -> Value {
    serde_json::from_slice(&write_reply(reply, context)).unwrap()
}

fn reply_of(parts: Vec<Part>, finish: Finish) -> Reply {
    Reply {
        choices: vec![Choice {
            index: 0,
            parts,
            finish: Some(finish),
            logprobs: None,
        }],
        ..Reply::default()
    }
}

#[test]
fn a_plain_answer_goes_both_ways() {
    let message =
        json!({"role": "assistant", "content": "Hello!", "refusal": null, "annotations": []});
    let context = plain_context();
    let reply = read_with(&answer(message, "stop"), &context);
    assert_eq!(reply.id.as_deref(), Some("chatcmpl-B9"));
    assert_eq!(reply.created_s, Some(1_741_569_952));
    assert_eq!(texts(&reply.choices[0].parts), ["Hello!"]);
    let usage = reply.usage.unwrap();
    let counted = [Unit::Input, Unit::CacheRead, Unit::Output, Unit::Reasoning];
    assert_eq!(counted.map(|unit| usage.get(unit)), [15, 4, 7, 3]);
    let mut expected = answer(
        json!({"role": "assistant", "content": "Hello!", "refusal": null}),
        "stop",
    );
    expected["id"] = json!("chatcmpl-0198a-7c");
    expected["created"] = json!(1_760_000_000);
    assert_eq!(write(&reply, &context), expected);
}

#[test]
fn calls_thoughts_and_annotations_are_read() {
    let choice = read_one(
        json!({
            "role": "assistant", "content": "See.", "reasoning_content": "Hm",
            "annotations": [{"type": "url_citation", "url_citation": {"url": "https://e.org"}}],
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
                {"type": "function", "function": {"name": "g", "arguments": {"b": 2}}},
                {"id": "", "type": "function", "function": {"name": "h", "arguments": ""}},
            ],
        }),
        "stop",
    );
    assert_eq!(choice.finish, Some(Finish::ToolCalls));
    assert!(matches!(&choice.parts[0].content, Content::Thinking(it) if it.text == "Hm"));
    assert!(choice.parts[1].rest.contains_key("annotations"));
    let calls: Vec<_> = choice
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::ToolCall(call) => {
                Some((call.id.as_str(), call.name.as_str(), call.input.as_str()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        calls,
        [
            ("call_1", "f", "{\"a\":1}"),
            ("call_0198a7c_0", "g", "{\"b\":2}"),
            ("call_0198a7c_1", "h", "{}"),
        ]
    );
}

#[test]
fn why_it_ended_is_read_with_what_was_said() {
    let plain = || json!({"content": "x"});
    let cases = [
        (plain(), "stop", Finish::Stop),
        (plain(), "length", Finish::Length),
        (plain(), "content_filter", Finish::ContentFilter),
        (plain(), "eos", Finish::Stop),
        (plain(), "weird", Finish::Other("weird".to_owned())),
        (
            json!({"content": null, "refusal": "No."}),
            "stop",
            Finish::Refusal,
        ),
        (
            json!({"content": null, "function_call": {"name": "f", "arguments": "{}"}}),
            "function_call",
            Finish::ToolCalls,
        ),
    ];
    for (message, word, finish) in cases {
        assert_eq!(read_one(message, word).finish, Some(finish), "{word}");
    }
}

#[test]
fn a_stop_text_is_told_where_the_server_tells_it() {
    let mut body = answer(json!({"content": "x"}), "stop");
    body["choices"][0]["stop_reason"] = json!("END");
    let mut request = Request::default();
    assert_eq!(
        read_with(&body, &context(request.clone())).choices[0].finish,
        Some(Finish::Stop)
    );
    request.stop = vec!["END".to_owned()];
    assert_eq!(
        read_with(&body, &context(request)).choices[0].finish,
        Some(Finish::StopSequence(Some("END".to_owned())))
    );
}

#[test]
fn parts_images_and_sound_are_read() {
    let mut request = Request::default();
    request.set_param(
        Param::AudioOutput,
        json!({"voice": "alloy", "format": "mp3"}),
    );
    let message = json!({
        "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]},
            {"type": "text", "text": "Here"},
        ],
        "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}],
        "audio": {"id": "audio_1", "data": "UklG", "expires_at": 9, "transcript": "Hi"},
    });
    let context = context(request);
    let reply = read_with(&answer(message, "stop"), &context);
    let parts = &reply.choices[0].parts;
    assert!(matches!(&parts[0].content, Content::Thinking(it) if it.text == "Hm"));
    assert_eq!(texts(parts), ["Here"]);
    let Content::Audio {
        source: Source::Data { media_type, .. },
    } = &parts[3].content
    else {
        panic!("no sound");
    };
    assert_eq!(media_type, "audio/mpeg");
    let written = write(&reply, &context);
    let message = &written["choices"][0]["message"];
    assert_eq!(
        message["audio"],
        json!({"id": "audio_1", "data": "UklG", "expires_at": 9, "transcript": "Hi"})
    );
    let url = &message["images"][0]["image_url"]["url"];
    assert_eq!(url, "data:image/png;base64,AAAA");
    assert_eq!(message["reasoning_content"], "Hm");
}

#[test]
fn thoughts_with_proof_are_written_as_blocks_and_come_back() {
    let signed = |origin, value: &str| {
        Part::new(Content::Thinking(Thinking {
            text: "Hm".to_owned(),
            signature: Some(Signature::new(origin, value)),
            is_redacted: false,
        }))
    };
    let hidden = Part::new(Content::Thinking(Thinking {
        text: String::new(),
        signature: Some(Signature::new(Format::Anthropic, "enc")),
        is_redacted: true,
    }));
    let call = Part::new(Content::ToolCall(ToolCall {
        id: "c".to_owned(),
        name: "f".to_owned(),
        input: String::new(),
        is_custom: false,
        signature: Some(Signature::new(Format::Gemini, "g==")),
    }));
    let parts = vec![
        signed(Format::Anthropic, "a"),
        signed(Format::Gemini, "b"),
        hidden,
        call,
    ];
    let written = write(&reply_of(parts, Finish::Stop), &plain_context());
    let choice = &written["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    let message = &choice["message"];
    assert_eq!(message["content"], Value::Null);
    assert_eq!(message["reasoning_content"], "HmHm");
    assert_eq!(
        message["thinking_blocks"],
        json!([
            {"type": "thinking", "thinking": "Hm", "signature": "a"},
            {"type": "thinking", "thinking": "Hm", "signature": "weir.gemini.b"},
            {"type": "redacted_thinking", "data": "enc"},
        ])
    );
    assert_eq!(
        message["tool_calls"],
        json!([{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "g=="}}}])
    );
    // A client that sends the message back brings every proof with it.
    let request = read(&json!({"model": "m", "messages": [message]}));
    let proofs: Vec<_> = request.messages[0]
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Thinking(thinking) => thinking.signature.clone(),
            Content::ToolCall(call) => call.signature.clone(),
            _ => None,
        })
        .collect();
    let expected = [
        Signature::new(Format::Anthropic, "a"),
        Signature::new(Format::Gemini, "b"),
        Signature::new(Format::Anthropic, "enc"),
        Signature::new(Format::Gemini, "g=="),
    ];
    assert_eq!(proofs, expected);
}

#[test]
fn refusals_and_filters_have_their_words() {
    let word = |parts, finish| {
        let written = write(&reply_of(parts, finish), &plain_context());
        let choice = &written["choices"][0];
        (
            choice["finish_reason"].clone(),
            choice["message"]["content"].clone(),
        )
    };
    let refusal = || vec![Part::new(Content::Refusal("No.".to_owned()))];
    assert_eq!(
        word(refusal(), Finish::Refusal),
        (json!("stop"), Value::Null)
    );
    assert_eq!(
        word(vec![], Finish::Refusal),
        (json!("content_filter"), json!(""))
    );
    let text = || vec![Part::text("a"), Part::text("b")];
    assert_eq!(
        word(text(), Finish::ContextWindow),
        (json!("length"), json!("ab"))
    );
    assert_eq!(word(text(), Finish::Pause), (json!("stop"), json!("ab")));
}

#[test]
fn changed_names_of_tools_are_the_clients_again() {
    let request = Request {
        tools: vec![Tool::Function {
            name: "get.weather".to_owned(),
            description: None,
            parameters: None,
            strict: None,
            cache: None,
            rest: Fields::new(),
        }],
        ..Request::default()
    };
    let sent = crate::chat::tool_names::fit_name("get.weather").into_owned();
    let message = json!({"content": null, "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": sent, "arguments": "{}"}}]});
    let reply = read_with(&answer(message, "tool_calls"), &context(request));
    assert!(
        matches!(&reply.choices[0].parts[0].content, Content::ToolCall(it) if it.name == "get.weather")
    );
}

#[test]
fn what_is_no_answer_is_an_error() {
    let error = |body: &str| read_reply(body.as_bytes(), &plain_context()).unwrap_err();
    for body in [
        r#"{"error":{"message":"overloaded","code":503}}"#,
        r#"{"object":"error","message":"overloaded"}"#,
        r#"{"error":{"message":"overloaded"},"choices":[]}"#,
    ] {
        match error(body) {
            ReplyError::Reported(told) => assert_eq!(told.message, "overloaded"),
            other => panic!("{other:?}"),
        }
    }
    for body in [
        "",
        "[]",
        "{}",
        "<html>",
        r#"{"choices":null}"#,
        r#"{"choices":[]}"#,
        r#"{"choices":[1]}"#,
    ] {
        assert!(matches!(error(body), ReplyError::Unreadable(_)), "{body}");
    }
    let null_error = json!({"error": null, "choices": [{"message": {"content": "x"}}]});
    assert_eq!(
        texts(&read_with(&null_error, &plain_context()).choices[0].parts),
        ["x"]
    );
}
