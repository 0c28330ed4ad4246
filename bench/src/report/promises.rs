//! What Weir must show, held against what it showed. The bounds are those of the project's first issue
//! on speed and memory.

use super::figures::{Better, best, median, number};
use super::records::Records;
use super::tables::{kib_per_stream, to_f64};
use crate::load::Outcome;

struct Promise {
    text: &'static str,
    bound: f64,
    better: Better,
    decimals: usize,
    figures: Vec<f64>,
}

/// The promises, each with its bound, the best and the median round, and whether the median keeps it.
pub(super) fn table(records: &Records) -> Option<String> {
    let promises = promises(records);
    if promises.iter().all(|promise| promise.figures.is_empty()) {
        return None;
    }
    let mut text =
        "### Promises\n\n| promise | bound | best | median | kept |\n|---|---|---|---|---|\n"
            .to_owned();
    for promise in promises {
        text.push_str(&promise.row());
    }
    Some(text)
}

fn promises(records: &Records) -> Vec<Promise> {
    let mut promises = vec![throughput(records)];
    promises.extend(latencies(records));
    promises.push(event_throughput(records));
    promises.extend(translation(records));
    promises.extend(sizes(records));
    promises
}

fn throughput(records: &Records) -> Promise {
    let requests_per_s = |outcome: &Outcome| outcome.requests_per_s;
    Promise {
        text: "requests/s at 32 connections, of nginx's",
        bound: 0.40,
        better: Better::Higher,
        decimals: 2,
        figures: records.pairs(
            "closed-32",
            ["weir", "nginx"],
            requests_per_s,
            |weir, nginx| weir / nginx,
        ),
    }
}

fn event_throughput(records: &Records) -> Promise {
    Promise {
        text: "streamed events/s on one core",
        bound: 150_000.0,
        better: Better::Higher,
        decimals: 0,
        figures: records.figures("saturated", "weir", |outcome| {
            outcome
                .streams
                .as_ref()
                .map_or(0.0, |streams| streams.events_per_s)
        }),
    }
}

/// What it costs that the provider speaks another format than the client.
fn translation(records: &Records) -> [Promise; 3] {
    let events_per_s = |outcome: &Outcome| {
        let streams = outcome.streams.as_ref();
        streams.map_or(0.0, |streams| streams.events_per_s)
    };
    let cpu_per_event = move |outcome: &Outcome| {
        let process = outcome.process.as_ref();
        process.map_or(0.0, |usage| usage.cores) / events_per_s(outcome).max(1.0)
    };
    let pair = ["weir-translated", "weir"];
    let of_pass_through = |translated: f64, plain: f64| translated / plain;
    let promise = |text, bound, better, figures| Promise {
        text,
        bound,
        better,
        decimals: 2,
        figures,
    };
    let requests_per_s = |outcome: &Outcome| outcome.requests_per_s;
    [
        promise(
            "translated requests/s, of those passed through",
            0.70,
            Better::Higher,
            records.pairs("closed-32", pair, requests_per_s, of_pass_through),
        ),
        promise(
            "translated events/s, of those passed through",
            0.70,
            Better::Higher,
            records.pairs("saturated", pair, events_per_s, of_pass_through),
        ),
        promise(
            "CPU of a translated event, of one passed through",
            2.0,
            Better::Lower,
            records.pairs("saturated", pair, cpu_per_event, of_pass_through),
        ),
    ]
}

fn latencies(records: &Records) -> [Promise; 3] {
    let over = |base, scenario, figure: fn(&Outcome) -> f64| {
        records.pairs(scenario, ["weir", base], figure, |weir, base| weir - base)
    };
    let first_event_p99 = |outcome: &Outcome| {
        let streams = outcome.streams.as_ref();
        streams.map_or(0.0, |streams| streams.first_event_us.p99)
    };
    let at_most = |text, bound, figures| Promise {
        text,
        bound,
        better: Better::Lower,
        decimals: 0,
        figures,
    };
    [
        at_most(
            "p50 at 1,000 requests/s over nginx's, us",
            150.0,
            over("nginx", "rate-1000", |outcome| outcome.latency_us.p50),
        ),
        at_most(
            "p99 at 1,000 requests/s over direct, us",
            1000.0,
            over("direct", "rate-1000", |outcome| outcome.latency_us.p99),
        ),
        at_most(
            "p99 of the time to first token over direct, us",
            1000.0,
            over("direct", "first-event", first_event_p99),
        ),
    ]
}

fn sizes(records: &Records) -> [Promise; 3] {
    let idle = records.idle.iter().filter(|idle| idle.target == "weir");
    let idle = idle.map(|idle| kib_to_mib(idle.rss_kib)).collect();
    let binaries = records
        .binaries
        .iter()
        .filter(|binary| binary.target == "weir");
    let binaries = binaries
        .map(|binary| kib_to_mib(binary.bytes / 1024))
        .collect();
    let open_streams = records.figures("hold", "weir", kib_per_stream);
    let at_most = |text, bound, figures| Promise {
        text,
        bound,
        better: Better::Lower,
        decimals: 1,
        figures,
    };
    [
        at_most("KiB for each of many open streams", 60.0, open_streams),
        at_most("idle memory, MiB", 25.0, idle),
        at_most("executable, MiB", 25.0, binaries),
    ]
}

fn kib_to_mib(kib: u64) -> f64 {
    to_f64(kib) / 1024.0
}

impl Promise {
    fn row(&self) -> String {
        let Self {
            text,
            bound,
            better,
            decimals,
            figures,
        } = self;
        let sign = if *better == Better::Higher {
            "at least"
        } else {
            "at most"
        };
        let bound_text = number(*bound, *decimals);
        let (Some(best), Some(median)) = (best(figures, *better), median(figures)) else {
            return format!("| {text} | {sign} {bound_text} | - | - | not measured |\n");
        };
        let is_kept = if *better == Better::Higher {
            median >= *bound
        } else {
            median <= *bound
        };
        let kept = if is_kept { "yes" } else { "**no**" };
        let (best, median) = (number(best, *decimals), number(median, *decimals));
        format!("| {text} | {sign} {bound_text} | {best} | {median} | {kept} |\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_decides() {
        let mut promise = Promise {
            text: "speed",
            bound: 0.4,
            better: Better::Higher,
            decimals: 2,
            figures: vec![0.39, 0.41, 0.45],
        };
        assert_eq!(
            promise.row(),
            "| speed | at least 0.40 | 0.45 | 0.41 | yes |\n"
        );
        promise.better = Better::Lower;
        assert_eq!(
            promise.row(),
            "| speed | at most 0.40 | 0.39 | 0.41 | **no** |\n"
        );
        promise.figures.clear();
        assert_eq!(
            promise.row(),
            "| speed | at most 0.40 | - | - | not measured |\n"
        );
    }
}
