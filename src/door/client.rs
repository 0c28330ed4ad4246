//! A client's session as the way of a request sees it: where the body comes from and the answer goes to.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, Version};
use pingora::ErrorType;
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use tokio::time::Instant;
use uuid::Uuid;
use weir_config::Settings;
use weir_filters::answer::{JSON, push_rate, push_retry_after};
use weir_filters::gateway::{Body, Client, Gateway};
use weir_filters::identify::Credential;
use weir_filters::read::ReadError;
use weir_filters::refusal::Refusal;
use weir_filters::sink::{Gone, Headers, ReplyHead, Sink, Source};
use weir_filters::told::Told;
use weir_wire::format::Format;

use super::app::After;

pub(super) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The same, where Anthropic's SDKs look for it.
static ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
static ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Unread bodies up to this size are read away so that the connection can go on; larger ones end it.
const DRAIN_INLINE_BYTES: usize = 64 * 1024;
/// The memory a body holds before it is known to be larger.
const FIRST_SHARE_BYTES: usize = 64 * 1024;
/// Pieces of a whole answer that each have the write timeout for themselves, so that a slow but living client gets all.
const SLICE_BYTES: usize = 64 * 1024;
/// How long the rest of a refused body is read away, so that the client can see the answer before a reset.
const LINGER: Duration = Duration::from_secs(5);
/// How often a client that is not being read from is looked at, to see whether it has gone.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What Pingora calls a chunked body that is not framed as HTTP says.
const INVALID_CHUNK: ErrorType = ErrorType::new("InvalidChunk");
const INVALID_TRAILER: ErrorType = ErrorType::new("InvalidTrailerEnd");
/// States of a TCP connection whose other end has sent its end, or a reset (include/net/tcp_states.h in Linux): TIME_WAIT,
/// CLOSE, CLOSE_WAIT, LAST_ACK, CLOSING.
const CLOSED_STATES: [u8; 5] = [6, 7, 8, 9, 11];

/// One request of a client, and its answer.
pub struct SessionClient<'a> {
    pub(super) session: &'a mut ServerSession,
    pub(super) gateway: &'a Gateway,
    /// The id told as `x-request-id`.
    pub(super) request_id: Uuid,
    /// When the head had arrived, microseconds since the Unix epoch.
    pub(super) started_at_us: i64,
    /// The format in which this client reads errors.
    pub(super) dialect: Format,
    /// Whether a stream is wanted as a JSON array: then an answer that is none is the only element of one, as Google's.
    pub(super) is_array: bool,
    /// How much of a body was read piece by piece, and how long that was waited for: the time in which nobody asked for more
    /// is none that the client was slow.
    body_read: usize,
    body_waited: Duration,
    /// Whether a client that asks before it sends its body was told to.
    is_continued: bool,
    /// Whether the body is not framed as HTTP says, so that nobody knows where it ends.
    is_broken: bool,
    /// Whether the client has left, so that nothing can be told to it any more.
    has_left: bool,
    after: After,
}

impl<'a> SessionClient<'a> {
    pub(super) fn new(gateway: &'a Gateway, session: &'a mut ServerSession) -> Self {
        let started_at_us = gateway.clock.now_us();
        let write_timeout_ms = gateway.routes().settings.server.write_timeout_ms;
        session.set_write_timeout(Some(Duration::from_millis(write_timeout_ms)));
        Self {
            request_id: gateway
                .ids
                .next(u64::try_from(started_at_us / 1_000).unwrap_or(0)),
            started_at_us,
            gateway,
            session,
            dialect: Format::Chat,
            is_array: false,
            body_read: 0,
            body_waited: Duration::ZERO,
            is_continued: false,
            is_broken: false,
            has_left: false,
            after: After::Reuse,
        }
    }

    /// The credential that the request presented.
    pub fn credential(&self) -> Option<Credential> {
        Credential::of(&self.session.req_header().headers)
    }

    /// What becomes of the connection.
    pub(super) async fn after(&mut self) -> After {
        let is_unread = self.has_rest() || self.is_broken;
        if is_unread && !self.has_left {
            self.linger().await;
        }
        if is_unread {
            // What is left of a body that was not read to its end would be taken for the next request.
            return After::Close;
        }
        self.after
    }

    /// Whether the body has not come to its end.
    fn has_rest(&mut self) -> bool {
        !self.session.is_body_done()
    }

    /// Closes as a server should that has answered before it was sent everything (RFC 9112, section 9.6): our side first,
    /// and then what still comes is read away for a while. Closing over it would reset the connection, and the client would
    /// never see the answer. On HTTP/2 a stream ends by itself, and nobody else's does.
    async fn linger(&mut self) {
        let ServerSession::H1(session) = &mut *self.session else {
            return;
        };
        let is_broken = self.is_broken;
        let reading = async {
            session.shutdown().await;
            let _ = session.drain_request_body().await;
            // A body whose framing is broken has no end but that of the connection.
            while is_broken && matches!(session.idle().await, Ok(1..)) {}
        };
        let _ = tokio::time::timeout(LINGER, reading).await;
    }

    fn declared_length(&self) -> Option<usize> {
        let length = self.session.get_header(http::header::CONTENT_LENGTH)?;
        length.to_str().ok()?.trim().parse().ok()
    }

    fn expects_continue(&self) -> bool {
        self.session
            .get_header(http::header::EXPECT)
            .is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    }

    /// Answers a refusal. What is left of the body is read away first if it is little, afterwards and for a while if it
    /// is much: closing over unread bytes resets the connection, and the client never sees the answer.
    pub(super) async fn refuse(&mut self, refusal: &Refusal) {
        let told = refusal.told();
        self.gateway.metrics.refused(told.side);
        if matches!(refusal, Refusal::Gone) {
            self.after = After::Close;
            return;
        }
        tracing::info!(
            call = %self.request_id, status = told.status,
            fault = told.side.as_str(), reason = %told.message, "request refused"
        );
        self.tell(&told).await;
    }

    /// Answers with a whole body of our own, whatever is left of the request's.
    pub(super) async fn tell(&mut self, told: &Told) {
        let body = Bytes::from(told.to_json(self.dialect, self.request_id));
        let mut headers = Headers::new();
        if let Some(rate) = told.rate {
            push_rate(rate, &mut headers);
        }
        if let Some(delay) = told.retry_after {
            push_retry_after(delay, &mut headers);
        }
        self.answer_early(told.status, headers, body).await;
    }

    /// Answers although the request's body may not have been read.
    pub(super) async fn answer_early(&mut self, status: u16, headers: Headers, body: Bytes) {
        let is_small = self
            .declared_length()
            .is_some_and(|it| it <= DRAIN_INLINE_BYTES);
        if is_small && !self.expects_continue() && !self.session.is_body_done() {
            let drained = tokio::time::timeout(LINGER, self.session.drain_request_body()).await;
            if !matches!(drained, Ok(Ok(()))) {
                self.after = After::Close;
            }
        }
        let is_unread = !self.session.is_body_done();
        if is_unread || self.after == After::Close {
            self.after = After::Close;
            self.session.set_keepalive(None);
        }
        let head = ReplyHead {
            status,
            content_type: JSON,
            headers,
        };
        let _ = self.reply(head, body).await;
    }

    /// A head with everything an answer of ours has.
    fn head(&self, reply: ReplyHead) -> pingora::Result<ResponseHeader> {
        let mut head = ResponseHeader::build_no_case(reply.status, Some(16))?;
        head.insert_header(http::header::CONTENT_TYPE, reply.content_type)?;
        let mut buffer = Uuid::encode_buffer();
        let request_id: &str = self.request_id.hyphenated().encode_lower(&mut buffer);
        head.insert_header(REQUEST_ID.clone(), request_id)?;
        if self.dialect == Format::Anthropic {
            head.insert_header(ANTHROPIC_REQUEST_ID.clone(), request_id)?;
        }
        for (name, value) in reply.headers {
            head.append_header(name, value)?;
        }
        Ok(head)
    }

    fn gone(&mut self) -> Gone {
        self.after = After::Close;
        self.has_left = true;
        Gone
    }

    /// Whether the client has ended its side of the connection, or all of it, behind what was not read yet.
    fn has_closed(&self) -> bool {
        let digest = self.session.digest();
        let socket = digest.and_then(|digest| digest.socket_digest.as_ref());
        let info = socket.and_then(|socket| socket.tcp_info());
        info.is_some_and(|info| CLOSED_STATES.contains(&info.tcpi_state))
    }

    async fn next_piece(&mut self, until: Instant) -> Result<Option<Bytes>, Refusal> {
        match tokio::time::timeout_at(until, self.session.read_request_body()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => {
                self.after = After::Close;
                match error.etype() {
                    ErrorType::ReadTimedout => Err(Refusal::SlowBody),
                    ErrorType::InvalidHTTPHeader | &INVALID_CHUNK | &INVALID_TRAILER => {
                        self.is_broken = true;
                        Err(Refusal::BrokenBody)
                    }
                    _ => {
                        self.has_left = true;
                        Err(Refusal::Gone)
                    }
                }
            }
            Err(_) => {
                self.after = After::Close;
                Err(Refusal::SlowBody)
            }
        }
    }

    async fn read_bounded(&mut self, settings: &Settings) -> Result<Body, Refusal> {
        let max_bytes = settings.server.max_body_bytes;
        let too_large = || Refusal::Read(ReadError::TooLarge { max_bytes });
        let declared = self.declared_length();
        if declared.is_some_and(|declared| declared > max_bytes) {
            return Err(too_large());
        }
        // Memory is taken as bytes arrive: a length that is only announced must not keep others out.
        let mut room = declared.map_or(FIRST_SHARE_BYTES, |it| it.min(FIRST_SHARE_BYTES));
        let mut memory = self.gateway.body_memory.take(room)?;
        if self.expects_continue() {
            let told = self.session.write_continue_response().await;
            told.map_err(|_| Refusal::Gone)?;
        }
        let started = Instant::now();
        let mut whole = BytesMut::new();
        loop {
            let until = started + self.gateway.body_time(settings, whole.len());
            let Some(piece) = self.next_piece(until).await? else {
                break;
            };
            if whole.len() + piece.len() > max_bytes {
                return Err(too_large());
            }
            if whole.is_empty() && self.session.is_body_done() {
                // The usual small body is one piece already: no second copy.
                return Ok(Body {
                    bytes: piece,
                    memory: Some(memory),
                });
            }
            if whole.is_empty() {
                whole.reserve(room.max(piece.len()));
            }
            if whole.len() + piece.len() > room {
                let more = room.min(max_bytes.saturating_sub(room)).max(piece.len());
                memory.merge(self.gateway.body_memory.take(more)?);
                room += more;
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Body {
            bytes: whole.freeze(),
            memory: Some(memory),
        })
    }
}

impl Client for SessionClient<'_> {
    async fn read_body(&mut self) -> Result<Body, Refusal> {
        let routes = self.gateway.routes();
        self.read_bounded(&routes.settings).await
    }
}

impl Source for SessionClient<'_> {
    fn body_len(&self) -> Option<u64> {
        self.declared_length().map(|it| it as u64)
    }

    async fn body_piece(&mut self) -> Result<Option<Bytes>, Refusal> {
        if !self.is_continued && self.expects_continue() {
            let told = self.session.write_continue_response().await;
            told.map_err(|_| Refusal::Gone)?;
            self.is_continued = true;
        }
        let (gateway, since) = (self.gateway, Instant::now());
        let time = gateway.body_time(&gateway.routes().settings, self.body_read);
        let left = time.saturating_sub(self.body_waited);
        let piece = self.next_piece(since + left).await?;
        self.body_waited += since.elapsed();
        self.body_read += piece.as_ref().map_or(0, Bytes::len);
        Ok(piece)
    }
}

impl Sink for SessionClient<'_> {
    async fn reply(&mut self, head: ReplyHead, body: Bytes) -> Result<(), Gone> {
        let mut body = match self.is_array {
            true => [b"[", &*body, b"]"].concat().into(),
            false => body,
        };
        if self.has_rest() {
            self.session.set_keepalive(None);
        }
        let sent = async {
            let mut head = self.head(head)?;
            // A HEAD is answered like a GET, without the body (RFC 9110, section 9.3.2). Of how long it would be only who
            // has it can tell.
            let is_head = self.session.req_header().method == Method::HEAD;
            if !(is_head && head.headers.contains_key(http::header::CONTENT_LENGTH)) {
                head.insert_header(http::header::CONTENT_LENGTH, body.len())?;
            }
            self.session.write_response_header(Box::new(head)).await?;
            if is_head {
                return self.session.write_response_body(Bytes::new(), true).await;
            }
            while body.len() > SLICE_BYTES {
                let slice = body.split_to(SLICE_BYTES);
                self.session.write_response_body(slice, false).await?;
            }
            self.session.write_response_body(body, true).await
        }
        .await;
        sent.map_err(|_| self.gone())
    }

    async fn begin(&mut self, head: ReplyHead) -> Result<(), Gone> {
        let sent = async {
            let mut head = self.head(head)?;
            head.insert_header(
                http::header::CACHE_CONTROL,
                HeaderValue::from_static("no-cache"),
            )?;
            // Tells nginx in front of us not to collect the stream.
            head.insert_header(ACCEL_BUFFERING.clone(), HeaderValue::from_static("no"))?;
            match self.session.req_header().version {
                _ if head.headers.contains_key(http::header::CONTENT_LENGTH) => {}
                // An HTTP/1.0 client knows no chunks: its answer ends with the connection.
                Version::HTTP_10 | Version::HTTP_09 => self.after = After::Close,
                _ => head.insert_header(http::header::TRANSFER_ENCODING, "chunked")?,
            }
            self.session.write_response_header(Box::new(head)).await
        }
        .await;
        sent.map_err(|_| self.gone())
    }

    async fn write(&mut self, piece: Bytes) -> Result<(), Gone> {
        let sent = self.session.write_response_body(piece, false).await;
        sent.map_err(|_| self.gone())
    }

    async fn end(&mut self) -> Result<(), Gone> {
        let sent = self.session.write_response_body(Bytes::new(), true).await;
        sent.map_err(|_| self.gone())
    }

    async fn cut(&mut self) {
        self.after = After::Close;
        self.session.shutdown().await;
    }

    async fn gone(&mut self) {
        // On HTTP/1 reading is how a client is watched, and what is read of a body is gone.
        if !self.session.is_http2() && self.has_rest() {
            while !self.has_closed() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        } else if self.session.read_body_or_idle(true).await.is_ok() {
            return std::future::pending().await;
        }
        self.after = After::Close;
        self.has_left = true;
    }
}
