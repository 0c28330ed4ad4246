//! The writer's life: take what waits, commit it, answer, until the queue is closed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::Identity;
use super::batch::{BatchWriter, Committed};
use super::checkpoint::{Checkpointer, LogWatch};
use super::queue::{Answer, Backlog, Batch, EndWithWriter, Queue};
use crate::ledger::{CallRow, LedgerError};

/// How long after a failed commit the finished calls in it are tried again.
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// How often a failing commit is tried when the store closes.
const TRIES_AT_CLOSE: u32 = 3;

/// The body of the writer's thread.
pub(super) fn run(
    conn: &Connection,
    queue: &Arc<Queue>,
    checkpointer: &Checkpointer,
    identity: Identity,
) {
    let _end = EndWithWriter(Arc::clone(queue));
    give_way();
    match BatchWriter::prepare(conn, identity) {
        Ok(batches) => Writer::new(conn, queue, checkpointer, batches).run(),
        Err(error) => {
            tracing::error!(%error, "the store cannot write: its statements do not fit the database")
        }
    }
}

/// How much the writer gives way to other threads, as `nice` counts it.
const NICE: i32 = 10;

/// A commit costs about as much as ten calls in it do, so that groups should be large where the processor is busy. A
/// writer of low priority runs when the threads that hand calls over have nothing left to hand over: at once on an idle
/// core, and with a large group on a busy one. No timer does that as well.
fn give_way() {
    // Where the system does not allow it the groups are smaller, and nothing else changes.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICE);
}

struct Writer<'c> {
    conn: &'c Connection,
    queue: &'c Queue,
    checkpointer: &'c Checkpointer,
    batches: BatchWriter<'c>,
    batch: Batch,
    /// Finished calls that are not committed yet, oldest first.
    pending: Vec<CallRow>,
    log: LogWatch,
    failures: u32,
}

impl<'c> Writer<'c> {
    fn new(
        conn: &'c Connection,
        queue: &'c Queue,
        checkpointer: &'c Checkpointer,
        batches: BatchWriter<'c>,
    ) -> Self {
        Self {
            conn,
            queue,
            checkpointer,
            batches,
            batch: Batch::default(),
            pending: Vec::new(),
            log: LogWatch::new(conn),
            failures: 0,
        }
    }

    fn run(mut self) {
        loop {
            let backlog = self.backlog();
            let open = self.queue.take(&mut self.batch, backlog);
            if !open {
                break;
            }
            self.write();
        }
        // Closing: what was taken last and what is left, with a bounded number of tries.
        self.failures = 0;
        self.write();
        while !self.pending.is_empty() && self.failures < TRIES_AT_CLOSE {
            self.write();
        }
        self.end();
    }

    fn write(&mut self) {
        self.write_calls();
        for job in self.batch.jobs.drain(..) {
            job(self.conn);
        }
        self.log.look(self.conn, self.checkpointer);
    }

    fn write_calls(&mut self) {
        self.pending.append(&mut self.batch.finished);
        let answer = match self.batches.write(&self.batch, &self.pending) {
            Ok(committed) => {
                self.settle(&committed);
                Ok(())
            }
            Err(error) => {
                self.failures += 1;
                tracing::error!(%error, waiting = self.pending.len(), "calls could not be recorded; they are tried again");
                Err(LedgerError::NotCommitted(error.to_string().into()))
            }
        };
        self.queue.went(answer.is_err());
        // After the group, as it may hold the begin of a call that was given up since.
        self.batches.abandon(&self.batch.abandoned);
        self.answer(&answer);
    }

    fn settle(&mut self, committed: &Committed) {
        self.failures = 0;
        self.pending.drain(..committed.finished);
        self.queue.lost(committed.rejected);
        self.queue.recorded(committed.finished);
    }

    fn answer(&mut self, answer: &Answer) {
        // An owner that went away has taken its call back already; see `AbandonOnDrop`.
        for begun in self.batch.begun.drain(..) {
            let _ = begun.answer.send(answer.clone());
        }
        self.batch.intents.clear();
        self.batch.abandoned.clear();
        self.batch.renew_lease = false;
        if answer.is_err() || self.pending.is_empty() {
            for flush in self.batch.flushes.drain(..) {
                let _ = flush.send(answer.clone());
            }
        }
    }

    fn backlog(&self) -> Backlog {
        match (self.pending.is_empty(), self.failures) {
            (true, _) => Backlog::None,
            (false, 0) => Backlog::Ready,
            (false, _) => Backlog::RetryAt(Instant::now() + RETRY_AFTER),
        }
    }

    fn end(mut self) {
        if !self.pending.is_empty() {
            tracing::error!(
                calls = self.pending.len(),
                "the store closes without recording some finished calls"
            );
            self.queue.lost(self.pending.len() as u64);
            self.queue.recorded(self.pending.len());
        }
        if let Err(error) = self.batches.clean_up() {
            tracing::warn!(%error, "what was left of finished calls could not be cleaned up; it does no harm");
        }
        if let Err(error) = self
            .conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        {
            tracing::warn!(%error, "the write-ahead log could not be emptied; the next start does it");
        }
    }
}
