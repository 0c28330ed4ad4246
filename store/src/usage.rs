//! Reports over the ledger.

use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};
use uuid::Builder;

use crate::sql::cached;
use crate::{Store, StoreError};

/// How far the time in a call's id may be from its start: the range of ids that is read is this much wider.
const ID_CLOCK_MARGIN_US: i64 = 3_600_000_000;
/// The time in a UUIDv7 has 48 bits of milliseconds.
const ID_MILLIS_MAX: u64 = (1 << 48) - 1;
/// The most rows of one report.
const ROWS_MAX: usize = 100_000;

/// What a report has one row for each of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// The day (UTC) on which the call started.
    Day,
    /// The user's id.
    User,
    /// The token's public id.
    Token,
    /// The model that answered.
    Model,
    /// The provider that answered.
    Provider,
}

impl GroupBy {
    fn sql(self) -> &'static str {
        match self {
            // Microseconds in a day.
            Self::Day => "started_at_us / 86400000000",
            Self::User => "user_id",
            Self::Token => "token_id",
            Self::Model => "served_model",
            Self::Provider => "provider",
        }
    }
}

/// Which calls to report, and how to group them.
#[derive(Debug, Clone, Default)]
pub struct UsageQuery {
    /// Calls that started at this time or later, in unix microseconds.
    pub from_us: i64,
    /// Calls that started before this time.
    pub to_us: i64,
    /// Of this user (by id) alone.
    pub user: Option<String>,
    /// In this order; none gives one row for everything.
    pub group_by: Vec<GroupBy>,
}

/// Sums over some calls. The keys that were not asked for are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageRow {
    /// As `2026-11-21`.
    pub day: Option<String>,
    /// The user's id.
    pub user: Option<String>,
    /// The token's public id.
    pub token: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// The provider that answered.
    pub provider: Option<String>,
    /// How many calls.
    pub calls: u64,
    /// How many of them failed or were interrupted.
    pub failed: u64,
    /// Input tokens of every kind.
    pub input_tokens: u64,
    /// Output tokens of every kind, reasoning included.
    pub output_tokens: u64,
    /// Nano-dollars.
    pub cost_nanousd: i64,
    /// How many calls have estimated quantities.
    pub estimated: u64,
    /// How many calls had no price.
    pub unpriced: u64,
}

impl Store {
    /// Sums up the calls that started within a time span, sorted by the keys. Calls are found by the time in their id.
    pub fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        let (sql, parameters) = statement(query);
        self.read(|conn| {
            let mut statement = cached(conn, &sql)?;
            let mut rows = statement.query(params_from_iter(&parameters))?;
            let mut report = Vec::new();
            while let Some(row) = rows.next()? {
                if report.len() == ROWS_MAX {
                    return Err(StoreError::Busy(
                        "the report has more than 100000 rows: ask for a shorter time span",
                    ));
                }
                report.push(usage_row(row, &query.group_by)?);
            }
            // Without grouping SQL gives one row even of nothing.
            report.retain(|row: &UsageRow| row.calls > 0);
            Ok(report)
        })
    }
}

fn statement(query: &UsageQuery) -> (String, Vec<Value>) {
    let keys: Vec<&str> = query.group_by.iter().map(|key| key.sql()).collect();
    let (first, last) = id_bounds(query);
    let mut parameters = vec![
        Value::Text(first),
        Value::Text(last),
        Value::Integer(query.from_us),
        Value::Integer(query.to_us),
    ];
    let mut sql = String::from("SELECT ");
    for key in &keys {
        sql.push_str(key);
        sql.push_str(", ");
    }
    // PostgreSQL sums integers to NUMERIC: the casts make it the same everywhere.
    sql.push_str(
        "COUNT(*), COUNT(CASE WHEN end_kind IN ('failed', 'interrupted') THEN 1 END), \
         CAST(SUM(input_tokens) AS BIGINT), CAST(SUM(output_tokens) AS BIGINT), CAST(SUM(cost_nanousd) AS BIGINT), \
         COUNT(CASE WHEN estimated = 1 THEN 1 END), COUNT(CASE WHEN unpriced = 1 THEN 1 END) \
         FROM calls WHERE id >= $1 AND id <= $2 AND started_at_us >= $3 AND started_at_us < $4",
    );
    if let Some(user) = &query.user {
        sql.push_str(" AND user_id = $5");
        parameters.push(Value::Text(user.clone()));
    }
    if !keys.is_empty() {
        let keys = keys.join(", ");
        sql.push_str(&format!(" GROUP BY {keys} ORDER BY {keys}"));
    }
    (sql, parameters)
}

/// The range of ids that holds every call of the query's time span.
pub(crate) fn id_bounds(query: &UsageQuery) -> (String, String) {
    (
        id_at(query.from_us.saturating_sub(ID_CLOCK_MARGIN_US)),
        id_at(query.to_us.saturating_add(ID_CLOCK_MARGIN_US)),
    )
}

fn usage_row(row: &Row<'_>, keys: &[GroupBy]) -> Result<UsageRow, StoreError> {
    let mut usage = UsageRow::default();
    for (at, key) in keys.iter().enumerate() {
        match key {
            GroupBy::Day => usage.day = Some(date_of(row.get(at)?)),
            GroupBy::User => usage.user = row.get(at)?,
            GroupBy::Token => usage.token = row.get(at)?,
            GroupBy::Model => usage.model = row.get(at)?,
            GroupBy::Provider => usage.provider = row.get(at)?,
        }
    }
    let sum =
        |at: usize| Ok::<u64, StoreError>(row.get::<_, Option<u64>>(keys.len() + at)?.unwrap_or(0));
    usage.calls = sum(0)?;
    usage.failed = sum(1)?;
    usage.input_tokens = sum(2)?;
    usage.output_tokens = sum(3)?;
    usage.cost_nanousd = row.get::<_, Option<i64>>(keys.len() + 4)?.unwrap_or(0);
    usage.estimated = sum(5)?;
    usage.unpriced = sum(6)?;
    Ok(usage)
}

/// The smallest UUIDv7 of a time, as text.
fn id_at(us: i64) -> String {
    let millis = u64::try_from(us / 1_000).unwrap_or(0).min(ID_MILLIS_MAX);
    Builder::from_unix_timestamp_millis(millis, &[0; 10])
        .into_uuid()
        .to_string()
}

/// The civil date of a number of days since 1970-01-01, after Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`.
fn date_of(days: i64) -> String {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let cases = [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (19_782, "2024-02-29"),
        ];
        for (days, date) in cases {
            assert_eq!(date_of(days), date);
        }
        assert_eq!(date_of(1_795_219_200 / 86_400), "2026-11-21");
    }

    #[test]
    fn ids_sort_by_time_to_both_ends() {
        let times = [i64::MIN, 0, 1_000, 1_795_219_200_000_000, i64::MAX];
        assert!(
            times
                .windows(2)
                .all(|pair| id_at(pair[0]) <= id_at(pair[1]))
        );
    }
}
