//! What is counted for Prometheus, named after OpenTelemetry's GenAI conventions where they have a name.
//! (<https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/>)

use std::sync::Arc;
use std::time::Duration;

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};
use weir_store::{CallRow, EndKind};

use crate::model_labels::ModelLabels;
use crate::told::Side;

/// Seconds; the buckets OpenTelemetry advises for `gen_ai.server.request.duration`.
const DURATION_BUCKETS: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
/// Seconds; the buckets OpenTelemetry advises for `gen_ai.server.time_per_output_token`.
const PER_TOKEN_BUCKETS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.5, 1.0, 2.5,
];

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    times: Times,
    counts: Counts,
    gauges: Gauges,
    models: ModelLabels,
}

struct Times {
    duration: HistogramVec,
    first_token: HistogramVec,
    per_token: HistogramVec,
}

struct Counts {
    tokens: IntCounterVec,
    requests: IntCounterVec,
    errors: IntCounterVec,
    failed_attempts: IntCounterVec,
    cooldowns: IntCounterVec,
    unpriced: IntCounter,
    estimated: IntCounter,
}

struct Gauges {
    in_flight: IntGauge,
    held: IntGauge,
    connections: IntGauge,
    ledger_depth: IntGauge,
    cooling: IntGauge,
    unrecorded: IntGauge,
}

/// A call that ended.
pub(crate) struct Ended<'a> {
    pub row: &'a CallRow,
    pub side: Option<Side>,
}

/// An attempt that was made.
pub(crate) struct Tried<'a> {
    pub provider: &'a str,
    pub failed: bool,
}

/// Figures read at the moment of a scrape.
#[derive(Clone, Copy, Debug, Default)]
pub struct Levels {
    /// Rows waiting for the database.
    pub ledger_depth: usize,
    /// Usage that was lost; must be 0.
    pub unrecorded: u64,
    /// Targets and keys that are set aside.
    pub cooling: usize,
}

fn counter(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntCounterVec> {
    let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
) -> prometheus::Result<HistogramVec> {
    let labels = [
        "gen_ai_operation_name",
        "gen_ai_provider_name",
        "gen_ai_request_model",
    ];
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    let histogram = HistogramVec::new(options, &labels)?;
    registry.register(Box::new(histogram.clone()))?;
    Ok(histogram)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntGauge> {
    let gauge = IntGauge::new(name, help)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

fn single(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntCounter> {
    let counter = IntCounter::new(name, help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

impl Times {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            duration: histogram(
                registry,
                "gen_ai_server_request_duration_seconds",
                "Time from the request's head to the end of the answer.",
                &DURATION_BUCKETS,
            )?,
            first_token: histogram(
                registry,
                "gen_ai_server_time_to_first_token_seconds",
                "Time to the first output of a stream.",
                &DURATION_BUCKETS,
            )?,
            per_token: histogram(
                registry,
                "gen_ai_server_time_per_output_token_seconds",
                "Time per output token after the first output.",
                &PER_TOKEN_BUCKETS,
            )?,
        })
    }
}

impl Counts {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let errors = counter(
            registry,
            "weir_errors_total",
            "Failed requests by whose fault it was.",
            &["fault"],
        )?;
        for side in Side::ALL {
            // A series that is born at its first error hides that error from rate().
            errors.with_label_values(&[side.as_str()]);
        }
        Ok(Self {
            errors,
            tokens: counter(
                registry,
                "gen_ai_client_token_usage_total",
                "Units used, by kind.",
                &[
                    "gen_ai_provider_name",
                    "gen_ai_request_model",
                    "gen_ai_token_type",
                ],
            )?,
            requests: counter(
                registry,
                "weir_requests_total",
                "Calls that ended, by operation, provider and how they ended.",
                &["gen_ai_operation_name", "gen_ai_provider_name", "end"],
            )?,
            failed_attempts: counter(
                registry,
                "weir_failed_attempts_total",
                "Attempts that failed and were followed by another or by an error.",
                &["gen_ai_provider_name"],
            )?,
            cooldowns: counter(
                registry,
                "weir_cooldowns_total",
                "Times a target was set aside after failures.",
                &["gen_ai_provider_name"],
            )?,
            unpriced: single(
                registry,
                "weir_unpriced_calls_total",
                "Calls whose model has no price.",
            )?,
            estimated: single(
                registry,
                "weir_estimated_calls_total",
                "Calls whose usage is estimated.",
            )?,
        })
    }
}

impl Gauges {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let gauge = |name, help| gauge(registry, name, help);
        Ok(Self {
            in_flight: gauge("weir_requests_in_flight", "Requests being handled now.")?,
            held: gauge(
                "weir_held_nanousd",
                "Nano-dollars held for calls under way.",
            )?,
            connections: gauge("weir_connections", "Client connections open now.")?,
            ledger_depth: gauge("weir_ledger_queue_depth", "Rows waiting for the database.")?,
            cooling: gauge("weir_set_aside", "Targets and keys that are set aside now.")?,
            unrecorded: gauge(
                "weir_unrecorded_usage",
                "Calls whose usage could not be recorded; must be 0.",
            )?,
        })
    }
}

impl Metrics {
    /// Registers everything in a registry of its own.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        Ok(Self {
            times: Times::new(&registry)?,
            counts: Counts::new(&registry)?,
            gauges: Gauges::new(&registry)?,
            models: ModelLabels::default(),
            registry,
        })
    }

    /// Counts a request that was refused or failed before it became a call.
    pub fn refused(&self, side: Side) {
        self.counts.errors.with_label_values(&[side.as_str()]).inc();
    }

    /// A request began; dropping the guard ends it.
    pub fn enter(self: &Arc<Self>) -> InFlight {
        self.gauges.in_flight.inc();
        InFlight(Arc::clone(self))
    }

    /// Money is held for a call; dropping the guard releases it.
    pub(crate) fn hold(self: &Arc<Self>, nanousd: i64) -> HeldMoney {
        self.gauges.held.add(nanousd);
        HeldMoney {
            metrics: Arc::clone(self),
            nanousd,
        }
    }

    /// Requests being handled now.
    pub fn in_flight(&self) -> i64 {
        self.gauges.in_flight.get()
    }

    /// Client connections open now.
    pub fn set_connections(&self, open: usize) {
        self.gauges
            .connections
            .set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    pub(crate) fn tried(&self, tried: Tried<'_>) {
        if tried.failed {
            self.counts
                .failed_attempts
                .with_label_values(&[tried.provider])
                .inc();
        }
    }

    pub(crate) fn cooled_down(&self, provider: &str) {
        self.counts.cooldowns.with_label_values(&[provider]).inc();
    }

    pub(crate) fn call_ended(&self, ended: &Ended<'_>) {
        let row = ended.row;
        let model = self.models.of(&row.served_model);
        let of_model = [row.kind, &row.provider, model];
        let latency = micros(row.latency_us);
        self.counts
            .requests
            .with_label_values(&[row.kind, &row.provider, row.end.as_str()])
            .inc();
        self.times
            .duration
            .with_label_values(&of_model)
            .observe(latency.as_secs_f64());
        if let Some(side) = ended.side {
            self.counts.errors.with_label_values(&[side.as_str()]).inc();
        }
        let mut output = 0;
        for item in &row.items {
            let labels = [&*row.provider, model, item.unit];
            self.counts
                .tokens
                .with_label_values(&labels)
                .inc_by(item.quantity);
            if matches!(item.unit, "output" | "reasoning" | "audio_output") {
                output += item.quantity;
            }
        }
        if row.unpriced {
            self.counts.unpriced.inc();
        }
        if row.estimated {
            self.counts.estimated.inc();
        }
        let Some(first) = row
            .ttft_us
            .filter(|_| row.end == EndKind::Done && row.streamed)
        else {
            return;
        };
        let first = micros(first);
        self.times
            .first_token
            .with_label_values(&of_model)
            .observe(first.as_secs_f64());
        if output > 1 {
            let rest = latency.saturating_sub(first).as_secs_f64();
            #[expect(
                clippy::cast_precision_loss,
                reason = "token counts are far below 2^52"
            )]
            let per_token = rest / (output - 1) as f64;
            self.times
                .per_token
                .with_label_values(&of_model)
                .observe(per_token);
        }
    }

    /// The text of a scrape.
    pub fn render(&self, levels: Levels) -> Vec<u8> {
        let depth = i64::try_from(levels.ledger_depth).unwrap_or(i64::MAX);
        self.gauges.ledger_depth.set(depth);
        self.gauges
            .cooling
            .set(i64::try_from(levels.cooling).unwrap_or(i64::MAX));
        self.gauges
            .unrecorded
            .set(i64::try_from(levels.unrecorded).unwrap_or(i64::MAX));
        let mut text = Vec::new();
        // Writing to a Vec does not fail, and a family without a name cannot be registered.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        text
    }
}

/// A request being handled.
pub struct InFlight(Arc<Metrics>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.gauges.in_flight.dec();
    }
}

/// Money held for a call.
pub(crate) struct HeldMoney {
    metrics: Arc<Metrics>,
    nanousd: i64,
}

impl Drop for HeldMoney {
    fn drop(&mut self) {
        self.metrics.gauges.held.sub(self.nanousd);
    }
}

fn micros(us: i64) -> Duration {
    Duration::from_micros(u64::try_from(us).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_series_before_it_happens() {
        let metrics = Metrics::new().unwrap();
        metrics.refused(Side::Policy);
        let text = String::from_utf8(metrics.render(Levels::default())).unwrap();
        assert!(text.contains(r#"weir_errors_total{fault="policy"} 1"#));
        assert!(text.contains(r#"weir_errors_total{fault="gateway"} 0"#));
        assert!(text.contains("weir_unrecorded_usage 0"));
    }
}
