//! Streams for Anthropic's clients, from events of any format.

use serde_json::{Value, json};

use super::context;
use crate::anthropic::Encoder;
use crate::format::Format;
use crate::neutral::{Event, Finish, Request, Signature};
use crate::stream::Encode;
use crate::usage::{Unit, Usage};

fn write(events: &[Event<'_>]) -> String {
    let mut encoder = Encoder::new(&context(Request::default()));
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

/// The data of all events, each of which must be named as its type says.
fn data(stream: &str) -> Vec<Value> {
    stream
        .split_terminator("\n\n")
        .map(|event| {
            let (name, data) = event.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
            data
        })
        .collect()
}

/// The blocks of a stream as `index type: what its deltas add up to`, while the grammar is checked.
fn blocks(stream: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut open = None;
    for event in data(stream) {
        let index = event["index"].as_u64();
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!((open, index), (None, Some(blocks.len() as u64)));
                open = index;
                let block = &event["content_block"];
                blocks.push(match block["name"].as_str() {
                    Some(name) => format!("{name}#{}:", block["id"].as_str().unwrap()),
                    None => format!("{}:", block["type"].as_str().unwrap()),
                });
            }
            "content_block_delta" => {
                assert_eq!(open, index);
                let delta = event["delta"].as_object().unwrap();
                let piece = delta.values().nth(1).unwrap().as_str().unwrap();
                blocks.last_mut().unwrap().push_str(piece);
            }
            "content_block_stop" => assert_eq!(open.take(), index),
            _ => assert_eq!(open, None),
        }
    }
    blocks
}

fn start() -> Event<'static> {
    Event::Start {
        id: Some("chatcmpl-1".into()),
        model: Some("gpt-5".into()),
    }
}

fn text(text: &str) -> Event<'_> {
    Event::Text {
        choice: 0,
        text: text.into(),
    }
}

fn thinking(text: &str) -> Event<'_> {
    Event::Thinking {
        choice: 0,
        text: text.into(),
    }
}

fn tool(tool: u32, name: &'static str) -> Event<'static> {
    Event::ToolStart {
        choice: 0,
        tool,
        id: format!("call_{tool}").into(),
        name: name.into(),
        is_custom: false,
        signature: None,
    }
}

fn input(tool: u32, text: &str) -> Event<'_> {
    Event::ToolInput {
        choice: 0,
        tool,
        text: text.into(),
    }
}

fn finish(finish: Finish) -> Event<'static> {
    Event::Finish { choice: 0, finish }
}

#[test]
fn a_plain_answer_is_written_to_the_letter() {
    let mut usage = Usage::default();
    usage.set(Unit::Input, 9);
    usage.set(Unit::Output, 2);
    let stream = write(&[
        start(),
        Event::Ping,
        text("Hi"),
        text(" \"you\"\n"),
        finish(Finish::Stop),
        Event::Usage(usage),
        Event::Done,
    ]);
    let expected = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_0198aa42\",\"type\":\"message\",",
        "\"role\":\"assistant\",\"model\":\"gpt-5\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":",
        "{\"input_tokens\":0,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"cache_creation\":",
        "{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},\"output_tokens\":0}}}\n\n",
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" \\\"you\\\"\\n\"}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":",
        "{\"input_tokens\":9,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"cache_creation\":",
        "{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},\"output_tokens\":2}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    assert_eq!(stream, expected);
}

#[test]
fn thoughts_text_and_calls_are_blocks_one_after_the_other() {
    let stream = write(&[
        start(),
        thinking("Hm"),
        thinking("."),
        Event::Signature {
            choice: 0,
            signature: Signature::new(Format::Gemini, "Ab"),
        },
        thinking("More"),
        Event::RedactedThinking {
            choice: 0,
            signature: Signature::new(Format::Anthropic, "Emwk"),
        },
        text("I'll look."),
        tool(0, "weather"),
        input(0, "{\"city\":"),
        input(0, "\"Oslo\"}"),
        tool(1, "time"),
        input(1, "{}"),
        finish(Finish::Stop),
        Event::Done,
    ]);
    let expected = [
        "thinking:Hm.weir.gemini.Ab",
        "thinking:More",
        "redacted_thinking:",
        "text:I'll look.",
        "weather#call_0:{\"city\":\"Oslo\"}",
        "time#call_1:{}",
    ];
    assert_eq!(blocks(&stream), expected);
    let events = data(&stream);
    let end = &events[events.len() - 2];
    assert_eq!(
        end["delta"],
        json!({"stop_reason": "tool_use", "stop_sequence": null})
    );
}

#[test]
fn calls_that_come_side_by_side_are_written_one_after_the_other() {
    let stream = write(&[
        start(),
        tool(0, "a"),
        tool(1, "b"),
        tool(2, "c"),
        input(1, "{\"b\":"),
        input(0, "{\"a\":\"}"),
        input(2, "{}"),
        input(1, "1}"),
        input(0, "\"}"),
        finish(Finish::ToolCalls),
        Event::Done,
    ]);
    assert_eq!(
        blocks(&stream),
        [
            "a#call_0:{\"a\":\"}\"}",
            "b#call_1:{\"b\":1}",
            "c#call_2:{}"
        ]
    );
}

#[test]
fn a_call_without_arguments_holds_up_nothing_for_good() {
    let stream = write(&[
        start(),
        tool(0, "a"),
        tool(1, "b"),
        input(1, "{}"),
        finish(Finish::ToolCalls),
        Event::Done,
    ]);
    assert_eq!(blocks(&stream), ["a#call_0:", "b#call_1:{}"]);
    let stream = write(&[
        start(),
        tool(0, "a"),
        tool(1, "b"),
        input(1, "{}"),
        text("x"),
        Event::Done,
    ]);
    assert_eq!(blocks(&stream), ["a#call_0:", "b#call_1:{}", "text:x"]);
}

#[test]
fn a_calls_signature_travels_before_it() {
    let stream = write(&[
        start(),
        Event::ToolStart {
            choice: 0,
            tool: 0,
            id: "c".into(),
            name: "f".into(),
            is_custom: false,
            signature: Some(Signature::new(Format::Gemini, "Ab")),
        },
        input(0, "{}"),
        Event::Done,
    ]);
    assert_eq!(blocks(&stream), ["thinking:", "f#c:{}"]);
    let carrier = &data(&stream)[1]["content_block"];
    assert_eq!(carrier["signature"], "weir.gemini.Ab");
}

#[test]
fn a_refusal_is_text_and_a_reason() {
    let refusal = Event::Refusal {
        choice: 0,
        text: "No.".into(),
    };
    let stream = write(&[start(), refusal, finish(Finish::Stop), Event::Done]);
    assert_eq!(blocks(&stream), ["text:No."]);
    assert!(stream.contains("\"stop_reason\":\"refusal\""));
}

#[test]
fn only_the_first_answer_is_told_and_errors_are_left_to_others() {
    let second = Event::Text {
        choice: 1,
        text: "x".into(),
    };
    let error = Event::Error(crate::errors::describe(b"died"));
    let stream = write(&[start(), text("a"), second, error]);
    assert_eq!(data(&stream).len(), 3);
    assert!(!stream.contains("message_stop"));
}

#[test]
fn an_empty_answer_is_well_formed() {
    let stream = write(&[start(), text(""), finish(Finish::Length), Event::Done]);
    let kinds: Vec<_> = data(&stream)
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    assert_eq!(kinds, ["message_start", "message_delta", "message_stop"]);
}
