//! A token's list of models holds, however a request names one.

use serde_json::json;
use weir_testkit::{Gateway, Upstream};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
const CHAT: &str = "/v1/chat/completions";

/// A gateway whose provider keeps files, so that routes are passed on, and where the administrator has a key there.
fn start(upstream: &Upstream) -> Gateway {
    Gateway::builder(WEIR)
        .provider("up", upstream)
        .provider_setting("up", "models: [cheap, dear]")
        .provider_setting("up", "endpoints: {files: true}")
        .start()
}

#[test]
fn no_body_names_a_model_beside_the_allowed_one() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let token = gateway.create_token("admin", &["--models", "up/cheap,up/small"]);
    let client = gateway.client_with(&token.secret);
    let messages = r#""messages":[{"role":"user","content":"hi"}]"#;
    let refused = [
        (r#""model":"up/cheap","Model":"dear""#, 400),
        (r#""model":"up/cheap","\u004dODEL":"dear""#, 400),
        (r#""model":"up/cheap","model":"up/dear""#, 400),
        (r#""model":"up/cheap","models":["cheap","dear"]"#, 404),
        (r#""model":"up/cheap","fallbacks":[{"model":"dear"}]"#, 404),
        (
            r#""model":"up/cheap","tools":[{"type":"image_generation","model":"dear"}]"#,
            404,
        ),
    ];
    for (members, status) in refused {
        let body = format!("{{{members},{messages}}}");
        let reply = client.post_bytes(CHAT, &[], body.as_bytes());
        reply.assert_status(status);
        assert_eq!(reply.error("param"), "model", "{body}");
    }
    assert!(upstream.requests().is_empty());
    let body = format!(r#"{{"model":"up/cheap","models":["cheap","small"],{messages}}}"#);
    let reply = client.post_bytes(CHAT, &[], body.as_bytes());
    reply.assert_status(200);
    // Who may use every model may name any.
    let body = format!(r#"{{"model":"up/cheap","models":["dear"],{messages}}}"#);
    let reply = gateway.client().post_bytes(CHAT, &[], body.as_bytes());
    reply.assert_status(200);
}

#[test]
fn nothing_is_passed_on_whose_model_is_not_the_one_in_its_body() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let token = gateway.create_token("admin", &["--models", "cheap"]);
    let client = gateway.client_with(&token.secret);
    let refused = [
        (
            "/v1/batches",
            json!({"model": "cheap", "input_file_id": "file-1"}),
        ),
        (
            "/v1/evals/e/runs",
            json!({"model": "cheap", "data_source": {"model": "dear"}}),
        ),
        (
            "/v1/realtime/client_secrets",
            json!({"model": "cheap", "session": {}}),
        ),
        ("/v1/responses/compact", json!({"model": "dear"})),
        (
            "/v1/fine_tuning/jobs",
            json!({"model": "cheap", "method": {"grader": {"model": "dear"}}}),
        ),
    ];
    for (path, body) in refused {
        client
            .post(path, &body)
            .assert_error(404, "model_not_found");
    }
    client
        .post(
            "/v1/responses/compact",
            &json!({"model": "cheap", "Model": "dear"}),
        )
        .assert_status(400);
    assert!(upstream.requests().is_empty());
    let job = json!({"model": "cheap", "training_file": "file-1"});
    client.post("/v1/fine_tuning/jobs", &job).assert_status(200);
}

#[test]
fn another_spelling_of_a_known_route_is_metered_as_that_route() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let client = gateway.client();
    let chat = json!({"model": "cheap", "messages": [{"role": "user", "content": "hi"}]});
    let spellings = [
        "/providers/up/v1/chat/completions/",
        "/providers/up/v1//chat/completions",
        "/providers/up/v1/chat/%63ompletions",
        "/providers/up/v1/chat/completions;x=1",
        "/v1/chat/completions/",
    ];
    for path in spellings {
        client.post(path, &chat).assert_status(200);
        assert_eq!(upstream.last_request().path, "/v1/chat/completions");
    }
    let calls = gateway.wait_for_calls(spellings.len());
    assert!(calls.iter().all(|call| call["kind"] == "chat"), "{calls:?}");
}
