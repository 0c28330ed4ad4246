use bytes::Bytes;
use serde_json::{Value, json};

use super::{context, context_of};
use crate::format::Format;
use crate::framing::Framing;
use crate::gemini::{Decoder, Encoder};
use crate::neutral::{Event, Finish, Request, Signature};
use crate::stream::{Decode as _, Encode as _, Ending, Relay};
use crate::usage::{Unit, Usage};

/// A stream as Gemini 2.5 sends it: thoughts, a signed text, two calls, usage on every chunk.
pub(super) const RECORDED: &str = concat!(
    r#"data: {"candidates": [{"content": {"parts": [{"text": "**Weighing**\n","thought": true}],"role": "model"},"index": 0}],"usageMetadata": {"promptTokenCount": 11,"totalTokenCount": 40,"thoughtsTokenCount": 29},"modelVersion": "gemini-2.5-flash","responseId": "r-1"}"#,
    "\r\n\r\n",
    r#"data: {"candidates": [{"content": {"parts": [{"text": "Héllo","thoughtSignature": "c2ln"}],"role": "model"},"index": 0}],"usageMetadata": {"promptTokenCount": 11,"candidatesTokenCount": 2,"totalTokenCount": 42,"thoughtsTokenCount": 29},"modelVersion": "gemini-2.5-flash","responseId": "r-1"}"#,
    "\r\n\r\n",
    r#"data: {"candidates": [{"content": {"parts": [{"text": " \"you\"!"}],"role": "model"},"index": 0}],"modelVersion": "gemini-2.5-flash","responseId": "r-1"}"#,
    "\r\n\r\n",
    r#"data: {"candidates": [{"content": {"parts": [{"functionCall": {"name": "weather","args": {"town": "Oslo"}}},{"functionCall": {"name": "time","args": {}}}],"role": "model"},"finishReason": "STOP","index": 0}],"usageMetadata": {"promptTokenCount": 11,"candidatesTokenCount": 20,"totalTokenCount": 60,"thoughtsTokenCount": 29},"modelVersion": "gemini-2.5-flash","responseId": "r-1"}"#,
    "\r\n\r\n",
);

/// The events of a stream's bytes, each as text.
pub(super) fn events(stream: &[u8]) -> Vec<String> {
    let mut framing = Framing::sse();
    let mut decoder = Decoder::new(&context());
    let mut seen = Vec::new();
    let mut note = |event: Event<'_>| seen.push(format!("{event:?}"));
    framing
        .feed(stream, |frame, _| {
            decoder.decode(&frame, &mut note);
            true
        })
        .unwrap();
    framing.finish(|frame, _| {
        decoder.decode(&frame, &mut note);
        true
    });
    decoder.finish(&mut note);
    seen
}

fn text_of(events: &[Event<'_>]) -> Vec<String> {
    events.iter().map(|event| format!("{event:?}")).collect()
}

fn encoded(events: &[Event<'_>]) -> Vec<u8> {
    let mut encoder = Encoder::new(&context());
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    out
}

/// The chunks of what was written.
fn chunks(stream: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stream).unwrap();
    let frames = text.split_terminator("\r\n\r\n");
    frames
        .map(|frame| serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap())
        .collect()
}

fn usage(input: u64, output: u64, reasoning: u64) -> Usage {
    let mut usage = Usage::default();
    usage.set(Unit::Input, input);
    usage.set(Unit::Output, output);
    usage.set(Unit::Reasoning, reasoning);
    usage
}

fn start<'a>() -> Event<'a> {
    Event::Start {
        id: Some("r-1".into()),
        model: Some("gemini-2.5-flash".into()),
    }
}

fn tool<'a>(tool: u32, id: &'a str, name: &'a str) -> Event<'a> {
    Event::ToolStart {
        choice: 0,
        tool,
        id: id.into(),
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

fn said(text: &str) -> Event<'_> {
    Event::Text {
        choice: 0,
        text: text.into(),
    }
}

fn ended<'a>(finish: Finish) -> Event<'a> {
    Event::Finish { choice: 0, finish }
}

#[test]
fn a_recorded_stream_is_read_in_order() {
    let expected = [
        start(),
        Event::Thinking {
            choice: 0,
            text: "**Weighing**\n".into(),
        },
        Event::Usage(usage(11, 0, 29)),
        Event::Signature {
            choice: 0,
            signature: Signature::new(Format::Gemini, "c2ln"),
        },
        said("Héllo"),
        Event::Usage(usage(11, 2, 29)),
        said(" \"you\"!"),
        tool(0, "call_0199ab_0", "weather"),
        input(0, "{\"town\": \"Oslo\"}"),
        tool(1, "call_0199ab_1", "time"),
        input(1, "{}"),
        Event::Usage(usage(11, 20, 29)),
        ended(Finish::ToolCalls),
        Event::Done,
    ];
    assert_eq!(events(RECORDED.as_bytes()), text_of(&expected));
}

#[test]
fn a_stream_without_a_finish_reason_is_truncated() {
    let (cut, _) = RECORDED.rsplit_once("data: ").unwrap();
    let last = events(cut.as_bytes()).pop().unwrap();
    assert!(last.starts_with("Text"), "{last}");
    let (cut, _) = RECORDED.rsplit_once(",\"responseId\"").unwrap();
    assert!(!events(cut.as_bytes()).contains(&"Done".to_owned()));
    // A chunk that cannot be read leaves a hole, whatever follows.
    let damaged = format!("data: {{\"cand\r\n\r\n{RECORDED}");
    assert!(!events(damaged.as_bytes()).contains(&"Done".to_owned()));
    assert_eq!(events(b""), Vec::<String>::new());
}

#[test]
fn a_finish_reason_on_every_chunk_ends_the_answer_once() {
    let chunk = |text: &str| {
        format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}]}},\"finishReason\":\"STOP\"}}]}}\n\n"
        )
    };
    let stream = format!("{}{}", chunk("a"), chunk("b"));
    let seen = events(stream.as_bytes());
    assert_eq!(
        seen.get(1..),
        Some(text_of(&[said("a"), said("b"), ended(Finish::Stop), Event::Done]).as_slice())
    );
}

#[test]
fn every_candidate_must_have_ended() {
    let one = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"},{\"index\":1,\"content\":{\"parts\":[{\"text\":\"b\"}]}}]}\n\n";
    assert!(!events(one.as_bytes()).contains(&"Done".to_owned()));
    let both = format!(
        "{one}data: {{\"candidates\":[{{\"index\":1,\"finishReason\":\"MAX_TOKENS\"}}]}}\n\n"
    );
    let seen = events(both.as_bytes());
    let length = Event::Finish {
        choice: 1,
        finish: Finish::Length,
    };
    assert_eq!(
        seen.get(3..),
        Some(text_of(&[ended(Finish::Stop), length, Event::Done]).as_slice())
    );
}

#[test]
fn a_refused_prompt_is_a_filtered_answer() {
    let seen = events(b"data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{\"promptTokenCount\":4},\"responseId\":\"r-1\",\"modelVersion\":\"gemini-2.5-flash\"}\r\n\r\n");
    let expected = [
        start(),
        Event::Usage(usage(4, 0, 0)),
        ended(Finish::ContentFilter),
        Event::Done,
    ];
    assert_eq!(seen, text_of(&expected));
}

#[test]
fn errors_in_all_their_forms_end_the_stream() {
    let error = "{\n  \"error\": {\n    \"code\": 429,\n    \"message\": \"Slow.\",\n    \"status\": \"RESOURCE_EXHAUSTED\"\n  }\n}";
    let one_line = error.replace('\n', "");
    for stream in [
        format!("{RECORDED}{error}\n"),
        format!("[{error}]\n\n"),
        format!("data: {one_line}\r\n\r\n"),
        format!("data: [{one_line}]\r\n\r\n"),
    ] {
        let last = events(stream.as_bytes()).pop().unwrap();
        assert!(
            last.starts_with("Error") && last.contains("Slow."),
            "{last}"
        );
        assert!(last.contains("RESOURCE_EXHAUSTED"), "{last}");
    }
}

#[test]
fn images_and_signs_of_life_are_read() {
    let stream = b": hi\n\ndata: {\"candidates\":[{\"content\":{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"iVBO\"}},{\"inlineData\":{\"mimeType\":\"audio/L16;rate=24000\",\"data\":\"AAAA\"}}]}}]}\n\n";
    let expected = [
        Event::Ping,
        Event::Start {
            id: None,
            model: None,
        },
        Event::Image {
            choice: 0,
            media_type: "image/png".into(),
            base64: "iVBO".into(),
        },
        Event::Audio {
            choice: 0,
            value: json!({"data": "AAAA", "mime_type": "audio/L16;rate=24000"}),
        },
    ];
    assert_eq!(events(stream), text_of(&expected));
}

#[test]
fn a_client_gets_chunks_as_google_writes_them() {
    let out = encoded(&[
        start(),
        Event::Thinking {
            choice: 0,
            text: "Hm".into(),
        },
        Event::Signature {
            choice: 0,
            signature: Signature::new(Format::Gemini, "c2ln"),
        },
        said("a\u{2028}\"b"),
        ended(Finish::Stop),
        Event::Usage(usage(3, 2, 1)),
        Event::Done,
    ]);
    let head = r#"data: {"responseId":"r-1","modelVersion":"gemini-2.5-flash","candidates":["#;
    let part = |part: &str| {
        format!(
            "{head}{{\"index\":0,\"content\":{{\"role\":\"model\",\"parts\":[{part}]}}}}]}}\r\n\r\n"
        )
    };
    let mut expected = part(r#"{"text":"Hm","thought":true}"#);
    expected += &part(r#"{"text":"","thought":true,"thoughtSignature":"c2ln"}"#);
    expected += &part(r#"{"text":"a\u2028\"b"}"#);
    expected += head;
    expected += r#"{"index":0,"content":{"role":"model","parts":[{"text":""}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":6,"thoughtsTokenCount":1,"promptTokensDetails":[{"modality":"TEXT","tokenCount":3}]}}"#;
    expected += "\r\n\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn calls_are_held_until_they_are_whole() {
    let mut encoder = Encoder::new(&context());
    let mut out = Vec::new();
    for event in [
        said("a"),
        tool(0, "t0", "f"),
        tool(1, "t1", "g"),
        input(0, "{\"x\":"),
        input(1, ""),
        input(0, "\n1}"),
    ] {
        encoder.encode(&event, &mut out);
    }
    assert_eq!(chunks(&out).len(), 1);
    encoder.encode(&ended(Finish::ToolCalls), &mut out);
    assert_eq!(
        chunks(&out)[1]["candidates"][0]["content"]["parts"],
        json!([
            {"functionCall": {"id": "t0", "name": "f", "args": {"x": 1}}},
            {"functionCall": {"id": "t1", "name": "g", "args": {}}}
        ])
    );
    encoder.encode(&Event::Done, &mut out);
    assert_eq!(chunks(&out)[2]["candidates"][0]["finishReason"], "STOP");
}

#[test]
fn a_broken_stream_never_looks_complete() {
    let error = crate::errors::describe(b"boom");
    let out = encoded(&[start(), said("a"), ended(Finish::Stop), Event::Error(error)]);
    assert_eq!(chunks(&out).len(), 1);
    assert!(!String::from_utf8(out).unwrap().contains("finishReason"));
}

#[test]
fn what_is_written_reads_back_the_same() {
    let events_in = [
        start(),
        Event::Thinking {
            choice: 0,
            text: "Hm".into(),
        },
        Event::Signature {
            choice: 0,
            signature: Signature::new(Format::Anthropic, "s/+="),
        },
        Event::RedactedThinking {
            choice: 0,
            signature: Signature::new(Format::Anthropic, "hidden"),
        },
        said("Hi 😀"),
        Event::Image {
            choice: 0,
            media_type: "image/png".into(),
            base64: "iVBO".into(),
        },
        Event::Logprobs {
            choice: 0,
            value: json!({"content": [{"token": "Hi", "logprob": -1.0, "bytes": [72, 105], "top_logprobs": []}], "refusal": null}),
        },
        tool(0, "t0", "f"),
        input(0, "{\"x\":1}"),
        Event::Usage(usage(3, 2, 1)),
        ended(Finish::ToolCalls),
        Event::Done,
    ];
    let out = encoded(&events_in);
    assert_eq!(events(&out), text_of(&events_in));
}

#[test]
fn thoughts_nobody_asked_for_are_sent_only_where_they_must_come_back() {
    let thought = |text: &'static str| Event::Thinking {
        choice: 0,
        text: text.into(),
    };
    let mut encoder = Encoder::new(&context_of(Request::default()));
    let mut out = Vec::new();
    for event in [
        thought("unsigned"),
        said("a"),
        thought("Hm"),
        thought(" so"),
        Event::Signature {
            choice: 0,
            signature: Signature::new(Format::Anthropic, "s"),
        },
        said("b"),
    ] {
        encoder.encode(&event, &mut out);
    }
    let parts: Vec<_> = chunks(&out)
        .iter()
        .map(|chunk| chunk["candidates"][0]["content"]["parts"][0].clone())
        .collect();
    assert_eq!(
        parts,
        [
            json!({"text": "a"}),
            json!({"text": "Hm so", "thought": true, "thoughtSignature": "d2Vpci5hbnRocm9waWMucw=="}),
            json!({"text": "b"}),
        ]
    );
}

#[test]
fn a_sign_of_life_is_a_chunk_that_says_nothing() {
    let out = encoded(&[Event::Ping]);
    assert_eq!(out, crate::gemini::KEEP_ALIVE);
    let chunk = &chunks(&out)[0];
    assert_eq!(
        chunk["candidates"][0]["content"]["parts"],
        json!([{"text": ""}])
    );
    assert_eq!(events(&out).len(), 1, "{:?}", events(&out));
}

#[test]
fn the_same_format_is_relayed_untouched_and_observed() {
    let mut relay = Relay::new(Framing::sse(), Box::new(Decoder::new(&context())), None);
    let mut out = Vec::new();
    relay
        .feed(Bytes::from_static(RECORDED.as_bytes()), &mut out)
        .unwrap();
    assert_eq!(relay.finish(&mut out), Ending::Complete);
    assert_eq!(out.concat(), RECORDED.as_bytes());
    let progress = relay.progress();
    assert_eq!(progress.usage, Some(usage(11, 20, 29)));
    assert_eq!(progress.model.as_deref(), Some("gemini-2.5-flash"));
    assert!(progress.has_output && progress.finished);
}
