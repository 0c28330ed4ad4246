//! Single calls of a time span, for people who look.

use rusqlite::params;
use uuid::Uuid;

use super::call::{CallRecord, read_call, read_items};
use crate::sql::cached;
use crate::usage::{UsageQuery, id_bounds};
use crate::{Store, StoreError};

impl Store {
    /// The last `limit` calls that started within the query's time span (and are of its user), oldest first. Calls are
    /// found by the time in their id; how the query groups does not matter.
    pub fn calls(&self, query: &UsageQuery, limit: usize) -> Result<Vec<CallRecord>, StoreError> {
        let (first, last) = id_bounds(query);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|conn| {
            let mut ids = cached(
                conn,
                "SELECT id FROM calls WHERE id >= $1 AND id <= $2 AND started_at_us >= $3 AND started_at_us < $4 \
                 AND ($5 IS NULL OR user_id = $5) ORDER BY id DESC LIMIT $6",
            )?;
            let span = params![first, last, query.from_us, query.to_us, query.user, limit];
            let ids: Vec<String> = ids.query_map(span, |row| row.get(0))?.collect::<Result<_, _>>()?;
            let mut calls = Vec::with_capacity(ids.len());
            for id in ids.iter().rev() {
                let id = Uuid::parse_str(id)
                    .map_err(|error| StoreError::Unreadable { what: "call id", reason: error.to_string() })?;
                if let Some(mut call) = read_call(conn, id)? {
                    call.items = read_items(conn, id)?;
                    calls.push(call);
                }
            }
            Ok(calls)
        })
    }
}
