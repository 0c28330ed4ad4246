//! The scripted upstream: an HTTP/1.1 server written by hand so that it can do what real providers do wrong.
//!
//! What it answers is chosen per request: first from the queue a test filled ([`Upstream::next`]), then from the test's own table
//! ([`Upstream::on_model`]), else from the [`catalogue`] by the `model` in the body, so that a test in another language can choose too. Models whose names begin
//! with `story-` are answered in whatever provider's format they are asked for in ([`formats`]).

mod act;
pub mod catalogue;
mod chat;
pub mod formats;
mod payload;
mod record;
mod reply;
mod script;
mod server;
mod wire;

pub use act::{Act, Behaviour, Play, flaky};
pub use chat::{Chat, Cut, Framing, Split, UsageStyle};
pub use payload::TEXT;
pub use record::{LedgerEntry, Outcome, Seen};
pub use reply::Reply;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::background::Background;
use record::Shared;

/// A running scripted upstream; dropping it closes the listener and every connection.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    _server: Background,
}

/// Where else than on loopback TCP an upstream listens and writes.
#[derive(Default)]
pub struct UpstreamOptions {
    /// Also listen on this unix socket.
    pub unix_socket: Option<PathBuf>,
    /// Append every completely sent answer to this file, one JSON object a line.
    pub ledger_file: Option<PathBuf>,
    /// Listen here instead of on a free port; for the example binary only, tests take a free port.
    pub listen: Option<SocketAddr>,
}

impl Upstream {
    /// Starts on a free loopback port, on a thread of its own, so that blocking tests can use it.
    pub fn start() -> Self {
        Self::start_with(UpstreamOptions::default())
    }

    /// Starts with options.
    pub fn start_with(options: UpstreamOptions) -> Self {
        let shared = Arc::new(Shared::new(options.ledger_file));
        let (bound, address) = std::sync::mpsc::sync_channel(1);
        let served = Arc::clone(&shared);
        let listen = options
            .listen
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let unix_socket = options.unix_socket;
        let server = Background::start(move || server::run(served, listen, unix_socket, bound));
        let address = address.recv().expect("the upstream binds a loopback port");
        Self {
            address,
            shared,
            _server: server,
        }
    }

    /// The TCP address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL a provider's settings name, `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The address without a path, for providers whose APIs begin elsewhere.
    pub fn root_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Queues the behaviour for the next request not yet arrived; queued behaviours go before every other choice.
    pub fn next(&self, behaviour: impl Into<Behaviour>) -> &Self {
        self.shared.queue(behaviour.into());
        self
    }

    /// Queues the same behaviour `times` times.
    pub fn next_times(&self, times: usize, behaviour: impl Into<Behaviour>) -> &Self {
        let behaviour = behaviour.into();
        for _ in 0..times {
            self.shared.queue(behaviour.clone());
        }
        self
    }

    /// Answers requests for `model` so, unless the queue has something.
    pub fn on_model(&self, model: &str, behaviour: impl Into<Behaviour>) -> &Self {
        self.shared.set_model(model, behaviour.into());
        self
    }

    /// Every request seen so far, oldest first.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.seen()
    }

    /// The requests whose body names `model`.
    pub fn requests_for(&self, model: &str) -> Vec<Seen> {
        self.requests()
            .into_iter()
            .filter(|seen| seen.model() == Some(model))
            .collect()
    }

    /// The newest request; fails the test if there was none.
    pub fn last_request(&self) -> Seen {
        self.requests().pop().expect("the upstream saw a request")
    }

    /// Waits until `count` requests have arrived and gives them back; fails the test if they do not come.
    pub fn wait_for_requests(&self, count: usize) -> Vec<Seen> {
        self.wait(crate::PATIENCE, |seen| seen.len() >= count)
            .unwrap_or_else(|| {
                panic!(
                    "the upstream saw {} requests, {count} were expected",
                    self.requests().len()
                )
            })
    }

    /// Waits until the request numbered `seq` has ended and says how; `None` when it is still going on after `limit`.
    pub fn wait_for_end(&self, seq: usize, limit: Duration) -> Option<Outcome> {
        let ended = |seen: &[Seen]| {
            seen.get(seq)
                .is_some_and(|one| one.outcome != Outcome::Going)
        };
        let seen = self.wait(limit, ended)?;
        seen.get(seq).map(|one| one.outcome)
    }

    /// Waits until `enough` holds for the requests seen, for at most `limit`.
    pub fn wait(&self, limit: Duration, enough: impl Fn(&[Seen]) -> bool) -> Option<Vec<Seen>> {
        self.shared.wait(limit, enough)
    }

    /// The answers that were sent to their last byte.
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.shared.ledger()
    }

    /// Forgets all requests, the queue and the ledger; the table of models stays.
    pub fn forget(&self) {
        self.shared.forget();
    }

    /// How many connections were accepted so far.
    pub fn connections_accepted(&self) -> usize {
        self.shared.connections_accepted()
    }

    /// How many connections are open now.
    pub fn connections_open(&self) -> usize {
        self.shared.connections_open()
    }

    /// The file that completely sent answers are appended to, if one was asked for.
    pub fn ledger_file(&self) -> Option<&Path> {
        self.shared.ledger_file()
    }
}
