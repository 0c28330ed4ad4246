//! How the ledger behaves when the database cannot keep up, which only a test inside of the crate can bring about.

use uuid::Builder;

use super::*;
use crate::writer::FINISHES_MAX;
use crate::{OpenOptions, Store};

const NOW_US: i64 = 1_795_219_200_000_000;

fn call_id(n: u8) -> Uuid {
    Builder::from_unix_timestamp_millis(1_795_219_200_000, &[n; 10]).into_uuid()
}

fn intent(n: u8) -> Intent {
    Intent {
        call_id: call_id(n),
        started_at_us: NOW_US,
        user_id: "user".into(),
        token_id: "token".into(),
        kind: "chat",
        asked_model: "model".into(),
        provider: "provider".into(),
        model: "model".into(),
        streamed: false,
        hold_nanousd: 2,
        taken: vec![TakenItem {
            unit: "input",
            quantity: 1,
            cost_nanousd: 1,
        }],
        unpriced: false,
        price_version: "v1".into(),
    }
}

fn row(n: u8) -> CallRow {
    CallRow {
        call_id: call_id(n),
        started_at_us: NOW_US,
        user_id: "user".into(),
        token_id: "token".into(),
        key_id: None,
        kind: "chat",
        asked_model: "model".into(),
        served_model: "model".into(),
        provider: "provider".into(),
        upstream_id: None,
        attempts: 1,
        status: 200,
        end: EndKind::Done,
        streamed: false,
        estimated: false,
        unpriced: false,
        cost_nanousd: 1,
        price_version: "v1".into(),
        latency_us: 1,
        ttft_us: None,
        items: vec![UsageItem {
            attempt: 1,
            unit: "input",
            quantity: 1,
            cost_nanousd: 1,
        }],
    }
}

fn open(folder: &tempfile::TempDir) -> Store {
    let options = OpenOptions {
        path: folder.path().join("weir.db"),
        synchronous_full: false,
        node_id: "node".to_owned(),
        boot_id: Uuid::from_u128(1),
        exclusive: true,
    };
    Store::open(&options).unwrap()
}

/// Gives the database a bound on its size, as a full disk does; `spare` pages are still free.
fn limit_size(store: &Store, spare: u32) {
    let set = move |conn: &rusqlite::Connection| {
        let pages: u32 = conn.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        conn.query_row(
            &format!("PRAGMA max_page_count = {}", pages + spare),
            [],
            |_| Ok(()),
        )?;
        Ok(())
    };
    store.write(set).unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_begins_and_loses_no_finished_call() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let ledger = store.ledger();
    limit_size(&store, 0);
    // The first rows still fit into pages that are there.
    let mut finished = 0;
    while ledger.flush().await.is_ok() {
        ledger.finish(row(finished)).await.unwrap();
        finished += 1;
    }
    let refusal = ledger.begin(intent(250)).await.unwrap_err();
    assert!(refusal.to_string().contains("full"), "{refusal}");
    assert!(ledger.depth() > 0 && store.find_call(call_id(finished - 1)).unwrap().is_none());

    limit_size(&store, 1_000);
    ledger.begin(intent(251)).await.unwrap();
    for n in 0..finished {
        assert!(store.find_call(call_id(n)).unwrap().is_some(), "call {n}");
    }
    assert_eq!((ledger.depth(), ledger.unrecorded()), (0, 0));
}

#[tokio::test]
async fn a_call_that_the_database_can_never_take_does_not_hold_up_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON calls WHEN NEW.status = 599 \
                  BEGIN SELECT RAISE(ABORT, 'refused'); END";
    store
        .write(move |conn| Ok(conn.execute_batch(refuse)?))
        .unwrap();
    for call in [
        row(1),
        CallRow {
            status: 599,
            ..row(2)
        },
        row(3),
    ] {
        store.ledger().finish(call).await.unwrap();
    }
    store.ledger().flush().await.unwrap();
    let recorded = [1, 2, 3].map(|n| store.find_call(call_id(n)).unwrap().is_some());
    assert_eq!(
        (recorded, store.ledger().unrecorded()),
        ([true, false, true], 1)
    );
}

#[tokio::test]
async fn a_finished_call_waits_for_room_in_the_queue() {
    let ledger = Ledger::new(Arc::default());
    for _ in 0..FINISHES_MAX {
        ledger.finish(row(1)).await.unwrap();
    }
    let mut waiting = pin!(ledger.finish(row(2)));
    let poll_once =
        std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending()));
    assert!(poll_once.await, "there is no room");
    ledger.queue.recorded(1);
    assert_eq!(waiting.await, Ok(()));
    assert_eq!((ledger.depth(), ledger.unrecorded()), (FINISHES_MAX, 0));
}

#[tokio::test]
async fn nobody_waits_for_a_writer_that_is_gone() {
    let ledger = Ledger::new(Arc::default());
    let begin = ledger.begin(intent(1));
    ledger.finish(row(2)).await.unwrap();
    ledger.queue.ended();
    assert_eq!(begin.await, Err(LedgerError::Closed));
    assert_eq!(ledger.flush().await, Err(LedgerError::Closed));
    assert_eq!((ledger.depth(), ledger.unrecorded()), (0, 1));
}
