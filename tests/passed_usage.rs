//! What a provider's own routes cost is metered as well: every format is known by how it tells usage, whole or streamed,
//! however long the answer is and however the network cuts it.

use serde_json::{Value, json};
use weir_testkit::upstream::Act;
use weir_testkit::{Chat, Conn, Gateway, PATIENCE, Play, Reply, Upstream, wait_until};
use weir_wire::bedrock::event_stream::write_message;

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

/// US dollars a million tokens, for the model `m` of every provider.
const PRICE: &str =
    "{m: {input: 2.00, cache_read: 0.50, output: 8.00}, story-text: {input: 1.00, output: 1.00}}";
const PROVIDERS: [&str; 7] = [
    "p-chat",
    "p-responses",
    "p-anthropic",
    "p-gemini",
    "p-bedrock",
    "p-ollama",
    "p-cohere",
];

fn start(upstream: &Upstream) -> Gateway {
    let prices = PROVIDERS
        .map(|name| format!("  {name}: {PRICE}\n"))
        .concat();
    Gateway::with_every_format(WEIR, upstream)
        .file(
            "conf.d/90-prices.yaml",
            &format!("prices:\n  version: test-1\n{prices}"),
        )
        .start()
}

/// The units of the only call there is, after it was checked to be exact, whole and priced.
fn metered(gateway: &Gateway, kind: &str) -> Vec<(String, u64)> {
    let row = only_row(gateway);
    assert_eq!(
        (&row["kind"], &row["end"]),
        (&json!(kind), &json!("done")),
        "{row}"
    );
    assert_eq!(
        (&row["estimated"], &row["unpriced"]),
        (&json!(false), &json!(false)),
        "{row}"
    );
    assert!(
        ["m", "story-text"]
            .iter()
            .any(|it| row["served_model"] == *it),
        "{row}"
    );
    units(&row)
}

fn only_row(gateway: &Gateway) -> Value {
    let rows = gateway.wait_for_calls(1);
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.into_iter().next().unwrap_or_default()
}

fn units(row: &Value) -> Vec<(String, u64)> {
    let items = row["items"].as_array().into_iter().flatten();
    let mut units: Vec<_> = items
        .map(|item| {
            let unit = item["unit"].as_str().unwrap_or_default().to_owned();
            (unit, item["quantity"].as_u64().unwrap_or(0))
        })
        .collect();
    units.sort();
    units
}

/// 10 tokens in, 4 of them from a cache where the format tells that, and 5 out.
fn expected(has_cache: bool) -> Vec<(String, u64)> {
    let units: &[(&str, u64)] = if has_cache {
        &[("cache_read", 4), ("input", 6), ("output", 5)]
    } else {
        &[("input", 10), ("output", 5)]
    };
    units
        .iter()
        .map(|(unit, count)| ((*unit).to_owned(), *count))
        .collect()
}

struct Case {
    path: &'static str,
    ask: Value,
    content_type: &'static str,
    answer: Vec<u8>,
    has_cache: bool,
}

fn case(
    path: &'static str,
    ask: Value,
    content_type: &'static str,
    answer: impl Into<Vec<u8>>,
    has_cache: bool,
) -> Case {
    Case {
        path,
        ask,
        content_type,
        answer: answer.into(),
        has_cache,
    }
}

const JSON: &str = "application/json";

/// Routes that nobody here interprets, and that answer whole.
fn passed_whole() -> Vec<Case> {
    let converse = json!({"output": {"message": {"role": "assistant", "content": [{"text": "{\"usage\":{}}"}]}},
        "usage": {"inputTokens": 6, "cacheReadInputTokens": 4, "outputTokens": 5, "totalTokens": 15}});
    let gemini = json!([{"candidates": [], "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 1}},
        {"candidates": [], "usageMetadata": {"promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 5}}]);
    let cohere =
        json!({"message": {}, "usage": {"billed_units": {"input_tokens": 10, "output_tokens": 5}}});
    let of_google =
        "/providers/p-gemini/v1/projects/x/publishers/google/models/m:streamGenerateContent";
    vec![
        case(
            "/providers/p-bedrock/model/m/converse",
            json!({"messages": []}),
            JSON,
            converse.to_string(),
            true,
        ),
        case(
            of_google,
            json!({"contents": []}),
            JSON,
            gemini.to_string(),
            true,
        ),
        case(
            "/providers/p-cohere/v2/chat",
            json!({"model": "m"}),
            JSON,
            cohere.to_string(),
            false,
        ),
    ]
}

/// Routes that nobody here interprets, and that answer bit by bit.
fn passed_streams() -> Vec<Case> {
    let metadata =
        json!({"usage": {"inputTokens": 6, "cacheReadInputTokens": 4, "outputTokens": 5}});
    let mut converse = Vec::new();
    write_message(
        "contentBlockDelta",
        br#"{"delta":{"text":"hi"}}"#,
        &mut converse,
    );
    write_message("metadata", metadata.to_string().as_bytes(), &mut converse);
    let messages = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":6,\
        \"cache_read_input_tokens\":4,\"output_tokens\":1}}}\n\n\
        event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":5}}\n\n\
        event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let ollama = "{\"message\":{\"content\":\"h\"},\"done\":false}\n{\"done\":true,\"prompt_eval_count\":10,\"eval_count\":5}\n";
    let run = "event: thread.run.completed\ndata: {\"object\":\"thread.run\",\"usage\":{\"prompt_tokens\":10,\
        \"completion_tokens\":5}}\n\nevent: done\ndata: [DONE]\n\n";
    let of_bedrock = "application/vnd.amazon.eventstream";
    let events = "text/event-stream";
    vec![
        case(
            "/providers/p-bedrock/model/m/converse-stream",
            json!({"messages": []}),
            of_bedrock,
            converse,
            true,
        ),
        case(VERTEX, json!({"stream": true}), events, messages, true),
        case(
            "/providers/p-ollama/api/chat",
            json!({"model": "m"}),
            "application/x-ndjson",
            ollama,
            false,
        ),
        case(
            "/providers/p-chat/v1/threads/runs",
            json!({"model": "m"}),
            events,
            run,
            false,
        ),
    ]
}

/// Claude's route at Vertex AI.
const VERTEX: &str = "/providers/p-anthropic/v1/publishers/anthropic/models/m:streamRawPredict";

#[test]
fn what_is_passed_on_is_metered_in_every_format() {
    for Case {
        path,
        ask,
        content_type,
        answer,
        has_cache,
    } in passed_whole().into_iter().chain(passed_streams())
    {
        for (is_chunked, is_dribbled) in [(false, false), (true, false), (true, true)] {
            let upstream = Upstream::start();
            let gateway = start(&upstream);
            let mut reply = Reply::new(200, answer.clone()).header("content-type", content_type);
            if is_chunked {
                reply = reply.chunked();
            }
            let play = reply.into_play();
            upstream.next(if is_dribbled { play.dribbled(1) } else { play });
            let got = gateway.client().post(path, &ask);
            assert!(got.assert_status(200).body == answer, "{path}");
            assert_eq!(
                metered(&gateway, "pass"),
                expected(has_cache),
                "{path} {is_chunked} {is_dribbled}"
            );
            let cost = if has_cache {
                6 * 2_000 + 4 * 500 + 5 * 8_000
            } else {
                10 * 2_000 + 5 * 8_000
            };
            assert_eq!(only_row(&gateway)["cost_nanousd"], cost);
        }
    }
}

#[test]
fn an_answer_of_any_length_is_passed_on_and_metered() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let text = "long ".repeat(14 * 1024 * 1024);
    let answer =
        format!("{{\"text\":\"{text}\",\"usage\":{{\"inputTokens\":10,\"outputTokens\":5}}}}");
    upstream.next(Reply::new(200, answer.clone()).header("content-type", "application/json"));
    let got = gateway.client().post(
        "/providers/p-bedrock/model/m/converse",
        &json!({"messages": []}),
    );
    assert!(got.assert_status(200).body == answer.as_bytes());
    assert_eq!(metered(&gateway, "pass"), expected(false));
}

#[test]
fn what_was_used_long_ago_is_not_metered_again() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let client = gateway.client();
    let kept = json!({"id": "x", "usage": {"prompt_tokens": 10, "completion_tokens": 5}});
    let paths = [
        "/providers/p-chat/v1/chat/completions/chatcmpl-1",
        "/providers/p-chat/v1/batches/batch-1/cancel",
        "/providers/p-chat/v1/threads/t/runs/r/cancel",
    ];
    for (number, path) in paths.into_iter().enumerate() {
        upstream.next(Reply::json(200, &kept));
        client
            .post(path, &json!({"metadata": {}}))
            .assert_status(200);
        upstream.next(Reply::json(200, &kept).chunked());
        client.get(path).assert_status(200);
        let rows = gateway.wait_for_calls(2 * number + 2);
        assert!(
            rows.iter().all(|row| units(row).is_empty()),
            "{path} {rows:?}"
        );
    }
}

#[test]
fn who_leaves_in_the_middle_pays_for_what_was_told_until_then() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let start = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 100000\r\n\r\n\
        data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":6,\"cache_read_input_tokens\":4,\"output_tokens\":5}}}\n\n";
    upstream.next(Play::new().send(start).act(Act::Hang));
    let client = gateway.client();
    let mut connection = Conn::open(client.address());
    connection.send(&client.request(VERTEX, &[], b"{}"));
    let begun = connection
        .read_some(start.len() / 2)
        .expect("the beginning");
    assert!(!begun.is_empty());
    connection.reset();
    let row = only_row(&gateway);
    assert_eq!(row["end"], "cancelled", "{row}");
    assert_eq!(units(&row), expected(true), "{row}");
}

#[test]
fn a_model_that_nobody_tells_the_usage_of_is_estimated_and_survives_a_kill() {
    let upstream = Upstream::start();
    let mut gateway = start(&upstream);
    let client = gateway.client();
    upstream.next(Reply::json(200, &json!({"outputs": [{"text": "twelve bytes"}]})).chunked());
    client
        .post(
            "/providers/p-bedrock/model/m/invoke",
            &json!({"prompt": "x"}),
        )
        .assert_status(200);
    let row = only_row(&gateway);
    assert_eq!(
        (&row["estimated"], &row["unpriced"]),
        (&json!(true), &json!(false))
    );
    assert!(row["cost_nanousd"].as_i64() > Some(0), "{row}");

    upstream.next(Play::new().act(Act::Hang));
    let mut connection = Conn::open(client.address());
    let body = json!({"prompt": "x"}).to_string();
    connection.send(&client.request("/providers/p-bedrock/model/m/invoke", &[], body.as_bytes()));
    upstream
        .wait(PATIENCE, |seen| seen.len() == 2)
        .expect("the call is under way");
    gateway.kill();
    gateway.start_again();
    let rows = gateway.wait_for_calls(2);
    let killed = rows
        .iter()
        .find(|row| row["end"] == "interrupted")
        .expect("a row");
    assert_eq!(
        units(killed),
        [("input".to_owned(), body.len() as u64)],
        "{killed}"
    );
    assert!(killed["cost_nanousd"].as_i64() > Some(0), "{killed}");
}

/// Native paths that are carried like any call.
fn known() -> Vec<(&'static str, Value, &'static str)> {
    let words = json!([{"role": "user", "content": "hi"}]);
    vec![
        (
            "/providers/p-chat/v1/chat/completions",
            json!({"model": "story-text", "messages": words}),
            "chat",
        ),
        (
            "/providers/p-responses/v1/responses",
            json!({"model": "story-text", "input": "hi"}),
            "responses",
        ),
        (
            "/providers/p-anthropic/v1/messages",
            json!({"model": "story-text", "max_tokens": 50, "messages": words}),
            "messages",
        ),
        (
            "/providers/p-gemini/v1beta/models/story-text:generateContent",
            json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
            "generate_content",
        ),
    ]
}

#[test]
fn native_paths_are_metered_like_any_call_streamed_or_not() {
    for (path, ask, kind) in known() {
        let upstream = Upstream::start();
        let gateway = start(&upstream);
        let client = gateway.client();
        client.post(path, &ask).assert_status(200);
        let whole = metered(&gateway, kind);
        assert!(
            whole.iter().any(|(unit, _)| unit == "output"),
            "{path} {whole:?}"
        );

        let (path, ask) = match path.strip_suffix(":generateContent") {
            Some(model) => (format!("{model}:streamGenerateContent?alt=sse"), ask),
            None => {
                let mut ask = ask;
                ask["stream"] = json!(true);
                (path.to_owned(), ask)
            }
        };
        client.stream_at(&path, &ask).transcript();
        let rows = gateway.wait_for_calls(2);
        let streamed = rows
            .iter()
            .find(|row| row["streamed"] == true)
            .expect("a row");
        assert_eq!(units(streamed), whole, "{path}");
        assert_eq!(streamed["estimated"], false, "{path}");
    }
}

#[test]
fn a_native_chat_is_metered_in_pieces_of_a_byte_and_whatever_its_client_asked_for() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let mut ask = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    for (number, is_stream) in [false, true].into_iter().enumerate() {
        ask["stream"] = json!(is_stream);
        upstream.next(Chat::new().tokens(10, 5, 4).dribble(1));
        let path = "/providers/p-chat/v1/chat/completions";
        gateway.client().post(path, &ask).assert_status(200);
        for row in gateway.wait_for_calls(number + 1) {
            assert_eq!(units(&row), expected(true), "{row}");
        }
    }
}

#[test]
fn large_vectors_are_metered() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let vector = "-0.0123456789,".repeat(150_000);
    let answer = format!(
        "{{\"object\":\"list\",\"data\":[{{\"index\":0,\"embedding\":[{vector}0]}}],\"usage\":{{\"prompt_tokens\":10,\"total_tokens\":10}}}}"
    );
    upstream.next(
        Reply::new(200, answer.clone())
            .header("content-type", "application/json")
            .chunked(),
    );
    let ask = json!({"model": "m", "input": "hi"});
    let got = gateway
        .client()
        .post("/providers/p-chat/v1/embeddings", &ask);
    assert!(got.assert_status(200).body == answer.as_bytes());
    assert_eq!(metered(&gateway, "embeddings"), [("input".to_owned(), 10)]);
}

#[test]
fn a_conversation_is_made_shorter_and_metered() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    gateway.add_user("ann");
    let ann = gateway.create_token("ann", &[]);
    let client = gateway.client_with(&ann.secret);
    let compacted = json!({"id": "resp_1", "object": "response.compaction", "output": [{"type": "compaction",
        "encrypted_content": "AAAA"}], "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15}});
    let ask = json!({"model": "p-responses/m", "input": [{"role": "user", "content": "hi"}], "tools": []});
    // It keeps nothing at the provider, so that whoever may ask for a response may ask for this.
    for path in [
        "/v1/responses/compact",
        "/providers/p-responses/v1/responses/compact",
    ] {
        upstream.next(Reply::json(200, &compacted));
        let reply = client.post(path, &ask);
        assert_eq!(reply.assert_status(200).json(), compacted);
        let seen = upstream.last_request();
        assert_eq!(seen.path, "/v1/responses/compact");
        assert_eq!(
            (&seen.json()["model"], &seen.json()["input"]),
            (&json!("m"), &ask["input"])
        );
    }
    for row in gateway.wait_for_calls(2) {
        assert_eq!(
            (&row["kind"], &row["served_model"]),
            (&json!("compact"), &json!("m"))
        );
        assert_eq!(row["cost_nanousd"], 6 * 2_000 + 4 * 500 + 5 * 8_000);
        assert_eq!(units(&row), expected(true), "{row}");
    }
    let kept = json!({"model": "p-responses/m", "previous_response_id": "resp_0"});
    client
        .post("/v1/responses/compact", &kept)
        .assert_status(400);
    let elsewhere = json!({"model": "p-anthropic/m", "input": "hi"});
    client
        .post("/v1/responses/compact", &elsewhere)
        .assert_error(404, "model_not_found");
}

#[test]
fn a_conversation_that_is_made_shorter_as_a_stream_or_without_usage_is_metered_too() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let client = gateway.client();
    let mut ask = json!({"model": "p-responses/m", "input": "hi", "stream": true});
    let answer = json!({"id": "resp_1", "object": "response", "status": "completed", "output": [{"type": "message",
        "role": "assistant", "content": [{"type": "output_text", "text": "short", "annotations": []}]}],
        "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5}});
    let event = |kind: &str, body: Value| format!("event: {kind}\ndata: {body}\n\n");
    let stream = [
        event("response.created", json!({"type": "response.created", "response": {"id": "resp_1", "usage": null}})),
        event(
            "response.output_text.delta",
            json!({"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": "short"}),
        ),
        event("response.completed", json!({"type": "response.completed", "response": answer})),
    ]
    .concat();
    upstream.next(
        Reply::new(200, stream.clone())
            .header("content-type", "text/event-stream")
            .chunked(),
    );
    let got = client.post("/v1/responses/compact", &ask);
    assert_eq!(got.assert_status(200).text(), stream);
    assert_eq!(metered(&gateway, "compact"), expected(true));

    ask["stream"] = json!(false);
    upstream.next(Reply::json(
        200,
        &json!({"id": "resp_2", "output": [{"type": "compaction"}]}),
    ));
    client
        .post("/v1/responses/compact", &ask)
        .assert_status(200);
    let rows = gateway.wait_for_calls(2);
    let untold = rows
        .iter()
        .find(|row| row["streamed"] == false)
        .expect("a row");
    assert_eq!(untold["estimated"], true, "{untold}");
    assert!(untold["cost_nanousd"].as_i64() > Some(0), "{untold}");
}

#[test]
fn a_killed_gateway_has_taken_a_conversation_to_be_made_shorter_for_its_input() {
    let upstream = Upstream::start();
    let mut gateway = start(&upstream);
    upstream.next(Play::new().act(Act::Hang));
    let client = gateway.client();
    let mut connection = Conn::open(client.address());
    let body = json!({"model": "p-responses/m", "input": "hi"}).to_string();
    connection.send(&client.request("/v1/responses/compact", &[], body.as_bytes()));
    let is_sent = wait_until(PATIENCE, || (!upstream.requests().is_empty()).then_some(()));
    assert!(is_sent.is_some());
    gateway.kill();
    gateway.start_again();
    let row = only_row(&gateway);
    assert_eq!(
        (&row["kind"], &row["end"]),
        (&json!("compact"), &json!("interrupted"))
    );
    assert_eq!(row["cost_nanousd"], body.len() as i64 * 2_000);
}
