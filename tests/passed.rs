//! Routes that are passed on, and a provider's own: what reaches the provider, what comes back, and who may.

use serde_json::json;
use weir_testkit::form::{FORM, form};
use weir_testkit::gateway::operator_key;
use weir_testkit::{Act, Gateway, Play, Reply, Upstream};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
fn start(upstream: &Upstream) -> Gateway {
    Gateway::builder(WEIR)
        .provider("up", upstream)
        .provider_setting("up", "endpoints: {moderations: true, files: true}")
        .start()
}

#[test]
fn files_are_passed_on_with_the_callers_own_key_only() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    gateway.add_user("ann");
    let ann = gateway.create_token("ann", &[]);
    let client = gateway.client_with(&ann.secret);
    // What a provider keeps belongs to the account of a key: the operator's is not for everyone.
    let refused = client.get("/v1/files?purpose=batch");
    refused.assert_error(403, "provider_key_missing");
    assert!(upstream.requests().is_empty());

    let added = gateway.cli_with_input(
        &["key", "set", "up", "--user", "ann"],
        "sk-anns-own-key-0123456789\n",
    );
    added.assert_success();
    let answered = weir_testkit::wait_until(weir_testkit::PATIENCE, || {
        upstream.next(Reply::json(200, &json!({"object": "list", "data": []})));
        let reply = client.get("/v1/files?purpose=batch");
        (reply.status == 200).then_some(reply)
    });
    assert_eq!(answered.unwrap().json()["object"], "list");
    let seen = upstream.last_request();
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("GET", "/v1/files?purpose=batch")
    );
    assert_eq!(
        seen.header("authorization"),
        Some("Bearer sk-anns-own-key-0123456789")
    );
    assert_eq!(seen.header("content-type"), None);
}

#[test]
fn whatever_is_passed_on_keeps_its_method_its_body_and_its_answer() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let client = gateway.client();
    let content: Vec<u8> = (0..70_000_u32).flat_map(u32::to_le_bytes).collect();
    upstream
        .next(Reply::new(200, content.clone()).header("content-type", "application/octet-stream"));
    let reply = client.get("/v1/files/file-1/content");
    reply.assert_status(200);
    assert!(reply.body == content);
    assert_eq!(
        upstream.last_request().header("authorization"),
        Some(format!("Bearer {}", operator_key("up")).as_str())
    );
    let upload = form("unused", 2_500_000, true);
    upstream.next(Reply::json(200, &json!({"id": "file-2"})));
    let reply = client.post_bytes("/v1/files", FORM, &upload);
    reply.assert_status(200);
    assert!(upstream.last_request().body[..] == upload[..]);
    // Nobody knows whether it may be done twice: a failure is told, not repeated.
    upstream.next(Reply::error(500, "server_error", "no"));
    let seen_before = upstream.requests().len();
    client
        .post("/v1/batches", &json!({"input_file_id": "file-2"}))
        .assert_status(500);
    assert_eq!(upstream.requests().len(), seen_before + 1);
    client.get("/v1/unknown").assert_error(404, "unknown_url");
}

#[test]
fn a_token_for_some_models_passes_nothing_on_that_names_none() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let bound = gateway.create_token("admin", &["--models", "up/gpt-4o"]);
    let client = gateway.client_with(&bound.secret);
    client.get("/v1/files").assert_error(404, "model_not_found");
    client
        .post(
            "/providers/up/v1/fine_tuning/jobs",
            &json!({"model": "other"}),
        )
        .assert_error(404, "model_not_found");
    assert!(upstream.requests().is_empty());
}

#[test]
fn a_providers_own_routes_are_reached_by_its_name() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let client = gateway.client();
    // What is known is carried and metered like any call, but only there.
    let chat = json!({"model": "ok", "messages": [{"role": "user", "content": "hi"}]});
    let reply = client.post("/providers/up/v1/chat/completions", &chat);
    reply.assert_status(200);
    assert_eq!(reply.header("x-weir-provider"), Some("up"));
    let calls = gateway.wait_for_calls(1);
    assert_eq!(calls[0]["kind"], "chat");
    // What is not is passed on, with or without the path of the provider's base.
    for path in ["/providers/up/v1/novelties/7", "/providers/up/novelties/7"] {
        upstream.next(Reply::json(200, &json!({"novel": true})));
        assert_eq!(client.get(path).assert_status(200).json()["novel"], true);
        assert_eq!(upstream.last_request().path, "/v1/novelties/7");
    }
    for path in [
        "/providers/nobody/v1/x",
        "/providers/up/../x",
        "/providers/up/v1/%2e%2e/x",
        "/providers/demo/x",
    ] {
        client.get(path).assert_status(404);
    }
}

#[test]
fn what_a_passed_request_has_made_is_named_by_its_location() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let made = Reply::new(201, "v=0\r\n")
        .header("content-type", "application/sdp")
        .header("location", "/v1/realtime/calls/rtc_1");
    upstream.next(made);
    let offer = [("content-type", "application/sdp")];
    let client = gateway.client();
    let reply = client.post_bytes("/v1/realtime/calls", &offer, b"v=0\r\n");
    reply.assert_status(201);
    assert_eq!(reply.header("location"), Some("/v1/realtime/calls/rtc_1"));
    assert_eq!(
        upstream.last_request().header("content-type"),
        Some("application/sdp")
    );
    // Where the gateway understands the answer, a place at the provider is nobody's business.
    upstream.next(
        Reply::json(200, &json!({"id": "modr-1", "results": []})).header("location", "/elsewhere"),
    );
    let ask = json!({"model": "up/ok", "input": "x"});
    let reply = client.post("/v1/moderations", &ask);
    assert_eq!(reply.assert_status(200).header("location"), None);
}

#[test]
fn routes_that_would_reach_beyond_what_is_passed_are_not_found() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let client = gateway.client();
    for path in [
        "/v1/files/../organization/users",
        "/v1/files/%2e%2e/organization/users",
        "/v1/skills/%2E%2E",
    ] {
        client.get(path).assert_error(404, "unknown_url");
    }
    for path in ["/v1/organization/users", "/v1/projects/p/roles"] {
        let refused = client.get(path);
        refused.assert_error(404, "administration_not_passed");
    }
    for path in ["/v1/responses/resp_1", "/v1/conversations/conv_1/items"] {
        let refused = client.get(path);
        refused.assert_error(404, "conversations_not_kept");
    }
    assert!(upstream.requests().is_empty());
}

#[test]
fn a_model_is_deleted_where_its_name_says() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let client = gateway.client();
    let deleted = json!({"id": "ft:m:o::1", "object": "model", "deleted": true});
    for path in [
        "/v1/models/ft:m:o::1",
        "/v1/models/up/ft:m:o::1",
        "/v1/models/up%2Fft:m:o::1",
    ] {
        upstream.next(Reply::json(200, &deleted));
        let mut connection = client.connect();
        connection.send(&client.head("DELETE", path, &[], None));
        let reply = connection.response();
        assert_eq!(reply.assert_status(200).json(), deleted);
        let seen = upstream.last_request();
        let line = (seen.method.as_str(), seen.path.as_str());
        assert_eq!(line, ("DELETE", "/v1/models/ft:m:o::1"), "{path}");
    }
}

#[test]
fn nothing_is_put_between_bytes_that_are_passed_on() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("stream", "early_commit_after_ms: 50ms")
        .set("stream", "keepalive_ms: 50ms")
        .start();
    let ask = json!({"model": "m", "stream": true});
    upstream.next(
        Reply::new(200, "{\"done\":true}\n")
            .header("content-type", "application/x-ndjson")
            .after(std::time::Duration::from_millis(400)),
    );
    let reply = gateway.client().post("/providers/up/api/show", &ask);
    reply.assert_status(200);
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(reply.text(), "{\"done\":true}\n");
}

#[test]
fn an_object_that_tells_of_an_error_and_of_usage_is_passed_on_and_not_billed() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let run = json!({"id": "run_1", "error": {"code": "server_error", "message": "it failed"},
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}});
    upstream.next(Reply::json(200, &run));
    let reply = gateway.client().get("/v1/threads/t/runs/run_1");
    assert_eq!(reply.assert_status(200).json(), run);
    let calls = gateway.wait_for_calls(1);
    assert_eq!(calls[0]["items"], json!([]));
}

#[test]
fn a_key_that_a_passed_on_route_refuses_still_serves_everything_else() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let client = gateway.client();
    upstream.next(Reply::error(
        403,
        "forbidden",
        "your organization does not allow this",
    ));
    client
        .get("/providers/up/v1/organization/costs")
        .assert_error(502, "provider_key_rejected");
    assert!(gateway.metrics().contains("weir_set_aside 0"));
}

#[test]
fn a_head_is_passed_on_and_answered_at_once() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    upstream.next(
        Reply::new(200, "")
            .header("content-type", "application/octet-stream")
            .claiming_length(100),
    );
    let client = gateway.client();
    let mut conn = client.connect();
    conn.send(&client.head("HEAD", "/v1/files/file-1/content", &[], None));
    // How long it would be is told, though nothing of it comes.
    let head = conn.head();
    head.assert_status(200);
    assert_eq!(head.header("content-length"), Some("100"));
    assert_eq!(upstream.last_request().method, "HEAD");
}

#[test]
fn an_answer_without_a_body_tells_no_length_and_leaves_the_connection_in_order() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let client = gateway.client();
    let mut connection = client.connect();
    for (method, status) in [("DELETE", 204), ("HEAD", 200), ("DELETE", 204)] {
        let bare = format!("HTTP/1.1 {status} Fine\r\n\r\n");
        upstream.next(Play::new().send(bare).act(Act::Close));
        connection.send(&client.head(method, "/v1/files/file-1", &[], None));
        let head = connection.head();
        head.assert_status(status);
        assert_eq!(head.header("content-length"), None, "{method}");
        assert_eq!(head.header("transfer-encoding"), None, "{method}");
    }
    upstream.next(Reply::json(200, &json!({"object": "list"})));
    connection.send(&client.head("GET", "/v1/files", &[], None));
    connection.response().assert_status(200);
}

#[test]
fn only_administrators_reach_the_own_routes_of_a_provider_without_keys() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .file(
            "conf.d/engine.yaml",
            &format!(
                "providers:\n  engine: {{base_url: '{}', auth: none, models: ['*']}}\n",
                upstream.base_url()
            ),
        )
        .start();
    gateway.add_user("ann");
    let ann = gateway.create_token("ann", &[]);
    let client = gateway.client_with(&ann.secret);
    client
        .post("/providers/engine/api/delete", &json!({"model": "shared"}))
        .assert_error(403, "admin_only");
    assert!(upstream.requests().is_empty());
    upstream.next(Reply::json(200, &json!({})));
    gateway
        .client()
        .post("/providers/engine/api/delete", &json!({"model": "shared"}))
        .assert_status(200);
}

#[test]
fn a_models_name_in_the_path_is_no_way_around_a_tokens_list() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let bound = gateway.create_token("admin", &["--models", "up/gpt-4o"]);
    let client = gateway.client_with(&bound.secret);
    let ask = json!({"model": "gpt-4o", "contents": []});
    // However it is spelled it is Gemini's call, and told in Gemini's words.
    client
        .post("/providers/up/v1beta/models/other%3AgenerateContent", &ask)
        .assert_status(404);
    for path in [
        "/providers/up/openai/deployments/other/anything",
        "/providers/up/model/other/converse",
    ] {
        client.post(path, &ask).assert_error(404, "model_not_found");
    }
    // A colon that is encoded is a colon, and the error Google's.
    let spelled = "/providers/up/v1beta/models/other%3AgenerateContent";
    client.post(spelled, &ask).assert_status(404);
    assert!(upstream.requests().is_empty());
    let whole = gateway.create_token("admin", &["--models", "up/*"]);
    upstream.next(Reply::json(200, &json!({})));
    gateway
        .client_with(&whole.secret)
        .post("/providers/up/model/other/converse", &ask)
        .assert_status(200);
}

#[test]
fn who_names_a_provider_in_the_url_gets_no_other() {
    let (upstream, other) = (Upstream::start(), Upstream::start());
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider("other", &other)
        .set("retry", "max_attempts: 2")
        .set("fallbacks", "global: [other/ok]")
        .set_top("default_model: other/ok")
        .start();
    let client = gateway.client();
    let mut chat = json!({"model": "fine", "messages": [{"role": "user", "content": "hi"}]});
    upstream.next(Reply::error(500, "server_error", "no"));
    upstream.next(Reply::error(500, "server_error", "no"));
    let reply = client.post("/providers/up/v1/chat/completions", &chat);
    reply.assert_status(500);
    chat.as_object_mut().unwrap().remove("model");
    client
        .post("/providers/up/v1/chat/completions", &chat)
        .assert_error(400, "missing_required_parameter");
    assert!(other.requests().is_empty());
    // Without a name in the URL the fallback serves.
    upstream.next(Reply::error(500, "server_error", "no"));
    chat["model"] = json!("up/fine");
    client
        .post("/v1/chat/completions", &chat)
        .assert_status(200);
}

#[test]
fn a_compressed_body_is_passed_on_with_its_encoding() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    upstream.next(Reply::json(200, &json!({})));
    let headers = [
        ("content-encoding", "gzip"),
        ("content-type", "application/json"),
    ];
    let reply = gateway
        .client()
        .post_bytes("/v1/batches", &headers, b"\x1f\x8b whatever");
    reply.assert_status(200);
    let seen = upstream.last_request();
    assert_eq!(seen.header("content-encoding"), Some("gzip"));
    assert!(seen.body[..] == b"\x1f\x8b whatever"[..]);
}

#[test]
fn a_part_of_what_is_passed_on_can_be_asked_for() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let client = gateway.client();
    let asked = [("range", "bytes=2-5"), ("if-range", "\"v1\"")];
    for (path, media_type) in [
        ("/v1/files/file-1/content", "application/octet-stream"),
        ("/v1/files/file-2/content", "application/json"),
        ("/providers/up/v1/blobs/7", "application/jsonl"),
    ] {
        let part = Reply::new(206, "2345")
            .header("content-type", media_type)
            .header("content-range", "bytes 2-5/10")
            .header("accept-ranges", "bytes")
            .header("etag", "\"v1\"");
        upstream.next(part);
        let mut connection = client.connect();
        connection.send(&client.head("GET", path, &asked, None));
        let answer = connection.response();
        assert_eq!(answer.assert_status(206).text(), "2345");
        for (name, value) in [
            ("content-range", "bytes 2-5/10"),
            ("accept-ranges", "bytes"),
            ("etag", "\"v1\""),
            ("content-type", media_type),
            ("content-length", "4"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path} {name}");
        }
        let seen = upstream.last_request();
        assert_eq!(seen.header("range"), Some("bytes=2-5"));
        assert_eq!(seen.header("if-range"), Some("\"v1\""));
    }
    upstream
        .next(Reply::error(416, "range", "No such part.").header("content-range", "bytes */10"));
    let mut connection = client.connect();
    connection.send(&client.head("GET", "/v1/files/file-1/content", &asked, None));
    let answer = connection.response();
    answer.assert_error(416, "range");
    assert_eq!(answer.header("content-range"), Some("bytes */10"));
    // Where the gateway reads what is asked for, no part of it would do.
    let chat = json!({"model": "up/ok", "messages": [{"role": "user", "content": "hi"}]});
    client
        .post_bytes("/v1/chat/completions", &asked, chat.to_string().as_bytes())
        .assert_status(200);
    assert_eq!(upstream.last_request().header("range"), None);
}

#[test]
fn a_file_that_breaks_off_is_not_taken_for_whole() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let cut = Reply::new(200, "only the beginning")
        .header("content-type", "text/plain")
        .claiming_length(100);
    upstream.next(cut);
    let answer = gateway.client().get("/v1/files/file-1/content");
    answer.assert_status(200);
    assert!(!answer.whole);
}

#[test]
fn a_credential_in_a_query_stays_here_and_the_rest_of_it_does_not_change() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let client = gateway.client();
    let token = weir_testkit::ADMIN_TOKEN;
    let upper = token.replace('-', "%2D");
    for (query, passed) in [
        (format!("?key={token}"), "".to_owned()),
        (
            format!("?limit=2&k%65y={token}&a=%2f+x"),
            "?limit=2&a=%2f+x".to_owned(),
        ),
        (format!("?after={upper}&b"), "?b".to_owned()),
        (
            "?api_key=sk-1&access_token=2&pageToken=3".to_owned(),
            "?pageToken=3".to_owned(),
        ),
        ("?x=1&&y;z=%zz&".to_owned(), "?x=1&&y;z=%zz&".to_owned()),
    ] {
        for path in ["/v1/files", "/providers/up/v1/things"] {
            upstream.next(Reply::json(200, &json!({})));
            client.get(&format!("{path}{query}")).assert_status(200);
            let below = path.strip_prefix("/providers/up").unwrap_or(path);
            let seen = upstream.last_request();
            assert_eq!(seen.path, format!("{below}{passed}"), "{query}");
            let head = String::from_utf8_lossy(&seen.head).into_owned();
            assert!(!head.contains(token), "{head}");
        }
    }
    // What Gemini's clients put there is no credential here, and reaches nobody.
    let ask = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    let path = format!("/v1beta/models/up/ok:generateContent?key={token}&alt=json");
    client.post(&path, &ask).assert_status(200);
    let head = String::from_utf8_lossy(&upstream.last_request().head).into_owned();
    assert!(!head.contains("key="), "{head}");
    assert!(!gateway.logs().contains(token));
}
