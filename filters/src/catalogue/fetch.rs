//! A provider's own list of models, fetched page by page with a caller's key.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;
use weir_config::{Auth, Layout};
use weir_wire::format::Format;
use weir_wire::model_catalogue::{LIST_MAX_BYTES, ListError, Listed, MODELS_MAX, Next, read};

use crate::gateway::Gateway;
use crate::get::{Get, GetError, get};
use crate::provider::{Upstream, UpstreamKey};

/// How long a whole list may take, all pages together.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Pages of one list.
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
    /// Whether nobody is there: the usual state of a server on one's own machine, and nothing to complain about.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Get(GetError::Unreachable(_)))
    }
}

/// Whether a provider has a list that tells what can be called there. Azure's tells what could be deployed, Amazon's and
/// Google's clouds have none at the same place, and their keys sign what they send.
pub(super) fn has_list(upstream: &Upstream) -> bool {
    let provider = upstream.provider();
    let is_plain_key = !matches!(provider.auth, Auth::Aws | Auth::Google | Auth::Azure);
    let is_plain = matches!(provider.layout, Layout::Plain | Layout::Ollama);
    is_plain_key && is_plain && !upstream.is_demo()
}

/// The path of a provider's list.
pub(super) fn path(upstream: &Upstream, key: &UpstreamKey) -> String {
    let path = upstream.path_for(key, "models", "");
    // Cohere lists its models in the first version of its API only.
    match (format(upstream), path.strip_suffix("/v2/models")) {
        (Format::Cohere, Some(root)) => format!("{root}/v1/models"),
        _ => path,
    }
}

/// Fetches the whole list.
pub(super) async fn fetch(
    gateway: &Gateway,
    upstream: &Upstream,
    key: &UpstreamKey,
) -> Result<Arc<[Listed]>, FetchError> {
    let deadline = Instant::now() + FETCH_TIMEOUT;
    let (mut models, mut next) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let request = Get {
            upstream,
            key,
            path: page(path(upstream, key), format(upstream), next.as_ref()),
            format: format(upstream),
            max_bytes: LIST_MAX_BYTES,
            deadline,
        };
        let body = get(gateway, &request).await?;
        // A list of some megabytes takes a while to read: others' streams must not wait for it.
        let reading = tokio::task::spawn_blocking(move || {
            let read = read(&body, &mut models);
            (read, models)
        });
        let (read, so_far) = reading.await.map_err(|_| FetchError::Abandoned)?;
        models = so_far;
        next = read?;
        if next.is_none() || models.len() >= MODELS_MAX {
            break;
        }
    }
    Ok(models.into())
}

/// The vendor whose list it is: the one of the provider's first format.
fn format(upstream: &Upstream) -> Format {
    let formats = &upstream.provider().formats;
    formats.first().copied().unwrap_or(Format::Chat)
}

/// The path with what the vendor's pages want: as many models as there may be, and where to go on.
fn page(mut path: String, format: Format, next: Option<&Next>) -> String {
    let size = match format {
        Format::Anthropic => Some("limit=1000"),
        Format::Gemini => Some("pageSize=1000"),
        Format::Cohere => Some("page_size=1000"),
        _ => None,
    };
    let mark = next.map(|next| match (next, format) {
        (Next::After(id), _) => format!("after_id={}", encode(id)),
        (Next::Token(token), Format::Cohere) => format!("page_token={}", encode(token)),
        (Next::Token(token), _) => format!("pageToken={}", encode(token)),
    });
    for part in size.map(str::to_owned).into_iter().chain(mark) {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str(&part);
    }
    path
}

/// Percent-encodes all but what is unreserved (RFC 3986, section 2.3).
fn encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_asked_for_as_each_vendor_wants() {
        let after = Next::After("a/b".to_owned());
        let token = Next::Token("t=".to_owned());
        let path = |format, next| page("/v1/models".to_owned(), format, next);
        assert_eq!(path(Format::Chat, None), "/v1/models");
        assert_eq!(
            path(Format::Anthropic, Some(&after)),
            "/v1/models?limit=1000&after_id=a%2Fb"
        );
        assert_eq!(
            path(Format::Gemini, Some(&token)),
            "/v1/models?pageSize=1000&pageToken=t%3D"
        );
        assert_eq!(
            path(Format::Cohere, Some(&token)),
            "/v1/models?page_size=1000&page_token=t%3D"
        );
        assert_eq!(
            page("/models?v=1".to_owned(), Format::Gemini, None),
            "/models?v=1&pageSize=1000"
        );
    }
}
