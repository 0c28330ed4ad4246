//! Which models there are for whom: listing, aliases, the default, allow-lists, and what an unknown name is told.

use serde_json::{Value, json};
use weir_testkit::{Gateway, Upstream, chat_body};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

#[test]
fn models_are_listed_in_the_shape_of_openai_with_a_json_content_type() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("catalogue", "fetch: false")
        .start();
    let answer = gateway.client().get("/v1/models");
    answer.assert_status(200);
    assert!(
        answer
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/json"))
    );
    let json = answer.json();
    assert_eq!(json["object"], "list");
    let models = json["data"].as_array().expect("a list");
    for model in models {
        assert!(
            model["id"].is_string() && model["created"].is_u64() && model["owned_by"].is_string(),
            "{model}"
        );
        assert_eq!(model["object"], "model");
    }
    let ids: Vec<&str> = models
        .iter()
        .filter_map(|model| model["id"].as_str())
        .collect();
    assert!(ids.contains(&"up/ok"), "{ids:?}");
    assert_eq!(upstream.requests().len(), 0, "the list needs no provider");
}

#[test]
fn a_listed_model_can_be_retrieved_and_another_cannot() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let one = gateway.client().get("/v1/models/up/ok");
    assert_eq!(one.assert_status(200).json()["id"], "up/ok");
    gateway
        .client()
        .get("/v1/models/nothing")
        .assert_error(404, "model_not_found");
}

#[test]
fn a_query_does_not_hide_the_list() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway
        .client()
        .get("/v1/models?limit=1000")
        .assert_status(200);
}

#[test]
fn an_unknown_model_is_told_with_the_nearest_names() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider_setting("up", "models: [galaxy-large, galaxy-small, other]")
        .start();
    let answer = gateway.client().chat(&chat_body("galaxy-lrage"));
    answer.assert_error(404, "model_not_found");
    assert!(
        answer.error("message").contains("galaxy-large"),
        "{}",
        answer.text()
    );
    assert_eq!(answer.error("param"), "model");
    assert_eq!(upstream.requests().len(), 0);
}

#[test]
fn a_plain_name_and_an_alias_reach_the_provider_by_its_own_name() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("aliases", "fast: up/galaxy-small")
        .start();
    for (asked, sent) in [
        ("ok", "ok"),
        ("up/ok", "ok"),
        ("fast", "galaxy-small"),
        ("up/meta/lama", "meta/lama"),
    ] {
        let answer = gateway.client().chat(&chat_body(asked));
        answer.assert_status(200);
        assert_eq!(upstream.last_request().json()["model"], sent, "{asked}");
        assert_eq!(answer.header("x-weir-model"), Some(sent), "{asked}");
        assert_eq!(answer.header("x-weir-provider"), Some("up"), "{asked}");
    }
}

#[test]
fn auto_and_no_model_mean_the_configured_default() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set_top("default_model: up/galaxy")
        .start();
    let without = json!({"messages": [{"role": "user", "content": "Hello"}]});
    for body in [chat_body("auto"), without] {
        gateway.client().chat(&body).assert_status(200);
        assert_eq!(upstream.last_request().json()["model"], "galaxy");
    }
}

#[test]
fn without_a_default_no_model_is_a_400() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    for body in [chat_body("auto"), json!({"messages": []})] {
        let answer = gateway.client().chat(&body);
        answer.assert_status(400);
        assert_eq!(answer.error("type"), "invalid_request_error");
    }
}

#[test]
fn a_token_sees_and_reaches_only_the_models_on_its_list() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway.add_user("ann");
    let client = gateway.client_with(
        &gateway
            .create_token("ann", &["--models", "up/ok,up/too*"])
            .secret,
    );
    client.chat(&chat_body("up/ok")).assert_status(200);
    client.chat(&chat_body("up/tools")).assert_status(200);
    client
        .chat(&chat_body("up/schema"))
        .assert_error(404, "model_not_found");
    let listed = client.get("/v1/models").json();
    let ids: Vec<&Value> = listed["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|model| &model["id"])
        .collect();
    assert_eq!(ids, ["up/ok", "up/tools"]);
}

#[test]
fn the_demo_provider_answers_without_any_key() {
    let gateway = Gateway::builder(WEIR).start();
    let listed = gateway.client().get("/v1/models").json();
    let models = listed["data"].as_array().expect("a list");
    let mut ids = models.iter().filter_map(|model| model["id"].as_str());
    let demo = ids
        .find(|id| id.starts_with("demo/"))
        .expect("the demo is listed");
    let answer = gateway.client().chat(&chat_body(demo));
    answer.assert_status(200);
    assert!(!answer.content().is_empty());
    assert!(
        answer.json()["usage"]["completion_tokens"]
            .as_u64()
            .is_some_and(|tokens| tokens > 0)
    );
    let stream = gateway
        .client()
        .stream(&weir_testkit::stream_body(demo))
        .transcript();
    assert!(stream.is_done() && !stream.content().is_empty());
    let rows = gateway.wait_for_calls(2);
    assert!(
        rows.iter()
            .all(|row| row["end"] == "done" && row["provider"] == "demo"),
        "{rows:?}"
    );
}
