//! The second listener: health and metrics for machines, apart from what clients reach.

use weir_testkit::{Gateway, Reply, Upstream, chat_body, stream_body};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

#[test]
fn health_is_told_apart_from_the_api() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    for path in ["/livez", "/readyz", "/metrics"] {
        gateway.ops().get(path).assert_status(200);
        gateway.anonymous().get(path).assert_status(404);
    }
    gateway.ops().get("/v1/models").assert_status(404);
}

#[test]
fn health_is_on_the_api_too_where_configured() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("server", "ops_on_main: true")
        .start();
    for path in ["/livez", "/readyz"] {
        gateway.anonymous().get(path).assert_status(200);
    }
}

#[test]
fn metrics_count_what_happened_under_the_names_of_opentelemetry() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("retry", "max_attempts: 1")
        .start();
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(200);
    gateway.client().stream(&stream_body("up/ok")).transcript();
    upstream.next(Reply::html(500));
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(500);
    gateway
        .anonymous()
        .chat(&chat_body("up/ok"))
        .assert_status(401);
    gateway.wait_for_calls(3);
    let metrics = gateway.metrics();
    for name in [
        "gen_ai_server_request_duration",
        "gen_ai_server_time_to_first_token",
        "gen_ai_server_time_per_output_token",
        "gen_ai_client_token_usage",
    ] {
        assert!(metrics.contains(name), "{name} is missing:\n{metrics}");
    }
    for label in ["caller", "provider"] {
        let counted = |line: &&str| line.contains(&format!("\"{label}\"")) && line.ends_with(" 1");
        assert!(
            metrics.lines().any(|line| counted(&line)),
            "no fault of the {label} is counted:\n{metrics}"
        );
    }
}

#[test]
fn a_stranger_cannot_make_new_series() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(200);
    gateway
        .client()
        .chat(&chat_body("no-such-model-0"))
        .assert_status(404);
    // The first call's own series come when it is settled.
    gateway.wait_for_calls(1);
    let before = gateway.metrics().lines().count();
    for number in 1..50 {
        gateway
            .client()
            .chat(&chat_body(&format!("no-such-model-{number}")))
            .assert_status(404);
        gateway
            .anonymous()
            .get(&format!("/no/such/path/{number}"))
            .assert_status(404);
    }
    let after = gateway.metrics().lines().count();
    assert!(after <= before + 20, "{before} lines became {after}");
}

#[test]
fn what_callers_write_begins_no_line_of_the_log() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("log", "format: human")
        .start();
    let client = gateway.client();
    client
        .get("/v1/models/x%0aFORGED%1b%5b31m%e2%80%ae")
        .assert_status(404);
    let gemini = "/v1beta/models/up%2Fx%0aFORGED:generateContent";
    client
        .post(gemini, &serde_json::json!({"contents": []}))
        .assert_status(400);
    gateway.terminate();
    let log = gateway.logs();
    assert!(log.contains(r"x\nFORGED\u{1b}[31m\u{202e}"), "{log}");
    assert!(!log.contains(['\u{1b}', '\u{202e}']), "{log}");
    assert!(log.lines().all(|line| !line.starts_with("FORGED")), "{log}");
}
