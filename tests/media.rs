//! Images, audio, moderations and reranking: what reaches the provider, what comes back, and what is metered.

use serde_json::{Value, json};
use weir_testkit::form::{FORM, form};
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
