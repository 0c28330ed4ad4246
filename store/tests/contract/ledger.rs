//! The ledger's promises: one row per call, the first settle counts, a late one replaces an interrupted row.

use crate::kit::{Home, NOW_US, call_id, intent, item, row};
use proptest::prelude::*;
use weir_store::{
    CallRow, EndKind, GroupBy, Intent, LEASE_US, LedgerError, NewUser, RecordedItem, Store,
    TakenItem, UsageQuery, UsageRow,
};

const INPUT: [&str; 6] = [
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "audio_input",
    "image_input",
];
const OUTPUT: [&str; 3] = ["output", "reasoning", "audio_output"];

async fn begin(store: &Store, n: u32) {
    store
        .ledger()
        .begin(intent(n))
        .await
        .expect("the call begins");
}

async fn finish(store: &Store, row: CallRow) {
    store.ledger().finish(row).await.expect("the call is taken");
    store.ledger().flush().await.expect("the call is committed");
}

fn everything() -> UsageQuery {
    UsageQuery {
        from_us: 0,
        to_us: i64::MAX,
        ..UsageQuery::default()
    }
}

#[tokio::test]
async fn a_finished_call_is_read_back_whole() {
    let home = Home::new();
    let store = home.serve(7);
    begin(&store, 1).await;
    finish(&store, row(1)).await;

    let call = store.find_call(call_id(NOW_US, 1)).unwrap().unwrap();
    assert_eq!(
        (call.started_at_us, call.node_id.as_str(), call.end),
        (NOW_US, "node-7", EndKind::Done)
    );
    assert_eq!(
        (call.user_id.as_str(), call.token_id.as_str()),
        ("user-1", "token-1")
    );
    assert_eq!(
        (call.key_id.as_deref(), call.upstream_id.as_deref()),
        (Some("env:OPENAI_API_KEY"), Some("chatcmpl-1"))
    );
    assert_eq!(
        (call.kind.as_str(), call.asked_model.as_str()),
        ("chat", "fast")
    );
    assert_eq!(
        (call.served_model.as_str(), call.provider.as_str()),
        ("gpt-4o-mini", "openai")
    );
    assert_eq!((call.attempts, call.status, call.streamed), (1, 200, true));
    assert_eq!(
        (call.estimated, call.unpriced, call.cost_nanousd),
        (false, false, 19_500)
    );
    assert_eq!(
        (call.latency_us, call.ttft_us, call.price_version.as_str()),
        (812_345, Some(212_345), "v1")
    );
    let recorded = |unit: &str, quantity, cost_nanousd| RecordedItem {
        attempt: 1,
        unit: unit.to_owned(),
        quantity,
        cost_nanousd,
    };
    assert_eq!(
        call.items,
        [recorded("input", 50, 7_500), recorded("output", 20, 12_000)]
    );
}

#[tokio::test]
async fn a_second_finish_changes_nothing() {
    let home = Home::new();
    let store = home.serve(1);
    begin(&store, 1).await;
    let other = CallRow {
        cost_nanousd: 1,
        status: 500,
        items: vec![item(2, "output", 9, 9)],
        ..row(1)
    };
    // In one group and in another.
    store.ledger().finish(row(1)).await.unwrap();
    finish(&store, other.clone()).await;
    finish(&store, other).await;
    let call = store.find_call(call_id(NOW_US, 1)).unwrap().unwrap();
    assert_eq!(
        (call.cost_nanousd, call.status, call.items.len()),
        (19_500, 200, 2)
    );
}

#[tokio::test]
async fn a_dead_process_leaves_interrupted_calls_and_a_late_settle_replaces_them() {
    let home = Home::new();
    let store = home.serve(1);
    begin(&store, 1).await;
    begin(&store, 2).await;
    finish(&store, row(2)).await;
    store.close();

    let store = home.serve(2);
    assert_eq!(
        store.reconcile(NOW_US).unwrap(),
        1,
        "at once, as it held the lock file"
    );
    assert_eq!(store.reconcile(NOW_US).unwrap(), 0);
    let call = store.find_call(call_id(NOW_US, 1)).unwrap().unwrap();
    assert_eq!(
        (call.end, call.status, call.estimated, call.streamed),
        (EndKind::Interrupted, 0, true, true)
    );
    assert_eq!(
        (call.node_id.as_str(), call.served_model.as_str()),
        ("node-1", "gpt-4o-mini")
    );
    let input = RecordedItem {
        attempt: 1,
        unit: "input".to_owned(),
        quantity: 70,
        cost_nanousd: 10_500,
    };
    assert_eq!((call.cost_nanousd, call.items), (10_500, vec![input]));
    assert_eq!(
        store.find_call(call_id(NOW_US, 2)).unwrap().unwrap().end,
        EndKind::Done
    );

    let late = CallRow {
        items: vec![item(1, "output", 20, 12_000)],
        ..row(1)
    };
    finish(&store, late).await;
    let call = store.find_call(call_id(NOW_US, 1)).unwrap().unwrap();
    assert_eq!(
        (call.end, call.cost_nanousd, call.node_id.as_str()),
        (EndKind::Done, 19_500, "node-2")
    );
    assert_eq!(call.items.len(), 1, "the estimate is gone");
    assert_eq!(store.usage(&everything()).unwrap()[0].calls, 2);
}

#[tokio::test]
async fn what_a_dead_process_held_in_any_unit_is_what_its_calls_are_taken_to_have_used() {
    let home = Home::new();
    let store = home.serve(1);
    let taken = |unit, quantity, cost_nanousd| TakenItem {
        unit,
        quantity,
        cost_nanousd,
    };
    let images = Intent {
        kind: "image_generation",
        taken: vec![taken("input", 9, 45), taken("image_output", 8_192, 327_680)],
        ..intent(1)
    };
    let unpriced = Intent {
        kind: "transcription",
        taken: vec![taken("seconds", 60, 0)],
        unpriced: true,
        ..intent(2)
    };
    store.ledger().begin(images).await.unwrap();
    store.ledger().begin(unpriced).await.unwrap();
    store.close();

    let store = home.serve(2);
    assert_eq!(store.reconcile(NOW_US).unwrap(), 2);
    let call = store.find_call(call_id(NOW_US, 1)).unwrap().unwrap();
    assert_eq!((call.cost_nanousd, call.unpriced), (45 + 327_680, false));
    let units: Vec<_> = call.items.iter().map(|item| item.unit.as_str()).collect();
    assert_eq!(units.len(), 2, "{units:?}");
    let call = store.find_call(call_id(NOW_US, 2)).unwrap().unwrap();
    assert_eq!((call.cost_nanousd, call.unpriced), (0, true));
}

#[tokio::test]
async fn the_calls_of_a_living_process_are_left_alone_until_its_lease_ends() {
    let home = Home::new();
    let (serve, beside) = (home.serve(1), home.command(2));
    begin(&serve, 1).await;
    begin(&beside, 2).await;
    assert_eq!(serve.reconcile(NOW_US).unwrap(), 0);
    assert_eq!(beside.reconcile(NOW_US).unwrap(), 0);

    beside.ledger().renew_lease(NOW_US + LEASE_US);
    beside.ledger().flush().await.unwrap();
    assert_eq!(serve.reconcile(NOW_US + LEASE_US + 1).unwrap(), 0);
    assert_eq!(serve.reconcile(NOW_US + 2 * LEASE_US + 1).unwrap(), 1);
    assert_eq!(
        serve
            .find_call(call_id(NOW_US, 2))
            .unwrap()
            .unwrap()
            .node_id,
        "node-2"
    );
    finish(&beside, row(2)).await;
    assert_eq!(
        serve.find_call(call_id(NOW_US, 2)).unwrap().unwrap().end,
        EndKind::Done
    );
}

#[tokio::test]
async fn a_begin_that_was_given_up_leaves_no_row() {
    let home = Home::new();
    let store = home.serve(1);
    begin(&store, 1).await;
    for n in 2..50 {
        drop(store.ledger().begin(intent(n)));
    }
    store.ledger().flush().await.unwrap();
    finish(&store, row(1)).await;
    store.close();
    let store = home.serve(2);
    assert_eq!(store.reconcile(NOW_US).unwrap(), 0);
    assert_eq!(store.usage(&everything()).unwrap()[0].calls, 1);
}

#[tokio::test]
async fn closing_records_what_was_handed_in() {
    let home = Home::new();
    let store = home.serve(1);
    for n in 0..1_000 {
        store.ledger().finish(row(n)).await.unwrap();
    }
    drop(store);
    let store = home.serve(2);
    assert_eq!(store.usage(&everything()).unwrap()[0].calls, 1_000);
    store.close();
    assert_eq!(
        store.ledger().begin(intent(1)).await,
        Err(LedgerError::Closed)
    );
    assert_eq!(
        store.ledger().finish(row(1)).await,
        Err(LedgerError::Closed)
    );
    assert_eq!(store.ledger().unrecorded(), 1);
}

#[tokio::test]
async fn absurd_values_are_cut_and_break_no_report() {
    let home = Home::new();
    let store = home.serve(1);
    for n in 0..5 {
        let absurd = CallRow {
            upstream_id: Some("x".repeat(100_000)),
            asked_model: "é".repeat(1_000).into(),
            cost_nanousd: i64::MAX,
            items: vec![item(1, "input", u64::MAX, i64::MAX); 3],
            ..row(n)
        };
        finish(&store, absurd).await;
    }
    let call = store.find_call(call_id(NOW_US, 1)).unwrap().unwrap();
    assert_eq!(call.upstream_id.unwrap().len(), 256);
    assert_eq!(call.asked_model, "é".repeat(128));
    let usage = &store.usage(&everything()).unwrap()[0];
    assert_eq!(usage.cost_nanousd, 5_000_000_000_000_000);
    assert_eq!(usage.input_tokens, 5_000_000_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_write_at_the_same_time() {
    let home = Home::new();
    let (serve, command) = (home.serve(1), home.command(2));
    let calls = async |store: &Store, numbers: std::ops::Range<u32>| {
        for n in numbers {
            begin(store, n).await;
            store.ledger().finish(row(n)).await.unwrap();
        }
        store.ledger().flush().await.unwrap();
    };
    let admin = command.run_blocking(|store| {
        for n in 0..50 {
            store.create_user(
                NewUser {
                    name: format!("user {n}"),
                    admin: false,
                },
                NOW_US,
            )?;
        }
        Ok(())
    });
    let (_, _, made) = tokio::join!(calls(&serve, 0..300), calls(&command, 300..600), admin);
    made.unwrap();
    assert_eq!(serve.usage(&everything()).unwrap()[0].calls, 600);
    assert_eq!(serve.list_users().unwrap().len(), 50);
    serve.integrity_check().unwrap();
}

const DAY_US: i64 = 86_400_000_000;

/// Four calls of two users, two models and two days.
async fn store_with_four_calls(home: &Home) -> Store {
    let store = home.serve(1);
    let calls = [
        (NOW_US, "ada", "gpt-4o", EndKind::Done),
        (NOW_US + DAY_US - 1, "ada", "gpt-4o", EndKind::Failed),
        (NOW_US + DAY_US, "ada", "o3", EndKind::Cancelled),
        (NOW_US + DAY_US, "bob", "o3", EndKind::Done),
    ];
    for (n, (at_us, user, model, end)) in (0..).zip(calls) {
        let call = CallRow {
            call_id: call_id(at_us, n),
            started_at_us: at_us,
            user_id: user.into(),
            served_model: model.into(),
            end,
            estimated: end == EndKind::Cancelled,
            ..row(n)
        };
        finish(&store, call).await;
    }
    store
}

/// A row over so many of those calls, with no keys.
fn sums(calls: u64, failed: u64, estimated: u64) -> UsageRow {
    UsageRow {
        calls,
        failed,
        input_tokens: 50 * calls,
        output_tokens: 20 * calls,
        cost_nanousd: 19_500 * i64::try_from(calls).expect("few calls"),
        estimated,
        ..UsageRow::default()
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn usage_is_grouped_by_the_keys_asked_for() {
    let home = Home::new();
    let store = store_with_four_calls(&home).await;
    assert_eq!(store.usage(&everything()).unwrap(), [sums(4, 1, 1)]);

    let group_by = vec![GroupBy::Day, GroupBy::User];
    let by_day = store
        .usage(&UsageQuery {
            group_by,
            ..everything()
        })
        .unwrap();
    let row = |day, user, sums| UsageRow {
        day: text(day),
        user: text(user),
        ..sums
    };
    let expected = [
        row("2026-11-21", "ada", sums(2, 1, 0)),
        row("2026-11-22", "ada", sums(1, 0, 1)),
        row("2026-11-22", "bob", sums(1, 0, 0)),
    ];
    assert_eq!(by_day, expected);

    let group_by = vec![GroupBy::Model, GroupBy::Provider];
    let of_bob = UsageQuery {
        user: text("bob"),
        group_by,
        ..everything()
    };
    let row = UsageRow {
        model: text("o3"),
        provider: text("openai"),
        ..sums(1, 0, 0)
    };
    assert_eq!(store.usage(&of_bob).unwrap(), [row]);
}

#[tokio::test]
async fn usage_is_bounded_by_time() {
    let home = Home::new();
    let store = store_with_four_calls(&home).await;
    let span = |from_us, to_us| UsageQuery {
        from_us,
        to_us,
        ..UsageQuery::default()
    };
    let first_day = span(NOW_US, NOW_US + DAY_US);
    let by_token = UsageQuery {
        group_by: vec![GroupBy::Token],
        ..first_day
    };
    let row = UsageRow {
        token: text("token-1"),
        ..sums(2, 1, 0)
    };
    assert_eq!(store.usage(&by_token).unwrap(), [row]);
    assert_eq!(
        store.usage(&span(NOW_US + 9 * DAY_US, i64::MAX)).unwrap(),
        []
    );
    assert_eq!(store.usage(&span(NOW_US, NOW_US)).unwrap(), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_sums_of_items_are_what_went_in(
        calls in prop::collection::vec(prop::collection::vec((1u32..4, 0usize..9, 0u64..1 << 30, 0i64..1 << 40), 0..12), 1..20)
    ) {
        let home = Home::new();
        let store = home.serve(1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let units: Vec<&'static str> = INPUT.into_iter().chain(OUTPUT).collect();
        let rows: Vec<CallRow> = (0..).zip(&calls).map(|(n, items)| {
            let items: Vec<_> = items.iter().map(|&(attempt, unit, quantity, cost)| item(attempt, units[unit], quantity, cost)).collect();
            CallRow { cost_nanousd: items.iter().map(|item| item.cost_nanousd).sum(), items, ..row(n) }
        }).collect();
        runtime.block_on(async {
            for row in rows.clone() {
                store.ledger().finish(row).await.unwrap();
            }
            store.ledger().flush().await.unwrap();
        });

        let all = || rows.iter().flat_map(|row| &row.items);
        let quantity = |units: &[&str]| all().filter(|item| units.contains(&item.unit)).map(|item| item.quantity).sum::<u64>();
        let usage = &store.usage(&everything()).unwrap()[0];
        prop_assert_eq!(usage.calls, rows.len() as u64);
        prop_assert_eq!(usage.input_tokens, quantity(&INPUT));
        prop_assert_eq!(usage.output_tokens, quantity(&OUTPUT));
        prop_assert_eq!(usage.cost_nanousd, all().map(|item| item.cost_nanousd).sum::<i64>());
        let recorded: Vec<_> = rows.iter().flat_map(|row| store.find_call(row.call_id).unwrap().unwrap().items).collect();
        for unit in &units {
            let (mut went_in, mut came_out) = ((0, 0), (0, 0));
            all().filter(|item| item.unit == *unit).for_each(|item| { went_in.0 += item.quantity; went_in.1 += item.cost_nanousd; });
            recorded.iter().filter(|item| item.unit == *unit).for_each(|item| { came_out.0 += item.quantity; came_out.1 += item.cost_nanousd; });
            prop_assert_eq!(went_in, came_out, "{}", unit);
        }
    }
}
