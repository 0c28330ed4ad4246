//! What a relay does with bytes, whatever their format.

use std::sync::Arc;

use super::*;
use crate::format::Format;
use crate::neutral::Request;
use crate::translate::{Context, relay};

fn context() -> Context {
    Context {
        call_id: "c1".to_owned(),
        model: "m".to_owned(),
        created_s: 0,
        think_tags: false,
        request: Arc::new(Request::default()),
    }
}

/// What a stream comes to for a client of the same format, cut into chunks of this length.
fn relayed(format: Format, stream: &str, chunk_length: usize) -> (String, Ending, Relay) {
    let mut relay = relay(format, format, &context());
    let mut out = Vec::new();
    for chunk in stream.as_bytes().chunks(chunk_length) {
        relay.feed(chunk, &mut out).unwrap();
    }
    let ending = relay.finish(&mut out);
    (String::from_utf8(out.concat()).unwrap(), ending, relay)
}

fn assert_relayed(format: Format, stream: &str, expected: &str, ending: Ending) {
    for chunk_length in 1..=stream.len() {
        let (text, ended, _) = relayed(format, stream, chunk_length);
        assert_eq!((text.as_str(), ended), (expected, ending), "{chunk_length}");
    }
}

#[test]
fn lines_that_clients_die_of_are_not_relayed() {
    // openai-python reads Responses with the same parser as chat: an `id:` or `retry:` makes it dispatch nothing as JSON.
    let stream = "retry: 3000\n\nid: 1\nevent: response.created\ndata: {\"type\":\"response.created\"}\n\n: ping\n\n\
        event: response.completed\nid: 2\ndata: {\"type\":\"response.completed\"}\n\n";
    let expected = "event: response.created\ndata: {\"type\":\"response.created\"}\n\n: keepalive\n\n\
        event: response.completed\ndata: {\"type\":\"response.completed\"}\n\n";
    assert_relayed(Format::Responses, stream, expected, Ending::Complete);
}

#[test]
fn half_an_event_is_not_relayed() {
    // The error that the client is told of next would become a part of it.
    let whole = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
    let half = "event: content_block_delta\ndata: {\"type\":\"content_blo";
    let stream = format!("{whole}{half}");
    assert_relayed(Format::Anthropic, &stream, whole, Ending::Truncated);
}

#[test]
fn a_last_event_without_its_blank_line_gets_it() {
    let event = "event: message_stop\ndata: {\"type\":\"message_stop\"}";
    let expected = format!("{event}\n\n");
    for end in ["", "\n", "\n\n"] {
        let stream = format!("{event}{end}");
        assert_relayed(Format::Anthropic, &stream, &expected, Ending::Complete);
    }
}

#[test]
fn bare_json_is_no_event_that_a_client_could_read() {
    let json =
        "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Busy\"}}";
    let (text, ending, relay) = relayed(Format::Anthropic, &format!("{json}\n\n"), 7);
    assert_eq!((text.as_str(), ending), ("", Ending::Failed));
    assert_eq!(relay.raw_error(), None);
    let event = format!("event: error\ndata: {json}\n\n");
    let (_, _, relay) = relayed(Format::Anthropic, &event, 7);
    assert_eq!(relay.raw_error().unwrap(), event.as_bytes());
}

#[test]
fn an_answer_without_end_does_not_fill_the_memory() {
    let mut relay = relay(Format::Chat, Format::Responses, &context());
    let mut out = Vec::new();
    let start =
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f"}}]}}]}"#;
    relay.feed(format!("data: {start}\n\n"), &mut out).unwrap();
    let piece = "x".repeat(4 * 1024 * 1024);
    let more = format!(
        "data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{{\"index\":0,\"function\":{{\"arguments\":\"{piece}\"}}}}]}}}}]}}\n\n"
    );
    let too_long = StreamError::AnswerTooLong {
        max: MAX_ANSWER_BYTES,
    };
    let mut feeds = (0..32).map(|_| {
        out.clear();
        relay.feed(&more, &mut out)
    });
    assert_eq!(feeds.find(Result::is_err), Some(Err(too_long)));
}
