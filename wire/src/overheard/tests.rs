use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::bedrock::event_stream;
use crate::usage::Unit;

/// The usage that is heard, in pieces of every size.
fn heard(layout: Layout, answer: &[u8]) -> Option<Vec<(Unit, u64)>> {
    let pieces = |size: usize| {
        let mut heard = Overheard::new(layout);
        answer.chunks(size).for_each(|piece| heard.feed(piece));
        assert_eq!(heard.bytes(), answer.len() as u64);
        heard.usage().map(|usage| usage.iter().collect::<Vec<_>>())
    };
    let whole = pieces(answer.len().max(1));
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(pieces(size), whole, "in pieces of {size}");
    }
    whole
}

fn of_json(answer: &serde_json::Value) -> Option<Vec<(Unit, u64)>> {
    let flat = heard(Layout::Whole, answer.to_string().as_bytes());
    let pretty = heard(Layout::Whole, format!("{answer:#}").as_bytes());
    assert_eq!(flat, pretty);
    flat
}

#[test]
fn every_format_is_known_by_its_usage() {
    let openai = json!({"id": "x", "output": [{"content": [{"text": "\"usage\":{\"input_tokens\":1}"}]}],
        "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5}});
    let expected = vec![(Unit::Input, 6), (Unit::CacheRead, 4), (Unit::Output, 5)];
    assert_eq!(of_json(&openai), Some(expected));

    let anthropic = json!({"content": [{"type": "tool_use", "input": {"usage": {"input_tokens": 9}}}],
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 4, "cache_creation_input_tokens": null, "output_tokens": 5}});
    let expected = vec![(Unit::Input, 10), (Unit::CacheRead, 4), (Unit::Output, 5)];
    assert_eq!(of_json(&anthropic), Some(expected));

    let bedrock = json!({"output": {"message": {}}, "metrics": {"latencyMs": 5},
        "usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 19, "cacheReadInputTokens": 4}});
    let expected = vec![(Unit::Input, 10), (Unit::CacheRead, 4), (Unit::Output, 5)];
    assert_eq!(of_json(&bedrock), Some(expected));

    let chunk = |output: u64| {
        json!({"candidates": [{"content": {"parts": [{"text": "]}"}]}}],
        "usageMetadata": {"promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": output}})
    };
    let expected = vec![(Unit::Input, 6), (Unit::CacheRead, 4), (Unit::Output, 5)];
    assert_eq!(of_json(&chunk(5)), Some(expected.clone()));
    // Without `alt=sse` a stream is one array.
    assert_eq!(
        of_json(&json!([chunk(1), chunk(3), chunk(5)])),
        Some(expected)
    );

    let ollama = json!({"model": "m", "done": true, "prompt_eval_count": 10, "eval_count": 5});
    let expected = vec![(Unit::Input, 10), (Unit::Output, 5)];
    assert_eq!(of_json(&ollama), Some(expected.clone()));

    let cohere = json!({"message": {}, "usage": {"billed_units": {"input_tokens": 10, "output_tokens": 5},
        "tokens": {"input_tokens": 80, "output_tokens": 6}}});
    assert_eq!(of_json(&cohere), Some(expected));
    let search = json!({"results": [], "meta": {"billed_units": {"search_units": 2}}});
    assert_eq!(of_json(&search), Some(vec![(Unit::Searches, 2)]));
}

#[test]
fn what_tells_nothing_is_none() {
    for answer in [
        json!({"usage": null, "eval_count": null, "meta": {"page": 1}}),
        json!({"usage": {"storage_bytes": 7}}),
        json!({"a": {"b": {"usage": {"input_tokens": 7}}}}),
        json!({"data": [{"usage": "input_tokens"}]}),
        json!("usage"),
        json!([]),
    ] {
        assert_eq!(of_json(&answer), None, "{answer}");
    }
    assert_eq!(heard(Layout::Whole, b""), None);
    assert_eq!(
        heard(
            Layout::Whole,
            b"<html>\"usage\":{\"input_tokens\":1}</html>"
        ),
        None
    );
}

#[test]
fn streams_tell_it_at_their_end_or_in_parts() {
    let chat = "data: {\"choices\":[{\"delta\":{\"content\":\"{\\\"\"}}],\"usage\":null}\r\n\r\n: it's {5\" wide\r\n\r\n\
        data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}\r\n\r\ndata: [DONE]\r\n\r\n";
    let expected = vec![(Unit::Input, 10), (Unit::Output, 5)];
    assert_eq!(
        heard(Layout::Events, chat.as_bytes()),
        Some(expected.clone())
    );

    let responses = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"usage\":null}}\n\n\
        event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"output\":[],\"usage\":{\"input_tokens\":10,\
        \"output_tokens\":5}}}\n\n";
    assert_eq!(
        heard(Layout::Events, responses.as_bytes()),
        Some(expected.clone())
    );

    let messages = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":10,\
        \"cache_read_input_tokens\":4,\"output_tokens\":1}}}\n\n\
        event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":5}}\n\n";
    let in_parts = vec![(Unit::Input, 10), (Unit::CacheRead, 4), (Unit::Output, 5)];
    assert_eq!(heard(Layout::Events, messages.as_bytes()), Some(in_parts));

    let ollama = "{\"message\":{\"content\":\"a\"},\"done\":false}\n{\"broken\": [\"\n\
        {\"done\":true,\"prompt_eval_count\":10,\"eval_count\":5}\n";
    assert_eq!(heard(Layout::Lines, ollama.as_bytes()), Some(expected));
}

#[test]
fn amazons_messages_are_read() {
    let mut stream = Vec::new();
    for (name, payload) in [
        ("contentBlockDelta", r#"{"delta":{"text":"{\"usage\":"}}"#),
        (
            "metadata",
            r#"{"usage":{"inputTokens":10,"outputTokens":5},"metrics":{}}"#,
        ),
    ] {
        event_stream::write_message(name, payload.as_bytes(), &mut stream);
    }
    let expected = vec![(Unit::Input, 10), (Unit::Output, 5)];
    assert_eq!(heard(Layout::EventStream, &stream), Some(expected));
    assert_eq!(
        heard(
            Layout::EventStream,
            b"{\"usage\":{\"inputTokens\":10}} and no message"
        ),
        None
    );
}

#[test]
fn what_bedrock_wraps_is_unwrapped() {
    let told = r#"{"generation":"x","prompt_token_count":null,"stop_reason":"stop",
        "amazon-bedrock-invocationMetrics":{"inputTokenCount":10,"outputTokenCount":5,"firstByteLatency":7}}"#;
    let payload = json!({"bytes": STANDARD.encode(told), "p": "abcd"}).to_string();
    let mut stream = Vec::new();
    event_stream::write_message("chunk", payload.as_bytes(), &mut stream);
    let expected = vec![(Unit::Input, 10), (Unit::Output, 5)];
    assert_eq!(heard(Layout::EventStream, &stream), Some(expected));
}

#[test]
fn a_large_answer_is_not_held() {
    let mut heard = Overheard::new(Layout::Whole);
    heard.feed(b"{\"data\":[");
    for _ in 0..1000 {
        heard.feed(&b"0.123456789,".repeat(1000));
    }
    heard.feed(b"0],\"text\":\"");
    for _ in 0..1000 {
        heard.feed(&b"usage ".repeat(1000));
    }
    heard.feed(b"\",\"usage\":{\"junk\":\"");
    heard.feed(&b"x".repeat(100_000));
    assert!(heard.scanner.held_bytes() <= 64 * 1024);
    heard.feed(b"\"},\"usage\":{\"prompt_tokens\":3}}");
    assert_eq!(heard.usage().unwrap().get(Unit::Input), 3);
}

#[test]
fn media_types_are_told_apart() {
    for (content_type, layout) in [
        ("application/json; charset=utf-8", Some(Layout::Whole)),
        ("Application/Problem+JSON", Some(Layout::Whole)),
        ("text/event-stream;charset=utf-8", Some(Layout::Events)),
        ("application/x-ndjson", Some(Layout::Lines)),
        (
            "application/vnd.amazon.eventstream",
            Some(Layout::EventStream),
        ),
        ("audio/mpeg", None),
        ("", None),
    ] {
        assert_eq!(
            Layout::of(content_type.as_bytes()),
            layout,
            "{content_type}"
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_mean_the_same_in_any_pieces(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "(\\{|\\}|\\[|\\]|\"usage\":|\"eval_count\":|\\{\"input_tokens\":[0-9]{1,3}\\}|[0-9]{1,3}|,|\"|\\\\|\n|\r|data: ){0,40}".prop_map(String::into_bytes),
        ],
        size in 1_usize..30,
        layout in prop_oneof![Just(Layout::Whole), Just(Layout::Events), Just(Layout::Lines), Just(Layout::EventStream)],
    ) {
        let run = |size: usize| {
            let mut heard = Overheard::new(layout);
            bytes.chunks(size).for_each(|piece| heard.feed(piece));
            heard.usage()
        };
        prop_assert_eq!(run(size), run(bytes.len().max(1)));
    }
}
