//! The catalogue of models: providers' own lists fetched with the caller's keys, cached, kept when the provider is away, and
//! told in the shape that each client reads.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_testkit::{Act, Gateway, Play, Reply, Upstream, chat_body, wait_until};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

/// An answer in OpenAI's shape with models of these names.
fn list(ids: &[&str]) -> Reply {
    let model = |id: &&str| json!({"id": id, "object": "model", "created": 1_715_367_049, "owned_by": "maker"});
    Reply::json(
        200,
        &json!({"object": "list", "data": ids.iter().map(model).collect::<Vec<_>>()}),
    )
}

fn ids(list: &Value) -> Vec<String> {
    let models = list["data"].as_array().into_iter().flatten();
    models
        .map(|model| model["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// The names of one provider's models.
fn ids_of(list: &Value, provider: &str) -> Vec<String> {
    let mut all = ids(list);
    all.retain(|id| id.starts_with(&format!("{provider}/")));
    all
}

fn model<'a>(list: &'a Value, id: &str) -> &'a Value {
    let mut models = list["data"].as_array().into_iter().flatten();
    let found = models.find(|model| model["id"] == id);
    found.unwrap_or_else(|| panic!("{id} is not listed: {list}"))
}

fn provider<'a>(catalogue: &'a Value, name: &str) -> Option<&'a Value> {
    let all = catalogue["configured_providers"].as_array()?;
    all.iter().find(|provider| provider["name"] == name)
}

fn set_key(gateway: &Gateway, user: &str, key: &str) {
    let set = ["key", "set", "up", "--user", user];
    gateway.cli_with_input(&set, key).assert_success();
}

#[test]
fn a_providers_own_list_is_fetched_once_with_the_callers_key_and_no_other() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("policy", "operator_keys: never")
        .start();
    let clients = ["ann", "bob", "eve"].map(|user| {
        gateway.add_user(user);
        if user != "eve" {
            set_key(&gateway, user, &format!("sk-key-of-{user}"));
        }
        gateway.client_with(&gateway.create_token(user, &[]).secret)
    });
    let [ann, bob, eve] = clients;

    upstream.next(list(&["ok", "of-ann"]));
    let listed = ann.get("/v1/models").assert_status(200).json();
    assert_eq!(
        ids_of(&listed, "up"),
        ["up/ok", "up/tools", "up/schema", "up/of-ann"]
    );
    let found = model(&listed, "up/of-ann");
    assert_eq!(found["source"], "provider");
    assert_eq!(found["owned_by"], "maker");
    assert_eq!(found["abilities"], json!(["chat", "responses"]));
    assert_eq!(model(&listed, "up/ok")["source"], "configured");
    ann.get("/v1/models").assert_status(200);
    let seen = upstream.requests();
    assert_eq!(seen.len(), 1, "the list is kept");
    assert_eq!(
        (seen[0].method.as_str(), seen[0].path.as_str()),
        ("GET", "/v1/models")
    );
    assert_eq!(
        seen[0].header("authorization"),
        Some("Bearer sk-key-of-ann")
    );
    assert_eq!(seen[0].header("content-length"), None);

    upstream.next(list(&["of-bob"]));
    let listed = bob.get("/v1/models").json();
    assert!(ids(&listed).contains(&"up/of-bob".to_owned()));
    assert!(!ids(&listed).contains(&"up/of-ann".to_owned()));
    let last = upstream.last_request();
    assert_eq!(last.header("authorization"), Some("Bearer sk-key-of-bob"));

    let catalogue = eve.get("/api/catalogue").assert_status(200).json();
    assert!(ids_of(&catalogue, "up").is_empty());
    let missing = catalogue["missing_providers"].as_array().expect("a list");
    let up = missing.iter().find(|it| it["name"] == "up");
    assert_eq!(
        up.expect("up is missing")["how"],
        "weir key set up --user eve"
    );
    assert_eq!(upstream.requests().len(), 2, "eve has no key to ask with");
}

#[test]
fn an_old_list_serves_on_while_its_provider_fails() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("catalogue", "ttl_ms: 1ms")
        .start();
    upstream.next(list(&["new"]));
    upstream.next_times(1_000, Reply::error(500, "down", "No list today."));
    let first = gateway.client().get("/v1/models").json();
    assert!(ids(&first).contains(&"up/new".to_owned()));
    let failed = wait_until(Duration::from_secs(10), || {
        let catalogue = gateway.client().get("/api/catalogue").json();
        let is_failed = provider(&catalogue, "up")?["state"] == "failed";
        is_failed.then_some(catalogue)
    });
    let catalogue = failed.expect("the failure is told");
    assert!(ids(&catalogue).contains(&"up/new".to_owned()));
    let up = provider(&catalogue, "up").expect("up is configured");
    assert_eq!(up["stale"], true);
    assert_eq!(up["error"], "it answered 500");
    assert!(up["fetched_at"].is_u64());
    let message = catalogue["message"].as_str().expect("a message");
    assert!(
        message.contains("1 failed: up (it answered 500)"),
        "{message}"
    );
}

#[test]
fn calls_never_fetch_lists() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(200);
    gateway
        .client()
        .chat(&chat_body("up/unheard-of"))
        .assert_status(200);
    let methods: Vec<_> = upstream
        .requests()
        .into_iter()
        .map(|it| it.method)
        .collect();
    assert_eq!(methods, ["POST", "POST"]);
}

#[test]
fn an_allow_list_hides_models_and_leaves_other_providers_alone() {
    let (upstream, other) = (Upstream::start(), Upstream::start());
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider("other", &other)
        .start();
    gateway.add_user("ann");
    let token = gateway.create_token("ann", &["--models", "up/ok,up/new*"]);
    let client = gateway.client_with(&token.secret);
    upstream.next(list(&["ok", "tools", "newest", "hidden"]));
    let catalogue = client.get("/api/catalogue").json();
    assert_eq!(ids(&catalogue), ["up/ok", "up/newest"]);
    assert!(provider(&catalogue, "other").is_none());
    assert_eq!(
        ids(&client.get("/v1/models").json()),
        ["up/ok", "up/newest"]
    );
    client
        .get("/v1/models/up/hidden")
        .assert_error(404, "model_not_found");
    client
        .get("/api/models/up/hidden/parameters")
        .assert_error(404, "model_not_found");
    assert!(other.requests().is_empty());
}

#[test]
fn a_provider_without_a_list_does_no_harm() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    upstream.next(Reply::error(404, "unknown_url", "No such page."));
    let listed = gateway.client().get("/v1/models").assert_status(200).json();
    assert_eq!(ids_of(&listed, "up"), ["up/ok", "up/tools", "up/schema"]);
    let catalogue = gateway.client().get("/api/catalogue").json();
    let up = provider(&catalogue, "up").expect("up is configured");
    assert_eq!(up["error"], "it answered 404: it has no such list");
    assert_eq!(up["source"], "configured");
    upstream.next(Reply::html(200));
    assert_eq!(
        upstream.requests().len(),
        1,
        "it is not asked again at once"
    );
    gateway.client().chat(&chat_body("up/ok"));
}

#[test]
fn a_provider_that_hangs_keeps_nobody_waiting() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    upstream.next(Play::new().act(Act::Hang));
    let since = Instant::now();
    let listed = gateway.client().get("/v1/models").assert_status(200).json();
    assert!(
        since.elapsed() < Duration::from_millis(2_500),
        "{:?}",
        since.elapsed()
    );
    assert!(ids(&listed).contains(&"up/ok".to_owned()));
}

#[test]
fn what_ships_stands_in_only_for_a_list_that_cannot_be_had() {
    let upstream = Upstream::start();
    let file = format!(
        "providers:\n  groq:\n    base_url: {}\n    keys: [{{env: GROQ_KEY}}]\n",
        upstream.base_url()
    );
    let gateway = Gateway::builder(WEIR)
        .file("conf.d/90-groq.yaml", &file)
        .env("GROQ_KEY", "gsk-key")
        .set("catalogue", "ttl_ms: 1ms")
        .start();
    upstream.next(Reply::error(503, "down", "Later."));
    let listed = gateway.client().get("/v1/models").json();
    let shipped = model(&listed, "groq/openai/gpt-oss-20b");
    assert_eq!(
        (&shipped["source"], &shipped["fallback"]),
        (&json!("shipped"), &json!(true))
    );
    assert_eq!(shipped["context_length"], 131_072);
    assert_eq!(shipped["max_output_tokens"], 65_536);
    assert_eq!(shipped["pricing"]["prompt"], "0.000000075");
    let recovered = wait_until(Duration::from_secs(10), || {
        let listed = gateway.client().get("/v1/models").json();
        let names = ids_of(&listed, "groq");
        (names == ["groq/ok", "groq/tools", "groq/schema"]).then_some(listed)
    });
    let listed = recovered.expect("the provider's own list takes over");
    assert_eq!(model(&listed, "groq/ok").get("fallback"), None);
}

#[test]
fn anthropics_lists_are_read_page_by_page() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider_setting("up", "formats: [anthropic]")
        .provider_setting("up", "auth: x-api-key")
        .start();
    let page = |id: &str, has_more: bool| {
        let model = json!({"type": "model", "id": id, "display_name": "Claude", "created_at": "2025-09-29T00:00:00Z"});
        Reply::json(
            200,
            &json!({"data": [model], "has_more": has_more, "first_id": id, "last_id": id}),
        )
    };
    upstream
        .next(page("claude-a", true))
        .next(page("claude-b", false));
    let listed = gateway.client().get("/v1/models").json();
    assert_eq!(model(&listed, "up/claude-b")["name"], "Claude");
    assert!(ids(&listed).contains(&"up/claude-a".to_owned()));
    let seen = upstream.requests();
    let paths: Vec<_> = seen.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/v1/models?limit=1000",
            "/v1/models?limit=1000&after_id=claude-a"
        ]
    );
    assert!(seen[0].header("anthropic-version").is_some());
    assert!(
        seen[0]
            .header("x-api-key")
            .is_some_and(|key| key.contains("operator-key-of-up"))
    );
}

#[test]
fn anthropics_clients_are_answered_in_their_shape() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let client = gateway
        .client()
        .with_header("anthropic-version", "2023-06-01");
    let listed = client
        .get("/v1/models?limit=1000")
        .assert_status(200)
        .json();
    let models = listed["data"].as_array().expect("a list");
    assert!(
        models
            .iter()
            .all(|it| it["type"] == "model" && it["display_name"].is_string())
    );
    assert!(models.iter().all(|it| {
        it["created_at"]
            .as_str()
            .is_some_and(|at| at.ends_with('Z'))
    }));
    assert_eq!(listed["has_more"], false);
    assert_eq!(listed["first_id"], models[0]["id"]);
    let one = client.get("/v1/models/up%2Fok").assert_status(200).json();
    assert_eq!(
        (&one["type"], &one["id"]),
        (&json!("model"), &json!("up/ok"))
    );
}

#[test]
fn geminis_clients_are_answered_in_their_shape() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let listed = gateway
        .client()
        .get("/v1beta/models")
        .assert_status(200)
        .json();
    let models = listed["models"].as_array().expect("a list");
    let found = models.iter().find(|it| it["name"] == "models/up/ok");
    let methods = found.expect("up/ok is listed")["supportedGenerationMethods"].as_array();
    assert!(methods.is_some_and(|it| it.contains(&json!("generateContent"))));
    let one = gateway
        .client()
        .get("/v1beta/models/up/ok")
        .assert_status(200)
        .json();
    assert_eq!(one["name"], "models/up/ok");
    gateway
        .client()
        .get("/v1beta/models/nothing")
        .assert_status(404);

    // Google's SDK asks at `/v1/models` as well, with its own header for the key.
    let token = weir_testkit::ADMIN_TOKEN;
    let google = gateway.anonymous().with_header("x-goog-api-key", token);
    assert!(google.get("/v1/models").json()["models"].is_array());
}

#[test]
fn the_catalogue_of_one_provider_is_its_own() {
    let (upstream, other) = (Upstream::start(), Upstream::start());
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider("other", &other)
        .start();
    let one = gateway
        .client()
        .get("/api/providers/up/models")
        .assert_status(200)
        .json();
    assert_eq!(ids(&one), ["up/ok", "up/tools", "up/schema"]);
    assert_eq!(one["configured_providers"][0]["state"], "ok");
    assert_eq!(
        one["configured_providers"].as_array().map(Vec::len),
        Some(1)
    );
    assert!(other.requests().is_empty());
    gateway
        .client()
        .get("/api/providers/nobody/models")
        .assert_error(404, "provider_not_found");
    gateway.anonymous().get("/api/catalogue").assert_status(401);
}

#[test]
fn a_server_of_ones_own_that_is_not_running_is_no_failure() {
    let gone =
        "providers:\n  gone: {base_url: \"http://127.0.0.1:1/v1\", auth: none, models: [m]}\n";
    let gateway = Gateway::builder(WEIR)
        .file("conf.d/90-gone.yaml", gone)
        .start();
    let catalogue = gateway.client().get("/api/catalogue").json();
    let state = provider(&catalogue, "gone").expect("it needs no key");
    assert_eq!(state["state"], "absent");
    let message = catalogue["message"].as_str().expect("a message");
    assert!(message.starts_with("No provider key yet"), "{message}");
    assert!(!gateway.logs().contains("list of models is not to be had"));
}

#[test]
fn an_alias_is_told_as_what_its_first_target_is() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("aliases", "fast: up/big")
        .start();
    let big = json!({"id": "big", "context_length": 200_000, "pricing": {"prompt": "0.000001", "completion": "0.000002"}});
    upstream.next(Reply::json(200, &json!({"data": [big]})));
    let listed = gateway.client().get("/v1/models").json();
    let fast = model(&listed, "fast");
    for told in listed["data"].as_array().into_iter().flatten() {
        let id = told["id"].as_str().unwrap_or_default();
        let one = gateway.client().get(&format!("/v1/models/{id}"));
        assert_eq!(one.assert_status(200).json(), *told);
    }
    assert_eq!(fast["context_length"], 200_000);
    assert_eq!(fast["pricing"]["completion"], "0.000002");
    assert_eq!(
        (&fast["owned_by"], &fast["source"]),
        (&json!("weir"), &json!("configured"))
    );
}

#[test]
fn parameters_are_told_as_a_schema_of_what_the_target_takes() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider("co", &upstream)
        .provider_setting("co", "formats: [cohere]")
        .provider_setting("co", "endpoints: {rerank: true}")
        .set("aliases", "fast: up/ok")
        .start();
    let client = gateway.client();
    let native = client
        .get("/api/models/fast/parameters")
        .assert_status(200)
        .json();
    assert_eq!(
        native["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    assert_eq!(native["required"], json!(["model", "messages"]));
    assert_eq!(native["properties"]["model"]["const"], "fast");
    assert_eq!(native["x-weir"]["provider"], "up");
    assert_eq!(native["x-weir"]["format"], "chat");

    let cohere = client.get("/api/models/co%2Fcommand/parameters").json();
    assert_eq!(cohere["x-weir"]["format"], "cohere");
    assert!(cohere["properties"]["top_k"].is_object());
    let dropped = cohere["x-weir"]["dropped"].as_array().expect("a list");
    assert!(dropped.contains(&json!("user")) && cohere["properties"]["user"].is_null());

    let rerank = client.get("/api/models/co/rerank-v3.5/parameters").json();
    assert_eq!(rerank["x-weir"]["url"], "/v1/rerank");
    assert_eq!(rerank["required"], json!(["model", "query", "documents"]));
    let vectors = client
        .get("/api/models/up/text-embedding-3-small/parameters")
        .json();
    assert_eq!(vectors["x-weir"]["operation"], "embeddings");

    client
        .get("/api/models/nothing/parameters")
        .assert_error(404, "model_not_found");
    client.post("/api/catalogue", &json!({})).assert_status(405);
}

/// The shipped OpenAI, at a list of these models.
fn openai(names: &[&str]) -> (Upstream, Gateway) {
    let upstream = Upstream::start();
    let file = format!(
        "providers:\n  openai:\n    base_url: {}\n  voyage:\n    base_url: {}\n",
        upstream.base_url(),
        upstream.base_url()
    );
    let gateway = Gateway::builder(WEIR)
        .file("conf.d/90-openai.yaml", &file)
        .env("OPENAI_API_KEY", "sk-key")
        .set_top("default_model: openai/gpt-4o")
        .start();
    upstream.next(list(names));
    (upstream, gateway)
}

#[test]
fn abilities_are_told_where_a_list_has_nothing_but_names() {
    let (_upstream, gateway) = openai(&[
        "gpt-4o",
        "gpt-4o-mini-tts",
        "gpt-image-1",
        "gpt-realtime",
        "gpt-3.5-turbo-instruct",
        "babbage-002",
        "o3-pro",
        "sora-2",
    ]);
    let listed = gateway.client().get("/v1/models").json();
    for (name, abilities) in [
        ("gpt-4o", json!(["chat", "responses", "tools", "vision"])),
        ("gpt-4o-mini-tts", json!(["speech"])),
        ("gpt-image-1", json!(["images"])),
        ("gpt-realtime", json!(["realtime"])),
        ("gpt-3.5-turbo-instruct", json!(["completions"])),
        ("babbage-002", json!(["completions"])),
        ("o3-pro", json!(["chat", "responses", "tools", "vision"])),
        ("sora-2", Value::Null),
    ] {
        let found = model(&listed, &format!("openai/{name}"));
        assert_eq!(found["abilities"], abilities, "{name}");
    }
}

#[test]
fn parameters_are_of_what_is_done_with_the_model() {
    let (_upstream, gateway) = openai(&["gpt-4o", "gpt-realtime", "gpt-image-1", "sora-2"]);
    let told = |name: &str| {
        let answer = gateway
            .client()
            .get(&format!("/api/models/{name}/parameters"));
        answer.assert_status(200).json()
    };
    assert_eq!(told("openai/gpt-realtime")["x-weir"]["url"], "/v1/realtime");
    assert_eq!(told("babbage-002")["x-weir"]["url"], "/v1/completions");
    let pictures = told("gpt-image-1");
    assert_eq!(pictures["properties"]["quality"]["default"], "auto");
    assert_eq!(
        pictures["x-weir"]["refused"],
        json!(["style", "response_format"])
    );
    let auto = told("auto");
    assert_eq!(auto["properties"]["model"]["const"], "auto");
    assert_eq!(auto["x-weir"]["model"], "gpt-4o");
    let one = gateway.client().get("/v1/models/auto").json();
    assert_eq!(
        (&one["id"], &one["context_length"]),
        (&json!("auto"), &json!(128_000))
    );
    let film = gateway.client().get("/api/models/openai/sora-2/parameters");
    let film = film.assert_error(404, "model_not_found");
    assert!(
        film.text().contains("/providers/openai/"),
        "{}",
        film.text()
    );
}

#[test]
fn the_configuration_says_what_a_model_can_do() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider_setting("up", "models: [my-deployment, my-vectors]")
        .provider_setting(
            "up",
            "model_options: {my-*: {abilities: [tools]}, my-vectors: {abilities: [embeddings]}}",
        )
        .start();
    upstream.next(list(&[]));
    let listed = gateway.client().get("/v1/models").json();
    let abilities = |name: &str| model(&listed, name)["abilities"].clone();
    assert_eq!(
        abilities("up/my-deployment"),
        json!(["chat", "responses", "tools"])
    );
    assert_eq!(abilities("up/my-vectors"), json!(["embeddings"]));
}

#[test]
fn a_model_without_a_key_says_so_and_not_that_it_does_not_exist() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("policy", "operator_keys: admins")
        .set("aliases", "fast: up/ok")
        .start();
    gateway.add_user("ann");
    let ann = gateway.client_with(&gateway.create_token("ann", &[]).secret);
    for path in [
        "/v1/models/fast",
        "/v1/models/up/ok",
        "/api/models/fast/parameters",
    ] {
        let refused = ann.get(path);
        let refused = refused.assert_error(403, "provider_key_missing");
        assert!(refused.text().contains("weir key set up"), "{path}");
    }
    let listed = ann.get("/v1/models").json();
    assert!(ids_of(&listed, "up").is_empty() && !ids(&listed).contains(&"fast".to_owned()));
}
