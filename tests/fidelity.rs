//! Where the formats agree, bytes pass untouched: fields, key order and numbers, there and back.

use weir_testkit::{
    Chat, Client, Gateway, Play, Reply, Upstream, chat_body, stream_body, stream_body_with_usage,
};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
const CHAT: &str = "/v1/chat/completions";

/// Valid JSON that no typed model of the API would give back as it was.
const ODD: &str = r#" {"zeta":1,"messages" : [{"role":"user","content":[{"type":"text","text":"\u00fc\/ü\ud83c\udf0d"}]},
  {"role":"assistant","content":null,"x":{"b":1,"a":2}}],
	"big":123456789012345678901234567890,"exact":1.10,"huge":1E400,"neg":-0.0,"model" : "up/ok","alpha":[],"stop":"x",
  "tools":[{"type":"never_seen","strict":true}],"unknown":{"deep":{"er":[[],{},[{}]]}}} "#;

#[test]
fn only_the_model_of_a_request_changes() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway
        .client()
        .post_bytes(CHAT, &[], ODD.as_bytes())
        .assert_status(200);
    assert_eq!(upstream.last_request().text(), ODD.replace("up/ok", "ok"));
}

#[test]
fn a_request_for_the_providers_own_name_does_not_change_at_all() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let body = ODD.replace("up/ok", "ok");
    gateway
        .client()
        .post_bytes(CHAT, &[], body.as_bytes())
        .assert_status(200);
    assert_eq!(upstream.last_request().text(), body);
}

#[test]
fn a_model_written_with_escapes_is_the_same_model() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    upstream.next(Chat::new());
    let body = r#"{"m\u006fdel":"up\/ok","messages":[]}"#;
    gateway
        .client()
        .post_bytes(CHAT, &[], body.as_bytes())
        .assert_status(200);
    assert_eq!(upstream.last_request().json()["model"], "ok");
}

#[test]
fn words_in_strings_and_nested_objects_are_no_model() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let body = r#"{"messages":[{"role":"user","content":"\"model\":\"up/dear\"","model":"up/inner"}],"metadata":{"model":"up/ok"},"model":"up/ok"}"#;
    gateway
        .client()
        .post_bytes(CHAT, &[], body.as_bytes())
        .assert_status(200);
    let expected = body.replace(r#","model":"up/ok"}"#, r#","model":"ok"}"#);
    assert_eq!(upstream.last_request().text(), expected);
}

#[test]
fn a_stream_that_did_not_ask_for_usage_changes_in_that_alone() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let body = ODD.replacen("\"zeta\":1", "\"zeta\":1,\"stream\":true", 1);
    let stream = gateway.client().stream(&stream_body("up/ok")).transcript();
    assert!(stream.usages().is_empty());
    gateway
        .client()
        .post_bytes(CHAT, &[], body.as_bytes())
        .assert_status(200);
    let seen = upstream.last_request();
    let text = seen.text();
    assert_eq!(seen.model(), Some("ok"));
    assert!(text.contains("include_usage"), "{text}");
    for kept in [
        "123456789012345678901234567890",
        "1.10",
        "1E400",
        r#""b":1,"a":2"#,
        r#"\u00fc\/ü\ud83c\udf0d"#,
    ] {
        assert!(text.contains(kept), "{kept} is lost in {text}");
    }
    let order: Vec<_> = ["zeta", "messages", "big", "exact", "huge", "alpha", "tools"]
        .map(|key| text.find(key))
        .into();
    assert!(order.is_sorted(), "{text}");
}

#[test]
fn include_usage_is_set_beside_other_stream_options() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    for options in [
        r#"{}"#,
        r#"{"include_usage":false}"#,
        r#"{"other":[1],"include_usage":null}"#,
        r#"{"other":[1]}"#,
        "null",
    ] {
        let body = format!(
            r#"{{"model":"up/ok","stream":true,"stream_options":{options},"messages":[]}}"#
        );
        gateway
            .client()
            .post_bytes(CHAT, &[], body.as_bytes())
            .assert_status(200);
        let seen = upstream.last_request().json();
        assert_eq!(seen["stream_options"]["include_usage"], true, "{options}");
        if options.contains("other") {
            assert_eq!(seen["stream_options"]["other"][0], 1, "{options}");
        }
    }
}

#[test]
fn a_stream_that_asked_for_usage_changes_in_its_model_alone() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let body = stream_body_with_usage("up/ok").to_string();
    gateway
        .client()
        .post_bytes(CHAT, &[], body.as_bytes())
        .assert_status(200);
    assert_eq!(upstream.last_request().text(), body.replace("up/ok", "ok"));
}

#[test]
fn a_whole_answer_passes_byte_for_byte() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let odd = "{ \"zeta\":1.10, \"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"\\u00fc\"},\"finish_reason\":\"stop\"}],\n\"big\":123456789012345678901234567890,\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3,\"own\":{}},\"a\":null }\n";
    upstream.next(Reply::new(200, odd).header("content-type", "application/json"));
    upstream.next(
        Reply::new(200, odd)
            .header("content-type", "application/json")
            .chunked(),
    );
    for _ in 0..2 {
        assert_eq!(gateway.client().chat(&chat_body("up/ok")).text(), odd);
    }
}

#[test]
fn a_streams_events_pass_byte_for_byte() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let events = concat!(
        "data: {\"zeta\":1.10,\"choices\":[],\"prompt_filter_results\":[{\"x\":1E400}]}\n\n",
        "data:{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\u00fc \",\"reasoning_content\":\"hm\"}}],\"own\":[ 1 , 2 ]}\n\n",
        "event: anything\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}\n\n",
        "data: [DONE]\n\n",
    );
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n",
        events.len()
    );
    upstream.next(Play::new().send(head + events));
    let answer = gateway
        .client()
        .post("/v1/chat/completions", &stream_body_with_usage("up/ok"));
    answer.assert_status(200);
    assert_eq!(answer.text(), events);
}

#[test]
fn quirks_of_a_provider_are_respected() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider_setting(
            "up",
            "quirks: {stream_options: false, max_tokens_field: max_completion_tokens}",
        )
        .start();
    let body = r#"{"model":"up/ok","max_tokens":77,"stream":true,"messages":[]}"#;
    ask(&gateway.client(), body);
    let seen = upstream.last_request();
    assert_eq!(seen.json().get("stream_options"), None);
    assert_eq!(seen.json()["max_completion_tokens"], 77);
    assert_eq!(seen.json().get("max_tokens"), None);
}

fn ask(client: &Client, body: &str) {
    client
        .post_bytes(CHAT, &[], body.as_bytes())
        .assert_status(200);
}
