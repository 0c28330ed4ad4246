//! When a provider fails the next one answers; when all fail, the client learns whose fault it was.

use std::time::{Duration, Instant};

use serde_json::json;
use weir_testkit::upstream::Cut;
use weir_testkit::{
    Act, Behaviour, Chat, Gateway, GatewayBuilder, PATIENCE, Play, Reply, Upstream, chat_body,
    flaky, stream_body, wait_until,
};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

/// Two providers behind one name: `first` is asked before `second`.
fn pair(first: &Upstream, second: &Upstream) -> GatewayBuilder {
    Gateway::builder(WEIR)
        .provider("first", first)
        .provider("second", second)
        .set("aliases", "fast: [first/a, second/b]")
        .set("timeouts", "first_byte_ms: 400")
}

/// Everything that may go wrong before real output, and so must not reach the client.
fn faults() -> Vec<(&'static str, Behaviour)> {
    let refused = |status| Reply::error(status, "scripted", "No.").into();
    let short = || Reply::json(200, &json!({"object": "chat.completion", "choices": []}));
    let error_200 =
        json!({"error": {"message": "No capacity.", "type": "server_error", "code": 503}});
    vec![
        ("408", refused(408)),
        ("409", refused(409)),
        ("425", refused(425)),
        ("429", refused(429)),
        ("500", refused(500)),
        ("502", refused(502)),
        ("503", refused(503)),
        ("504", refused(504)),
        ("529", refused(529)),
        ("an HTML page", Reply::html(502).into()),
        ("an empty 503", Reply::new(503, "").into()),
        ("a close", Play::new().act(Act::Close).into()),
        ("a reset", Play::new().act(Act::Reset).into()),
        ("a hang before the head", Play::new().act(Act::Hang).into()),
        (
            "no HTTP",
            Play::new()
                .send("SSH-2.0-OpenSSH_9.2\r\n\r\n")
                .act(Act::Close)
                .into(),
        ),
        ("an error in a 200", Reply::json(200, &error_200).into()),
        ("a length too long", short().claiming_length(10_000).into()),
        ("a cut chunked body", short().chunked_cut().into()),
        ("a 401", refused(401)),
    ]
}

/// The same for streams.
fn stream_faults() -> Vec<(&'static str, Behaviour)> {
    let chat = |cut| Chat::new().cut(cut).into();
    vec![
        ("an empty stream", chat(Cut::Empty)),
        ("a role and then the end", chat(Cut::EndAfter(0))),
        ("a role and then a reset", chat(Cut::ResetAfter(0))),
        ("an error event first", chat(Cut::ErrorAfter(0))),
        (
            "nothing but a terminator",
            Reply::new(200, "data: [DONE]\n\n")
                .header("content-type", "text/event-stream")
                .into(),
        ),
    ]
}

#[test]
fn every_fault_before_output_moves_on_to_the_next_provider() {
    let (first, second) = (Upstream::start(), Upstream::start());
    for (what, fault) in faults() {
        // A fresh gateway for each: a fault that names a time to come back rests the provider for so long.
        let gateway = pair(&first, &second).start();
        first.next(fault.clone()).next(fault);
        let answer = gateway.client().chat(&chat_body("fast"));
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        assert_eq!(answer.header("x-weir-provider"), Some("second"), "{what}");
        assert_eq!(answer.header("x-weir-model"), Some("b"), "{what}");
        assert_eq!(answer.header("x-weir-attempts"), Some("2"), "{what}");
        first.forget();
    }
}

#[test]
fn every_fault_before_a_streams_output_moves_on_too() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let gateway = pair(&first, &second).start();
    for (what, fault) in faults().into_iter().chain(stream_faults()) {
        first.next(fault.clone()).next(fault);
        let stream = gateway.client().stream(&stream_body("fast")).transcript();
        assert_eq!(
            (stream.status, stream.is_done()),
            (200, true),
            "{what}: {stream:?}"
        );
        assert_eq!(
            stream.head.header("x-weir-provider"),
            Some("second"),
            "{what}"
        );
        assert_eq!(
            stream.content(),
            weir_testkit::upstream::TEXT,
            "{what}: nothing is said twice"
        );
        first.forget();
    }
}

#[test]
fn a_provider_that_cannot_be_connected_to_moves_on() {
    let (gone, second) = (Upstream::start(), Upstream::start());
    let dead = gone.base_url();
    drop(gone);
    let gateway = Gateway::builder(WEIR)
        .provider_at("first", &dead)
        .provider("second", &second)
        .set("aliases", "fast: [first/a, second/b]")
        .start();
    let answer = gateway.client().chat(&chat_body("fast"));
    assert_eq!(
        (answer.status, answer.header("x-weir-provider")),
        (200, Some("second"))
    );
    gateway
        .client()
        .chat(&chat_body("first/a"))
        .assert_error(502, "upstream_unreachable");
}

#[test]
fn an_early_refusal_of_a_large_body_moves_on_with_the_whole_body() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let gateway = pair(&first, &second)
        .set("timeouts", "first_byte_ms: 5s")
        .start();
    first.next(Reply::error(503, "busy", "early").early());
    let mut body = chat_body("fast");
    body["messages"][0]["content"] = "x".repeat(4_000_000).into();
    gateway.client().chat(&body).assert_status(200);
    assert_eq!(
        second.last_request().body.len(),
        body.to_string().len() - "fast".len() + "b".len()
    );
}

#[test]
fn fallbacks_of_a_model_and_of_all_models_are_tried_after_it() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let gateway = Gateway::builder(WEIR)
        .provider("first", &first)
        .provider("second", &second)
        .set("fallbacks", "global: [second/everyones]")
        .set("fallbacks", "models: {first/own: [second/owns]}")
        .start();
    first.next_times(2, Reply::html(503));
    for (asked, served) in [("first/own", "owns"), ("first/other", "everyones")] {
        let answer = gateway.client().chat(&chat_body(asked));
        assert_eq!(
            (answer.status, answer.header("x-weir-model")),
            (200, Some(served)),
            "{asked}"
        );
    }
}

#[test]
fn embeddings_and_completions_fall_back_as_well() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let gateway = pair(&first, &second).start();
    let embed = json!({"model": "fast", "input": "x"});
    let complete = json!({"model": "fast", "prompt": "x"});
    for (path, body) in [("/v1/embeddings", embed), ("/v1/completions", complete)] {
        first.next(Reply::error(500, "broken", "No."));
        let answer = gateway.client().post(path, &body);
        assert_eq!(
            (answer.status, answer.header("x-weir-provider")),
            (200, Some("second")),
            "{path}"
        );
    }
}

#[test]
fn a_refusal_that_is_the_callers_affair_is_relayed_as_it_is() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let gateway = pair(&first, &second).start();
    for status in [400, 404, 413, 422] {
        let body = json!({"error": {"message": "As the provider says.", "type": "its_type", "param": "p", "code": 17}});
        first.next(
            Reply::json(status, &body)
                .header("retry-after", "7")
                .header("x-should-retry", "false")
                .header("x-ratelimit-remaining-tokens", "9"),
        );
        let answer = gateway.client().chat(&chat_body("fast"));
        assert_eq!((answer.status, answer.json()), (status, body));
        assert_eq!(answer.header("retry-after"), Some("7"));
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        assert_eq!(answer.header("x-ratelimit-remaining-tokens"), Some("9"));
        assert_eq!(answer.header("x-weir-provider"), Some("first"));
    }
    assert_eq!(second.requests().len(), 0);
}

#[test]
fn a_403_about_the_request_is_relayed_and_one_about_the_account_is_not() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    upstream.next(Reply::error(
        403,
        "content_policy",
        "Your input was flagged by moderation.",
    ));
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_error(403, "content_policy");
    upstream.next_times(
        4,
        Reply::error(
            403,
            "billing_not_active",
            "Your account is not active, check billing.",
        ),
    );
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_error(502, "provider_key_rejected");
}

#[test]
fn when_all_fail_the_last_providers_answer_is_told() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let gateway = pair(&first, &second)
        .set("retry", "attempts_per_target: 1")
        .start();
    first.next(Reply::error(500, "first_broke", "First."));
    second.next(Reply::error(503, "second_broke", "Second.").header("retry-after-ms", "1234"));
    let answer = gateway.client().chat(&chat_body("fast"));
    answer.assert_error(503, "second_broke");
    assert_eq!(answer.header("retry-after-ms"), Some("1234"));
    assert_eq!(answer.header("x-weir-attempts"), Some("2"));
}

#[test]
fn when_nobody_answers_at_all_the_status_says_how() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("retry", "max_attempts: 1")
        .set("timeouts", "first_byte_ms: 300")
        .start();
    upstream.next(Play::new().act(Act::Hang));
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_error(504, "upstream_timeout");
    upstream.next(Play::new().act(Act::Reset));
    assert_eq!(gateway.client().chat(&chat_body("up/ok")).status, 502);
    upstream.next(Reply::html(502));
    let answer = gateway.client().chat(&chat_body("up/ok"));
    assert_eq!(answer.status, 502);
    assert!(
        !answer.text().contains("<html"),
        "a page is wrapped in the envelope: {}",
        answer.text()
    );
    assert!(!answer.error("message").is_empty());
}

#[test]
fn a_key_the_provider_rejects_is_not_told_as_the_callers_fault() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    upstream.next_times(
        6,
        Reply::error(
            401,
            "invalid_api_key",
            "Incorrect API key provided: sk-operator-key.",
        ),
    );
    let answer = gateway.client().chat(&chat_body("up/ok"));
    answer.assert_error(502, "provider_key_rejected");
    let message = answer.error("message");
    for fact in ["operator", "TEST_KEY_UP", "up"] {
        assert!(message.contains(fact), "{message} lacks {fact}");
    }
    assert!(
        !message.contains("sk-operator-key"),
        "the provider's words may quote the key: {message}"
    );
}

#[test]
fn a_rejected_key_is_set_aside_and_the_next_one_serves() {
    let upstream = Upstream::start();
    upstream.on_model(
        "m",
        Behaviour::new(|seen| {
            let refused = seen.header("authorization") == Some("Bearer sk-bad");
            let reply = Reply::error(401, "invalid_api_key", "No.");
            if refused {
                reply.into_play()
            } else {
                Behaviour::from(Chat::new()).play(seen)
            }
        }),
    );
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider_setting("up", "keys: [{env: BAD_KEY}, {env: GOOD_KEY}]")
        .env("BAD_KEY", "sk-bad")
        .env("GOOD_KEY", "sk-good")
        .start();
    for _ in 0..6 {
        gateway.client().chat(&chat_body("up/m")).assert_status(200);
    }
    let bad = upstream
        .requests()
        .iter()
        .filter(|seen| seen.header("authorization") == Some("Bearer sk-bad"))
        .count();
    assert!(bad <= 1, "a key that was rejected was used {bad} times");
}

#[test]
fn retry_after_is_honoured_in_every_form() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    for (name, value, at_least_ms) in [
        ("retry-after-ms", "400", 400),
        ("retry-after", "1", 1000),
        ("retry-after", "0.5", 500),
    ] {
        let refusal = Reply::error(429, "slow_down", "Wait.").header(name, value);
        upstream.on_model("m", flaky(1, refusal, Chat::new()));
        let started = Instant::now();
        let answer = gateway.client().chat(&chat_body("up/m"));
        let took = started.elapsed();
        assert_eq!(
            (answer.status, answer.header("x-weir-attempts")),
            (200, Some("2")),
            "{name}: {value}"
        );
        assert!(
            took >= Duration::from_millis(at_least_ms),
            "{name}: {value} took {took:?}"
        );
        assert!(took < PATIENCE);
    }
}

#[test]
fn advice_in_the_body_or_an_exhausted_limit_is_waited_for() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let retry_info = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"},
    ]}});
    let exhausted = Reply::error(429, "slow_down", "Wait.")
        .header("x-ratelimit-remaining-requests", "0")
        .header("x-ratelimit-reset-requests", "1s500ms");
    for refusal in [Reply::json(429, &retry_info), exhausted] {
        upstream.on_model("m", flaky(1, refusal, Chat::new()));
        let started = Instant::now();
        let answer = gateway.client().chat(&chat_body("up/m"));
        let took = started.elapsed();
        assert_eq!(
            (answer.status, answer.header("x-weir-attempts")),
            (200, Some("2"))
        );
        assert!(took >= Duration::from_millis(1_500), "took {took:?}");
        assert!(took < PATIENCE);
    }
}

#[test]
fn a_retry_after_that_is_too_long_is_passed_on_instead_of_waited_for() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("retry", "retry_after_max_ms: 500")
        .start();
    let refusal = Reply::error(429, "slow_down", "Wait.").header("retry-after", "3600");
    upstream.on_model("m", flaky(1, refusal, Chat::new()));
    let started = Instant::now();
    let answer = gateway.client().chat(&chat_body("up/m"));
    answer.assert_error(429, "slow_down");
    assert_eq!(answer.header("retry-after"), Some("3600"));
    assert!(started.elapsed() < Duration::from_secs(10));
    let again =
        || Some(gateway.client().chat(&chat_body("up/m"))).filter(|answer| answer.status == 200);
    assert!(
        wait_until(PATIENCE, again).is_some(),
        "an hour's Retry-After does not park a key for an hour"
    );
}

#[test]
fn attempts_are_bounded() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let gateway = pair(&first, &second)
        .set("retry", "max_attempts: 3")
        .set("retry", "attempts_per_target: 5")
        .start();
    first.on_model("a", Reply::html(500));
    second.on_model("b", Reply::html(500));
    let answer = gateway.client().chat(&chat_body("fast"));
    assert_eq!(
        (answer.status, answer.header("x-weir-attempts")),
        (500, Some("3"))
    );
    assert_eq!(first.requests().len() + second.requests().len(), 3);
}

#[test]
fn nothing_is_tried_again_after_output() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let gateway = pair(&first, &second).start();
    for cut in [
        Cut::MidEventAfter(2),
        Cut::ResetAfter(2),
        Cut::EndAfter(2),
        Cut::ErrorAfter(2),
    ] {
        first.next(Chat::breaking(cut));
        let stream = gateway.client().stream(&stream_body("fast")).transcript();
        assert_eq!((stream.status, stream.is_done()), (200, false), "{cut:?}");
        assert!(stream.error().is_some(), "{cut:?}: {stream:?}");
    }
    assert_eq!(second.requests().len(), 0);
}

#[test]
fn a_kept_connection_that_died_is_replaced() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let stale =
        || Behaviour::from(Chat::new()).followed_by(Act::Expire(Duration::from_millis(300)));
    upstream.next(stale());
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(200);
    // Within the 300 ms the connection looks alive, and swallows what is sent on it.
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(200);
    upstream.next(stale());
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(200);
    let all_closed = || (upstream.connections_open() == 0).then_some(());
    wait_until(PATIENCE, all_closed).expect("the upstream closes its connections");
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(200);
}

#[test]
fn a_target_that_keeps_failing_cools_down_and_is_tried_again_later() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let gateway = pair(&first, &second)
        .set("retry", "cooldown_after_failures: 2")
        .set("retry", "cooldown_ms: 1500")
        .start();
    first.on_model("a", flaky(2, Reply::html(500), Chat::new()));
    let serve = || gateway.client().chat(&chat_body("fast"));
    let served_by =
        |answer: &weir_testkit::Response| answer.header("x-weir-provider").map(str::to_owned);
    for _ in 0..2 {
        assert_eq!(served_by(&serve()).as_deref(), Some("second"));
    }
    let resting = serve();
    assert_eq!(
        resting.header("x-weir-attempts"),
        Some("1"),
        "a target that cools down is not asked"
    );
    assert_eq!(first.requests().len(), 2);
    let recovered = || (served_by(&serve()).as_deref() == Some("first")).then_some(());
    wait_until(PATIENCE, recovered).expect("a probe finds that the target has recovered");
}

#[test]
fn keys_that_are_all_out_of_quota_are_a_429_and_no_rejection() {
    let upstream = Upstream::start();
    upstream.on_model("m", Reply::error(429, "rate_limit_exceeded", "Slow down."));
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider_setting("up", "keys: [{env: ONE_KEY}, {env: OTHER_KEY}]")
        .env("ONE_KEY", "sk-one")
        .env("OTHER_KEY", "sk-other")
        .start();
    for _ in 0..3 {
        let answer = gateway.client().chat(&chat_body("up/m"));
        answer.assert_error(429, "rate_limit_exceeded");
    }
}

#[test]
fn a_fallback_with_a_bad_key_does_not_hide_what_the_first_provider_said() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let gateway = pair(&first, &second).start();
    first.on_model("a", Reply::error(503, "overloaded", "Too busy."));
    second.on_model("b", Reply::error(401, "invalid_api_key", "No."));
    let answer = gateway.client().chat(&chat_body("fast"));
    answer.assert_error(503, "overloaded");
    assert!(first.requests().len() > 1, "it is tried again all the same");
}

#[test]
fn a_rejected_key_inside_a_200_is_not_told_in_the_providers_words() {
    let upstream = Upstream::start();
    let body = json!({"error": {"message": "Incorrect API key provided: sk-bad", "code": "invalid_api_key"}});
    upstream.on_model("m", Reply::json(200, &body));
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider_setting("up", "keys: [{env: BAD_KEY}]")
        .env("BAD_KEY", "sk-bad")
        .start();
    let answer = gateway.client().chat(&chat_body("up/m"));
    answer.assert_error(502, "provider_key_rejected");
    assert!(!answer.text().contains("sk-bad") && !gateway.logs().contains("sk-bad"));
}
