//! A provider's own list of models, fetched page by page with a caller's key.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;
use weir_wire::model_catalogue::{LIST_MAX_BYTES, ListError, Listed, Reader};

use super::place;
use crate::gateway::Gateway;
use crate::get::{Get, GetError, get};
use crate::provider::{Upstream, UpstreamKey};

/// How long a whole list may take, all pages together.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Pages of one part of a list.
const PAGES_MAX: usize = 20;

/// Why a list could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FetchError {
    /// The provider did not give it.
    #[error(transparent)]
    Get(#[from] GetError),
    /// What it gave is no list.
    #[error(transparent)]
    List(#[from] ListError),
    /// The gateway gave up on it.
    #[error("the list could not be fetched")]
    Abandoned,
}

impl FetchError {
    /// Whether the provider refused the key this question.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Get(GetError::Status { status: 401 | 403 }))
    }

    /// Whether nobody is there: the usual state of a server on one's own machine, and nothing to complain about.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Get(GetError::Unreachable(_)))
    }
}

/// Fetches the whole list, which some providers have in parts.
pub(super) async fn fetch(
    gateway: &Gateway,
    upstream: &Upstream,
    key: &UpstreamKey,
) -> Result<Arc<[Listed]>, FetchError> {
    let deadline = Instant::now() + FETCH_TIMEOUT;
    let other = place::other_site(upstream, key);
    let site = other.as_ref().unwrap_or_else(|| upstream.site(key));
    let mut reader = Reader::default();
    for part in place::parts(upstream, key) {
        let mut next = None;
        for _ in 0..PAGES_MAX {
            let request = Get {
                upstream,
                key,
                site,
                path: part.page(next.as_ref()),
                format: place::format(upstream),
                header: place::header(upstream, site),
                max_bytes: LIST_MAX_BYTES,
                deadline,
            };
            let body = get(gateway, &request).await?;
            // A list of some megabytes takes a while to read: others' streams must not wait for it.
            let shape = part.shape;
            let reading = tokio::task::spawn_blocking(move || {
                let read = reader.page(shape, &body);
                (read, reader)
            });
            let (read, so_far) = reading.await.map_err(|_| FetchError::Abandoned)?;
            reader = so_far;
            next = read?;
            if next.is_none() {
                break;
            }
        }
    }
    Ok(reader.into_models().into())
}
