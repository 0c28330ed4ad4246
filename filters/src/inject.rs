//! The head of the request a provider sees: built afresh from an allow-list, with the provider's key and never the
//! client's.

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, Method};
use pingora::http::RequestHeader;
use weir_wire::format::Format;

use crate::answer::JSON;
use crate::render::{ANTHROPIC_VERSION, Outbound};

/// Headers of a client that may travel to a provider that speaks OpenAI's formats (API reference, "Organizations and
/// projects") or Anthropic's (API reference, "Versions" and "Beta headers").
pub const FORWARDED: [HeaderName; 6] = [
    HeaderName::from_static("openai-organization"),
    HeaderName::from_static("openai-project"),
    HeaderName::from_static("openai-beta"),
    HeaderName::from_static("idempotency-key"),
    VERSION,
    BETA,
];
const VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");

/// Whether a provider of this format is sent a header of the client's. Vendors' own headers go to their own format only:
/// an Anthropic flag that a provider does not know can fail the whole request.
fn travels(name: &HeaderName, format: Format, is_native: bool) -> bool {
    match name.as_str() {
        // All but the first are there only where request and answer are passed on as they came.
        "idempotency-key" | "content-encoding" | "range" | "if-range" => true,
        "anthropic-version" | "anthropic-beta" => is_native && format == Format::Anthropic,
        _ => matches!(
            format,
            Format::Chat | Format::Completions | Format::Responses
        ),
    }
}

/// What we call ourselves.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("weir/", env!("CARGO_PKG_VERSION")));

/// What a provider is told that we read.
pub(crate) fn accept(outbound: &Outbound) -> HeaderValue {
    match (outbound.format, outbound.stream) {
        _ if outbound.is_pass => HeaderValue::from_static("*/*"),
        (_, false) => JSON,
        (Format::Bedrock, true) => HeaderValue::from_static("application/vnd.amazon.eventstream"),
        (Format::Ollama, true) => HeaderValue::from_static("application/x-ndjson"),
        (_, true) => HeaderValue::from_static("text/event-stream"),
    }
}

/// A request, apart from its body.
#[derive(Clone, Copy)]
pub(crate) struct RequestHead<'a> {
    pub method: &'a Method,
    /// The value of the `Host` header.
    pub host: &'a HeaderValue,
    /// The path and query of the URL.
    pub path: &'a str,
    pub content_type: &'a HeaderValue,
    pub accept: &'a HeaderValue,
    /// The headers by which the key is shown, or the request signed.
    pub auth: &'a [(HeaderName, HeaderValue)],
    /// What the client sent of the headers that may travel.
    pub forwarded: &'a [(HeaderName, HeaderValue)],
    /// The operator's own headers.
    pub own: &'a [(HeaderName, HeaderValue)],
    /// The format of the provider, which says whose headers it is sent.
    pub format: Format,
    /// Whether the client speaks that format as well.
    pub is_native: bool,
}

impl RequestHead<'_> {
    /// Every header in turn. The operator's own come last, and only where they do not stand for one of these.
    fn each<E>(
        &self,
        body_len: u64,
        mut add: impl FnMut(&HeaderName, &HeaderValue) -> Result<(), E>,
    ) -> Result<(), E> {
        add(&HOST, self.host)?;
        for (name, value) in self.auth {
            add(name, value)?;
        }
        // A request without a body has no type of one, as some servers insist.
        if body_len > 0 || self.method == Method::POST {
            add(&CONTENT_TYPE, self.content_type)?;
            add(&CONTENT_LENGTH, &HeaderValue::from(body_len))?;
        }
        add(&ACCEPT, self.accept)?;
        // Compressed answers would have to be undone before usage can be read, and a compressor holds events back.
        add(&ACCEPT_ENCODING, &HeaderValue::from_static("identity"))?;
        add(&USER_AGENT, &AGENT)?;
        let mut has_version = false;
        for (name, value) in self.forwarded {
            if travels(name, self.format, self.is_native) {
                has_version |= *name == VERSION;
                add(name, value)?;
            }
        }
        if self.format == Format::Anthropic && !has_version {
            add(&VERSION, &HeaderValue::from_static(ANTHROPIC_VERSION))?;
        }
        for (name, value) in self.own {
            add(name, value)?;
        }
        Ok(())
    }

    /// The head for Pingora's connector.
    pub(crate) fn to_pingora(self, body_len: u64) -> pingora::Result<Box<RequestHeader>> {
        let path = self.path.as_bytes();
        let method = self.method.as_str();
        let mut head = RequestHeader::build_no_case(method, path, Some(14))?;
        self.each(body_len, |name, value| {
            head.insert_header(name.clone(), value.clone())
        })?;
        Ok(Box::new(head))
    }

    /// The head as HTTP/1.1 bytes (RFC 9112, section 2.1). Names and values are of types that cannot hold a line break.
    pub(crate) fn to_bytes(self, body_len: u64, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.method.as_str().as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(self.path.as_bytes());
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
