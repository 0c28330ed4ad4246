//! What probing finds of an operation.

use super::operations::Operation;

/// What becomes of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is understood: carried to a provider and metered by these units, or answered here (`None`).
    Supported(Option<Vec<String>>),
    /// The provider answers it, and method, path, body and answer are the client's and the provider's own.
    Passed,
    /// It is refused by design, with this status and code.
    Refused(u16, String),
    /// The URL is unknown.
    Missing,
}

impl Verdict {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Supported(_) => "supported",
            Self::Passed => "passed",
            Self::Refused(..) => "refused",
            Self::Missing => "missing",
        }
    }

    /// What more there is to say.
    pub fn detail(&self) -> String {
        match self {
            Self::Supported(None) => "answered here".to_owned(),
            Self::Supported(Some(units)) if units.is_empty() => "carried, free".to_owned(),
            Self::Supported(Some(units)) => format!("metered: {}", units.join(", ")),
            Self::Passed | Self::Missing => String::new(),
            Self::Refused(status, code) => format!("{status} `{code}`"),
        }
    }
}

/// An operation with its verdict.
#[derive(Debug)]
pub struct Finding {
    /// What was asked.
    pub operation: Operation,
    /// What became of it.
    pub verdict: Verdict,
}
