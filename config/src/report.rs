//! Collects errors and warnings while the sources are read, so that all of them are told at once.

use std::path::Path;
use std::sync::Arc;

use crate::error::ConfigError;

/// What the names of files that are compiled in begin with.
const BUILT_IN: &str = "built-in";

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub file: Arc<str>,
    pub line: Option<usize>,
}

impl Place {
    /// A file as a whole.
    pub fn file(path: &Path) -> Self {
        Self {
            file: Arc::from(path.display().to_string()),
            line: None,
        }
    }

    /// The environment; the variable is named in the message.
    pub fn environment() -> Self {
        Self {
            file: Arc::from("environment"),
            line: None,
        }
    }

    /// The values that no source has set.
    pub fn built_in() -> Self {
        Self {
            file: Arc::from(format!("{BUILT_IN} defaults")),
            line: None,
        }
    }

    /// Whether it is in a file that is compiled in.
    pub fn is_shipped(&self) -> bool {
        self.file.starts_with(BUILT_IN)
    }

    /// A line of the same file.
    pub fn at(&self, line: usize) -> Self {
        Self {
            file: Arc::clone(&self.file),
            line: Some(line),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// What was found wrong so far.
#[derive(Default)]
pub(crate) struct Report {
    pub errors: Vec<ConfigError>,
    pub warnings: Vec<String>,
}

impl Report {
    /// Adds an error.
    pub fn error(&mut self, place: &Place, message: impl Into<String>) {
        self.error_with_hint(place, message, None);
    }

    /// Adds an error about `word`, with the nearest of the names that would have been right.
    pub fn unknown<'a>(
        &mut self,
        place: &Place,
        message: impl Into<String>,
        word: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let hint = nearest(word, known).map(str::to_owned);
        self.error_with_hint(place, message, hint);
    }

    /// Adds a warning about the environment.
    pub fn warn(&mut self, message: String) {
        self.warnings.push(message);
    }

    fn error_with_hint(&mut self, place: &Place, message: impl Into<String>, hint: Option<String>) {
        self.errors.push(ConfigError {
            file: place.file.to_string(),
            line: place.line,
            message: message.into(),
            hint,
        });
    }
}

/// The known name nearest to `word`, where one is near enough to be what was meant: a third of the letters may differ.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|name| {
            let distance = strsim::damerau_levenshtein(&word, &name.to_lowercase());
            (distance, name)
        })
        .filter(|(distance, name)| *distance <= name.len().max(word.len()).div_ceil(3))
        .min()
        .map(|(_, name)| name)
}

/// A value as it stands in a message: short and on one line.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN_CHARS: usize = 60;
    let shown: String = text.chars().take(SHOWN_CHARS).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", shown.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let known = ["listen", "unix_socket", "workers"];
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("Workres", known), Some("workers"));
        assert_eq!(nearest("colour", known), None);
    }

    #[test]
    fn a_quoted_value_is_short_and_on_one_line() {
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), 63);
    }
}
