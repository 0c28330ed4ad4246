//! Every client's format against every provider's: what must hold whichever two meet.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a JSON value without a member gives null, and a test that is surprised must say so"
)]

mod arrays;
mod dialects;
mod history;
mod matrix;
mod questions;

use serde_json::{Value, json};
use weir_testkit::upstream::Cut;
use weir_testkit::upstream::formats::{
    ARGUMENTS, CUT_TEXT, ERROR_WORDS, FAULT_WORDS, RETRY_AFTER_S, TEXT, THOUGHTS, TOOL,
};
use weir_testkit::{Chat, Gateway, Upstream, provider_formats};

use dialects::Dialect;
use matrix::Matrix;
use questions::{Question, RESULT};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

#[test]
fn text_and_usage_arrive() {
    let mut matrix = Matrix::start();
    matrix.for_all("story-text", Question::Plain, |case, heard| {
        case.expect("status", &heard.status, &200);
        case.expect("text", heard.text.as_str(), TEXT);
        case.expect("end", heard.finish.as_str(), case.dialect.endings()[0]);
        case.expect("ended", &heard.ended, &true);
        case.expect("input", &heard.input, &12);
        case.expect("cached", &heard.cached, &case.cached());
        case.expect("output", &heard.output, &7);
    });
    matrix.assert_rows(|case, row| {
        let quantity = |unit: &str| {
            let items = row["items"].as_array().into_iter().flatten();
            let of_unit = items.filter(|item| item["unit"] == unit);
            of_unit
                .filter_map(|item| item["quantity"].as_u64())
                .sum::<u64>()
        };
        case.expect("end", &row["end"], &json!("done"));
        case.expect("estimated", &row["estimated"], &json!(false));
        case.expect("streamed", &row["streamed"], &json!(case.stream));
        case.expect("input", &quantity("input"), &(12 - case.cached()));
        case.expect("cache_read", &quantity("cache_read"), &case.cached());
        case.expect("output", &quantity("output"), &7);
    });
    matrix.finish();
}

#[test]
fn tools_are_called() {
    let mut matrix = Matrix::start();
    let arguments: Value = serde_json::from_str(ARGUMENTS).unwrap();
    matrix.for_all("story-tool", Question::WithTool, |case, heard| {
        case.expect("status", &heard.status, &200);
        case.expect("calls", &heard.calls.len(), &1);
        let call = heard.calls.first().cloned().unwrap_or_default();
        case.expect("name", call.name.as_str(), TOOL);
        case.expect("arguments", &call.arguments, &arguments);
        // Gemini's calls need no id, in which it is like its clients.
        let needs_id = case.dialect != Dialect::Gemini;
        case.expect("has an id", &(!call.id.is_empty() || !needs_id), &true);
        case.expect("end", heard.finish.as_str(), case.dialect.endings()[1]);
        case.expect("ended", &heard.ended, &true);
    });
    matrix.finish();
}

#[test]
fn parallel_calls_have_ids_of_their_own() {
    let mut matrix = Matrix::start();
    matrix.for_all("story-parallel", Question::WithTool, |case, heard| {
        let cities: Vec<&Value> = heard
            .calls
            .iter()
            .map(|call| &call.arguments["city"])
            .collect();
        case.expect("cities", &cities, &vec![&json!("Oslo"), &json!("Bergen")]);
        if let ([first, second], true) = (&heard.calls[..], case.dialect != Dialect::Gemini) {
            case.expect("ids differ", &(first.id != second.id), &true);
        }
    });
    matrix.finish();
}

#[test]
fn a_tools_result_reaches_the_provider() {
    let mut matrix = Matrix::start();
    matrix.for_all("story-tool", Question::WithResult, |case, heard| {
        case.expect("status", &heard.status, &200);
        case.expect("text", heard.text.as_str(), TEXT);
    });
    for seen in matrix.upstream.requests() {
        assert!(
            seen.text().contains(RESULT),
            "{} was sent {}",
            seen.path,
            seen.text()
        );
    }
    matrix.finish();
}

#[test]
fn thoughts_arrive_apart_from_the_text() {
    let mut matrix = Matrix::start();
    matrix.for_all("story-think", Question::WithThoughts, |case, heard| {
        case.expect("status", &heard.status, &200);
        case.expect("text", heard.text.as_str(), TEXT);
        if case.dialect.converses() {
            case.expect("thoughts", heard.thoughts.as_str(), THOUGHTS);
        }
        case.expect("output", &heard.output, &7);
    });
    matrix.finish();
}

#[test]
fn the_limit_is_told() {
    let mut matrix = Matrix::start();
    matrix.for_all("story-length", Question::Plain, |case, heard| {
        case.expect("end", heard.finish.as_str(), case.dialect.endings()[2]);
        case.expect("ended", &heard.ended, &true);
        case.expect("text", heard.text.as_str(), TEXT);
    });
    matrix.finish();
}

#[test]
fn an_error_keeps_its_status_and_its_words() {
    let mut matrix = Matrix::start();
    matrix.for_all("story-error", Question::Plain, |case, heard| {
        case.expect("status", &heard.status, &429);
        case.expect("words", &heard.error.as_deref(), &Some(ERROR_WORDS));
    });
    for format in provider_formats() {
        for dialect in Dialect::ALL {
            let model = format!("p-{format}/story-error");
            let (path, body) = dialect.request(&model, Question::Plain, true);
            let answer = matrix.client().post(&path, &body);
            let wait = answer.header("retry-after").map(str::to_owned);
            assert_eq!(
                wait,
                Some(RETRY_AFTER_S.to_string()),
                "{dialect:?} {format}"
            );
        }
    }
    matrix.finish();
}

#[test]
fn a_cut_answer_never_ends_as_a_success() {
    let mut matrix = Matrix::start();
    matrix.for_all("story-cut", Question::Plain, |case, heard| {
        case.expect("ended", &heard.ended, &false);
        case.expect("told of the break", &heard.error.is_some(), &true);
        if case.stream {
            case.expect("begun", &heard.text.starts_with(CUT_TEXT), &true);
        } else {
            case.expect("failed", &(heard.status >= 500), &true);
        }
    });
    matrix.assert_rows(|case, row| case.expect("end", &row["end"], &json!("failed")));
    matrix.finish();
}

#[test]
fn an_error_in_a_stream_is_told_in_the_clients_own_way() {
    let mut matrix = Matrix::start();
    matrix.for_all_streams("story-fault", Question::Plain, |case, heard| {
        case.expect("ended", &heard.ended, &false);
        case.expect("begun", &heard.text.starts_with(CUT_TEXT), &true);
        let words = heard.error.as_deref().unwrap_or_default();
        case.expect("has the words", &words.contains(FAULT_WORDS), &true);
    });
    matrix.assert_rows(|case, row| case.expect("end", &row["end"], &json!("failed")));
    matrix.finish();
}

#[test]
fn usage_that_was_not_asked_for_is_metered_and_not_told() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_every_format(WEIR, &upstream).start();
    for format in provider_formats() {
        let body = weir_testkit::stream_body(&format!("p-{format}/story-text"));
        let told = gateway.client().stream(&body).transcript();
        assert_eq!(told.content(), TEXT, "{format}");
        assert_eq!(told.usages(), Vec::<Value>::new(), "{format}");
    }
    for row in gateway.wait_for_calls(provider_formats().count()) {
        let estimated = row["estimated"].as_bool();
        assert_eq!(estimated, Some(false), "{row}");
    }
}

#[test]
fn a_hint_that_is_dropped_is_named() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_every_format(WEIR, &upstream).start();
    for format in ["anthropic", "gemini", "bedrock", "ollama", "cohere"] {
        let mut body = weir_testkit::chat_body(&format!("p-{format}/story-text"));
        body["never_heard_of"] = json!(true);
        body["prompt_cache_key"] = json!("k");
        let answer = gateway.client().chat(&body);
        answer.assert_status(200);
        let dropped = answer.header("x-weir-dropped").unwrap_or_default();
        for name in ["never_heard_of", "prompt_cache_key"] {
            assert!(dropped.contains(name), "{format}: {dropped:?} lacks {name}");
        }
        assert!(!upstream.last_request().text().contains("never_heard_of"));
    }
}

#[test]
fn what_has_meaning_is_refused_by_name() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_every_format(WEIR, &upstream).start();
    for format in ["anthropic", "bedrock", "ollama", "cohere", "responses"] {
        let mut body = weir_testkit::chat_body(&format!("p-{format}/story-text"));
        body["n"] = json!(2);
        let answer = gateway.client().chat(&body);
        answer.assert_error(400, "unsupported_parameter");
        assert_eq!(answer.error("param"), "n", "{format}");
        let message = answer.error("message");
        assert!(message.contains(&format!("p-{format}")), "{message}");
    }
    assert!(upstream.requests().is_empty(), "nothing was sent");
}

#[test]
fn a_dropped_meaning_is_named_where_the_caller_says_so() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_every_format(WEIR, &upstream).start();
    let client = gateway.client().with_header("x-weir-drop-params", "all");
    let mut body = weir_testkit::chat_body("p-anthropic/story-text");
    body["n"] = json!(2);
    let answer = client.chat(&body);
    assert_eq!(
        answer.assert_status(200).header("x-weir-dropped"),
        Some("n")
    );
}

#[test]
fn a_provider_of_several_formats_is_asked_in_one_that_says_all() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("two", &upstream)
        .provider_setting("two", "formats: [chat, responses]")
        .start();
    let ask = |stop: Value| {
        let message = json!({"role": "user", "content": "Hi"});
        let body = json!({"model": "two/story-text", "max_tokens": 9, "messages": [message], "stop_sequences": stop});
        gateway
            .client()
            .post("/v1/messages", &body)
            .assert_status(200);
        upstream.last_request().path
    };
    assert_eq!(ask(json!([])), "/v1/responses");
    // Responses knows no texts that end the answer.
    assert_eq!(ask(json!(["END"])), "/v1/chat/completions");
}

#[test]
fn a_silent_provider_does_not_leave_codex_without_an_event() {
    let upstream = Upstream::start();
    let gateway = arrays::restless(&upstream).start();
    upstream.next(Chat::new().cut(Cut::HangAfter(0)));
    let body = json!({"model": "p-chat/ok", "stream": true, "store": false, "input": "Hello"});
    let events = gateway.client().stream_at("/v1/responses", &body);
    let kinds = events.filter_map(|event| event.json()["type"].as_str().map(str::to_owned));
    let kinds: Vec<String> = kinds.take(4).collect();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "keepalive",
            "keepalive"
        ]
    );
}

#[test]
fn thoughts_between_tags_are_thoughts_to_clients_of_other_formats_alone() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("tagged", &upstream)
        .provider_setting("tagged", "formats: [chat]")
        .provider_setting("tagged", "quirks: {think_tags: true}")
        .start();
    let text = format!("<think>\n{THOUGHTS}</think>\n\n{TEXT}");
    let heard = |dialect: Dialect, stream: bool| {
        upstream.next(Chat::new().text(&text).pieces(40));
        dialect.ask(
            &gateway.client(),
            "tagged/m",
            Question::WithThoughts,
            stream,
        )
    };
    for stream in [false, true] {
        assert_eq!(heard(Dialect::Chat, stream).text, text);
        for dialect in [Dialect::Responses, Dialect::Anthropic, Dialect::Gemini] {
            let heard = heard(dialect, stream);
            let told = (heard.thoughts.as_str(), heard.text.as_str());
            assert_eq!(told, (THOUGHTS, TEXT), "{dialect:?}, streamed: {stream}");
        }
    }
}

#[test]
fn a_begun_answer_is_gone_on_with_or_refused() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_every_format(WEIR, &upstream).start();
    let ask = |format: &str, policy: &str| {
        let begun =
            json!([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Oho"}]);
        let body =
            json!({"model": format!("p-{format}/story-text"), "max_tokens": 99, "messages": begun});
        let client = gateway.client().with_header("x-weir-drop-params", policy);
        client.post("/v1/messages", &body)
    };
    for format in ["anthropic", "bedrock", "gemini", "ollama"] {
        ask(format, "hints").assert_status(200);
        assert!(upstream.last_request().text().contains("Oho"), "{format}");
    }
    for format in ["chat", "responses", "cohere"] {
        let refused = ask(format, "hints");
        assert_eq!(refused.status, 400, "{format}");
        assert!(refused.text().contains("assistant prefill"), "{format}");
        let answer = ask(format, "all");
        let dropped = answer.assert_status(200).header("x-weir-dropped");
        assert_eq!(dropped, Some("assistant prefill"), "{format}");
        assert!(!upstream.last_request().text().contains("Oho"), "{format}");
    }
}

#[test]
fn what_cannot_be_embedded_is_refused_in_the_name_of_its_vendor() {
    let upstream = Upstream::start();
    for api in ["gemini", "cohere"] {
        let gateway = Gateway::builder(WEIR)
            .provider("up", &upstream)
            .provider_setting("up", &format!("quirks: {{embeddings_api: {api}}}"))
            .start();
        let body = json!({"model": "up/embed", "input": [[1, 2, 3]]});
        let answer = gateway.client().post("/v1/embeddings", &body);
        assert_eq!(answer.status, 400, "{}", answer.text());
        let message = answer.error("message");
        assert!(message.contains(&format!("`{api}`")), "{message}");
    }
    assert!(upstream.requests().is_empty());
}
