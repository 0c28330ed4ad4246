//! One table for each question.

use super::figures::{Better, cell, number};
use super::records::Records;
use crate::histogram::Summary;
use crate::load::{Outcome, Streams, Usage};

/// In the order of their rows.
const TARGETS: [&str; 4] = ["direct", "nginx", "weir", "weir-translated"];
/// The closed loops, by their connections.
const CONNECTIONS: [u32; 4] = [1, 8, 32, 128];

struct Table {
    text: String,
    rows: usize,
}

impl Table {
    fn new(title: &str, columns: &[&str]) -> Self {
        let rule = "|---".repeat(columns.len());
        let text = format!("### {title}\n\n| {} |\n{rule}|\n", columns.join(" | "));
        Self { text, rows: 0 }
    }

    fn row(&mut self, cells: &[String]) {
        self.rows += 1;
        self.text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }

    fn finish(self) -> Option<String> {
        (self.rows > 0).then_some(self.text)
    }
}

fn measured_targets(records: &Records, scenario: &str) -> impl Iterator<Item = &'static str> {
    TARGETS
        .into_iter()
        .filter(move |target| !records.rounds(scenario, target).is_empty())
}

fn process(outcome: &Outcome, figure: impl Fn(&Usage) -> f64) -> f64 {
    outcome.process.as_ref().map_or(0.0, figure)
}

fn streams(outcome: &Outcome, figure: impl Fn(&Streams) -> f64) -> f64 {
    outcome.streams.as_ref().map_or(0.0, figure)
}

pub(super) fn closed_loop(records: &Records) -> Option<String> {
    let columns = [
        "connections",
        "target",
        "requests/s",
        "of nginx",
        "p50 us",
        "p99 us",
        "CPU us/request",
        "cores",
    ];
    let mut table = Table::new("Closed loop, 1 KB chat, not streamed", &columns);
    for connections in CONNECTIONS {
        let scenario = format!("closed-{connections}");
        for target in measured_targets(records, &scenario) {
            let mut cells = vec![connections.to_string(), target.into()];
            cells.extend(closed_loop_cells(records, &scenario, target));
            table.row(&cells);
        }
    }
    table.finish()
}

fn closed_loop_cells(records: &Records, scenario: &str, target: &str) -> [String; 6] {
    let requests_per_s = |outcome: &Outcome| outcome.requests_per_s;
    let ratios = records.pairs(scenario, [target, "nginx"], requests_per_s, |own, nginx| {
        own / nginx
    });
    let lower = |decimals, figure: fn(&Outcome) -> f64| {
        cell(
            &records.figures(scenario, target, figure),
            Better::Lower,
            decimals,
        )
    };
    [
        cell(
            &records.figures(scenario, target, requests_per_s),
            Better::Higher,
            0,
        ),
        cell(&ratios, Better::Higher, 2),
        lower(0, |outcome| outcome.latency_us.p50),
        lower(0, |outcome| outcome.latency_us.p99),
        lower(1, |outcome| {
            process(outcome, |usage| usage.cpu_us_per_request)
        }),
        lower(2, |outcome| process(outcome, |usage| usage.cores)),
    ]
}

pub(super) fn fixed_rate(records: &Records) -> Option<String> {
    let title = "1,000 requests/s, latency from the intended start";
    latency_table(records, title, "rate-1000", |outcome| &outcome.latency_us)
}

pub(super) fn first_event(records: &Records) -> Option<String> {
    const NONE: &Summary = &Summary {
        count: 0,
        mean: 0.0,
        p50: 0.0,
        p90: 0.0,
        p99: 0.0,
        p999: 0.0,
        max: 0.0,
    };
    let title = "Time to first token, 200 streams begun each second, from the intended start";
    latency_table(records, title, "first-event", |outcome| {
        outcome
            .streams
            .as_ref()
            .map_or(NONE, |streams| &streams.first_event_us)
    })
}

fn latency_table(
    records: &Records,
    title: &str,
    scenario: &str,
    summary: fn(&Outcome) -> &Summary,
) -> Option<String> {
    let columns = [
        "target",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "p50 over nginx",
        "p50 over direct",
        "p99 over direct",
    ];
    let mut table = Table::new(title, &columns);
    for target in measured_targets(records, scenario) {
        let own = |quantile: fn(&Summary) -> f64| {
            let figures = records.figures(scenario, target, |outcome| quantile(summary(outcome)));
            cell(&figures, Better::Lower, 0)
        };
        let over = |base: &'static str, quantile: fn(&Summary) -> f64| {
            let quantile = |outcome: &Outcome| quantile(summary(outcome));
            let figures = records.pairs(scenario, [target, base], quantile, |own, base| own - base);
            cell(&figures, Better::Lower, 0)
        };
        table.row(&[
            target.into(),
            own(|summary| summary.p50),
            own(|summary| summary.p99),
            own(|summary| summary.p999),
            over("nginx", |summary| summary.p50),
            over("direct", |summary| summary.p50),
            over("direct", |summary| summary.p99),
        ]);
    }
    table.finish()
}

pub(super) fn saturated(records: &Records) -> Option<String> {
    let columns = ["target", "events/s", "of nginx", "CPU us/event", "cores"];
    let mut table = Table::new("64 streams as fast as they go", &columns);
    let scenario = "saturated";
    let events_per_s = |outcome: &Outcome| streams(outcome, |streams| streams.events_per_s);
    let cores = |outcome: &Outcome| process(outcome, |usage| usage.cores);
    for target in measured_targets(records, scenario) {
        let ratios = records.pairs(scenario, [target, "nginx"], events_per_s, |own, nginx| {
            own / nginx
        });
        let cpu_us = |outcome: &Outcome| cores(outcome) * 1e6 / events_per_s(outcome).max(1.0);
        table.row(&[
            target.into(),
            cell(
                &records.figures(scenario, target, events_per_s),
                Better::Higher,
                0,
            ),
            cell(&ratios, Better::Higher, 2),
            cell(&records.figures(scenario, target, cpu_us), Better::Lower, 2),
            cell(&records.figures(scenario, target, cores), Better::Lower, 2),
        ]);
    }
    table.finish()
}

/// Resident memory that one open stream adds, in KiB.
pub(super) fn kib_per_stream(outcome: &Outcome) -> f64 {
    let grown = process(outcome, |usage| {
        to_f64(usage.rss_peak_kib.saturating_sub(usage.rss_start_kib))
    });
    grown / to_f64(outcome.in_flight_peak.max(1) as u64)
}

pub(super) fn open_streams(records: &Records) -> Option<String> {
    let columns = [
        "target",
        "open at once",
        "KiB each",
        "events lost or misplaced",
        "event p50 us",
        "event p99 us",
    ];
    let mut table = Table::new("Many open streams, one event a second each", &columns);
    for target in TARGETS {
        for outcome in records.rounds("hold", target).into_values() {
            let misplaced = outcome.faults.lost_events + outcome.faults.misplaced_events;
            table.row(&[
                target.into(),
                number(to_f64(outcome.in_flight_peak as u64), 0),
                number(kib_per_stream(outcome), 1),
                misplaced.to_string(),
                number(streams(outcome, |streams| streams.event_us.p50), 0),
                number(streams(outcome, |streams| streams.event_us.p99), 0),
            ]);
        }
    }
    table.finish()
}

pub(super) fn sizes(records: &Records) -> Option<String> {
    let mut table = Table::new("Sizes", &["target", "idle memory MiB", "executable MiB"]);
    for target in TARGETS {
        let idle = records.idle.iter().filter(|idle| idle.target == target);
        let idle_mib: Vec<f64> = idle.map(|idle| to_f64(idle.rss_kib) / 1024.0).collect();
        let binary = records
            .binaries
            .iter()
            .find(|binary| binary.target == target);
        let Some(binary) = binary else { continue };
        let binary_mib = to_f64(binary.bytes) / 1024.0 / 1024.0;
        table.row(&[
            target.into(),
            cell(&idle_mib, Better::Lower, 1),
            number(binary_mib, 1),
        ]);
    }
    table.finish()
}

pub(super) fn ledger(records: &Records) -> Option<String> {
    let mut table = Table::new(
        "Calls in the ledger",
        &["life of the gateway", "requests sent", "rows"],
    );
    for ledger in &records.ledgers {
        let sent = records.sent_in(&ledger.run);
        table.row(&[
            ledger.run.clone(),
            number(to_f64(sent), 0),
            number(to_f64(ledger.rows), 0),
        ]);
    }
    table.finish()
}

pub(super) fn faults(records: &Records) -> Option<String> {
    let mut table = Table::new("Faults", &["scenario", "target", "round", "faults"]);
    for outcome in records
        .outcomes
        .iter()
        .filter(|outcome| outcome.faults.total() > 0)
    {
        let label = |name| outcome.label(name).to_owned();
        table.row(&[
            label("scenario"),
            label("target"),
            label("round"),
            format!("{:?}", outcome.faults),
        ]);
    }
    table
        .finish()
        .or_else(|| Some("No request failed and no event was lost.\n".into()))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and sizes of one run fit an f64 exactly"
)]
pub(super) fn to_f64(count: u64) -> f64 {
    count as f64
}
