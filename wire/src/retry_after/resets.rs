//! When the limits that an answer tells of are full again.

use std::time::Duration;

use super::{span, units};
use crate::model_catalogue::date;

/// The headers that tell what remains of a limit, and when it is full again.
const LIMITS: [(&str, &str); 11] = [
    // OpenAI, Azure and Groq (API reference of OpenAI, "Rate limits in headers").
    (
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
    ),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    // OpenRouter, Together and others.
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    // Cerebras (https://inference-docs.cerebras.ai/support/rate-limits).
    (
        "x-ratelimit-remaining-requests-day",
        "x-ratelimit-reset-requests-day",
    ),
    (
        "x-ratelimit-remaining-tokens-minute",
        "x-ratelimit-reset-tokens-minute",
    ),
    // Anthropic (https://docs.claude.com/en/api/rate-limits#response-headers).
    (
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ),
    (
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-reset",
    ),
    (
        "anthropic-ratelimit-input-tokens-remaining",
        "anthropic-ratelimit-input-tokens-reset",
    ),
    (
        "anthropic-ratelimit-output-tokens-remaining",
        "anthropic-ratelimit-output-tokens-reset",
    ),
    (
        "anthropic-priority-input-tokens-remaining",
        "anthropic-priority-input-tokens-reset",
    ),
    (
        "anthropic-priority-output-tokens-remaining",
        "anthropic-priority-output-tokens-reset",
    ),
];

/// From here on a number of seconds is a date: nobody waits for thirty years.
const EPOCH_S_FROM: f64 = 1e9;
/// From here on it is a date in milliseconds: in seconds it would be the year 5138.
const EPOCH_MS_FROM: f64 = 1e11;

/// The soonest reset of a limit of which nothing remains. The others are no reason to wait, and where none is exhausted
/// something else was refused.
pub(super) fn soonest<'a>(
    header: impl Fn(&str) -> Option<&'a str>,
    now_unix_ms: u64,
) -> Option<Duration> {
    let is_exhausted = |remaining: &str| {
        header(remaining)
            .and_then(|value| value.trim().parse::<f64>().ok())
            .is_some_and(|left| left <= 0.0)
    };
    LIMITS
        .iter()
        .filter(|(remaining, _)| is_exhausted(remaining))
        .filter_map(|(_, reset)| wait(header(reset)?, now_unix_ms))
        .min()
}

/// A reset in whichever form it has: seconds, a date in seconds or milliseconds since the Unix epoch, a span (`1m30s`),
/// or a moment in UTC (RFC 3339).
fn wait(reset: &str, now_unix_ms: u64) -> Option<Duration> {
    let reset = reset.trim();
    let now = Duration::from_millis(now_unix_ms);
    if let Ok(number) = reset.parse::<f64>() {
        return if number >= EPOCH_MS_FROM {
            Some(units(reset, 1_000.0)?.saturating_sub(now))
        } else if number >= EPOCH_S_FROM {
            Some(units(reset, 1.0)?.saturating_sub(now))
        } else {
            units(reset, 1.0)
        };
    }
    span(reset).or_else(|| {
        let is_utc = reset.ends_with(['Z', 'z']) || reset.ends_with("+00:00");
        let then_s = is_utc.then(|| date::of_text(reset)).flatten()?;
        Some(Duration::from_secs(then_s).saturating_sub(now))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_UNIX_MS: u64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z

    fn soonest_ms(headers: &[(&str, &'static str)]) -> Option<u128> {
        let header = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        soonest(header, NOW_UNIX_MS).map(|it| it.as_millis())
    }

    #[test]
    fn only_exhausted_limits_count() {
        let mut groq = [
            ("x-ratelimit-limit-requests", "14400"),
            ("x-ratelimit-limit-tokens", "18000"),
            ("x-ratelimit-remaining-requests", "14370"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-requests", "6ms"),
            ("x-ratelimit-reset-tokens", "1m30s"),
        ];
        assert_eq!(soonest_ms(&groq), Some(90_000));
        groq[2].1 = "0";
        assert_eq!(soonest_ms(&groq), Some(6), "of two, the sooner");
        groq[2].1 = "1";
        groq[3].1 = "17997";
        assert_eq!(soonest_ms(&groq), None);
        assert_eq!(soonest_ms(&groq[4..]), None, "nothing says it is exhausted");
    }

    #[test]
    fn a_bare_reset_is_seconds_or_a_date() {
        for (reset, ms) in [
            ("12", 12_000),
            ("1767225630", 30_000),
            ("1767225630000", 30_000),
            ("1767225000", 0),
            ("-1", 0),
        ] {
            let headers = [
                ("x-ratelimit-limit", "20"),
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", reset),
            ];
            assert_eq!(soonest_ms(&headers), Some(ms), "{reset}");
        }
    }

    #[test]
    fn cerebras_counts_seconds_by_day_and_minute() {
        let headers = [
            ("x-ratelimit-limit-requests-day", "1000000000"),
            ("x-ratelimit-limit-tokens-minute", "1000000000"),
            ("x-ratelimit-remaining-requests-day", "999997455"),
            ("x-ratelimit-remaining-tokens-minute", "0"),
            ("x-ratelimit-reset-requests-day", "33011.382867"),
            ("x-ratelimit-reset-tokens-minute", "11.5"),
        ];
        assert_eq!(soonest_ms(&headers), Some(11_500));
    }

    #[test]
    fn anthropic_names_moments() {
        let headers = [
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:01Z"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            (
                "anthropic-ratelimit-input-tokens-reset",
                "2026-01-01T00:00:45Z",
            ),
            ("anthropic-ratelimit-tokens-remaining", "0"),
            ("anthropic-ratelimit-tokens-reset", "2026-01-01T00:01:00Z"),
        ];
        assert_eq!(soonest_ms(&headers), Some(45_000));
    }

    #[test]
    fn what_cannot_be_read_is_no_advice() {
        for reset in ["", "soon", "NaN", "2026-01-01T00:00:45+02:00", "2026-01-01"] {
            let headers = [
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", reset),
            ];
            assert_eq!(soonest_ms(&headers), None, "{reset}");
        }
    }
}
