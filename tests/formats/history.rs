//! What a provider signed comes back to it, and to nobody else: a client sends the whole of an answer again, as agents do.

use serde_json::{Value, json};
use weir_testkit::upstream::formats::{SIGNATURE, TEXT};
use weir_testkit::{Gateway, Reply, Upstream};

use crate::WEIR;
use crate::dialects::Dialect;
use crate::questions::Question;

/// The formats whose vendors sign thoughts.
const SIGNING: [&str; 4] = ["responses", "anthropic", "gemini", "bedrock"];

/// The clients whose formats have a place for signatures.
const KEEPING: [Dialect; 3] = [Dialect::Responses, Dialect::Anthropic, Dialect::Gemini];

/// The request with the answer behind it, and another turn.
fn continued(dialect: Dialect, mut body: Value, answer: &Value) -> Value {
    let (turns, more) = match dialect {
        Dialect::Responses => (&mut body["input"], answer["output"].as_array().cloned()),
        Dialect::Chat => {
            let turn = answer["choices"][0]["message"].clone();
            (&mut body["messages"], Some(vec![turn]))
        }
        Dialect::Gemini => {
            let content = answer["candidates"][0]["content"].clone();
            (&mut body["contents"], Some(vec![content]))
        }
        _ => {
            let turn = json!({"role": "assistant", "content": answer["content"]});
            (&mut body["messages"], Some(vec![turn]))
        }
    };
    let next = match dialect {
        Dialect::Gemini => json!({"role": "user", "parts": [{"text": "And now?"}]}),
        _ => json!({"role": "user", "content": "And now?"}),
    };
    if let Some(turns) = turns.as_array_mut() {
        turns.extend(more.into_iter().flatten());
        turns.push(next);
    }
    body
}

/// Claude at each of the platforms that serve it.
const CLAUDE: [&str; 2] = [
    "p-anthropic/story-think",
    "p-bedrock/story-think.anthropic.claude-sonnet-4-5",
];

/// What the upstream is sent when a client that spoke with the model `first` goes on with `second`.
fn sent_when_continued(dialect: Dialect, first: &str, second: &str) -> String {
    let upstream = Upstream::start();
    let gateway = Gateway::with_every_format(WEIR, &upstream).start();
    let client = gateway
        .client()
        .with_header("anthropic-version", "2023-06-01");
    let (path, mut body) = dialect.request(first, Question::WithThoughts, false);
    if dialect == Dialect::Responses {
        body["include"] = json!(["reasoning.encrypted_content"]);
    }
    let answer = client.post(&path, &body);
    answer.assert_status(200);
    let mut again = continued(dialect, body, &answer.json());
    let (path, _) = dialect.request(second, Question::WithThoughts, false);
    if dialect != Dialect::Gemini {
        again["model"] = json!(second);
    }
    let heard = dialect.hear(&client.post(&path, &again));
    assert_eq!(heard.text, TEXT, "{dialect:?} from {first} to {second}");
    upstream.last_request().text()
}

fn thinking_at(format: &str) -> String {
    format!("p-{format}/story-think")
}

#[test]
fn a_signature_comes_back_to_who_signed() {
    for dialect in KEEPING {
        for format in SIGNING {
            let model = thinking_at(format);
            let sent = sent_when_continued(dialect, &model, &model);
            assert!(sent.contains(SIGNATURE), "{dialect:?} at {format}: {sent}");
        }
    }
}

#[test]
fn a_signature_goes_to_nobody_else() {
    for dialect in KEEPING {
        for (at, first) in SIGNING.iter().enumerate() {
            let second = SIGNING[(at + 1) % SIGNING.len()];
            let sent = sent_when_continued(dialect, &thinking_at(first), &thinking_at(second));
            assert!(
                !sent.contains(SIGNATURE),
                "{dialect:?}, {first} to {second}: {sent}"
            );
            assert!(sent.contains("Oslo"), "the text goes on: {sent}");
        }
    }
}

#[test]
fn what_claude_signed_goes_to_every_platform_of_claude() {
    for dialect in KEEPING.into_iter().chain([Dialect::Chat]) {
        for [first, second] in [[CLAUDE[0], CLAUDE[1]], [CLAUDE[1], CLAUDE[0]]] {
            let sent = sent_when_continued(dialect, first, second);
            let bare = format!("\"signature\":\"{SIGNATURE}\"");
            assert!(
                sent.contains(&bare),
                "{dialect:?}, {first} to {second}: {sent}"
            );
        }
    }
}

#[test]
fn what_another_model_of_bedrock_signed_does_not_go_to_anthropic() {
    for dialect in KEEPING {
        let sent = sent_when_continued(dialect, &thinking_at("bedrock"), CLAUDE[0]);
        assert!(!sent.contains(SIGNATURE), "{dialect:?}: {sent}");
    }
}

/// An answer of OpenRouter's with these details.
fn routed(details: &Value) -> Reply {
    let message = json!({"role": "assistant", "content": TEXT, "reasoning": "Hm.", "reasoning_details": details});
    let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
    Reply::json(
        200,
        &json!({"id": "gen-1", "model": "m", "choices": [choice]}),
    )
}

#[test]
fn what_a_router_proves_comes_back_to_it() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("router", &upstream)
        .provider_setting("router", "formats: [chat]")
        .provider_setting("router", "models: []")
        .provider_setting("router", "quirks: {reasoning_details: true}")
        .start();
    let client = gateway
        .client()
        .with_header("anthropic-version", "2023-06-01");
    let of_claude = json!([
        {"type": "reasoning.text", "text": "Hm.", "signature": SIGNATURE, "format": "anthropic-claude-v1", "index": 0},
    ]);
    let of_openai = json!([
        {"type": "reasoning.summary", "summary": "Hm.", "format": "openai-responses-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": SIGNATURE, "id": "rs_1", "format": "openai-responses-v1", "index": 0},
    ]);
    for dialect in KEEPING {
        for (model, details) in [("claude", &of_claude), ("gpt", &of_openai)] {
            let model = format!("router/{model}");
            let (path, mut body) = dialect.request(&model, Question::WithThoughts, false);
            if dialect == Dialect::Responses {
                body["include"] = json!(["reasoning.encrypted_content"]);
            }
            upstream.next(routed(details));
            let answer = client.post(&path, &body);
            assert_eq!(dialect.hear(&answer).thoughts, "Hm.", "{dialect:?}");
            upstream.next(routed(details));
            client
                .post(&path, &continued(dialect, body, &answer.json()))
                .assert_status(200);
            let sent = upstream.last_request().json();
            let messages = sent["messages"].as_array().unwrap();
            let turn = messages.iter().find(|it| it["role"] == "assistant");
            assert_eq!(turn.unwrap()["reasoning_details"], *details, "{dialect:?}");
        }
    }
}
