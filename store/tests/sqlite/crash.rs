//! `kill -9`: a process that begins and finishes calls is killed at some moment, and the next one opens what it left.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::kit::{Home, NOW_US, call_id, intent, options, row};
use weir_store::{EndKind, Store, UsageQuery};

const ROUNDS: usize = 20;
/// Names the database to a process that is to be killed.
const DATABASE_VARIABLE: &str = "WEIR_STORE_CRASH_TEST_DATABASE";
const TASKS: u32 = 8;

/// Not a test of its own: the body of the process that is killed. Without the variable it does nothing.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the parent process has no other way in past the test harness"
)]
fn process_to_be_killed() {
    if let Some(database) = std::env::var_os(DATABASE_VARIABLE) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(serve_until_killed(Path::new(&database)));
    }
}

/// Says on its output what was begun, finished, and committed for certain.
async fn serve_until_killed(database: &Path) {
    let store = Store::open(&options(database, 1, true)).expect("the store opens");
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(calls(store.clone(), task)))
        .collect();
    for task in tasks {
        task.await.expect("calls go on until the end");
    }
}

async fn calls(store: Store, task: u32) {
    let say = |line: String| {
        std::io::stdout()
            .lock()
            .write_all(line.as_bytes())
            .expect("the parent listens")
    };
    for n in (task..).step_by(TASKS as usize) {
        store
            .ledger()
            .begin(intent(n))
            .await
            .expect("the call begins");
        say(format!("\nbegun {n}\n"));
        if n % 5 == 0 {
            continue; // A call that is still under way when the process dies.
        }
        store
            .ledger()
            .finish(row(n))
            .await
            .expect("the call is taken");
        if n % 7 == 0 {
            store.ledger().flush().await.expect("the call is committed");
            say(format!("\ncommitted {n}\n"));
        }
    }
}

#[derive(Default)]
struct Told {
    begun: BTreeSet<u32>,
    committed: BTreeSet<u32>,
}

/// Kills the process after it has told `lines` lines, and reads what else it told.
fn run_and_kill(database: &Path, lines: usize) -> Told {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "crash::process_to_be_killed",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DATABASE_VARIABLE, database)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the process starts");
    let output = BufReader::new(child.stdout.take().expect("its output is piped"));
    let mut told = Told::default();
    for (at, line) in output.split(b'\n').enumerate() {
        if at == lines {
            child.kill().expect("it can be killed");
        }
        let line = String::from_utf8(line.expect("its output is read")).expect("it tells text");
        match line
            .split_once(' ')
            .map(|(word, number)| (word, number.parse()))
        {
            Some(("begun", Ok(n))) => told.begun.insert(n),
            Some(("committed", Ok(n))) => told.committed.insert(n),
            _ => continue,
        };
    }
    assert!(
        !child.wait().expect("it has ended").success(),
        "it was killed"
    );
    told
}

#[test]
fn no_call_is_lost_or_doubled_when_the_process_is_killed() {
    for round in 0..ROUNDS {
        let home = Home::new();
        let told = run_and_kill(&home.database(), 20 + round * 97);
        let store = home.serve(2);
        store.integrity_check().unwrap();
        let interrupted = store.reconcile(NOW_US).unwrap();
        assert_eq!(store.reconcile(NOW_US).unwrap(), 0);

        assert!(told.begun.len() > 5, "round {round}: it did something");
        for &n in &told.begun {
            let call = store
                .find_call(call_id(NOW_US, n))
                .unwrap()
                .unwrap_or_else(|| panic!("call {n} has no row"));
            assert_eq!(
                call.items.len(),
                if call.end == EndKind::Done { 2 } else { 1 },
                "call {n}"
            );
            assert!(
                n % 5 != 0 || call.end == EndKind::Interrupted,
                "call {n} was never finished"
            );
        }
        for &n in &told.committed {
            let call = store.find_call(call_id(NOW_US, n)).unwrap().unwrap();
            assert_eq!(call.end, EndKind::Done, "call {n} was committed");
        }
        let usage = store
            .usage(&UsageQuery {
                from_us: 0,
                to_us: i64::MAX,
                ..UsageQuery::default()
            })
            .unwrap();
        assert_eq!(usage[0].failed, interrupted);
        assert!(usage[0].calls >= told.begun.len() as u64);
        assert!(
            usage[0].calls <= told.begun.len() as u64 + u64::from(TASKS),
            "calls begun but not told"
        );
    }
}
