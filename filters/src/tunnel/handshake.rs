//! The opening handshake (RFC 6455, section 4), from both sides.
//!
//! Of the client's head only what the handshake needs goes on. Extensions are not offered: compressed frames could not be
//! watched. Browsers cannot set headers and send their key among the subprotocols; it is taken out there.

use http::header::{
    CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Version};
use pingora::http::RequestHeader;
use thiserror::Error;

/// What a browser puts its key behind (OpenAI's guide to realtime with WebSockets).
const KEY_PROTOCOL: &str = "openai-insecure-api-key.";
/// A key is 16 bytes in base64.
const KEY_BYTES: usize = 24;
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const VERSION: HeaderValue = HeaderValue::from_static("13");

/// Why a request cannot become a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotAnUpgrade {
    /// It does not ask for one, or over another version of HTTP: 426.
    #[error("this URL speaks WebSocket: connect with a WebSocket client, over HTTP/1.1 (RFC 6455)")]
    NotAsked,
    /// It asks for another version of WebSocket: 426.
    #[error("`Sec-WebSocket-Version` must be 13")]
    Version,
    /// It lacks its key, or the key is none: 400.
    #[error("`Sec-WebSocket-Key` must be 16 bytes in base64, given once")]
    Key,
    /// It has a body: 400. What comes after the head must be the first frame to every reader.
    #[error("a request that becomes a WebSocket must have no body")]
    Body,
}

impl NotAnUpgrade {
    /// The HTTP status; with 426 go `Upgrade: websocket` and `Sec-WebSocket-Version: 13`.
    pub fn status(self) -> u16 {
        match self {
            Self::NotAsked | Self::Version => 426,
            Self::Key | Self::Body => 400,
        }
    }
}

/// What of a client's handshake goes on to the provider.
#[derive(Clone, Debug)]
pub struct Upgrade {
    key: HeaderValue,
    protocols: Option<HeaderValue>,
}

impl Upgrade {
    /// Reads a client's request.
    ///
    /// # Errors
    /// If it cannot become a WebSocket.
    pub fn read(head: &RequestHeader) -> Result<Self, NotAnUpgrade> {
        let headers = &head.headers;
        let asks = head.method == Method::GET
            && head.version == Version::HTTP_11
            && has_token(headers, &CONNECTION, "upgrade")
            && has_token(headers, &UPGRADE, "websocket");
        if !asks {
            return Err(NotAnUpgrade::NotAsked);
        }
        if only(headers, &SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
            return Err(NotAnUpgrade::Version);
        }
        let has_length = headers
            .get(CONTENT_LENGTH)
            .is_some_and(|length| length != "0");
        if has_length || headers.contains_key(TRANSFER_ENCODING) {
            return Err(NotAnUpgrade::Body);
        }
        let key = only(headers, &SEC_WEBSOCKET_KEY)
            .filter(|key| is_key(key.as_bytes()))
            .ok_or(NotAnUpgrade::Key)?;
        Ok(Self {
            key: key.clone(),
            protocols: other_protocols(headers),
        })
    }

    /// Adds the handshake to the head of a request to the provider, which must be a GET over HTTP/1.1 and have everything
    /// else.
    ///
    /// # Errors
    /// If the head has too many headers.
    pub fn write(&self, head: &mut RequestHeader) -> pingora::Result<()> {
        head.set_version(Version::HTTP_11);
        head.insert_header(CONNECTION, HeaderValue::from_static("Upgrade"))?;
        head.insert_header(UPGRADE, WEBSOCKET)?;
        head.insert_header(SEC_WEBSOCKET_VERSION, VERSION)?;
        head.insert_header(SEC_WEBSOCKET_KEY, self.key.clone())?;
        if let Some(protocols) = &self.protocols {
            head.insert_header(SEC_WEBSOCKET_PROTOCOL, protocols.clone())?;
        }
        Ok(())
    }
}

/// The key that a browser sends among its subprotocols.
pub fn credential_in_protocols(headers: &HeaderMap) -> Option<&str> {
    protocols(headers).find_map(|protocol| protocol.strip_prefix(KEY_PROTOCOL))
}

/// The subprotocols but for the key.
fn other_protocols(headers: &HeaderMap) -> Option<HeaderValue> {
    let others: Vec<_> = protocols(headers)
        .filter(|protocol| !protocol.starts_with(KEY_PROTOCOL))
        .collect();
    let others = HeaderValue::from_str(&others.join(", ")).ok()?;
    (!others.is_empty()).then_some(others)
}

fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    tokens(headers, &SEC_WEBSOCKET_PROTOCOL)
}

/// The elements of a header that is a list.
fn tokens<'a>(headers: &'a HeaderMap, name: &'a http::HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

pub(super) fn has_token(headers: &HeaderMap, name: &http::HeaderName, wanted: &str) -> bool {
    tokens(headers, name).any(|token| token.eq_ignore_ascii_case(wanted))
}

/// The value of a header that is given once.
fn only<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

fn is_key(key: &[u8]) -> bool {
    key.len() == KEY_BYTES
        && key.ends_with(b"==")
        && key
            .iter()
            .take(KEY_BYTES - 2)
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}
