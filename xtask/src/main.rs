//! `cargo run -p xtask -- <chore>`: chores of the repository that are too much for a Makefile.
//!
//! `tidy` is style as a failing test; `seal-migrations` records the checksums of new migrations, which may never change
//! after that. Both look only at files that git tracks or would track.

mod migrations;
mod repository;
mod tidy;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use repository::Repository;

const USAGE: &str = "\
usage: cargo run -p xtask -- <chore>
  tidy             check the house's style: caps, links, leftovers, blobs, sealed migrations
  seal-migrations  append the checksums of new migrations to xtask/migrations.sum
";

/// The exit code for a wrong command line, as sysexits(3) has it.
const EX_USAGE: u8 = 64;

fn main() -> io::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("tidy"), None) => tidy(),
        (Some("seal-migrations"), None) => seal_migrations(),
        _ => {
            write!(io::stderr(), "{USAGE}")?;
            Ok(ExitCode::from(EX_USAGE))
        }
    }
}

fn tidy() -> io::Result<ExitCode> {
    let repository = Repository::open(&root())?;
    let report = tidy::check(&repository);
    let mut out = io::stdout().lock();
    for warning in &report.warnings {
        writeln!(out, "warning: {warning}")?;
    }
    for finding in &report.findings {
        writeln!(out, "error: {finding}")?;
    }
    let (files, errors) = (repository.files().len(), report.findings.len());
    writeln!(
        out,
        "tidy: {files} files, {errors} errors, {} warnings",
        report.warnings.len()
    )?;
    Ok(if report.findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn seal_migrations() -> io::Result<ExitCode> {
    let repository = Repository::open(&root())?;
    match migrations::seal(&repository) {
        Ok(sealed) => {
            std::fs::write(root().join(migrations::SEALS), sealed)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(findings) => {
            let mut out = io::stderr().lock();
            for finding in findings {
                writeln!(out, "error: {finding}")?;
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The checkout this xtask was built from.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let repository = Repository::open(&root()).unwrap();
        let findings: Vec<String> = tidy::check(&repository)
            .findings
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }
}
