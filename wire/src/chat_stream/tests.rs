use proptest::prelude::*;

use super::*;
use crate::usage::Unit;

const ROLE: &str = r#"{"id":"c1","model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;
const HELLO: &str = r#"{"id":"c1","model":"m-1","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}"#;
const STOP: &str =
    r#"{"id":"c1","model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"id":"c1","model":"m-1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#;

const STRIP: StreamRules = StreamRules { strip_usage: true };
const RELAY: StreamRules = StreamRules { strip_usage: false };

/// What became of a stream.
#[derive(Debug, PartialEq)]
struct Outcome {
    relayed: String,
    progress: Progress,
    ending: Ending,
}

fn run_chunks<'a>(rules: StreamRules, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut stream = ChatStream::new(rules);
    let mut out = Vec::new();
    for chunk in chunks {
        stream
            .feed(Bytes::copy_from_slice(chunk), &mut out)
            .unwrap();
    }
    let ending = stream.finish(&mut out);
    assert_eq!(stream.finish(&mut out), ending);
    Outcome {
        relayed: String::from_utf8(out.concat()).unwrap(),
        progress: stream.progress().clone(),
        ending,
    }
}

fn run(rules: StreamRules, stream: &str) -> Outcome {
    run_chunks(rules, [stream.as_bytes()])
}

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

fn events(data: &[&str]) -> String {
    data.iter().map(|data| event(data)).collect()
}

#[test]
fn an_unchanged_chunk_is_the_very_same_bytes() {
    let chunk = Bytes::from(events(&[ROLE, HELLO, HELLO, STOP]));
    let mut out = Vec::new();
    ChatStream::new(RELAY)
        .feed(chunk.clone(), &mut out)
        .unwrap();
    assert_eq!(out.len(), 1);
    assert_eq!(
        (out[0].as_ptr(), out[0].len()),
        (chunk.as_ptr(), chunk.len())
    );
}

#[test]
fn only_whole_events_are_relayed() {
    let mut stream = ChatStream::new(RELAY);
    let mut out = Vec::new();
    let text = events(&[ROLE, HELLO]);
    let cut = text.len() - 5;
    stream
        .feed(Bytes::copy_from_slice(&text.as_bytes()[..cut]), &mut out)
        .unwrap();
    assert_eq!(out.concat(), event(ROLE).as_bytes());
    stream
        .feed(Bytes::copy_from_slice(&text.as_bytes()[cut..]), &mut out)
        .unwrap();
    assert_eq!(out.concat(), text.as_bytes());
}

#[test]
fn a_plain_answer_is_understood() {
    let text = events(&[ROLE, HELLO, HELLO, STOP, USAGE, "[DONE]"]);
    let outcome = run(RELAY, &text);
    assert_eq!(outcome.relayed, text);
    assert_eq!(outcome.ending, Ending::Complete);
    let progress = outcome.progress;
    assert!(progress.has_output && progress.finished && progress.done);
    assert_eq!(progress.usage.unwrap().get(Unit::Output), 2);
    assert_eq!((progress.output_events, progress.output_bytes), (2, 10));
    assert_eq!(progress.id.as_deref(), Some("c1"));
    assert_eq!(progress.model.as_deref(), Some("m-1"));
}

#[test]
fn a_role_alone_is_no_output() {
    let progress = run(RELAY, &events(&[ROLE])).progress;
    assert!(!progress.has_output);
    assert_eq!(progress.output_events, 0);
}

#[test]
fn every_kind_of_output_counts() {
    for choice in [
        r#""delta":{"content":"x"}"#,
        r#""delta":{"content":[{"type":"text","text":"x"}]}"#,
        r#""delta":{"reasoning_content":"x"}"#,
        r#""delta":{"reasoning":"x"}"#,
        r#""delta":{"refusal":"x"}"#,
        r#""delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":""}}]}"#,
        r#""delta":{"function_call":{"name":"f"}}"#,
        r#""delta":{"audio":{"data":"AAAA"}}"#,
        r#""text":"x""#,
        r#""delta":{},"finish_reason":"length""#,
    ] {
        let outcome = run(RELAY, &event(&format!("{{\"choices\":[{{{choice}}}]}}")));
        assert!(outcome.progress.has_output, "{choice}");
    }
    for choice in [
        r#""delta":{"role":"assistant","content":null,"tool_calls":[],"refusal":null}"#,
        r#""text":"""#,
        r#""delta":{},"finish_reason":"""#,
        r#""delta":null"#,
    ] {
        let outcome = run(RELAY, &event(&format!("{{\"choices\":[{{{choice}}}]}}")));
        assert!(!outcome.progress.has_output, "{choice}");
    }
}

#[test]
fn usage_is_stripped_if_only_the_gateway_asked() {
    let text = events(&[
        r#"{"choices":[{"delta":{"content":"a"}}],"usage":null}"#,
        r#"{"usage": null, "choices":[{"delta":{"content":"\"usage\":null"}}]}"#,
        r#"{"choices":[{"delta":{"x":{"usage":null}},"finish_reason":"stop"}],"usage":null,"obfuscation":"x"}"#,
        USAGE,
        "[DONE]",
    ]);
    let outcome = run(STRIP, &text);
    let expected = events(&[
        r#"{"choices":[{"delta":{"content":"a"}}]}"#,
        r#"{"choices":[{"delta":{"content":"\"usage\":null"}}]}"#,
        r#"{"choices":[{"delta":{"x":{"usage":null}},"finish_reason":"stop"}],"obfuscation":"x"}"#,
        "[DONE]",
    ]);
    assert_eq!(outcome.relayed, expected);
    assert_eq!(outcome.progress.usage.unwrap().input_total(), 9);
    assert!(outcome.progress.finished);
    assert_eq!(run(RELAY, &text).relayed, text);
}

#[test]
fn a_usage_beside_content_stays_and_the_last_wins() {
    let chunk = |completion: u32| {
        format!(
            r#"{{"choices":[{{"delta":{{"content":"a"}}}}],"usage":{{"prompt_tokens":9,"completion_tokens":{completion}}}}}"#
        )
    };
    let text = events(&[&chunk(1), &chunk(2), &chunk(3)]);
    let outcome = run(STRIP, &text);
    assert_eq!(outcome.relayed, text);
    assert_eq!(outcome.progress.usage.unwrap().output_total(), 3);
}

#[test]
fn groq_has_a_place_of_its_own_for_usage() {
    let last = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":{"prompt_tokens":4,"completion_tokens":1}}}"#;
    let text = events(&[HELLO, last, "[DONE]"]);
    let outcome = run(STRIP, &text);
    assert_eq!(outcome.relayed, text);
    assert_eq!(outcome.progress.usage.unwrap().input_total(), 4);
}

#[test]
fn empty_and_null_choices_are_no_trouble() {
    let azure = r#"{"choices":[],"id":"","model":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}"#;
    let text = events(&[
        azure,
        r#"{"choices":null}"#,
        r#"{"choices":[null,1,{}]}"#,
        r#"{"choices":[],"usage":null}"#,
        HELLO,
    ]);
    let outcome = run(RELAY, &text);
    assert_eq!(outcome.relayed, text);
    assert_eq!(outcome.progress.usage, None);
    assert_eq!(outcome.progress.id.as_deref(), Some("c1"));
    // Only the usage goes; a chunk without a usage of its own is not the usage chunk.
    assert_eq!(
        run(STRIP, &text).relayed,
        text.replace(r#","usage":null"#, "")
    );
}

#[test]
fn fields_and_comments_that_break_clients_are_taken_out() {
    let text = format!(
        "retry: 3000\n\nid: 1\nevent: x\ndata:{HELLO}\nid: 2\n\n: ping - now\n\n:ping\r\n\r\n: pin\n\n\n: c\nid\n\nid: 3\nretry: 1\r\n\r\n"
    );
    let expected =
        format!("event: x\ndata:{HELLO}\n\n: keepalive\n\n: keepalive\r\n\r\n: pin\n\n\n: c\n\n");
    for rules in [RELAY, STRIP] {
        assert_eq!(run(rules, &text).relayed, expected);
    }
}

#[test]
fn data_that_says_nothing_is_left_out() {
    let text = format!("data:\n\ndata: : keepalive\n\ndata:{HELLO}\n\nevent: x\ndata: \n\n");
    assert_eq!(run(RELAY, &text).relayed, format!("data:{HELLO}\n\n"));
}

#[test]
fn data_over_several_lines_is_one_text() {
    let text =
        "data: {\"choices\":[{\"delta\":\ndata:{\"content\":\"hi\"}}],\ndata: \"usage\":null}\n\n";
    let outcome = run(RELAY, text);
    assert_eq!(outcome.relayed, text);
    assert_eq!(
        (outcome.progress.has_output, outcome.progress.output_bytes),
        (true, 2)
    );
    assert_eq!(
        run(STRIP, text).relayed,
        "data: {\"choices\":[{\"delta\":\ndata: {\"content\":\"hi\"}}]}\n\n"
    );
}

#[test]
fn a_byte_order_mark_hides_nothing() {
    let outcome = run(RELAY, &format!("\u{feff}{}", event(HELLO)));
    assert!(outcome.progress.has_output);
    assert_eq!(outcome.relayed, format!("\u{feff}{}", event(HELLO)));
}

#[test]
fn an_error_ends_the_stream_and_is_not_relayed() {
    let google =
        "{\r\n  \"error\": {\r\n    \"code\": 429,\r\n    \"message\": \"m\"\r\n  }\r\n}\r\n\r\n";
    for error in [
        "data: {\"error\":{\"message\":\"m\"}}\n\n",
        "data:{\"id\":\"x\", \"choices\":[{\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}], \"error\" : {\"message\":\"m\"}}\n\n",
        "data: {\"error\":\ndata: \"m\"}\n\n",
        "event: error\ndata: {\"message\":\"m\"}\n\n",
        "event:error\ndata: m\n\n",
        "{\"error\":{\"message\":\"m\"}}\n\n",
        "[{\"error\":{\"message\":\"m\"}}]\n\n",
        google,
        // Never ended, because the upstream hung up.
        "{\"error\":{\"message\":\"m\"}}",
        "data: {\"error\":{\"message\":\"m\"}}\n",
    ] {
        for before in ["", HELLO] {
            let before = if before.is_empty() {
                String::new()
            } else {
                event(before)
            };
            let ended = error.ends_with("\n\n") || error.ends_with("\r\n\r\n");
            let after = if ended {
                events(&[HELLO, "[DONE]"])
            } else {
                String::new()
            };
            let outcome = run(RELAY, &format!("{before}{error}{after}"));
            assert_eq!(outcome.relayed, before, "{error}");
            assert_eq!(outcome.progress.error.unwrap().message, "m", "{error}");
            assert_eq!(outcome.ending, Ending::Failed);
            assert!(!outcome.progress.done);
        }
    }
}

#[test]
fn an_error_that_says_nothing_is_an_error_all_the_same() {
    for error in [
        "event: error\n\n",
        "event: error\ndata: {}\n\n",
        "{\"error\":{\"mess",
        "{\"choices\":[]}\n\n",
    ] {
        let outcome = run(RELAY, error);
        assert_eq!(outcome.relayed, "");
        assert_eq!(outcome.ending, Ending::Failed);
        assert!(
            outcome
                .progress
                .error
                .unwrap()
                .message
                .starts_with("The upstream ended its answer")
        );
    }
}

#[test]
fn talk_about_errors_is_no_error() {
    let text = events(&[
        r#"{"choices":[{"delta":{"content":"{\"error\":{\"message\":\"x\"}}"}}]}"#,
        r#"{"choices":[{"delta":{"content":"error","error":{"x":1}}}],"error":null}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{\"error\": 1"}}]}}],"error":{}}"#,
        r#"["error"]"#,
        "not JSON: \"error\": 1",
    ]);
    let outcome = run(RELAY, &text);
    assert_eq!(outcome.relayed, text);
    assert_eq!(outcome.progress.error, None);
}

#[test]
fn a_missing_terminator_is_added_only_to_a_whole_answer() {
    let whole = events(&[HELLO, STOP]);
    let outcome = run(RELAY, &whole);
    assert_eq!(outcome.relayed, format!("{whole}data: [DONE]\n\n"));
    assert_eq!(outcome.ending, Ending::Complete);
    assert!(!outcome.progress.done);

    let broken = events(&[HELLO, HELLO]);
    let outcome = run(RELAY, &broken);
    assert_eq!(outcome.relayed, broken);
    assert_eq!(outcome.ending, Ending::Truncated);
    assert_eq!(run(RELAY, "").ending, Ending::Truncated);
}

#[test]
fn a_last_event_without_its_blank_line_is_mended() {
    let before = events(&[HELLO, STOP]);
    for missing in ["", "\n", "\r", "\r\n"] {
        let outcome = run(RELAY, &format!("{before}data: [DONE]{missing}"));
        let mended = if missing.ends_with('\n') {
            "\n"
        } else {
            "\n\n"
        };
        assert_eq!(
            outcome.relayed,
            format!("{before}data: [DONE]{missing}{mended}")
        );
        assert_eq!(outcome.ending, Ending::Complete);
    }
    let outcome = run(STRIP, &format!("{before}data: {USAGE}"));
    assert_eq!(outcome.relayed, format!("{before}data: [DONE]\n\n"));
    assert!(outcome.progress.usage.is_some());
}

#[test]
fn a_last_event_that_broke_off_is_not_relayed() {
    let before = event(HELLO);
    for tail in [
        &event(HELLO)[..60],
        "data: [DO",
        "data:",
        "data: \n",
        ": comm",
        "id: 1\n",
        "event: x",
    ] {
        let outcome = run(RELAY, &format!("{before}{tail}"));
        assert_eq!(outcome.relayed, before, "{tail}");
        assert_eq!(outcome.ending, Ending::Truncated);
        assert_eq!(outcome.progress.output_events, 1);
    }
}

#[test]
fn nothing_comes_after_done() {
    let text = events(&[STOP, "[DONE]"]);
    let outcome = run(
        RELAY,
        &format!("{text}{}: late\n\ndata: tail", events(&[HELLO, "[DONE]"])),
    );
    assert_eq!(outcome.relayed, text);
    assert_eq!(outcome.ending, Ending::Complete);
}

#[test]
fn a_carriage_return_alone_ends_lines() {
    let text = events(&[ROLE, HELLO, STOP, "[DONE]"]).replace('\n', "\r");
    let outcome = run(RELAY, &text);
    assert_eq!(outcome.relayed, text);
    assert_eq!(outcome.ending, Ending::Complete);
}

#[test]
fn an_event_of_megabytes_passes_in_small_pieces() {
    let big = event(&format!(
        r#"{{"choices":[{{"delta":{{"audio":{{"data":"{}"}}}}}}]}}"#,
        "A".repeat(2 << 20)
    ));
    let outcome = run_chunks(RELAY, big.as_bytes().chunks(16));
    assert!(outcome.relayed == big);
    assert!(outcome.progress.has_output);
}

#[test]
fn an_endless_event_is_an_error_and_not_a_leak() {
    let mut stream = ChatStream::new(RELAY);
    let mut out = Vec::new();
    stream
        .feed(Bytes::from(event(HELLO) + "data: "), &mut out)
        .unwrap();
    let chunk = Bytes::from(vec![b'x'; 1 << 20]);
    let fed = (0..64)
        .take_while(|_| stream.feed(chunk.clone(), &mut out).is_ok())
        .count();
    assert_eq!(fed, 15);
    assert!(stream.unfinished.is_empty());
    let max = MAX_EVENT_BYTES;
    assert_eq!(
        stream.feed(Bytes::new(), &mut out),
        Err(StreamError::EventTooLong { max })
    );
    assert_eq!(stream.finish(&mut out), Ending::Truncated);
    assert_eq!(out.concat(), event(HELLO).as_bytes());
}

#[test]
fn the_bound_is_the_same_for_an_event_in_one_piece() {
    let padded = |length: usize| event(&"x".repeat(length - event("").len()));
    for (length, fits) in [(MAX_EVENT_BYTES, true), (MAX_EVENT_BYTES + 1, false)] {
        let fed = ChatStream::new(RELAY).feed(padded(length).into(), &mut Vec::new());
        assert_eq!(fed.is_ok(), fits);
    }
}

/// Pieces that streams are made of, strange ones included.
fn piece() -> impl Strategy<Value = String> {
    let data = prop_oneof![
        Just(ROLE.to_owned()),
        Just(HELLO.to_owned()),
        Just(HELLO.replace("Hello", "“héllo” 你好 🦀")),
        Just(HELLO.replace("]}", r#"], "usage" : null }"#)),
        Just(STOP.to_owned()),
        Just(USAGE.to_owned()),
        Just(HELLO.replace(
            "]}",
            r#"],"usage":{"prompt_tokens":1,"completion_tokens":7}}"#
        )),
        Just("{\"error\":{\"message\":\"m\"}}".to_owned()),
        Just("[DONE]".to_owned()),
        Just(String::new()),
        "[{}\"a:,]{0,6}",
    ];
    let line = prop_oneof![
        6 => data.clone().prop_map(|data| format!("data: {data}")),
        2 => data.prop_map(|data| format!("data:{data}")),
        1 => Just(": ping".to_owned()),
        1 => Just(": OPENROUTER PROCESSING".to_owned()),
        1 => Just("id: 7".to_owned()),
        1 => Just("retry: 9".to_owned()),
        1 => Just("event: error".to_owned()),
        1 => Just("{\"error\": 1".to_owned()),
        1 => Just("\u{feff}".to_owned()),
        1 => Just(String::new()),
    ];
    let end = prop_oneof![
        6 => Just("\n\n"), 2 => Just("\r\n\r\n"), 1 => Just("\r\r"), 1 => Just("\n"), 1 => Just("\r"), 1 => Just("\r\n"), 1 => Just(""),
    ];
    (line, end).prop_map(|(line, end)| line + end)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn chunking_changes_nothing(
        pieces in prop::collection::vec(piece(), 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        strip_usage: bool,
    ) {
        let text = pieces.concat();
        let rules = StreamRules { strip_usage };
        let whole = run(rules, &text);

        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let bytes = text.as_bytes();
        let chunks = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        prop_assert_eq!(&run_chunks(rules, chunks), &whole);
        prop_assert_eq!(&run_chunks(rules, bytes.chunks(1)), &whole);
    }

    #[test]
    fn plain_events_are_relayed_to_the_byte(
        texts in prop::collection::vec(".{0,20}", 1..6),
        line_end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
    ) {
        let mut text = String::new();
        let mut bytes = 0;
        for content in &texts {
            let content = serde_json::Value::from(content.as_str()).to_string();
            bytes += content.len() as u64 - 2;
            text += &format!("data: {{\"choices\":[{{\"delta\":{{\"content\":{content}}}}}]}}{line_end}{line_end}");
        }
        let outcome = run(STRIP, &text);
        prop_assert_eq!(outcome.relayed, text);
        prop_assert_eq!(outcome.progress.output_bytes, bytes);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
        let mut stream = ChatStream::new(STRIP);
        let mut out = Vec::new();
        stream.feed(bytes.into(), &mut out).unwrap();
        stream.finish(&mut out);
    }
}
