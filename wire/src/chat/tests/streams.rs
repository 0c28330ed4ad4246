//! Streams, both ways.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::*;
use crate::format::Format;
use crate::neutral::{Finish, Signature};
use crate::usage::{Unit, Usage};

fn recorded(name: &str) -> String {
    let path = format!("{}/tests/streams/{name}.sse", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn delta(delta: Value) -> Value {
    json!({"id": "x", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn finish(word: &str) -> Value {
    json!({"id": "x", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": word}]})
}

/// A stream of these deltas that ends well.
fn whole(deltas: &[Value], word: &str) -> String {
    let mut all: Vec<Value> = deltas.iter().cloned().map(delta).collect();
    all.push(finish(word));
    sse(&all) + "data: [DONE]\n\n"
}

/// The calls of a stream as an accumulating client has them: id, name, input.
fn calls(events: &[Event<'_>]) -> Vec<(String, String, String)> {
    let mut calls: Vec<(String, String, String)> = Vec::new();
    for event in events {
        match event {
            Event::ToolStart { tool, id, name, .. } => {
                assert_eq!(*tool as usize, calls.len(), "numbers follow appearance");
                calls.push((id.to_string(), name.to_string(), String::new()));
            }
            Event::ToolInput { tool, text, .. } => calls[*tool as usize].2.push_str(text),
            _ => {}
        }
    }
    calls
}

fn call(id: &str, name: &str, input: &str) -> (String, String, String) {
    (id.to_owned(), name.to_owned(), input.to_owned())
}

fn text_in(events: &[Event<'_>]) -> String {
    let texts = events.iter().filter_map(|event| match event {
        Event::Text { text, .. } => Some(text.as_ref()),
        _ => None,
    });
    texts.collect()
}

fn thoughts_in(events: &[Event<'_>]) -> String {
    let texts = events.iter().filter_map(|event| match event {
        Event::Thinking { text, .. } => Some(text.as_ref()),
        _ => None,
    });
    texts.collect()
}

fn finishes(events: &[Event<'_>]) -> Vec<Finish> {
    let found = events.iter().filter_map(|event| match event {
        Event::Finish { finish, .. } => Some(finish.clone()),
        _ => None,
    });
    found.collect()
}

#[test]
fn recorded_streams_are_understood_the_same_however_they_are_cut() {
    let context = plain_context();
    for (name, ending) in [
        ("openai", Ending::Complete),
        ("openai_tools", Ending::Complete),
        ("azure", Ending::Complete),
        ("openrouter", Ending::Complete),
        ("groq", Ending::Complete),
        ("deepseek", Ending::Complete),
        ("vllm_usage_on_every_chunk", Ending::Complete),
        ("gemini_crlf", Ending::Complete),
        ("error_in_a_200", Ending::Failed),
        ("error_after_output", Ending::Failed),
        ("google_error_in_plain_json", Ending::Failed),
        ("truncated", Ending::Truncated),
    ] {
        let stream = recorded(name);
        let whole = relay(stream.as_bytes(), stream.len(), &context);
        assert_eq!(whole.2, ending, "{name}");
        assert_eq!(
            whole.0.contains("[DONE]"),
            ending == Ending::Complete,
            "{name}"
        );
        for piece in 1..120 {
            assert_eq!(
                relay(stream.as_bytes(), piece, &context),
                whole,
                "{name} by {piece}"
            );
        }
    }
}

#[test]
fn progress_is_that_of_the_untouched_relay() {
    use crate::chat_stream::{ChatStream, StreamRules};
    for name in [
        "openai",
        "openai_tools",
        "azure",
        "openrouter",
        "groq",
        "deepseek",
        "gemini_crlf",
    ] {
        let stream = recorded(name);
        let (_, progress, _) = relay(stream.as_bytes(), stream.len(), &plain_context());
        let mut untouched = ChatStream::new(StreamRules::default());
        untouched.feed(stream.into(), &mut Vec::new()).unwrap();
        untouched.finish(&mut Vec::new());
        let expected = untouched.progress();
        assert_eq!(progress.usage, expected.usage, "{name}");
        assert_eq!(progress.id, expected.id, "{name}");
        assert_eq!(progress.model, expected.model, "{name}");
        assert_eq!(progress.finished, expected.finished, "{name}");
        assert_eq!(progress.has_output, expected.has_output, "{name}");
    }
}

#[test]
fn deepseeks_thoughts_come_before_its_text() {
    let told = events(&recorded("deepseek"), &plain_context());
    assert_eq!(
        (thoughts_in(&told), text_in(&told)),
        ("想".to_owned(), "好".to_owned())
    );
    let kinds: Vec<_> = told
        .iter()
        .filter(|event| !matches!(event, Event::Ping))
        .map(std::mem::discriminant)
        .collect();
    assert_eq!(
        kinds.len(),
        6,
        "start, thought, text, usage, finish, done: {told:?}"
    );
    assert!(matches!(told.first(), Some(Event::Ping)));
    assert!(matches!(told.last(), Some(Event::Done)));
}

#[test]
fn calls_are_told_apart_however_they_are_numbered() {
    let of = |deltas: &[Value]| calls(&events(&whole(deltas, "tool_calls"), &plain_context()));
    let part = |index: Value, id: Value, name: Value, arguments: Value| {
        json!({"tool_calls": [{"index": index, "id": id, "type": "function",
            "function": {"name": name, "arguments": arguments}}]})
    };
    let two = [call("a", "f", "{\"x\":1}"), call("b", "g", "{}")];
    // OpenAI: by index, the name once.
    let null = Value::Null;
    let openai = [
        part(json!(0), json!("a"), json!("f"), json!("")),
        part(json!(0), null.clone(), null.clone(), json!("{\"x\":")),
        part(json!(1), json!("b"), json!("g"), json!("")),
        part(json!(0), null.clone(), null.clone(), json!("1}")),
    ];
    assert_eq!(of(&openai), two);
    // Whole calls, both with the number 0 (Gemini) or with none.
    for index in [json!(0), null.clone()] {
        let whole_calls = [
            part(index.clone(), json!("a"), json!("f"), json!("{\"x\":1}")),
            part(index.clone(), json!("b"), json!("g"), json!("{}")),
        ];
        assert_eq!(of(&whole_calls), two, "{index}");
    }
    // Two whole calls in one delta, arguments as an object.
    let together = json!({"tool_calls": [
        {"id": "a", "function": {"name": "f", "arguments": {"x":1}}}, {"id": "b", "function": {"name": "g"}}]});
    assert_eq!(of(&[together]), two);
    // The id and the name repeated on every piece.
    let repeated = [
        part(json!(0), json!("a"), json!("f"), json!("{\"x\"")),
        part(json!(0), json!("a"), json!("f"), json!(":1}")),
        part(json!(1), json!("b"), json!("g"), json!("")),
    ];
    assert_eq!(of(&repeated), two);
    // Numbers from 1; pieces without any number.
    let loose = [
        part(json!(1), json!("a"), json!("f"), json!("{\"x\"")),
        part(null.clone(), null.clone(), null.clone(), json!(":1}")),
        part(json!(2), json!("b"), json!("g"), null.clone()),
    ];
    assert_eq!(of(&loose), two);
    // No ids at all.
    let nameless = [
        part(json!(0), json!(""), json!("f"), json!("{}")),
        part(json!(1), null.clone(), json!("g"), json!("{}")),
    ];
    assert_eq!(
        of(&nameless),
        [
            call("call_0198a7c_0", "f", "{}"),
            call("call_0198a7c_1", "g", "{}")
        ]
    );
    // The name after the first arguments.
    let late = [
        part(json!(0), json!("a"), null.clone(), json!("{\"x\"")),
        part(json!(0), null.clone(), json!("f"), json!(":1}")),
        part(json!(1), json!("b"), json!("g"), null),
    ];
    assert_eq!(of(&late), two);
}

#[test]
fn a_legacy_function_call_is_a_tool_call() {
    let stream = whole(
        &[
            json!({"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": ""}}),
            json!({"function_call": {"arguments": "{\"a\""}}),
            json!({"function_call": {"arguments": ":1}"}}),
        ],
        "function_call",
    );
    let told = events(&stream, &plain_context());
    assert_eq!(calls(&told), [call("call_0198a7c_0", "f", "{\"a\":1}")]);
    assert_eq!(finishes(&told), [Finish::ToolCalls]);
}

#[test]
fn custom_calls_keep_their_text() {
    let stream = whole(
        &[
            json!({"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": ""}}]}),
            json!({"tool_calls": [{"index": 0, "custom": {"input": "SELECT 1"}}]}),
        ],
        "tool_calls",
    );
    let (written, ..) = relay(stream.as_bytes(), 50, &plain_context());
    let chunks = chunks(&written);
    let call = |at: usize| &chunks[at]["choices"][0]["delta"]["tool_calls"][0];
    assert_eq!(
        *call(0),
        json!({"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": ""}})
    );
    assert_eq!(
        *call(1),
        json!({"index": 0, "custom": {"input": "SELECT 1"}})
    );
    assert_eq!(chunks.len(), 4, "no empty object is added to a free text");
}

#[test]
fn blocks_of_thoughts_do_not_repeat_what_was_shown() {
    // LiteLLM shows every piece twice, and the signature at the end.
    let block = |text: &str, signature: &str| json!([{"type": "thinking", "thinking": text, "signature": signature}]);
    let stream = whole(
        &[
            json!({"reasoning_content": "Hm", "thinking_blocks": block("Hm", "")}),
            json!({"reasoning_content": "m.", "thinking_blocks": block("m.", "")}),
            json!({"reasoning_content": "", "thinking_blocks": block("", "EqQB")}),
            json!({"content": "x"}),
        ],
        "stop",
    );
    let told = events(&stream, &plain_context());
    assert_eq!(thoughts_in(&told), "Hmm.");
    let signature = Signature::new(Format::Anthropic, "EqQB");
    assert!(told.contains(&Event::Signature {
        choice: 0,
        signature
    }));
    // Others show them in blocks alone.
    let alone = whole(&[json!({"thinking_blocks": block("Hm", "s")})], "stop");
    assert_eq!(thoughts_in(&events(&alone, &plain_context())), "Hm");
}

#[test]
fn odd_values_do_not_hide_the_text() {
    let stream = sse(&[
        json!({"id": 7, "model": null, "choices": [{"index": "0", "delta": {"role": 1, "content": "a", "reasoning": {},
            "tool_calls": null, "refusal": false}, "finish_reason": false, "logprobs": null}]}),
        json!({"choices": [{"delta": {"content": [{"type": "text", "text": "b"}]}, "finish_reason": ""}]}),
        json!({"choices": [{"message": {"content": "\u{1F600}\"\n"}, "finish_reason": "stop"}]}),
    ]);
    let told = events(&stream, &plain_context());
    assert_eq!(text_in(&told), "ab\u{1F600}\"\n");
    assert!(matches!(
        told.first(),
        Some(Event::Start {
            id: None,
            model: None
        })
    ));
    assert!(matches!(told.last(), Some(Event::Done)));
}

#[test]
fn a_finish_waits_for_all_content() {
    // An early OpenAI endpoint of Gemini's wrote a finish reason on every chunk.
    let chunk = |text: &str| json!({"id": "x", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]});
    let told = events(&sse(&[chunk("a"), chunk("b")]), &plain_context());
    assert_eq!(
        (text_in(&told), finishes(&told)),
        ("ab".to_owned(), vec![Finish::Stop])
    );
    let finish_at = told
        .iter()
        .position(|event| matches!(event, Event::Finish { .. }));
    assert_eq!(finish_at, Some(told.len() - 2));
}

#[test]
fn only_a_whole_answer_is_done() {
    let done = |stream: &str| {
        let told = events(stream, &plain_context());
        matches!(told.last(), Some(Event::Done))
    };
    let said = delta(json!({"content": "x"}));
    assert!(!done(&sse(std::slice::from_ref(&said))));
    assert!(done(&sse(&[said.clone(), finish("stop")])));
    assert!(done(
        &(sse(std::slice::from_ref(&said)) + "data: [DONE]\n\n")
    ));
    // One of two answers has not ended.
    let other = json!({"choices": [{"index": 1, "delta": {"content": "y"}}]});
    assert!(!done(&sse(&[said, other, finish("stop")])));
    assert!(!done(""));
    // What broke off in the middle of an event is not an answer.
    assert!(!done(
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}"
    ));
}

#[test]
fn errors_end_a_stream_in_every_envelope() {
    let said = sse(&[delta(json!({"content": "x"}))]);
    for error in [
        "data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\"}}\n\n",
        "data: {\"object\":\"error\",\"message\":\"boom\",\"code\":40303}\n\n",
        "data: [{\"error\":{\"message\":\"boom\",\"code\":429}}]\n\n",
        "data: {\"id\":\"x\",\"choices\":[],\"error\":{\"message\":\"boom\"}}\n\n",
        "event: error\ndata: {\"message\":\"boom\"}\n\n",
        "{\n \"error\": {\"message\": \"boom\"}\n}\n\n",
    ] {
        let stream = format!("{said}{error}data: [DONE]\n\n");
        let (written, progress, ending) = relay(stream.as_bytes(), 9, &plain_context());
        assert_eq!(ending, Ending::Failed, "{error}");
        assert_eq!(progress.error.unwrap().message, "boom", "{error}");
        assert!(
            !written.contains("[DONE]") && !written.contains("boom"),
            "{error}"
        );
    }
    let null = said + &sse(&[json!({"error": null, "choices": []}), finish("stop")]);
    assert_eq!(
        relay(null.as_bytes(), 9, &plain_context()).2,
        Ending::Complete
    );
}

/// A text and two calls, as Anthropic's reader tells them.
fn text_and_calls() -> Vec<Event<'static>> {
    let mut usage = Usage::default();
    usage.set(Unit::Input, 5);
    usage.set(Unit::Output, 2);
    vec![
        Event::Start {
            id: Some("msg_1".into()),
            model: Some("claude".into()),
        },
        Event::Usage(usage),
        Event::Text {
            choice: 0,
            text: "Say \"hi\"\n\u{1F600}".into(),
        },
        Event::ToolStart {
            choice: 0,
            tool: 0,
            id: "toolu_1".into(),
            name: "f".into(),
            is_custom: false,
            signature: Some(Signature::new(Format::Gemini, "g==")),
        },
        Event::ToolStart {
            choice: 0,
            tool: 1,
            id: "toolu_2".into(),
            name: "g".into(),
            is_custom: false,
            signature: None,
        },
        Event::ToolInput {
            choice: 0,
            tool: 0,
            text: "{\"a\":1}".into(),
        },
        Event::Finish {
            choice: 0,
            finish: Finish::Stop,
        },
        Event::Done,
    ]
}

#[test]
fn a_written_stream_is_as_openai_writes_it() {
    let request = Request {
        include_usage: true,
        ..Request::default()
    };
    let chunk = |choices: Value| {
        json!({"id": "chatcmpl-0198a-7c", "object": "chat.completion.chunk", "created": 1_760_000_000,
            "model": "claude", "choices": choices})
    };
    let said = |delta: Value, word: Value| {
        chunk(json!([{"index": 0, "delta": delta, "finish_reason": word}]))
    };
    let call = |call: Value| said(json!({"tool_calls": [call]}), Value::Null);
    let mut last = chunk(json!([]));
    last["usage"] = json!({
        "prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    });
    let expected = [
        said(
            json!({"role": "assistant", "content": "Say \"hi\"\n\u{1F600}"}),
            Value::Null,
        ),
        call(
            json!({"index": 0, "id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": ""},
            "extra_content": {"google": {"thought_signature": "g=="}}}),
        ),
        call(
            json!({"index": 1, "id": "toolu_2", "type": "function", "function": {"name": "g", "arguments": ""}}),
        ),
        call(json!({"index": 0, "function": {"arguments": "{\"a\":1}"}})),
        call(json!({"index": 1, "function": {"arguments": "{}"}})),
        said(json!({}), json!("tool_calls")),
        last,
        json!("[DONE]"),
    ];
    let events = text_and_calls();
    assert_eq!(written(&events, &context(request)), expected);
    // Nobody who did not ask is told the usage.
    let unasked = written(&events, &plain_context());
    assert_eq!(unasked.len(), expected.len() - 1);
    assert!(unasked.iter().all(|chunk| chunk.get("usage").is_none()));
}

#[test]
fn a_signature_goes_with_the_whole_of_its_thoughts() {
    let think = |text: &'static str| Event::Thinking {
        choice: 0,
        text: text.into(),
    };
    let sign = |origin, value: &str| Event::Signature {
        choice: 0,
        signature: Signature::new(origin, value),
    };
    let events = [
        think("Hm"),
        think("m."),
        sign(Format::Anthropic, "a"),
        think("So."),
        sign(Format::Bedrock, "b"),
        Event::RedactedThinking {
            choice: 0,
            signature: Signature::new(Format::Anthropic, "enc"),
        },
        Event::Done,
    ];
    let chunks = written(&events, &plain_context());
    let blocks: Vec<&Value> = chunks
        .iter()
        .filter_map(|chunk| {
            chunk
                .get("choices")?
                .get(0)?
                .get("delta")?
                .get("thinking_blocks")?
                .get(0)
        })
        .collect();
    assert_eq!(
        blocks,
        [
            &json!({"type": "thinking", "thinking": "Hmm.", "signature": "a"}),
            &json!({"type": "thinking", "thinking": "So.", "signature": "weir.bedrock.b"}),
            &json!({"type": "redacted_thinking", "data": "enc"}),
        ]
    );
}

#[test]
fn every_answer_has_its_role_once_and_its_end_once() {
    let text = |choice| Event::Text {
        choice,
        text: "x".into(),
    };
    let events = [
        Event::Ping,
        text(1),
        text(0),
        Event::Logprobs {
            choice: 1,
            value: json!({"content": [{"token": "x", "logprob": -0.1}]}),
        },
        text(1),
        Event::Image {
            choice: 0,
            media_type: "image/png".into(),
            base64: "AAAA".into(),
        },
        Event::Finish {
            choice: 1,
            finish: Finish::Length,
        },
        Event::Done,
    ];
    let chunks = written(&events, &plain_context());
    for index in [0, 1] {
        let of_one: Vec<&Value> = chunks
            .iter()
            .filter_map(|chunk| chunk.get("choices")?.get(0))
            .filter(|choice| choice["index"] == index)
            .collect();
        let roles = of_one
            .iter()
            .filter(|choice| choice["delta"].get("role").is_some());
        assert_eq!(roles.count(), 1);
        assert!(of_one[0]["delta"].get("role").is_some());
        let words: Vec<_> = of_one
            .iter()
            .filter(|choice| !choice["finish_reason"].is_null())
            .collect();
        assert_eq!(words.len(), 1);
    }
    assert_eq!(chunks.last(), Some(&json!("[DONE]")));
}

#[test]
fn an_answer_that_says_nothing_is_still_well_formed() {
    let finish = Event::Finish {
        choice: 0,
        finish: Finish::ContentFilter,
    };
    let chunks = written(&[finish, Event::Done], &plain_context());
    let choice = json!({"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "content_filter"});
    assert_eq!(chunks[0]["choices"][0], choice);
}

#[test]
fn a_ping_is_a_comment_that_no_client_mistakes() {
    let (written, ..) = relay(
        b": OPENROUTER PROCESSING\nid: 1\nretry: 5\n\n",
        50,
        &plain_context(),
    );
    assert_eq!(written, ": keepalive\n\n");
}

#[test]
fn an_error_writes_nothing() {
    let mut encoder = Encoder::new(&plain_context());
    let mut out = Vec::new();
    encoder.encode(&Event::Error(crate::errors::describe(b"boom")), &mut out);
    assert!(out.is_empty());
}

#[test]
fn plain_text_is_lent_and_not_copied() {
    let chunk = delta(json!({"content": "plain"}));
    let data = chunk.to_string();
    let frame = crate::framing::Frame {
        name: "",
        data: data.as_bytes(),
    };
    let mut seen = 0;
    Decoder::new(&plain_context()).decode(&frame, &mut |event| {
        if let Event::Text { text, .. } = event {
            assert!(matches!(text, Cow::Borrowed("plain")));
            seen += 1;
        }
    });
    assert_eq!(seen, 1);
}
