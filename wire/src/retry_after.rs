//! How long a provider asks to be left alone.

use std::time::{Duration, UNIX_EPOCH};

/// Reads the wait a reply asks for: `retry-after-ms` (Azure OpenAI) before `retry-after`, which is seconds or an HTTP
/// date (RFC 9110 section 10.2.3; fractions of seconds are seen in the wild). `header` looks a header up by its lower-case
/// name.
///
/// The wait is as asked, however long: clamping is the caller's. A negative wait, or a date that has passed, is zero. A
/// header that cannot be read is as good as absent.
pub fn delay<'a>(header: impl Fn(&str) -> Option<&'a str>, now_unix_ms: u64) -> Option<Duration> {
    let exact = header("retry-after-ms").and_then(|value| units(value, 1_000.0));
    exact.or_else(|| {
        let value = header("retry-after")?;
        units(value, 1.0).or_else(|| until(value, now_unix_ms))
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_UNIX_MS: u64 = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT

    fn wait(headers: &[(&str, &'static str)]) -> Option<Duration> {
        let header = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        delay(header, NOW_UNIX_MS)
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
}
