//! What the steps of the way hand to one another. Each is made by one step alone, so the types make the order.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;
use weir_wire::body::Head;

use crate::counters::Lease;
use crate::directory::Known;

/// An operation of the API that goes to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST /v1/chat/completions`
    Chat,
    /// `POST /v1/completions`
    Completions,
    /// `POST /v1/embeddings`
    Embeddings,
}

impl Endpoint {
    /// The operation's path below a provider's base URL.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Completions => "/completions",
            Self::Embeddings => "/embeddings",
        }
    }

    /// The operation's name in usage rows and metrics (OpenTelemetry `gen_ai.operation.name`).
    pub fn kind(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "text_completion",
            Self::Embeddings => "embeddings",
        }
    }
}

/// The head of a client's request, as far as the way needs it.
#[derive(Clone)]
pub struct Inbound {
    /// The operation asked for.
    pub endpoint: Endpoint,
    /// The call's id, also the answer's `x-request-id`.
    pub call_id: Uuid,
    /// When the request's head had arrived, microseconds since the Unix epoch.
    pub started_at_us: i64,
    /// The body's `Content-Encoding`, if any.
    pub encoding: Option<Encoding>,
    /// Headers of the client that may travel upstream: names and values from the allow-list only.
    pub forwarded: Vec<(HeaderName, HeaderValue)>,
}

/// A compression a request body may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `gzip`
    Gzip,
    /// `br`
    Brotli,
    /// `zstd`
    Zstd,
    /// Anything else, which is refused.
    Unknown,
}

/// Who calls: made by `identify` alone.
pub struct Caller {
    pub(crate) known: Arc<Known>,
}

/// A caller within the limits: made by `admit` alone. Holds the concurrency slots until the call ends.
pub struct Admitted {
    pub(crate) caller: Caller,
    pub(crate) lease: Lease,
}

impl Admitted {
    /// What the answer's `x-ratelimit-*` headers say.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }
}

/// What is asked: made by `read` alone. The body is the client's own bytes.
pub struct Ask {
    pub(crate) admitted: Admitted,
    pub(crate) inbound: Inbound,
    pub(crate) head: Head,
    pub(crate) body: Bytes,
    /// The body's share of the memory for bodies.
    pub(crate) _memory: Option<OwnedSemaphorePermit>,
}

/// An ask this caller may make: made by `allow` alone.
pub struct Allowed {
    pub(crate) ask: Ask,
    /// The model's name as asked for, or the configured default.
    pub(crate) model: Arc<str>,
}
