//! Every kind of body is read or refused in the envelope, at once, and the gateway goes on.

use std::io::Write;
use std::time::{Duration, Instant};

use weir_testkit::{Client, Gateway, Response, Upstream, chat_body, stream_body};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
const CHAT: &str = "/v1/chat/completions";

fn post(client: &Client, body: &[u8]) -> Response {
    client.post_bytes(CHAT, &[], body)
}

fn assert_invalid(answer: &Response, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {}", answer.text());
    assert_eq!(answer.error("type"), "invalid_request_error", "{what}");
    assert!(!answer.error("message").is_empty(), "{what}");
}

#[test]
fn what_is_no_usable_object_is_a_400_in_the_envelope() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let client = gateway.client();
    let bomb = [
        b"{\"model\":\"up/ok\",\"a\":".as_slice(),
        &b"[".repeat(100_000),
    ]
    .concat();
    let closed_bomb = [
        b"{\"model\":\"up/ok\",\"a\":".as_slice(),
        &b"[".repeat(10_000),
        &b"]".repeat(10_000),
        b"}",
    ]
    .concat();
    let bodies: [&[u8]; 18] = [
        b"",
        b"null",
        b"[]",
        b"\"text\"",
        b"12",
        b"true",
        b"{",
        b"{\"model\":\"up/ok\",}",
        b"{\"model\":\"up/ok\"} trailing",
        b"{\"model\":\"up/ok\",\"messages\":[NaN]}",
        b"\xef\xbb\xbf{\"model\":\"up/ok\",\"messages\":[]}",
        b"{\"model\":\"up/ok\",\"messages\":\"\xff\xfe\"}",
        b"{\"model\":\"up/\xc3\x28\",\"messages\":[]}",
        b"{\"model\":\"up/ok\",\"model\":\"up/dear\",\"messages\":[]}",
        b"{\"model\":\"up/ok\",\"mo\\u0064el\":\"up/dear\",\"messages\":[]}",
        b"{\"model\":5,\"messages\":[]}",
        b"{\"model\":\"up/ok\",\"stream\":\"yes\"}",
        &bomb,
    ];
    let started = Instant::now();
    for body in bodies {
        assert_invalid(
            &post(&client, body),
            &String::from_utf8_lossy(&body[..body.len().min(80)]),
        );
    }
    assert_invalid(&post(&client, &closed_bomb), "a closed nesting bomb");
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "refusals are quick: {:?}",
        started.elapsed()
    );
    assert_eq!(upstream.requests().len(), 0);
    client.chat(&chat_body("up/ok")).assert_status(200);
}

#[test]
fn a_refused_body_leaves_the_connection_usable() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let client = gateway.client();
    let mut connection = client.connect();
    connection.send(&client.request(CHAT, &[], b"null"));
    assert_eq!(connection.response().status, 400);
    connection.send(&client.request(CHAT, &[], chat_body("up/ok").to_string().as_bytes()));
    assert_eq!(connection.response().status, 200);
}

#[test]
fn a_body_that_is_too_large_is_a_413_that_the_client_sees() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("server", "max_body_bytes: 64KiB")
        .start();
    let client = gateway.client();
    let large = vec![b' '; 8 * 1024 * 1024];
    for _ in 0..5 {
        let mut connection = client.connect();
        connection.send(&client.head("POST", CHAT, &[], Some(large.len())));
        // The gateway may stop reading at any time; what counts is that its answer arrives all the same.
        let _ = connection.try_send(&large);
        let answer = connection.response();
        assert_eq!(
            (answer.status, answer.error("type").as_str()),
            (413, "invalid_request_error")
        );
        assert!(
            answer.error("message").contains("max_body_bytes"),
            "{}",
            answer.text()
        );
    }
    let mut chunked = client.connect();
    chunked.send(&client.head("POST", CHAT, &[("transfer-encoding", "chunked")], None));
    for _ in 0..64 {
        let _ = chunked.try_send(&chunk(&[b' '; 4096]));
    }
    let _ = chunked.try_send(b"0\r\n\r\n");
    assert_eq!(chunked.response().status, 413);
    client.chat(&chat_body("up/ok")).assert_status(200);
}

#[test]
fn compressed_bodies_are_read_and_travel_on_uncompressed() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let body = chat_body("up/ok").to_string();
    let mut brotli_bytes = Vec::new();
    brotli::CompressorWriter::new(&mut brotli_bytes, 4096, 5, 20)
        .write_all(body.as_bytes())
        .expect("memory can be written");
    let zstd_bytes = zstd::stream::encode_all(body.as_bytes(), 3).expect("memory can be read");
    for (encoding, bytes) in [
        ("gzip", gzip(body.as_bytes())),
        ("br", brotli_bytes),
        ("zstd", zstd_bytes),
    ] {
        gateway
            .client()
            .post_bytes(CHAT, &[("content-encoding", encoding)], &bytes)
            .assert_status(200);
        let seen = upstream.last_request();
        assert_eq!(seen.header("content-encoding"), None, "{encoding}");
        assert_eq!(seen.text(), body.replace("up/ok", "ok"), "{encoding}");
    }
}

#[test]
fn a_decompression_bomb_is_refused_without_being_unpacked() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let bomb = gzip(&vec![b' '; 100 * 1024 * 1024]);
    assert!(bomb.len() < 2 * 1024 * 1024);
    let before = gateway.resident_bytes();
    for _ in 0..3 {
        let answer = gateway
            .client()
            .post_bytes(CHAT, &[("content-encoding", "gzip")], &bomb);
        answer.assert_status(413);
    }
    let grown = gateway.resident_bytes().saturating_sub(before);
    assert!(
        grown < 128 * 1024 * 1024,
        "four times the largest body is the bound; it grew by {grown} bytes"
    );
}

#[test]
fn an_encoding_that_is_unknown_or_a_lie_is_refused() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let body = chat_body("up/ok").to_string();
    let answer =
        gateway
            .client()
            .post_bytes(CHAT, &[("content-encoding", "snappy")], body.as_bytes());
    answer.assert_status(415);
    let lie = gateway
        .client()
        .post_bytes(CHAT, &[("content-encoding", "gzip")], body.as_bytes());
    assert_invalid(&lie, "not gzip");
}

#[test]
fn expect_100_continue_is_answered_before_the_body_is_sent() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let client = gateway.client();
    let body = chat_body("up/ok").to_string();
    let mut connection = client.connect();
    connection.send(&client.head(
        "POST",
        CHAT,
        &[("expect", "100-continue")],
        Some(body.len()),
    ));
    assert_eq!(connection.interim(), 100);
    connection.send(body.as_bytes());
    assert_eq!(connection.response().status, 200);
    assert_eq!(upstream.last_request().header("expect"), None);
}

#[test]
fn a_chunked_body_is_read_whatever_its_chunks() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let client = gateway.client();
    let body = chat_body("up/ok").to_string();
    for size in [1, 7, 1000] {
        let mut connection = client.connect();
        connection.send(&client.head("POST", CHAT, &[("transfer-encoding", "chunked")], None));
        for piece in body.as_bytes().chunks(size) {
            connection.send(&chunk(piece));
        }
        connection.send(b"0\r\n\r\n");
        assert_eq!(connection.response().status, 200, "chunks of {size}");
        assert_eq!(upstream.last_request().text(), body.replace("up/ok", "ok"));
    }
}

#[test]
fn an_http_1_0_client_gets_an_answer_without_chunks() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let client = gateway.client();
    for body in [
        chat_body("up/ok").to_string(),
        stream_body("up/ok").to_string(),
    ] {
        let request = String::from_utf8(client.request(CHAT, &[], body.as_bytes())).expect("text");
        let mut connection = client.connect();
        connection.send(request.replacen("HTTP/1.1", "HTTP/1.0", 1).as_bytes());
        let answer = connection.response();
        assert_eq!((answer.status, answer.whole), (200, true));
        assert_eq!(answer.header("transfer-encoding"), None);
        // A stream tells the text in pieces, so only what is in one of them is looked for.
        assert!(answer.text().contains("! Hello"), "{}", answer.text());
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let client = gateway.client();
    let one = client.request(CHAT, &[], chat_body("up/ok").to_string().as_bytes());
    let two = client.request(CHAT, &[], chat_body("no-such-model").to_string().as_bytes());
    let mut connection = client.connect();
    connection.send(&[one, two].concat());
    assert_eq!(connection.response().status, 200);
    assert_eq!(connection.response().status, 404);
}

#[test]
fn a_large_body_reaches_the_upstream_whole() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let mut body = chat_body("up/ok");
    body["messages"][0]["content"] = "lang und länger ".repeat(1_500_000).into();
    let text = body.to_string();
    assert!(text.len() > 20_000_000);
    gateway.client().chat(&body).assert_status(200);
    assert!(
        upstream.last_request().body == text.replacen("up/ok", "ok", 1).as_bytes(),
        "the body differs"
    );
}

fn chunk(piece: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::new();
    let mut encoder = flate2::write::GzEncoder::new(&mut compressed, flate2::Compression::fast());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.try_finish())
        .unwrap_or_else(|problem| panic!("{problem}"));
    drop(encoder);
    compressed
}
