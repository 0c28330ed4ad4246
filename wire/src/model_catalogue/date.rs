//! Moments as RFC 3339 has them, in UTC: the days of the calendar after Howard Hinnant, "chrono-Compatible Low-Level Date
//! Algorithms", `civil_from_days` and `days_from_civil`.

const DAY_S: i64 = 86_400;

/// Seconds since the Unix epoch as `2026-01-01T00:00:00Z`.
pub(super) fn to_text(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let (days, of_day) = (seconds / DAY_S, seconds % DAY_S);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = shifted_month + if shifted_month < 10 { 3 } else { -9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The seconds since the Unix epoch of a moment in UTC; none where it is before the epoch or no such text.
pub(crate) fn of_text(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted_year = year - i64::from(month <= 2);
    let (era, year_of_era) = (shifted_year.div_euclid(400), shifted_year.rem_euclid(400));
    let shifted_month = month + if month > 2 { -3 } else { 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    u64::try_from(days * DAY_S + hour * 3_600 + minute * 60 + second).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_go_both_ways() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
        ] {
            assert_eq!(to_text(seconds), text);
            assert_eq!(of_text(text), Some(seconds));
        }
        assert_eq!(
            of_text("2025-02-19T00:00:00.123Z"),
            of_text("2025-02-19T00:00:00Z")
        );
        for text in [
            "",
            "today",
            "1969-01-01T00:00:00Z",
            "2025-13-01T00:00:00Z",
            "2025-02-19",
        ] {
            assert_eq!(of_text(text), None, "{text}");
        }
        assert!(!to_text(u64::MAX).is_empty());
    }
}
