//! Headers: what a client says to us stays with us, what a provider says about the call arrives, and no framing trick passes.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;
use weir_testkit::{
    ADMIN_TOKEN, Act, Behaviour, Chat, Gateway, Reply, Upstream, chat_body, gateway::operator_key,
};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
const CHAT: &str = "/v1/chat/completions";

#[test]
fn the_clients_credential_and_hop_by_hop_headers_never_travel_on() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let sent = [
        ("x-api-key", ADMIN_TOKEN),
        ("api-key", ADMIN_TOKEN),
        ("cookie", "session=canary"),
        ("connection", "keep-alive, x-named"),
        ("x-named", "canary"),
        ("keep-alive", "timeout=99"),
        ("te", "trailers"),
        ("proxy-authorization", "Basic canary"),
        ("proxy-connection", "keep-alive"),
        ("x-forwarded-for", "10.9.8.7"),
        ("x-forwarded-host", "canary"),
        ("forwarded", "for=canary"),
        ("origin", "https://canary.example"),
        ("referer", "https://canary.example/"),
        ("sec-fetch-mode", "cors"),
        ("accept-encoding", "gzip, br"),
        ("x-stainless-lang", "python"),
        ("x-unheard-of", "canary"),
    ];
    gateway
        .client()
        .post_bytes(CHAT, &sent, chat_body("up/ok").to_string().as_bytes())
        .assert_status(200);
    let seen = upstream.last_request();
    let head = String::from_utf8_lossy(&seen.head).to_lowercase();
    for (name, _) in sent
        .iter()
        .filter(|(name, _)| *name != "accept-encoding" && *name != "connection")
    {
        assert_eq!(seen.header(name), None, "{name} reached the upstream");
    }
    for canary in ["canary", "10.9.8.7", ADMIN_TOKEN, "x-named", "gzip"] {
        assert!(
            !head.contains(canary),
            "{canary} reached the upstream: {head}"
        );
    }
    assert_eq!(
        seen.header("authorization"),
        Some(format!("Bearer {}", operator_key("up")).as_str())
    );
    assert_eq!(
        seen.header("host"),
        Some(upstream.address().to_string().as_str())
    );
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(
        seen.header("content-length"),
        Some(seen.body.len().to_string().as_str())
    );
}

#[test]
fn headers_that_openai_gives_a_meaning_travel_on() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let sent = [
        ("openai-organization", "org-1"),
        ("openai-project", "proj-1"),
        ("openai-beta", "assistants=v2"),
    ];
    gateway
        .client()
        .post_bytes(CHAT, &sent, chat_body("up/ok").to_string().as_bytes())
        .assert_status(200);
    for (name, value) in sent {
        assert_eq!(upstream.last_request().header(name), Some(value));
    }
}

#[test]
fn a_key_is_sent_the_way_its_provider_wants_it() {
    let upstream = Upstream::start();
    for (auth, header) in [("x-api-key", "x-api-key"), ("api-key", "api-key")] {
        let gateway = Gateway::builder(WEIR)
            .provider("up", &upstream)
            .provider_setting("up", &format!("auth: {auth}"))
            .provider_setting("up", "headers: {x-own: fixed}")
            .start();
        gateway
            .client()
            .chat(&chat_body("up/ok"))
            .assert_status(200);
        let seen = upstream.last_request();
        assert_eq!(seen.header(header), Some(operator_key("up").as_str()));
        assert_eq!(seen.header("authorization"), None);
        assert_eq!(seen.header("x-own"), Some("fixed"));
    }
}

#[test]
fn a_providers_words_about_the_call_arrive_and_its_connection_headers_do_not() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let chat = || {
        Chat::new()
            .header("set-cookie", "upstream=canary")
            .header("keep-alive", "timeout=5")
            .header("proxy-authenticate", "Basic")
            .header("alt-svc", "h3=\":443\"")
            .header("server", "canary")
            .header("openai-processing-ms", "12")
            .header("x-ratelimit-remaining-tokens", "41")
    };
    upstream.next(chat()).next(chat());
    for body in [chat_body("up/ok"), weir_testkit::stream_body("up/ok")] {
        let answer = gateway.client().chat(&body);
        answer.assert_status(200);
        assert_eq!(answer.header("openai-processing-ms"), Some("12"));
        assert_eq!(answer.header("x-ratelimit-remaining-tokens"), Some("41"));
        for name in ["set-cookie", "proxy-authenticate", "alt-svc"] {
            assert_eq!(answer.header(name), None, "{name}");
        }
        assert!(
            !answer
                .headers
                .iter()
                .any(|(_, value)| value.contains("canary")),
            "{:?}",
            answer.headers
        );
    }
}

#[test]
fn every_answer_has_a_request_id_of_our_own() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let client = gateway.client();
    let answers = [
        client.chat(&chat_body("up/ok")),
        client.chat(&chat_body("no-such-model")),
        client.post_bytes(CHAT, &[], b"null"),
        gateway.anonymous().get("/v1/models"),
        client.get("/v1/models"),
        client.get("/no/such/path"),
    ];
    let ids: Vec<&str> = answers
        .iter()
        .map(|answer| answer.header("x-request-id").expect("an id"))
        .collect();
    assert_eq!(
        ids.iter().collect::<HashSet<_>>().len(),
        ids.len(),
        "{ids:?}"
    );
    assert!(ids.iter().all(|id| id.len() == 36), "{ids:?}");
    let rows = gateway.wait_for_calls(1);
    assert_eq!(
        rows[0]["id"], ids[0],
        "the row is found by the id the client has"
    );
    assert!(
        gateway.logs().contains(ids[2]),
        "the log line is found by the id the client has"
    );
}

#[test]
fn unknown_paths_and_methods_are_errors_in_the_envelope() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    assert_eq!(
        gateway
            .client()
            .get("/v1/nothing")
            .assert_status(404)
            .error("type"),
        "invalid_request_error"
    );
    let wrong_method = gateway.client().get("/v1/embeddings");
    assert_eq!(
        wrong_method.assert_status(405).error("type"),
        "invalid_request_error"
    );
    assert_eq!(wrong_method.header("allow"), Some("POST"));
    assert_eq!(upstream.requests().len(), 0);
}

#[test]
fn ambiguous_framing_is_a_400_and_a_closed_connection() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let smuggled = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_TOKEN}\r\ncontent-length: 41\r\n\r\n\
         {{\"model\":\"up/smuggled\",\"messages\":[]}}    "
    );
    let bad_framings = [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
        "content-length: 4\r\ntransfer-encoding: Chunked\r\n",
        "content-length: 4\r\ntransfer-encoding : chunked\r\n",
        "content-length: 4\r\ntransfer-encoding:\tchunked\r\n",
        "content-length: 4\r\n transfer-encoding: chunked\r\n",
        "content-length: 4\r\nx: y\r\n\ttransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: identity, chunked, chunked\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: gzip\r\n",
        "content-length: 4\r\ncontent-length: 5\r\n",
        "content-length: 4, 5\r\n",
        "content-length: +4\r\n",
        "content-length: -4\r\n",
        "content-length: 0x4\r\n",
        "content-length: 4 4\r\n",
        "content-length: 99999999999999999999\r\n",
    ];
    let mut accepted = Vec::new();
    for framing in bad_framings {
        let head = format!(
            "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n{framing}\r\n"
        );
        let mut connection = gateway.anonymous().connect();
        connection.send(&[head.as_bytes(), b"0\r\n\r\n", smuggled.as_bytes()].concat());
        // Closing without a word is as safe; an answer, where there is one, is a refusal.
        if let Ok(answer) = connection.try_response()
            && !matches!(answer.status, 400 | 413 | 501)
        {
            accepted.push(framing);
        }
        if !connection.closes_within(Duration::from_secs(5)) {
            accepted.push(framing);
        }
    }
    assert!(
        accepted.is_empty(),
        "these leave the connection open: {accepted:?}"
    );
    assert_eq!(
        upstream.requests().len(),
        0,
        "something was smuggled: {:?}",
        upstream.requests()
    );
    let both = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    let mut connection = gateway.anonymous().connect();
    connection.send(both.as_bytes());
    assert_eq!(connection.response().status, 400);
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(200);
}

#[test]
fn heads_that_are_broken_or_huge_end_their_connection_only() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let many: String = (0..2000)
        .map(|number| format!("x-{number}: y\r\n"))
        .collect();
    let heads = [
        "\0\0\0\0\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        format!(
            "GET /v1/models HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
            "y".repeat(2 * 1024 * 1024)
        ),
        format!("GET /v1/models HTTP/1.1\r\nhost: x\r\n{many}\r\n"),
        format!(
            "GET /{} HTTP/1.1\r\nhost: x\r\n\r\n",
            "p".repeat(2 * 1024 * 1024)
        ),
        "GET /v1/models HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n".to_owned(),
    ];
    for head in heads {
        let mut connection = gateway.anonymous().connect();
        let _ = connection.try_send(head.as_bytes());
        if let Ok(answer) = connection.try_response() {
            assert!(
                (400..500).contains(&answer.status),
                "{:?} got {}",
                &head[..head.len().min(60)],
                answer.status
            );
        }
    }
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(200);
}

#[test]
fn a_redirect_is_neither_followed_nor_shown() {
    let (upstream, elsewhere) = (Upstream::start(), Upstream::start());
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("retry", "max_attempts: 1")
        .start();
    upstream.next(Reply::new(307, "").header(
        "location",
        &format!("{}/chat/completions", elsewhere.base_url()),
    ));
    let answer = gateway.client().chat(&chat_body("up/ok"));
    assert_eq!((answer.status, answer.header("location")), (502, None));
    assert_eq!(
        elsewhere.requests().len(),
        0,
        "a key went where the provider pointed"
    );
}

#[test]
fn odd_answers_of_providers_are_understood() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let body: Value = serde_json::from_str(r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}]}"#)
        .expect("JSON");
    let answers: Vec<(&str, Behaviour)> = vec![
        (
            "100 Continue unasked",
            Reply::json(200, &body).after_continue(),
        ),
        (
            "100 KB of headers",
            Reply::json(200, &body)
                .padding_header("x-padding", 100 * 1024)
                .into(),
        ),
        (
            "a body until the close",
            Reply::json(200, &body).until_close().into(),
        ),
        ("a chunked body", Reply::json(200, &body).chunked().into()),
        (
            "a connection that closes after",
            Behaviour::from(Reply::json(200, &body)).followed_by(Act::Close),
        ),
    ];
    for (what, answer) in answers {
        upstream.next(answer);
        let got = gateway.client().chat(&chat_body("up/ok"));
        assert_eq!(
            (got.status, got.content().as_str(), got.whole),
            (200, "yes", true),
            "{what}: {}",
            got.text()
        );
    }
}
