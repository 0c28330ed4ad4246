//! A client's connection before it is HTTP: counted against the bounds, and told apart as HTTP/1 or HTTP/2.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora::apps::ServerApp;
use pingora::listeners::ConnectionFilter;
use pingora::protocols::Stream;
use pingora::protocols::l4::stream::Stream as RawStream;
use pingora::server::ShutdownWatch;
use tokio::io::AsyncReadExt;
use weir_filters::metrics::Metrics;

use super::app::{App, Protocol};

/// What an HTTP/2 client without TLS begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long Pingora lets a client shake hands.
const HANDSHAKE: Duration = Duration::from_secs(60);

/// The bounds on connections.
#[derive(Clone, Copy)]
pub struct Bounds {
    /// Connections of one address.
    pub per_ip: usize,
    /// Connections in all.
    pub in_all: usize,
    /// The time a new connection has for its first bytes.
    pub first_bytes: Duration,
}

/// Counts the open connections.
pub struct Doorkeeper {
    bounds: Bounds,
    open: Mutex<Open>,
    /// Told how many are open, where these are the connections of clients.
    metrics: Option<Arc<Metrics>>,
}

#[derive(Default)]
struct Open {
    in_all: usize,
    per_ip: HashMap<IpAddr, usize>,
    /// Accepted and not let in yet: they are shaking hands, which Pingora bounds by [`HANDSHAKE`].
    arriving: HashMap<IpAddr, VecDeque<Instant>>,
    arriving_in_all: usize,
}

impl Open {
    fn arrives(&mut self, ip: IpAddr, now: Instant) {
        self.arriving.entry(ip).or_default().push_back(now);
        self.arriving_in_all += 1;
    }

    /// The longest under way of that address has arrived.
    fn has_arrived(&mut self, ip: IpAddr) {
        if let Some(since) = self.arriving.get_mut(&ip)
            && since.pop_front().is_some()
        {
            self.arriving_in_all -= 1;
            if since.is_empty() {
                self.arriving.remove(&ip);
            }
        }
    }

    /// Forgets those of an address who never came further; how many are still on their way.
    fn arriving_of(&mut self, ip: IpAddr, now: Instant) -> usize {
        let is_lost = |at: &Instant| now.duration_since(*at) >= HANDSHAKE;
        while self
            .arriving
            .get(&ip)
            .and_then(VecDeque::front)
            .is_some_and(is_lost)
        {
            self.has_arrived(ip);
        }
        self.arriving.get(&ip).map_or(0, VecDeque::len)
    }

    /// Forgets everyone who never came further: only when there is no room, as it looks at every address.
    fn forget_lost(&mut self, now: Instant) {
        let addresses: Vec<IpAddr> = self.arriving.keys().copied().collect();
        for ip in addresses {
            self.arriving_of(ip, now);
        }
    }
}

/// A connection that was let in.
struct Entry {
    doorkeeper: Arc<Doorkeeper>,
    ip: Option<IpAddr>,
}

impl Doorkeeper {
    /// A doorkeeper over the listeners for clients, or over the operator's own: those have no metrics, and a place that no
    /// crowd of clients can take.
    pub fn new(bounds: Bounds, metrics: Option<Arc<Metrics>>) -> Arc<Self> {
        Arc::new(Self {
            bounds,
            open: Mutex::default(),
            metrics,
        })
    }

    fn tell(&self, open: &Open) {
        if let Some(metrics) = &self.metrics {
            metrics.set_connections(open.in_all);
        }
    }

    /// Whether a connection that was just accepted may go on to shake hands.
    fn may_arrive(&self, ip: IpAddr, now: Instant) -> bool {
        let mut open = self.open.lock();
        let of_ip = open.per_ip.get(&ip).copied().unwrap_or(0) + open.arriving_of(ip, now);
        if of_ip >= self.bounds.per_ip {
            return false;
        }
        if open.in_all + open.arriving_in_all >= self.bounds.in_all {
            open.forget_lost(now);
        }
        if open.in_all + open.arriving_in_all >= self.bounds.in_all {
            return false;
        }
        open.arrives(ip, now);
        true
    }

    /// Lets a connection in, or not. Those of a unix socket have no address and count in the sum alone.
    fn admit(self: &Arc<Self>, ip: Option<IpAddr>) -> Option<Entry> {
        let mut open = self.open.lock();
        if let Some(ip) = ip {
            open.has_arrived(ip);
        }
        if open.in_all >= self.bounds.in_all {
            return None;
        }
        if let Some(ip) = ip {
            let of_ip = open.per_ip.entry(ip).or_default();
            if *of_ip >= self.bounds.per_ip {
                return None;
            }
            *of_ip += 1;
        }
        open.in_all += 1;
        self.tell(&open);
        Some(Entry {
            doorkeeper: Arc::clone(self),
            ip,
        })
    }
}

impl std::fmt::Debug for Doorkeeper {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Doorkeeper")
    }
}

#[async_trait]
impl ConnectionFilter for Doorkeeper {
    async fn should_accept(&self, address: Option<&SocketAddr>) -> bool {
        address.is_none_or(|address| self.may_arrive(address.ip(), Instant::now()))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut open = self.doorkeeper.open.lock();
        open.in_all = open.in_all.saturating_sub(1);
        self.doorkeeper.tell(&open);
        if let Some(ip) = self.ip
            && let Some(of_ip) = open.per_ip.get_mut(&ip)
        {
            *of_ip -= 1;
            if *of_ip == 0 {
                open.per_ip.remove(&ip);
            }
        }
    }
}

/// What Pingora's listeners hand connections to.
pub struct Connections {
    doorkeeper: Arc<Doorkeeper>,
    http1: Arc<App>,
    http2: Arc<App>,
}

impl Connections {
    /// Hands connections that are let in to `app`.
    pub fn new(doorkeeper: Arc<Doorkeeper>, app: &App) -> Self {
        Self {
            doorkeeper,
            http1: Arc::new(app.speaking(Protocol::Negotiated)),
            http2: Arc::new(app.speaking(Protocol::PriorKnowledge)),
        }
    }
}

#[async_trait]
impl ServerApp for Connections {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let digest = stream.get_socket_digest();
        let address = digest.as_ref().and_then(|digest| digest.peer_addr());
        let ip = address
            .and_then(|it| it.as_inet())
            .map(std::net::SocketAddr::ip);
        let Some(_entry) = self.doorkeeper.admit(ip) else {
            tracing::debug!(?ip, "connection refused: too many are open");
            return None;
        };
        // TLS has settled the protocol by ALPN; in clear text the first bytes tell.
        let is_tls = stream.get_ssl_digest().is_some();
        if is_tls {
            return self.http1.process_new(stream, shutdown).await;
        }
        let mut stopping = shutdown.clone();
        let peeked = tokio::select! {
            peeked = tokio::time::timeout(self.doorkeeper.bounds.first_bytes, peek(stream)) => peeked,
            _ = stopping.wait_for(|is_stopping| *is_stopping) => return None,
        };
        match peeked {
            Ok(Some((stream, true))) => self.http2.process_new(stream, shutdown).await,
            Ok(Some((stream, false))) => self.http1.process_new(stream, shutdown).await,
            _ => None,
        }
    }
}

/// Reads as many bytes as agree with the HTTP/2 preface and puts them back. Pingora's own peek waits for all 24 bytes, and
/// the shortest HTTP/1.0 requests have fewer. `None` where the client is gone.
async fn peek(stream: Stream) -> Option<(Stream, bool)> {
    let mut raw = stream.into_any().downcast::<RawStream>().ok()?;
    let mut seen = [0_u8; PREFACE.len()];
    let mut len = 0;
    while len < PREFACE.len() {
        let read = raw.read(&mut seen[len..]).await.ok()?;
        if read == 0 {
            return None;
        }
        len += read;
        if seen[..len] != PREFACE[..len] {
            break;
        }
    }
    raw.rewind(&seen[..len]);
    Some((raw, seen == PREFACE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_shakes_hands_counts_until_it_is_let_in_or_lost() {
        let bounds = Bounds {
            per_ip: 2,
            in_all: 3,
            first_bytes: Duration::from_secs(1),
        };
        let doorkeeper = Doorkeeper::new(bounds, None);
        let (ip, now) = (IpAddr::from([10, 0, 0, 1]), Instant::now());
        assert!(doorkeeper.may_arrive(ip, now) && doorkeeper.may_arrive(ip, now));
        assert!(!doorkeeper.may_arrive(ip, now));
        let _entry = doorkeeper.admit(Some(ip)).unwrap();
        assert!(
            !doorkeeper.may_arrive(ip, now),
            "one is in, one shakes hands"
        );
        assert!(
            doorkeeper.may_arrive(ip, now + HANDSHAKE),
            "the other was lost"
        );
    }

    #[test]
    fn connections_are_counted_per_address_and_in_all() {
        let bounds = Bounds {
            per_ip: 2,
            in_all: 3,
            first_bytes: Duration::from_secs(1),
        };
        let metrics = Arc::new(Metrics::new().unwrap());
        let doorkeeper = Doorkeeper::new(bounds, Some(metrics));
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = doorkeeper.admit(Some(one)).unwrap();
        let _second = doorkeeper.admit(Some(one)).unwrap();
        assert!(doorkeeper.admit(Some(one)).is_none());
        let _third = doorkeeper.admit(Some(other)).unwrap();
        assert!(doorkeeper.admit(None).is_none());
        drop(first);
        assert!(doorkeeper.admit(Some(one)).is_some());
    }
}
