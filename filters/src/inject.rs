//! The head of the request a provider sees: built afresh from an allow-list, with the provider's key and never the
//! client's.

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue};
use pingora::http::RequestHeader;

use crate::answer::JSON;
use crate::ask::Inbound;
use crate::provider::{Upstream, UpstreamKey};

/// Headers of a client that may travel to a provider (protocol: OpenAI API reference, "Organizations and projects").
pub const FORWARDED: [HeaderName; 4] = [
    HeaderName::from_static("openai-organization"),
    HeaderName::from_static("openai-project"),
    HeaderName::from_static("openai-beta"),
    HeaderName::from_static("idempotency-key"),
];

/// What we call ourselves.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("weir/", env!("CARGO_PKG_VERSION")));

/// One attempt's request, apart from its body.
#[derive(Clone, Copy)]
pub(crate) struct RequestHead<'a> {
    pub upstream: &'a Upstream,
    pub key: &'a UpstreamKey,
    pub inbound: &'a Inbound,
    pub stream: bool,
}

impl RequestHead<'_> {
    /// Every header in turn. The operator's own come last, and only where they do not stand for one of these.
    fn each<E>(
        &self,
        body_len: usize,
        mut add: impl FnMut(&HeaderName, &HeaderValue) -> Result<(), E>,
    ) -> Result<(), E> {
        add(&HOST, &self.upstream.host)?;
        if let Some((name, value)) = self.key.static_header() {
            add(name, value)?;
        }
        add(&CONTENT_TYPE, &JSON)?;
        add(&CONTENT_LENGTH, &HeaderValue::from(body_len))?;
        let accept = if self.stream {
            HeaderValue::from_static("text/event-stream")
        } else {
            JSON
        };
        add(&ACCEPT, &accept)?;
        // Compressed answers would have to be undone before usage can be read, and a compressor holds events back.
        add(&ACCEPT_ENCODING, &HeaderValue::from_static("identity"))?;
        add(&USER_AGENT, &AGENT)?;
        for (name, value) in &self.inbound.forwarded {
            add(name, value)?;
        }
        for (name, value) in &self.upstream.headers {
            add(name, value)?;
        }
        Ok(())
    }

    /// The head for Pingora's connector.
    pub(crate) fn to_pingora(self, body_len: usize) -> pingora::Result<Box<RequestHeader>> {
        let mut path = self.upstream.provider().base_url.path.clone();
        path.push_str(self.inbound.endpoint.path());
        let mut head = RequestHeader::build_no_case("POST", path.as_bytes(), Some(12))?;
        self.each(body_len, |name, value| {
            head.insert_header(name.clone(), value.clone())
        })?;
        Ok(Box::new(head))
    }

    /// The head as HTTP/1.1 bytes (RFC 9112, section 2.1). Names and values are of types that cannot hold a line break.
    pub(crate) fn to_bytes(self, body_len: usize, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(b"POST ");
        bytes.extend_from_slice(self.upstream.provider().base_url.path.as_bytes());
        bytes.extend_from_slice(self.inbound.endpoint.path().as_bytes());
        bytes.extend_from_slice(b" HTTP/1.1\r\n");
        let written: Result<(), std::convert::Infallible> = self.each(body_len, |name, value| {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
            Ok(())
        });
        let Ok(()) = written;
        bytes.extend_from_slice(b"\r\n");
    }
}
