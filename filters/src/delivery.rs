//! One answer on its way to a sink: what was written so far, when silence must be broken, when time is up.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use pingora_timeout::fast_timeout::fast_sleep;
use tokio::time::Instant;
use weir_wire::format::Format;
use weir_wire::gemini::{self, JsonArray};

use crate::answer::JSON;
use crate::refusal::Refusal;
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

/// What breaks a silence where something better than a comment is at hand.
#[derive(Default)]
pub(crate) struct Life {
    /// The answer's head, if it has not left.
    pub head: Option<ReplyHead>,
    /// Whole events.
    pub events: Option<Bytes>,
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
    /// For a client of Gemini's that wants its events as elements of an array.
    array: Option<JsonArray>,
    /// Pingora's shared timers: one of the runtime's own for each call would cost a lock at its start and its end.
    total: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    /// When it fires. A provider that never pauses leaves no wait in which it could.
    ends_at: Option<Instant>,
    begun: bool,
    next_tick: Option<Instant>,
    /// Whether the owner is watched while something is waited for.
    is_watched: bool,
    /// The head of an early commit, made when the call began.
    early_head: Option<ReplyHead>,
}

impl<'a, S: Sink> Delivery<'a, S> {
    pub(crate) fn new(
        sink: &'a mut S,
        early_head: Option<ReplyHead>,
        pace: Pace,
        array: Option<JsonArray>,
        total: Duration,
    ) -> Self {
        let started = Instant::now();
        let streamed = early_head.is_some();
        Self {
            sink,
            streamed,
            pace,
            array,
            total: Box::pin(fast_sleep(total)),
            ends_at: started.checked_add(total),
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
    pub(crate) fn wait<T>(
        &mut self,
        work: impl Future<Output = T> + Send,
    ) -> impl Future<Output = Result<T, Interrupted>> + Send {
        self.wait_alive(work, Life::default)
    }

    /// The same, with signs of life that the stream itself has.
    pub(crate) async fn wait_alive<T>(
        &mut self,
        work: impl Future<Output = T> + Send,
        mut life: impl FnMut() -> Life + Send,
    ) -> Result<T, Interrupted> {
        if self.ends_at.is_some_and(|at| at <= Instant::now()) {
            return Err(Interrupted::TimeUp);
        }
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
            self.break_silence(life()).await?;
        }
    }

    /// Stops watching the owner: what it sends next is not ours, and watching would swallow it.
    pub(crate) fn look_away(&mut self) {
        self.is_watched = false;
    }

    /// The next piece of the request's body; reading it is the watch over the owner. May be dropped and called again.
    pub(crate) async fn body_piece(
        &mut self,
    ) -> Result<Result<Option<Bytes>, Refusal>, Interrupted> {
        tokio::select! {
            biased;
            piece = self.sink.body_piece() => match piece {
                Err(Refusal::Gone) => Err(Interrupted::Gone),
                piece => Ok(piece),
            },
            () = self.total.as_mut() => Err(Interrupted::TimeUp),
        }
    }

    async fn break_silence(&mut self, life: Life) -> Result<(), Gone> {
        if !self.begun
            && let Some(head) = life.head.or_else(|| self.early_head.take())
        {
            self.begin(head).await?;
        }
        if let Some(events) = life.events {
            return self.write(events).await;
        }
        let sign = match (&mut self.array, self.pace.dialect) {
            (Some(array), _) => array.sign_of_life(),
            (None, Format::Anthropic) => PING,
            (None, Format::Gemini) => gemini::KEEP_ALIVE,
            (None, _) => COMMENT,
        };
        self.send(Bytes::from_static(sign)).await
    }

    /// A whole answer. Where the head has left already the caller must not come here.
    pub(crate) async fn reply(&mut self, head: ReplyHead, body: Bytes) -> Result<(), Gone> {
        self.begun = true;
        self.sink.reply(head, body).await
    }

    /// Commits a streamed answer; does nothing where an early commit did so.
    pub(crate) async fn begin(&mut self, mut head: ReplyHead) -> Result<(), Gone> {
        if self.begun {
            return Ok(());
        }
        if self.array.is_some() {
            head.content_type = JSON;
        }
        self.begun = true;
        self.early_head = None;
        self.sink.begin(head).await
    }

    /// Writes a piece: of a stream, whole events.
    pub(crate) async fn write(&mut self, piece: Bytes) -> Result<(), Gone> {
        match &mut self.array {
            None => self.send(piece).await,
            Some(array) => {
                let elements = array.elements(&piece);
                self.send(elements.into()).await
            }
        }
    }

    /// Sends bytes as they are, and puts the next keep-alive off.
    async fn send(&mut self, piece: Bytes) -> Result<(), Gone> {
        if self.streamed {
            self.next_tick = Some(Instant::now() + self.pace.keepalive);
        }
        self.sink.write(piece).await
    }

    pub(crate) async fn end(&mut self) -> Result<(), Gone> {
        if let Some(array) = &mut self.array {
            let end = array.end();
            self.send(Bytes::from_static(end)).await?;
        }
        self.sink.end().await
    }

    /// Cuts a begun answer that has no way to tell a failure.
    pub(crate) async fn cut(&mut self) {
        self.sink.cut().await;
    }

    /// Tells a failure inside a begun stream and cuts it: an error event, and no success terminator. An array ends with
    /// the error, so that it can be read.
    pub(crate) async fn fail(&mut self, mut event: Vec<u8>) {
        if let Some(array) = &mut self.array {
            event = array.elements(&event);
            event.extend_from_slice(array.end());
        }
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

#[cfg(test)]
mod tests {
    use crate::refusal::Refusal;
    use crate::sink::Source;

    use super::*;

    /// A client that stays and says nothing.
    struct Patient;

    impl Source for Patient {
        fn body_len(&self) -> Option<u64> {
            None
        }

        async fn body_piece(&mut self) -> Result<Option<Bytes>, Refusal> {
            Ok(None)
        }
    }

    impl Sink for Patient {
        async fn reply(&mut self, _: ReplyHead, _: Bytes) -> Result<(), Gone> {
            Ok(())
        }

        async fn begin(&mut self, _: ReplyHead) -> Result<(), Gone> {
            Ok(())
        }

        async fn write(&mut self, _: Bytes) -> Result<(), Gone> {
            Ok(())
        }

        async fn end(&mut self) -> Result<(), Gone> {
            Ok(())
        }

        async fn cut(&mut self) {}

        async fn gone(&mut self) {
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn time_is_up_also_where_there_is_always_something_to_read() {
        let pace = Pace {
            keepalive: Duration::from_secs(60),
            early_commit: Duration::from_secs(60),
            dialect: Format::Chat,
        };
        let mut sink = Patient;
        let mut patient = Delivery::new(&mut sink, None, pace, None, Duration::from_secs(60));
        assert_eq!(patient.wait(std::future::ready(1)).await, Ok(1));
        let mut sink = Patient;
        let mut late = Delivery::new(&mut sink, None, pace, None, Duration::ZERO);
        let read = late.wait(std::future::ready(1)).await;
        assert_eq!(read, Err(Interrupted::TimeUp));
    }
}
