//! Requests on a connection: each head within its deadline, checked, routed, answered.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::ErrorType;
use pingora::apps::{HttpPersistentSettings, HttpServerApp, HttpServerOptions, ReusedHttpStream};
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora::server::ShutdownWatch;
use weir_config::Server;
use weir_filters::gateway::Gateway;

use super::answer::{self, Answered};
use super::client::SessionClient;
use super::tunnel;

/// How the protocol of a connection was settled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1, or what ALPN chose.
    Negotiated,
    /// HTTP/2 without TLS, known by its preface.
    PriorKnowledge,
}

/// Which of the two listeners a request came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// The one for clients.
    Main,
    /// The one for the operator's tools.
    Ops,
}

/// The application behind one listener.
#[derive(Clone)]
pub struct App {
    /// What all requests share.
    pub gateway: Arc<Gateway>,
    /// Which listener this is.
    pub entrance: Entrance,
    options: HttpServerOptions,
    h2_max_streams: u32,
}

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It may carry another request.
    Reuse,
    /// It is closed.
    Close,
}

impl App {
    /// The application of one listener.
    pub fn new(gateway: Arc<Gateway>, entrance: Entrance, server: &Server) -> Self {
        // `HttpServerOptions` is non-exhaustive: it can only be made by default and then changed.
        let mut options = HttpServerOptions::default();
        // Pingora counts how often a connection is used again after its first request.
        options.keepalive_request_limit = Some(server.requests_per_connection.saturating_sub(1));
        options.h2_idle_timeout = Some(Duration::from_millis(server.h2_idle_ms));
        Self {
            gateway,
            entrance,
            options,
            h2_max_streams: server.h2_max_streams,
        }
    }

    /// The same application for connections whose protocol was settled so.
    pub fn speaking(&self, protocol: Protocol) -> Self {
        let mut app = self.clone();
        app.options.h2c = protocol == Protocol::PriorKnowledge;
        app
    }

    async fn head_arrives(&self, session: &mut ServerSession, is_first: bool) -> Head {
        let routes = self.gateway.routes();
        let server = &routes.settings.server;
        let mut patience = Duration::from_millis(server.header_timeout_ms);
        if !is_first {
            patience += Duration::from_millis(server.keepalive_idle_ms);
        }
        // One deadline over the whole head: Pingora's own is per read, and a byte now and then would renew it for ever.
        match pingora_timeout::timeout(patience, session.read_request()).await {
            Ok(Ok(true)) => Head::Complete,
            Ok(Ok(false)) => Head::Gone,
            Ok(Err(error)) if *error.etype() == ErrorType::InvalidHTTPHeader => Head::Malformed,
            Ok(Err(_)) => Head::Gone,
            Err(_) if is_first => Head::TooSlow,
            Err(_) => Head::Gone,
        }
    }
}

enum Head {
    Complete,
    Malformed,
    TooSlow,
    Gone,
}

/// Marks a connection that has carried a request, in the context Pingora keeps for it.
struct Used;

#[async_trait]
impl HttpServerApp for App {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        let is_first = session.take_connection_user_context().is_none();
        let mut stopping = shutdown.clone();
        let head = tokio::select! {
            biased;
            head = self.head_arrives(&mut session, is_first) => head,
            // A connection that waits for its next request ends with the process.
            _ = stopping.wait_for(|is_stopping| *is_stopping) => return None,
        };
        match head {
            Head::Complete => {}
            Head::Malformed => return answer_and_close(session, 400).await,
            Head::TooSlow => return answer_and_close(session, 408).await,
            Head::Gone => return None,
        }
        if has_doubtful_framing(&session) {
            // Two answers to where the body ends are how requests are smuggled (RFC 9112, section 11.2).
            return answer_and_close(session, 400).await;
        }
        if *shutdown.borrow() {
            session.set_keepalive(None);
        }
        session.set_pipelining_enabled(true);
        let _in_flight = self.gateway.metrics.enter();
        let mut client = SessionClient::new(&self.gateway, &mut session);
        let request_id = client.request_id;
        match answer::answer(self, &mut client).await {
            Answered::Http(After::Reuse) => {}
            Answered::Http(After::Close) => return None,
            Answered::Agreed(agreed) => {
                // Boxed: few connections become one, and none of the others need carry it.
                let serving = tunnel::serve(&self.gateway, session, *agreed, request_id, stopping);
                Box::pin(serving).await;
                return None;
            }
        }
        let mut settings = HttpPersistentSettings::for_session(&session);
        settings.set_user_context(Box::new(Used));
        let finished = session.finish().await.ok().flatten();
        finished.map(|stream| ReusedHttpStream::from_reusable_stream(stream, settings))
    }

    fn h2_options(&self) -> Option<H2Options> {
        let mut options = default_h2_options();
        options.max_concurrent_streams(self.h2_max_streams);
        Some(options)
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.options)
    }
}

async fn answer_and_close(mut session: ServerSession, status: u16) -> Option<ReusedHttpStream> {
    session.set_keepalive(None);
    session.set_write_timeout(Some(Duration::from_secs(5)));
    let body = super::reply::malformed(status);
    let _ = super::reply::write(&mut session, status, &[], body).await;
    session.shutdown().await;
    None
}

/// Whether a head leaves any doubt about where its body ends: Transfer-Encoding beside Content-Length (Pingora has dropped
/// the length by now, so the raw head is looked at), or anything but a single `chunked`.
fn has_doubtful_framing(session: &ServerSession) -> bool {
    if session.is_http2() {
        return false;
    }
    let mut encodings = session
        .req_header()
        .headers
        .get_all("transfer-encoding")
        .iter();
    let Some(encoding) = encodings.next() else {
        return false;
    };
    let is_chunked = encoding
        .as_bytes()
        .trim_ascii()
        .eq_ignore_ascii_case(b"chunked");
    if !is_chunked || encodings.next().is_some() {
        return true;
    }
    let raw = session.to_h1_raw();
    raw.split(|byte| *byte == b'\n').any(|line| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"content-length")
    })
}
