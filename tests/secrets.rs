//! Secrets are nowhere they do not belong: not in the logs at their most talkative, nor metrics, errors, or the database.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use weir_testkit::upstream::Cut;
use weir_testkit::{
    ADMIN_TOKEN, Act, Chat, Gateway, Play, Reply, Upstream, chat_body, gateway::operator_key,
    stream_body,
};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
const CHAT: &str = "/v1/chat/completions";
const PROMPT: &str = "canary-prompt-5f1c7e";
const ANSWER: &str = "canary-answer-91ab03";
const OWN_KEY: &str = "sk-own-provider-key-canary-77d2";

/// The forms a secret may leak in.
fn forms(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let tail = secret
        .get(secret.len().saturating_sub(12)..)
        .unwrap_or(secret)
        .to_owned();
    vec![
        secret.to_owned(),
        STANDARD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        hex,
        tail,
    ]
}

fn assert_absent(text: &str, secrets: &[&str], place: &str) {
    for secret in secrets {
        for form in forms(secret) {
            if let Some(at) = text.find(&form) {
                let from = (0..=at.saturating_sub(200))
                    .rev()
                    .find(|from| text.is_char_boundary(*from))
                    .unwrap_or(0);
                panic!("{form} is in {place}: …{}", &text[from..at + form.len()]);
            }
        }
    }
}

#[test]
fn canaries_never_sing() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("log", "filter: trace")
        .set("log", "format: json")
        .set("timeouts", "first_byte_ms: 300")
        .env("RUST_LOG", "trace")
        .start();
    gateway.add_user("ann");
    let token = gateway.create_token("ann", &[]);
    let set = gateway
        .cli_with_input(
            &["key", "set", "up", "--user", "ann"],
            &format!("{OWN_KEY}\n"),
        )
        .assert_success();
    let listed = gateway.cli(&["key", "list"]).assert_success();
    let tokens = gateway.cli(&["token", "list", "--json"]).assert_success();
    let mut said = vec![set.stdout, set.stderr, listed.stdout, tokens.stdout];
    for secret in [ADMIN_TOKEN, &token.secret] {
        said.extend(do_everything(&gateway, &upstream, secret));
    }
    let operator = operator_key("up");
    let (_, admin_secret) = ADMIN_TOKEN.split_at_checked(25).expect("a token is longer");
    let secrets = [ADMIN_TOKEN, admin_secret, &token.secret, &operator, OWN_KEY];
    for text in &said {
        assert_absent(text, &secrets, "an answer");
    }
    let all = [secrets.as_slice(), &[PROMPT, ANSWER]].concat();
    assert_absent(&gateway.logs(), &all, "the log");
    assert_absent(&gateway.metrics(), &all, "the metrics");
    gateway.wait_for_calls(2);
    gateway.terminate();
    for file in files_below(&gateway.home().join("data")) {
        let name = file.display().to_string();
        if !name.contains("master") {
            let bytes = std::fs::read(&file).expect("a file can be read");
            assert_absent(&String::from_utf8_lossy(&bytes), &all, &name);
        }
    }
}

/// Every kind of success and failure; gives what the client was told, but for answers that say the upstream's own text.
fn do_everything(gateway: &Gateway, upstream: &Upstream, token: &str) -> Vec<String> {
    let client = gateway.client_with(token);
    let mut said = Vec::new();
    let mut body = chat_body("up/ok");
    body["messages"][0]["content"] = PROMPT.into();
    let text = body.to_string();
    upstream.next(Chat::new().text(ANSWER));
    client.chat(&body).assert_status(200);
    upstream.next(Chat::new().text(ANSWER).cut(Cut::ResetAfter(2)));
    client.stream(&stream_body("up/ok")).transcript();
    let quoting = format!("Incorrect API key provided: {}", operator_key("up"));
    upstream.next_times(4, Reply::error(401, "invalid_api_key", &quoting));
    said.push(client.chat(&body).text());
    for fault in [Act::Close, Act::Reset, Act::Hang] {
        upstream.forget();
        upstream.next_times(8, Play::new().act(fault));
        said.push(client.chat(&body).text());
    }
    upstream.forget();
    said.push(client.chat(&chat_body("no-such-model")).text());
    said.push(
        client
            .post_bytes(CHAT, &[], text.replace('}', "").as_bytes())
            .text(),
    );
    said.push(
        client
            .post_bytes(CHAT, &[("content-encoding", "gzip")], text.as_bytes())
            .text(),
    );
    said.push(gateway.client_with(&format!("{token}x")).chat(&body).text());
    // Heads that cannot be parsed carry the credential into the parser's own errors.
    for broken in [
        "x: a\0b\r\n",
        "no colon here\r\n",
        " folded\r\n",
        "content-length: 1\r\ntransfer-encoding: chunked\r\n",
    ] {
        let mut connection = gateway.anonymous().connect();
        let head = format!(
            "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{broken}\r\n"
        );
        connection.send(head.as_bytes());
        said.extend(connection.try_response().map(|answer| answer.text()));
    }
    said
}

fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[cfg(unix)]
#[test]
fn what_is_kept_on_disk_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(200);
    let files = files_below(&gateway.home().join("data"));
    assert!(files.len() >= 2, "a database and a master key: {files:?}");
    for file in files {
        let mode = std::fs::metadata(&file)
            .expect("a file has a mode")
            .permissions()
            .mode()
            & 0o777;
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", file.display());
    }
}

/// A key with characters that JSON and URLs may escape.
const ODD_KEY: &str = "sk-odd/provider+key=canary-3e90";

#[test]
fn a_provider_that_quotes_its_key_is_not_repeated() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .provider_setting("up", "formats: [chat, anthropic]")
        .env("TEST_KEY_UP", ODD_KEY)
        .start();
    let client = gateway.client();
    let quoted = [
        ODD_KEY.to_owned(),
        ODD_KEY.replace('/', r"\/").replace('+', r"\u002B"),
        ODD_KEY.replace('/', "%2F").replace('=', "%3d"),
    ];
    let mut said = Vec::new();
    for key in &quoted {
        let body =
            format!(r#"{{"error":{{"message":"what is {key}?","type":"odd","code":"{key}"}}}}"#);
        for status in [200, 400, 500] {
            let reply = Reply::new(status, body.clone()).header("content-type", "application/json");
            upstream.forget();
            upstream.next_times(6, reply.header("x-request-id", key));
            said.push(client.chat(&chat_body("up/ok")));
        }
        // After its first output, in the client's own format: an error event is relayed as it came.
        let events = [
            r#"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"ok","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#,
            &format!(r#"{{"type":"error","error":{{"type":"odd","message":"what is {key}?"}}}}"#),
        ];
        let events: String = events.iter().map(|it| format!("data: {it}\n\n")).collect();
        upstream.forget();
        upstream.next(Reply::new(200, events).header("content-type", "text/event-stream"));
        let mut ask = stream_body("up/ok");
        ask["max_tokens"] = 5.into();
        said.push(client.post("/v1/messages", &ask));
    }
    for headed in [
        "openai-processing-ms",
        "x-ratelimit-limit-tokens",
        "request-id",
    ] {
        upstream.forget();
        upstream.next(Chat::new().text(ANSWER).header(headed, ODD_KEY));
        said.push(client.chat(&chat_body("up/ok")));
    }
    for reply in &said {
        let text = format!("{:?} {}", reply.headers, reply.text());
        for key in &quoted {
            assert!(!text.contains(key), "{text}");
        }
        assert!(!text.contains("canary-3e90"), "{text}");
    }
    assert!(
        said[3].text().contains("what is [key]?"),
        "{}",
        said[3].text()
    );
    gateway.terminate();
    assert_absent(&gateway.logs(), &[ODD_KEY], "the log");
    for file in files_below(&gateway.home().join("data")) {
        let bytes = std::fs::read(&file).expect("a file can be read");
        assert_absent(&String::from_utf8_lossy(&bytes), &[ODD_KEY], "a file");
    }
}
