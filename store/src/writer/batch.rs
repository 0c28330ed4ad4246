//! One group of calls in one transaction.

use rusqlite::{Connection, ErrorCode, Statement, params};
use uuid::Uuid;

use super::Identity;
use super::queue::Batch;
use crate::ledger::{CallRow, CallStatements, LEASE_US, OpenCalls};
use crate::sql::prepare;

/// The most finished calls in one transaction, so that the begins in it need not wait for more.
const FINISHES_PER_TRANSACTION: usize = 4_096;

/// What a committed transaction held.
#[derive(Default)]
pub(super) struct Committed {
    /// So many of the pending calls, from the first on, are over.
    pub(super) finished: usize,
    /// So many of them the database can never take.
    pub(super) rejected: u64,
}

/// Writes groups of calls and remembers which are under way.
pub(super) struct BatchWriter<'c> {
    conn: &'c Connection,
    identity: Identity,
    begin: Statement<'c>,
    commit: Statement<'c>,
    insert_intents: Statement<'c>,
    delete_intents: Statement<'c>,
    renew_lease: Statement<'c>,
    end_boot: Statement<'c>,
    calls: CallStatements<'c>,
    open: OpenCalls,
    lease_until_us: i64,
}

impl<'c> BatchWriter<'c> {
    pub(super) fn prepare(conn: &'c Connection, identity: Identity) -> rusqlite::Result<Self> {
        Ok(Self {
            conn,
            identity,
            begin: conn.prepare("BEGIN IMMEDIATE")?,
            commit: conn.prepare("COMMIT")?,
            insert_intents: prepare(
                conn,
                "INSERT INTO intents (boot_id, batch) VALUES ($1, $2) RETURNING seq",
            )?,
            delete_intents: prepare(conn, "DELETE FROM intents WHERE seq >= $1 AND seq <= $2")?,
            renew_lease: prepare(
                conn,
                "INSERT INTO boots (boot_id, node_id, exclusive, lease_until_us) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (boot_id) DO UPDATE SET lease_until_us = excluded.lease_until_us",
            )?,
            end_boot: prepare(conn, "DELETE FROM boots WHERE boot_id = $1")?,
            calls: CallStatements::prepare(conn)?,
            open: OpenCalls::default(),
            lease_until_us: i64::MIN,
        })
    }

    /// Commits the batch's intents and as many of the pending calls as fit. Nothing is remembered unless it commits.
    pub(super) fn write(
        &mut self,
        batch: &Batch,
        pending: &[CallRow],
    ) -> rusqlite::Result<Committed> {
        let finishing = pending.get(..FINISHES_PER_TRANSACTION).unwrap_or(pending);
        // A commit that nobody waits for is the time to clean up.
        let spent = self.open.spent_ranges(batch.begun.is_empty());
        let lease_until_us = self.lease_due(batch);
        if batch.begun.is_empty()
            && finishing.is_empty()
            && spent.is_empty()
            && lease_until_us.is_none()
        {
            return Ok(Committed::default());
        }

        self.begin.raw_execute()?;
        let written = self.write_rows(batch, finishing, &spent, lease_until_us);
        let (seq, rejected) = written
            .and_then(|written| self.commit.raw_execute().map(|_| written))
            .inspect_err(|_| {
                self.roll_back();
            })?;

        if !spent.is_empty() {
            self.open.deleted();
        }
        self.lease_until_us = lease_until_us.unwrap_or(self.lease_until_us);
        if let Some(seq) = seq {
            self.open
                .begun(seq, batch.begun.iter().map(|begun| begun.call_id));
        }
        for call in finishing {
            self.open.ended(&call.call_id);
        }
        Ok(Committed {
            finished: finishing.len(),
            rejected,
        })
    }

    /// These calls have not begun after all.
    pub(super) fn abandon(&mut self, calls: &[Uuid]) {
        for call_id in calls {
            self.open.ended(call_id);
        }
    }

    /// Leaves nothing of this process behind, unless calls are still under way: those are for the next one to reconcile.
    pub(super) fn clean_up(&mut self) -> rusqlite::Result<()> {
        self.begin.raw_execute()?;
        let deleted = self
            .delete_spent(true)
            .and_then(|()| self.commit.raw_execute());
        deleted.map(|_| ()).inspect_err(|_| self.roll_back())
    }

    fn delete_spent(&mut self, quiet: bool) -> rusqlite::Result<()> {
        for (first, last) in self.open.spent_ranges(quiet) {
            self.delete_intents.execute([first, last])?;
        }
        if self.open.is_empty() {
            self.end_boot.execute([&*self.identity.boot_id])?;
        }
        Ok(())
    }

    /// The rows of one transaction. Returns the row of the intents, and how many calls were rejected.
    fn write_rows(
        &mut self,
        batch: &Batch,
        finishing: &[CallRow],
        spent: &[(i64, i64)],
        lease_until_us: Option<i64>,
    ) -> rusqlite::Result<(Option<i64>, u64)> {
        if let Some(until_us) = lease_until_us {
            let Identity {
                boot_id,
                node_id,
                exclusive,
            } = &self.identity;
            self.renew_lease
                .execute(params![&**boot_id, &**node_id, exclusive, until_us])?;
        }
        let mut seq = None;
        if !batch.begun.is_empty() {
            let row = params![&*self.identity.boot_id, batch.intents];
            seq = Some(self.insert_intents.query_row(row, |row| row.get(0))?);
        }
        let mut rejected = 0;
        for call in finishing {
            rejected += u64::from(!self.write_call(call)?);
        }
        for range in spent {
            self.delete_intents.execute([range.0, range.1])?;
        }
        Ok((seq, rejected))
    }

    /// False if the database can never take this call: then it must not keep the others from being recorded.
    fn write_call(&mut self, call: &CallRow) -> rusqlite::Result<bool> {
        match self.calls.finish(&self.identity.node_id, call) {
            Ok(_) => Ok(true),
            Err(error) if is_of_the_row(&error) && !self.conn.is_autocommit() => {
                tracing::error!(call_id = %call.call_id, %error, "a finished call cannot be recorded");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Until when to prolong the lease in this transaction, if it is time to.
    fn lease_due(&self, batch: &Batch) -> Option<i64> {
        let under_way = !(batch.begun.is_empty() && self.open.is_empty());
        let until_us = batch.now_us.saturating_add(LEASE_US);
        // While calls begin it is prolonged by itself, each time a sixth of it has passed.
        let due = batch.renew_lease || until_us.saturating_sub(self.lease_until_us) >= LEASE_US / 6;
        (under_way && due).then_some(until_us)
    }

    fn roll_back(&self) {
        // SQLite rolls back by itself on some errors; then there is nothing left to do.
        if !self.conn.is_autocommit()
            && let Err(error) = self.conn.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a failed group of calls could not be rolled back");
        }
    }
}

/// The fault lies in what was to be written, so that trying again cannot help.
fn is_of_the_row(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                | ErrorCode::TooBig
                | ErrorCode::ParameterOutOfRange
        )
    )
}
