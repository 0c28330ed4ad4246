//! The provider's end: a connection of its own, and the handshake on it.
//!
//! Pingora's client session does the handshake, so that heads are read by the same code as every other answer's. It cannot
//! be written to and read from at once, so afterwards the connection is taken out of it, after what it has read too far.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::{HeaderValue, StatusCode};
use pingora::connectors::{ConnectorOptions, TransportConnector};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Stream;
use pingora::protocols::http::v1::client::HttpSession;
use pingora::{Error, ErrorType};
use thiserror::Error;

use super::Side;
use super::handshake::has_token;
use crate::plain::Plain;
use crate::provider::Address;

/// The most of a refusal's body that is read.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// Makes connections that are never used again, so it keeps none.
pub struct Tunnels {
    secure: TransportConnector,
}

/// Why there is no tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// No connection was made.
    #[error("the connection failed")]
    Connect,
    /// No connection, or no answer, in time.
    #[error("no answer came in time")]
    TimedOut,
    /// The connection broke, or what came was no answer to a handshake.
    #[error("{0}")]
    Broken(&'static str),
}

/// What a provider answers to the handshake.
pub enum Opened {
    /// It agrees.
    Upgraded(Box<Upgraded>),
    /// It does not.
    Refused(Box<Refused>),
}

/// A provider's end of a tunnel.
pub struct Upgraded {
    /// The connection.
    pub side: Side<Stream>,
    head: ResponseHeader,
}

/// An answer that is not 101.
pub struct Refused {
    /// Its head.
    pub head: ResponseHeader,
    /// Its body, or the beginning of it.
    pub body: Bytes,
}

impl Tunnels {
    /// Trusts the authorities that Pingora's connectors trust. Pingora panics where those cannot be loaded, so it must be
    /// known before that they can.
    pub fn new() -> Self {
        Self {
            secure: TransportConnector::new(Some(ConnectorOptions::new(1))),
        }
    }

    /// Connects to an address and does the handshake, which `head` has ([`super::Upgrade::write`]). `patience` is the time
    /// for all of the answer.
    ///
    /// # Errors
    /// If nothing was answered.
    pub async fn open(
        &self,
        address: &Address,
        head: RequestHeader,
        patience: Duration,
    ) -> Result<Opened, OpenError> {
        let stream = self.connect(address).await?;
        let session = HttpSession::new_with_options(stream, &address.peer);
        let answer = tokio::time::timeout(patience, shake_hands(session, head)).await;
        answer.unwrap_or(Err(OpenError::TimedOut))
    }

    async fn connect(&self, address: &Address) -> Result<Stream, OpenError> {
        let limit = address.peer.options.total_connection_timeout;
        let limit = limit.unwrap_or(Duration::MAX);
        if !address.peer.is_tls() {
            return match tokio::time::timeout(limit, Plain::connect(&address.location)).await {
                Ok(connected) => connected.map_err(|_| OpenError::Connect),
                Err(_) => Err(OpenError::TimedOut),
            };
        }
        let mut peer = address.peer.clone();
        // A WebSocket begins as HTTP/1.1, so nothing else must be agreed upon.
        peer.options.set_http_version(1, 1);
        let connecting = Box::pin(self.secure.new_stream(&peer));
        connecting.await.map_err(|error| match error.etype() {
            ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout => OpenError::TimedOut,
            _ => OpenError::Connect,
        })
    }
}

impl Default for Tunnels {
    fn default() -> Self {
        Self::new()
    }
}

async fn shake_hands(mut session: HttpSession, head: RequestHeader) -> Result<Opened, OpenError> {
    let broken = |_: Box<Error>| OpenError::Broken("the connection closed before an answer");
    let written = session.write_request_header(Box::new(head)).await;
    written.map_err(broken)?;
    let head = loop {
        session.read_response().await.map_err(broken)?;
        match session.resp_header() {
            Some(head)
                if head.status.is_informational()
                    && head.status != StatusCode::SWITCHING_PROTOCOLS => {}
            Some(head) => break head.clone(),
            None => return Err(OpenError::Broken("its answer has no head")),
        }
    };
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        let body = read_refusal(&mut session).await;
        return Ok(Opened::Refused(Box::new(Refused { head, body })));
    }
    if !session.was_upgraded() || !has_token(&head.headers, &UPGRADE, "websocket") {
        return Err(OpenError::Broken(
            "it switches to something else than WebSocket",
        ));
    }
    if head.headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return Err(OpenError::Broken(
            "it uses a WebSocket extension that was not offered",
        ));
    }
    let early = read_ahead(&mut session);
    let side = Side {
        stream: session.into_inner(),
        early,
    };
    Ok(Opened::Upgraded(Box::new(Upgraded { side, head })))
}

/// What the session has read beyond the head. Its reader gives that first and at once, and may give what has arrived since;
/// when it has to wait, nothing is held back.
fn read_ahead(session: &mut HttpSession) -> Bytes {
    let mut early = BytesMut::new();
    while let Some(Ok(Some(bytes))) = session.read_body_bytes().now_or_never() {
        early.extend_from_slice(&bytes);
        if early.len() > MAX_REFUSAL_BYTES {
            break;
        }
    }
    early.freeze()
}

async fn read_refusal(session: &mut HttpSession) -> Bytes {
    let mut body = BytesMut::new();
    // A body that breaks off is still the best explanation there is.
    while let Ok(Some(bytes)) = session.read_body_bytes().await {
        let room = MAX_REFUSAL_BYTES - body.len();
        body.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        if body.len() >= MAX_REFUSAL_BYTES {
            break;
        }
    }
    body.freeze()
}

impl Upgraded {
    /// The head that agrees with the client, with what the provider agreed to.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn reply(&self) -> pingora::Result<ResponseHeader> {
        let mut reply = ResponseHeader::build_no_case(StatusCode::SWITCHING_PROTOCOLS, Some(5))?;
        reply.insert_header(CONNECTION, HeaderValue::from_static("Upgrade"))?;
        reply.insert_header(UPGRADE, HeaderValue::from_static("websocket"))?;
        for name in [SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL] {
            if let Some(value) = self.head.headers.get(&name) {
                reply.insert_header(name, value.clone())?;
            }
        }
        Ok(reply)
    }

    /// The provider's head.
    pub fn head(&self) -> &ResponseHeader {
        &self.head
    }
}
