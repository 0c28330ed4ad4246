//! One exchange with a provider over Pingora's connectors: connect or reuse, send, read the head, read the body, give the
//! connection back. Plain HTTP/1.1 is sent as one write; TLS negotiates HTTP/2 by ALPN.

mod hearing;
mod sending;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use http::Method;
use pingora::connectors::ConnectorOptions;
use pingora::connectors::http::Connector;
use pingora::http::ResponseHeader;
use pingora::protocols::Stream;
use pingora::protocols::http::client::HttpSession;
use pingora::protocols::http::v1::client::HttpSession as Http1;
use pingora::tls::{RootCertStore, load_platform_certs_incl_env_into_store};
use pingora::{Error, ErrorType, RetryType};
use tokio::io::AsyncWriteExt;

use crate::demo::Demo;
use crate::idle_pool::IdlePool;
use crate::inject::RequestHead;
use crate::plain::Plain;
use crate::provider::Address;
use crate::site::POOL_IDLE;
pub(crate) use sending::Sending;

/// Idle connections over TLS to all providers together.
const POOL_CONNECTIONS: usize = 4_096;
/// Room for a request's head.
const HEAD_BYTES: usize = 512;
/// Bodies up to this many bytes leave in the same write as the head.
const ONE_WRITE_BYTES: usize = 64 * 1024;

/// The connections to providers.
pub struct Connectors {
    idle: IdlePool,
    pub(crate) secure: Connector,
}

/// What went wrong on a link, by what it means for the next step.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LinkError {
    /// No connection was made: nothing was sent.
    Connect(&'static str),
    /// No connection in time: nothing was sent.
    ConnectTimeout,
    /// A pooled connection had died: the provider did not answer a byte on it.
    DeadPooled,
    /// No byte of an answer in time.
    FirstByteTimeout,
    /// Silence in the middle of an answer.
    IdleTimeout,
    /// The connection broke or what came was not HTTP.
    Broken(&'static str),
}

/// A link to one provider, for one exchange.
pub(crate) enum Link {
    Network(Box<NetworkLink>),
    Demo(Box<Demo>),
}

pub(crate) struct NetworkLink {
    session: Option<HttpSession>,
    address: Arc<Address>,
    is_plain: bool,
    reused: bool,
    answered: bool,
    /// The body was read to its end.
    drained: bool,
    /// The request did not leave whole; an early answer may explain why.
    send_failed: bool,
    /// The answer has no body, whatever length it tells: that of a `HEAD` which Pingora does not know of.
    is_bodiless: bool,
    /// Where the request's body was written, on a stream of HTTP/2 on which the answer was listened to meanwhile.
    body: Option<SendStream<Bytes>>,
    /// What was wrong with an answer that was heard while the body was being written.
    failed: Option<Box<Error>>,
}

impl Connectors {
    /// Connectors that trust the authorities of this system, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    pub(crate) fn new() -> pingora::Result<Self> {
        // Pingora panics where they cannot be loaded; loading them once before makes an error of it.
        load_platform_certs_incl_env_into_store(&mut RootCertStore::empty())?;
        Ok(Self {
            idle: IdlePool::new(POOL_IDLE),
            secure: Connector::new(Some(ConnectorOptions::new(POOL_CONNECTIONS))),
        })
    }

    /// Closes connections that have been idle for too long.
    pub(crate) fn sweep(&self) {
        self.idle.sweep();
    }

    /// Connects or reuses a connection, and sends the request. `fresh` asks for a new connection.
    pub(crate) async fn send(
        &self,
        address: &Arc<Address>,
        head: RequestHead<'_>,
        body: Bytes,
        fresh: bool,
    ) -> Result<Link, LinkError> {
        let link = if address.peer.is_tls() {
            // Boxed: Pingora's TLS connect is many times the size of everything else a call keeps while it waits.
            Box::pin(self.send_secure(address, head, body)).await?
        } else {
            self.send_plain(address, head, &body, fresh).await?
        };
        Ok(Link::Network(Box::new(link)))
    }

    async fn send_plain(
        &self,
        address: &Arc<Address>,
        head: RequestHead<'_>,
        body: &Bytes,
        fresh: bool,
    ) -> Result<NetworkLink, LinkError> {
        let (mut stream, reused) = self.plain_stream(address, fresh).await?;
        let is_bodiless = *head.method == Method::HEAD;
        let mut wire = Vec::with_capacity(HEAD_BYTES + body.len().min(ONE_WRITE_BYTES));
        head.to_bytes(body.len() as u64, &mut wire);
        let sending = async {
            if body.len() <= ONE_WRITE_BYTES {
                wire.extend_from_slice(body);
                stream.write_all(&wire).await?;
            } else {
                stream.write_all(&wire).await?;
                stream.write_all(body).await?;
            }
            stream.flush().await
        };
        let sent = tokio::time::timeout(write_limit(address), sending).await;
        let session = Http1::new_with_options(stream, &address.peer);
        Ok(NetworkLink {
            session: Some(HttpSession::H1(session)),
            address: Arc::clone(address),
            is_plain: true,
            reused,
            answered: false,
            drained: false,
            send_failed: !matches!(sent, Ok(Ok(()))),
            is_bodiless,
            body: None,
            failed: None,
        })
    }

    /// A pooled connection, or a new one where there is none or a `fresh` one is asked for; whether it was pooled.
    async fn plain_stream(
        &self,
        address: &Arc<Address>,
        fresh: bool,
    ) -> Result<(Stream, bool), LinkError> {
        if !fresh && let Some(pooled) = self.idle.take(address.key) {
            return Ok((pooled, true));
        }
        let options = &address.peer.options;
        let limit = options.connection_timeout.unwrap_or(Duration::MAX);
        let connecting = Plain::connect(&address.location);
        match tokio::time::timeout(limit, connecting).await {
            Ok(connected) => Ok((connected.map_err(|error| plain_error(&error))?, false)),
            Err(_) => Err(LinkError::ConnectTimeout),
        }
    }

    async fn send_secure(
        &self,
        address: &Arc<Address>,
        head: RequestHead<'_>,
        body: Bytes,
    ) -> Result<NetworkLink, LinkError> {
        let head = head
            .to_pingora(body.len() as u64)
            .map_err(|_| LinkError::Broken("its request head cannot be built"))?;
        let (mut session, reused) = self.secure_session(address).await?;
        let sent = async {
            session.write_request_header(head).await?;
            session.write_request_body(body, true).await?;
            session.finish_request_body().await
        }
        .await;
        Ok(NetworkLink {
            session: Some(session),
            address: Arc::clone(address),
            is_plain: false,
            reused,
            answered: false,
            drained: false,
            send_failed: sent.is_err(),
            is_bodiless: false,
            body: None,
            failed: None,
        })
    }

    /// A session over TLS, on a pooled connection or a new one; whether it was pooled.
    async fn secure_session(&self, address: &Address) -> Result<(HttpSession, bool), LinkError> {
        let turn = address
            .h2_turn
            .take(address.peer.options.total_connection_timeout);
        let turn = turn.await;
        let connecting = self.secure.get_http_session(&address.peer).await;
        drop(turn);
        let (mut session, reused) = connecting.map_err(|error| connect_error(&error))?;
        let speaks_h2 = matches!(session, HttpSession::H2(_));
        address.h2_turn.note(speaks_h2);
        session.set_write_timeout(address.peer.options.write_timeout);
        Ok((session, reused))
    }

    /// Connects and sends the head of a request whose body of `body_len` bytes leaves piece by piece. Such a body cannot
    /// be sent twice, so no pooled connection is trusted with it where that can be helped.
    pub(crate) async fn begin(
        &self,
        address: &Arc<Address>,
        head: RequestHead<'_>,
        body_len: u64,
    ) -> Result<Sending, LinkError> {
        let address = Arc::clone(address);
        let (stream, reused) = if address.peer.is_tls() {
            match Box::pin(self.secure_session(&address)).await? {
                (HttpSession::H1(session), reused) => (session.into_inner(), reused),
                (HttpSession::H2(mut session), reused) => {
                    let head = head
                        .to_pingora(body_len)
                        .map_err(|_| LinkError::Broken("its request head cannot be built"))?;
                    let is_sent = session.write_request_header(head, false).is_ok();
                    return Ok(Sending::http2(session, reused, is_sent, address));
                }
                (HttpSession::Custom(()), _) => {
                    return Err(LinkError::Broken("it speaks no HTTP"));
                }
            }
        } else {
            self.plain_stream(&address, true).await?
        };
        let mut wire = Vec::with_capacity(HEAD_BYTES);
        head.to_bytes(body_len, &mut wire);
        let is_plain = !address.peer.is_tls();
        let mut sending = Sending::http1(stream, is_plain, reused, address);
        sending.write(Bytes::from(wire)).await;
        Ok(sending)
    }

    /// Gives a link back whose answer was read to its end.
    pub(crate) async fn release(&self, link: Link) {
        let Link::Network(mut link) = link else {
            return;
        };
        let Some(session) = link.session.take() else {
            return;
        };
        match session {
            HttpSession::H1(mut session) if link.is_plain => {
                session.respect_keepalive();
                if let Some(stream) = session.reuse().await {
                    self.idle.put(link.address.key, stream);
                }
            }
            session => {
                let idle = Some(POOL_IDLE);
                let secure = &self.secure;
                Box::pin(secure.release_http_session(session, &link.address.peer, idle)).await;
            }
        }
    }

    /// Cancels an exchange: the connection is closed, or its HTTP/2 stream reset.
    pub(crate) async fn cancel(&self, link: Link) {
        let Link::Network(mut link) = link else {
            return;
        };
        let writer = link.body.take();
        if let Some(mut session) = link.session.take()
            && let HttpSession::H2(h2) = &mut session
        {
            if let Some(mut writer) = writer.or_else(|| h2.take_request_body_writer()) {
                writer.send_reset(h2::Reason::CANCEL);
            }
            // The slot on the shared connection is counted: it must be given back even so.
            let secure = &self.secure;
            Box::pin(secure.release_http_session(session, &link.address.peer, None)).await;
        }
    }
}

impl Link {
    /// Reads the answer's head, 1xx skipped. `limit` is the time to the first byte.
    pub(crate) async fn read_head(&mut self, limit: Duration) -> Result<(), LinkError> {
        match self {
            Self::Network(link) => link.read_head(limit).await,
            Self::Demo(_) => Ok(()),
        }
    }

    /// The head that was read.
    pub(crate) fn head(&self) -> Option<&ResponseHeader> {
        match self {
            Self::Network(link) => link.session.as_ref()?.response_header(),
            Self::Demo(demo) => Some(demo.head()),
        }
    }

    /// The next piece of the body; `None` at its end. Silence longer than set with [`Self::set_idle`] is an error.
    pub(crate) async fn read_body(&mut self) -> Result<Option<Bytes>, LinkError> {
        match self {
            Self::Network(link) => {
                let Some(session) = link.session.as_mut().filter(|_| !link.is_bodiless) else {
                    return Ok(None);
                };
                let read = session.read_response_body().await;
                link.drained = matches!(read, Ok(None));
                read.map_err(|error| match error.etype() {
                    ErrorType::ReadTimedout => LinkError::IdleTimeout,
                    _ => LinkError::Broken("the connection broke inside the body"),
                })
            }
            Self::Demo(demo) => Ok(demo.next_piece().await),
        }
    }

    /// Whether the answer was read to its end, so that its connection may serve again. Where the request did not leave whole,
    /// the next one would be taken for the rest of it.
    pub(crate) fn is_read(&self) -> bool {
        match self {
            Self::Network(link) => link.drained && !link.send_failed,
            Self::Demo(_) => true,
        }
    }

    /// Sets the silence allowed between two pieces of the body.
    pub(crate) fn set_idle(&mut self, limit: Duration) {
        if let Self::Network(link) = self
            && let Some(session) = link.session.as_mut()
        {
            session.set_read_timeout(Some(limit));
        }
    }
}

impl NetworkLink {
    async fn read_head(&mut self, limit: Duration) -> Result<(), LinkError> {
        let Some(session) = self.session.as_mut() else {
            return Err(LinkError::Broken("the connection is closed"));
        };
        session.set_read_timeout(Some(limit));
        if let Some(error) = self.failed.take() {
            return Err(self.head_error(&error));
        }
        if matches!(session, HttpSession::H2(_)) && session.response_header().is_some() {
            // It was heard while the body was being written.
            self.answered = true;
            return Ok(());
        }
        loop {
            match session.read_response_header().await {
                Ok(()) => {}
                Err(error) => return Err(self.head_error(&error)),
            }
            let head = session.response_header();
            if head.is_some_and(|head| !head.status.is_informational()) {
                self.answered = true;
                return Ok(());
            }
        }
    }

    /// Whether it was the pooled connection that failed. On HTTP/2 it can also be this one request, which the provider may
    /// have begun to work on; Pingora tells the two apart (RFC 9113, section 8.7).
    fn was_dead(&self, error: &Error) -> bool {
        match self.session {
            Some(HttpSession::H2(_)) => error.retry != RetryType::Decided(false),
            _ => true,
        }
    }

    fn head_error(&self, error: &Error) -> LinkError {
        match error.etype() {
            ErrorType::ReadTimedout => LinkError::FirstByteTimeout,
            ErrorType::InvalidHTTPHeader => LinkError::Broken("its answer is not HTTP"),
            _ if self.reused && !self.answered && self.was_dead(error) => LinkError::DeadPooled,
            _ if self.send_failed => LinkError::Broken("the request could not be sent whole"),
            _ => LinkError::Broken("the connection closed before an answer"),
        }
    }
}

/// How long a provider may take to accept a piece of a request.
pub(crate) fn write_limit(address: &Address) -> Duration {
    address.peer.options.write_timeout.unwrap_or(Duration::MAX)
}

fn plain_error(error: &std::io::Error) -> LinkError {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => LinkError::Connect("connection refused"),
        ErrorKind::TimedOut => LinkError::ConnectTimeout,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            LinkError::Connect("no route to the host")
        }
        ErrorKind::NotFound => LinkError::Connect("its unix socket does not exist"),
        _ => LinkError::Connect("the connection failed"),
    }
}

fn connect_error(error: &Error) -> LinkError {
    match error.etype() {
        ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout => LinkError::ConnectTimeout,
        ErrorType::ConnectRefused => LinkError::Connect("connection refused"),
        ErrorType::ConnectNoRoute => LinkError::Connect("no route to the host"),
        ErrorType::TLSHandshakeFailure | ErrorType::InvalidCert => {
            LinkError::Connect("the TLS handshake failed")
        }
        _ => LinkError::Connect("the connection failed"),
    }
}
