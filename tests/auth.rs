//! Who may call: every form of credential is taken, nothing else is, and a revocation holds within a second.

use std::time::{Duration, Instant};

use weir_testkit::{ADMIN_TOKEN, Client, Gateway, Response, Upstream, chat_body, wait_until};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

fn ask(client: &Client) -> Response {
    client.chat(&chat_body("up/ok"))
}

#[test]
fn a_token_is_taken_from_every_header_that_clients_use() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    for (header, value) in [
        ("authorization", format!("Bearer {ADMIN_TOKEN}")),
        ("authorization", format!("bearer {ADMIN_TOKEN}")),
        ("Authorization", format!("Bearer {ADMIN_TOKEN}")),
        ("x-api-key", ADMIN_TOKEN.to_owned()),
        ("api-key", ADMIN_TOKEN.to_owned()),
    ] {
        ask(&gateway.anonymous().with_header(header, &value)).assert_status(200);
    }
    let both = gateway
        .anonymous()
        .bearer("a-placeholder")
        .with_header("x-api-key", ADMIN_TOKEN);
    ask(&both).assert_status(200);
}

#[test]
fn what_is_no_token_is_refused_and_never_reaches_the_upstream() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let (id, _) = ADMIN_TOKEN.rsplit_once('-').expect("a token has parts");
    let wrong_secret = format!("{id}-{}", "B".repeat(43));
    let unknown_id = ADMIN_TOKEN.replace("testkit", "another");
    let long = "x".repeat(10_000);
    for wrong in [
        "",
        "sk-",
        "nonsense",
        "sk-weir-",
        &wrong_secret,
        &unknown_id,
        &long,
        &ADMIN_TOKEN[..60],
    ] {
        ask(&gateway.client_with(wrong)).assert_error(401, "invalid_api_key");
    }
    ask(&gateway.anonymous()).assert_error(401, "invalid_api_key");
    gateway
        .anonymous()
        .get("/v1/models")
        .assert_error(401, "invalid_api_key");
    let basic = gateway
        .anonymous()
        .with_header("authorization", "Basic dXNlcjpwYXNz");
    ask(&basic).assert_error(401, "invalid_api_key");
    assert_eq!(upstream.requests().len(), 0);
    assert_eq!(
        gateway.calls().len(),
        0,
        "what is refused before a call begins writes no row"
    );
}

#[test]
fn a_refusal_does_not_repeat_the_credential() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    let answer = ask(&gateway.client_with("sk-weir-very-secret-but-wrong"));
    assert!(!answer.text().contains("very-secret"), "{}", answer.text());
}

#[test]
fn a_revoked_token_is_refused_within_a_second() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway.add_user("eve");
    let token = gateway.create_token("eve", &[]);
    let client = gateway.client_with(&token.secret);
    ask(&client).assert_status(200);
    gateway
        .cli(&["token", "revoke", &token.id])
        .assert_success();
    assert_refused_within_a_second(&client);
    ask(&gateway.client()).assert_status(200);
}

#[test]
fn a_disabled_user_is_refused_within_a_second() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway.add_user("eve");
    let client = gateway.client_with(&gateway.create_token("eve", &[]).secret);
    ask(&client).assert_status(200);
    gateway.cli(&["user", "disable", "eve"]).assert_success();
    assert_refused_within_a_second(&client);
}

#[test]
fn a_rotated_token_works_and_the_old_one_ends() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway.add_user("eve");
    let old = gateway.create_token("eve", &[]);
    ask(&gateway.client_with(&old.secret)).assert_status(200);
    let rotated = gateway
        .cli(&["token", "rotate", &old.id, "--json"])
        .assert_success()
        .json();
    let new = rotated["token"]
        .as_str()
        .expect("the new token is printed once");
    ask(&gateway.client_with(new)).assert_status(200);
    assert_refused_within_a_second(&gateway.client_with(&old.secret));
}

fn assert_refused_within_a_second(client: &Client) {
    let since = Instant::now();
    let refused = wait_until(Duration::from_secs(5), || {
        Some(ask(client)).filter(|answer| answer.status == 401)
    });
    let after = since.elapsed();
    let refused = refused.unwrap_or_else(|| ask(client));
    refused.assert_error(401, "invalid_api_key");
    assert!(
        after <= Duration::from_secs(1),
        "the refusal took {after:?}"
    );
}
