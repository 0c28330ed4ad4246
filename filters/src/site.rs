//! A place on the network that answers for a provider: its addresses, looked up now and then, and how they are connected to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use pingora::upstreams::peer::{HttpPeer, Peer};
use thiserror::Error;
use tokio::sync::Semaphore;
use weir_config::{BaseUrl, Timeouts, is_public};

use crate::clock::Clock;
use crate::h2_turn::H2Turn;

/// How long a resolved address is used before it is looked up again.
const ADDRESS_TTL_US: i64 = 30_000_000;
/// Names given by others that are looked up at the same time.
static LOOKUPS_OF_OTHERS: Semaphore = Semaphore::const_new(16);
/// How long a look-up may take.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Streams on one HTTP/2 connection to a provider before another is opened.
const H2_STREAMS_PER_CONNECTION: usize = 100;
/// How often an idle HTTP/2 connection is pinged, so that a dead one is found before a request is.
const H2_PING: Duration = Duration::from_secs(20);
/// How long an idle connection to a provider is kept.
pub(crate) const POOL_IDLE: Duration = Duration::from_secs(50);

/// Why a site's address is not known.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// The name did not resolve in time, or to nothing.
    #[error("the host `{host}` does not resolve")]
    NoAddress {
        /// The host's name.
        host: String,
    },
    /// The name leads where whoever named it must not reach.
    #[error(
        "the host `{host}` is at {address}, which is not on the Internet; `policy.private_endpoints` allows it"
    )]
    Private {
        /// The host's name.
        host: String,
        /// Where it leads.
        address: SocketAddr,
    },
}

/// A place on the network.
pub struct Site {
    /// Its URL.
    pub base_url: BaseUrl,
    /// The value of the `Host` header.
    pub host: HeaderValue,
    /// Whether it may only be on the Internet, since its name comes from somebody who is not the operator.
    must_be_public: bool,
    peers: ArcSwapOption<Peers>,
}

/// One address of a site.
pub struct Address {
    /// How Pingora connects to it over TLS.
    pub peer: HttpPeer,
    /// Where it is.
    pub location: Location,
    /// Equal for connections that may stand in for each other.
    pub key: u64,
    /// Kept from one resolution to the next.
    pub(crate) h2_turn: Arc<H2Turn>,
}

/// Where a site listens.
pub enum Location {
    /// An IP address and port.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

/// The peers of one resolution, in the resolver's order.
struct Peers {
    list: Vec<Arc<Address>>,
    until_us: i64,
}

impl Address {
    /// An address that nothing is known of yet.
    pub fn new(peer: HttpPeer, location: Location) -> Self {
        Self {
            key: peer.reuse_hash(),
            location,
            peer,
            h2_turn: Arc::default(),
        }
    }
}

impl Site {
    /// A site that the operator named.
    pub fn new(base_url: BaseUrl) -> Option<Self> {
        Some(Self {
            host: HeaderValue::try_from(base_url.authority()).ok()?,
            base_url,
            must_be_public: false,
            peers: ArcSwapOption::empty(),
        })
    }

    /// A site that somebody else named.
    pub fn named_by_others(base_url: BaseUrl) -> Option<Self> {
        Some(Self {
            must_be_public: true,
            ..Self::new(base_url)?
        })
    }

    /// Another host of whoever named this one, held to the same.
    pub fn beside(&self, base_url: BaseUrl) -> Option<Self> {
        Some(Self {
            must_be_public: self.must_be_public,
            ..Self::new(base_url)?
        })
    }

    /// The address to talk to. After a failed connect `turn` moves on to the next address.
    pub async fn address(
        &self,
        timeouts: &Timeouts,
        clock: &Clock,
        turn: usize,
    ) -> Result<Arc<Address>, ResolveError> {
        let now_us = clock.now_us();
        if let Some(peers) = self.peers.load().as_ref()
            && now_us < peers.until_us
        {
            return Ok(Arc::clone(&peers.list[turn % peers.list.len()]));
        }
        let list = match self.resolve(timeouts).await {
            Ok(list) => list,
            // A resolver that is away must not take a working provider with it: the old addresses serve on.
            Err(why @ ResolveError::NoAddress { .. }) => match self.peers.load().as_ref() {
                Some(old) => old.list.clone(),
                None => return Err(why),
            },
            Err(why) => return Err(why),
        };
        let peer = Arc::clone(&list[turn % list.len()]);
        self.peers.store(Some(Arc::new(Peers {
            list,
            until_us: now_us + ADDRESS_TTL_US,
        })));
        Ok(peer)
    }

    /// The peers of a fresh look-up; never an empty list. What was looked up is what is connected to, so that a name that
    /// answers differently the next time changes nothing.
    async fn resolve(&self, timeouts: &Timeouts) -> Result<Vec<Arc<Address>>, ResolveError> {
        let base = &self.base_url;
        let no_address = || ResolveError::NoAddress {
            host: base.host.clone(),
        };
        if let Some(path) = &base.unix_socket {
            let peer = HttpPeer::new_uds(&path.to_string_lossy(), base.tls, base.host.clone());
            let peer = peer.map_err(|_| no_address())?;
            let location = Location::Unix(path.clone());
            return Ok(vec![self.with_options(peer, location, timeouts)]);
        }
        let looked_up = tokio::time::timeout(RESOLVE_TIMEOUT, self.look_up());
        let found = looked_up.await.ok().flatten().ok_or_else(no_address)?;
        if self.must_be_public
            && let Some(address) = found.iter().find(|address| !is_public(address.ip()))
        {
            return Err(ResolveError::Private {
                host: base.host.clone(),
                address: *address,
            });
        }
        let list: Vec<_> = found
            .into_iter()
            .map(|address| {
                let peer = HttpPeer::new(address, base.tls, base.host.clone());
                self.with_options(peer, Location::Tcp(address), timeouts)
            })
            .collect();
        if list.is_empty() {
            return Err(no_address());
        }
        Ok(list)
    }

    /// Asks the system's resolver, which works on a thread of the pool for as long as it takes, whoever waits for it. The
    /// names that others give may lead to servers that never answer, so they have a few of those threads and not all.
    async fn look_up(&self) -> Option<Vec<SocketAddr>> {
        let turn = match self.must_be_public {
            true => Some(LOOKUPS_OF_OTHERS.acquire().await.ok()?),
            false => None,
        };
        let (host, port) = (self.base_url.host.clone(), self.base_url.port);
        let asking = tokio::spawn(async move {
            let _turn = turn;
            let found = tokio::net::lookup_host((host, port)).await;
            found.map(Iterator::collect).ok()
        });
        asking.await.ok().flatten()
    }

    fn with_options(
        &self,
        mut peer: HttpPeer,
        location: Location,
        timeouts: &Timeouts,
    ) -> Arc<Address> {
        let options = &mut peer.options;
        let connect = Duration::from_millis(timeouts.connect_ms);
        options.connection_timeout = Some(connect);
        options.total_connection_timeout = Some(connect);
        options.write_timeout = Some(Duration::from_millis(timeouts.idle_ms));
        options.idle_timeout = Some(POOL_IDLE);
        if self.base_url.tls {
            options.set_http_version(2, 1);
            options.max_h2_streams = H2_STREAMS_PER_CONNECTION;
            options.h2_ping_interval = Some(H2_PING);
        }
        let mut address = Address::new(peer, location);
        let known = self.peers.load();
        let known = known.as_ref().map_or(&[][..], |peers| &peers.list);
        if let Some(known) = known.iter().find(|known| known.key == address.key) {
            address.h2_turn = Arc::clone(&known.h2_turn);
        }
        Arc::new(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(host: &str) -> BaseUrl {
        BaseUrl {
            tls: true,
            host: host.to_owned(),
            port: 443,
            path: String::new(),
            unix_socket: None,
        }
    }

    #[tokio::test]
    async fn a_site_that_somebody_named_must_be_on_the_internet() {
        let clock = Clock::system();
        let timeouts = Timeouts::default();
        // A resolver takes all of these for addresses of this machine or its network.
        for host in [
            "127.0.0.1",
            "::1",
            "localhost",
            "0x7f.1",
            "2130706433",
            "169.254.169.254",
            "::ffff:10.0.0.1",
        ] {
            let site = Site::named_by_others(url(host)).unwrap();
            let outcome = site.address(&timeouts, &clock, 0).await;
            assert!(outcome.is_err(), "{host}");
        }
        let public = Site::named_by_others(url("1.1.1.1")).unwrap();
        assert!(public.address(&timeouts, &clock, 0).await.is_ok());
        let own = Site::new(url("127.0.0.1")).unwrap();
        assert!(own.address(&timeouts, &clock, 0).await.is_ok());
    }

    #[tokio::test]
    async fn a_refusal_names_the_address_and_the_setting() {
        let site = Site::named_by_others(url("10.1.2.3")).unwrap();
        let outcome = site
            .address(&Timeouts::default(), &Clock::system(), 0)
            .await;
        let why = outcome.err().map(|why| why.to_string());
        assert_eq!(
            why.as_deref(),
            Some(
                "the host `10.1.2.3` is at 10.1.2.3:443, which is not on the Internet; `policy.private_endpoints` \
                 allows it"
            )
        );
    }
}
