//! The ledger: one row per call, never two, never none.
//!
//! A call's *intent* is committed before the call is sent anywhere ([`Ledger::begin`]), and the call itself once it has
//! ended, however it ended ([`Ledger::finish`]). If the process dies in between, the next one makes a row out of the
//! intent ([`crate::Store::reconcile`]), and a late `finish` replaces that row.

mod call;
mod intent;
mod list;
mod open_calls;
mod reconcile;
mod record;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

pub use call::{CallRecord, CallRow, EndKind, RecordedItem, UsageItem};
pub(crate) use call::{INPUT_UNITS, OUTPUT_UNITS};
pub use intent::{Intent, TakenItem};
pub(crate) use open_calls::OpenCalls;
pub(crate) use record::{CallStatements, Recorded};

use crate::writer::{Answer, Queue};

/// How long the calls of a process count as under way after it last renewed its lease: one minute. A serving process
/// renews it every 20 s ([`Ledger::renew_lease`]).
pub const LEASE_US: i64 = 60_000_000;

/// How long a finished call waits for room in the queue.
const FINISH_WAIT: Duration = Duration::from_secs(5);

/// Why the ledger took a call not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The database refused the commit: it is full, or locked by another process for too long.
    #[error("the call could not be recorded: {0}")]
    NotCommitted(Arc<str>),
    /// More waits to be written than the queue holds.
    #[error("the ledger is overloaded: too many calls wait to be recorded")]
    Full,
    /// The store is closed.
    #[error("the ledger is closed")]
    Closed,
}

/// The ledger's side for callers. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    queue: Arc<Queue>,
}

impl Ledger {
    pub(crate) fn new(queue: Arc<Queue>) -> Self {
        Self { queue }
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Hands in the intent of a call, at once; the future resolves when it is committed, and only then may the call be
    /// sent on. On an error, or when the future is dropped before it resolved, the call has not begun: there will be no
    /// row for it, unless `finish` is called all the same.
    pub fn begin(&self, intent: Intent) -> Begin {
        match self.queue.push_begin(&intent) {
            Ok(answered) => Begin(Waiting::Answer {
                answered,
                guard: AbandonOnDrop {
                    queue: Arc::clone(&self.queue),
                    call_id: Some(intent.call_id),
                },
            }),
            Err(error) => Begin(Waiting::Refused(error)),
        }
    }

    /// Hands in a call that has ended. It is committed within about 20 ms, in company; a failed commit is tried again
    /// until it succeeds. Waits only while the queue is full, at most 5 s; then the call is given up and counted in
    /// [`Ledger::unrecorded`]. The first `finish` of a call counts, except that it replaces an interrupted one.
    pub async fn finish(&self, row: CallRow) -> Result<(), LedgerError> {
        let mut row = Some(row);
        let mut outcome = self.queue.push_finish(&mut row);
        if outcome == Err(LedgerError::Full) {
            outcome = timeout(FINISH_WAIT, self.finish_when_there_is_room(&mut row))
                .await
                .unwrap_or(Err(LedgerError::Full));
        }
        if outcome.is_err() {
            self.queue.lost(1);
        }
        outcome
    }

    async fn finish_when_there_is_room(
        &self,
        row: &mut Option<CallRow>,
    ) -> Result<(), LedgerError> {
        loop {
            let mut room = pin!(self.queue.room());
            // Listen before trying, so that room made in between is not missed.
            room.as_mut().enable();
            match self.queue.push_finish(row) {
                Err(LedgerError::Full) => room.await,
                outcome => return outcome,
            }
        }
    }

    /// Waits until every call handed in so far is committed, or a commit has failed.
    pub async fn flush(&self) -> Answer {
        self.queue
            .push_flush()?
            .await
            .unwrap_or(Err(LedgerError::Closed))
    }

    /// Says that this process is alive, for calls that take longer than [`LEASE_US`]. Does not wait.
    pub fn renew_lease(&self, now_us: i64) {
        self.queue.push_renewal(now_us);
    }

    /// Whether the last group was committed. While it is not, nothing can begin.
    pub fn is_healthy(&self) -> bool {
        self.queue.is_healthy()
    }

    /// How many begins and finished calls wait to be committed.
    pub fn depth(&self) -> usize {
        self.queue.depth()
    }

    /// How many finished calls were given up since the start. Not zero means that money is missing from the reports.
    pub fn unrecorded(&self) -> u64 {
        self.queue.lost_count()
    }
}

/// The wait of [`Ledger::begin`].
#[must_use = "a call has begun only when this has resolved"]
pub struct Begin(Waiting);

enum Waiting {
    Answer {
        answered: oneshot::Receiver<Answer>,
        guard: AbandonOnDrop,
    },
    Refused(LedgerError),
}

impl Future for Begin {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        match &mut self.0 {
            Waiting::Refused(error) => Poll::Ready(Err(error.clone())),
            Waiting::Answer { answered, guard } => Pin::new(answered).poll(context).map(|answer| {
                guard.call_id = None;
                answer.unwrap_or(Err(LedgerError::Closed))
            }),
        }
    }
}

/// Takes the intent back if its owner goes away before it learned that the call has begun.
struct AbandonOnDrop {
    queue: Arc<Queue>,
    call_id: Option<Uuid>,
}

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        if let Some(call_id) = self.call_id {
            self.queue.push_abandoned(call_id);
        }
    }
}

#[cfg(test)]
mod tests;
