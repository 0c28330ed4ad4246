//! Images, audio, moderations, reranking and the routes that are passed on: what reaches the provider, what comes back,
//! and what is metered.

use serde_json::{Value, json};
use weir_testkit::gateway::operator_key;
use weir_testkit::{Gateway, Reply, Upstream};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
const EVERYTHING: &str = "endpoints: {images: true, audio_speech: true, audio_transcriptions: true, moderations: true, \
                          rerank: true, files: true}";

fn start(upstream: &Upstream) -> Gateway {
    Gateway::builder(WEIR)
        .provider("up", upstream)
        .provider_setting("up", EVERYTHING)
        .provider_setting("up", "quirks: {rerank_api: jina}")
        .start()
}

/// A form as SDKs write it: fields, and one file of so many bytes; the model first or last.
fn form(model: &str, file_bytes: usize, model_first: bool) -> Vec<u8> {
    let field =
        format!("--bnd\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n");
    let mut file =
        b"--bnd\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\
        Content-Type: audio/mpeg\r\n\r\n"
            .to_vec();
    file.extend((0..file_bytes).map(|at| b"0123456789abcdef"[at % 16]));
    file.extend_from_slice(b"\r\n");
    let parts = if model_first {
        [field.into_bytes(), file]
    } else {
        [file, field.into_bytes()]
    };
    [parts.concat(), b"--bnd--\r\n".to_vec()].concat()
}

const FORM: &[(&str, &str)] = &[("content-type", "multipart/form-data; boundary=bnd")];

fn items(call: &Value) -> Vec<(String, u64)> {
    let items = call["items"].as_array().cloned().unwrap_or_default();
    let pair = |item: &Value| {
        let unit = item["unit"].as_str().unwrap_or_default().to_owned();
        (unit, item["quantity"].as_u64().unwrap_or(0))
    };
    items.iter().map(pair).collect()
}

#[test]
fn a_form_reaches_the_provider_with_its_own_model_and_every_other_byte() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    // Small ones are kept, large ones pass by, and large ones with the model behind the file wait on disk.
    for (file_bytes, model_first) in [(100, true), (3_000_000, true), (3_000_000, false)] {
        upstream.forget();
        upstream.next(Reply::json(
            200,
            &json!({"text": "hello", "usage": {"type": "duration", "seconds": 7}}),
        ));
        let body = form("up/whisper-1", file_bytes, model_first);
        let reply = gateway
            .client()
            .post_bytes("/v1/audio/transcriptions", FORM, &body);
        reply.assert_status(200);
        assert_eq!(reply.json()["text"], "hello");
        let seen = upstream.last_request();
        assert_eq!(seen.path, "/v1/audio/transcriptions");
        assert_eq!(seen.header("content-type"), Some(FORM[0].1));
        assert!(
            seen.body[..] == form("whisper-1", file_bytes, model_first)[..],
            "{file_bytes} {model_first}"
        );
    }
    let calls = gateway.wait_for_calls(3);
    for call in &calls {
        assert_eq!(call["kind"], "transcription");
        assert_eq!(items(call), [("seconds".to_owned(), 7)], "{call}");
    }
    let spools = std::fs::read_dir(gateway.home().join("data")).unwrap();
    let left: Vec<_> = spools
        .flatten()
        .filter(|it| it.file_name().to_string_lossy().starts_with(".tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_form_without_a_model_or_with_a_broken_frame_is_the_callers_mistake() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let client = gateway.client();
    let none = b"--bnd\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nx\r\n--bnd--\r\n";
    let reply = client.post_bytes("/v1/audio/transcriptions", FORM, none);
    reply.assert_error(400, "missing_required_parameter");
    let cut = client.post_bytes("/v1/audio/transcriptions", FORM, b"--bnd\r\nno header");
    cut.assert_status(400);
    let unknown = form("nobody/knows", 10, true);
    let reply = client.post_bytes("/v1/images/edits", FORM, &unknown);
    reply.assert_error(404, "model_not_found");
    assert!(upstream.requests().is_empty());
}

#[test]
fn a_form_over_the_limit_is_refused_before_it_is_read() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider_setting("up", EVERYTHING)
        .set("server", "max_upload_bytes: 1MiB")
        .start();
    let body = form("up/whisper-1", 2_000_000, true);
    let reply = gateway
        .client()
        .post_bytes("/v1/audio/transcriptions", FORM, &body);
    reply.assert_error(413, "request_too_large");
}

#[test]
fn speech_comes_as_bytes_and_is_metered_by_characters() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let sound: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    upstream.next(
        Reply::new(200, sound.clone())
            .header("content-type", "audio/mpeg")
            .chunked(),
    );
    let ask = json!({"model": "up/tts-1", "input": "Grüße", "voice": "alloy"});
    let reply = gateway.client().post("/v1/audio/speech", &ask);
    reply.assert_status(200);
    assert_eq!(reply.header("content-type"), Some("audio/mpeg"));
    assert!(reply.body == sound);
    assert_eq!(upstream.last_request().json()["model"], "tts-1");
    let calls = gateway.wait_for_calls(1);
    assert_eq!(items(&calls[0]), [("characters".to_owned(), 5)]);
}

#[test]
fn images_are_metered_by_the_image_or_by_their_tokens() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let two = json!({"created": 1, "data": [{"url": "https://x/1"}, {"url": "https://x/2"}]});
    upstream.next(Reply::json(200, &two));
    let tokens = json!({"created": 1, "data": [{"b64_json": "AA=="}], "usage": {"input_tokens": 12, "output_tokens": 100,
        "total_tokens": 112, "input_tokens_details": {"text_tokens": 10, "image_tokens": 2}}});
    upstream.next(Reply::json(200, &tokens));
    let client = gateway.client();
    let ask = json!({"model": "up/dall-e-3", "prompt": "a weir", "n": 2});
    let reply = client.post("/v1/images/generations", &ask);
    assert_eq!(reply.assert_status(200).json(), two);
    let reply = client.post("/v1/images/generations", &ask);
    assert_eq!(reply.assert_status(200).json(), tokens);
    let mut calls = gateway.wait_for_calls(2);
    calls.sort_by_key(|call| items(call).len());
    assert_eq!(items(&calls[0]), [("images".to_owned(), 2)]);
    let mut units = items(&calls[1]);
    units.sort();
    let expected = [("image_input", 2), ("image_output", 100), ("input", 10)];
    let expected = expected.map(|(unit, count)| (unit.to_owned(), count));
    assert_eq!(units, expected);
}

#[test]
fn moderations_and_reranking_pass_with_their_models_checked() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let client = gateway.client();
    upstream.next(Reply::json(200, &json!({"id": "modr-1", "results": []})));
    let ask = json!({"model": "up/omni-moderation-latest", "input": "x"});
    client.post("/v1/moderations", &ask).assert_status(200);
    let ranked = json!({"id": "r1", "results": [{"index": 0, "relevance_score": 0.5}],
        "usage": {"total_tokens": 9}});
    upstream.next(Reply::json(200, &ranked));
    let ask = json!({"model": "up/jina-reranker-v3", "query": "q", "documents": ["a"]});
    let reply = client.post("/v1/rerank", &ask);
    assert_eq!(reply.assert_status(200).json(), ranked);
    assert_eq!(upstream.last_request().json()["model"], "jina-reranker-v3");
    let calls = gateway.wait_for_calls(2);
    let rerank = calls.iter().find(|call| call["kind"] == "rerank").unwrap();
    assert_eq!(items(rerank), [("input".to_owned(), 9)]);
}

#[test]
fn an_endpoint_that_a_provider_does_not_serve_is_not_found() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let ask = json!({"model": "up/x", "input": "x"});
    for path in [
        "/v1/moderations",
        "/v1/audio/speech",
        "/v1/images/generations",
    ] {
        let reply = gateway.client().post(path, &ask);
        reply.assert_error(404, "model_not_found");
    }
    assert!(upstream.requests().is_empty());
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
fn a_large_form_cannot_name_another_model_behind_its_file() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let bound = gateway.create_token("admin", &["--models", "up/whisper-1"]);
    let mut body = form("up/whisper-1", 3_000_000, true);
    body.truncate(body.len() - b"--bnd--\r\n".len());
    body.extend_from_slice(
        b"--bnd\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nother\r\n--bnd--\r\n",
    );
    let client = gateway.client_with(&bound.secret);
    let reply = client.post_bytes("/v1/audio/transcriptions", FORM, &body);
    reply.assert_status(400);
    // What had begun to be sent was cut short of its length.
    assert!(upstream.requests().is_empty());
    let calls = gateway.wait_for_calls(1);
    assert_eq!(
        (&calls[0]["status"], &calls[0]["end"]),
        (&json!(400), &json!("failed"))
    );
}

#[test]
fn a_form_that_has_passed_by_is_told_its_failure_at_once_and_blames_nobody_else() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider_setting("up", EVERYTHING)
        .set("retry", "cooldown_after_failures: 2")
        .start();
    let client = gateway.client();
    upstream.next(Reply::error(500, "server_error", "the engine is out"));
    let body = form("up/whisper-1", 3_000_000, true);
    let reply = client.post_bytes("/v1/audio/transcriptions", FORM, &body);
    assert!(
        reply
            .assert_status(500)
            .text()
            .contains("the engine is out")
    );
    let calls = gateway.wait_for_calls(1);
    assert_eq!(calls[0]["attempts"], 1);
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
    assert_eq!(items(&calls[0]), []);
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
    conn.response().assert_status(200);
    assert_eq!(upstream.last_request().method, "HEAD");
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
    assert!(upstream.requests().is_empty());
    let whole = gateway.create_token("admin", &["--models", "up/*"]);
    upstream.next(Reply::json(200, &json!({})));
    gateway
        .client_with(&whole.secret)
        .post("/providers/up/model/other/converse", &ask)
        .assert_status(200);
}

#[test]
fn a_providers_error_never_shows_the_key_it_was_sent() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let quoted = format!("no such thing for {}", operator_key("up"));
    upstream.next(Reply::error(400, "bad", &quoted));
    let ask = json!({"model": "up/tts-1", "input": "Hi", "voice": "alloy"});
    let reply = gateway.client().post("/v1/audio/speech", &ask);
    let text = reply.assert_status(400).text();
    assert!(text.contains("no such thing for [key]"), "{text}");
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
fn a_transcription_of_which_nobody_tells_the_length_does_not_look_free() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    upstream.next(Reply::json(200, &json!({"text": "hello"})));
    let body = form("up/whisper-1", 3_000_000, true);
    let reply = gateway
        .client()
        .post_bytes("/v1/audio/transcriptions", FORM, &body);
    reply.assert_status(200);
    let calls = gateway.wait_for_calls(1);
    assert_eq!(calls[0]["unpriced"], true, "{}", calls[0]);
    assert_eq!(calls[0]["estimated"], true, "{}", calls[0]);
}
