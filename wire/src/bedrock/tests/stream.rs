use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::bedrock::Decoder;
use crate::bedrock::event_stream::write_message;
use crate::chat_stream::{Ending, StreamError};
use crate::framing::Framing;
use crate::neutral::Event;
use crate::stream::{Encode, Relay};
use crate::translate;
use crate::usage::Unit;

/// Writes down what happens, a line each.
struct Recorder;

impl Encode for Recorder {
    fn encode(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let line = match event {
            Event::Text { text, .. } => format!("text {text}"),
            Event::Thinking { text, .. } => format!("thinking {text}"),
            Event::Signature { signature, .. } => {
                format!(
                    "signature {} {}",
                    signature.origin.as_str(),
                    signature.value
                )
            }
            Event::RedactedThinking { signature, .. } => format!("redacted {}", signature.value),
            Event::ToolStart { tool, id, name, .. } => format!("tool {tool} {id} {name}"),
            Event::ToolInput { tool, text, .. } => format!("input {tool} {text}"),
            Event::Image {
                media_type, base64, ..
            } => format!("image {media_type} {base64}"),
            Event::Finish { finish, .. } => format!("finish {finish:?}"),
            Event::Usage(usage) => format!("usage {:?}", usage.iter().collect::<Vec<_>>()),
            other => format!("{other:?}"),
        };
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
}

struct Outcome {
    lines: Vec<String>,
    ending: Ending,
    relay: Relay,
}

fn run<'a>(request: Request, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let decoder = Box::new(Decoder::new(&context(request)));
    let mut relay = Relay::new(Framing::event_stream(), decoder, Some(Box::new(Recorder)));
    let mut out = Vec::new();
    for chunk in chunks {
        relay.feed(Bytes::copy_from_slice(chunk), &mut out).unwrap();
    }
    let ending = relay.finish(&mut out);
    Outcome {
        lines: String::from_utf8(out.concat())
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect(),
        ending,
        relay,
    }
}

fn framed(events: &[(&str, Value)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, payload) in events {
        write_message(name, payload.to_string().as_bytes(), &mut bytes);
    }
    bytes
}

fn delta(index: u64, delta: Value) -> (&'static str, Value) {
    // Bedrock pads its payloads with a member that means nothing.
    (
        "contentBlockDelta",
        json!({"contentBlockIndex": index, "delta": delta, "p": "abcdefghij"}),
    )
}

fn stop(index: u64) -> (&'static str, Value) {
    ("contentBlockStop", json!({"contentBlockIndex": index}))
}

fn tool_start(index: u64, id: &str, name: &str) -> (&'static str, Value) {
    (
        "contentBlockStart",
        json!({"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": id, "name": name}}}),
    )
}

fn metadata() -> (&'static str, Value) {
    (
        "metadata",
        json!({"usage": {"inputTokens": 20, "outputTokens": 9, "totalTokens": 89, "cacheReadInputTokens": 60},
               "metrics": {"latencyMs": 700}}),
    )
}

/// Thoughts, a text, a call in pieces and a call without arguments.
fn agents_turn() -> Vec<(&'static str, Value)> {
    let fitted = crate::bedrock::names::tool_name("weather.get").into_owned();
    vec![
        ("messageStart", json!({"role": "assistant", "p": "ab"})),
        delta(0, json!({"reasoningContent": {"text": "Hm"}})),
        delta(0, json!({"reasoningContent": {"signature": "c2ln"}})),
        delta(0, json!({"reasoningContent": {"redactedContent": "cmVk"}})),
        stop(0),
        delta(1, json!({"text": "I \"look\" – "})),
        delta(1, json!({"text": "now.\n"})),
        stop(1),
        tool_start(2, "t1", &fitted),
        delta(2, json!({"toolUse": {"input": ""}})),
        delta(2, json!({"toolUse": {"input": "{\"city\": \"B"}})),
        delta(2, json!({"toolUse": {"input": "onn\"}"}})),
        stop(2),
        tool_start(3, "t2", "now"),
        stop(3),
        ("messageStop", json!({"stopReason": "tool_use"})),
        metadata(),
    ]
}

fn agents_request() -> Request {
    Request {
        tools: vec![tool("weather.get")],
        ..Request::default()
    }
}

#[test]
fn an_agents_turn_is_told_in_order() {
    let outcome = run(agents_request(), [framed(&agents_turn()).as_slice()]);
    assert_eq!(
        outcome.lines,
        [
            "Start { id: None, model: None }",
            "thinking Hm",
            "signature anthropic c2ln",
            "redacted red",
            "text I \"look\" – ",
            "text now.",
            "",
            "tool 0 t1 weather.get",
            "input 0 {\"city\": \"B",
            "input 0 onn\"}",
            "tool 1 t2 now",
            "input 1 {}",
            "finish ToolCalls",
            "usage [(Input, 20), (CacheRead, 60), (Output, 9)]",
            "Done",
        ]
    );
    assert_eq!(outcome.ending, Ending::Complete);
    let progress = outcome.relay.progress();
    assert!(progress.has_output && progress.finished && progress.done);
    assert_eq!(progress.usage.unwrap().get(Unit::CacheRead), 60);
}

#[test]
fn the_order_of_the_end_does_not_matter_but_the_end_does() {
    let said = || {
        vec![
            ("messageStart", json!({"role": "assistant"})),
            delta(0, json!({"text": "x"})),
        ]
    };
    let stopped = ("messageStop", json!({"stopReason": "end_turn"}));
    for (end, ending, last) in [
        (vec![stopped.clone(), metadata()], Ending::Complete, "Done"),
        (vec![metadata(), stopped.clone()], Ending::Complete, "Done"),
        (vec![stopped.clone()], Ending::Complete, "Done"),
        (vec![], Ending::Truncated, "text x"),
        (
            vec![metadata()],
            Ending::Truncated,
            "usage [(Input, 20), (CacheRead, 60), (Output, 9)]",
        ),
    ] {
        let mut events = said();
        events.extend(end);
        let outcome = run(Request::default(), [framed(&events).as_slice()]);
        assert_eq!(outcome.ending, ending);
        assert_eq!(outcome.lines.last().unwrap(), last);
    }
    // A message that breaks off after the end is a stream that broke off, too.
    let mut bytes = framed(&[stopped]);
    bytes.extend_from_slice(&framed(&[metadata()])[..20]);
    assert_eq!(
        run(Request::default(), [bytes.as_slice()]).ending,
        Ending::Truncated
    );
}

#[test]
fn exceptions_end_the_stream_with_their_name() {
    for (name, payload, code, message) in [
        (
            "throttlingException",
            json!({"message": "Too many tokens"}),
            "ThrottlingException",
            "Too many tokens",
        ),
        (
            "modelStreamErrorException",
            json!({"message": "m", "originalStatusCode": 500, "originalMessage": "o"}),
            "ModelStreamErrorException",
            "m",
        ),
        (
            "internalServerException",
            json!({"message": ""}),
            "InternalServerException",
            "InternalServerException",
        ),
    ] {
        let events = [
            ("messageStart", json!({"role": "assistant"})),
            delta(0, json!({"text": "x"})),
            (name, payload),
            delta(0, json!({"text": "never"})),
        ];
        let outcome = run(Request::default(), [framed(&events).as_slice()]);
        assert_eq!(outcome.ending, Ending::Failed);
        let error = outcome.relay.progress().error.clone().unwrap();
        assert_eq!(error.code.as_deref(), Some(code));
        assert_eq!(error.message, message);
        assert!(!outcome.lines.contains(&"text never".to_owned()));
    }
}

#[test]
fn an_event_that_cannot_be_read_is_an_error_and_an_unknown_one_is_nothing() {
    let mut bytes = framed(&[("initial-response", json!({})), ("newEvent", json!([1]))]);
    let known = run(Request::default(), [bytes.as_slice()]);
    assert_eq!((known.lines.len(), known.ending), (0, Ending::Truncated));
    write_message("contentBlockDelta", b"{\"delta\":", &mut bytes);
    let broken = run(Request::default(), [bytes.as_slice()]);
    assert_eq!(broken.ending, Ending::Failed);
}

#[test]
fn calls_that_the_provider_makes_itself_are_not_the_callers() {
    let events = [
        (
            "contentBlockStart",
            json!({"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "s", "name": "search", "type": "server_tool_use"}}}),
        ),
        delta(0, json!({"toolUse": {"input": "{}"}})),
        stop(0),
        (
            "contentBlockStart",
            json!({"contentBlockIndex": 1, "start": {"image": {"format": "png"}}}),
        ),
        delta(1, json!({"image": {"source": {"bytes": "AAAA"}}})),
        stop(1),
        (
            "messageStop",
            json!({"stopReason": "stop_sequence", "additionalModelResponseFields": {"stop_sequence": "END"}}),
        ),
        metadata(),
    ];
    let outcome = run(Request::default(), [framed(&events).as_slice()]);
    assert_eq!(
        outcome.lines[1..3],
        ["image image/png AAAA", "finish StopSequence(Some(\"END\"))"]
    );
}

#[test]
fn a_bad_frame_kills_the_relay() {
    let mut bytes = framed(&agents_turn());
    bytes[40] ^= 1;
    let mut relay = translate::relay(Format::Bedrock, Format::Bedrock, &context(agents_request()));
    let mut out = Vec::new();
    let fed = relay.feed(Bytes::from(bytes), &mut out);
    assert_eq!(fed, Err(StreamError::BadFrame));
    assert!(relay.feed(Bytes::new(), &mut out).is_err());
}

#[test]
fn text_is_borrowed_from_its_frame() {
    let payload = br#"{"contentBlockIndex":0,"delta":{"text":"plain words"},"p":"ab"}"#;
    let mut decoder = Decoder::new(&context(Request::default()));
    let mut borrowed = 0;
    let frame = crate::framing::Frame {
        name: "contentBlockDelta",
        data: payload,
    };
    crate::stream::Decode::decode(&mut decoder, &frame, &mut |event| {
        if let Event::Text { text, .. } = event {
            borrowed += usize::from(matches!(text, std::borrow::Cow::Borrowed("plain words")));
        }
    });
    assert_eq!(borrowed, 1);
}

proptest! {
    #[test]
    fn any_chunking_tells_the_same(chunk_length in 1_usize..200) {
        let bytes = framed(&agents_turn());
        let whole = run(agents_request(), [bytes.as_slice()]);
        let cut = run(agents_request(), bytes.chunks(chunk_length));
        prop_assert_eq!(whole.lines, cut.lines);
        prop_assert_eq!(whole.relay.progress(), cut.relay.progress());
        let mut relay = translate::relay(Format::Bedrock, Format::Bedrock, &context(agents_request()));
        let mut out = Vec::new();
        for chunk in bytes.chunks(chunk_length) {
            relay.feed(Bytes::copy_from_slice(chunk), &mut out).unwrap();
        }
        prop_assert_eq!(relay.finish(&mut out), Ending::Complete);
        prop_assert_eq!(out.concat(), bytes);
    }

    #[test]
    fn no_payload_makes_decoding_panic(
        name in prop::sample::select(vec![
            "messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata",
            "throttlingException", "Exception", "",
        ]),
        payload in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            prop::sample::select(vec![
                r#"{"delta":null}"#, r#"{"delta":{"text":null,"toolUse":null}}"#, r#"{"contentBlockIndex":-1}"#,
                r#"{"start":{"toolUse":{"toolUseId":null}}}"#, r#"{"usage":{"inputTokens":-5,"cacheDetails":[{}]}}"#,
                r#"{"stopReason":null}"#, r#"{"contentBlockIndex":0}"#, "[]", "null", "7",
            ]).prop_map(|text| text.as_bytes().to_vec()),
        ],
    ) {
        let mut bytes = framed(&agents_turn()[..9]);
        write_message(name, &payload, &mut bytes);
        let outcome = run(Request::default(), [bytes.as_slice()]);
        prop_assert!(outcome.ending != Ending::Complete || name == "messageStop");
    }
}
