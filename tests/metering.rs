//! One row per call, whatever way it ended, with exact money.

use serde_json::{Value, json};
use weir_testkit::upstream::{Cut, UsageStyle};
use weir_testkit::{
    Chat, Gateway, GatewayBuilder, Reply, Upstream, chat_body, stream_body, stream_body_with_usage,
};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

/// US dollars a million tokens.
const PRICES: &str = "
prices:
  version: test-1
  up:
    ok: {input: 2.00, cache_read: 0.50, output: 8.00}
    gratis: {free: true}
";
/// 19 prompt and 7 completion tokens at these prices, in nano-dollars.
const ORDINARY_NANOUSD: i64 = 19 * 2_000 + 7 * 8_000;

fn priced(upstream: &Upstream) -> GatewayBuilder {
    Gateway::builder(WEIR)
        .provider("up", upstream)
        .file("conf.d/90-prices.yaml", PRICES)
}

/// The one row there is, after the one call there was.
fn only_row(gateway: &Gateway) -> Value {
    let rows = gateway.wait_for_calls(1);
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.into_iter().next().unwrap_or_default()
}

fn assert_row(row: &Value, expected: &[(&str, Value)]) {
    for (field, value) in expected {
        assert_eq!(&row[*field], value, "{field} of {row}");
    }
}

#[test]
fn a_whole_answer_costs_what_its_usage_says() {
    let upstream = Upstream::start();
    let gateway = priced(&upstream).start();
    let answer = gateway.client().chat(&chat_body("up/ok"));
    let row = only_row(&gateway);
    assert_row(
        &row,
        &[
            ("id", json!(answer.header("x-request-id"))),
            ("end", json!("done")),
            ("status", json!(200)),
            ("provider", json!("up")),
            ("served_model", json!("ok")),
            ("attempts", json!(1)),
            ("streamed", json!(false)),
            ("estimated", json!(false)),
            ("unpriced", json!(false)),
            ("cost_nanousd", json!(ORDINARY_NANOUSD)),
        ],
    );
    let items = row["items"].as_array().expect("items");
    let quantity = |unit: &str| {
        items
            .iter()
            .filter(|item| item["unit"] == unit)
            .map(|item| &item["quantity"])
            .next()
    };
    assert_eq!(
        (quantity("input"), quantity("output")),
        (Some(&json!(19)), Some(&json!(7)))
    );
}

#[test]
fn a_stream_costs_the_same_whether_the_client_asked_for_usage_or_not() {
    let upstream = Upstream::start();
    let gateway = priced(&upstream).start();
    gateway.client().stream(&stream_body("up/ok")).transcript();
    gateway
        .client()
        .stream(&stream_body_with_usage("up/ok"))
        .transcript();
    for row in gateway.wait_for_calls(2) {
        let expected = [
            ("end", json!("done")),
            ("streamed", json!(true)),
            ("estimated", json!(false)),
        ];
        assert_row(&row, &expected);
        assert_row(&row, &[("cost_nanousd", json!(ORDINARY_NANOUSD))]);
    }
}

#[test]
fn cumulative_usage_is_not_summed_and_cached_tokens_cost_less() {
    let upstream = Upstream::start();
    let gateway = priced(&upstream).start();
    upstream.next(Chat::new().usage(UsageStyle::EachChunk));
    gateway.client().stream(&stream_body("up/ok")).transcript();
    assert_row(
        &only_row(&gateway),
        &[("cost_nanousd", json!(ORDINARY_NANOUSD))],
    );
    upstream.next(Chat::new().tokens(1000, 10, 800));
    let answer = gateway.client().chat(&chat_body("up/ok"));
    let rows = gateway.wait_for_calls(2);
    let cached = rows
        .iter()
        .find(|row| row["id"] == json!(answer.header("x-request-id")))
        .expect("a row");
    assert_row(
        cached,
        &[("cost_nanousd", json!(200 * 2_000 + 800 * 500 + 10 * 8_000))],
    );
}

#[test]
fn usage_that_nobody_told_is_estimated_and_marked() {
    let upstream = Upstream::start();
    let gateway = priced(&upstream).start();
    for (number, body) in [chat_body("up/ok"), stream_body("up/ok")]
        .into_iter()
        .enumerate()
    {
        upstream.next(Chat::new().usage(UsageStyle::Never));
        gateway.client().chat(&body).assert_status(200);
        let rows = gateway.wait_for_calls(number + 1);
        assert!(
            rows.iter()
                .all(|row| row["estimated"] == true && row["cost_nanousd"].as_i64() > Some(0)),
            "{rows:?}"
        );
    }
}

#[test]
fn an_unpriced_model_is_flagged_and_a_free_one_is_not() {
    let upstream = Upstream::start();
    let gateway = priced(&upstream).start();
    gateway.client().chat(&chat_body("up/unheard-of"));
    assert_row(
        &only_row(&gateway),
        &[("unpriced", json!(true)), ("cost_nanousd", json!(0))],
    );
    gateway.client().chat(&chat_body("up/gratis"));
    let rows = gateway.wait_for_calls(2);
    let free = rows
        .iter()
        .find(|row| row["served_model"] == "gratis")
        .expect("a row");
    assert_row(
        free,
        &[("unpriced", json!(false)), ("cost_nanousd", json!(0))],
    );
}

#[test]
fn a_refused_call_has_a_row_that_costs_nothing() {
    let upstream = Upstream::start();
    let gateway = priced(&upstream).set("retry", "max_attempts: 1").start();
    for (number, status) in [400, 429, 500].into_iter().enumerate() {
        upstream.next(Reply::error(status, "no", "No."));
        gateway
            .client()
            .chat(&chat_body("up/ok"))
            .assert_status(status);
        let rows = gateway.wait_for_calls(number + 1);
        let row = rows
            .iter()
            .find(|row| row["status"] == status)
            .expect("a row with the status");
        assert_row(
            row,
            &[
                ("end", json!("failed")),
                ("cost_nanousd", json!(0)),
                ("attempts", json!(1)),
            ],
        );
    }
}

#[test]
fn a_stream_that_broke_is_failed_and_what_came_is_estimated() {
    let upstream = Upstream::start();
    let gateway = priced(&upstream).start();
    let cuts = [
        Cut::MidEventAfter(3),
        Cut::ResetAfter(3),
        Cut::EndAfter(3),
        Cut::ErrorAfter(3),
    ];
    for (number, cut) in cuts.into_iter().enumerate() {
        upstream.next(Chat::breaking(cut));
        gateway.client().stream(&stream_body("up/ok")).transcript();
        let rows = gateway.wait_for_calls(number + 1);
        assert_eq!(rows.len(), number + 1, "{cut:?}");
        for row in &rows {
            assert_row(row, &[("end", json!("failed")), ("estimated", json!(true))]);
            assert!(row["cost_nanousd"].as_i64() > Some(0), "{row}");
        }
    }
}

#[test]
fn a_client_that_left_pays_for_what_was_made() {
    let upstream = Upstream::start();
    let gateway = priced(&upstream).start();
    upstream.next(Chat::new().cut(Cut::HangAfter(3)));
    let mut events = gateway.client().stream(&stream_body("up/ok"));
    events.first_content();
    events.close();
    let row = only_row(&gateway);
    assert_row(
        &row,
        &[
            ("end", json!("cancelled")),
            ("estimated", json!(true)),
            ("streamed", json!(true)),
        ],
    );
    assert!(row["cost_nanousd"].as_i64() > Some(0), "{row}");
}

#[test]
fn a_fallback_is_one_row_that_names_who_served() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let gateway = Gateway::builder(WEIR)
        .provider("first", &first)
        .provider("up", &second)
        .file("conf.d/90-prices.yaml", PRICES)
        .set("aliases", "fast: [first/a, up/ok]")
        .start();
    first.next(Reply::html(500));
    gateway.client().chat(&chat_body("fast")).assert_status(200);
    let expected = [
        ("end", json!("done")),
        ("provider", json!("up")),
        ("served_model", json!("ok")),
        ("attempts", json!(2)),
    ];
    let row = only_row(&gateway);
    assert_row(&row, &expected);
    assert_row(
        &row,
        &[
            ("cost_nanousd", json!(ORDINARY_NANOUSD)),
            ("asked_model", json!("fast")),
        ],
    );
}

#[test]
fn what_is_refused_before_a_call_begins_writes_no_row() {
    let upstream = Upstream::start();
    let gateway = priced(&upstream).start();
    gateway
        .anonymous()
        .chat(&chat_body("up/ok"))
        .assert_status(401);
    gateway
        .client()
        .chat(&chat_body("no-such-model"))
        .assert_status(404);
    gateway
        .client()
        .post_bytes("/v1/chat/completions", &[], b"null")
        .assert_status(400);
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(200);
    assert_row(&only_row(&gateway), &[("status", json!(200))]);
}

#[test]
fn embeddings_and_completions_are_metered_like_chats() {
    let upstream = Upstream::start();
    let gateway = priced(&upstream).start();
    gateway
        .client()
        .post(
            "/v1/embeddings",
            &json!({"model": "up/ok", "input": ["a", "b"]}),
        )
        .assert_status(200);
    assert_row(
        &only_row(&gateway),
        &[
            ("cost_nanousd", json!(16 * 2_000)),
            ("estimated", json!(false)),
        ],
    );
    gateway
        .client()
        .stream_at(
            "/v1/completions",
            &json!({"model": "up/ok", "prompt": "x", "stream": true}),
        )
        .transcript();
    let rows = gateway.wait_for_calls(2);
    let completion = rows
        .iter()
        .find(|row| row["streamed"] == true)
        .expect("a row");
    assert_row(
        completion,
        &[
            ("cost_nanousd", json!(ORDINARY_NANOUSD)),
            ("end", json!("done")),
        ],
    );
}

#[test]
fn sums_are_the_sums_of_the_rows() {
    let upstream = Upstream::start();
    let gateway = priced(&upstream).start();
    gateway.add_user("ann");
    let ann = gateway.client_with(&gateway.create_token("ann", &[]).secret);
    for _ in 0..3 {
        ann.chat(&chat_body("up/ok")).assert_status(200);
    }
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(200);
    gateway.wait_for_calls(4);
    let sums = gateway
        .cli(&["usage", "--json", "--by", "user,model"])
        .assert_success()
        .json_rows();
    let cost = |row: &Value| row["cost_nanousd"].as_i64().unwrap_or(0);
    assert_eq!(
        sums.iter().map(cost).sum::<i64>(),
        4 * ORDINARY_NANOUSD,
        "{sums:?}"
    );
    assert!(
        sums.iter()
            .any(|row| cost(row) == 3 * ORDINARY_NANOUSD && row["calls"] == 3),
        "{sums:?}"
    );
    let table = gateway
        .cli(&["usage", "--by", "user"])
        .assert_success()
        .stdout;
    assert!(table.contains("ann"), "{table}");
    let csv = gateway
        .cli(&["usage", "--csv", "--by", "model"])
        .assert_success()
        .stdout;
    assert!(csv.lines().count() >= 2 && csv.contains(','), "{csv}");
}

#[test]
fn nothing_goes_unrecorded() {
    let upstream = Upstream::start();
    let gateway = priced(&upstream).start();
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                for body in [chat_body("up/ok"), stream_body("up/ok")] {
                    gateway.client().chat(&body).assert_status(200);
                }
            });
        }
    });
    let rows = gateway.wait_for_calls(40);
    assert_eq!(rows.len(), 40);
    assert!(
        rows.iter()
            .all(|row| row["cost_nanousd"] == ORDINARY_NANOUSD && row["end"] == "done"),
        "{rows:?}"
    );
    let metrics = gateway.metrics();
    let unrecorded: Vec<&str> = metrics
        .lines()
        .filter(|line| line.contains("unrecorded") && !line.starts_with('#'))
        .collect();
    assert!(
        !unrecorded.is_empty() && unrecorded.iter().all(|line| line.ends_with(" 0")),
        "{unrecorded:?}"
    );
}
