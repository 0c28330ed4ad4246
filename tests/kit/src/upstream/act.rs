//! What an upstream does on the wire, as data: a [`Play`] is a list of [`Act`]s, a [`Behaviour`] writes a play for a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::record::Seen;

/// One step on the wire.
#[derive(Clone, Debug)]
pub enum Act {
    /// Writes these bytes in one write.
    Send(Bytes),
    /// Writes these bytes in many writes of this many bytes each, giving the reader the chance to see each alone.
    Dribble(Bytes, usize),
    /// Waits, but notices when the client goes.
    Wait(Duration),
    /// Does nothing until the client goes, for ten minutes at most.
    Hang,
    /// Ends the connection in good order: FIN, then reads what the client still sends for a moment.
    Close,
    /// Ends the connection by RST.
    Reset,
    /// After the answer: leaves the connection open for so long, then closes it without having said so. A request that arrives
    /// in between is swallowed.
    Expire(Duration),
}

/// A whole answer.
#[derive(Clone, Debug, Default)]
pub struct Play {
    pub(super) acts: Vec<Act>,
    pub(super) completes: bool,
}

impl Play {
    /// An empty play: says nothing and keeps the connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step.
    pub fn act(mut self, act: Act) -> Self {
        self.acts.push(act);
        self
    }

    /// Adds bytes to write in one write.
    pub fn send(self, bytes: impl Into<Bytes>) -> Self {
        self.act(Act::Send(bytes.into()))
    }

    /// Adds a pause.
    pub fn wait(self, pause: Duration) -> Self {
        self.act(Act::Wait(pause))
    }

    /// Puts a step before all others.
    pub fn first(mut self, act: Act) -> Self {
        self.acts.insert(0, act);
        self
    }

    /// Marks the play as an answer that a provider would bill: once it was sent whole it enters the ledger.
    pub fn completes(mut self) -> Self {
        self.completes = true;
        self
    }

    /// Sends the very same bytes, but in writes of `size` bytes.
    pub fn dribbled(mut self, size: usize) -> Self {
        for act in &mut self.acts {
            if let Act::Send(bytes) = act {
                *act = Act::Dribble(bytes.clone(), size);
            }
        }
        self
    }
}

type Write = dyn Fn(&Seen) -> Play + Send + Sync;

/// Writes the play for a request.
#[derive(Clone)]
pub struct Behaviour {
    write: Arc<Write>,
    pub(super) before_body: bool,
}

impl Behaviour {
    /// A behaviour that looks at the request.
    pub fn new(write: impl Fn(&Seen) -> Play + Send + Sync + 'static) -> Self {
        Self {
            write: Arc::new(write),
            before_body: false,
        }
    }

    /// Answers as soon as the head was read and never reads the body. Only for queued behaviours: the model is in the body.
    pub fn before_body(mut self) -> Self {
        self.before_body = true;
        self
    }

    /// Does `act` before everything else.
    pub fn preceded_by(self, act: Act) -> Self {
        let before_body = self.before_body;
        let inner = Self::new(move |seen| self.play(seen).first(act.clone()));
        Self {
            before_body,
            ..inner
        }
    }

    /// Does `act` after everything else.
    pub fn followed_by(self, act: Act) -> Self {
        let before_body = self.before_body;
        let inner = Self::new(move |seen| self.play(seen).act(act.clone()));
        Self {
            before_body,
            ..inner
        }
    }

    /// The play for this request.
    pub fn play(&self, seen: &Seen) -> Play {
        (self.write)(seen)
    }
}

impl From<Play> for Behaviour {
    fn from(play: Play) -> Self {
        Self::new(move |_| play.clone())
    }
}

/// Behaves like `first` for the first `times` requests and like `then` from there on.
pub fn flaky(times: usize, first: impl Into<Behaviour>, then: impl Into<Behaviour>) -> Behaviour {
    let (first, then) = (first.into(), then.into());
    let served = AtomicUsize::new(0);
    Behaviour::new(move |seen| {
        let chosen = if served.fetch_add(1, Ordering::SeqCst) < times {
            &first
        } else {
            &then
        };
        chosen.play(seen)
    })
}
