//! The two tools against each other: what one sends the other counts, with no gateway between them.

#![expect(
    clippy::unwrap_used,
    reason = "a failed expectation is the test's failure"
)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use weir_bench::load::{Outcome, Plan, Request, run};
use weir_bench::mock;
use weir_bench::process::Process;

const CHAT: &str = r#"{"model":"mock-model","messages":[]}"#;

/// A mock that answers until the test's process ends.
fn start_mock() -> SocketAddr {
    let (bound, address) = mpsc::sync_channel(1);
    thread::spawn(move || {
        mock::serve("127.0.0.1:0".parse().unwrap(), |address| {
            bound.send(address).unwrap()
        })
        .unwrap();
    });
    address.recv().unwrap()
}

fn plan(address: SocketAddr, body: &str) -> Plan {
    Plan {
        request: Request::post(
            &format!("http://{address}/v1/chat/completions"),
            &[],
            body.as_bytes(),
        )
        .unwrap(),
        connections: 4,
        rate: None,
        warmup: Duration::ZERO,
        measured: Duration::from_secs(60),
        patience: Duration::from_secs(60),
        requests_max: Some(200),
        events: None,
        watched: Some(Process::new(std::process::id())),
        labels: BTreeMap::new(),
    }
}

fn assert_faultless(outcome: &Outcome, fault: Option<&str>, sent: u64) {
    assert_eq!(fault, None);
    assert_eq!(outcome.faults.total(), 0);
    assert_eq!((outcome.sent, outcome.completed), (sent, sent));
    assert_eq!(outcome.latency_us.count, sent);
    assert!(
        outcome
            .process
            .as_ref()
            .is_some_and(|process| process.rss_peak_kib > 0)
    );
}

#[test]
fn a_closed_loop_keeps_every_connection_busy() {
    let (outcome, fault) = run(plan(start_mock(), CHAT)).unwrap();
    assert_faultless(&outcome, fault.as_deref(), 200);
    assert_eq!(outcome.in_flight_peak, 4);
}

#[test]
fn a_fixed_rate_takes_the_time_it_must() {
    let mut plan = plan(start_mock(), CHAT);
    plan.rate = Some(1000);
    let (outcome, fault) = run(plan).unwrap();
    assert_faultless(&outcome, fault.as_deref(), 200);
    assert!(outcome.measured_s >= 0.199, "{}", outcome.measured_s);
}

#[test]
fn streams_arrive_whole_at_full_speed_and_at_intervals() {
    let address = start_mock();
    for (interval_ms, events) in [(0, 3000), (2, 5)] {
        let body = format!(
            r#"{{"stream":true,"stream_options":{{"include_usage":true}},"x_chunks":{events},"x_interval_ms":{interval_ms}}}"#
        );
        let mut plan = plan(address, &body);
        plan.requests_max = Some(8);
        plan.events = Some(events);
        let (outcome, fault) = run(plan).unwrap();
        assert_faultless(&outcome, fault.as_deref(), 8);
        let streams = outcome.streams.unwrap();
        assert_eq!(streams.event_us.count, 8 * events);
        assert_eq!(streams.first_event_us.count, 8);
    }
}

#[test]
fn a_short_stream_is_told_as_lost_events() {
    let mut plan = plan(
        start_mock(),
        r#"{"stream":true,"x_chunks":3,"x_interval_ms":0}"#,
    );
    (plan.requests_max, plan.events) = (Some(2), Some(5));
    let (outcome, fault) = run(plan).unwrap();
    assert_eq!(outcome.faults.lost_events, 4);
    assert!(fault.unwrap().contains("not whole"));
}

/// Answers each connection's request with `answer` and closes.
fn start_closing_server(answer: &'static str, connections: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming().take(connections) {
            let mut socket = socket.unwrap();
            let _ = socket.read(&mut [0; 4096]);
            let _ = socket.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn a_connection_that_ends_with_its_answer_is_replaced() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let mut plan = plan(start_closing_server(answer, 6), CHAT);
    (plan.connections, plan.requests_max) = (1, Some(6));
    let (outcome, fault) = run(plan).unwrap();
    assert_faultless(&outcome, fault.as_deref(), 6);
}

#[test]
fn refusals_and_cut_answers_are_faults() {
    let refusal =
        "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let mut refused = plan(start_closing_server(refusal, 2), CHAT);
    (refused.connections, refused.requests_max) = (1, Some(2));
    let (outcome, fault) = run(refused).unwrap();
    assert_eq!((outcome.faults.refused, outcome.completed), (2, 0));
    assert!(fault.unwrap().contains("429"));

    let mut cut = plan(
        start_closing_server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", 1),
        CHAT,
    );
    (cut.connections, cut.requests_max) = (1, Some(1));
    let (outcome, _) = run(cut).unwrap();
    assert_eq!(outcome.faults.broken, 1);
}
