//! What the upstream remembers: every request it saw, how each ended, and which answers were sent whole.

use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use serde_json::{Value, json};

use super::act::Behaviour;
use super::formats;

/// How a request ended, seen from the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The play is still going on.
    Going,
    /// The play was played to its end.
    Played,
    /// The client closed before the play's end, so long after the request's arrival.
    ClientGone(Duration),
}

/// One request as the upstream read it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its number, counted from zero.
    pub seq: usize,
    /// The number of its connection, counted from zero.
    pub connection: usize,
    /// The request line and headers, byte for byte.
    pub head: Vec<u8>,
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The headers in order, names as they were written.
    pub headers: Vec<(String, String)>,
    /// The body with its framing removed.
    pub body: Bytes,
    /// When it had arrived whole.
    pub at: Instant,
    /// How it ended.
    pub outcome: Outcome,
}

impl Seen {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, `Null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The model the path names, else the one the body names, found without relying on the body being valid JSON of a known shape.
    pub fn model(&self) -> Option<&str> {
        if let Some(model) = formats::model_of_path(&self.path) {
            return Some(model);
        }
        let at = memchr::memmem::find(&self.body, b"\"model\"")?;
        let rest = self.body.get(at + 7..)?;
        let open = memchr::memchr(b'"', rest)? + 1;
        let close = open + memchr::memchr(b'"', rest.get(open..)?)?;
        std::str::from_utf8(rest.get(open..close)?).ok()
    }

    fn to_json(&self) -> Value {
        let outcome = match self.outcome {
            Outcome::Going => "going",
            Outcome::Played => "played",
            Outcome::ClientGone(_) => "client_gone",
        };
        json!({
            "seq": self.seq, "connection": self.connection, "method": self.method, "path": self.path,
            "headers": self.headers, "body": self.text(), "model": self.model(), "outcome": outcome,
        })
    }
}

/// An answer that was sent to its last byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The number of the request it answered.
    pub seq: usize,
    /// The model the request named.
    pub model: String,
    /// The path it was sent to.
    pub path: String,
}

impl LedgerEntry {
    fn to_json(&self) -> Value {
        json!({"seq": self.seq, "model": self.model, "path": self.path})
    }
}

#[derive(Default)]
struct State {
    queue: VecDeque<Behaviour>,
    models: HashMap<String, Behaviour>,
    seen: Vec<Seen>,
    /// Grows when the record is forgotten, so that a request from before does not end one from after.
    forgotten: usize,
    ledger: Vec<LedgerEntry>,
}

/// What the connections and the test's handle share.
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    ledger_file: Option<PathBuf>,
    accepted: AtomicUsize,
    open: AtomicUsize,
}

/// Names a request across [`Shared::forget`].
#[derive(Clone, Copy)]
pub(super) struct Ticket {
    epoch: usize,
    seq: usize,
}

impl Shared {
    pub(super) fn new(ledger_file: Option<PathBuf>) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            ledger_file,
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        }
    }

    pub(super) fn queue(&self, behaviour: Behaviour) {
        self.state.lock().queue.push_back(behaviour);
    }

    pub(super) fn take_queued(&self) -> Option<Behaviour> {
        self.state.lock().queue.pop_front()
    }

    pub(super) fn set_model(&self, model: &str, behaviour: Behaviour) {
        self.state.lock().models.insert(model.to_owned(), behaviour);
    }

    /// The behaviour for `model`, made with `make` and kept the first time, so that behaviours that count keep their count.
    pub(super) fn for_model(&self, model: &str, make: impl FnOnce() -> Behaviour) -> Behaviour {
        self.state
            .lock()
            .models
            .entry(model.to_owned())
            .or_insert_with(make)
            .clone()
    }

    pub(super) fn record(&self, mut seen: Seen) -> (Ticket, Seen) {
        let mut state = self.state.lock();
        seen.seq = state.seen.len();
        let ticket = Ticket {
            epoch: state.forgotten,
            seq: seen.seq,
        };
        state.seen.push(seen.clone());
        self.changed.notify_all();
        (ticket, seen)
    }

    pub(super) fn end(&self, ticket: Ticket, outcome: Outcome, completed: bool) {
        let mut state = self.state.lock();
        if state.forgotten != ticket.epoch {
            return;
        }
        let Some(seen) = state.seen.get_mut(ticket.seq) else {
            return;
        };
        seen.outcome = outcome;
        if completed {
            let entry = LedgerEntry {
                seq: seen.seq,
                model: seen.model().unwrap_or_default().to_owned(),
                path: seen.path.clone(),
            };
            self.append_to_file(&entry);
            state.ledger.push(entry);
        }
        self.changed.notify_all();
    }

    fn append_to_file(&self, entry: &LedgerEntry) {
        let Some(path) = &self.ledger_file else {
            return;
        };
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .expect("the ledger file opens");
        writeln!(file, "{}", entry.to_json()).expect("the ledger file takes a line");
    }

    pub(super) fn wait(
        &self,
        limit: Duration,
        enough: impl Fn(&[Seen]) -> bool,
    ) -> Option<Vec<Seen>> {
        let mut state = self.state.lock();
        let waited = self
            .changed
            .wait_while_for(&mut state, |state| !enough(&state.seen), limit);
        (!waited.timed_out()).then(|| state.seen.clone())
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.state.lock().seen.clone()
    }

    pub(super) fn ledger(&self) -> Vec<LedgerEntry> {
        self.state.lock().ledger.clone()
    }

    pub(super) fn ledger_json(&self) -> Value {
        self.state
            .lock()
            .ledger
            .iter()
            .map(LedgerEntry::to_json)
            .collect()
    }

    pub(super) fn seen_json(&self) -> Value {
        self.state.lock().seen.iter().map(Seen::to_json).collect()
    }

    pub(super) fn ledger_file(&self) -> Option<&Path> {
        self.ledger_file.as_deref()
    }

    pub(super) fn forget(&self) {
        let mut state = self.state.lock();
        state.forgotten += 1;
        state.queue.clear();
        state.seen.clear();
        state.ledger.clear();
    }

    pub(super) fn opened(&self) -> usize {
        self.open.fetch_add(1, Ordering::SeqCst);
        self.accepted.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    pub(super) fn connections_accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(super) fn connections_open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}
