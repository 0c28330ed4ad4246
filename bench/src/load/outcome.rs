//! What a run found, as it is counted and as it is told.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::stream::StreamEnd;
use crate::histogram::{Latencies, Summary};

/// Counts while the run goes.
#[derive(Default)]
pub struct Tally {
    /// From a request's intended start to the end of its answer.
    pub latency: Latencies,
    /// From a stream's intended start to its first event.
    pub first_event: Latencies,
    /// From the mock's sending an event to its arrival.
    pub event: Latencies,
    /// Answers that ended within the measured time.
    pub completed_measured: u64,
    /// Events that arrived within the measured time.
    pub events_measured: u64,
    /// Answers with status 200 that were complete, over the whole run.
    pub completed: u64,
    /// What went wrong, by kind.
    pub faults: Faults,
    /// The first fault in words.
    pub first_fault: Option<String>,
}

/// What went wrong, by kind, over the whole run; all must be 0.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Faults {
    /// Connections refused, reset, closed or garbled while a request was under way.
    pub broken: u64,
    /// Complete answers with another status than 200.
    pub refused: u64,
    /// Requests without a complete answer when the run gave up.
    pub unfinished: u64,
    /// Streams with an error event or without `[DONE]`.
    pub failed_streams: u64,
    /// Events that never came.
    pub lost_events: u64,
    /// Events that came twice or late.
    pub misplaced_events: u64,
}

impl Faults {
    /// All kinds together.
    pub fn total(&self) -> u64 {
        let Self {
            broken,
            refused,
            unfinished,
            failed_streams,
            lost_events,
            misplaced_events,
        } = self;
        broken + refused + unfinished + failed_streams + lost_events + misplaced_events
    }
}

impl Tally {
    /// Remembers the first fault in words.
    pub fn explain(&mut self, fault: impl FnOnce() -> String) {
        self.first_fault.get_or_insert_with(fault);
    }

    /// Counts the end of a stream.
    pub fn end_stream(&mut self, end: &StreamEnd) {
        self.faults.lost_events += end.lost;
        self.faults.misplaced_events += end.out_of_order;
        self.faults.failed_streams += u64::from(!end.is_success);
        if end.lost + end.out_of_order > 0 || !end.is_success {
            self.explain(|| format!("a stream was not whole: {end:?}"));
        }
    }
}

/// What a run found. Latencies are in microseconds.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Outcome {
    /// Whatever the command line said the run is: scenario, target, round.
    #[serde(flatten)]
    pub labels: BTreeMap<String, String>,
    /// The measured time in seconds.
    pub measured_s: f64,
    /// Answers per second within the measured time.
    pub requests_per_s: f64,
    /// Requests sent over the whole run, the warm-up included.
    pub sent: u64,
    /// Complete answers with status 200 over the whole run.
    pub completed: u64,
    /// The most requests under way at once.
    pub in_flight_peak: usize,
    /// What went wrong.
    pub faults: Faults,
    /// From a request's intended start to the end of its answer.
    pub latency_us: Summary,
    /// The part that streams have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streams: Option<Streams>,
    /// The part that a watched process has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Usage>,
}

/// What streams showed.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Streams {
    /// Events that arrived per second within the measured time.
    pub events_per_s: f64,
    /// From a stream's intended start to its first event.
    pub first_event_us: Summary,
    /// From the mock's sending an event to its arrival.
    pub event_us: Summary,
}

/// What the watched process used.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Usage {
    /// CPU time per answer within the measured time.
    pub cpu_us_per_request: f64,
    /// Cores used within the measured time: near 1 where the process was the bottleneck.
    pub cores: f64,
    /// Resident memory before the run, in KiB.
    pub rss_start_kib: u64,
    /// The most resident memory seen during the run, in KiB.
    pub rss_peak_kib: u64,
}

impl Outcome {
    /// A label's value; empty where it has none.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.labels {
            write!(f, "{name}={value} ")?;
        }
        write!(
            f,
            "{:.0} req/s, {} sent, {} faults",
            self.requests_per_s,
            self.sent,
            self.faults.total()
        )?;
        write!(f, " | latency {}", self.latency_us)?;
        if let Some(streams) = &self.streams {
            write!(f, " | {:.0} events/s", streams.events_per_s)?;
            write!(f, " | first event {}", streams.first_event_us)?;
            write!(f, " | event {}", streams.event_us)?;
        }
        if let Some(process) = &self.process {
            let Usage {
                cpu_us_per_request,
                cores,
                rss_start_kib,
                rss_peak_kib,
            } = process;
            write!(f, " | cpu {cpu_us_per_request:.1} us/req, {cores:.2} cores")?;
            write!(f, ", rss {rss_start_kib} to {rss_peak_kib} KiB")?;
        }
        Ok(())
    }
}
