//! No client can keep the others from being served: slow senders, slow readers, idle crowds, absurd bodies.

use std::time::{Duration, Instant};

use weir_testkit::{
    Act, Conn, Gateway, GatewayBuilder, PATIENCE, Play, Reply, Upstream, chat_body, stream_body,
    wait_until,
};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
const CHAT: &str = "/v1/chat/completions";
/// Far more than any request of these tests needs, far less than a starved one would take.
const PROMPT: Duration = Duration::from_secs(2);

fn impatient(upstream: &Upstream) -> GatewayBuilder {
    Gateway::builder(WEIR)
        .provider("up", upstream)
        .set("server", "header_timeout_ms: 1500")
        .set("server", "body_timeout_floor_ms: 1000")
        .set("server", "min_body_rate_bytes_s: 1024")
        .set("server", "keepalive_idle_ms: 1500")
        .set("server", "write_timeout_ms: 1000")
}

/// Ordinary requests are answered, each promptly.
fn assert_serves(gateway: &Gateway) {
    for body in [chat_body("up/ok"), stream_body("up/ok"), chat_body("up/ok")] {
        let started = Instant::now();
        gateway.client().chat(&body).assert_status(200);
        assert!(
            started.elapsed() < PROMPT,
            "a request took {:?}",
            started.elapsed()
        );
    }
}

/// Every connection is closed by the gateway, within `limit` all together.
fn assert_all_closed(connections: &mut [Conn], limit: Duration) {
    let deadline = Instant::now() + limit;
    for (number, connection) in connections.iter_mut().enumerate() {
        let left = deadline
            .saturating_duration_since(Instant::now())
            .max(Duration::from_millis(10));
        assert!(
            connection.closes_within(left),
            "connection {number} is still open"
        );
    }
}

/// The gateway gives its file descriptors back.
fn assert_files_return(gateway: &Gateway, before: usize) {
    let returned = || (gateway.open_files() <= before + 5).then_some(());
    let outcome = wait_until(PATIENCE, returned);
    assert!(
        outcome.is_some(),
        "{} files are open, before it were {before}",
        gateway.open_files()
    );
}

#[test]
fn slow_heads_are_cut_off_and_hold_nobody_up() {
    let upstream = Upstream::start();
    let gateway = impatient(&upstream).start();
    assert_serves(&gateway);
    let before = gateway.open_files();
    let mut slow: Vec<Conn> = (0..300).map(|_| Conn::open(gateway.address())).collect();
    // A byte now and then must not renew the deadline of the head as a whole.
    let started = Instant::now();
    for byte in b"POST /v1/c" {
        for connection in &mut slow {
            let _ = connection.try_send(&[*byte]);
        }
        assert_serves(&gateway);
        if started.elapsed() > Duration::from_secs(3) {
            break;
        }
    }
    assert_all_closed(&mut slow, Duration::from_secs(10));
    assert_files_return(&gateway, before);
}

#[test]
fn slow_bodies_are_cut_off_and_hold_nobody_up() {
    let upstream = Upstream::start();
    let gateway = impatient(&upstream).start();
    assert_serves(&gateway);
    let client = gateway.client();
    let mut slow: Vec<Conn> = (0..200)
        .map(|_| {
            let mut connection = client.connect();
            connection.send(&client.head("POST", CHAT, &[], Some(1_000_000)));
            connection.send(b"{\"model\":");
            connection
        })
        .collect();
    assert_serves(&gateway);
    let answer = slow
        .pop()
        .map(|mut connection| connection.response())
        .expect("there are many");
    assert_eq!(
        (answer.status, answer.error("type").as_str()),
        (408, "invalid_request_error")
    );
    assert_all_closed(&mut slow, Duration::from_secs(10));
    assert_serves(&gateway);
}

#[test]
fn slow_readers_are_cut_off_and_cost_little_memory() {
    let upstream = Upstream::start();
    let gateway = impatient(&upstream).start();
    assert_serves(&gateway);
    let event = format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
        "x".repeat(4000)
    );
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let flood = Play::new()
        .send(head)
        .act(Act::Send(event.repeat(8_000).into_bytes().into()));
    upstream.on_model("flood", flood);
    let before = gateway.resident_bytes();
    let client = gateway.client();
    let request = client.request(CHAT, &[], stream_body("up/flood").to_string().as_bytes());
    let readers: Vec<Conn> = (0..30)
        .map(|_| {
            let mut connection = Conn::open_with_small_buffer(gateway.address(), 4096);
            connection.send(&request);
            connection
        })
        .collect();
    let flooded = |seen: &[weir_testkit::Seen]| {
        seen.iter()
            .filter(|one| one.model() == Some("flood"))
            .count()
            == 30
    };
    upstream.wait(PATIENCE, flooded).expect("all floods begin");
    assert_serves(&gateway);
    let grown = gateway.resident_bytes().saturating_sub(before);
    assert!(grown < 64 * 1024 * 1024, "30 readers cost {grown} bytes");
    let ended = |seen: &[weir_testkit::Seen]| {
        seen.iter()
            .all(|one| one.outcome != weir_testkit::Outcome::Going)
    };
    assert!(
        upstream.wait(PATIENCE, ended).is_some(),
        "a reader that takes nothing is cut off"
    );
    drop(readers);
    assert_serves(&gateway);
}

#[test]
fn a_thousand_idle_connections_hold_nobody_up() {
    let upstream = Upstream::start();
    let gateway = impatient(&upstream).start();
    assert_serves(&gateway);
    let (files, memory) = (gateway.open_files(), gateway.resident_bytes());
    let mut idle: Vec<Conn> = (0..1000).map(|_| Conn::open(gateway.address())).collect();
    assert_serves(&gateway);
    let grown = gateway.resident_bytes().saturating_sub(memory);
    assert!(
        grown < 50 * 1024 * 1024,
        "a thousand idle connections cost {grown} bytes"
    );
    assert_all_closed(&mut idle, Duration::from_secs(20));
    assert_files_return(&gateway, files);
}

#[test]
fn a_connection_that_was_used_and_idles_is_closed() {
    let upstream = Upstream::start();
    let gateway = impatient(&upstream).start();
    let client = gateway.client();
    let mut used = client.connect();
    used.send(&client.request(CHAT, &[], chat_body("up/ok").to_string().as_bytes()));
    assert_eq!(used.response().status, 200);
    assert!(used.closes_within(Duration::from_secs(10)));
}

#[test]
fn a_million_elements_and_thirty_megabytes_hold_nobody_up() {
    let upstream = Upstream::start();
    let gateway = impatient(&upstream).start();
    assert_serves(&gateway);
    let elements = format!(
        "{{\"model\":\"up/ok\",\"messages\":[],\"x\":[{}0]}}",
        "0,".repeat(1_000_000)
    );
    let nested = format!(
        "{{\"model\":\"up/ok\",\"messages\":[{}{{}}]}}",
        "{\"a\":{\"b\":[{}]}},".repeat(1_500_000)
    );
    std::thread::scope(|scope| {
        for body in [&elements, &nested, &elements, &nested] {
            scope.spawn(|| {
                gateway
                    .client()
                    .post_bytes(CHAT, &[], body.as_bytes())
                    .assert_status(200)
                    .status
            });
        }
        for _ in 0..5 {
            assert_serves(&gateway);
        }
    });
    assert!(gateway.resident_bytes() < 512 * 1024 * 1024);
}

#[test]
fn one_address_cannot_take_all_connections() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("server", "connections_per_ip: 10")
        .start();
    let held: Vec<Conn> = (0..10).map(|_| Conn::open(gateway.address())).collect();
    let are_all_in = || {
        gateway
            .metrics()
            .contains("\nweir_connections 10\n")
            .then_some(())
    };
    assert!(wait_until(PATIENCE, are_all_in).is_some());
    let served = || {
        let client = gateway.client();
        let mut connection = Conn::try_open(gateway.address()).ok()?;
        connection
            .try_send(&client.request(CHAT, &[], chat_body("up/ok").to_string().as_bytes()))
            .ok()?;
        connection
            .try_response()
            .ok()
            .filter(|answer| answer.status == 200)
    };
    assert!(served().is_none(), "an eleventh connection is not served");
    drop(held);
    assert!(
        wait_until(PATIENCE, served).is_some(),
        "a place that was freed can be used"
    );
}

#[test]
fn a_connection_serves_only_so_many_requests() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("server", "requests_per_connection: 3")
        .start();
    let client = gateway.client();
    let mut connection = client.connect();
    let request = client.request(CHAT, &[], chat_body("up/ok").to_string().as_bytes());
    for _ in 0..3 {
        connection.send(&request);
        assert_eq!(connection.response().status, 200);
    }
    assert!(connection.closes_within(PATIENCE));
}

#[test]
fn bodies_share_one_bound_on_memory() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("server", "max_body_bytes: 8MiB")
        .set("server", "max_bodies_memory_bytes: 16MiB")
        .start();
    let client = gateway.client();
    let body = vec![b' '; 7 * 1024 * 1024];
    let mut uploads: Vec<Conn> = (0..8)
        .map(|_| {
            let mut connection = client.connect();
            connection.send(&client.head("POST", CHAT, &[], Some(body.len() + 1)));
            let _ = connection.try_send(&body);
            connection
        })
        .collect();
    let statuses: Vec<u16> = uploads
        .iter_mut()
        .map(|connection| {
            let _ = connection.try_send(b" ");
            connection.try_response().map_or(0, |answer| answer.status)
        })
        .collect();
    // Blank bodies are 400s once they are read; what there is no room for is a 503.
    assert!(
        statuses
            .iter()
            .all(|status| matches!(status, 0 | 400 | 503)),
        "{statuses:?}"
    );
    assert!(
        statuses.contains(&503),
        "eight bodies of 7 MiB do not fit into 16 MiB: {statuses:?}"
    );
    assert!(gateway.resident_bytes() < 128 * 1024 * 1024);
    assert_serves(&gateway);
}

#[test]
fn what_weighs_a_hundred_times_its_bytes_is_not_taken_apart() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider("other", &upstream)
        .provider_setting("other", "formats: [anthropic]")
        .set("server", "max_body_bytes: 8MiB")
        .set("server", "max_bodies_memory_bytes: 64MiB")
        .start();
    let client = gateway.client();
    let values = "[],".repeat(2 << 20);
    let ask = |model: &str| {
        format!(
            r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}],"tools":[{{"type":"function","function":{{
            "name":"f","parameters":{{"type":"object","enum":[{values}0]}}}}}}]}}"#
        )
    };
    // As it came it is a body like another.
    let native = client.post_bytes(CHAT, &[], ask("up/ok").as_bytes());
    native.assert_status(200);
    let refused = client.post_bytes(CHAT, &[], ask("other/ok").as_bytes());
    refused.assert_error(413, "request_too_large");
    // An answer may be as odd.
    let answer = format!(
        r#"{{"id":"c","object":"chat.completion","model":"ok","choices":[{{"index":0,"finish_reason":"stop","message":{{
        "role":"assistant","content":"hi","x":[{values}0]}}}}],"usage":{{"prompt_tokens":1,"completion_tokens":1}}}}"#
    );
    upstream.forget();
    for _ in 0..2 {
        upstream.next(Reply::new(200, answer.clone()).header("content-type", "application/json"));
    }
    client.chat(&chat_body("up/ok")).assert_status(200);
    let mut body = chat_body("up/ok");
    body["max_tokens"] = 5.into();
    let heavy = client.post("/v1/messages", &body);
    heavy.assert_status(503);
    assert!(
        heavy.text().contains("max_bodies_memory_bytes"),
        "{}",
        heavy.text()
    );
    assert!(gateway.resident_bytes() < 192 * 1024 * 1024);
    assert_serves(&gateway);
}

#[test]
fn answers_share_the_bound_on_memory() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("server", "max_body_bytes: 8MiB")
        .set("server", "max_bodies_memory_bytes: 16MiB")
        .start();
    let long = format!(r#"{{"choices":[],"x":"{}"}}"#, "x".repeat(40 << 20));
    upstream.next(Reply::new(200, long).header("content-type", "application/json"));
    let client = gateway.client();
    client
        .chat(&chat_body("up/ok"))
        .assert_error(503, "overloaded");
    // What it held is free again.
    let long = format!(r#"{{"choices":[],"x":"{}"}}"#, "x".repeat(7 << 20));
    upstream.next(Reply::new(200, long).header("content-type", "application/json"));
    client.chat(&chat_body("up/ok")).assert_status(200);
}

#[test]
fn an_event_that_never_ends_shares_the_bound_on_memory() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider("other", &upstream)
        .provider_setting("other", "formats: [anthropic]")
        .set("server", "max_body_bytes: 4MiB")
        .set("server", "max_bodies_memory_bytes: 8MiB")
        .start();
    for model in ["up/ok", "other/ok"] {
        upstream.forget();
        let event = format!("data: {}", "x".repeat(12 << 20));
        upstream.next(Reply::new(200, event).header("content-type", "text/event-stream"));
        let reply = gateway.client().post(CHAT, &stream_body(model));
        reply.assert_error(503, "overloaded");
    }
    assert_serves(&gateway);
}

#[test]
fn lengths_that_are_only_announced_keep_nobody_out() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("server", "max_body_bytes: 8MiB")
        .set("server", "max_bodies_memory_bytes: 16MiB")
        .start();
    let client = gateway.client();
    let held: Vec<Conn> = (0..20)
        .map(|_| {
            let mut request = client.head("POST", CHAT, &[], Some(8 * 1024 * 1024));
            request.push(b'{');
            let mut connection = client.connect();
            connection.send(&request);
            connection
        })
        .collect();
    for _ in 0..5 {
        assert_serves(&gateway);
    }
    drop(held);
}

#[test]
fn the_demo_provider_cannot_be_asked_for_more_than_a_demo() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let inputs = vec![""; 40_000];
    let body = serde_json::json!({"model": "demo", "dimensions": 4096, "input": inputs});
    let answer = gateway.client().post("/v1/embeddings", &body);
    answer.assert_status(400);
    assert!(gateway.resident_bytes() < 256 * 1024 * 1024);
}

#[test]
fn a_name_as_long_as_a_book_is_refused_at_once() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let name = "x".repeat(10 * 1024 * 1024);
    gateway.client().chat(&chat_body(&name)).assert_status(400);
    assert_serves(&gateway);
}
