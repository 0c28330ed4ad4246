//! Large forms on their way: a client that leaves, a provider that answers before it has everything or is slow to take it, a
//! body that stalls. What was begun at a provider is cancelled then, and never completed with less than was announced.
#![expect(
    clippy::unwrap_used,
    reason = "a provider that the test plays itself fails the test where it fails"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_testkit::form::{FORM, form};
use weir_testkit::h2c::Upload;
use weir_testkit::{
    Act, Authority, Conn, Gateway, GatewayBuilder, H2Front, Outcome, PATIENCE, Play, Reply,
    TlsPipe, Upstream,
};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
const SPEECH: &str = "/v1/audio/transcriptions";
const MIB: usize = 1024 * 1024;

fn builder() -> GatewayBuilder {
    Gateway::builder(WEIR).set("retry", "max_attempts: 1")
}

fn serving(builder: GatewayBuilder, upstream: &Upstream) -> Gateway {
    builder
        .provider("up", upstream)
        .provider_setting("up", "endpoints: {audio_transcriptions: true, files: true}")
        .start()
}

/// A gateway whose provider is this listener.
fn before(builder: GatewayBuilder, provider: &TcpListener) -> Gateway {
    let address = provider.local_addr().unwrap();
    builder
        .provider_at("up", &format!("http://{address}/v1"))
        .provider_setting("up", "endpoints: {audio_transcriptions: true, files: true}")
        .start()
}

/// Sends the head of a form of this length and so much of it.
fn begin(gateway: &Gateway, path: &str, form: &[u8], sent: usize) -> Conn {
    let client = gateway.client();
    let mut connection = client.connect();
    connection.send(&client.head("POST", path, FORM, Some(form.len())));
    connection.send(&form[..sent]);
    connection
}

fn row(gateway: &Gateway) -> (Value, Value) {
    let call = gateway.wait_for_calls(1).remove(0);
    (call["status"].clone(), call["end"].clone())
}

/// Whether no request is under way but the scrape that asks.
fn is_idle(gateway: &Gateway) -> bool {
    gateway.metrics().contains("weir_requests_in_flight 1\n")
}

/// Takes a connection and reads the request's head, and nothing behind it.
fn accept(provider: &TcpListener) -> TcpStream {
    let (mut stream, _) = provider.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    stream
}

/// Reads to the end, however it comes; how much there was.
fn drain(mut stream: TcpStream) -> usize {
    let (mut len, mut space) = (0, vec![0; MIB]);
    while let Ok(read @ 1..) = stream.read(&mut space) {
        len += read;
    }
    len
}

#[test]
fn a_client_that_leaves_its_form_cancels_it_though_the_provider_takes_nothing() {
    let provider = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = before(builder(), &provider);
    let form = form("up/whisper-1", 40 * MIB, true);
    let mut fastest = Duration::MAX;
    // The best of several: a loaded test machine may hold up any single one.
    for round in 1..=3 {
        // More than any buffer between the two holds.
        let mut connection = begin(&gateway, SPEECH, &form, 2 * MIB);
        let stream = accept(&provider);
        connection.send(&form[2 * MIB..20 * MIB]);
        let left = Instant::now();
        drop(connection);
        let is_over = || is_idle(&gateway).then_some(());
        assert!(weir_testkit::wait_until(PATIENCE, is_over).is_some());
        fastest = fastest.min(left.elapsed());
        let calls = gateway.wait_for_calls(round);
        assert_eq!(calls.len(), round);
        for call in &calls {
            let told = (&call["status"], &call["end"]);
            assert_eq!(told, (&json!(499), &json!("cancelled")));
        }
        assert!(drain(stream) < 20 * MIB);
    }
    assert!(
        fastest < Duration::from_millis(250),
        "the fastest took {fastest:?}"
    );
}

#[test]
fn a_client_that_leaves_is_noticed_though_nothing_is_read_from_it() {
    let provider = TcpListener::bind("127.0.0.1:0").unwrap();
    // No room to read ahead: the client cannot go on sending.
    let gateway = before(builder().set("server", "max_spool_bytes: 64KiB"), &provider);
    let form = form("up/whisper-1", 60 * MIB, true);
    let mut connection = begin(&gateway, SPEECH, &form, 0);
    assert!(connection.send_until_blocked(&form, Duration::from_millis(300)));
    let kept = accept(&provider);
    connection.reset();
    assert_eq!(row(&gateway), (json!(499), json!("cancelled")));
    assert!(drain(kept) < form.len());
}

#[test]
fn what_a_slow_provider_does_not_take_waits_on_disk_and_arrives_whole() {
    let provider = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = before(builder(), &provider);
    let body = form("up/whisper-1", 30 * MIB, true);
    let mut connection = begin(&gateway, SPEECH, &body, body.len());
    // All of it was taken from the client before the provider has read a byte.
    let mut stream = accept(&provider);
    let expected = form("whisper-1", 30 * MIB, true);
    let mut arrived = vec![0; expected.len()];
    stream.read_exact(&mut arrived).unwrap();
    assert!(arrived == expected, "the form differs");
    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{\"text\":\"ok\"}";
    stream.write_all(answer).unwrap();
    let answer = connection.response();
    assert_eq!(answer.assert_status(200).json()["text"], "ok");
    assert_eq!(gateway.open_spools(), 0);
}

#[test]
fn an_answer_that_comes_early_is_told_at_once_and_the_rest_is_not_waited_for() {
    let upstream = Upstream::start();
    let gateway = serving(builder(), &upstream);
    let form = form("up/whisper-1", 40 * MIB, true);
    let paths = [SPEECH, "/v1/files", "/providers/up/v1/uploads"];
    for (round, (path, status)) in (1..).zip(paths.iter().flat_map(|path| {
        let statuses = [413, 400, 429, 500];
        statuses.map(|status| (*path, status))
    })) {
        let refusal = Reply::error(status, "scripted", "The scripted provider says no.");
        upstream.next(refusal.early());
        // The rest is never sent: who waits for it waits in vain.
        let mut connection = begin(&gateway, path, &form, 2 * MIB);
        let answer = connection.response();
        answer.assert_error(status, "scripted");
        assert_eq!(answer.header("connection"), Some("close"), "{path}");
        assert!(connection.closes_within(PATIENCE), "{path} {status}");
        let calls = gateway.wait_for_calls(round);
        let told = |call: &Value| call["status"] == status && call["end"] == "failed";
        assert!(calls.iter().any(told), "{path} {status}: {calls:?}");
    }
}

#[test]
fn a_large_body_of_any_kind_that_is_answered_early_is_not_sent_to_its_end() {
    let provider = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = before(builder(), &provider);
    let mut chat = weir_testkit::chat_body("up/ok");
    chat["messages"][0]["content"] = "x".repeat(25 * MIB).into();
    let client = gateway.client();
    let mut connection = client.connect();
    connection.send(&client.request("/v1/chat/completions", &[], chat.to_string().as_bytes()));
    let mut stream = accept(&provider);
    let body = r#"{"error":{"message":"Too large.","type":"x","code":"too_large","param":null}}"#;
    let head = "HTTP/1.1 413 Payload Too Large\r\ncontent-type: application/json";
    let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).unwrap();
    // Nothing of the body was read yet.
    connection.response().assert_error(413, "too_large");
    assert!(drain(stream) < 25 * MIB);
}

#[test]
fn a_key_that_is_refused_early_is_told_as_ours_and_not_in_the_providers_words() {
    let upstream = Upstream::start();
    let gateway = serving(builder(), &upstream);
    let form = form("up/whisper-1", 40 * MIB, true);
    upstream.next(Reply::error(401, "invalid_api_key", "Wrong key.").early());
    let mut connection = begin(&gateway, SPEECH, &form, 2 * MIB);
    let answer = connection.response();
    answer.assert_error(502, "provider_key_rejected");
}

#[test]
fn who_goes_on_sending_after_an_early_answer_can_still_read_it() {
    let upstream = Upstream::start();
    let gateway = serving(builder(), &upstream);
    let form = form("up/whisper-1", 40 * MIB, true);
    for _ in 0..3 {
        upstream.next(Reply::error(413, "too_large", "Too large.").early());
        let mut connection = begin(&gateway, SPEECH, &form, form.len());
        connection.response().assert_error(413, "too_large");
    }
}

#[test]
fn an_interim_answer_or_an_early_success_does_not_stop_the_form() {
    let provider = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = before(builder(), &provider);
    let body = form("up/whisper-1", 5 * MIB, true);
    let expected = form("whisper-1", 5 * MIB, true);
    for early in ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\n"] {
        let mut connection = begin(&gateway, SPEECH, &body, 2 * MIB);
        let mut stream = accept(&provider);
        stream.write_all(early.as_bytes()).unwrap();
        let mut arrived = vec![0; expected.len()];
        stream.read_exact(&mut arrived[..MIB]).unwrap();
        connection.send(&body[2 * MIB..]);
        stream.read_exact(&mut arrived[MIB..]).unwrap();
        assert!(arrived == expected, "the form differs");
        let rest = "content-type: application/json\r\ncontent-length: 13\r\n\r\n{\"text\":\"ok\"}";
        let line = if early.contains("100") {
            "HTTP/1.1 200 OK\r\n"
        } else {
            ""
        };
        stream
            .write_all(format!("{line}{rest}").as_bytes())
            .unwrap();
        let answer = connection.response();
        assert_eq!(answer.assert_status(200).json()["text"], "ok");
    }
}

#[test]
fn a_provider_that_closes_in_mid_form_is_told_at_once() {
    let upstream = Upstream::start();
    let gateway = serving(builder(), &upstream);
    let form = form("up/whisper-1", 40 * MIB, true);
    for act in [Act::Close, Act::Reset] {
        let early = weir_testkit::Behaviour::from(Play::new().act(act));
        upstream.next(early.before_body());
        let mut connection = begin(&gateway, SPEECH, &form, 2 * MIB);
        connection.response().assert_error(502, "upstream_error");
    }
}

#[test]
fn a_form_that_stalls_is_a_408_and_its_provider_is_let_go() {
    let upstream = Upstream::start();
    let slow = builder()
        .set("server", "body_timeout_floor_ms: 400ms")
        .set("server", "min_body_rate_bytes_s: 1GiB");
    let gateway = serving(slow, &upstream);
    let form = form("up/whisper-1", 4 * MIB, true);
    for (round, path) in (1..).zip([SPEECH, "/v1/files"]) {
        let mut connection = begin(&gateway, path, &form, 3 * MIB);
        connection.response().assert_error(408, "request_timeout");
        assert!(connection.closes_within(PATIENCE));
        let calls = gateway.wait_for_calls(round);
        assert!(
            calls
                .iter()
                .all(|call| call["status"] == 408 && call["end"] == "failed"),
            "{calls:?}"
        );
    }
    assert!(upstream.requests().is_empty(), "what was cut is no request");
    assert_eq!(upstream.connections_open(), 0);
}

#[test]
fn a_provider_that_is_slow_to_take_a_form_is_no_fault_of_the_client() {
    let provider = TcpListener::bind("127.0.0.1:0").unwrap();
    let slow = builder()
        .set("server", "body_timeout_floor_ms: 300ms")
        .set("server", "max_spool_bytes: 300KiB")
        .set("server", "min_body_rate_bytes_s: 1GiB");
    let gateway = before(slow, &provider);
    let address: SocketAddr = gateway.address();
    let body = form("up/whisper-1", 30 * MIB, true);
    let head = gateway
        .client()
        .head("POST", SPEECH, FORM, Some(body.len()));
    let client = std::thread::spawn(move || {
        let mut connection = Conn::open(address);
        connection.send(&head);
        connection.send(&body);
        connection.response()
    });
    let mut stream = accept(&provider);
    let expected = form("whisper-1", 30 * MIB, true);
    let mut arrived = vec![0; expected.len()];
    for part in arrived.chunks_mut(5 * MIB) {
        // All together longer than a body may take, and each time long enough for the client to be read ahead.
        let is_over = || is_idle(&gateway).then_some(());
        let given_up = weir_testkit::wait_until(Duration::from_millis(200), is_over);
        assert!(given_up.is_none());
        stream.read_exact(part).unwrap();
    }
    assert!(arrived == expected, "the form differs");
    stream
        .write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        )
        .unwrap();
    client.join().unwrap().assert_status(200);
}

#[test]
fn a_form_that_passes_by_without_its_end_is_never_completed() {
    let upstream = Upstream::start();
    let gateway = serving(builder(), &upstream);
    let mut form = form("up/whisper-1", 3 * MIB, true);
    let end = form.len() - b"--bnd--\r\n".len();
    form[end..].copy_from_slice(b"xxxxxxxxx");
    let answer = gateway.client().post_bytes(SPEECH, FORM, &form);
    answer.assert_status(400);
    assert_eq!(row(&gateway), (json!(400), json!("failed")));
    assert!(upstream.requests().is_empty());
}

#[test]
fn a_body_with_broken_chunks_is_a_400_that_the_client_can_read() {
    let upstream = Upstream::start();
    let gateway = serving(builder(), &upstream);
    let client = gateway.client();
    let chunked = [FORM[0], ("transfer-encoding", "chunked")];
    for path in [SPEECH, "/v1/files", "/v1/chat/completions"] {
        let mut connection = client.connect();
        connection.send(&client.head("POST", path, &chunked, None));
        connection.send(b"5\r\n--bnd\r\n");
        // More than a socket's buffer behind what is broken.
        let garbage = b"no chunk of any size\r\n".repeat(100_000);
        let _ = connection.try_send(&garbage);
        let answer = connection.response();
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        assert!(
            answer.error("message").contains("framed"),
            "{path}: {}",
            answer.text()
        );
    }
    assert!(upstream.requests().is_empty());
}

fn chunk(piece: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
}

#[test]
fn a_form_without_a_length_arrives_whole_and_with_one() {
    let upstream = Upstream::start();
    let gateway = serving(builder(), &upstream);
    let client = gateway.client();
    let chunked = [FORM[0], ("transfer-encoding", "chunked")];
    // Small ones stay in memory; a large one is larger than what a body in memory may be.
    for (path, model, file_bytes, chunk_bytes) in [
        (SPEECH, "whisper-1", 200, 1),
        (SPEECH, "whisper-1", 3 * MIB, 70_000),
        ("/v1/files", "up/whisper-1", 200, 1),
        ("/v1/files", "up/whisper-1", 40 * MIB, MIB),
    ] {
        upstream.next(Reply::json(200, &json!({"text": "ok"})));
        let mut connection = client.connect();
        connection.send(&client.head("POST", path, &chunked, None));
        for piece in form("up/whisper-1", file_bytes, true).chunks(chunk_bytes) {
            connection.send(&chunk(piece));
        }
        connection.send(b"0\r\n\r\n");
        connection.response().assert_status(200);
        let seen = upstream.last_request();
        assert!(
            seen.body == form(model, file_bytes, true),
            "{path} {file_bytes}"
        );
        let length = seen.body.len().to_string();
        assert_eq!(seen.header("content-length"), Some(length.as_str()));
        assert_eq!(seen.header("transfer-encoding"), None);
    }
    assert_eq!(gateway.open_spools(), 0);
}

#[test]
fn who_asks_before_it_sends_a_form_is_told_to_go_on() {
    let upstream = Upstream::start();
    let gateway = serving(builder(), &upstream);
    let client = gateway.client();
    let body = form("up/whisper-1", 3 * MIB, true);
    for path in [SPEECH, "/v1/files"] {
        upstream.next(Reply::json(200, &json!({"text": "ok"})));
        let mut connection = client.connect();
        let headers = [FORM[0], ("expect", "100-continue")];
        connection.send(&client.head("POST", path, &headers, Some(body.len())));
        assert_eq!(connection.interim(), 100, "{path}");
        connection.send(&body);
        connection.response().assert_status(200);
        assert_eq!(upstream.last_request().header("expect"), None);
    }
}

#[test]
fn a_compressed_form_is_refused_where_it_is_read_and_the_client_can_read_why() {
    let upstream = Upstream::start();
    let gateway = serving(builder(), &upstream);
    let headers = [FORM[0], ("content-encoding", "gzip")];
    let body = form("up/whisper-1", 8 * MIB, true);
    let answer = gateway.client().post_bytes(SPEECH, &headers, &body);
    answer.assert_error(415, "unsupported_encoding");
    assert!(upstream.requests().is_empty());
}

#[test]
fn a_form_for_which_the_disk_has_no_room_is_told_to_come_back() {
    let upstream = Upstream::start();
    let little = builder().set("server", "max_spool_bytes: 2MiB");
    let gateway = serving(little, &upstream);
    let body = form("up/whisper-1", 8 * MIB, false);
    let answer = gateway.client().post_bytes(SPEECH, FORM, &body);
    answer.assert_error(503, "overloaded");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(gateway.open_spools(), 0);
    // The room came back.
    upstream.next(Reply::json(200, &json!({"text": "ok"})));
    let body = form("up/whisper-1", 3 * MIB / 2, false);
    let answer = gateway.client().post_bytes(SPEECH, FORM, &body);
    answer.assert_status(200);
}

#[test]
fn nothing_of_a_form_on_disk_outlives_the_process() {
    let upstream = Upstream::start();
    let mut gateway = serving(builder(), &upstream);
    let body = form("up/whisper-1", 8 * MIB, false);
    let _waiting = begin(&gateway, SPEECH, &body, 4 * MIB);
    let is_on_disk = || (gateway.open_spools() == 1).then_some(());
    assert!(weir_testkit::wait_until(PATIENCE, is_on_disk).is_some());
    let names = |gateway: &Gateway| {
        let folder = std::fs::read_dir(gateway.home().join("data")).unwrap();
        let mut names: Vec<_> = folder.flatten().map(|it| it.file_name()).collect();
        names.sort();
        names
    };
    let before = names(&gateway);
    gateway.kill();
    assert_eq!(names(&gateway), before);
    gateway.start_again();
    assert_eq!(names(&gateway), before);
}

#[test]
fn many_forms_at_once_stay_out_of_memory() {
    const CLIENTS: usize = 24;
    let provider = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = before(builder(), &provider);
    let idle = gateway.resident_bytes();
    let passing = form("up/whisper-1", 12 * MIB, true);
    let waiting = form("up/whisper-1", 12 * MIB, false);
    let mut kept = Vec::new();
    for at in 0..CLIENTS {
        // Of what passes by the provider takes nothing; of what waits the last byte does not come.
        let form = if at % 2 == 0 { &passing } else { &waiting };
        kept.push(begin(&gateway, SPEECH, form, form.len() - 1));
    }
    let grown = gateway.resident_bytes().saturating_sub(idle);
    assert!(
        grown < (CLIENTS * 3 * MIB) as u64,
        "it grew by {grown} bytes"
    );
    drop(kept);
    let is_over = || is_idle(&gateway).then_some(());
    assert!(weir_testkit::wait_until(PATIENCE, is_over).is_some());
    assert_eq!(gateway.open_spools(), 0);
}

/// Providers over TLS that speak HTTP/1.1, `plain`, and HTTP/2, `many`; both are the same upstream.
struct Secure {
    upstream: Upstream,
    front: H2Front,
    gateway: Gateway,
    _pipes: [TlsPipe; 2],
}

impl Secure {
    fn start() -> Self {
        let authority = Authority::new();
        let upstream = Upstream::start();
        let front = H2Front::before(upstream.address());
        let plain = TlsPipe::before(upstream.address(), &authority.issue(), &["http/1.1"]);
        let many = TlsPipe::before(front.address(), &authority.issue(), &["h2"]);
        let mut builder = builder();
        for (name, pipe) in [("plain", &plain), ("many", &many)] {
            builder = builder
                .provider_at(name, &pipe.base_url())
                .provider_setting(name, "endpoints: {audio_transcriptions: true, files: true}");
        }
        let gateway = builder
            .file("authority.pem", &authority.pem())
            .env("SSL_CERT_FILE", "authority.pem")
            .start();
        Self {
            upstream,
            front,
            gateway,
            _pipes: [plain, many],
        }
    }
}

#[test]
fn a_form_passes_by_over_tls_and_an_early_answer_ends_it() {
    let secure = Secure::start();
    for name in ["plain", "many"] {
        let body = form(&format!("{name}/whisper-1"), 12 * MIB, true);
        for _ in 0..2 {
            secure
                .upstream
                .next(Reply::json(200, &json!({"text": "ok"})));
            let answer = secure.gateway.client().post_bytes(SPEECH, FORM, &body);
            assert_eq!(answer.assert_status(200).json()["text"], "ok", "{name}");
            let seen = secure.upstream.last_request();
            assert!(seen.body == form("whisper-1", 12 * MIB, true), "{name}");
            let refusal = Reply::error(413, "too_large", "The scripted provider says no.");
            secure.upstream.next(refusal.early());
            let mut connection = begin(&secure.gateway, SPEECH, &body, 2 * MIB);
            connection.response().assert_error(413, "too_large");
        }
    }
    let calls = secure.gateway.wait_for_calls(8);
    let refused = calls.iter().filter(|call| call["status"] == 413);
    assert_eq!(refused.count(), 4);
    assert!(secure.front.connections() <= 2, "only streams are reset");
}

#[test]
fn a_client_that_leaves_its_form_resets_the_stream_of_a_provider_over_tls() {
    let secure = Secure::start();
    for name in ["plain", "many"] {
        let seen = secure.upstream.requests().len();
        let hang = weir_testkit::Behaviour::from(Play::new().act(Act::Hang));
        secure.upstream.next(hang.before_body());
        let body = form(&format!("{name}/whisper-1"), 12 * MIB, true);
        let connection = begin(&secure.gateway, SPEECH, &body, 4 * MIB);
        secure.upstream.wait_for_requests(seen + 1);
        drop(connection);
        let outcome = secure.upstream.wait_for_end(seen, PATIENCE);
        assert!(
            matches!(outcome, Some(Outcome::ClientGone(_))),
            "{name}: {outcome:?}"
        );
    }
    let calls = secure.gateway.wait_for_calls(2);
    assert!(
        calls.iter().all(|call| call["end"] == "cancelled"),
        "{calls:?}"
    );
    assert_eq!(secure.front.connections(), 1);
}

/// The same over HTTP/2. Where it is answered meanwhile, less of it is sent.
fn begin_h2(gateway: &Gateway, form: &[u8], sent: usize) -> Upload {
    let (address, token) = (gateway.address(), weir_testkit::ADMIN_TOKEN);
    let mut upload = Upload::begin(address, token, SPEECH, FORM[0].1, form.len());
    upload.send(&form[..sent], PATIENCE);
    upload
}

#[test]
fn over_http_2_a_form_passes_by_and_only_its_stream_ends_with_an_early_answer() {
    let upstream = Upstream::start();
    let gateway = serving(builder(), &upstream);
    let chat = weir_testkit::chat_body("up/ok").to_string();
    let body = form("up/whisper-1", 12 * MIB, true);
    upstream.next(Reply::json(200, &json!({"text": "ok"})));
    let answer = begin_h2(&gateway, &body, body.len()).finish();
    assert_eq!(answer.status, 200);
    assert!(upstream.last_request().body == form("whisper-1", 12 * MIB, true));
    upstream.next(Reply::error(413, "too_large", "Too large.").early());
    let upload = begin_h2(&gateway, &body, 2 * MIB);
    let [early, next] = upload.response_then_post("/v1/chat/completions", &chat);
    assert_eq!((early.status, next.status), (413, 200));
    let body = String::from_utf8(early.body).unwrap();
    assert!(body.contains("too_large"), "{body}");
}

#[test]
fn over_http_2_a_client_that_leaves_its_form_cancels_it_though_the_provider_takes_nothing() {
    let provider = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = Upstream::start();
    let little = builder()
        .set("server", "max_spool_bytes: 64KiB")
        .provider("other", &other);
    let gateway = before(little, &provider);
    let body = form("up/whisper-1", 40 * MIB, true);
    let mut upload = begin_h2(&gateway, &body, 2 * MIB);
    let stream = accept(&provider);
    let is_taken = upload.send(&body[2 * MIB..], Duration::from_millis(500));
    assert!(!is_taken, "the provider's slowness reaches the client");
    let chat = weir_testkit::chat_body("other/ok").to_string();
    let next = upload.reset_then_post("/v1/chat/completions", &chat);
    assert_eq!(next.status, 200);
    let calls = gateway.wait_for_calls(2);
    assert!(
        calls.iter().any(|call| call["end"] == "cancelled"),
        "{calls:?}"
    );
    assert!(drain(stream) < body.len());
}
