//! The lines that `bench/run.sh` collects, and how to find one among them.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use crate::load::Outcome;

/// Why the collected lines cannot be read.
#[derive(Debug, Error)]
pub enum RecordsError {
    /// A line is not what `bench-load` or `run.sh` writes.
    #[error("line {line}: {source}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The gateway's usage is not lines of JSON with `calls`.
    #[error("the usage is not lines of JSON with `calls`: {0}")]
    Usage(serde_json::Error),
}

/// Calls in the gateway's ledger after one of its lives.
#[derive(Deserialize)]
pub struct LedgerRecord {
    /// The life: all outcomes with this `run` belong to it.
    pub run: String,
    /// Calls that `weir usage` counts.
    pub rows: u64,
}

/// Memory of a gateway that did nothing yet.
#[derive(Deserialize)]
pub struct IdleRecord {
    /// Whose.
    pub target: String,
    /// `VmRSS`.
    pub rss_kib: u64,
}

/// Size of an executable.
#[derive(Deserialize)]
pub struct BinaryRecord {
    /// Whose.
    pub target: String,
    /// On disk.
    pub bytes: u64,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Record {
    Load(Box<Outcome>),
    Idle(IdleRecord),
    Binary(BinaryRecord),
    Ledger(LedgerRecord),
}

/// All that one run collected.
#[derive(Default)]
pub struct Records {
    /// What `bench-load` said, in order.
    pub outcomes: Vec<Outcome>,
    /// Idle memory.
    pub idle: Vec<IdleRecord>,
    /// Executables.
    pub binaries: Vec<BinaryRecord>,
    /// Ledgers.
    pub ledgers: Vec<LedgerRecord>,
}

impl Records {
    /// Reads the lines, each a JSON object with its `kind`.
    ///
    /// # Errors
    /// When a line is something else.
    pub fn parse(lines: &str) -> Result<Self, RecordsError> {
        let mut records = Self::default();
        for (at, text) in lines
            .lines()
            .enumerate()
            .filter(|(_, text)| !text.trim().is_empty())
        {
            let record = serde_json::from_str(text);
            match record.map_err(|source| RecordsError::Line {
                line: at + 1,
                source,
            })? {
                Record::Load(outcome) => records.outcomes.push(*outcome),
                Record::Idle(idle) => records.idle.push(idle),
                Record::Binary(binary) => records.binaries.push(binary),
                Record::Ledger(ledger) => records.ledgers.push(ledger),
            }
        }
        Ok(records)
    }

    /// The outcomes of `target` in `scenario`, by round.
    pub fn rounds(&self, scenario: &str, target: &str) -> BTreeMap<&str, &Outcome> {
        self.outcomes
            .iter()
            .filter(|outcome| {
                outcome.label("scenario") == scenario && outcome.label("target") == target
            })
            .map(|outcome| (outcome.label("round"), outcome))
            .collect()
    }

    /// One figure of each round, in no order that matters.
    pub fn figures(
        &self,
        scenario: &str,
        target: &str,
        figure: impl Fn(&Outcome) -> f64,
    ) -> Vec<f64> {
        self.rounds(scenario, target)
            .into_values()
            .map(figure)
            .collect()
    }

    /// Two targets' figures, each pair from the same round, combined.
    pub fn pairs(
        &self,
        scenario: &str,
        [target, base]: [&str; 2],
        figure: impl Fn(&Outcome) -> f64,
        combine: impl Fn(f64, f64) -> f64,
    ) -> Vec<f64> {
        let bases = self.rounds(scenario, base);
        self.rounds(scenario, target)
            .into_iter()
            .filter_map(|(round, outcome)| {
                Some(combine(figure(outcome), figure(bases.get(round)?)))
            })
            .collect()
    }

    /// Whether every request succeeded and every ledger has a row for each.
    pub fn is_faultless(&self) -> bool {
        self.outcomes
            .iter()
            .all(|outcome| outcome.faults.total() == 0)
            && self
                .ledgers
                .iter()
                .all(|ledger| self.sent_in(&ledger.run) == ledger.rows)
    }

    /// Requests sent in one life of a gateway.
    pub fn sent_in(&self, run: &str) -> u64 {
        let outcomes = self
            .outcomes
            .iter()
            .filter(|outcome| outcome.label("run") == run);
        outcomes.map(|outcome| outcome.sent).sum()
    }
}

/// The calls that `weir usage --json` counts: lines of JSON, each a sum over some `calls`.
///
/// # Errors
/// When a line is something else.
pub fn count_calls(usage: &str) -> Result<u64, RecordsError> {
    #[derive(Deserialize)]
    struct Row {
        calls: u64,
    }
    let rows = serde_json::Deserializer::from_str(usage).into_iter::<Row>();
    rows.map(|row| Ok(row.map_err(RecordsError::Usage)?.calls))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_read_as_it_was_written() {
        let mut outcome = Outcome {
            sent: 7,
            ..Outcome::default()
        };
        outcome.labels = [
            "kind=load",
            "scenario=s",
            "target=weir",
            "round=1",
            "run=weir-1",
        ]
        .iter()
        .filter_map(|label| label.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        let lines = format!(
            "{}\n\n{}\n",
            serde_json::to_string(&outcome).unwrap(),
            r#"{"kind":"ledger","run":"weir-1","rows":6}"#
        );
        let mut records = Records::parse(&lines).unwrap();
        assert_eq!(
            records.figures("s", "weir", |outcome| outcome.latency_us.p50),
            [0.0]
        );
        assert!(
            records
                .figures("s", "nginx", |outcome| outcome.latency_us.p50)
                .is_empty()
        );
        assert_eq!(records.sent_in("weir-1"), 7);
        assert!(!records.is_faultless());
        records.ledgers[0].rows = 7;
        assert!(records.is_faultless());
    }

    #[test]
    fn calls_are_summed_over_rows() {
        assert_eq!(
            count_calls("{\"day\":\"x\",\"calls\":3}\n{\"calls\":4}\n").unwrap(),
            7
        );
        assert_eq!(count_calls("").unwrap(), 0);
        assert!(count_calls("{}").is_err());
    }
}
