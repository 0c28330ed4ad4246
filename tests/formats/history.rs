//! What a provider signed comes back to it, and to nobody else: a client sends the whole of an answer again, as agents do.

use serde_json::{Value, json};
use weir_testkit::upstream::formats::{SIGNATURE, TEXT};
use weir_testkit::{Gateway, Upstream};

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
