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
