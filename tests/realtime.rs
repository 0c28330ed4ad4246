//! `/v1/realtime`: the handshake, frames both ways, what is metered, and every way it ends.

#![expect(
    clippy::unwrap_used,
    reason = "a peer that cannot play its part must stop the test, loudly and at the spot"
)]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use serde_json::{Value, json};
use weir_testkit::gateway::operator_key;
use weir_testkit::{ADMIN_TOKEN, Client, Gateway, PATIENCE, wait_until};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
/// RFC 6455, section 1.3: a key and what a server makes of it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const PRICES: &str = "prices:\n  version: test\n  up:\n    rt: {input: 4, output: 16, audio_input: 32, audio_output: 64}\n";

/// A provider's end of one connection, which a test plays.
struct Peer {
    stream: TcpStream,
    head: String,
}

impl Peer {
    fn agree(&mut self) {
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Protocol: realtime\r\nSet-Cookie: a=b\r\n\r\n"
        );
        self.stream.write_all(answer.as_bytes()).unwrap();
    }

    fn refuse(mut self, status: &str, body: &str) {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(answer.as_bytes()).unwrap();
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    fn say(&mut self, event: &Value) {
        let frame = frame(0x1, event.to_string().as_bytes(), false);
        self.stream.write_all(&frame).unwrap();
    }
}

/// A provider whose connections come to the test with their heads read.
struct Provider {
    base_url: String,
    connections: Receiver<Peer>,
}

impl Provider {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (tell, connections) = sync_channel::<Peer>(16);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let peer = accept(stream);
                if peer.is_none_or(|peer| tell.send(peer).is_err()) {
                    return;
                }
            }
        });
        Self {
            base_url,
            connections,
        }
    }

    fn next(&self) -> Peer {
        self.connections.recv_timeout(PATIENCE).unwrap()
    }
}

fn accept(mut stream: TcpStream) -> Option<Peer> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let head = read_head(&mut stream)?;
    Some(Peer { stream, head })
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// A frame of at most 64 KiB; a client's is masked.
fn frame(opcode: u8, payload: &[u8], is_masked: bool) -> Vec<u8> {
    let mask_bit = u8::from(is_masked) << 7;
    let mut frame = vec![0x80 | opcode];
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(mask_bit | length),
        _ => {
            frame.push(mask_bit | 126);
            frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    if !is_masked {
        frame.extend_from_slice(payload);
        return frame;
    }
    let mask = [7, 1, 9, 200];
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    frame
}

/// The next frame: its opcode and its payload, unmasked.
fn read_frame(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut start = [0; 2];
    stream.read_exact(&mut start).ok()?;
    let mut length = usize::from(start[1] & 0x7f);
    if length == 126 {
        let mut long = [0; 2];
        stream.read_exact(&mut long).ok()?;
        length = usize::from(u16::from_be_bytes(long));
    }
    let mut mask = [0; 4];
    if start[1] & 0x80 != 0 {
        stream.read_exact(&mut mask).ok()?;
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).ok()?;
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    Some((start[0] & 0x0f, payload))
}

fn read_event(stream: &mut TcpStream) -> Value {
    let (opcode, payload) = read_frame(stream).unwrap();
    assert_eq!(opcode, 1, "{payload:?}");
    serde_json::from_slice(&payload).unwrap()
}

/// What a client reads until its connection ends: events, and the status of the close frame.
fn read_rest(stream: &mut TcpStream) -> (Vec<Value>, Option<u16>) {
    let (mut events, mut status) = (Vec::new(), None);
    while let Some((opcode, payload)) = read_frame(stream) {
        match opcode {
            8 => status = Some(u16::from_be_bytes([payload[0], payload[1]])),
            _ => events.push(serde_json::from_slice(&payload).unwrap()),
        }
    }
    (events, status)
}

fn start(provider: &Provider) -> Gateway {
    Gateway::builder(WEIR)
        .provider_at("up", &provider.base_url)
        .provider_setting("up", "endpoints: {realtime: true}")
        .provider_setting("up", "models: [rt, other]")
        .file("conf.d/90-prices.yaml", PRICES)
        .start()
}

const UPGRADE: [(&str, &str); 4] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", KEY),
];

fn handshake(client: &Client, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    client.head("GET", path, &[&UPGRADE, more].concat(), None)
}

/// A handshake that is answered with anything but 101.
fn refused(client: &Client, path: &str) -> weir_testkit::Response {
    let mut connection = client.connect();
    connection.send(&handshake(client, path, &[]));
    connection.response()
}

/// A client's end of a session, and what it was told when it began.
struct Caller {
    stream: TcpStream,
    head: String,
}

impl Caller {
    fn say(&mut self, event: &Value) {
        let frame = frame(0x1, event.to_string().as_bytes(), true);
        self.stream.write_all(&frame).unwrap();
    }
}

/// Opens a session through the gateway.
fn open(client: &Client, provider: &Provider, path: &str, more: &[(&str, &str)]) -> (Caller, Peer) {
    let mut stream = TcpStream::connect(client.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&handshake(client, path, more)).unwrap();
    let mut peer = provider.next();
    peer.agree();
    let head = read_head(&mut stream).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    (Caller { stream, head }, peer)
}

const PATH: &str = "/v1/realtime?model=up/rt";

fn created() -> Value {
    json!({"type": "session.created", "session": {"id": "sess_1", "model": "rt-2025"}})
}

fn done(audio_out: u64) -> Value {
    json!({"type": "response.done", "response": {"id": "resp_1", "usage": {
        "total_tokens": 130, "input_tokens": 100, "output_tokens": audio_out + 10,
        "input_token_details": {"text_tokens": 40, "audio_tokens": 60, "cached_tokens": 0},
        "output_token_details": {"text_tokens": 10, "audio_tokens": audio_out}}}})
}

fn items(call: &Value) -> Vec<(String, u64)> {
    let items = call["items"].as_array().cloned().unwrap_or_default();
    let pair = |item: &Value| {
        let unit = item["unit"].as_str().unwrap_or_default().to_owned();
        (unit, item["quantity"].as_u64().unwrap_or(0))
    };
    let mut pairs: Vec<_> = items.iter().map(pair).collect();
    pairs.sort();
    pairs
}

fn used(pairs: [(&str, u64); 4]) -> Vec<(String, u64)> {
    pairs
        .map(|(unit, quantity)| (unit.to_owned(), quantity))
        .to_vec()
}

fn in_flight(gateway: &Gateway, count: u32) -> bool {
    let line = format!("weir_requests_in_flight {count}\n");
    gateway.metrics().contains(&line)
}

#[test]
fn a_handshake_is_built_afresh_on_both_sides() {
    let provider = Provider::start();
    let gateway = start(&provider);
    let path = "/v1/realtime?model=up/rt&intent=conversation&api-key=sk-leak";
    let more = [
        ("openai-beta", "realtime=v1"),
        ("sec-websocket-extensions", "permessage-deflate"),
        ("cookie", "a=b"),
    ];
    let (caller, peer) = open(&gateway.client(), &provider, path, &more);
    assert!(
        peer.head
            .starts_with("GET /v1/realtime?model=rt&intent=conversation HTTP/1.1\r\n"),
        "{}",
        peer.head
    );
    let bearer = format!("Bearer {}", operator_key("up"));
    assert_eq!(peer.header("authorization"), Some(bearer.as_str()));
    assert_eq!(peer.header("openai-beta"), Some("realtime=v1"));
    assert_eq!(peer.header("sec-websocket-key"), Some(KEY));
    assert!(!peer.head.contains("sk-weir") && !peer.head.contains("sk-leak"));
    let lower = peer.head.to_lowercase();
    assert!(!lower.contains("cookie") && !lower.contains("extensions"));
    let lower = caller.head.to_lowercase();
    assert!(lower.contains("x-request-id: ") && lower.contains("x-weir-provider: up"));
    assert!(lower.contains(&ACCEPT.to_lowercase()) && !lower.contains("set-cookie"));
}

#[test]
fn a_session_is_relayed_and_metered_by_its_events() {
    let provider = Provider::start();
    let gateway = start(&provider);
    let (mut caller, mut peer) = open(&gateway.client(), &provider, PATH, &[]);
    assert!(in_flight(&gateway, 2));
    peer.say(&created());
    assert_eq!(read_event(&mut caller.stream), created());
    caller.say(&json!({"type": "response.create"}));
    assert_eq!(
        read_event(&mut peer.stream),
        json!({"type": "response.create"})
    );
    for audio_out in [20, 5] {
        peer.say(&json!({"type": "response.created", "response": {"id": "resp_1"}}));
        peer.say(&done(audio_out));
        read_event(&mut caller.stream);
        assert_eq!(read_event(&mut caller.stream), done(audio_out));
    }
    let close = frame(0x8, &1000_u16.to_be_bytes(), true);
    caller.stream.write_all(&close).unwrap();
    assert_eq!(read_frame(&mut peer.stream).unwrap().0, 8);
    drop(caller);
    drop(peer);

    let call = &gateway.wait_for_calls(1)[0];
    assert_eq!(call["kind"], "realtime");
    assert_eq!(
        (&call["end"], &call["status"], &call["estimated"]),
        (&json!("done"), &json!(101), &json!(false))
    );
    assert_eq!(
        call["model"].as_str().or(call["served_model"].as_str()),
        Some("rt")
    );
    let expected = [
        ("audio_input", 120),
        ("audio_output", 25),
        ("input", 80),
        ("output", 20),
    ];
    assert_eq!(items(call), used(expected), "{call}");
    // 120 x 32 + 25 x 64 + 80 x 4 + 20 x 16 dollars for a million each.
    assert_eq!(call["cost_nanousd"], 6_080_000);
    assert_eq!(call["unpriced"], false);
    // The scrape itself is one.
    let is_over = || in_flight(&gateway, 1).then_some(());
    wait_until(PATIENCE, is_over).expect("the session is counted no more");
}

#[test]
fn a_browser_sends_its_token_among_the_subprotocols() {
    let provider = Provider::start();
    let gateway = start(&provider);
    let protocols = format!("realtime, openai-insecure-api-key.{ADMIN_TOKEN}");
    let more = [("sec-websocket-protocol", protocols.as_str())];
    let (caller, peer) = open(&gateway.anonymous(), &provider, PATH, &more);
    assert_eq!(peer.header("sec-websocket-protocol"), Some("realtime"));
    assert!(!peer.head.contains("sk-weir"));
    let head = caller.head.to_lowercase();
    assert!(head.contains("sec-websocket-protocol: realtime\r\n"));
}

#[test]
fn what_cannot_become_a_session_is_told_before_a_provider_is_asked() {
    let provider = Provider::start();
    let gateway = start(&provider);
    let client = gateway.client();
    refused(&gateway.anonymous(), PATH).assert_status(401);
    refused(&client, "/v1/realtime?model=nobody/knows").assert_error(404, "model_not_found");
    refused(&client, "/v1/realtime").assert_error(400, "missing_required_parameter");
    let plain = client.get(PATH);
    plain.assert_error(426, "upgrade_required");
    assert_eq!(plain.header("upgrade"), Some("websocket"));
    client
        .post(PATH, &json!({}))
        .assert_error(405, "method_not_allowed");
    assert!(provider.connections.try_recv().is_err());
}

#[test]
fn a_provider_without_realtime_does_not_serve_it() {
    let provider = Provider::start();
    let gateway = Gateway::builder(WEIR)
        .provider_at("up", &provider.base_url)
        .start();
    refused(&gateway.client(), "/v1/realtime?model=up/ok").assert_error(404, "model_not_found");
}

#[test]
fn a_providers_refusal_is_judged_like_any_other() {
    let provider = Provider::start();
    let gateway = start(&provider);
    let client = gateway.client();
    let answers = [
        ("401 Unauthorized", 502, "provider_key_rejected"),
        ("400 Bad Request", 400, "beta_only"),
    ];
    for (status, told, code) in answers {
        let mut connection = client.connect();
        connection.send(&handshake(&client, PATH, &[]));
        let body = r#"{"error": {"message": "no sk-operator", "type": "t", "code": "beta_only"}}"#;
        provider.next().refuse(status, body);
        connection.response().assert_error(told, code);
    }
    let calls = gateway.wait_for_calls(2);
    for call in &calls {
        assert_eq!((&call["end"], items(call).len()), (&json!("failed"), 0));
    }
}

#[test]
fn the_next_provider_is_asked_when_the_first_fails() {
    let (first, second) = (Provider::start(), Provider::start());
    let gateway = Gateway::builder(WEIR)
        .provider_at("a", &first.base_url)
        .provider_setting("a", "endpoints: {realtime: true}")
        .provider_at("b", &second.base_url)
        .provider_setting("b", "endpoints: {realtime: true}")
        .set("aliases", "talk: [a/one, b/two]")
        .start();
    let client = gateway.client();
    let mut stream = TcpStream::connect(client.address()).unwrap();
    let asked = handshake(&client, "/v1/realtime?model=talk", &[]);
    stream.write_all(&asked).unwrap();
    first.next().refuse("503 Service Unavailable", "{}");
    let mut peer = second.next();
    assert!(peer.head.starts_with("GET /v1/realtime?model=two "));
    let bearer = format!("Bearer {}", operator_key("b"));
    assert_eq!(peer.header("authorization"), Some(bearer.as_str()));
    peer.agree();
    assert!(read_head(&mut stream).unwrap().starts_with("HTTP/1.1 101 "));
    drop(stream);
    let call = &gateway.wait_for_calls(1)[0];
    assert_eq!(
        (&call["provider"], &call["attempts"]),
        (&json!("b"), &json!(2))
    );
}

#[test]
fn a_client_that_vanishes_in_a_response_is_settled_and_estimated() {
    let provider = Provider::start();
    let gateway = start(&provider);
    let (mut caller, mut peer) = open(&gateway.client(), &provider, PATH, &[]);
    peer.say(&json!({"type": "response.created", "response": {"id": "resp_1"}}));
    peer.say(&done(20));
    peer.say(&json!({"type": "response.created", "response": {"id": "resp_2"}}));
    peer.say(&json!({"type": "response.output_text.delta", "delta": "Hello, how are you?"}));
    for _ in 0..4 {
        read_event(&mut caller.stream);
    }
    caller.stream.shutdown(Shutdown::Both).unwrap();
    drop(caller);
    // The provider's end is closed too.
    assert!(read_frame(&mut peer.stream).is_none());
    drop(peer);
    let call = &gateway.wait_for_calls(1)[0];
    assert_eq!(
        (&call["end"], &call["estimated"]),
        (&json!("cancelled"), &json!(true))
    );
    let items = items(call);
    assert!(
        items.contains(&("audio_output".to_owned(), 20)),
        "{items:?}"
    );
    let output = items.iter().find(|(unit, _)| unit == "output");
    assert!(
        output.is_some_and(|(_, quantity)| *quantity > 10),
        "{items:?}"
    );
}

#[test]
fn a_model_that_the_token_may_not_use_ends_the_session() {
    let provider = Provider::start();
    let gateway = start(&provider);
    gateway.add_user("eve");
    let token = gateway.create_token("eve", &["--models", "up/rt"]);
    let client = gateway.client_with(&token.secret);
    let (mut caller, mut peer) = open(&client, &provider, PATH, &[]);
    let update = |model: &str| json!({"type": "session.update", "session": {"model": model}});
    for model in ["rt", "up/rt"] {
        caller.say(&update(model));
        assert_eq!(read_event(&mut peer.stream), update(model));
    }
    caller.say(&update("other"));
    let (events, status) = read_rest(&mut caller.stream);
    assert_eq!((events.len(), status), (1, Some(1008)));
    assert_eq!(events[0]["error"]["code"], "model_not_found");
    assert!(
        read_frame(&mut peer.stream).is_none(),
        "it never reached the provider"
    );
    assert_eq!(gateway.wait_for_calls(1)[0]["end"], "failed");
}

#[test]
fn a_revoked_token_ends_its_session() {
    let provider = Provider::start();
    let gateway = start(&provider);
    gateway.add_user("eve");
    let token = gateway.create_token("eve", &[]);
    let (mut caller, _peer) = open(&gateway.client_with(&token.secret), &provider, PATH, &[]);
    gateway
        .cli(&["token", "revoke", &token.id])
        .assert_success();
    let (events, status) = read_rest(&mut caller.stream);
    assert_eq!((events.len(), status), (1, Some(1008)));
    assert_eq!(events[0]["error"]["code"], "invalid_api_key");
}

#[test]
fn a_stopping_process_lets_a_response_end_and_then_says_goodbye() {
    let provider = Provider::start();
    let mut gateway = start(&provider);
    let (mut idle, _idle_peer) = open(&gateway.client(), &provider, PATH, &[]);
    let (mut caller, mut peer) = open(&gateway.client(), &provider, PATH, &[]);
    peer.say(&json!({"type": "response.created", "response": {"id": "resp_1"}}));
    read_event(&mut caller.stream);
    gateway.terminate();
    // By then the process is stopping.
    let (events, status) = read_rest(&mut idle.stream);
    assert_eq!((events.len(), status), (1, Some(1001)));
    peer.say(&done(20));
    let (events, status) = read_rest(&mut caller.stream);
    assert_eq!((events.len(), status), (2, Some(1001)));
    assert_eq!(events[0], done(20));
    assert_eq!(events[1]["error"]["code"], "server_shutdown");
    let exit = gateway.wait_for_exit(PATIENCE).expect("it ends");
    assert_eq!(exit.code(), Some(0));
    gateway.start_again();
    for call in gateway.wait_for_calls(2) {
        assert_eq!(
            (&call["end"], &call["estimated"]),
            (&json!("done"), &json!(false))
        );
    }
}
