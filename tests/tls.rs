//! TLS on both sides: clients reach the gateway by it, and the gateway its providers. The protocol is chosen by ALPN.

use std::time::Duration;

use weir_testkit::upstream::TEXT;
use weir_testkit::{
    ADMIN_TOKEN, Act, Authority, Chat, Client, Gateway, GatewayBuilder, H2Front, Identity, Outcome,
    PATIENCE, Play, TlsPipe, Upstream, chat_body, h2c, stream_body,
};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
const CHAT: &str = "/v1/chat/completions";
const H2: &str = "h2";
const HTTP1: &str = "http/1.1";

/// A gateway whose clients come by TLS.
fn with_certificate(identity: &Identity) -> GatewayBuilder {
    Gateway::builder(WEIR)
        .file("cert.pem", &identity.certificate_pem)
        .file("key.pem", &identity.key_pem)
        .set("server", "tls: {cert: cert.pem, key: key.pem}")
}

/// A gateway that trusts `authority` and nobody else.
fn trusting(authority: &Authority) -> GatewayBuilder {
    Gateway::builder(WEIR)
        .file("trusted.pem", &authority.pem())
        .env("SSL_CERT_FILE", "trusted.pem")
}

/// A client that comes through `pipe`.
fn client_through(pipe: &TlsPipe) -> Client {
    Client::new(pipe.address()).bearer(ADMIN_TOKEN)
}

fn assert_let_go(upstream: &Upstream, seq: usize) {
    let outcome = upstream.wait_for_end(seq, PATIENCE);
    assert!(
        matches!(outcome, Some(Outcome::ClientGone(_))),
        "{outcome:?}"
    );
}

fn slow() -> Chat {
    Chat::new().pieces(200).every(Duration::from_millis(50))
}

#[test]
fn clients_speak_the_protocol_that_alpn_chooses() {
    let authority = Authority::new();
    let upstream = Upstream::start();
    let gateway = with_certificate(&authority.issue())
        .provider("up", &upstream)
        .start();
    for offered in [vec![HTTP1], vec![]] {
        let pipe = TlsPipe::towards(gateway.address(), &authority, &offered);
        let client = client_through(&pipe);
        assert_eq!(client.chat(&chat_body("up/ok")).content(), TEXT);
        let streamed = client.stream(&stream_body("up/ok")).transcript();
        assert_eq!(
            (streamed.content().as_str(), streamed.is_done()),
            (TEXT, true)
        );
        let chosen = offered.first().copied().unwrap_or_default();
        assert_eq!(pipe.negotiated(), [chosen, chosen]);
    }
    let pipe = TlsPipe::towards(gateway.address(), &authority, &[HTTP1, H2]);
    let bodies = [chat_body("up/ok"), stream_body("up/ok")].map(|body| body.to_string());
    let answers = h2c::post_all(pipe.address(), ADMIN_TOKEN, CHAT, &bodies);
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert!(String::from_utf8_lossy(&answers[0].body).contains(TEXT));
    assert!(answers[1].body.ends_with(b"data: [DONE]\n\n"));
    assert_eq!(pipe.negotiated(), [H2], "the better of the two is chosen");
}

#[test]
fn a_client_without_tls_is_not_served() {
    let gateway = with_certificate(&Authority::new().issue()).start();
    let client = gateway.client();
    let mut connection = client.connect();
    connection.send(&client.head("GET", "/v1/models", &[], None));
    assert!(connection.try_response().is_err());
    gateway.ops().get("/livez").assert_status(200);
}

#[test]
fn a_client_that_leaves_by_tls_takes_its_upstream_request_along() {
    let authority = Authority::new();
    let upstream = Upstream::start();
    upstream.on_model("slow", slow());
    let gateway = with_certificate(&authority.issue())
        .provider("up", &upstream)
        .start();

    let pipe = TlsPipe::towards(gateway.address(), &authority, &[HTTP1]);
    let mut events = client_through(&pipe).stream(&stream_body("up/slow"));
    events.first_content();
    events.close();
    assert_let_go(&upstream, 0);

    let pipe = TlsPipe::towards(gateway.address(), &authority, &[H2]);
    let (left, next) = (stream_body("up/slow"), chat_body("up/ok"));
    let (left, next) = (left.to_string(), next.to_string());
    let answer = h2c::leave_then_post(pipe.address(), ADMIN_TOKEN, CHAT, &left, &next);
    assert_eq!(answer.status, 200, "the connection serves on");
    assert_let_go(&upstream, 1);
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_at_the_start() {
    let (good, other) = (Authority::new().issue(), Authority::new().issue());
    let gateway = with_certificate(&good)
        .file("garbage.pem", "no certificate")
        .file("other-key.pem", &other.key_pem)
        .prepare();
    for (cert, key, culprit) in [
        ("missing.pem", "key.pem", "missing.pem"),
        ("cert.pem", "missing.pem", "missing.pem"),
        ("garbage.pem", "key.pem", "garbage.pem"),
        ("cert.pem", "garbage.pem", "garbage.pem"),
        ("cert.pem", "other-key.pem", "other-key.pem"),
    ] {
        gateway.write_file(
            "wrong.yaml",
            &format!(
                "data_dir: wrong\nserver: {{listen: '127.0.0.1:0', ops_listen: none, tls: {{cert: {cert}, key: {key}}}}}\n"
            ),
        );
        let output = gateway.cli(&["serve", "--config", "wrong.yaml"]);
        assert_eq!(output.status.code(), Some(1), "{cert} {key}: {output:?}");
        assert!(output.stderr.contains(culprit), "{output:?}");
        assert!(!output.stderr.contains("panicked"), "{output:?}");
    }
}

#[test]
fn a_provider_is_reached_by_tls() {
    let authority = Authority::new();
    let upstream = Upstream::start();
    let pipe = TlsPipe::before(upstream.address(), &authority.issue(), &[HTTP1]);
    let gateway = trusting(&authority)
        .provider_at("up", &pipe.base_url())
        .start();
    let client = gateway.client();
    assert_eq!(client.chat(&chat_body("up/ok")).content(), TEXT);
    let streamed = client.stream(&stream_body("up/ok")).transcript();
    assert_eq!(
        (streamed.content().as_str(), streamed.is_done()),
        (TEXT, true)
    );
    let host = format!("localhost:{}", pipe.address().port());
    assert_eq!(upstream.last_request().header("host"), Some(host.as_str()));
    assert_eq!(pipe.negotiated(), [HTTP1], "the connection is kept");
}

#[test]
fn a_provider_that_is_not_trusted_is_never_told_the_key() {
    let (trusted, stranger) = (Authority::new(), Authority::new());
    let (impostor, second) = (Upstream::start(), Upstream::start());
    let pipe = TlsPipe::before(impostor.address(), &stranger.issue(), &[HTTP1]);
    let gateway = trusting(&trusted)
        .provider_at("first", &pipe.base_url())
        .provider("second", &second)
        .set("aliases", "both: [first/a, second/b]")
        .start();
    let client = gateway.client();
    client
        .chat(&chat_body("first/a"))
        .assert_error(502, "upstream_unreachable");
    let answer = client.chat(&chat_body("both"));
    assert_eq!(
        (answer.status, answer.header("x-weir-provider")),
        (200, Some("second"))
    );
    assert_eq!(impostor.requests().len(), 0);
}

#[test]
fn a_client_that_leaves_is_let_go_by_a_provider_behind_tls() {
    let authority = Authority::new();
    let upstream = Upstream::start();
    upstream.on_model("slow", slow());
    upstream.on_model("hang", Play::new().act(Act::Hang));
    let pipe = TlsPipe::before(upstream.address(), &authority.issue(), &[HTTP1]);
    let gateway = trusting(&authority)
        .provider_at("up", &pipe.base_url())
        .start();
    leave_twice(&gateway, &upstream);
}

/// Leaves before the first byte and in the middle of a stream.
fn leave_twice(gateway: &Gateway, upstream: &Upstream) {
    let client = gateway.client();
    let mut connection = client.connect();
    connection.send(&client.request(CHAT, &[], chat_body("up/hang").to_string().as_bytes()));
    upstream.wait_for_requests(1);
    drop(connection);
    assert_let_go(upstream, 0);
    let mut events = client.stream(&stream_body("up/slow"));
    events.first_content();
    events.close();
    assert_let_go(upstream, 1);
    let rows = gateway.wait_for_calls(2);
    assert!(rows.iter().all(|row| row["end"] == "cancelled"), "{rows:?}");
}

/// A provider that speaks HTTP/2 over TLS, and a gateway that reaches it as `up`.
struct H2Provider {
    upstream: Upstream,
    front: H2Front,
    pipe: TlsPipe,
    gateway: Gateway,
}

impl H2Provider {
    fn start() -> Self {
        let authority = Authority::new();
        let upstream = Upstream::start();
        let front = H2Front::before(upstream.address());
        let pipe = TlsPipe::before(front.address(), &authority.issue(), &[H2, HTTP1]);
        let gateway = trusting(&authority)
            .provider_at("up", &pipe.base_url())
            .start();
        Self {
            upstream,
            front,
            pipe,
            gateway,
        }
    }
}

#[test]
fn a_provider_that_speaks_http_2_serves_many_calls_on_few_connections() {
    let provider = H2Provider::start();
    let client = provider.gateway.client();
    assert_eq!(client.chat(&chat_body("up/ok")).content(), TEXT);
    let bodies = vec![stream_body("up/slow.chunks-5").to_string(); 20];
    let answers = h2c::post_all(provider.gateway.address(), ADMIN_TOKEN, CHAT, &bodies);
    let done = |answer: &h2c::H2Response| answer.body.ends_with(b"data: [DONE]\n\n");
    assert!(answers.iter().all(done));
    // A second one where the first call's is just being given back.
    assert!(provider.front.connections() <= 2);
    assert!(provider.pipe.negotiated().iter().all(|name| name == H2));
    let seen = provider.upstream.last_request();
    assert_eq!(
        seen.header("authorization"),
        Some("Bearer sk-operator-key-of-up-0123456789")
    );
    assert_eq!(provider.gateway.wait_for_calls(21).len(), 21);
}

#[test]
fn a_client_that_leaves_is_let_go_by_a_provider_that_speaks_http_2() {
    let provider = H2Provider::start();
    leave_twice(&provider.gateway, &provider.upstream);
    let client = provider.gateway.client();
    client.chat(&chat_body("up/ok")).assert_status(200);
    assert_eq!(
        provider.front.connections(),
        1,
        "only the streams are reset"
    );
}

#[test]
fn an_http_2_connection_that_goes_away_is_replaced() {
    let provider = H2Provider::start();
    let client = provider.gateway.client();
    for _ in 0..3 {
        client.chat(&chat_body("up/ok")).assert_status(200);
        let mut under_way = client.stream(&stream_body("up/slow.chunks-6"));
        under_way.first_content();
        provider.front.retire_connections();
        client.chat(&chat_body("up/ok")).assert_status(200);
        assert!(under_way.transcript().is_done());
    }
    assert!(provider.front.connections() > 1);
}

#[test]
fn a_failure_of_a_provider_that_speaks_http_2_is_tried_again() {
    let provider = H2Provider::start();
    let client = provider.gateway.client();
    for (seq, fault) in [Act::Close, Act::Reset].into_iter().enumerate() {
        provider.upstream.next(Play::new().act(fault));
        client.chat(&chat_body("up/ok")).assert_status(200);
        assert_eq!(provider.upstream.requests().len(), 2 * (seq + 1));
    }
    // The pause lets an event through before the reset, which takes what has not been read along.
    let broken = client
        .stream(&stream_body("up/reset-mid.after-2.every-100"))
        .transcript();
    assert!(
        broken.error().is_some() && !broken.is_done(),
        "what broke looks broken: {broken:?}"
    );
}

#[test]
fn a_stream_that_http_2_resets_costs_an_attempt_each_time() {
    let provider = H2Provider::start();
    let client = provider.gateway.client();
    client.chat(&chat_body("up/ok")).assert_status(200);
    let refused = client.chat(&chat_body("up/reset"));
    let attempts = refused.header("x-weir-attempts").map(str::to_owned);
    let sent = provider.upstream.requests_for("reset").len().to_string();
    assert_eq!((refused.status, attempts), (502, Some(sent)));
}

#[test]
fn trusted_certificates_that_cannot_be_read_are_told_at_the_start() {
    let gateway = Gateway::builder(WEIR)
        .env("SSL_CERT_FILE", "missing.pem")
        .prepare();
    let output = gateway.cli(&["serve"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stderr.contains("missing.pem"), "{output:?}");
    assert!(!output.stderr.contains("panicked"), "{output:?}");
}
