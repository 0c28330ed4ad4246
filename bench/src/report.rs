//! Makes Markdown tables of the outcomes of one `bench/run.sh`.

mod figures;
mod promises;
mod records;
mod tables;

pub use records::{Records, RecordsError, count_calls};

use std::fmt::Write;

/// Everything there is to say of a run, as Markdown.
pub fn to_markdown(records: &Records) -> String {
    let mut page = String::new();
    for section in [
        promises::table(records),
        tables::closed_loop(records),
        tables::fixed_rate(records),
        tables::first_event(records),
        tables::saturated(records),
        tables::open_streams(records),
        tables::sizes(records),
        tables::ledger(records),
        tables::faults(records),
    ]
    .into_iter()
    .flatten()
    {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{section}");
    }
    page
}
