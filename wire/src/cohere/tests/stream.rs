use proptest::prelude::*;
use serde_json::{Value, json};

use super::{any_json, context};
use crate::cohere::Decoder;
use crate::framing::{Frame, Framing};
use crate::neutral::Event;
use crate::stream::{Decode, Encode, Ending, Progress, Relay};
use crate::usage::Unit;

/// Writes events down, one a line.
struct Notes;

impl Encode for Notes {
    fn encode(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let line = match event {
            Event::Start { id, .. } => format!("start {}", id.as_deref().unwrap_or("-")),
            Event::Text { text, .. } => format!("text {text}"),
            Event::Thinking { text, .. } => format!("thinking {text}"),
            Event::Signature { signature, .. } => format!("mark {}", signature.value),
            Event::ToolStart { tool, id, name, .. } => format!("tool {tool} {id} {name}"),
            Event::ToolInput { tool, text, .. } => format!("input {tool} {text}"),
            Event::Annotations { value, .. } => format!("annotations {value}"),
            Event::Logprobs { value, .. } => format!("logprobs {}", value["content"][0]["logprob"]),
            Event::Finish { finish, .. } => format!("finish {finish:?}"),
            Event::Error(error) => format!("error {}", error.message),
            Event::Ping => "ping".to_owned(),
            Event::Done => "done".to_owned(),
            Event::Usage(usage) => {
                format!("usage {}+{}", usage.input_total(), usage.output_total())
            }
            other => format!("{other:?}"),
        };
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
}

fn relay(stream: &str, chunk_length: usize) -> (String, Progress, Ending) {
    let decoder = Box::new(Decoder::new(&context()));
    let mut relay = Relay::new(Framing::sse(), decoder, Some(Box::new(Notes)));
    let mut out = Vec::new();
    for chunk in stream.as_bytes().chunks(chunk_length) {
        relay.feed(chunk, &mut out).unwrap();
    }
    let ending = relay.finish(&mut out);
    let notes = String::from_utf8(out.concat()).unwrap();
    (notes, relay.progress().clone(), ending)
}

/// Reads a stream in chunks of every length.
fn read(stream: &str) -> (Vec<String>, Progress, Ending) {
    let whole = relay(stream, stream.len());
    for chunk_length in 1..stream.len() {
        assert_eq!(relay(stream, chunk_length), whole, "{chunk_length}");
    }
    let (notes, progress, ending) = whole;
    (notes.lines().map(str::to_owned).collect(), progress, ending)
}

/// Server-sent events of these objects, with an `event:` line if `named`.
fn stream_of(events: &[Value], named: bool) -> String {
    let mut stream = String::new();
    for event in events {
        if named {
            let kind = event["type"].as_str().unwrap_or("message");
            stream.push_str(&format!("event: {kind}\n"));
        }
        stream.push_str(&format!("data: {event}\n\n"));
    }
    stream
}

fn start() -> Value {
    json!({"id": "29f14a5a", "type": "message-start", "delta": {"message": {
        "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []
    }}})
}

fn text(text: &str) -> Value {
    json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": text}}}})
}

fn end(reason: &str) -> Value {
    json!({"type": "message-end", "delta": {"finish_reason": reason, "usage": {
        "billed_units": {"input_tokens": 17, "output_tokens": 12},
        "tokens": {"input_tokens": 215, "output_tokens": 12}
    }}})
}

#[test]
fn text_and_thoughts() {
    let events = [
        start(),
        json!({"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "thinking", "thinking": ""}}}}),
        json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"thinking": "Hm"}}}}),
        json!({"type": "content-end", "index": 0}),
        json!({"type": "content-start", "index": 1, "delta": {"message": {"content": {"type": "text", "text": ""}}}}),
        text("Hé"),
        text(" \"you\"\\"),
        json!({"type": "content-end", "index": 1}),
        end("COMPLETE"),
    ];
    for named in [false, true] {
        let stream = stream_of(&events, named) + "data: [DONE]\n\n";
        let (notes, progress, ending) = read(&stream);
        assert_eq!(
            notes,
            [
                "start 29f14a5a",
                "thinking Hm",
                "mark thinking",
                "text Hé",
                "text  \"you\"\\",
                "usage 17+12",
                "finish Stop",
                "done"
            ]
        );
        assert_eq!(ending, Ending::Complete);
        let usage = progress.usage.unwrap();
        assert_eq!((usage.get(Unit::Input), usage.get(Unit::Output)), (17, 12));
        assert_eq!(progress.output_events, 3);
        assert_eq!(progress.id.as_deref(), Some("29f14a5a"));
    }
}

#[test]
fn a_plan_and_parallel_calls() {
    let call = |index: u64, id: &str, name: &str| {
        json!({"type": "tool-call-start", "index": index, "delta": {"message": {"tool_calls": {
            "id": id, "type": "function", "function": {"name": name, "arguments": ""}
        }}}})
    };
    let input = |index: u64, piece: &str| {
        json!({"type": "tool-call-delta", "index": index, "delta": {"message": {"tool_calls": {
            "function": {"arguments": piece}
        }}}})
    };
    let ended = |index: u64| json!({"type": "tool-call-end", "index": index});
    let events = [
        start(),
        json!({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I will"}}}),
        json!({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": " look."}}}),
        call(1, "look_1", "look"),
        input(1, "{\"at\":"),
        input(1, " 1}"),
        ended(1),
        call(2, "", "wait"),
        ended(2),
        call(3, "nap_3", "nap"),
        json!({"type": "tool-call-delta", "index": 3, "delta": {"message": {"tool_calls": [
            {"function": {"arguments": "null"}}
        ]}}}),
        end("TOOL_CALL"),
    ];
    let (notes, progress, ending) = read(&stream_of(&events, true));
    assert_eq!(
        notes,
        [
            "start 29f14a5a",
            "thinking I will",
            "thinking  look.",
            "mark tool_plan",
            "tool 0 look_1 look",
            "input 0 {\"at\":",
            "input 0  1}",
            "tool 1 call_0192ab_1 wait",
            "input 1 {}",
            "tool 2 nap_3 nap",
            "input 2 {}",
            "usage 17+12",
            "finish ToolCalls",
            "done"
        ]
    );
    assert!(progress.has_output);
    assert_eq!(ending, Ending::Complete);
}

#[test]
fn citations_and_probabilities() {
    let mut piece = text("Paris");
    piece["logprobs"] = json!({"text": "Paris", "token_ids": [1], "logprobs": [-0.5]});
    let cited = |output: Value| {
        json!({"type": "citation-start", "index": 0, "delta": {"message": {"citations": {
            "start": 0, "end": 5, "text": "Paris",
            "sources": [{"type": "tool", "id": "a", "tool_output": output}]
        }}}})
    };
    let events = [
        start(),
        piece,
        cited(json!({"city": "Paris"})),
        cited(json!({"url": "https://example.com"})),
        json!({"type": "citation-end", "index": 0}),
        end("MAX_TOKENS"),
    ];
    let (notes, ..) = read(&stream_of(&events, true));
    let annotation = "annotations [{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":0,\
        \"end_index\":5,\"url\":\"https://example.com\",\"title\":\"https://example.com\"}}]";
    assert_eq!(
        notes,
        [
            "start 29f14a5a",
            "text Paris",
            "logprobs -0.5",
            annotation,
            "usage 17+12",
            "finish Length",
            "done"
        ]
    );
}

#[test]
fn failures_are_errors_and_never_an_end() {
    let failed = json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "out of memory"}});
    let (notes, progress, ending) = read(&stream_of(&[start(), text("a"), failed], true));
    assert_eq!(notes, ["start 29f14a5a", "text a", "error out of memory"]);
    assert_eq!(progress.error.unwrap().code.as_deref(), Some("ERROR"));
    assert_eq!(ending, Ending::Failed);

    let (notes, _, ending) = read("data: {\"message\":\"too many requests\"}\n\n");
    assert_eq!(
        (notes, ending),
        (vec!["error too many requests".to_owned()], Ending::Failed)
    );

    let mut broken = text("a");
    broken["delta"]["message"]["content"]["text"] = json!(42);
    let (_, _, ending) = read(&stream_of(&[start(), broken], false));
    assert_eq!(ending, Ending::Failed);

    let (notes, _, ending) = read(&(stream_of(&[start(), text("a")], true) + "data: [DONE]\n\n"));
    assert_eq!(notes, ["start 29f14a5a", "text a"]);
    assert_eq!(ending, Ending::Truncated);
}

#[test]
fn what_is_unknown_or_odd_is_passed_over() {
    let events = [
        json!({"type": "debug", "prompt": "…"}),
        json!({"type": "future-event", "delta": 42, "index": "opaque"}),
        text("a"),
        json!({"type": "message-end"}),
    ];
    for named in [false, true] {
        let stream = format!(": hello\n\n{}", stream_of(&events, named));
        let (notes, ..) = read(&stream);
        assert_eq!(notes, ["ping", "start -", "text a", "finish Stop", "done"]);
    }
}

const NAMES: [&str; 7] = [
    "",
    "content-delta",
    "tool-call-start",
    "tool-call-delta",
    "citation-start",
    "message-end",
    "error",
];

proptest! {
    #[test]
    fn nothing_panics(
        values in proptest::collection::vec((any_json(), 0..NAMES.len()), 0..8),
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut decoder = Decoder::new(&context());
        let mut has_started = false;
        let mut is_done = false;
        for (value, name) in &values {
            let data = value.to_string();
            let frame = Frame { name: NAMES[*name], data: data.as_bytes() };
            decoder.decode(&frame, &mut |event| {
                assert!(!is_done, "something after the end: {event:?}");
                is_done = matches!(event, Event::Done);
                assert!(has_started || !event.is_output() || matches!(event, Event::Start { .. }));
                has_started |= matches!(event, Event::Start { .. });
            });
        }
        Decoder::new(&context()).decode(&Frame { name: "", data: &bytes }, &mut |_| {});
    }

    #[test]
    fn texts_survive_any_cut(texts in proptest::collection::vec(".{0,12}", 0..6), chunk_length in 1_usize..40) {
        let mut events = vec![start()];
        events.extend(texts.iter().map(|piece| text(piece)));
        events.push(end("COMPLETE"));
        let stream = stream_of(&events, true);
        let decoder = Box::new(Decoder::new(&context()));
        let mut relay = Relay::new(Framing::sse(), decoder, Some(Box::new(Texts)));
        let mut out = Vec::new();
        for chunk in stream.as_bytes().chunks(chunk_length) {
            relay.feed(chunk, &mut out).unwrap();
        }
        prop_assert_eq!(relay.finish(&mut out), Ending::Complete);
        prop_assert_eq!(String::from_utf8(out.concat()).unwrap(), texts.concat());
    }
}

/// Writes the texts alone.
struct Texts;

impl Encode for Texts {
    fn encode(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if let Event::Text { text, .. } = event {
            out.extend_from_slice(text.as_bytes());
        }
    }
}
