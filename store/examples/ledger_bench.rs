//! What a call costs in the ledger: `cargo run --release -p weir-store --example ledger_bench`.
//!
//! First 32 tasks on one worker thread begin and finish calls of two items in a closed loop; then calls begin at a steady
//! rate of 1,000 a second. The machine may be noisy: the best of several rounds counts.
#![expect(clippy::print_stdout, reason = "the figures are its result")]

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use uuid::{Builder, Uuid};
use weir_store::{CallRow, EndKind, Intent, OpenOptions, Store, TakenItem, UsageItem};

const TASKS: u64 = 32;
const ROUNDS: usize = 6;
const ROUND: Duration = Duration::from_secs(2);
const STEADY_CALLS: u32 = 3_000;
const STEADY_INTERVAL: Duration = Duration::from_millis(1);
/// The unit of the times in /proc/self/stat on every Linux that Rust runs on.
const MICROSECONDS_PER_TICK: f64 = 10_000.0;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let folder = tempfile::tempdir_in(".")?;
    let store = Store::open(&OpenOptions {
        path: folder.path().join("bench.db"),
        synchronous_full: false,
        node_id: "bench-1".to_owned(),
        boot_id: Uuid::from_u128(1),
        exclusive: true,
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut best: Option<(f64, f64)> = None;
    for round in 1..=ROUNDS {
        let figures = runtime.block_on(closed_loop(&store))?;
        println!(
            "round {round}: {:.0} calls/s, {:.2} us of CPU per call",
            figures.0, figures.1
        );
        best = Some(best.map_or(
            figures,
            |best| if figures.1 < best.1 { figures } else { best },
        ));
    }
    let (rate, cpu_us) = best.unwrap_or_default();
    println!("closed loop, {TASKS} tasks, best: {rate:.0} calls/s, {cpu_us:.2} us of CPU per call");
    let mut latencies_us = runtime.block_on(steady(&store))?;
    latencies_us.sort_unstable();
    let percentile = |share: usize| {
        latencies_us
            .get(latencies_us.len() * share / 1_000)
            .copied()
            .unwrap_or(0)
    };
    let (p50, p99, p999) = (percentile(500), percentile(990), percentile(999));
    println!("begin at 1000/s: p50 {p50} us, p99 {p99} us, p99.9 {p999} us");
    println!("unrecorded: {}", store.ledger().unrecorded());
    store.close();
    Ok(())
}

/// Calls per second and microseconds of CPU per call, the tasks' own work included.
async fn closed_loop(store: &Store) -> Outcome<(f64, f64)> {
    let (start, cpu_before) = (Instant::now(), cpu_us()?);
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(call_until(store.clone(), start + ROUND, task)))
        .collect();
    let mut calls = 0;
    for task in tasks {
        calls += task.await??;
    }
    store.ledger().flush().await?;
    let calls = f64::from(calls);
    Ok((
        calls / start.elapsed().as_secs_f64(),
        (cpu_us()? - cpu_before) / calls,
    ))
}

async fn call_until(store: Store, end: Instant, task: u64) -> Outcome<u32> {
    let (template, mut calls) = (Template::new(), 0);
    while Instant::now() < end {
        let now_us = now_us();
        let call_id = new_id(now_us, task << 32 | u64::from(calls));
        store
            .ledger()
            .begin(template.intent(call_id, now_us))
            .await?;
        store.ledger().finish(template.row(call_id, now_us)).await?;
        calls += 1;
    }
    Ok(calls)
}

/// How long each begin took, in microseconds.
async fn steady(store: &Store) -> Outcome<Vec<u128>> {
    let mut ticks = tokio::time::interval(STEADY_INTERVAL);
    let mut calls = Vec::new();
    for n in 0..STEADY_CALLS {
        ticks.tick().await;
        let store = store.clone();
        calls.push(tokio::spawn(async move {
            let (template, now_us) = (Template::new(), now_us());
            let call_id = new_id(now_us, 1 << 60 | u64::from(n));
            let start = Instant::now();
            store
                .ledger()
                .begin(template.intent(call_id, now_us))
                .await?;
            let latency_us = start.elapsed().as_micros();
            store.ledger().finish(template.row(call_id, now_us)).await?;
            Outcome::Ok(latency_us)
        }));
    }
    let mut latencies_us = Vec::new();
    for call in calls {
        latencies_us.push(call.await??);
    }
    Ok(latencies_us)
}

/// The texts of a call, shared as the gateway shares them.
struct Template {
    user_id: Arc<str>,
    token_id: Arc<str>,
    key_id: Arc<str>,
    asked_model: Arc<str>,
    served_model: Arc<str>,
    provider: Arc<str>,
    price_version: Arc<str>,
}

impl Template {
    fn new() -> Self {
        Self {
            user_id: "0192f0c1-2222-7333-8444-555566667777".into(),
            token_id: "abcdefghijklmnop".into(),
            key_id: "env:OPENAI_API_KEY".into(),
            asked_model: "fast".into(),
            served_model: "gpt-4o-mini".into(),
            provider: "openai".into(),
            price_version: "2026-11-01".into(),
        }
    }

    fn intent(&self, call_id: Uuid, started_at_us: i64) -> Intent {
        Intent {
            call_id,
            started_at_us,
            user_id: Arc::clone(&self.user_id),
            token_id: Arc::clone(&self.token_id),
            kind: "chat",
            asked_model: Arc::clone(&self.asked_model),
            provider: Arc::clone(&self.provider),
            model: Arc::clone(&self.served_model),
            streamed: true,
            hold_nanousd: 3_000_000,
            taken: vec![TakenItem {
                unit: "input",
                quantity: 1_000,
                cost_nanousd: 150_000,
            }],
            unpriced: false,
            price_version: Arc::clone(&self.price_version),
        }
    }

    fn row(&self, call_id: Uuid, started_at_us: i64) -> CallRow {
        let item = |unit, quantity, cost_nanousd| UsageItem {
            attempt: 1,
            unit,
            quantity,
            cost_nanousd,
        };
        CallRow {
            call_id,
            started_at_us,
            user_id: Arc::clone(&self.user_id),
            token_id: Arc::clone(&self.token_id),
            key_id: Some(Arc::clone(&self.key_id)),
            kind: "chat",
            asked_model: Arc::clone(&self.asked_model),
            served_model: Arc::clone(&self.served_model),
            provider: Arc::clone(&self.provider),
            upstream_id: Some("chatcmpl-B0zabcdefghijklmnopqrstuvwxyz".to_owned()),
            attempts: 1,
            status: 200,
            end: EndKind::Done,
            streamed: true,
            estimated: false,
            unpriced: false,
            cost_nanousd: 423_600,
            price_version: Arc::clone(&self.price_version),
            latency_us: 812_345,
            ttft_us: Some(212_345),
            items: vec![item("input", 1_000, 150_000), item("output", 456, 273_600)],
        }
    }
}

fn new_id(now_us: i64, counter: u64) -> Uuid {
    let mut rest = [0; 10];
    rest.iter_mut()
        .zip(counter.to_be_bytes().into_iter().rev())
        .for_each(|(to, from)| *to = from);
    Builder::from_unix_timestamp_millis(u64::try_from(now_us / 1_000).unwrap_or(0), &rest)
        .into_uuid()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program of its own, which has no clock to be given"
)]
fn now_us() -> i64 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

/// The CPU time of this process so far, in microseconds.
fn cpu_us() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat
        .rsplit_once(") ")
        .ok_or("no process name in /proc/self/stat")?
        .1;
    let ticks: Vec<f64> = fields
        .split(' ')
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() * MICROSECONDS_PER_TICK)
}
