//! Streams: the same text whatever the upstream does on the wire, each event at once, and no failure that looks like an end.

use std::time::{Duration, Instant};

use serde_json::json;
use weir_testkit::upstream::{Cut, Framing, Split, TEXT, UsageStyle};
use weir_testkit::{
    Act, Chat, Gateway, PATIENCE, Play, Reply, Transcript, Upstream, chat_body, stream_body,
    stream_body_with_usage,
};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

fn stream_of(gateway: &Gateway) -> Transcript {
    gateway.client().stream(&stream_body("up/ok")).transcript()
}

fn assert_failed(stream: &Transcript, what: &str) {
    assert!(
        !stream.is_done(),
        "{what}: a failure never ends with [DONE]: {stream:?}"
    );
    let error = stream
        .error()
        .unwrap_or_else(|| panic!("{what}: there is an error event: {stream:?}"));
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|message| !message.is_empty()),
        "{what}: {error}"
    );
    for field in ["type", "param", "code"] {
        assert!(error.get(field).is_some(), "{what}: {error} lacks {field}");
    }
    assert!(
        !stream.content().is_empty(),
        "{what}: what came before was relayed"
    );
}

#[test]
fn a_streams_head_says_that_it_is_one() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let stream = stream_of(&gateway);
    assert!(
        stream
            .head
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/event-stream"))
    );
    assert_eq!(stream.head.header("content-length"), None);
    assert_eq!(stream.head.header("cache-control"), Some("no-cache"));
    assert_eq!(stream.head.header("x-accel-buffering"), Some("no"));
    assert!(stream.head.header("x-request-id").is_some());
    assert!(stream.whole && stream.is_done());
}

#[test]
fn the_text_is_the_same_in_every_framing_and_chunking() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    for framing in [
        Framing::Lf,
        Framing::CrLf,
        Framing::NoSpace,
        Framing::Chatty,
        Framing::Comments,
        Framing::Named,
    ] {
        for split in [
            Split::Event,
            Split::Every(1),
            Split::Every(13),
            Split::Every(100_000),
        ] {
            upstream.next(Chat::new().framing(framing).split(split));
            let stream = stream_of(&gateway);
            assert_eq!(stream.content(), TEXT, "{framing:?} {split:?}");
            assert!(stream.is_done() && stream.whole, "{framing:?} {split:?}");
            let forbidden = |line: &&str| line.starts_with("id:") || line.starts_with("retry:");
            assert!(
                !stream.lines().iter().any(forbidden),
                "id: and retry: break clients: {:?}",
                stream.lines()
            );
        }
    }
}

#[test]
fn a_stream_may_be_cut_into_chunks_at_any_byte() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let chat = || Chat::new().text("é🌍").pieces(1).framing(Framing::CrLf);
    upstream.next(chat());
    let length: usize = stream_of(&gateway)
        .lines()
        .iter()
        .map(|line| line.len() + 2)
        .sum();
    for at in 1..length + 8 {
        upstream.next(chat().split(Split::At(at)));
        let stream = stream_of(&gateway);
        assert_eq!(
            (stream.content().as_str(), stream.is_done()),
            ("é🌍", true),
            "cut at byte {at}"
        );
    }
}

#[test]
fn an_answer_may_arrive_byte_by_byte_head_included() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    upstream.next(Chat::new().text("é🌍").pieces(1).dribble(1));
    assert_eq!(stream_of(&gateway).content(), "é🌍");
    upstream.next(Chat::new().dribble(1));
    assert_eq!(gateway.client().chat(&chat_body("up/ok")).content(), TEXT);
}

#[test]
fn events_arrive_while_the_upstream_goes_on() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    // The upstream never ends: whatever is held back until an end would never come.
    upstream.next(Chat::new().pieces(5).cut(Cut::HangAfter(3)));
    let events = gateway.client().stream(&stream_body("up/ok"));
    let contents = events
        .map(|event| event.content())
        .filter(|text| !text.is_empty())
        .take(3);
    assert_eq!(contents.count(), 3);
}

#[test]
fn an_event_of_two_megabytes_passes() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let text = "x".repeat(2 * 1024 * 1024);
    upstream.next(Chat::new().text(&text).pieces(1));
    let stream = stream_of(&gateway);
    assert!(stream.content() == text && stream.is_done());
}

#[test]
fn a_hundred_thousand_events_pass_in_order() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    upstream.next(
        Chat::new()
            .text("ab")
            .pieces(100_000)
            .split(Split::Every(16 * 1024)),
    );
    let stream = stream_of(&gateway);
    assert_eq!(stream.content().len(), 200_000);
    assert!(stream.is_done());
}

#[test]
fn a_missing_terminator_is_added_only_to_an_answer_that_was_complete() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    for cut in [Cut::NoDone, Cut::NoFinalBlank] {
        upstream.next(Chat::new().cut(cut));
        let stream = stream_of(&gateway);
        assert_eq!(
            (stream.content().as_str(), stream.is_done(), stream.error()),
            (TEXT, true, None),
            "{cut:?}"
        );
    }
    upstream.next(Chat::breaking(Cut::EndAfter(2)));
    assert_failed(&stream_of(&gateway), "an end without a finish reason");
}

#[test]
fn a_stream_that_breaks_ends_with_an_error_event() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("timeouts", "idle_ms: 400")
        .start();
    for cut in [
        Cut::MidEventAfter(2),
        Cut::ResetAfter(2),
        Cut::EndAfter(2),
        Cut::HangAfter(2),
        Cut::ErrorAfter(2),
    ] {
        upstream.next(Chat::breaking(cut));
        let stream = stream_of(&gateway);
        assert_eq!(stream.status, 200);
        assert_failed(&stream, &format!("{cut:?}"));
    }
}

#[test]
fn a_silent_stream_is_kept_alive_by_comments() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("stream", "keepalive_ms: 100")
        .start();
    upstream.next(Chat::new().cut(Cut::HangAfter(2)));
    let mut events = gateway.client().stream(&stream_body("up/ok"));
    events.first_content();
    let comments: Vec<_> = events
        .filter(weir_testkit::Event::is_comment)
        .take(3)
        .collect();
    assert_eq!(comments.len(), 3);
    assert!(
        comments.iter().all(|event| event.lines == [": keepalive"]),
        "{comments:?}"
    );
}

#[test]
fn a_keep_alive_never_stands_inside_an_event() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("stream", "keepalive_ms: 50")
        .start();
    let text = "0123456789".repeat(20);
    // Two chunks with half a second in between, the cut in the middle of an event that follows content.
    let chat = Chat::new()
        .text(&text)
        .pieces(3)
        .split(Split::At(900))
        .every(Duration::from_millis(500));
    upstream.next(chat);
    let stream = stream_of(&gateway);
    assert_eq!((stream.content(), stream.is_done()), (text, true));
    for event in &stream.events {
        let comments = event
            .lines
            .iter()
            .filter(|line| line.starts_with(':'))
            .count();
        assert!(comments == 0 || event.is_comment(), "{event:?}");
    }
}

#[test]
fn an_answer_that_is_long_in_coming_is_begun_and_kept_alive() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("stream", "early_commit_after_ms: 200")
        .set("stream", "keepalive_ms: 100")
        .start();
    upstream.next(Chat::new().first_byte(Duration::from_millis(1200)));
    let started = Instant::now();
    let mut events = gateway.client().stream(&stream_body("up/ok"));
    assert!(events.next().is_some_and(|event| event.is_comment()));
    assert!(
        started.elapsed() < Duration::from_millis(1200),
        "the first bytes came before the upstream's"
    );
    let rest = events.transcript();
    assert_eq!((rest.content().as_str(), rest.is_done()), (TEXT, true));
}

#[test]
fn what_a_silent_provider_has_begun_with_is_not_held_for_ever() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("stream", "early_commit_after_ms: 100")
        .set("stream", "keepalive_ms: 50")
        .start();
    upstream.next(Chat::new().cut(Cut::HangAfter(0)));
    let mut events = gateway.client().stream(&stream_body("up/ok"));
    let first = events.next().map(|event| event.json());
    let first = first.expect("an event comes while the provider is silent");
    assert_eq!(first["choices"][0]["delta"]["role"], "assistant");
    assert!(events.next().is_some_and(|event| event.is_comment()));
}

#[test]
fn a_failure_after_an_early_begin_is_an_error_event() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("stream", "early_commit_after_ms: 200")
        .set("retry", "max_attempts: 1")
        .start();
    upstream.next(Reply::error(500, "broken", "No.").after(Duration::from_millis(800)));
    let stream = stream_of(&gateway);
    assert_eq!((stream.status, stream.is_done()), (200, false));
    assert!(stream.error().is_some(), "{stream:?}");
}

#[test]
fn retries_go_on_after_an_early_begin() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("stream", "early_commit_after_ms: 200")
        .start();
    upstream.next(Reply::error(500, "broken", "No.").after(Duration::from_millis(800)));
    let stream = stream_of(&gateway);
    assert_eq!(
        (stream.content().as_str(), stream.is_done(), stream.error()),
        (TEXT, true, None)
    );
}

#[test]
fn a_whole_answer_after_an_early_begin_is_told_as_a_stream() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("stream", "early_commit_after_ms: 200")
        .start();
    let message = json!({"role": "assistant", "content": TEXT});
    let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
    let answer =
        json!({"id": "x", "object": "chat.completion", "model": "ok", "choices": [choice]});
    upstream.next(Reply::json(200, &answer).after(Duration::from_millis(800)));
    let stream = stream_of(&gateway);
    assert_eq!((stream.content().as_str(), stream.is_done()), (TEXT, true));
}

#[test]
fn usage_is_told_once_if_asked_for_and_never_else() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let asked = gateway
        .client()
        .stream(&stream_body_with_usage("up/ok"))
        .transcript();
    assert_eq!(asked.usages().len(), 1);
    assert_eq!(asked.usages()[0]["total_tokens"], 26);
    let last = &asked.events[asked.events.len() - 2];
    assert_eq!(
        last.json()["choices"],
        serde_json::json!([]),
        "usage is the last event before [DONE]"
    );
    let unasked = stream_of(&gateway);
    assert!(unasked.usages().is_empty());
    let bare = |event: &weir_testkit::Event| event.json().get("usage").is_some();
    assert!(
        !unasked.events.iter().any(bare),
        "not even `usage: null`: {unasked:?}"
    );
    assert!(
        unasked
            .events
            .iter()
            .filter(|event| event.data.as_deref() != Some("[DONE]"))
            .all(|event| {
                event.json()["choices"]
                    .as_array()
                    .is_some_and(|choices| !choices.is_empty())
            })
    );
}

#[test]
fn usage_that_an_upstream_tells_elsewhere_is_not_lost_to_the_meter() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    for style in [UsageStyle::EachChunk, UsageStyle::LastChunk] {
        upstream.next(Chat::new().usage(style));
        let stream = stream_of(&gateway);
        assert_eq!(
            (stream.content().as_str(), stream.is_done()),
            (TEXT, true),
            "{style:?}"
        );
    }
    for row in gateway.wait_for_calls(2) {
        assert_eq!(
            (&row["estimated"], &row["end"]),
            (&false.into(), &"done".into()),
            "{row}"
        );
    }
}

#[test]
fn an_answer_that_is_no_stream_is_relayed_as_what_it_is() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    upstream.next(Reply::error(400, "bad_tools", "No such tool."));
    let answer = gateway.client().chat(&stream_body("up/ok"));
    answer.assert_error(400, "bad_tools");
    assert!(
        answer
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/json"))
    );
    upstream.next(Play::new().send(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/event-stream\r\ncontent-length: 49\r\n\r\ndata: {\"error\":{\"message\":\"in a stream, refused\"}}",
    ));
    assert_eq!(gateway.client().chat(&stream_body("up/ok")).status, 400);
}

#[test]
fn tool_calls_are_relayed_with_their_indexes_and_ids() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    upstream.next(Chat::new().tool("one", r#"{"a":"ü"}"#).tool("two", "{}"));
    let stream = stream_of(&gateway);
    let mut arguments = [String::new(), String::new()];
    for event in &stream.events {
        let json = event.json();
        let Some(call) = json.pointer("/choices/0/delta/tool_calls/0") else {
            continue;
        };
        let index = call["index"]
            .as_u64()
            .and_then(|index| usize::try_from(index).ok())
            .expect("an index");
        arguments[index].push_str(call["function"]["arguments"].as_str().unwrap_or_default());
    }
    // The second tool's arguments have two characters for three pieces, so the upstream repeats them.
    assert_eq!(arguments[0], r#"{"a":"ü"}"#);
    assert!(stream.is_done());
}

#[test]
fn streams_do_not_disturb_each_other_when_some_are_cancelled() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    std::thread::scope(|scope| {
        for number in 0..40 {
            let (gateway, upstream) = (&gateway, &upstream);
            scope.spawn(move || {
                let model = format!("stream-{number}");
                let text = format!("<{number}>");
                let chat = Chat::new()
                    .text(&text)
                    .pieces(100)
                    .every(Duration::from_millis(2));
                upstream.on_model(&model, chat);
                let mut events = gateway
                    .client()
                    .stream(&stream_body(&format!("up/{model}")));
                if number % 2 == 0 {
                    events.first_content();
                    return events.reset();
                }
                let transcript = events.transcript();
                assert_eq!(
                    (transcript.content(), transcript.is_done()),
                    (text.repeat(100), true)
                );
            });
        }
    });
}

#[test]
fn a_slow_reader_slows_the_upstream_down_instead_of_filling_memory() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let client = gateway.client();
    upstream.next(
        Chat::new()
            .text(&"x".repeat(1024 * 1024))
            .pieces(1)
            .split(Split::Event),
    );
    upstream.on_model(
        "flood",
        Play::new()
            .send(flood_head())
            .act(Act::Send(flood_body(64 * 1024 * 1024).into())),
    );
    stream_of(&gateway);
    let before = gateway.resident_bytes();
    let mut connection = weir_testkit::Conn::open_with_small_buffer(gateway.address(), 4096);
    connection.send(&client.request(
        "/v1/chat/completions",
        &[],
        stream_body("up/flood").to_string().as_bytes(),
    ));
    upstream.wait_for_requests(2);
    let ended = upstream.wait_for_end(1, Duration::from_secs(3));
    assert_eq!(
        ended, None,
        "64 MiB went somewhere although nobody read them"
    );
    let grown = gateway.resident_bytes().saturating_sub(before);
    assert!(grown < 32 * 1024 * 1024, "it grew by {grown} bytes");
    drop(connection);
    assert!(
        upstream.wait_for_end(1, PATIENCE).is_some(),
        "the upstream is let go with the client"
    );
}

fn flood_head() -> &'static str {
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
}

fn flood_body(bytes: usize) -> Vec<u8> {
    let event = format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
        "x".repeat(4000)
    );
    event.repeat(bytes / event.len()).into_bytes()
}
