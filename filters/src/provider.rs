//! A provider at run time: its settings beside its keys as headers, its addresses and its peers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use pingora::upstreams::peer::{HttpPeer, Peer};
use thiserror::Error;
use weir_config::{Auth, Provider, Settings};

use crate::clock::Clock;
use crate::health::{Switch, Switchboard};

/// How long a resolved address is used before it is looked up again.
const ADDRESS_TTL_US: i64 = 30_000_000;
/// How long a look-up may take.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Streams on one HTTP/2 connection to a provider before another is opened.
const H2_STREAMS_PER_CONNECTION: usize = 100;
/// How often an idle HTTP/2 connection is pinged, so that a dead one is found before a request is.
const H2_PING: Duration = Duration::from_secs(20);
/// How long an idle connection to a provider is kept.
pub(crate) const POOL_IDLE: Duration = Duration::from_secs(50);

/// Headers that are ours to set.
const RESERVED: [HeaderName; 6] = [
    http::header::HOST,
    http::header::CONTENT_LENGTH,
    http::header::CONTENT_TYPE,
    http::header::TRANSFER_ENCODING,
    http::header::CONNECTION,
    http::header::ACCEPT_ENCODING,
];

/// Whose provider key it is; the answer to "who must mend it".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOwner {
    /// The caller's own.
    Caller,
    /// The operator's, from the configuration.
    Operator,
    /// The provider needs none.
    Nobody,
}

/// A provider key as it travels. It has neither `Debug` nor `Display`.
pub struct UpstreamKey {
    /// The key's name in rows and messages; never the secret.
    pub id: Arc<str>,
    /// Whose it is.
    pub owner: KeyOwner,
    /// Its share among the keys of one target.
    pub weight: u32,
    pub(crate) header: Option<(HeaderName, HeaderValue)>,
    pub(crate) switch: Arc<Switch>,
}

impl UpstreamKey {
    /// A key sent the way `auth` says; `None` where the secret cannot stand in a header.
    pub fn new(
        id: &str,
        owner: KeyOwner,
        weight: u32,
        auth: Auth,
        secret: &str,
        switchboard: &Switchboard,
    ) -> Option<Self> {
        let header = match auth {
            Auth::Bearer => Some((AUTHORIZATION, format!("Bearer {secret}"))),
            Auth::ApiKey => Some((HeaderName::from_static("api-key"), secret.to_owned())),
            Auth::XApiKey => Some((HeaderName::from_static("x-api-key"), secret.to_owned())),
            Auth::XGoogApiKey => {
                Some((HeaderName::from_static("x-goog-api-key"), secret.to_owned()))
            }
            Auth::Aws | Auth::Google | Auth::Azure | Auth::None => None,
        };
        let header = match header {
            Some((name, text)) => {
                let mut value = HeaderValue::from_str(&text).ok()?;
                value.set_sensitive(true);
                Some((name, value))
            }
            None => None,
        };
        Some(Self {
            id: Arc::from(id),
            owner,
            weight: weight.max(1),
            header,
            // A replaced secret is another key: it must not inherit what the old one was set aside for.
            switch: switchboard.switch(format!("key:{id}:{:x}", fingerprint(secret))),
        })
    }
}

impl UpstreamKey {
    /// A provider's message without the key, should it quote it.
    pub(crate) fn redact(&self, message: &str) -> String {
        let sent = self
            .header
            .as_ref()
            .and_then(|(_, value)| value.to_str().ok());
        let secret = sent.map(|it| it.strip_prefix("Bearer ").unwrap_or(it));
        match secret.filter(|it| !it.is_empty()) {
            Some(secret) => message.replace(secret, "[key]"),
            None => message.to_owned(),
        }
    }
}

/// Tells secrets of this process's memory apart, and nothing about them.
fn fingerprint(secret: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    secret.hash(&mut hasher);
    hasher.finish()
}

/// Why a provider's address is not known.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// The name did not resolve in time, or to nothing.
    #[error("the host `{host}` of provider `{provider}` does not resolve")]
    NoAddress {
        /// The provider's name.
        provider: Arc<str>,
        /// The host's name.
        host: String,
    },
}

/// A provider and what is needed to reach it.
pub struct Upstream {
    /// The provider's name.
    pub name: Arc<str>,
    /// The operator's keys.
    pub operator_keys: Vec<Arc<UpstreamKey>>,
    /// The value of the `Host` header.
    pub host: HeaderValue,
    /// Headers that the operator adds to every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    settings: Arc<Settings>,
    peers: ArcSwapOption<Peers>,
}

/// One address of a provider.
pub struct Address {
    /// How Pingora connects to it over TLS.
    pub peer: HttpPeer,
    /// Where it is.
    pub location: Location,
    /// Equal for connections that may stand in for each other.
    pub key: u64,
}

/// Where a provider listens.
pub enum Location {
    /// An IP address and port.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

/// The peers of one resolution, in the resolver's order.
pub struct Peers {
    list: Vec<Arc<Address>>,
    until_us: i64,
}

impl Upstream {
    /// The provider `name` of these settings.
    pub fn new(settings: &Arc<Settings>, name: &str, switchboard: &Switchboard) -> Option<Self> {
        let provider = settings.providers.get(name)?;
        let keys = provider.keys.iter().filter_map(|key| {
            let id = &key.id;
            UpstreamKey::new(
                id,
                KeyOwner::Operator,
                key.weight,
                provider.auth,
                key.secret.expose(),
                switchboard,
            )
            .map(Arc::new)
        });
        let mut operator_keys: Vec<_> = keys.collect();
        if provider.local || provider.auth == Auth::None {
            operator_keys.extend(
                UpstreamKey::new("none", KeyOwner::Nobody, 1, Auth::None, "", switchboard)
                    .map(Arc::new),
            );
        }
        Some(Self {
            name: Arc::from(name),
            host: HeaderValue::try_from(provider.base_url.authority()).ok()?,
            headers: own_headers(provider),
            operator_keys,
            settings: Arc::clone(settings),
            peers: ArcSwapOption::empty(),
        })
    }

    /// The provider's settings.
    pub fn provider(&self) -> &Provider {
        // The name was found in these very settings by `new`, and settings never change.
        &self.settings.providers[&*self.name]
    }

    /// Whether the provider answers from within this process.
    pub fn is_demo(&self) -> bool {
        self.provider().kind == weir_config::ProviderKind::Demo
    }

    /// The address to talk to. After a failed connect `turn` moves on to the next address.
    pub async fn address(&self, clock: &Clock, turn: usize) -> Result<Arc<Address>, ResolveError> {
        let now_us = clock.now_us();
        if let Some(peers) = self.peers.load().as_ref()
            && now_us < peers.until_us
        {
            return Ok(Arc::clone(&peers.list[turn % peers.list.len()]));
        }
        let list = match self.resolve().await {
            Some(list) => list,
            // A resolver that is away must not take a working provider with it: the old addresses serve on.
            None => match self.peers.load().as_ref() {
                Some(old) => old.list.clone(),
                None => {
                    return Err(ResolveError::NoAddress {
                        provider: Arc::clone(&self.name),
                        host: self.provider().base_url.host.clone(),
                    });
                }
            },
        };
        let peer = Arc::clone(&list[turn % list.len()]);
        self.peers.store(Some(Arc::new(Peers {
            list,
            until_us: now_us + ADDRESS_TTL_US,
        })));
        Ok(peer)
    }

    /// The peers of a fresh look-up; `None` where it failed. Never an empty list.
    async fn resolve(&self) -> Option<Vec<Arc<Address>>> {
        let base = &self.provider().base_url;
        if let Some(path) = &base.unix_socket {
            let peer = HttpPeer::new_uds(&path.to_string_lossy(), base.tls, base.host.clone());
            return peer
                .ok()
                .map(|peer| vec![self.with_options(peer, Location::Unix(path.clone()))]);
        }
        let looked_up = tokio::net::lookup_host((base.host.as_str(), base.port));
        let found = tokio::time::timeout(RESOLVE_TIMEOUT, looked_up).await;
        let list: Vec<_> = found.ok()?.ok()?.map(|at| self.peer_at(at)).collect();
        (!list.is_empty()).then_some(list)
    }

    fn peer_at(&self, address: SocketAddr) -> Arc<Address> {
        let base = &self.provider().base_url;
        let peer = HttpPeer::new(address, base.tls, base.host.clone());
        self.with_options(peer, Location::Tcp(address))
    }

    fn with_options(&self, mut peer: HttpPeer, location: Location) -> Arc<Address> {
        let timeouts = &self.provider().timeouts;
        let options = &mut peer.options;
        let connect = Duration::from_millis(timeouts.connect_ms);
        options.connection_timeout = Some(connect);
        options.total_connection_timeout = Some(connect);
        options.write_timeout = Some(Duration::from_millis(timeouts.idle_ms));
        options.idle_timeout = Some(POOL_IDLE);
        if self.provider().base_url.tls {
            options.set_http_version(2, 1);
            options.max_h2_streams = H2_STREAMS_PER_CONNECTION;
            options.h2_ping_interval = Some(H2_PING);
        }
        Arc::new(Address {
            key: peer.reuse_hash(),
            location,
            peer,
        })
    }
}

/// The operator's headers, as the configuration has checked them; what stands for a header of ours is left out.
fn own_headers(provider: &Provider) -> Vec<(HeaderName, HeaderValue)> {
    let pairs = provider.headers.iter();
    pairs
        .filter_map(|(name, value)| {
            let name = HeaderName::try_from(name).ok()?;
            Some((name, HeaderValue::try_from(value).ok()?))
        })
        .filter(|(name, _)| !RESERVED.contains(name))
        .collect()
}
