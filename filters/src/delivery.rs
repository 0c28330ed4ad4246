//! One answer on its way to a sink: what was written so far, when silence must be broken, when time is up.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use pingora_timeout::fast_timeout::fast_sleep;
use tokio::time::Instant;
use weir_wire::format::Format;
use weir_wire::gemini;

use crate::sink::{Gone, ReplyHead, Sink};

/// The comment that keeps a silent stream alive. Not `: ping`, which one client takes for the end of its batch.
const COMMENT: &[u8] = b": keepalive\n\n";
/// Anthropic's own sign of life, which its clients expect.
const PING: &[u8] = b"event: ping\ndata: {\"type\": \"ping\"}\n\n";
/// The media type of an event stream.
pub(crate) const EVENT_STREAM: HeaderValue =
    HeaderValue::from_static("text/event-stream; charset=utf-8");

/// Why waiting ended without what was waited for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// The owner is gone.
    Gone,
    /// The call's total time is over.
    TimeUp,
}

impl From<Gone> for Interrupted {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

/// How a streamed answer is kept alive.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// Silence after which a committed stream gets a comment.
    pub keepalive: Duration,
    /// Time after which an answer is committed although nothing has come yet.
    pub early_commit: Duration,
    /// The format of the client, by which its sign of life is chosen.
    pub dialect: Format,
}

/// Sleeps until a moment, or for ever. The timer is made only when there is really something to wait for.
async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// An answer in the making.
pub(crate) struct Delivery<'a, S> {
    sink: &'a mut S,
    streamed: bool,
    pace: Pace,
    /// Pingora's shared timers: one of the runtime's own for each call would cost a lock at its start and its end.
    total: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    begun: bool,
    next_tick: Option<Instant>,
    /// Whether the owner is watched while something is waited for. Watching reads from the client, and so must not be done
    /// while its body is still to come.
    is_watched: bool,
    /// The head of an early commit, made when the call began.
    early_head: Option<ReplyHead>,
}

impl<'a, S: Sink> Delivery<'a, S> {
    pub(crate) fn new(
        sink: &'a mut S,
        early_head: Option<ReplyHead>,
        pace: Pace,
        total: Duration,
    ) -> Self {
        let started = Instant::now();
        let streamed = early_head.is_some();
        Self {
            sink,
            streamed,
            pace,
            total: Box::pin(fast_sleep(total)),
            begun: false,
            is_watched: true,
            next_tick: streamed.then(|| started + pace.early_commit),
            early_head,
        }
    }

    /// Whether the answer's head has left.
    pub(crate) fn is_begun(&self) -> bool {
        self.begun
    }

    /// Waits for `work`, watching the owner and the clock, and keeping a streamed answer alive meanwhile.
    pub(crate) async fn wait<T>(
        &mut self,
        work: impl Future<Output = T> + Send,
    ) -> Result<T, Interrupted> {
        tokio::pin!(work);
        loop {
            let tick = self.next_tick;
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = self.sink.gone(), if self.is_watched => return Err(Interrupted::Gone),
                () = self.total.as_mut() => return Err(Interrupted::TimeUp),
                () = sleep_until(tick) => {}
            }
            self.break_silence().await?;
        }
    }

    /// Says that the request's body is still to be read.
    pub(crate) fn expect_body(&mut self) {
        self.is_watched = false;
    }

    /// The next piece of the request's body; reading it is the watch over the owner.
    pub(crate) async fn body_piece(&mut self) -> Result<Option<Bytes>, Interrupted> {
        tokio::select! {
            biased;
            piece = self.sink.body_piece() => {
                self.is_watched = matches!(piece, Ok(None));
                piece.map_err(|_| Interrupted::Gone)
            }
            () = self.total.as_mut() => Err(Interrupted::TimeUp),
        }
    }

    async fn break_silence(&mut self) -> Result<(), Gone> {
        if !self.begun
            && let Some(head) = self.early_head.take()
        {
            self.sink.begin(head).await?;
            self.begun = true;
        }
        let sign = match self.pace.dialect {
            Format::Anthropic => PING,
            Format::Gemini => gemini::KEEP_ALIVE,
            _ => COMMENT,
        };
        self.write(Bytes::from_static(sign)).await
    }

    /// A whole answer. Where the head has left already the caller must not come here.
    pub(crate) async fn reply(&mut self, head: ReplyHead, body: Bytes) -> Result<(), Gone> {
        self.begun = true;
        self.sink.reply(head, body).await
    }

    /// Commits a streamed answer; does nothing where an early commit did so.
    pub(crate) async fn begin(&mut self, head: ReplyHead) -> Result<(), Gone> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        self.early_head = None;
        self.sink.begin(head).await
    }

    /// Writes a piece and puts the next keep-alive off.
    pub(crate) async fn write(&mut self, piece: Bytes) -> Result<(), Gone> {
        if self.streamed {
            self.next_tick = Some(Instant::now() + self.pace.keepalive);
        }
        self.sink.write(piece).await
    }

    pub(crate) async fn end(&mut self) -> Result<(), Gone> {
        self.sink.end().await
    }

    /// Cuts a begun answer that has no way to tell a failure.
    pub(crate) async fn cut(&mut self) {
        self.sink.cut().await;
    }

    /// Tells a failure inside a begun stream and cuts it: an error event, and no success terminator.
    pub(crate) async fn fail(&mut self, event: Vec<u8>) {
        if self.sink.write(Bytes::from(event)).await.is_ok() {
            self.sink.cut().await;
        }
    }

    /// Tells a failure that the provider told itself. In Responses such an event ends its stream, and Codex forgets what
    /// it said if the connection breaks behind it; other formats have no such end.
    pub(crate) async fn fail_as_told(&mut self, event: Vec<u8>) {
        if self.pace.dialect != Format::Responses {
            return self.fail(event).await;
        }
        if self.sink.write(Bytes::from(event)).await.is_ok() {
            // A client that is gone needs no end.
            let _gone = self.sink.end().await;
        }
    }
}
