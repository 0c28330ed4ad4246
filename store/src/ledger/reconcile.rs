//! Rows for calls whose process died.

use rusqlite::{Connection, params};

use super::intent::decode;
use super::{CallStatements, Recorded};
use crate::sql::cached;
use crate::writer::Identity;
use crate::{Store, StoreError};

/// Intents of processes that are known to be dead: their lease has run out, or they held the exclusive lock that this
/// one holds now. $1 is this boot, $2 the time, $3 whether this process holds the lock.
const DEAD_INTENTS: &str = "SELECT i.seq, i.batch, COALESCE(b.node_id, '') FROM intents i \
     LEFT JOIN boots b ON b.boot_id = i.boot_id \
     WHERE i.boot_id <> $1 AND (b.boot_id IS NULL OR b.lease_until_us < $2 OR (b.exclusive = 1 AND $3 = 1)) \
     ORDER BY i.seq";
const DELETE_DEAD_BOOTS: &str = "DELETE FROM boots WHERE boot_id <> $1 \
     AND (lease_until_us < $2 OR (exclusive = 1 AND $3 = 1)) \
     AND NOT EXISTS (SELECT 1 FROM intents i WHERE i.boot_id = boots.boot_id)";

impl Store {
    /// Makes an interrupted, estimated row of every call that a dead process had begun and not finished, in one
    /// transaction, and returns how many. To be called at the start, and now and then where several nodes share a
    /// database.
    pub fn reconcile(&self, now_us: i64) -> Result<u64, StoreError> {
        let identity = self.identity().clone();
        self.write(move |conn| reconcile(conn, &identity, now_us))
    }
}

fn reconcile(conn: &Connection, me: &Identity, now_us: i64) -> Result<u64, StoreError> {
    let mut statements = CallStatements::prepare(conn)?;
    let (mut interrupted, mut taken) = (0, Vec::new());
    let mut query = cached(conn, DEAD_INTENTS)?;
    let mut rows = query.query(params![&*me.boot_id, now_us, me.exclusive])?;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let node_id: String = row.get(2)?;
        let batch = row.get_ref(1)?.as_blob().unwrap_or_default();
        let Some(intents) = decode(batch) else {
            // It is left where it is, for a person to look at; the others must not wait for that.
            tracing::error!(
                seq,
                "a row of intents cannot be read; its calls are missing from the reports"
            );
            continue;
        };
        for intent in &intents {
            interrupted += u64::from(statements.interrupt(&node_id, intent)? == Recorded::Written);
        }
        taken.push(seq);
    }
    for seq in taken {
        cached(conn, "DELETE FROM intents WHERE seq = $1")?.execute([seq])?;
    }
    cached(conn, DELETE_DEAD_BOOTS)?.execute(params![&*me.boot_id, now_us, me.exclusive])?;
    Ok(interrupted)
}
