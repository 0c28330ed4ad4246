//! What coding agents ask of a gateway beside their conversations, and how they learn what they can mend themselves.

use serde_json::{Value, json};
use weir_testkit::{Gateway, Reply, Upstream};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

fn gateway(upstream: &Upstream) -> Gateway {
    Gateway::builder(WEIR)
        .provider("chat", upstream)
        .provider_setting("chat", "formats: [chat]")
        .provider("claude", upstream)
        .provider_setting("claude", "formats: [anthropic]")
        .start()
}

fn question(model: &str) -> Value {
    json!({"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]})
}

#[test]
fn claude_code_finds_its_gateway_awake() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream);
    gateway.anonymous().get("/api/hello").assert_status(200);
    let batches = gateway.client().post("/v1/messages/batches", &json!({}));
    assert_eq!(batches.assert_status(404).error("type"), "not_found_error");
}

#[test]
fn events_that_come_without_their_names_get_them() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream);
    let delta = json!({"type": "text_delta", "text": "Hi"});
    let events = [
        json!({"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 1, "output_tokens": 1}}}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ];
    let nameless: String = events.iter().map(|it| format!("data: {it}\n\n")).collect();
    let reply = Reply::new(200, nameless).header("content-type", "text/event-stream");
    upstream.on_model("m", reply);
    let mut body = question("claude/m");
    body["stream"] = json!(true);
    let answer = gateway.client().post("/v1/messages", &body).text();
    for event in events {
        let kind = event["type"].as_str().unwrap_or_default();
        let named = format!("event: {kind}\ndata: {event}\n\n");
        assert!(answer.contains(&named), "{kind}: {answer}");
    }
}

#[test]
fn all_lines_of_anthropic_beta_travel_on() {
    let upstream = Upstream::start();
    upstream.on_model("m", Reply::error(400, "x", "x"));
    let gateway = gateway(&upstream);
    let flags = [("anthropic-beta", "a-1,b-2"), ("anthropic-beta", "c-3")];
    let body = question("claude/m").to_string();
    gateway
        .client()
        .post_bytes("/v1/messages?beta=true", &flags, body.as_bytes());
    let seen = upstream.last_request();
    assert_eq!(seen.header("anthropic-beta"), Some("a-1,b-2, c-3"));
}

#[test]
fn codex_is_told_that_there_is_no_socket_and_java_is_served() {
    let upstream = Upstream::start();
    upstream.on_model("m", Reply::error(400, "x", "The provider was asked."));
    let gateway = gateway(&upstream);
    let upgrade = |to| [("connection", "Upgrade, HTTP2-Settings"), ("upgrade", to)];
    let body = json!({"model": "chat/m", "input": "hi"}).to_string();
    let ask = |to| {
        let client = gateway.client();
        client.post_bytes("/v1/responses", &upgrade(to), body.as_bytes())
    };
    ask("WebSocket").assert_error(426, "upgrade_not_supported");
    assert_eq!(ask("h2c").error("message"), "The provider was asked.");
}

#[test]
fn a_conversation_that_is_too_long_is_told_in_the_words_of_its_client() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream);
    let words = "prompt is too long: 210000 tokens > 200000 maximum";
    let error = json!({"type": "invalid_request_error", "message": words});
    upstream.on_model(
        "m",
        Reply::json(400, &json!({"type": "error", "error": error})),
    );
    let answer = gateway.client().chat(&question("claude/m"));
    answer.assert_error(400, "context_length_exceeded");
    assert_eq!(answer.error("message"), words);

    let words = "This model's maximum context length is 128000 tokens.";
    upstream.on_model("m", Reply::error(400, "context_length_exceeded", words));
    let answer = gateway.client().post("/v1/messages", &question("chat/m"));
    answer.assert_status(400);
    assert_eq!(answer.error("type"), "invalid_request_error");
    assert_eq!(
        answer.error("message"),
        format!("prompt is too long: {words}")
    );
}
