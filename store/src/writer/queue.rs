//! What waits to be written. Everything is handed over under one lock, and the writer takes all of it at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use super::Job;
use crate::StoreError;
use crate::ledger::{CallRow, Intent, LedgerError};

/// The most calls that wait to begin.
const BEGINS_MAX: usize = 16_384;
/// The most finished calls that wait to be recorded, those of failed tries included.
pub(crate) const FINISHES_MAX: usize = 65_536;
/// The most other writes that wait.
const JOBS_MAX: usize = 1_024;
/// The most callers that wait for a flush.
const FLUSHES_MAX: usize = 1_024;
/// How long a finished call may wait for company.
const LINGER: Duration = Duration::from_millis(20);
/// After an overload, a vector keeps room for this many entries and no more.
const KEPT_CAPACITY: usize = 4_096;

pub(crate) type Answer = Result<(), LedgerError>;

/// A call whose begin is waited for.
pub(crate) struct Begun {
    pub(crate) call_id: Uuid,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// What was handed over since the writer took the last batch.
#[derive(Default)]
pub(crate) struct Batch {
    /// The intents of `begun`, encoded one after the other.
    pub(crate) intents: Vec<u8>,
    pub(crate) begun: Vec<Begun>,
    pub(crate) finished: Vec<CallRow>,
    /// Calls that were begun and given up before their begin was answered.
    pub(crate) abandoned: Vec<Uuid>,
    pub(crate) flushes: Vec<oneshot::Sender<Answer>>,
    pub(crate) jobs: Vec<Job>,
    /// The latest time that a caller named, in unix microseconds.
    pub(crate) now_us: i64,
    /// The lease is to be renewed even if no call begins.
    pub(crate) renew_lease: bool,
}

impl Batch {
    /// Somebody waits for it.
    fn is_urgent(&self) -> bool {
        !(self.begun.is_empty() && self.jobs.is_empty() && self.flushes.is_empty())
    }

    fn is_empty(&self) -> bool {
        !self.is_urgent()
            && self.finished.is_empty()
            && self.abandoned.is_empty()
            && !self.renew_lease
    }

    /// Gives back the memory that a flood took.
    fn trim(&mut self) {
        self.intents.shrink_to(KEPT_CAPACITY * 64);
        self.begun.shrink_to(KEPT_CAPACITY);
        self.finished.shrink_to(KEPT_CAPACITY);
        self.abandoned.shrink_to(KEPT_CAPACITY);
    }
}

/// What the writer still has in hand when it comes back to the queue.
#[derive(Clone, Copy)]
pub(crate) enum Backlog {
    None,
    /// More than fitted into one transaction.
    Ready,
    /// A transaction failed and is to be tried again then.
    RetryAt(Instant),
}

/// What the writer does while it is not writing, and so who has to wake it.
#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum Attention {
    /// It will look at the queue by itself.
    #[default]
    Awake,
    /// It waits for the linger time to pass; only what is urgent wakes it.
    Lingering,
    /// Anything wakes it.
    Asleep,
}

#[derive(Default)]
struct State {
    batch: Batch,
    attention: Attention,
    closing: bool,
    closed: bool,
}

/// The queue between everybody and the writer.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    work: Condvar,
    /// Finished calls that are not recorded yet, in the queue or in the writer's hands.
    unrecorded_yet: AtomicUsize,
    /// Finished calls that were given up.
    lost: AtomicU64,
    room: Notify,
    /// The last group could not be committed.
    failing: AtomicBool,
}

impl Queue {
    /// Whether the last group was committed and more can be handed in.
    pub(crate) fn is_healthy(&self) -> bool {
        !self.failing.load(Relaxed) && self.open_state().is_some()
    }

    /// The writer tells how its last group went.
    pub(crate) fn went(&self, failing: bool) {
        self.failing.store(failing, Relaxed);
    }

    /// Hands in a call that is to begin.
    pub(crate) fn push_begin(
        &self,
        intent: &Intent,
    ) -> Result<oneshot::Receiver<Answer>, LedgerError> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.open_state().ok_or(LedgerError::Closed)?;
        if state.batch.begun.len() >= BEGINS_MAX {
            return Err(LedgerError::Full);
        }
        intent.encode(&mut state.batch.intents);
        state.batch.begun.push(Begun {
            call_id: intent.call_id,
            answer,
        });
        state.batch.now_us = state.batch.now_us.max(intent.started_at_us);
        self.wake(state, true);
        Ok(answered)
    }

    /// Takes the finished call out of `row`; leaves it there if there is no room.
    pub(crate) fn push_finish(&self, row: &mut Option<CallRow>) -> Result<(), LedgerError> {
        let mut state = self.open_state().ok_or(LedgerError::Closed)?;
        if self.unrecorded_yet.load(Relaxed) >= FINISHES_MAX {
            return Err(LedgerError::Full);
        }
        if let Some(row) = row.take() {
            self.unrecorded_yet.fetch_add(1, Relaxed);
            state.batch.finished.push(row);
            self.wake(state, false);
        }
        Ok(())
    }

    /// Forgets a call that was begun but whose owner went away before it knew.
    pub(crate) fn push_abandoned(&self, call_id: Uuid) {
        if let Some(mut state) = self.open_state() {
            state.batch.abandoned.push(call_id);
            self.wake(state, false);
        }
    }

    pub(crate) fn push_renewal(&self, now_us: i64) {
        if let Some(mut state) = self.open_state() {
            state.batch.now_us = state.batch.now_us.max(now_us);
            state.batch.renew_lease = true;
            self.wake(state, false);
        }
    }

    pub(crate) fn push_flush(&self) -> Result<oneshot::Receiver<Answer>, LedgerError> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.open_state().ok_or(LedgerError::Closed)?;
        if state.batch.flushes.len() >= FLUSHES_MAX {
            return Err(LedgerError::Full);
        }
        state.batch.flushes.push(answer);
        self.wake(state, true);
        Ok(answered)
    }

    pub(crate) fn push_job(&self, job: Job) -> Result<(), StoreError> {
        let mut state = self.open_state().ok_or(StoreError::Closed)?;
        if state.batch.jobs.len() >= JOBS_MAX {
            return Err(StoreError::Busy("too many writes wait"));
        }
        state.batch.jobs.push(job);
        self.wake(state, true);
        Ok(())
    }

    /// Waits until something is to be written and exchanges it for the empty `batch`. False when the queue is closing.
    pub(crate) fn take(&self, batch: &mut Batch, backlog: Backlog) -> bool {
        batch.trim();
        let mut state = self.state.lock();
        let mut linger_until = None;
        while !state.closing && !state.batch.is_urgent() {
            let deadline = match backlog {
                Backlog::Ready => break,
                Backlog::RetryAt(at) => Some(at),
                Backlog::None if state.batch.is_empty() => None,
                Backlog::None => Some(*linger_until.get_or_insert_with(|| Instant::now() + LINGER)),
            };
            let Some(deadline) = deadline else {
                state.attention = Attention::Asleep;
                self.work.wait(&mut state);
                continue;
            };
            state.attention = Attention::Lingering;
            if self.work.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        state.attention = Attention::Awake;
        std::mem::swap(&mut state.batch, batch);
        !state.closing
    }

    /// The writer recorded (or rejected) so many finished calls.
    pub(crate) fn recorded(&self, count: usize) {
        if count > 0 && self.unrecorded_yet.fetch_sub(count, Relaxed) >= FINISHES_MAX {
            self.room.notify_waiters();
        }
    }

    /// So many finished calls are given up.
    pub(crate) fn lost(&self, count: u64) {
        self.lost.fetch_add(count, Relaxed);
    }

    /// Asks the writer to write what is there and end.
    pub(crate) fn close(&self) {
        self.state.lock().closing = true;
        self.work.notify_all();
    }

    /// The writer has ended: nothing is taken any more, and whoever still waits is told so.
    pub(crate) fn ended(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let rest = std::mem::take(&mut state.batch);
        drop(state);
        self.lost(rest.finished.len() as u64);
        self.recorded(rest.finished.len());
        self.room.notify_waiters();
    }

    pub(crate) fn depth(&self) -> usize {
        self.state.lock().batch.begun.len() + self.unrecorded_yet.load(Relaxed)
    }

    pub(crate) fn lost_count(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// Resolves when finished calls were recorded after the queue had been full.
    pub(crate) fn room(&self) -> tokio::sync::futures::Notified<'_> {
        self.room.notified()
    }

    fn open_state(&self) -> Option<MutexGuard<'_, State>> {
        let state = self.state.lock();
        (!state.closed).then_some(state)
    }

    fn wake(&self, mut state: MutexGuard<'_, State>, urgent: bool) {
        let sleeps = match state.attention {
            Attention::Awake => false,
            Attention::Lingering => urgent,
            Attention::Asleep => true,
        };
        if sleeps {
            state.attention = Attention::Awake;
            drop(state);
            self.work.notify_one();
        }
    }
}

/// Ends the queue with its writer, however that ends, so that nobody waits for an answer that cannot come.
pub(crate) struct EndWithWriter(pub(crate) Arc<Queue>);

impl Drop for EndWithWriter {
    fn drop(&mut self) {
        self.0.ended();
    }
}
