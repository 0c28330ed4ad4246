//! HTTP/2 without TLS: the same answers, many at once on one connection.

use weir_testkit::upstream::TEXT;
use weir_testkit::{ADMIN_TOKEN, Gateway, Upstream, chat_body, h2c, stream_body};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
const CHAT: &str = "/v1/chat/completions";

#[test]
fn whole_answers_streams_and_errors_share_a_connection() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let bodies = [
        chat_body("up/ok").to_string(),
        stream_body("up/ok").to_string(),
        "null".to_owned(),
    ];
    let answers = h2c::post_all(gateway.address(), ADMIN_TOKEN, CHAT, &bodies);
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 400]);
    assert!(String::from_utf8_lossy(&answers[0].body).contains(TEXT));
    assert!(String::from_utf8_lossy(&answers[1].body).ends_with("data: [DONE]\n\n"));
    assert_eq!(
        answers[0]
            .headers
            .get("x-weir-provider")
            .and_then(|value| value.to_str().ok()),
        Some("up")
    );
}

#[test]
fn many_streams_run_at_once() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let bodies: Vec<String> = (0..60)
        .map(|number| stream_body(&format!("up/m{number}")).to_string())
        .collect();
    let answers = h2c::post_all(gateway.address(), ADMIN_TOKEN, CHAT, &bodies);
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == 200 && answer.body.ends_with(b"[DONE]\n\n"))
    );
}

#[test]
fn a_body_larger_than_a_frame_arrives() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let mut body = chat_body("up/ok");
    body["messages"][0]["content"] = "x".repeat(50_000).into();
    let answers = h2c::post_all(gateway.address(), ADMIN_TOKEN, CHAT, &[body.to_string()]);
    assert_eq!(answers[0].status, 200);
    assert_eq!(
        upstream.last_request().body.len(),
        body.to_string().len() - "up/".len()
    );
}

#[test]
fn a_wrong_credential_is_refused() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let answers = h2c::post_all(
        gateway.address(),
        "sk-weir-nobody",
        CHAT,
        &[chat_body("up/ok").to_string()],
    );
    assert_eq!(answers[0].status, 401);
}
