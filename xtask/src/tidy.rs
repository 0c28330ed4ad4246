//! Style as a failing test. Each rule is a file and a function from the repository to what it found.

mod blobs;
mod caps;
mod crate_docs;
mod functions;
mod leftovers;
mod links;
mod markdown;
mod test_code;

use std::fmt;

use crate::migrations;
use crate::repository::Repository;

/// What the rules found: findings fail the build, warnings only tell.
#[derive(Default)]
pub struct Report {
    pub findings: Vec<Finding>,
    pub warnings: Vec<Finding>,
}

/// One place that breaks a rule.
#[derive(Debug, PartialEq)]
pub struct Finding {
    path: String,
    /// Counted from 1; `None` where the whole file is meant.
    line: Option<usize>,
    message: String,
}

impl Finding {
    pub fn in_file(path: &str, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            message: message.into(),
        }
    }

    pub fn at_line(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: Some(line),
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.message),
            None => write!(f, "{}: {}", self.path, self.message),
        }
    }
}

/// Applies every rule.
pub fn check(repository: &Repository) -> Report {
    let mut report = caps::check(repository);
    report.findings.extend(links::check(repository));
    report.findings.extend(leftovers::check(repository));
    report.findings.extend(blobs::check(repository));
    report.findings.extend(crate_docs::check(repository));
    report.findings.extend(migrations::check(repository));
    report
}
