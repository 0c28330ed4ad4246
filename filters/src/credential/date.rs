//! A moment as Amazon's signatures write it.

/// Seconds in a day.
const DAY_S: u64 = 86_400;
/// Days of 400 years, after which the calendar repeats itself.
const ERA_DAYS: u64 = 146_097;
/// Days from the first of March of the year 0 to the Unix epoch.
const EPOCH_DAYS: u64 = 719_468;

/// The day and the moment, in UTC: `20150830`, `20150830T123600Z`.
pub(super) fn stamp(now_ms: u64) -> (String, String) {
    let seconds = now_ms / 1_000;
    let (year, month, day) = civil(seconds / DAY_S);
    let date = format!("{year:04}{month:02}{day:02}");
    let of_day = seconds % DAY_S;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let moment = format!("{date}T{hour:02}{minute:02}{second:02}Z");
    (date, moment)
}

/// Year, month and day of a day counted from the Unix epoch, in the Gregorian calendar. Years are counted from March, so
/// that the day a leap year adds is the last one (H. Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + EPOCH_DAYS;
    let (era, of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc() {
        let moment = |seconds: u64| stamp(seconds * 1_000).1;
        assert_eq!(moment(0), "19700101T000000Z");
        assert_eq!(moment(951_782_400), "20000229T000000Z");
        assert_eq!(moment(1_440_938_160), "20150830T123600Z");
        assert_eq!(moment(1_709_251_199), "20240229T235959Z");
        assert_eq!(moment(1_709_251_200), "20240301T000000Z");
        assert_eq!(moment(4_102_444_799), "20991231T235959Z");
        assert_eq!(stamp(1_440_938_160_999).0, "20150830");
    }
}
