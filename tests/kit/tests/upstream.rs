//! The kit proves itself: the raw client against the scripted upstream, with no gateway in between.

use std::time::Duration;

use serde_json::{Value, json};
use weir_testkit::upstream::{Cut, Framing, LedgerEntry, Split, TEXT, UpstreamOptions};
use weir_testkit::{Act, Chat, Client, Outcome, PATIENCE, Play, Reply, Upstream, flaky};

fn ask(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
}

#[test]
fn an_unknown_model_answers_whole_and_streamed() {
    let upstream = Upstream::start();
    let client = Client::new(upstream.address());
    let answer = client.chat(&ask("anything", false));
    assert_eq!(
        (answer.status, answer.content().as_str(), answer.whole),
        (200, TEXT, true)
    );
    let stream = client.stream(&ask("anything", true)).transcript();
    assert_eq!(
        (stream.content().as_str(), stream.is_done(), stream.whole),
        (TEXT, true, true)
    );
    assert!(stream.usages().is_empty(), "usage was not asked for");
    // The client has the last byte a moment before the upstream notes that it was sent.
    upstream.wait_for_end(1, PATIENCE);
    assert_eq!(upstream.ledger().len(), 2);
    assert_eq!(upstream.requests()[0].model(), Some("anything"));
}

#[test]
fn usage_comes_once_when_asked_for() {
    let upstream = Upstream::start();
    let mut body = ask("anything", true);
    body["stream_options"] = json!({"include_usage": true});
    let stream = Client::new(upstream.address()).stream(&body).transcript();
    assert_eq!(stream.usages().len(), 1);
    assert_eq!(stream.usages()[0]["prompt_tokens"], 19);
}

#[test]
fn the_text_is_the_same_in_every_framing_and_however_it_is_cut() {
    let upstream = Upstream::start();
    let client = Client::new(upstream.address());
    for framing in [
        Framing::CrLf,
        Framing::NoSpace,
        Framing::Chatty,
        Framing::Comments,
        Framing::Named,
    ] {
        for split in [Split::Event, Split::At(700), Split::Every(97)] {
            upstream.next(Chat::new().framing(framing).split(split));
            let stream = client.stream(&ask("m", true)).transcript();
            assert_eq!(stream.content(), TEXT, "{framing:?} {split:?}");
            assert!(stream.is_done(), "{framing:?} {split:?}");
        }
    }
}

#[test]
fn cut_streams_look_cut_and_enter_no_ledger() {
    let upstream = Upstream::start();
    let client = Client::new(upstream.address());
    for cut in [Cut::MidEventAfter(2), Cut::ResetAfter(2)] {
        upstream.next(Chat::new().cut(cut));
        let stream = client.stream(&ask("m", true)).transcript();
        assert!(!stream.whole && !stream.is_done(), "{cut:?}");
    }
    upstream.next(Chat::new().cut(Cut::ErrorAfter(2)));
    let stream = client.stream(&ask("m", true)).transcript();
    assert_eq!(
        stream.error().expect("an error event")["code"],
        "provider_broke"
    );
    assert!(stream.whole && !stream.is_done());
    assert_eq!(upstream.ledger(), []);
}

#[test]
fn parallel_tool_calls_are_streamed_interleaved() {
    let upstream = Upstream::start();
    let stream = Client::new(upstream.address())
        .stream(&ask("tools", true))
        .transcript();
    let mut arguments = [String::new(), String::new()];
    for event in &stream.events {
        let json = event.json();
        let Some(call) = json.pointer("/choices/0/delta/tool_calls/0") else {
            continue;
        };
        let index = usize::try_from(call["index"].as_u64().expect("an index")).expect("small");
        arguments[index].push_str(call["function"]["arguments"].as_str().expect("arguments"));
    }
    assert_eq!(
        arguments,
        [r#"{"city":"Köln"}"#, r#"{"zone":"Europe/Berlin"}"#]
    );
}

#[test]
fn framing_can_lie() {
    let upstream = Upstream::start();
    let client = Client::new(upstream.address());
    for model in ["length-long", "chunk-cut"] {
        assert!(!client.chat(&ask(model, false)).whole, "{model}");
    }
    assert!(client.chat(&ask("until-close", false)).whole);
    for model in ["close", "reset"] {
        let mut connection = client.connect();
        connection.send(&client.request(
            "/v1/chat/completions",
            &[],
            ask(model, false).to_string().as_bytes(),
        ));
        assert!(connection.try_response().is_err(), "{model}");
    }
}

#[test]
fn behaviours_are_chosen_by_queue_then_table_then_name() {
    let upstream = Upstream::start();
    let client = Client::new(upstream.address());
    upstream.on_model("m", flaky(1, Reply::html(502), Chat::new().text("then")));
    upstream.next(Reply::error(418, "teapot", "queued"));
    client.chat(&ask("m", false)).assert_error(418, "teapot");
    client.chat(&ask("m", false)).assert_status(502);
    assert_eq!(client.chat(&ask("m", false)).content(), "then");
    let limited = "status.code-429.retry-after-ms-50.times-1";
    let refused = client.chat(&ask(limited, false));
    refused.assert_error(429, "scripted_429");
    assert_eq!(refused.header("retry-after-ms"), Some("50"));
    client.chat(&ask(limited, false)).assert_status(200);
}

#[test]
fn an_early_answer_comes_before_the_body() {
    let upstream = Upstream::start();
    let client = Client::new(upstream.address());
    upstream.next(Reply::error(413, "too_large", "early").early());
    let mut connection = client.connect();
    connection.send(&client.head("POST", "/v1/chat/completions", &[], Some(1_000_000)));
    connection.response().assert_error(413, "too_large");
}

#[test]
fn a_client_that_goes_is_noticed_in_every_pause() {
    let upstream = Upstream::start();
    let client = Client::new(upstream.address());
    let mut stream = client.stream(&ask("slow", true));
    stream.first_content();
    stream.close();
    let outcome = upstream.wait_for_end(0, PATIENCE).expect("the play ends");
    assert!(matches!(outcome, Outcome::ClientGone(_)), "{outcome:?}");
    upstream.next(Play::new().act(Act::Hang));
    let mut connection = client.connect();
    connection.send(&client.request(
        "/v1/chat/completions",
        &[],
        ask("m", false).to_string().as_bytes(),
    ));
    upstream.wait_for_requests(2);
    connection.reset();
    assert!(matches!(
        upstream.wait_for_end(1, PATIENCE),
        Some(Outcome::ClientGone(_))
    ));
}

#[test]
fn a_stale_connection_closes_without_a_word() {
    let upstream = Upstream::start();
    let client = Client::new(upstream.address());
    let mut connection = client.connect();
    let request = client.request(
        "/v1/chat/completions",
        &[],
        ask("stale", false).to_string().as_bytes(),
    );
    connection.send(&request);
    assert_eq!(connection.response().status, 200);
    assert!(connection.closes_within(PATIENCE));
}

#[test]
fn the_ledger_is_kept_in_a_file_and_served() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let file = home.path().join("ledger.jsonl");
    let upstream = Upstream::start_with(UpstreamOptions {
        ledger_file: Some(file.clone()),
        ..UpstreamOptions::default()
    });
    let client = Client::new(upstream.address());
    client.chat(&ask("kept", false)).assert_status(200);
    client
        .chat(&ask("status.code-500", false))
        .assert_status(500);
    let entry = LedgerEntry {
        seq: 0,
        model: "kept".into(),
        path: "/v1/chat/completions".into(),
    };
    upstream.wait_for_end(1, PATIENCE);
    assert_eq!(upstream.ledger(), [entry]);
    let served = client.get("/_ledger").json();
    assert_eq!(served[0]["model"], "kept");
    assert_eq!(
        std::fs::read_to_string(file)
            .expect("the file")
            .lines()
            .count(),
        1
    );
    assert_eq!(client.get("/_requests").json()[1]["outcome"], "played");
}

#[test]
fn structured_output_fits_the_schema_and_embeddings_come_in_base64() {
    let upstream = Upstream::start();
    let client = Client::new(upstream.address());
    let mut body = ask("schema", false);
    let step = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    let schema = json!({"type": "object", "$defs": {"step": step},
        "properties": {"name": {"type": "string"}, "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}}}});
    body["response_format"] =
        json!({"type": "json_schema", "json_schema": {"name": "plan", "schema": schema}});
    let text: Value = serde_json::from_str(&client.chat(&body).content()).expect("JSON");
    assert_eq!(text, json!({"name": "Grüße", "steps": [{"n": 7}]}));
    let embed = json!({"model": "e", "input": ["a", "b"], "encoding_format": "base64"});
    let answer = client.post("/v1/embeddings", &embed).json();
    assert_eq!(
        answer["data"][1]["embedding"].as_str().map(str::len),
        Some(24)
    );
}

#[test]
fn a_dribbled_answer_is_the_same_answer() {
    let upstream = Upstream::start();
    let client = Client::new(upstream.address());
    upstream.next(Chat::new().dribble(64).every(Duration::from_millis(1)));
    assert_eq!(client.stream(&ask("m", true)).transcript().content(), TEXT);
}
