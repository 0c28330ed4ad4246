//! The numbered sequence of changes that lets every process drop what it remembers of users, tokens and keys.

use rusqlite::{Connection, params};

use crate::sql::cached;
use crate::{Store, StoreError};

/// How many changes are kept. A process polls every half second, so that it is never this far behind.
const CHANGES_KEPT: i64 = 10_000;

/// What kind of thing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// A user; the key is the user's id.
    User,
    /// A token; the key is its public id.
    Token,
    /// A provider key; the key is its owner's user id, as keys are read by owner.
    ProviderKey,
}

impl ChangeKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Token => "token",
            Self::ProviderKey => "provider_key",
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        [Self::User, Self::Token, Self::ProviderKey]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its number; numbers grow by one.
    pub seq: i64,
    /// What kind of thing changed.
    pub kind: ChangeKind,
    /// Which one: see [`ChangeKind`].
    pub key: String,
}

impl Store {
    /// The changes after number `seq`, oldest first, at most `limit`. The last 10,000 are kept: if the first one
    /// returned is not `seq + 1`, some were missed, and everything remembered must be dropped.
    pub fn changes_since(&self, seq: i64, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.read(|conn| {
            let mut query = cached(
                conn,
                "SELECT seq, kind, key FROM changes WHERE seq > $1 ORDER BY seq LIMIT $2",
            )?;
            let mut rows = query.query(params![seq, i64::try_from(limit).unwrap_or(i64::MAX)])?;
            let mut changes = Vec::new();
            while let Some(row) = rows.next()? {
                // A kind of a newer release is nothing that this one remembers.
                if let Some(kind) =
                    ChangeKind::from_text(row.get_ref(1)?.as_str().unwrap_or_default())
                {
                    changes.push(Change {
                        seq: row.get(0)?,
                        kind,
                        key: row.get(2)?,
                    });
                }
            }
            Ok(changes)
        })
    }

    /// The number of the latest change; 0 before the first.
    pub fn latest_change(&self) -> Result<i64, StoreError> {
        self.read(|conn| {
            let latest = cached(conn, "SELECT COALESCE(MAX(seq), 0) FROM changes")?
                .query_row([], |row| row.get(0))?;
            Ok(latest)
        })
    }
}

/// Notes a change in the transaction that makes it.
pub(crate) fn note(
    conn: &Connection,
    kind: ChangeKind,
    key: &str,
    now_us: i64,
) -> rusqlite::Result<()> {
    let seq: i64 = cached(
        conn,
        "INSERT INTO changes (kind, key, at_us) VALUES ($1, $2, $3) RETURNING seq",
    )?
    .query_row(params![kind.as_str(), key, now_us], |row| row.get(0))?;
    cached(conn, "DELETE FROM changes WHERE seq <= $1")?.execute([seq - CHANGES_KEPT])?;
    Ok(())
}
