//! kill -9 under load: no call that the upstream completed is without its row, none has two, and the database is whole.
//!
//! Every request names a model of its own, so that the upstream's record and the rows can be compared call by call. Rounds
//! are few in an ordinary run; `WEIR_CRASH_ROUNDS=100` is the figure the project publishes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use weir_testkit::{
    ADMIN_TOKEN, Client, Conn, Gateway, PATIENCE, Upstream, chat_body, stream_body, wait_until,
};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
const IN_FLIGHT: usize = 50;
const ROUNDS_DEFAULT: usize = 5;

#[test]
fn no_completed_call_is_lost_or_doubled_by_a_kill() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::with_upstream(WEIR, &upstream);
    for round in 0..rounds() {
        let before = upstream.requests().len();
        // Another moment each round, from the first requests to the thick of it.
        let enough = before + IN_FLIGHT / 2 + (round * 37) % (4 * IN_FLIGHT);
        kill_under_load(&mut gateway, &upstream, round, enough);
        gateway.start_again();
        assert_whole(&gateway, round);
    }
    let seen = upstream.requests();
    let everything_has_a_row = || {
        let rows = rows_by_model(&gateway);
        seen.iter()
            .all(|seen| seen.model().is_some_and(|model| rows.contains_key(model)))
            .then_some(rows)
    };
    let rows =
        wait_until(2 * PATIENCE, everything_has_a_row).unwrap_or_else(|| rows_by_model(&gateway));
    let lost: Vec<_> = seen
        .iter()
        .filter_map(|seen| seen.model())
        .filter(|model| !rows.contains_key(*model))
        .collect();
    let doubled: Vec<_> = rows.iter().filter(|(_, count)| **count != 1).collect();
    let completed = upstream.ledger().len();
    assert!(completed > 0, "the load completed nothing");
    assert!(
        lost.is_empty(),
        "{} of {} calls ({completed} completed) have no row: {lost:?}",
        lost.len(),
        seen.len()
    );
    assert!(doubled.is_empty(), "rows that are not one: {doubled:?}");
}

#[test]
fn what_a_kill_interrupted_is_told_as_interrupted_and_estimated() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::with_upstream(WEIR, &upstream);
    let mut events = gateway.client().stream(&stream_body("up/slow"));
    events.first_content();
    gateway.kill();
    gateway.start_again();
    let rows = gateway.wait_for_calls(1);
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["end"], &rows[0]["estimated"]),
        (&"interrupted".into(), &true.into()),
        "{rows:?}"
    );
    gateway.kill();
    gateway.start_again();
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(200);
    assert_eq!(
        gateway.wait_for_calls(2).len(),
        2,
        "a second start does not tell it again"
    );
}

#[test]
fn a_user_made_before_a_kill_is_there_after_it() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway.add_user("ann");
    let token = gateway.create_token("ann", &[]);
    gateway.kill();
    gateway.start_again();
    gateway
        .client_with(&token.secret)
        .chat(&chat_body("up/ok"))
        .assert_status(200);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the rounds are this test's own setting, not the gateway's"
)]
fn rounds() -> usize {
    std::env::var("WEIR_CRASH_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(ROUNDS_DEFAULT)
}

/// Keeps [`IN_FLIGHT`] requests going and kills the gateway once the upstream has seen `enough`.
fn kill_under_load(gateway: &mut Gateway, upstream: &Upstream, round: usize, enough: usize) {
    let killed = AtomicBool::new(false);
    let numbers = AtomicUsize::new(0);
    let client = Client::new(gateway.address()).bearer(ADMIN_TOKEN);
    std::thread::scope(|scope| {
        for _ in 0..IN_FLIGHT {
            scope.spawn(|| {
                while !killed.load(Ordering::SeqCst) {
                    ask(&client, round, numbers.fetch_add(1, Ordering::SeqCst));
                }
            });
        }
        let reached = upstream.wait(PATIENCE, |seen| seen.len() >= enough);
        gateway.kill();
        killed.store(true, Ordering::SeqCst);
        assert!(reached.is_some(), "the upstream saw too little of the load");
    });
}

/// One request with a model of its own, half of them streamed, some quick and some slow. It may fail: the gateway dies.
fn ask(client: &Client, round: usize, number: usize) {
    let model = format!(
        "up/crash.round-{round}.number-{number}.first-{}.every-{}",
        number % 7 * 5,
        number % 3 * 4
    );
    let body = if number.is_multiple_of(2) {
        chat_body(&model)
    } else {
        stream_body(&model)
    };
    let Ok(mut connection) = Conn::try_open(client.address()) else {
        return;
    };
    let request = client.request("/v1/chat/completions", &[], body.to_string().as_bytes());
    if connection.try_send(&request).is_ok() {
        let _ = connection.try_response();
    }
}

fn rows_by_model(gateway: &Gateway) -> HashMap<String, usize> {
    let mut rows = HashMap::new();
    for row in gateway.calls() {
        let model = row["served_model"].as_str().unwrap_or_default();
        *rows.entry(model.to_owned()).or_insert(0) += 1;
    }
    rows
}

/// Asks SQLite itself, not the gateway, whether the file is in order.
fn assert_whole(gateway: &Gateway, round: usize) {
    let path = gateway.home().join("data/weir.db");
    let database = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let check = database.and_then(|open| {
        open.busy_timeout(Duration::from_secs(10))?;
        open.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))
    });
    assert_eq!(check.as_deref(), Ok("ok"), "round {round}");
}
