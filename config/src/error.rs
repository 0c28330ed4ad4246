//! What is wrong with a configuration, and where.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file's path, or `environment`.
    pub file: String,
    /// The line, counted from one; absent where the error belongs to no line.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub message: String,
    /// The nearest known name, where an unknown one was used.
    pub hint: Option<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message)?,
            None => write!(f, "{}: {}", self.file, self.message)?,
        }
        match &self.hint {
            Some(hint) => write!(f, " (did you mean `{hint}`?)"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong, in the order of the sources. Its text has one error a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(pub Vec<ConfigError>);

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
