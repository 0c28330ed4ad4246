//! A client that goes takes its upstream request with it, at once and however it goes. The scripted upstream hangs for ten
//! minutes or streams for ten seconds, so that a request that ends at all ended because it was cancelled.

use std::time::Duration;

use serde_json::json;
use weir_testkit::{
    Act, Chat, Client, Conn, Gateway, Outcome, PATIENCE, Play, Upstream, chat_body, stream_body,
};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
const CHAT: &str = "/v1/chat/completions";

/// The three ways to go.
#[derive(Clone, Copy, Debug)]
enum Leave {
    Close,
    Reset,
    HalfClose,
}

const WAYS: [Leave; 3] = [Leave::Close, Leave::Reset, Leave::HalfClose];

fn upstream() -> Upstream {
    let upstream = Upstream::start();
    upstream.on_model("hang", Play::new().act(Act::Hang));
    upstream.on_model(
        "slow",
        Chat::new().pieces(200).every(Duration::from_millis(50)),
    );
    upstream
}

fn open(client: &Client, path: &str, body: &serde_json::Value) -> Conn {
    let mut connection = client.connect();
    connection.send(&client.request(path, &[], body.to_string().as_bytes()));
    connection
}

fn assert_let_go(upstream: &Upstream, seq: usize, what: &str) {
    let outcome = upstream.wait_for_end(seq, PATIENCE);
    assert!(
        matches!(outcome, Some(Outcome::ClientGone(_))),
        "{what}: {outcome:?}"
    );
}

#[test]
fn leaving_before_the_first_byte_ends_the_upstreams_request() {
    let upstream = upstream();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let embed = json!({"model": "up/hang", "input": "x"});
    let requests = [
        (CHAT, chat_body("up/hang")),
        (CHAT, stream_body("up/hang")),
        ("/v1/embeddings", embed),
    ];
    let mut seq = 0;
    for (path, body) in &requests {
        for way in WAYS {
            let mut connection = open(&gateway.client(), path, body);
            upstream.wait_for_requests(seq + 1);
            match way {
                Leave::Close => drop(connection),
                Leave::Reset => connection.reset(),
                Leave::HalfClose => {
                    connection.half_close();
                    assert_let_go(&upstream, seq, "a half close counts as gone");
                }
            }
            assert_let_go(&upstream, seq, &format!("{path} {way:?}"));
            seq += 1;
        }
    }
    let rows = gateway.wait_for_calls(seq);
    assert!(rows.iter().all(|row| row["end"] == "cancelled"), "{rows:?}");
}

#[test]
fn leaving_in_mid_stream_ends_the_upstreams_request() {
    let upstream = upstream();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    for (seq, way) in WAYS.into_iter().enumerate() {
        let mut events = gateway.client().stream(&stream_body("up/slow"));
        events.first_content();
        match way {
            Leave::Close => events.close(),
            Leave::Reset => events.reset(),
            Leave::HalfClose => events.half_close(),
        }
        assert_let_go(&upstream, seq, &format!("{way:?}"));
    }
    let rows = gateway.wait_for_calls(WAYS.len());
    for row in rows {
        assert_eq!(
            (&row["end"], &row["estimated"], &row["streamed"]),
            (&json!("cancelled"), &json!(true), &json!(true))
        );
        assert!(
            row["items"]
                .as_array()
                .is_some_and(|items| !items.is_empty()),
            "what was used is counted: {row}"
        );
    }
}

#[test]
fn the_upstream_is_let_go_within_a_quarter_of_a_second() {
    let upstream = upstream();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let mut fastest = Duration::MAX;
    // The best of several: a loaded test machine may hold up any single one.
    for seq in 0..5 {
        let mut events = gateway.client().stream(&stream_body("up/slow"));
        events.first_content();
        let left = std::time::Instant::now();
        events.close();
        assert_let_go(&upstream, seq, "close");
        fastest = fastest.min(left.elapsed());
    }
    assert!(
        fastest < Duration::from_millis(250),
        "the fastest took {fastest:?}"
    );
}

#[test]
fn an_upload_that_is_cut_never_reaches_the_upstream() {
    let upstream = upstream();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let client = gateway.client();
    let mut connection = client.connect();
    connection.send(&client.head("POST", CHAT, &[], Some(1000)));
    connection.send(b"{\"model\":\"up/ok\",\"messages\":[");
    drop(connection);
    client.chat(&chat_body("up/ok")).assert_status(200);
    assert_eq!(upstream.requests().len(), 1);
    assert_eq!(gateway.wait_for_calls(1).len(), 1);
}

#[test]
fn leaving_during_a_retry_pause_ends_the_retries() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    upstream.next(weir_testkit::Reply::error(429, "slow_down", "Wait.").header("retry-after", "2"));
    let connection = open(&gateway.client(), CHAT, &chat_body("up/ok"));
    upstream
        .wait_for_end(0, PATIENCE)
        .expect("the refusal is sent");
    drop(connection);
    let rows = gateway.wait_for_calls(1);
    assert_eq!(rows[0]["end"], "cancelled");
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn other_clients_are_served_on_while_many_leave() {
    let upstream = upstream();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    for round in 0..3 {
        let leaving: Vec<_> = (0..50)
            .map(|_| open(&gateway.client(), CHAT, &stream_body("up/slow")))
            .collect();
        upstream.wait_for_requests(round * 51 + 50);
        drop(leaving);
        gateway
            .client()
            .chat(&chat_body("up/ok"))
            .assert_status(200);
    }
    let all_ended =
        |seen: &[weir_testkit::Seen]| seen.iter().all(|one| one.outcome != Outcome::Going);
    assert!(
        upstream.wait(PATIENCE, all_ended).is_some(),
        "a request of a client that left goes on"
    );
}
