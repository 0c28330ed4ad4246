//! What can go wrong with the store, apart from the ledger's own errors.

use std::path::PathBuf;

use crate::{EntropyError, InvalidName, SealError};

/// Why the store refused or failed. Messages are fit for an operator; they name no secret.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed.
    #[error("the database failed: {0}")]
    Database(#[from] rusqlite::Error),

    /// A file could not be read, made or locked.
    #[error("{path}: cannot {action}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },

    /// Another `serve` runs on this database.
    #[error(
        "{path} is locked: another `weir serve` runs on this database; stop it, or give this one its own"
    )]
    InUse {
        /// The lock file.
        path: PathBuf,
    },

    /// The database was made by a newer release.
    #[error(
        "the database has schema version {found}, this program knows up to {known}: run the newer release, or restore a backup"
    )]
    NewerDatabase {
        /// The version in the database.
        found: u32,
        /// The newest version this program has.
        known: u32,
    },

    /// A migration was changed after it had been applied.
    #[error(
        "migration {version} ({name}) differs from the one this database was made with: run the release that made it, or restore a backup"
    )]
    ChangedMigration {
        /// Its number.
        version: u32,
        /// Its name as recorded.
        name: String,
    },

    /// The file is a SQLite database of something else.
    #[error("{path} holds tables but was not made by Weir: choose another path")]
    ForeignDatabase {
        /// The database file.
        path: PathBuf,
    },

    /// `integrity_check` found damage.
    #[error("the database is damaged: {0}; restore a backup")]
    Damaged(String),

    /// A stored value cannot be read back.
    #[error("the database holds a {what} that cannot be read: {reason}")]
    Unreadable {
        /// What kind of value.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },

    /// Nothing has this name or id.
    #[error("there is no {what} `{name}`")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// The name or id.
        name: String,
    },

    /// The name or id is taken.
    #[error("there is already a {what} `{name}`")]
    AlreadyExists {
        /// What was to be made.
        what: &'static str,
        /// The name or id.
        name: String,
    },

    /// A name cannot be taken as it is.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),

    /// Text that was given as a token does not look like one.
    #[error("a token must look like sk-weir-<16 characters a-z2-7>-<43 characters A-Za-z0-9_->")]
    InvalidToken,

    /// A revoked token was to be rotated.
    #[error("the token `{0}` is revoked: mint a new one")]
    Revoked(String),

    /// A secret could not be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),

    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),

    /// The store is closed, or its writer died.
    #[error("the store is closed")]
    Closed,

    /// Too much is waiting already.
    #[error("the store is busy: {0}; try again")]
    Busy(&'static str),

    /// A write was not answered in time. It may still be applied.
    #[error("the database did not answer a write within {0} s; the write may still be applied")]
    WriteTimeout(u64),

    /// A read took too long and was given up.
    #[error("the query took longer than {0} s and was given up: ask for a shorter time span")]
    ReadTimeout(u64),
}

impl StoreError {
    /// Turns a violated UNIQUE constraint into "there is already a ...".
    pub(crate) fn or_taken(error: rusqlite::Error, what: &'static str, name: &str) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::ConstraintViolation) => Self::AlreadyExists {
                what,
                name: name.to_owned(),
            },
            _ => Self::Database(error),
        }
    }

    pub(crate) fn not_found(what: &'static str, name: &str) -> Self {
        Self::NotFound {
            what,
            name: name.to_owned(),
        }
    }
}
