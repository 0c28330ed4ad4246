//! Exact amounts: money, durations and sizes. No floats.

use crate::report::quoted;

/// Nano-dollars in a dollar.
const NANOS_PER_DOLLAR: i64 = 1_000_000_000;
/// Digits after the point that nano-dollars can hold.
const FRACTION_DIGITS: usize = 9;

/// US dollars as a decimal -> nano-dollars, exactly: `2.50` -> 2,500,000,000.
pub(crate) fn nanousd(text: &str) -> Result<i64, String> {
    if text.starts_with('-') {
        return Err(format!(
            "{} is negative; a price is 0 or more",
            quoted(text)
        ));
    }
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let is_decimal = is_digits(whole) && fraction.is_none_or(is_digits);
    if !is_decimal {
        return Err(format!(
            "{} is not a price; write US dollars as a decimal, such as 2.50",
            quoted(text)
        ));
    }
    let fraction = fraction.unwrap_or("");
    if fraction.len() > FRACTION_DIGITS {
        return Err(format!(
            "{} has more than {FRACTION_DIGITS} digits after the point",
            quoted(text)
        ));
    }
    let too_large = || format!("{} is too large for a price", quoted(text));
    let whole: i64 = whole.parse().map_err(|_| too_large())?;
    let nanos: i64 = format!("{fraction:0<FRACTION_DIGITS$}")
        .parse()
        .map_err(|_| too_large())?;
    whole
        .checked_mul(NANOS_PER_DOLLAR)
        .and_then(|dollars| dollars.checked_add(nanos))
        .ok_or_else(too_large)
}

/// A duration -> milliseconds: a plain number of milliseconds, or `250ms`, `30s`, `2m`, `1h`.
pub(crate) fn millis(text: &str) -> Result<u64, String> {
    const UNITS: &[(&str, u64)] = &[
        ("", 1),
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("h", 3_600_000),
    ];
    in_units(text, UNITS).ok_or_else(|| {
        format!(
            "{} is not a duration; write 250ms, 30s, 2m or 1h",
            quoted(text)
        )
    })
}

/// A size -> bytes: a plain number of bytes, or `8KiB`, `32MiB`, `1GiB` (powers of 1024), `64KB`, `1MB`, `1GB` (of 1000).
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: &[(&str, u64)] = &[
        ("", 1),
        ("B", 1),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];
    in_units(text, UNITS)
        .ok_or_else(|| format!("{} is not a size; write 8KiB, 32MiB or 1GiB", quoted(text)))
}

/// A whole number followed by one of `units`, multiplied out; `None` where it is neither or overflows.
fn in_units(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prices_are_exact() {
        assert_eq!(nanousd("2.50"), Ok(2_500_000_000));
        assert_eq!(nanousd("0"), Ok(0));
        assert_eq!(nanousd("0.000000001"), Ok(1));
        assert_eq!(nanousd("0.003625"), Ok(3_625_000));
        assert_eq!(nanousd("9223372036.854775807"), Ok(i64::MAX));
    }

    #[test]
    fn what_is_not_a_price_says_why() {
        let error = |text| nanousd(text).unwrap_err();
        assert_eq!(error("-1"), "`-1` is negative; a price is 0 or more");
        assert_eq!(
            error("0.1234567890"),
            "`0.1234567890` has more than 9 digits after the point"
        );
        assert_eq!(
            error("9223372036.854775808"),
            "`9223372036.854775808` is too large for a price"
        );
        for text in [
            "", ".", "1.", ".5", "1e3", "+1", "1_000", "$2", "1,5", "0x10", "１",
        ] {
            assert_eq!(
                error(text),
                format!("`{text}` is not a price; write US dollars as a decimal, such as 2.50")
            );
        }
    }

    #[test]
    fn durations_and_sizes_have_units() {
        assert_eq!(millis("250"), Ok(250));
        assert_eq!(millis("250ms"), Ok(250));
        assert_eq!(millis("30s"), Ok(30_000));
        assert_eq!(millis("2 m"), Ok(120_000));
        assert_eq!(millis("1h"), Ok(3_600_000));
        assert_eq!(bytes("32MiB"), Ok(32 << 20));
        assert_eq!(bytes("64KB"), Ok(64_000));
        assert_eq!(
            millis("1.5s"),
            Err("`1.5s` is not a duration; write 250ms, 30s, 2m or 1h".into())
        );
        assert_eq!(
            bytes("99999999999GiB"),
            Err("`99999999999GiB` is not a size; write 8KiB, 32MiB or 1GiB".into())
        );
    }

    proptest! {
        #[test]
        fn every_price_reads_back_as_written(nanos in 0..=i64::MAX, digits in 0usize..=9) {
            let scale = 10_i64.pow(9 - digits as u32);
            let nanos = nanos / scale * scale;
            let (whole, rest) = (nanos / NANOS_PER_DOLLAR, nanos % NANOS_PER_DOLLAR);
            let fraction = &format!("{rest:09}")[..digits];
            let text = if digits == 0 { whole.to_string() } else { format!("{whole}.{fraction}") };
            prop_assert_eq!(nanousd(&text), Ok(nanos));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = (nanousd(&text), millis(&text), bytes(&text));
        }
    }
}
