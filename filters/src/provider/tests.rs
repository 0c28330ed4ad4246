use std::collections::BTreeMap;

use weir_config::{Source, load};

use super::*;

/// Settings of one file.
fn settings(text: &str) -> Arc<Settings> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weir.yaml");
    std::fs::write(&file, text).unwrap();
    let loaded = load(&Source {
        config_file: Some(file),
        conf_dirs: Vec::new(),
        env: BTreeMap::new(),
    });
    Arc::new(loaded.unwrap_or_else(|why| panic!("{why}")).settings)
}

fn key(
    settings: &Arc<Settings>,
    provider: &str,
    owner: KeyOwner,
    text: &str,
) -> Option<UpstreamKey> {
    let switchboard = Switchboard::default();
    let provider = &settings.providers[provider];
    UpstreamKey::new(
        "id",
        owner,
        1,
        provider,
        &settings.policy,
        text,
        &switchboard,
    )
}

const CLOUDS: &str = "providers:\n  bedrock: {region: eu-central-1}\n  vertex: {project: ours, region: us-east5}\n  \
                      azure: {base_url: 'https://ours.openai.azure.com', api_version: 2024-10-21}\n";

#[test]
fn a_key_with_an_endpoint_is_sent_there_and_nowhere_else() {
    let settings = settings(CLOUDS);
    let switchboard = Switchboard::default();
    let azure = Upstream::new(&settings, "azure", &switchboard).unwrap();
    let document = r#"{"kind": "endpoint_key", "endpoint": "https://theirs.openai.azure.com/openai", "key": "k"}"#;
    let own = key(&settings, "azure", KeyOwner::Caller, document).unwrap();
    assert_eq!(azure.site(&own).host, "theirs.openai.azure.com");
    let plain = key(&settings, "azure", KeyOwner::Caller, "k").unwrap();
    assert_eq!(azure.site(&plain).host, "ours.openai.azure.com");
    let path = "/openai/deployments/gpt/chat/completions?api-version=2024-10-21";
    assert_eq!(azure.path_for(&plain, "chat", "gpt"), path);
    // The surplus of an address is left out of theirs as it is of ours.
    assert_eq!(azure.path_for(&own, "chat", "gpt"), path);
}

#[test]
fn an_endpoint_that_a_caller_named_gets_none_of_the_operators_headers() {
    let settings = settings(
        "providers:\n  azure: {base_url: 'https://ours.openai.azure.com', headers: {x-tunnel-secret: s}}\n",
    );
    let switchboard = Switchboard::default();
    let azure = Upstream::new(&settings, "azure", &switchboard).unwrap();
    let document =
        r#"{"kind": "endpoint_key", "endpoint": "https://theirs.example.com", "key": "k"}"#;
    let sent = |owner, text| {
        azure
            .headers(&key(&settings, "azure", owner, text).unwrap())
            .len()
    };
    assert_eq!(sent(KeyOwner::Caller, document), 0);
    assert_eq!(sent(KeyOwner::Caller, "k"), 1);
    assert_eq!(sent(KeyOwner::Operator, document), 1);
}

#[test]
fn only_an_operator_or_the_policy_lets_a_key_into_the_private_network() {
    let document = r#"{"kind": "endpoint_key", "endpoint": "http://127.0.0.1:8000", "key": "k"}"#;
    let strict = settings(CLOUDS);
    assert!(key(&strict, "azure", KeyOwner::Caller, document).is_none());
    assert!(key(&strict, "azure", KeyOwner::Operator, document).is_some());
    let lax = settings(&format!("{CLOUDS}policy: {{private_endpoints: true}}\n"));
    assert!(key(&lax, "azure", KeyOwner::Caller, document).is_some());
}

#[test]
fn a_key_of_another_region_or_project_is_sent_to_the_cloud_there() {
    let settings = settings(CLOUDS);
    let aws = |region: &str| {
        format!(
            r#"{{"kind": "aws", "access_key_id": "A", "secret_access_key": "s", "region": "{region}"}}"#
        )
    };
    let site = |key: Option<UpstreamKey>| key.unwrap().site.map(|site| site.base_url);
    let there = site(key(
        &settings,
        "bedrock",
        KeyOwner::Caller,
        &aws("us-west-2"),
    ));
    assert_eq!(
        there.unwrap().host,
        "bedrock-runtime.us-west-2.amazonaws.com"
    );
    assert!(
        site(key(
            &settings,
            "bedrock",
            KeyOwner::Caller,
            &aws("eu-central-1")
        ))
        .is_none()
    );

    let account = serde_json::json!({
        "type": "service_account", "client_email": "a@b", "project_id": "theirs",
        "private_key": "-----BEGIN PRIVATE KEY-----",
    })
    .to_string();
    let theirs = site(key(&settings, "vertex", KeyOwner::Caller, &account)).unwrap();
    assert_eq!(theirs.path, "/v1/projects/theirs/locations/us-east5");
    assert_eq!(theirs.host, "us-east5-aiplatform.googleapis.com");
    // An operator's account may belong to another project than the one it works in.
    assert!(site(key(&settings, "vertex", KeyOwner::Operator, &account)).is_none());
}

#[test]
fn a_key_that_does_not_suit_its_provider_is_none() {
    let settings = settings(CLOUDS);
    let aws = r#"{"kind": "aws", "access_key_id": "A", "secret_access_key": "s"}"#;
    assert!(key(&settings, "openai", KeyOwner::Caller, aws).is_none());
    assert!(key(&settings, "openai", KeyOwner::Caller, "line\nbreak").is_none());
    let signed = key(&settings, "bedrock", KeyOwner::Caller, aws).unwrap();
    assert!(signed.is_dynamic() && signed.static_header().is_none());
    let plain = key(&settings, "openai", KeyOwner::Caller, "sk-1").unwrap();
    assert!(!plain.is_dynamic() && plain.static_header().is_some());
    assert_eq!(plain.redact("no key sk-1"), "no key [key]");
}
