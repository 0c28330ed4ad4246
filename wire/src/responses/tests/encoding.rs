//! Streams for clients.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::decoding::{recorded, stream_of};
use super::{Told, checked_data, context, encode, told};
use crate::format::Format;
use crate::framing::Framing;
use crate::neutral::{Event, Finish, Signature};
use crate::responses::{Decoder, Encoder, read_reply, write_reply};
use crate::stream::{Decode, Encode};
use crate::usage::{Unit, Usage};

const CHOICE: u32 = 0;

fn start() -> Event<'static> {
    Event::Start {
        id: Some(Cow::Borrowed("msg_01")),
        model: Some(Cow::Borrowed("claude")),
    }
}

fn text(text: &str) -> Event<'_> {
    Event::Text {
        choice: CHOICE,
        text: Cow::Borrowed(text),
    }
}

fn thinking(text: &str) -> Event<'_> {
    Event::Thinking {
        choice: CHOICE,
        text: Cow::Borrowed(text),
    }
}

fn tool(tool: u32, id: &str) -> Event<'_> {
    Event::ToolStart {
        choice: CHOICE,
        tool,
        id: Cow::Borrowed(id),
        name: Cow::Borrowed("f"),
        is_custom: false,
        signature: None,
    }
}

fn input(tool: u32, text: &str) -> Event<'_> {
    Event::ToolInput {
        choice: CHOICE,
        tool,
        text: Cow::Borrowed(text),
    }
}

fn finish(finish: Finish) -> Event<'static> {
    Event::Finish {
        choice: CHOICE,
        finish,
    }
}

fn usage() -> Event<'static> {
    let mut usage = Usage::default();
    usage.set(Unit::Input, 3);
    usage.set(Unit::Output, 4);
    Event::Usage(usage)
}

fn kinds(data: &[Value]) -> Vec<&str> {
    data.iter().map(|it| it["type"].as_str().unwrap()).collect()
}

#[test]
fn text_has_the_whole_grammar_around_it() {
    let stream = encode(&[
        start(),
        text("Hé"),
        Event::Ping,
        text("\n\"llo\""),
        usage(),
        finish(Finish::Stop),
        Event::Done,
    ]);
    assert!(stream.contains(": keepalive\n\n"));
    assert!(!stream.contains("[DONE]"));
    let data = checked_data(&stream);
    assert_eq!(
        kinds(&data),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let created = &data[0]["response"];
    assert_eq!(created["id"], "resp_0199ab");
    assert_eq!(created["status"], "in_progress");
    assert_eq!(created["model"], "claude");
    assert_eq!(created["output"], json!([]));
    assert_eq!(
        data[2]["item"],
        json!({"type": "message", "id": "msg_0199ab_0", "status": "in_progress", "role": "assistant", "content": []})
    );
    assert_eq!(
        data[4],
        json!({"type": "response.output_text.delta", "item_id": "msg_0199ab_0", "output_index": 0,
               "content_index": 0, "delta": "Hé", "logprobs": [], "sequence_number": 4})
    );
    assert_eq!(data[6]["text"], "Hé\n\"llo\"");
    let item = json!({"type": "message", "id": "msg_0199ab_0", "status": "completed", "role": "assistant",
                      "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "Hé\n\"llo\""}]});
    assert_eq!(data[8]["item"], item);
    let completed = &data[9]["response"];
    assert_eq!(completed["id"], "resp_0199ab");
    assert_eq!(completed["status"], "completed");
    assert_eq!(completed["output"], json!([item]));
    assert_eq!(completed["usage"]["total_tokens"], 7);
}

#[test]
fn thoughts_calls_and_text_are_items_of_their_own() {
    let signature = |origin, value: &str| Signature::new(origin, value);
    let stream = encode(&[
        start(),
        thinking("Hm"),
        Event::Signature {
            choice: CHOICE,
            signature: signature(Format::Anthropic, "AS"),
        },
        Event::RedactedThinking {
            choice: CHOICE,
            signature: signature(Format::Anthropic, "RS"),
        },
        text("Looking."),
        tool(0, "call_a"),
        input(0, "{\"a\":"),
        input(0, "1}"),
        tool(1, "call_b"),
        finish(Finish::ToolCalls),
        usage(),
        Event::Done,
    ]);
    let data = checked_data(&stream);
    assert_eq!(
        kinds(&data)[2..],
        [
            "response.output_item.added",
            "response.reasoning_summary_part.added",
            "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.done",
            "response.reasoning_summary_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.output_item.done",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.delta",
            // The first call is whole when the second begins.
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let output = &data.last().unwrap()["response"]["output"];
    assert_eq!(output[0]["encrypted_content"], "weir.anthropic.AS");
    assert_eq!(output[1]["encrypted_content"], "weir.anthropic.redacted:RS");
    assert_eq!(output[3]["arguments"], "{\"a\":1}");
    assert_eq!(
        output[4],
        json!({"type": "function_call", "id": "fc_0199ab_4", "call_id": "call_b", "name": "f", "arguments": "{}",
               "status": "completed"})
    );
}

#[test]
fn calls_that_grow_at_once_keep_their_places() {
    let stream = encode(&[
        start(),
        tool(0, "call_a"),
        input(0, "{\"a\":"),
        tool(1, "call_b"),
        input(1, "{}"),
        text("meanwhile"),
        input(0, "1}"),
        finish(Finish::ToolCalls),
        Event::Done,
    ]);
    let data = checked_data(&stream);
    let output = &data.last().unwrap()["response"]["output"];
    let arguments: Vec<_> = [0, 1].iter().map(|&at| &output[at]["arguments"]).collect();
    assert_eq!(arguments, ["{\"a\":1}", "{}"]);
    assert_eq!(output[2]["content"][0]["text"], "meanwhile");
    // Whatever the order in which items end, each is told once.
    let done: Vec<_> = data
        .iter()
        .filter(|it| it["type"] == "response.output_item.done")
        .map(|it| it["output_index"].as_u64().unwrap())
        .collect();
    assert_eq!(done, [2, 0, 1]);
}

#[test]
fn a_cut_off_answer_is_incomplete() {
    for (why, reason) in [
        (Finish::Length, "max_output_tokens"),
        (Finish::ContextWindow, "max_output_tokens"),
        (Finish::ContentFilter, "content_filter"),
    ] {
        let data = checked_data(&encode(&[start(), text("Hi"), finish(why), Event::Done]));
        let last = data.last().unwrap();
        assert_eq!(last["type"], "response.incomplete");
        assert_eq!(last["response"]["status"], "incomplete");
        assert_eq!(
            last["response"]["incomplete_details"],
            json!({"reason": reason})
        );
        assert_eq!(last["response"]["output"][0]["status"], "incomplete");
    }
}

#[test]
fn nothing_ends_a_stream_that_did_not_end() {
    let error = crate::errors::describe(b"{\"error\":\"x\"}");
    let stream = encode(&[start(), text("Hi"), Event::Error(error)]);
    assert_eq!(
        kinds(&checked_data(&stream)).last(),
        Some(&"response.output_text.delta")
    );
    // An answer that says nothing is still one.
    assert_eq!(
        kinds(&checked_data(&encode(&[Event::Done]))),
        [
            "response.created",
            "response.in_progress",
            "response.completed"
        ]
    );
}

#[test]
fn refusals_citations_probabilities_and_images_have_their_events() {
    let annotation = json!([{"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 2, "url": "u", "title": "T"}}]);
    let logprobs =
        json!({"content": [{"token": "Hi", "logprob": -0.5, "bytes": null}], "refusal": null});
    let stream = encode(&[
        start(),
        text("Hi"),
        Event::Logprobs {
            choice: CHOICE,
            value: logprobs,
        },
        Event::Annotations {
            choice: CHOICE,
            value: annotation,
        },
        Event::Refusal {
            choice: CHOICE,
            text: Cow::Borrowed("No."),
        },
        Event::Image {
            choice: CHOICE,
            media_type: Cow::Borrowed("image/webp"),
            base64: Cow::Borrowed("AAAA"),
        },
        Event::ToolStart {
            choice: CHOICE,
            tool: 0,
            id: Cow::Borrowed("call_a"),
            name: Cow::Borrowed("sql"),
            is_custom: true,
            signature: Some(Signature::new(Format::Gemini, "GS")),
        },
        input(0, "select 1"),
        Event::Text {
            choice: 1,
            text: Cow::Borrowed("another answer"),
        },
        finish(Finish::ToolCalls),
        Event::Done,
    ]);
    let data = checked_data(&stream);
    assert_eq!(
        data.last().unwrap()["response"]["output"],
        json!([
            {"type": "message", "id": "msg_0199ab_0", "status": "completed", "role": "assistant", "content": [
                {"type": "output_text", "text": "Hi",
                 "annotations": [{"start_index": 0, "end_index": 2, "url": "u", "title": "T", "type": "url_citation"}],
                 "logprobs": [{"token": "Hi", "logprob": -0.5, "bytes": [], "top_logprobs": []}]},
                {"type": "refusal", "refusal": "No."}]},
            {"type": "image_generation_call", "id": "ig_0199ab_1", "status": "completed", "result": "AAAA",
             "output_format": "webp"},
            {"type": "reasoning", "id": "rs_0199ab_2", "summary": [], "encrypted_content": "weir.gemini.call:GS"},
            {"type": "custom_tool_call", "id": "ctc_0199ab_3", "call_id": "call_a", "name": "sql", "input": "select 1",
             "status": "completed"},
        ])
    );
    let kinds = kinds(&data);
    for kind in [
        "response.output_text.annotation.added",
        "response.refusal.delta",
        "response.refusal.done",
        "response.image_generation_call.completed",
        "response.custom_tool_call_input.delta",
        "response.custom_tool_call_input.done",
    ] {
        assert!(kinds.contains(&kind), "{kind}");
    }
}

/// A stream on its way through both sides of the format.
fn translated(stream: &str) -> String {
    let mut decoder = Decoder::new(&context());
    let mut encoder = Encoder::new(&context());
    let mut out = Vec::new();
    Framing::sse()
        .feed(stream.as_bytes(), |frame, _| {
            decoder.decode(&frame, &mut |event| encoder.encode(&event, &mut out));
            true
        })
        .unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_stream_read_and_written_tells_the_same() {
    let original = stream_of(&recorded());
    let ids_aside = |stream: &str| {
        let lines = told(stream);
        assert_eq!(lines.last().map(String::as_str), Some("done"));
        lines[1..].to_vec()
    };
    let mut expected = ids_aside(&original);
    let again = translated(&original);
    checked_data(&again);
    // Probabilities come in a piece without text, which is not told again.
    let mut found = ids_aside(&again);
    found.retain(|line| !line.starts_with("logprobs"));
    expected.retain(|line| !line.starts_with("logprobs"));
    assert_eq!(found, expected);
}

#[test]
fn the_last_event_and_a_whole_answer_are_the_same() {
    let events = [
        start(),
        thinking("Hm"),
        text("Hi"),
        tool(0, "call_a"),
        input(0, "{\"a\":1}"),
        usage(),
        finish(Finish::ToolCalls),
        Event::Done,
    ];
    let data = checked_data(&encode(&events));
    let streamed = &data.last().unwrap()["response"];
    let reply = read_reply(streamed.to_string().as_bytes(), &context()).unwrap();
    let whole: Value = serde_json::from_slice(&write_reply(&reply, &context())).unwrap();
    assert_eq!(&whole, streamed);
    assert_eq!(Told::of(&events)[1..3], ["thinking Hm", "text Hi"]);
}

#[test]
fn a_long_silence_is_broken_by_an_event_that_codex_counts() {
    let pings = |count: usize| vec![Event::Ping; count];
    let early = encode(&pings(12));
    assert_eq!(early, ": keepalive\n\n".repeat(12));
    let stream = encode(&[vec![start()], pings(4), vec![text("a")], pings(5)].concat());
    let kept_alive = stream
        .matches("event: keepalive\ndata: {\"type\":\"keepalive\",\"sequence_number\":5}\n\n");
    assert_eq!(kept_alive.count(), 1, "{stream}");
    assert_eq!(stream.matches(": keepalive\n\n").count(), 8);
}
