//! The head of the request a provider sees: built afresh from an allow-list, with the provider's key and never the
//! client's.

use http::{HeaderName, HeaderValue};
use pingora::http::RequestHeader;

use crate::answer::JSON;
use crate::ask::{Endpoint, Inbound};
use crate::provider::{Upstream, UpstreamKey};

/// Headers of a client that may travel to a provider (protocol: OpenAI API reference, "Organizations and projects").
pub const FORWARDED: [&str; 4] = [
    "openai-organization",
    "openai-project",
    "openai-beta",
    "idempotency-key",
];

/// What we call ourselves.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("weir/", env!("CARGO_PKG_VERSION")));

/// The request head for one attempt.
pub fn inject(
    upstream: &Upstream,
    key: &UpstreamKey,
    inbound: &Inbound,
    body_len: usize,
    stream: bool,
) -> pingora::Result<Box<RequestHeader>> {
    let provider = upstream.provider();
    let path = path(&provider.base_url.path, inbound.endpoint);
    let mut head = RequestHeader::build_no_case("POST", path.as_bytes(), Some(12))?;
    head.insert_header(http::header::HOST, upstream.host.clone())?;
    if let Some((name, value)) = &key.header {
        head.insert_header(HeaderName::from_static(name), value.clone())?;
    }
    head.insert_header(http::header::CONTENT_TYPE, JSON)?;
    head.insert_header(http::header::CONTENT_LENGTH, body_len)?;
    let accept = if stream {
        HeaderValue::from_static("text/event-stream")
    } else {
        JSON
    };
    head.insert_header(http::header::ACCEPT, accept)?;
    // Compressed answers would have to be undone before usage can be read, and a compressor holds events back.
    head.insert_header(
        http::header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    )?;
    head.insert_header(http::header::USER_AGENT, AGENT)?;
    for (name, value) in &inbound.forwarded {
        head.insert_header(HeaderName::from_static(name), value.as_str())?;
    }
    for (name, value) in &provider.headers {
        head.insert_header(name.clone(), value.as_str())?;
    }
    Ok(Box::new(head))
}

fn path(prefix: &str, endpoint: Endpoint) -> String {
    let mut path = String::with_capacity(prefix.len() + endpoint.path().len());
    path.push_str(prefix);
    path.push_str(endpoint.path());
    path
}
