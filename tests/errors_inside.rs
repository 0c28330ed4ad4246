//! Errors that come inside a 200: they are what they would have been with a status of their own.

use serde_json::{Value, json};
use weir_testkit::{Gateway, Reply, Upstream, chat_body, stream_body};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

/// A gateway with a provider of OpenAI's formats, and another behind it.
fn gateway(upstream: &Upstream, other: &Upstream) -> Gateway {
    let formats = "formats: [chat, responses]";
    Gateway::builder(WEIR)
        .provider("up", upstream)
        .provider_setting("up", formats)
        .provider("other", other)
        .provider_setting("other", formats)
        .set("aliases", "both: [up/m, other/m]")
        .start()
}

fn events(events: &[Value]) -> Reply {
    Reply::new(200, text(events)).header("content-type", "text/event-stream")
}

fn text(events: &[Value]) -> String {
    let name = |event: &Value| event["type"].as_str().unwrap_or_default().to_owned();
    let write = |event| format!("event: {}\ndata: {event}\n\n", name(event));
    events.iter().map(write).collect()
}

/// The events of a response that fails so.
fn failing(code: &str, before: &[Value]) -> Vec<Value> {
    let error = json!({"code": code, "message": "Try again in 1.5s."});
    let created =
        json!({"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}});
    let failed = json!({"type": "response.failed", "response": {"id": "resp_1", "status": "failed", "error": error}});
    let mut all = vec![created];
    all.extend_from_slice(before);
    all.push(failed);
    all
}

fn responses_body(model: &str) -> Value {
    json!({"model": model, "stream": true, "input": "hi"})
}

#[test]
fn a_response_that_fails_for_what_was_asked_reaches_its_client_as_it_came() {
    let (upstream, other) = (Upstream::start(), Upstream::start());
    let told = failing("context_length_exceeded", &[]);
    upstream.on_model("m", events(&told));
    let gateway = gateway(&upstream, &other);
    let answer = gateway
        .client()
        .post("/v1/responses", &responses_body("both"));
    assert_eq!((answer.status, answer.text()), (200, text(&told)));
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    assert_eq!(upstream.requests().len(), 1, "nothing is tried again");
    assert!(other.requests().is_empty(), "nobody else is asked");
    let row = &gateway.wait_for_calls(1)[0];
    assert_eq!(
        (&row["status"], &row["end"]),
        (&json!(400), &json!("failed"))
    );
}

#[test]
fn a_response_that_fails_for_its_provider_is_another_ones_to_answer() {
    let (upstream, other) = (Upstream::start(), Upstream::start());
    let told = failing("server_is_overloaded", &[]);
    upstream.on_model("m", events(&told));
    let answered = json!({"type": "response.completed", "response": {"id": "resp_2", "status": "completed",
        "output": [{"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}]}});
    other.on_model("m", events(std::slice::from_ref(&answered)));
    let gateway = gateway(&upstream, &other);
    let answer = gateway
        .client()
        .post("/v1/responses", &responses_body("both"));
    assert_eq!(answer.text(), text(&[answered]));
    let alone = gateway
        .client()
        .post("/v1/responses", &responses_body("up/m"));
    assert_eq!((alone.status, alone.text()), (200, text(&told)));
}

#[test]
fn an_error_that_is_no_failed_response_has_a_status() {
    let (upstream, other) = (Upstream::start(), Upstream::start());
    let error = json!({"type": "error", "code": "invalid_prompt", "message": "No.", "param": null});
    upstream.on_model("m", events(&[error]));
    let gateway = gateway(&upstream, &other);
    let answer = gateway
        .client()
        .post("/v1/responses", &responses_body("up/m"));
    answer.assert_error(400, "invalid_prompt");
    assert_eq!(answer.error("message"), "No.");
}

#[test]
fn a_stream_of_responses_ends_in_order_behind_the_failure_it_tells() {
    let (upstream, other) = (Upstream::start(), Upstream::start());
    let delta = json!({"type": "response.output_text.delta", "output_index": 0, "delta": "Hi"});
    let told = failing("rate_limit_exceeded", &[delta]);
    upstream.on_model("m", events(&told));
    let gateway = gateway(&upstream, &other);
    let stream = gateway
        .client()
        .stream_at("/v1/responses", &responses_body("up/m"))
        .transcript();
    assert!(stream.whole, "the connection is not cut: {stream:?}");
    let last = stream.events.last().unwrap().json();
    assert_eq!(last, told[2]);
}

#[test]
fn an_error_inside_a_200_has_the_status_it_stands_for() {
    let (upstream, other) = (Upstream::start(), Upstream::start());
    let gateway = gateway(&upstream, &other);
    for (status, code, attempts) in [
        (400, json!("context_length_exceeded"), 1),
        (429, json!("rate_limit_exceeded"), 2),
        (503, json!(503), 2),
    ] {
        let error = json!({"error": {"message": "No.", "type": "t", "param": "p", "code": code}});
        let streamed = Reply::new(200, format!("data: {error}\n\n"));
        let whole = Reply::json(200, &error);
        for (reply, body) in [
            (whole, chat_body("up/m")),
            (
                streamed.header("content-type", "text/event-stream"),
                stream_body("up/m"),
            ),
        ] {
            upstream.forget();
            upstream.on_model("m", reply);
            let answer = gateway.client().chat(&body);
            assert_eq!(
                (answer.status, answer.json()),
                (status, error.clone()),
                "{code}"
            );
            assert_eq!(upstream.requests().len(), attempts, "{code}");
        }
    }
}
