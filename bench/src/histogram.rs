//! Latencies: recorded in nanoseconds, told in microseconds.

use std::fmt;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest latency kept apart; whatever is longer counts as this.
const LATENCY_NS_MAX: u64 = 120_000_000_000;
/// Quantiles are right to one part in a thousand.
const SIGNIFICANT_DIGITS: u8 = 3;

/// A histogram of latencies in nanoseconds.
pub struct Latencies {
    histogram: Histogram<u64>,
}

impl Latencies {
    /// An empty histogram.
    pub fn new() -> Self {
        #[expect(
            clippy::expect_used,
            reason = "constant bounds, within what the histogram takes"
        )]
        let histogram = Histogram::new_with_bounds(1, LATENCY_NS_MAX, SIGNIFICANT_DIGITS)
            .expect("the bounds of the histogram are valid");
        Self { histogram }
    }

    /// Counts one latency.
    pub fn record(&mut self, latency_ns: u64) {
        self.histogram.saturating_record(latency_ns);
    }

    /// The quantiles that are reported.
    pub fn summary(&self) -> Summary {
        let quantile_us = |quantile| to_us(self.histogram.value_at_quantile(quantile));
        Summary {
            count: self.histogram.len(),
            mean: self.histogram.mean() / 1000.0,
            p50: quantile_us(0.50),
            p90: quantile_us(0.90),
            p99: quantile_us(0.99),
            p999: quantile_us(0.999),
            max: to_us(self.histogram.max()),
        }
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "two minutes in nanoseconds fit an f64 exactly"
)]
fn to_us(ns: u64) -> f64 {
    ns as f64 / 1000.0
}

/// What is told of a histogram; every value but `count` is in microseconds. All are zero when nothing
/// was recorded.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Summary {
    /// How many latencies were recorded.
    pub count: u64,
    /// Their arithmetic mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// Nine of ten were not longer.
    pub p90: f64,
    /// 99 of 100 were not longer.
    pub p99: f64,
    /// 999 of 1,000 were not longer.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            p50,
            p90,
            p99,
            p999,
            max,
            ..
        } = self;
        write!(
            f,
            "p50 {p50:.0} p90 {p90:.0} p99 {p99:.0} p99.9 {p999:.0} max {max:.0} us"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(actual: f64, expected: f64) {
        assert!(
            (actual - expected).abs() <= expected * 0.001,
            "{actual} is not {expected}"
        );
    }

    #[test]
    fn quantiles_of_an_even_spread() {
        let mut latencies = Latencies::new();
        for us in 1..=10_000 {
            latencies.record(us * 1000);
        }
        let summary = latencies.summary();
        assert_eq!(summary.count, 10_000);
        assert_close(summary.p50, 5000.0);
        assert_close(summary.p90, 9000.0);
        assert_close(summary.p99, 9900.0);
        assert_close(summary.p999, 9990.0);
        assert_close(summary.max, 10_000.0);
        assert_close(summary.mean, 5000.5);
    }

    #[test]
    fn one_slow_request_shows_in_the_maximum_only() {
        let mut latencies = Latencies::new();
        for _ in 0..9999 {
            latencies.record(100_000);
        }
        latencies.record(5_000_000_000);
        let summary = latencies.summary();
        assert_close(summary.p999, 100.0);
        assert_close(summary.max, 5_000_000.0);
    }

    #[test]
    fn nothing_recorded_is_all_zero() {
        assert_eq!(Latencies::new().summary(), Summary::default());
    }

    #[test]
    fn what_is_longer_than_the_bound_counts_as_the_bound() {
        let mut latencies = Latencies::new();
        latencies.record(u64::MAX);
        assert_eq!(latencies.summary().count, 1);
        assert!(latencies.summary().max >= to_us(LATENCY_NS_MAX));
    }
}
