//! Whose provider key is spent: a caller's own first, the operator's only where the policy lets them.

use weir_testkit::{Gateway, Reply, Upstream, chat_body, gateway::operator_key, wait_until};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
const OWN_KEY: &str = "sk-anns-own-provider-key";

fn authorization(upstream: &Upstream) -> String {
    upstream
        .last_request()
        .header("authorization")
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_callers_own_key_goes_before_the_operators() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway.add_user("ann");
    let ann = gateway.client_with(&gateway.create_token("ann", &[]).secret);
    ann.chat(&chat_body("up/ok")).assert_status(200);
    assert_eq!(
        authorization(&upstream),
        format!("Bearer {}", operator_key("up"))
    );
    gateway
        .cli_with_input(&["key", "set", "up", "--user", "ann"], OWN_KEY)
        .assert_success();
    let own_is_used = || {
        ann.chat(&chat_body("up/ok")).assert_status(200);
        (authorization(&upstream) == format!("Bearer {OWN_KEY}")).then_some(())
    };
    wait_until(std::time::Duration::from_secs(5), own_is_used).expect("the new key is used soon");
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(200);
    assert_eq!(
        authorization(&upstream),
        format!("Bearer {}", operator_key("up")),
        "nobody else uses it"
    );
}

#[test]
fn a_rejected_own_key_is_told_as_the_callers_own() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway.add_user("ann");
    gateway
        .cli_with_input(&["key", "set", "up", "--user", "ann"], OWN_KEY)
        .assert_success();
    let ann = gateway.client_with(&gateway.create_token("ann", &[]).secret);
    upstream.next_times(6, Reply::error(401, "invalid_api_key", "No."));
    let answer = ann.chat(&chat_body("up/ok"));
    answer.assert_error(502, "provider_key_rejected");
    for fact in ["own key", "weir key set up"] {
        assert!(
            answer.error("message").contains(fact),
            "{} lacks {fact}",
            answer.text()
        );
    }
}

#[test]
fn the_policy_says_who_spends_the_operators_keys() {
    let upstream = Upstream::start();
    for (policy, admin_status, guest_status) in [
        ("never", 403, 403),
        ("admins", 200, 403),
        ("everyone", 200, 200),
    ] {
        let gateway = Gateway::builder(WEIR)
            .provider("up", &upstream)
            .set("policy", &format!("operator_keys: {policy}"))
            .start();
        gateway.add_user("guest");
        let guest = gateway.client_with(&gateway.create_token("guest", &[]).secret);
        upstream.forget();
        assert_eq!(
            gateway.client().chat(&chat_body("up/ok")).status,
            admin_status,
            "{policy}"
        );
        let answer = guest.chat(&chat_body("up/ok"));
        assert_eq!(answer.status, guest_status, "{policy}: {}", answer.text());
        let served = [admin_status, guest_status]
            .iter()
            .filter(|status| **status == 200)
            .count();
        assert_eq!(upstream.requests().len(), served, "{policy}");
        if guest_status != 200 {
            assert!(
                answer.error("message").contains("weir key set up"),
                "it says how to mend it: {}",
                answer.text()
            );
        }
    }
}

#[test]
fn an_empty_key_is_refused_and_a_removed_one_is_gone() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway.add_user("ann");
    assert!(
        !gateway
            .cli_with_input(&["key", "set", "up", "--user", "ann"], "\n")
            .status
            .success()
    );
    gateway
        .cli_with_input(&["key", "set", "up", "--user", "ann"], OWN_KEY)
        .assert_success();
    let listed = gateway
        .cli(&["key", "list", "--user", "ann", "--json"])
        .assert_success()
        .json_rows();
    let id = listed[0]["id"].as_str().expect("a key has an id");
    gateway.cli(&["key", "remove", id]).assert_success();
    assert!(
        gateway
            .cli(&["key", "list", "--user", "ann", "--json"])
            .assert_success()
            .json_rows()
            .is_empty()
    );
}

#[test]
fn each_kind_of_credential_is_read_checked_and_listed_without_its_secret() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("aws", &upstream)
        .provider_setting("aws", "auth: aws")
        .provider("azure", &upstream)
        .provider_setting("azure", "auth: azure")
        .prepare();
    gateway.add_user("ann");
    let set = |provider: &str, flags: &[&str], input: &str| {
        let arguments = [&["key", "set", provider, "--user", "ann"], flags].concat();
        gateway.cli_with_input(&arguments, input)
    };
    let profile = "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\nexport AWS_SECRET_ACCESS_KEY=\"hunter2/+=\"\n";
    set("aws", &["--kind", "aws", "--region", "eu-west-1"], profile).assert_success();
    let endpoint = [
        "--endpoint",
        "https://mine.openai.azure.com",
        "--label",
        "own",
    ];
    set("azure", &endpoint, "hunter2-hunter2-hunter2").assert_success();
    let entra = "AZURE_TENANT_ID=t\nAZURE_CLIENT_ID=11112222-3333-4444-5555-666677778888\nAZURE_CLIENT_SECRET=hunter2\n";
    set("azure", &["--kind", "entra"], entra).assert_success();

    let listed = gateway.cli(&["key", "list", "--json"]).assert_success();
    let hints: Vec<String> = listed
        .json_rows()
        .iter()
        .map(|row| format!("{} {}", row["provider"], row["hint"]))
        .collect();
    assert_eq!(
        hints,
        [r#""aws" "MPLE""#, r#""azure" "8888""#, r#""azure" "ter2""#]
    );
    assert!(!listed.stdout.contains("hunter2"));
}

/// Provider, flags, standard input, and what the refusal tells.
type Wrong<'a> = (&'a str, &'a [&'a str], &'a str, &'a str);

const WRONG: &[Wrong<'_>] = &[
    ("up", &[], "hunter2 hunter2", "characters that no key has"),
    (
        "up",
        &["--kind", "aws"],
        "AWS_ACCESS_KEY_ID=hunter2",
        "secret_access_key",
    ),
    (
        "up",
        &["--kind", "aws"],
        "AWS_ACCESS_KEY_ID=A\nAWS_SECRET_ACCESS_KEY=hunter2",
        "does not take",
    ),
    (
        "up",
        &["--kind", "service_account"],
        "hunter2",
        "no JSON file",
    ),
    (
        "up",
        &["--kind", "api_key"],
        r#"{"kind": "oauth_token", "token": "hunter2"}"#,
        "not `api_key`",
    ),
    ("up", &["--region", "eu-west-1"], "hunter2", "--kind aws"),
    (
        "up",
        &["--endpoint", "https://127.0.0.1"],
        "hunter2",
        "private network",
    ),
    (
        "up",
        &["--endpoint", "http://mine.example"],
        "hunter2",
        "https",
    ),
];

/// The file of a service account whose private key is none.
fn account(token_uri: &str) -> String {
    let pem = "-----BEGIN PRIVATE KEY-----\\nhunter2\\n-----END PRIVATE KEY-----";
    format!(
        r#"{{"type": "service_account", "client_email": "a@b", "private_key": "{pem}", "token_uri": "{token_uri}"}}"#
    )
}

#[test]
fn a_wrong_credential_is_refused_and_not_repeated() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider("google", &upstream)
        .provider_setting("google", "auth: google")
        .prepare();
    gateway.add_user("ann");
    let evil = account("https://evil.example/token");
    let broken = account("https://oauth2.googleapis.com/token");
    let of_google: [Wrong<'_>; 2] = [
        ("google", &[], &evil, "token_uri"),
        ("google", &[], &broken, "private key"),
    ];
    for (provider, flags, input, fact) in WRONG.iter().chain(&of_google) {
        let arguments = [&["key", "set", provider, "--user", "ann"], *flags].concat();
        let output = gateway.cli_with_input(&arguments, input);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(
            output.stderr.contains(fact),
            "{arguments:?}: {}",
            output.stderr
        );
        assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
    }
    let missing = [
        "key",
        "set",
        "up",
        "--user",
        "ann",
        "--file",
        "/nowhere/key",
    ];
    assert!(
        gateway
            .cli(&missing)
            .stderr
            .contains("cannot read /nowhere/key")
    );
}

#[test]
fn a_token_is_sent_as_one_whatever_the_provider_takes_keys_in() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider_setting("up", "auth: x-goog-api-key")
        .start();
    gateway.add_user("ann");
    let ann = gateway.client_with(&gateway.create_token("ann", &[]).secret);
    ann.chat(&chat_body("up/ok")).assert_status(200);
    let seen = upstream.last_request();
    assert_eq!(
        seen.header("x-goog-api-key"),
        Some(operator_key("up").as_str())
    );
    gateway
        .cli_with_input(
            &["key", "set", "up", "--user", "ann", "--kind", "oauth_token"],
            "ya29.own",
        )
        .assert_success();
    let own_is_used = || {
        ann.chat(&chat_body("up/ok")).assert_status(200);
        (authorization(&upstream) == "Bearer ya29.own").then_some(())
    };
    wait_until(std::time::Duration::from_secs(5), own_is_used).expect("the token is used soon");
    assert_eq!(upstream.last_request().header("x-goog-api-key"), None);
}

#[test]
fn an_own_key_that_may_not_be_used_is_no_reason_to_spend_the_operators() {
    let (upstream, own) = (Upstream::start(), Upstream::start());
    let mut gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("policy", "private_endpoints: true")
        .set("policy", "operator_keys: everyone")
        .start();
    gateway.add_user("ann");
    let ann = gateway.create_token("ann", &[]);
    let flags = ["key", "set", "up", "--user", "ann", "--endpoint"];
    let endpoint = own.base_url();
    let arguments = [&flags[..], &[endpoint.as_str()]].concat();
    gateway
        .cli_with_input(&arguments, "sk-anns-own-key-0123456789\n")
        .assert_success();
    let client = gateway.client_with(&ann.secret);
    let chat = chat_body("up/ok");
    client.chat(&chat).assert_status(200);
    assert_eq!((own.requests().len(), upstream.requests().len()), (1, 0));
    gateway.change_setting("policy", "private_endpoints: false");
    gateway.hang_up();
    let refused = weir_testkit::wait_until(weir_testkit::PATIENCE, || {
        let reply = client.chat(&chat);
        (reply.status != 200).then_some(reply)
    });
    refused.unwrap().assert_error(403, "provider_key_unusable");
    assert!(upstream.requests().is_empty());
}
