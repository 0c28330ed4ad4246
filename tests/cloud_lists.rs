//! The lists of models that the clouds have: Bedrock's from its control plane, Vertex AI's by publisher, Azure's not at all.

use serde_json::{Value, json};
use weir_testkit::{Gateway, GatewayBuilder, Reply, Upstream};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

fn bedrock(upstream: &Upstream) -> GatewayBuilder {
    let file = format!(
        "providers: {{bedrock: {{base_url: \"{}\"}}}}\n",
        upstream.root_url()
    );
    Gateway::builder(WEIR)
        .file("conf.d/90-bedrock.yaml", &file)
        .env("AWS_REGION", "eu-central-1")
}

fn vertex(upstream: &Upstream) -> GatewayBuilder {
    // As the shipped address has it, but for the host.
    let base = format!(
        "{}/v1/projects/{{project}}/locations/{{region}}",
        upstream.root_url()
    );
    let keys = "[{env: VERTEX_TOKEN}]";
    let file =
        format!("providers: {{vertex: {{base_url: \"{base}\", project: mine, keys: {keys}}}}}\n");
    Gateway::builder(WEIR)
        .file("conf.d/90-vertex.yaml", &file)
        .env(
            "VERTEX_TOKEN",
            r#"{"kind": "oauth_token", "token": "ya29.token"}"#,
        )
}

fn foundation(id: &str, maker: &str, output: &str, inference: &str) -> Value {
    json!({"modelArn": format!("arn:aws:bedrock:eu-central-1::foundation-model/{id}"), "modelId": id, "modelName": id,
        "providerName": maker, "inputModalities": ["TEXT", "IMAGE"], "outputModalities": [output],
        "responseStreamingSupported": true, "customizationsSupported": [], "inferenceTypesSupported": [inference],
        "modelLifecycle": {"status": "ACTIVE"}})
}

fn foundation_models() -> Reply {
    let models = json!({"modelSummaries": [
        foundation("amazon.nova-pro-v1:0", "Amazon", "TEXT", "ON_DEMAND"),
        foundation("amazon.titan-embed-image-v1", "Amazon", "EMBEDDING", "ON_DEMAND"),
        foundation("anthropic.claude-sonnet-5", "Anthropic", "TEXT", "INFERENCE_PROFILE"),
    ]});
    Reply::json(200, &models)
}

fn profiles(id: &str, next: Option<&str>) -> Reply {
    let model = id.split_once('.').map_or(id, |(_, model)| model);
    let arn = format!("arn:aws:bedrock:eu-central-1::foundation-model/{model}");
    let profile = json!({"inferenceProfileId": id, "inferenceProfileName": "A profile", "type": "SYSTEM_DEFINED",
        "inferenceProfileArn": format!("arn:aws:bedrock:eu-central-1:123456789012:inference-profile/{id}"),
        "status": "ACTIVE", "models": [{"modelArn": arn}]});
    let mut page = json!({"inferenceProfileSummaries": [profile]});
    if let Some(next) = next {
        page["nextToken"] = next.into();
    }
    Reply::json(200, &page)
}

fn told(list: &Value, provider: &str) -> Vec<String> {
    let models = list["data"].as_array().into_iter().flatten();
    let of_provider = models.filter(|it| it["provider"] == provider);
    of_provider
        .map(|it| it["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn model<'a>(list: &'a Value, id: &str) -> &'a Value {
    let mut models = list["data"].as_array().into_iter().flatten();
    models
        .find(|it| it["id"] == id)
        .unwrap_or_else(|| panic!("{id} is not listed: {list}"))
}

fn state<'a>(catalogue: &'a Value, name: &str) -> &'a Value {
    let mut states = catalogue["configured_providers"]
        .as_array()
        .into_iter()
        .flatten();
    states
        .find(|it| it["name"] == name)
        .unwrap_or_else(|| panic!("{name} is not configured: {catalogue}"))
}

#[test]
fn bedrock_lists_what_can_be_called_by_signed_questions() {
    let upstream = Upstream::start();
    let gateway = bedrock(&upstream)
        .env("AWS_ACCESS_KEY_ID", "AKID")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .start();
    upstream
        .next(foundation_models())
        .next(profiles("eu.anthropic.claude-sonnet-5", Some("a/b=")))
        .next(profiles("global.anthropic.claude-sonnet-5", None));
    let list = gateway.client().get("/v1/models").assert_status(200).json();
    assert_eq!(
        told(&list, "bedrock"),
        [
            "bedrock/global.anthropic.claude-sonnet-5",
            "bedrock/amazon.nova-pro-v1:0",
            "bedrock/amazon.titan-embed-image-v1",
            "bedrock/eu.anthropic.claude-sonnet-5",
        ]
    );
    let profile = model(&list, "bedrock/eu.anthropic.claude-sonnet-5");
    assert_eq!(profile["owned_by"], "Anthropic");
    assert_eq!(
        profile["abilities"],
        json!(["chat", "responses", "tools", "vision"])
    );
    assert_eq!(profile["source"], "provider");
    let vectors = model(&list, "bedrock/amazon.titan-embed-image-v1");
    assert_eq!(vectors["abilities"], json!(["embeddings"]));
    // What ships knows more of a profile than the provider's list does.
    let shipped = model(&list, "bedrock/global.anthropic.claude-sonnet-5");
    assert_eq!(shipped["context_length"], 1_000_000);
    assert_eq!(shipped.get("fallback"), None);

    let seen = upstream.requests();
    let paths: Vec<_> = seen.iter().map(|it| it.path.as_str()).collect();
    let of_profiles = "/inference-profiles?maxResults=1000&type=SYSTEM_DEFINED";
    assert_eq!(
        paths,
        [
            "/foundation-models",
            of_profiles,
            &format!("{of_profiles}&nextToken=a%2Fb%3D")
        ]
    );
    for one in seen {
        let proof = one.header("authorization").unwrap_or_default();
        assert!(
            proof.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"),
            "{proof}"
        );
        assert!(
            proof.contains("/eu-central-1/bedrock/aws4_request"),
            "{proof}"
        );
    }
}

#[test]
fn a_bedrock_key_that_may_not_list_is_told_and_what_ships_stands_in() {
    let upstream = Upstream::start();
    let gateway = bedrock(&upstream)
        .env("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key")
        .start();
    let denied =
        json!({"message": "User is not authorized to perform: bedrock:ListFoundationModels"});
    upstream.next(Reply::json(403, &denied));
    let catalogue = gateway.client().get("/api/catalogue").json();
    let bedrock = state(&catalogue, "bedrock");
    assert_eq!(bedrock["state"], "failed");
    assert_eq!(
        bedrock["error"],
        "it answered 403: the key may not ask for this"
    );
    let hint = bedrock["hint"].as_str().expect("a hint");
    assert!(hint.contains("bedrock:ListInferenceProfiles"), "{hint}");
    let message = catalogue["message"].as_str().expect("a message");
    assert!(message.contains(hint), "{message}");
    let shipped = model(&catalogue, "bedrock/global.anthropic.claude-opus-5");
    assert_eq!(
        (&shipped["source"], &shipped["fallback"]),
        (&json!("shipped"), &json!(true))
    );
    let asked = upstream.last_request();
    assert_eq!(
        asked.header("authorization"),
        Some("Bearer bedrock-api-key")
    );
}

#[test]
fn empty_lists_of_bedrock_tell_nothing() {
    let upstream = Upstream::start();
    let gateway = bedrock(&upstream)
        .env("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key")
        .start();
    upstream
        .next(Reply::json(200, &json!({"modelSummaries": []})))
        .next(Reply::json(200, &json!({"inferenceProfileSummaries": []})));
    let list = gateway.client().get("/v1/models").json();
    let shipped = model(&list, "bedrock/global.anthropic.claude-opus-5");
    assert_eq!(shipped["source"], "shipped");
    assert_eq!(upstream.requests().len(), 2);
}

#[test]
fn vertex_lists_what_both_publishers_serve_for_the_project() {
    let upstream = Upstream::start();
    let gateway = vertex(&upstream).start();
    let publisher = |name: &str| json!({"name": name, "versionId": "default", "launchStage": "GA"});
    let google = |names: &[&str], next: Option<&str>| {
        let models: Vec<_> = names.iter().map(|it| publisher(it)).collect();
        let mut page = json!({"publisherModels": models});
        if let Some(next) = next {
            page["nextPageToken"] = next.into();
        }
        Reply::json(200, &page)
    };
    upstream
        .next(google(
            &[
                "publishers/google/models/gemini-3-pro",
                "publishers/google/models/gemma3",
            ],
            Some("two"),
        ))
        .next(google(
            &["publishers/google/models/gemini-embedding-001"],
            None,
        ))
        .next(google(
            &["publishers/anthropic/models/claude-sonnet-5"],
            None,
        ));
    let list = gateway.client().get("/v1/models").assert_status(200).json();
    assert_eq!(
        told(&list, "vertex"),
        [
            "vertex/gemini-3-pro",
            "vertex/gemini-embedding-001",
            "vertex/claude-sonnet-5"
        ]
    );
    assert_eq!(
        model(&list, "vertex/gemini-embedding-001")["abilities"],
        json!(["embeddings"])
    );
    assert_eq!(
        model(&list, "vertex/claude-sonnet-5")["owned_by"],
        "anthropic"
    );
    let seen = upstream.requests();
    let paths: Vec<_> = seen.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/v1beta1/publishers/google/models?pageSize=100",
            "/v1beta1/publishers/google/models?pageSize=100&pageToken=two",
            "/v1beta1/publishers/anthropic/models?pageSize=100",
        ]
    );
    for one in seen {
        assert_eq!(one.header("authorization"), Some("Bearer ya29.token"));
        assert_eq!(one.header("x-goog-user-project"), Some("mine"));
    }
}

#[test]
fn a_vertex_list_without_models_is_no_error_and_a_refused_one_is() {
    let upstream = Upstream::start();
    let gateway = vertex(&upstream).start();
    // Google leaves out what is empty.
    upstream
        .next(Reply::json(200, &json!({})))
        .next(Reply::json(200, &json!({})));
    let catalogue = gateway.client().get("/api/catalogue").json();
    assert_eq!(state(&catalogue, "vertex")["state"], "ok");

    let refused = vertex(&upstream).start();
    upstream.next(Reply::json(
        403,
        &json!({"error": {"code": 403, "status": "PERMISSION_DENIED"}}),
    ));
    let catalogue = refused.client().get("/api/catalogue").json();
    let vertex = state(&catalogue, "vertex");
    assert_eq!(vertex["state"], "failed");
    let hint = vertex["hint"].as_str().expect("a hint");
    assert!(hint.contains("serviceusage.services.use"), "{hint}");
}

#[test]
fn azure_is_never_asked_and_its_deployments_are_to_be_named() {
    let upstream = Upstream::start();
    let azure = || {
        Gateway::builder(WEIR)
            .env("AZURE_OPENAI_ENDPOINT", &upstream.root_url())
            .env("AZURE_OPENAI_API_KEY", "azure-key")
    };
    let gateway = azure().start();
    let catalogue = gateway.client().get("/api/catalogue").json();
    let hint = "its deployments cannot be listed with a key: name them in `providers.azure.models`, or call one as \
                `azure/<deployment>`";
    let state = state(&catalogue, "azure");
    assert_eq!(state["hint"], hint);
    assert_eq!(
        (&state["models"], &state["source"]),
        (&json!(0), &Value::Null)
    );
    let message = catalogue["message"].as_str().expect("a message");
    assert!(message.contains(hint), "{message}");

    let named = "providers: {azure: {models: [my-gpt]}}\n";
    let gateway = azure().file("conf.d/90-azure.yaml", named).start();
    let list = gateway.client().get("/v1/models").json();
    assert_eq!(told(&list, "azure"), ["azure/my-gpt"]);
    assert!(upstream.requests().is_empty());
}

#[test]
fn a_provider_that_is_left_out_says_what_it_needs() {
    let gateway = Gateway::builder(WEIR).start();
    let catalogue = gateway.client().get("/api/catalogue").json();
    let missing = catalogue["missing_providers"].as_array().expect("a list");
    let how = |name: &str| {
        let found = missing.iter().find(|it| it["name"] == name);
        found.map(|it| it["how"].as_str().unwrap_or_default().to_owned())
    };
    let bedrock = "it needs a `region`: set AWS_REGION or AWS_DEFAULT_REGION";
    assert_eq!(how("bedrock").as_deref(), Some(bedrock));
    assert_eq!(
        how("groq").as_deref(),
        Some("weir key set groq --user admin, or start the gateway with GROQ_API_KEY")
    );
    let one = gateway.client().get("/api/providers/bedrock/models");
    let error = one.assert_error(404, "provider_not_found");
    assert!(error.text().contains(bedrock), "{}", error.text());

    // Who cannot mend it is not told.
    gateway.add_user("ann");
    let ann = gateway.client_with(&gateway.create_token("ann", &[]).secret);
    let catalogue = ann.get("/api/catalogue").json();
    let missing = catalogue["missing_providers"].to_string();
    assert!(
        missing.contains("weir key set groq --user ann\""),
        "{missing}"
    );
    assert!(!missing.contains("bedrock"), "{missing}");
    let one = ann.get("/api/providers/groq/models").json();
    assert_eq!(
        one["message"],
        "You have no key for this provider: weir key set groq --user ann"
    );
}
