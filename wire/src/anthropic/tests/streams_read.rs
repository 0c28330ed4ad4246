//! Streams of Anthropic's.

use serde_json::{Value, json};

use super::context;
use crate::anthropic::Decoder;
use crate::anthropic::names::fit;
use crate::format::Format;
use crate::framing::Frame;
use crate::neutral::{Event, Finish, Request, Signature, Tool};
use crate::stream::Decode;
use crate::usage::Unit;

/// What a stream tells, as short lines.
fn told_with(events: &[Value], request: Request) -> Vec<String> {
    let mut decoder = Decoder::new(&context(request));
    let mut told = Vec::new();
    for event in events {
        let data = event.to_string();
        let name = event["type"].as_str().unwrap_or_default();
        let frame = Frame {
            name,
            data: data.as_bytes(),
        };
        decoder.decode(&frame, &mut |event| told.push(line(&event)));
    }
    decoder.finish(&mut |event| told.push(line(&event)));
    told
}

fn told(events: &[Value]) -> Vec<String> {
    told_with(events, Request::default())
}

fn line(event: &Event<'_>) -> String {
    match event {
        Event::Start { id, model } => format!(
            "start {} {}",
            id.as_deref().unwrap_or("-"),
            model.as_deref().unwrap_or("-")
        ),
        Event::Text { text, .. } => format!("text {text}"),
        Event::Thinking { text, .. } => format!("thinking {text}"),
        Event::Signature { signature, .. } => format!("signature {}", signature.value),
        Event::RedactedThinking { signature, .. } => format!("redacted {}", signature.value),
        Event::ToolStart {
            tool,
            id,
            name,
            is_custom,
            ..
        } => format!("tool {tool} {id} {name} {is_custom}"),
        Event::ToolInput { tool, text, .. } => format!("input {tool} {text}"),
        Event::Annotations { value, .. } => format!("annotations {value}"),
        Event::Finish { finish, .. } => format!("finish {finish:?}"),
        Event::Usage(usage) => format!(
            "usage {} {} {}",
            usage.get(Unit::Input),
            usage.get(Unit::CacheRead),
            usage.get(Unit::Output)
        ),
        Event::Ping => "ping".to_owned(),
        Event::Error(error) => format!("error {}", error.message),
        Event::Done => "done".to_owned(),
        other => format!("{other:?}"),
    }
}

fn start() -> Value {
    json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
        "model": "claude-opus-4-5", "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 25, "cache_read_input_tokens": 7, "output_tokens": 1}}})
}

fn block(index: u32, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u32, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn stop(index: u32) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn end(stop_reason: &str) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": stop_reason, "stop_sequence": null},
            "usage": {"output_tokens": 15}}),
        json!({"type": "message_stop"}),
    ]
}

#[test]
fn a_whole_stream_is_told_in_order() {
    let mut events = vec![
        start(),
        block(
            0,
            json!({"type": "thinking", "thinking": "", "signature": ""}),
        ),
        json!({"type": "ping"}),
        delta(0, json!({"type": "thinking_delta", "thinking": "Hm\n"})),
        delta(0, json!({"type": "signature_delta", "signature": "EqQB"})),
        stop(0),
        block(1, json!({"type": "redacted_thinking", "data": "Emwk"})),
        stop(1),
        block(2, json!({"type": "text", "text": ""})),
        delta(2, json!({"type": "text_delta", "text": "I'll \"look\""})),
        stop(2),
        block(
            3,
            json!({"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}),
        ),
        delta(3, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(
            3,
            json!({"type": "input_json_delta", "partial_json": "{\"city\":"}),
        ),
        delta(
            3,
            json!({"type": "input_json_delta", "partial_json": "\"Oslo\"}"}),
        ),
        stop(3),
        block(
            4,
            json!({"type": "tool_use", "id": "toolu_2", "name": "time", "input": {}}),
        ),
        stop(4),
    ];
    events.extend(end("tool_use"));
    let expected = [
        "start msg_1 claude-opus-4-5",
        "usage 25 7 1",
        "ping",
        "thinking Hm\n",
        "signature EqQB",
        "redacted Emwk",
        "text I'll \"look\"",
        "tool 0 toolu_1 weather false",
        "input 0 {\"city\":",
        "input 0 \"Oslo\"}",
        "tool 1 toolu_2 time false",
        "input 1 {}",
        "usage 25 7 15",
        "finish ToolCalls",
        "done",
    ];
    assert_eq!(told(&events), expected);
}

#[test]
fn what_anthropics_own_tools_do_is_passed_over() {
    let mut events = vec![
        start(),
        block(
            0,
            json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}),
        ),
        delta(
            0,
            json!({"type": "input_json_delta", "partial_json": "{\"query\":\"x\"}"}),
        ),
        stop(0),
        block(
            1,
            json!({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}),
        ),
        stop(1),
        block(2, json!({"type": "text", "text": "", "citations": []})),
        delta(
            2,
            json!({"type": "citations_delta", "citation": {"type": "web_search_result_location",
            "url": "https://e.example", "title": "T", "cited_text": "c", "encrypted_index": "E"}}),
        ),
        delta(2, json!({"type": "text_delta", "text": "Grüße"})),
        stop(2),
        json!({"type": "novel_event", "x": [1]}),
        delta(2, json!({"type": "novel_delta", "x": [1]})),
    ];
    events.extend(end("end_turn"));
    let expected = [
        "start msg_1 claude-opus-4-5",
        "usage 25 7 1",
        "text Grüße",
        "annotations [{\"type\":\"url_citation\",\"url_citation\":{\"url\":\"https://e.example\",\"title\":\"T\",\"start_index\":0,\"end_index\":5}}]",
        "usage 25 7 15",
        "finish Stop",
        "done",
    ];
    assert_eq!(told(&events), expected);
}

/// As servers do that make a stream of a whole answer.
#[test]
fn blocks_that_come_whole_are_told_too() {
    let mut events = vec![
        block(
            0,
            json!({"type": "thinking", "thinking": "Hm.", "signature": "S"}),
        ),
        block(1, json!({"type": "text", "text": "Hi", "citations": null})),
        block(
            2,
            json!({"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}),
        ),
        block(
            3,
            json!({"type": "tool_use", "name": "g", "input": null, "id": null}),
        ),
    ];
    events.extend(end("end_turn"));
    let expected = [
        "start - -",
        "thinking Hm.",
        "signature S",
        "text Hi",
        "tool 0 t f false",
        "tool 1 toolu_0198aa42_1 g false",
        "usage 0 0 15",
        "input 0 {\"a\":1}",
        "input 1 {}",
        "finish ToolCalls",
        "done",
    ];
    assert_eq!(told(&events), expected);
}

#[test]
fn a_stream_without_its_terminator_is_not_done() {
    let told = told(&[
        start(),
        delta(0, json!({"type": "text_delta", "text": "Hi"})),
        end("end_turn")[0].clone(),
    ]);
    assert_eq!(told.last().unwrap(), "finish Stop");
}

#[test]
fn an_end_without_a_reason_is_a_plain_one() {
    let told = told(&[start(), json!({"type": "message_stop"})]);
    assert_eq!(told[2..], ["finish Stop", "done"]);
}

#[test]
fn the_stop_sequence_is_told() {
    let event = json!({"type": "message_delta", "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END"},
        "usage": {"output_tokens": 1}});
    let finish = Finish::StopSequence(Some("END".to_owned()));
    assert_eq!(
        told(&[start(), event]).last().unwrap(),
        &format!("finish {finish:?}")
    );
}

#[test]
fn errors_are_told_in_whatever_shape() {
    let overloaded =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    assert_eq!(
        told(&[start(), overloaded]).last().unwrap(),
        "error Overloaded"
    );
    assert_eq!(
        told(&[json!({"error": {"message": "No quota"}})]),
        ["error No quota"]
    );
    let mut decoder = Decoder::new(&context(Request::default()));
    let mut lines = Vec::new();
    for (name, data) in [
        ("error", "upstream died"),
        ("content_block_delta", "{broken"),
        ("", ""),
    ] {
        let frame = Frame {
            name,
            data: data.as_bytes(),
        };
        decoder.decode(&frame, &mut |event| lines.push(line(&event)));
    }
    assert_eq!(lines, ["error upstream died", "ping"]);
}

#[test]
fn names_and_free_texts_come_back_as_the_client_knows_them() {
    let request = Request {
        tools: vec![
            Tool::Custom {
                name: "apply_patch".to_owned(),
                description: None,
                format: None,
            },
            Tool::Function {
                name: "files.read".to_owned(),
                description: None,
                parameters: None,
                strict: None,
                cache: None,
                rest: serde_json::Map::new(),
            },
        ],
        ..Request::default()
    };
    let events = [
        start(),
        block(
            0,
            json!({"type": "tool_use", "id": "a", "name": "apply_patch", "input": {}}),
        ),
        delta(
            0,
            json!({"type": "input_json_delta", "partial_json": "{\"input\":\"*** \\"}),
        ),
        delta(
            0,
            json!({"type": "input_json_delta", "partial_json": "\"Begin\\\"\"}"}),
        ),
        stop(0),
        block(
            1,
            json!({"type": "tool_use", "id": "b", "name": fit("files.read"), "input": {}}),
        ),
    ];
    let expected = [
        "tool 0 a apply_patch true",
        "input 0 *** \"Begin\"",
        "tool 1 b files.read false",
    ];
    assert_eq!(told_with(&events, request)[2..], expected);
}

#[test]
fn a_foreign_signature_is_known_as_such() {
    let mut decoder = Decoder::new(&context(Request::default()));
    let event = delta(
        0,
        json!({"type": "signature_delta", "signature": "weir.gemini.Ab"}),
    )
    .to_string();
    let mut signatures = Vec::new();
    let frame = Frame {
        name: "content_block_delta",
        data: event.as_bytes(),
    };
    decoder.decode(&frame, &mut |event| {
        if let Event::Signature { signature, .. } = event {
            signatures.push(signature);
        }
    });
    assert_eq!(signatures, [Signature::new(Format::Gemini, "Ab")]);
}
