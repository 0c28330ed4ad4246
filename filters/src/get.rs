//! One `GET` at a provider that is no call of anybody's: nothing is metered, retried or relayed.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use weir_wire::format::Format;

use crate::answer::JSON;
use crate::credential::{CredentialError, Signing};
use crate::gateway::Gateway;
use crate::inject::RequestHead;
use crate::link::{Link, LinkError};
use crate::provider::{Upstream, UpstreamKey};
use crate::site::Site;

/// What is asked of a provider, and its bounds.
pub(crate) struct Get<'a> {
    pub upstream: &'a Upstream,
    pub key: &'a UpstreamKey,
    /// Where it is asked: the key's own site, or another host of the same owner.
    pub site: &'a Site,
    /// The path and query of the URL.
    pub path: String,
    /// Which vendor's headers go along.
    pub format: Format,
    /// A header of this question alone.
    pub header: Option<(HeaderName, HeaderValue)>,
    pub max_bytes: usize,
    /// By when the whole answer must be there.
    pub deadline: Instant,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GetError {
    /// Nobody is there.
    #[error("it cannot be reached: {0}")]
    Unreachable(&'static str),
    /// The key could not be shown.
    #[error("{0}")]
    Key(CredentialError),
    /// It took too long.
    #[error("it did not answer in time")]
    TimedOut,
    /// It answered with something other than success.
    #[error("it answered {status}{}", status_hint(*.status))]
    Status {
        /// The status.
        status: u16,
    },
    /// The answer did not come whole.
    #[error("{0}")]
    Broken(&'static str),
    /// The answer is larger than allowed.
    #[error("its answer is too large")]
    TooLarge,
}

fn status_hint(status: u16) -> &'static str {
    match status {
        401 => ": the key is not accepted",
        403 => ": the key may not ask for this",
        404 | 405 | 501 => ": it has no such list",
        429 => ": too many requests",
        _ => "",
    }
}

impl From<LinkError> for GetError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Connect(why) => Self::Unreachable(why),
            LinkError::ConnectTimeout | LinkError::FirstByteTimeout | LinkError::IdleTimeout => {
                Self::TimedOut
            }
            LinkError::DeadPooled => Self::Broken("the connection closed before an answer"),
            LinkError::Broken(why) => Self::Broken(why),
        }
    }
}

/// Asks, and reads the whole answer.
pub(crate) async fn get(gateway: &Gateway, get: &Get<'_>) -> Result<Bytes, GetError> {
    match once(gateway, get, false).await {
        // A kept connection that had died: nobody has seen the request.
        Err(Failed::DeadPooled) => once(gateway, get, true).await,
        result => result,
    }
    .map_err(|failed| match failed {
        Failed::DeadPooled => LinkError::DeadPooled.into(),
        Failed::For(why) => why,
    })
}

enum Failed {
    DeadPooled,
    For(GetError),
}

impl From<LinkError> for Failed {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::DeadPooled => Self::DeadPooled,
            error => Self::For(error.into()),
        }
    }
}

async fn once(gateway: &Gateway, get: &Get<'_>, fresh: bool) -> Result<Bytes, Failed> {
    let late = |_| Failed::For(GetError::TimedOut);
    let sent = timeout_at(get.deadline, send(gateway, get, fresh)).await;
    let mut link = sent.map_err(late)??;
    // The link outlives the wait, so that its connection is given back in either case.
    let received = timeout_at(get.deadline, receive(get, &mut link)).await;
    if link.is_read() {
        gateway.connectors.release(link).await;
    } else {
        gateway.connectors.cancel(link).await;
    }
    received.map_err(late)?
}

async fn send(gateway: &Gateway, get: &Get<'_>, fresh: bool) -> Result<Link, Failed> {
    let fixed = get.key.static_header();
    let mut auth: Vec<_> = fixed
        .map(|(name, value)| (name.clone(), value.clone()))
        .into_iter()
        .collect();
    let host = &get.site.host;
    if get.key.is_dynamic() {
        let signing = Signing {
            method: "GET",
            host: host.to_str().unwrap_or_default(),
            path_and_query: &get.path,
            body: &[],
            now_ms: gateway.clock.now_ms(),
        };
        let proven = get.key.authorize(&signing, &gateway.connectors).await;
        auth = proven.map_err(|why| Failed::For(GetError::Key(why)))?;
    }
    // The operator's own header of that name stands.
    let own = get.upstream.headers(get.key);
    let added = get.header.iter();
    auth.extend(
        added
            .filter(|(name, _)| own.iter().all(|(other, _)| other != name))
            .cloned(),
    );
    let head = RequestHead {
        method: &Method::GET,
        host,
        path: &get.path,
        content_type: &JSON,
        accept: &JSON,
        auth: &auth,
        forwarded: &[],
        own,
        format: get.format,
        is_native: true,
    };
    let timeouts = &get.upstream.provider().timeouts;
    let address = get.site.address(timeouts, &gateway.clock, 0).await;
    let address = address.map_err(|_| LinkError::Connect("its host does not resolve"))?;
    let sending = gateway.connectors.send(&address, head, Bytes::new(), fresh);
    Ok(sending.await?)
}

async fn receive(get: &Get<'_>, link: &mut Link) -> Result<Bytes, Failed> {
    let limit = || get.deadline.saturating_duration_since(Instant::now());
    link.read_head(limit().max(Duration::from_millis(1)))
        .await?;
    let status = link.head().map_or(0, |head| head.status.as_u16());
    link.set_idle(limit().max(Duration::from_millis(1)));
    let mut body = BytesMut::new();
    while let Some(piece) = link.read_body().await? {
        if body.len() + piece.len() > get.max_bytes {
            return Err(Failed::For(GetError::TooLarge));
        }
        body.extend_from_slice(&piece);
    }
    // What a provider says of a refusal may quote the key: only its status is told.
    if status != 200 {
        return Err(Failed::For(GetError::Status { status }));
    }
    Ok(body.freeze())
}
