//! How long a provider asks to be left alone.

mod resets;
mod retry_info;

use std::time::{Duration, UNIX_EPOCH};

/// Longer values of headers and fields are not read: no provider needs as much to name a moment.
const MAX_VALUE_BYTES: usize = 64;

/// Reads the wait that an answer asks for, in this order of trust:
/// 1. `retry-after-ms` (Azure OpenAI);
/// 2. `retry-after`, which is seconds or an HTTP date (RFC 9110 section 10.2.3; fractions of seconds are seen in the wild);
/// 3. `RetryInfo.retryDelay` in the body (Google, <https://cloud.google.com/apis/design/errors>);
/// 4. with status 429 alone, the reset of a limit that is exhausted: a window, not advice, and so the last resort.
///
/// `header` looks a header up by its lower-case name. The wait is as asked, however long: clamping is the caller's. A
/// negative wait, or a date that has passed, is zero. What cannot be read is as good as absent.
pub fn delay<'a>(
    status: u16,
    header: impl Fn(&str) -> Option<&'a str>,
    body: &[u8],
    now_unix_ms: u64,
) -> Option<Duration> {
    let header = |name: &str| header(name).filter(|value| value.len() <= MAX_VALUE_BYTES);
    let exact = header("retry-after-ms").and_then(|value| units(value, 1_000.0));
    exact
        .or_else(|| {
            let value = header("retry-after")?;
            units(value, 1.0).or_else(|| until(value, now_unix_ms))
        })
        .or_else(|| retry_info::delay(body))
        .or_else(|| match status {
            429 => resets::soonest(header, now_unix_ms),
            _ => None,
        })
}

/// A number of units, of which `per_second` make a second.
fn units(value: &str, per_second: f64) -> Option<Duration> {
    let number: f64 = value.trim().parse().ok()?;
    if number.is_nan() {
        return None;
    }
    let seconds = (number / per_second).max(0.0);
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

fn until(date: &str, now_unix_ms: u64) -> Option<Duration> {
    let then = httpdate::parse_http_date(date.trim()).ok()?;
    let since_epoch = then.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(since_epoch.saturating_sub(Duration::from_millis(now_unix_ms)))
}

/// A span as Go and protobuf write it: numbers with their units, such as `1m30s`, `6ms`, `2h` or `34.07s`.
fn span(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let number_end = rest.find(|it: char| !it.is_ascii_digit() && it != '.')?;
        let (number, tail) = rest.split_at_checked(number_end)?;
        let is_number = |it: char| it.is_ascii_digit() || it == '.';
        let (unit, tail) = tail.split_at_checked(tail.find(is_number).unwrap_or(tail.len()))?;
        let unit_s = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        let seconds = number.parse::<f64>().ok()? * unit_s;
        total = total.saturating_add(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
        rest = tail;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_UNIX_MS: u64 = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT

    fn wait(headers: &[(&str, &'static str)]) -> Option<Duration> {
        let header = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        delay(503, header, b"", NOW_UNIX_MS)
    }

    #[test]
    fn milliseconds_come_before_seconds() {
        assert_eq!(
            wait(&[("retry-after", "9"), ("retry-after-ms", "1500")]),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(
            wait(&[("retry-after", "9"), ("retry-after-ms", "soon")]),
            Some(Duration::from_secs(9))
        );
    }

    #[test]
    fn seconds_may_have_fractions_and_are_never_negative() {
        assert_eq!(
            wait(&[("retry-after", " 2 ")]),
            Some(Duration::from_secs(2))
        );
        assert_eq!(
            wait(&[("retry-after", "0.25")]),
            Some(Duration::from_millis(250))
        );
        assert_eq!(wait(&[("retry-after", "-3")]), Some(Duration::ZERO));
        assert_eq!(wait(&[("retry-after", "1e300")]), Some(Duration::MAX));
    }

    #[test]
    fn dates_count_from_now() {
        let date = "Sun, 06 Nov 1994 08:50:07 GMT";
        assert_eq!(
            wait(&[("retry-after", date)]),
            Some(Duration::from_secs(30))
        );
        let past = "Sun, 06 Nov 1994 08:49:00 GMT";
        assert_eq!(wait(&[("retry-after", past)]), Some(Duration::ZERO));
    }

    #[test]
    fn what_cannot_be_read_is_no_advice() {
        for value in ["", "soon", "NaN", "1994-11-06"] {
            assert_eq!(wait(&[("retry-after", value)]), None, "{value}");
        }
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn spans_are_sums_of_units() {
        for (text, ms) in [
            ("6ms", 6),
            ("1s", 1_000),
            ("34.5s", 34_500),
            ("1m30s", 90_000),
            ("2m59.5s", 179_500),
            ("2h", 7_200_000),
            ("1d1h0m0s", 90_000_000),
        ] {
            assert_eq!(span(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "5", "-3s", "1.2.3s", "1y", "1m 30s", "1\u{b5}s"] {
            assert_eq!(span(text), None, "{text}");
        }
        let nines = format!("{}d", "9".repeat(40));
        assert_eq!(span(&nines), Some(Duration::MAX));
    }

    #[test]
    fn more_trusted_advice_comes_first() {
        let body = br#"{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}"#;
        let all = [
            ("retry-after-ms", "100"),
            ("retry-after", "2"),
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "40s"),
        ];
        let asked = |status, given: &[(&str, &'static str)], body: &[u8]| {
            let header = |name: &str| given.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
            delay(status, header, body, NOW_UNIX_MS).map(|it| it.as_millis())
        };
        assert_eq!(asked(429, &all, body), Some(100));
        assert_eq!(asked(429, &all[1..], body), Some(2_000));
        assert_eq!(asked(429, &all[2..], body), Some(7_000));
        assert_eq!(asked(429, &all[2..], b"{}"), Some(40_000));
        // A provider that is overloaded says nothing about the caller's limits.
        assert_eq!(asked(503, &all[2..], b"{}"), None);
        let long: &'static str =
            "000000000000000000000000000000000000000000000000000000000000000009";
        assert_eq!(asked(429, &[("retry-after", long)], b""), None);
    }
}
