//! SIGTERM lets streams in flight finish and leaves with 0; SIGHUP takes the new configuration whole or not at all.

use std::time::{Duration, Instant};

use weir_testkit::upstream::{Cut, TEXT};
use weir_testkit::{
    Act, Chat, Conn, Gateway, PATIENCE, Play, Upstream, chat_body, stream_body, wait_until,
};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

#[test]
fn a_stream_in_flight_finishes_and_the_exit_status_is_zero() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::with_upstream(WEIR, &upstream);
    upstream.next(Chat::new().pieces(20).every(Duration::from_millis(50)));
    let mut events = gateway.client().stream(&stream_body("up/ok"));
    let first = events.first_content().content();
    gateway.terminate();
    let refused = || Conn::try_open(gateway.address()).is_err().then_some(());
    wait_until(PATIENCE, refused).expect("new connections are refused");
    let rest = events.transcript();
    assert_eq!(
        (first + &rest.content(), rest.is_done(), rest.whole),
        (TEXT.to_owned(), true, true)
    );
    let status = gateway.wait_for_exit(PATIENCE).expect("it ends");
    assert_eq!(status.code(), Some(0));
    gateway.start_again();
    assert_eq!(gateway.wait_for_calls(1)[0]["end"], "done");
}

#[test]
fn a_whole_answer_in_flight_finishes_too() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::with_upstream(WEIR, &upstream);
    upstream.next(Chat::new().first_byte(Duration::from_millis(700)));
    let client = gateway.client();
    let mut connection = client.connect();
    connection.send(&client.request(
        "/v1/chat/completions",
        &[],
        chat_body("up/ok").to_string().as_bytes(),
    ));
    upstream.wait_for_requests(1);
    gateway.terminate();
    assert_eq!(connection.response().content(), TEXT);
    assert_eq!(
        gateway
            .wait_for_exit(PATIENCE)
            .and_then(|status| status.code()),
        Some(0)
    );
}

#[test]
fn idle_connections_do_not_hold_the_exit_up() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::with_upstream(WEIR, &upstream);
    let client = gateway.client();
    let mut kept = client.connect();
    kept.send(&client.request(
        "/v1/chat/completions",
        &[],
        chat_body("up/ok").to_string().as_bytes(),
    ));
    assert_eq!(kept.response().status, 200);
    let never_used = client.connect();
    let asked = Instant::now();
    gateway.terminate();
    assert_eq!(
        gateway
            .wait_for_exit(PATIENCE)
            .and_then(|status| status.code()),
        Some(0)
    );
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "it took {:?}",
        asked.elapsed()
    );
    drop(never_used);
}

#[test]
fn after_the_grace_period_what_still_runs_is_ended_and_recorded() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("server", "grace_period_ms: 500")
        .start();
    upstream.next(Chat::new().cut(Cut::HangAfter(2)));
    upstream.next(Play::new().act(Act::Hang));
    let mut events = gateway.client().stream(&stream_body("up/ok"));
    events.first_content();
    let client = gateway.client();
    let mut waiting = client.connect();
    waiting.send(&client.request(
        "/v1/chat/completions",
        &[],
        chat_body("up/ok").to_string().as_bytes(),
    ));
    upstream.wait_for_requests(2);
    gateway.terminate();
    assert!(
        gateway.wait_for_exit(PATIENCE).is_some(),
        "the grace period is a bound"
    );
    let stream = events.transcript();
    assert!(
        !stream.is_done(),
        "a stream that was ended does not look whole: {stream:?}"
    );
    gateway.start_again();
    let rows = gateway.wait_for_calls(2);
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["end"] != "done"), "{rows:?}");
    // What was streamed before the cut was paid for.
    let streamed = rows
        .iter()
        .find(|row| row["streamed"] == true)
        .expect("its row");
    assert_eq!(streamed["estimated"], true, "{streamed}");
    let items = streamed["items"].as_array().expect("items");
    assert!(
        items.iter().any(|item| item["unit"] == "output"),
        "{streamed}"
    );
}

#[test]
fn a_reload_takes_effect_without_a_stream_noticing() {
    let (old, new) = (Upstream::start(), Upstream::start());
    let mut gateway = Gateway::builder(WEIR).provider("up", &old).start();
    old.next(Chat::new().pieces(20).every(Duration::from_millis(50)));
    let mut events = gateway.client().stream(&stream_body("up/ok"));
    let first = events.first_content().content();
    gateway.change_provider("up", &format!("base_url: {}", new.base_url()));
    gateway.hang_up();
    let moved = || {
        gateway
            .client()
            .chat(&chat_body("up/ok"))
            .assert_status(200);
        (!new.requests().is_empty()).then_some(())
    };
    wait_until(PATIENCE, moved).expect("requests go to the new address");
    let rest = events.transcript();
    assert_eq!(
        (first + &rest.content(), rest.is_done()),
        (TEXT.to_owned(), true)
    );
    assert!(gateway.is_running());
}

#[test]
fn a_reload_with_a_mistake_changes_nothing_at_all() {
    let (old, new) = (Upstream::start(), Upstream::start());
    let mut gateway = Gateway::builder(WEIR).provider("up", &old).start();
    gateway.change_provider("up", &format!("base_url: {}", new.base_url()));
    gateway.change_setting("retry", "max_atempts: 3");
    gateway.hang_up();
    let told = || gateway.logs().contains("max_atempts").then_some(());
    wait_until(PATIENCE, told).expect("the log says what is wrong");
    assert!(
        gateway.logs().contains("max_attempts"),
        "and what was meant"
    );
    for _ in 0..3 {
        gateway
            .client()
            .chat(&chat_body("up/ok"))
            .assert_status(200);
    }
    assert_eq!((old.requests().len(), new.requests().len()), (3, 0));
    assert!(gateway.is_running());
}
