//! `bench-report`: makes tables of what `bench/run.sh` collected.

use std::error::Error;
use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use weir_bench::report::{Records, count_calls, to_markdown};

/// Makes Markdown of collected outcomes, or counts the calls in a gateway's usage.
#[derive(Parser)]
enum Command {
    /// Prints tables of the lines in FILE. Exits with 1 if any request failed or any ledger does not have
    /// a row for each request.
    Tables {
        /// JSON lines, as run.sh collects them.
        file: PathBuf,
    },
    /// Prints how many calls the JSON of `weir usage --json` on standard input counts.
    Calls,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    match Command::parse() {
        Command::Tables { file } => {
            let records = Records::parse(&fs::read_to_string(file)?)?;
            write!(io::stdout(), "{}", to_markdown(&records))?;
            Ok(if records.is_faultless() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Command::Calls => {
            let mut usage = String::new();
            io::stdin().read_to_string(&mut usage)?;
            writeln!(io::stdout(), "{}", count_calls(&usage)?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
