//! Limits hold: rate and concurrency, per token and per user, told in OpenAI's headers and in words.

use std::time::Duration;

use weir_testkit::{Act, Gateway, Play, Upstream, chat_body, wait_until};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

#[test]
fn a_tokens_request_rate_holds_and_says_so() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway.add_user("ann");
    let client = gateway.client_with(&gateway.create_token("ann", &["--rpm", "3"]).secret);
    let mut remaining = Vec::new();
    for _ in 0..3 {
        let answer = client.chat(&chat_body("up/ok"));
        answer.assert_status(200);
        assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("3"));
        assert!(answer.header("x-ratelimit-reset-requests").is_some());
        let left = answer
            .header("x-ratelimit-remaining-requests")
            .expect("a header");
        remaining.push(left.parse::<u32>().expect("a number"));
    }
    assert_eq!(remaining, [2, 1, 0]);
    let refused = client.chat(&chat_body("up/ok"));
    refused.assert_error(429, "rate_limit_exceeded");
    let after: u64 = refused
        .header("retry-after")
        .expect("a header")
        .parse()
        .expect("whole seconds");
    assert!((1..=60).contains(&after), "{after}");
    assert_eq!(refused.header("x-ratelimit-limit-requests"), Some("3"));
    assert_eq!(refused.header("x-ratelimit-remaining-requests"), Some("0"));
    let message = refused.error("message");
    for fact in ["token", "3", "minute"] {
        assert!(message.contains(fact), "{message} lacks {fact}");
    }
    assert_eq!(
        upstream.requests().len(),
        3,
        "a refused request goes nowhere"
    );
    assert_eq!(
        gateway.wait_for_calls(3).len(),
        3,
        "a refused request writes no row"
    );
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(200);
}

#[test]
fn a_users_limit_counts_all_of_their_tokens_together() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("limits", "user: {requests_per_minute: 2}")
        .start();
    for name in ["ann", "bob"] {
        gateway.add_user(name);
    }
    let first = gateway.client_with(&gateway.create_token("ann", &[]).secret);
    let second = gateway.client_with(&gateway.create_token("ann", &[]).secret);
    first.chat(&chat_body("up/ok")).assert_status(200);
    second.chat(&chat_body("up/ok")).assert_status(200);
    let refused = first.chat(&chat_body("up/ok"));
    refused.assert_error(429, "rate_limit_exceeded");
    assert!(
        refused.error("message").contains("user"),
        "{}",
        refused.text()
    );
    gateway
        .client_with(&gateway.create_token("bob", &[]).secret)
        .chat(&chat_body("up/ok"))
        .assert_status(200);
}

#[test]
fn concurrency_is_refused_beyond_the_limit_and_free_again_after() {
    let upstream = Upstream::start();
    upstream.on_model("hang", Play::new().act(Act::Hang));
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway.add_user("ann");
    let client = gateway.client_with(&gateway.create_token("ann", &["--concurrent", "2"]).secret);
    let hang = chat_body("up/hang").to_string();
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut connection = client.connect();
        connection.send(&client.request("/v1/chat/completions", &[], hang.as_bytes()));
        open.push(connection);
    }
    upstream.wait_for_requests(2);
    let refused = client.chat(&chat_body("up/ok"));
    refused.assert_error(429, "rate_limit_exceeded");
    assert!(refused.header("retry-after").is_some());
    assert!(refused.error("message").contains('2'), "{}", refused.text());
    drop(open.pop());
    let admitted = || Some(client.chat(&chat_body("up/ok"))).filter(|answer| answer.status == 200);
    assert!(
        wait_until(Duration::from_secs(5), admitted).is_some(),
        "a slot that was freed can be used"
    );
}

#[test]
fn a_limit_holds_when_everyone_comes_at_once() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway.add_user("ann");
    let client = gateway.client_with(&gateway.create_token("ann", &["--rpm", "10"]).secret);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = || client.chat(&chat_body("up/ok")).status;
        let asking: Vec<_> = (0..60).map(|_| scope.spawn(ask)).collect();
        asking
            .into_iter()
            .map(|one| one.join().expect("a request ends"))
            .collect()
    });
    let served = statuses.iter().filter(|status| **status == 200).count();
    // A second of the test's own time lets a sixth of a request more through.
    assert!((10..=11).contains(&served), "{served} were served");
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 429)),
        "{statuses:?}"
    );
}

#[test]
fn a_request_that_cannot_be_read_frees_its_slot() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway.add_user("ann");
    let client = gateway.client_with(&gateway.create_token("ann", &["--concurrent", "1"]).secret);
    for _ in 0..5 {
        client
            .post_bytes("/v1/chat/completions", &[], b"null")
            .assert_status(400);
    }
    client.chat(&chat_body("up/ok")).assert_status(200);
}
