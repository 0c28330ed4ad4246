//! Gemini's streams where nobody asks for `alt=sse`: a JSON array, an element for each event.

use std::time::Duration;

use serde_json::Value;
use weir_testkit::upstream::formats::{CUT_TEXT, FAULT_WORDS};
use weir_testkit::upstream::{Chat, Cut, TEXT};
use weir_testkit::{Gateway, GatewayBuilder, Response, Upstream, provider_formats};

use crate::WEIR;
use crate::dialects::Dialect;
use crate::questions::{self, Question};

const STORIES: [(&str, Question); 4] = [
    ("story-text", Question::Plain),
    ("story-tool", Question::WithTool),
    ("story-parallel", Question::WithTool),
    ("story-think", Question::WithThoughts),
];

fn path(model: &str, query: &str) -> String {
    format!("/v1beta/models/{model}:streamGenerateContent{query}")
}

fn ask(gateway: &Gateway, model: &str, question: Question) -> Response {
    let body = questions::body(Dialect::Gemini, question);
    gateway.client().post(&path(model, ""), &body)
}

fn elements(answer: &Response) -> Vec<Value> {
    match answer.json() {
        Value::Array(elements) => elements,
        other => panic!("no array: {other}"),
    }
}

#[test]
fn an_array_says_what_events_say() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_every_format(WEIR, &upstream).start();
    for format in provider_formats() {
        for (story, question) in STORIES {
            let model = format!("p-{format}/{story}");
            let answer = ask(&gateway, &model, question);
            answer.assert_status(200);
            let told = answer.header("content-type").unwrap_or_default();
            assert!(told.starts_with("application/json"), "{told}");
            assert!(answer.text().starts_with("[{") && answer.text().ends_with("}]"));
            let as_events = Dialect::Gemini.ask(&gateway.client(), &model, question, true);
            let mut heard = Dialect::Gemini.hear_elements(&answer, &elements(&answer));
            for (call, other) in heard.calls.iter_mut().zip(&as_events.calls) {
                // Ids that are made up are made up for each answer.
                call.id.clone_from(&other.id);
            }
            assert_eq!(heard, as_events, "{model}");
        }
    }
    let calls = gateway.wait_for_calls(2 * STORIES.len() * provider_formats().count());
    for call in calls {
        assert_eq!(call["estimated"], false, "{call}");
    }
}

#[test]
fn events_come_to_those_who_ask_for_them() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_every_format(WEIR, &upstream).start();
    let body = questions::body(Dialect::Gemini, Question::Plain);
    for query in ["?alt=sse", "?%24alt=sse", "?x=1&alt=sse"] {
        let answer = gateway
            .client()
            .post(&path("p-gemini/story-text", query), &body);
        assert!(answer.text().starts_with("data: {"), "{}", answer.text());
    }
    let asked = ask(&gateway, "p-gemini/story-text", Question::Plain);
    asked.assert_status(200);
    assert!(upstream.last_request().path.ends_with("?alt=sse"));
}

#[test]
fn an_error_is_the_last_element() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_every_format(WEIR, &upstream).start();
    for format in provider_formats() {
        for (story, words) in [("story-fault", FAULT_WORDS), ("story-cut", "")] {
            let answer = ask(&gateway, &format!("p-{format}/{story}"), Question::Plain);
            let told = elements(&answer);
            let error = &told.last().unwrap()["error"];
            assert!(error["code"].is_u64(), "{format}: {}", answer.text());
            assert!(error["message"].as_str().unwrap().contains(words));
            let heard = Dialect::Gemini.hear_elements(&answer, &told);
            assert!(heard.text.starts_with(CUT_TEXT), "{format}: {heard:?}");
            assert!(!answer.whole, "{format}: a broken stream looks broken");
        }
    }
}

#[test]
fn a_refusal_is_the_only_element() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_every_format(WEIR, &upstream).start();
    for (model, status) in [
        ("p-gemini/story-error", 429),
        ("p-cohere/story-error", 429),
        ("nobody/knows", 404),
    ] {
        let answer = ask(&gateway, model, Question::Plain);
        assert_eq!(answer.status, status);
        let told = elements(&answer);
        assert_eq!(told.len(), 1, "{model}: {told:?}");
        assert_eq!(told[0]["error"]["code"], status, "{model}: {told:?}");
    }
}

/// A gateway whose silences are short, and that commits early.
pub fn restless(upstream: &Upstream) -> GatewayBuilder {
    Gateway::with_every_format(WEIR, upstream)
        .set("stream", "keepalive_ms: 50")
        .set("stream", "early_commit_after_ms: 100")
}

#[test]
fn silence_is_broken_by_white_space_in_an_open_array() {
    let upstream = Upstream::start();
    let gateway = restless(&upstream).start();
    upstream.next(Chat::new().first_byte(Duration::from_millis(500)));
    let answer = ask(&gateway, "p-chat/slow", Question::Plain);
    assert!(answer.text().starts_with("[\r\n"), "{}", answer.text());
    let heard = Dialect::Gemini.hear_elements(&answer, &elements(&answer));
    assert_eq!((heard.text.as_str(), heard.ended), (TEXT, true));
}

#[test]
fn an_element_comes_as_soon_as_there_is_one() {
    let upstream = Upstream::start();
    let gateway = restless(&upstream).start();
    upstream.next(Chat::new().cut(Cut::HangAfter(2)));
    let client = gateway.client();
    let body = questions::body(Dialect::Gemini, Question::Plain).to_string();
    let mut connection = client.connect();
    connection.send(&client.request(&path("p-chat/ok", ""), &[], body.as_bytes()));
    let mut seen = Vec::new();
    // The provider hangs: what is read here was not waited for.
    while !String::from_utf8_lossy(&seen).contains("\"text\":") {
        let piece = connection.read_some(4096).unwrap();
        assert!(!piece.is_empty(), "{}", String::from_utf8_lossy(&seen));
        seen.extend(piece);
    }
}
