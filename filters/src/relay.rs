//! A streamed answer: its start is held (bounded) until real output, and from there each event is relayed as it comes.
//! Until it is committed the attempt may still fail over; afterwards a failure is told inside the stream.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use weir_wire::chat_stream::{ChatStream, StreamRules};
use weir_wire::errors::UpstreamError;
use weir_wire::format::Format;
use weir_wire::responses::is_failed_event;
use weir_wire::stream::{Ending, Stream, StreamError};
use weir_wire::translate;

use crate::answer::FailedResponse;
use crate::attempt::Run;
use crate::delivery::{EVENT_STREAM, Life};
use crate::exchange::done_unless;
use crate::failure::{Stop, failed};
use crate::fault::Fault;
use crate::link::{Link, LinkError};
use crate::render::Outbound;
use crate::send::Attempt;
use crate::settle::{Finish, Progress, Tally};
use crate::sink::{ReplyHead, Sink};
use crate::told::Side;
use crate::way::Way;
use crate::weigh::Share;

/// Pieces that are taken from the connection's buffer before they are written on together.
const COALESCE_PIECES: usize = 16;
/// How long the end of a body behind its terminator is waited for; the client's next request waits with it.
const DRAIN: Duration = Duration::from_millis(50);
/// Bytes that are written on together at most.
const COALESCE_BYTES: usize = 16 * 1024;

/// The start of a stream, held back until it is known to be real.
struct Opening {
    head: Option<ReplyHead>,
    pieces: Vec<Bytes>,
    bytes: usize,
}

/// Reads what is left behind a terminator, for a moment, so that the connection may serve again.
async fn drain(link: &mut Link) {
    let rest = async { while let Ok(Some(_)) = link.read_body().await {} };
    let _ = tokio::time::timeout(DRAIN, rest).await;
}

/// What a stream that cannot be relayed any further means for its connection.
fn unreadable(error: StreamError) -> LinkError {
    LinkError::Broken(match error {
        StreamError::EventTooLong { .. } => "an event of its stream is too long",
        StreamError::AnswerTooLong { .. } => "its answer is too long",
        _ => "its stream is not framed as its format says",
    })
}

/// The relay for an attempt's stream.
fn stream_of(outbound: &Outbound) -> Stream {
    let (client, provider) = match outbound.way {
        Way::Conversation { client, provider } => (client, provider),
        // A conversation that is made shorter, told as any other.
        Way::Plain if outbound.format == Format::Responses => (outbound.format, outbound.format),
        Way::Plain | Way::Adapted(_) => return Stream::Media(Box::default()),
    };
    if client == provider && matches!(client, Format::Chat | Format::Completions) {
        let rules = StreamRules {
            strip_usage: outbound.strip_usage,
        };
        return Stream::Chat(Box::new(ChatStream::new(rules)));
    }
    let relay = translate::relay(provider, client, &outbound.context);
    Stream::Relay(Box::new(relay))
}

/// What a silent stream can say for itself. Held events are let go once the client has waited so long that it needs a sign
/// of life: to some a comment is none, and a provider that has begun to answer is kept to it.
fn sign_of_life(tally: &mut Tally, held: &mut Option<Opening>) -> Life {
    if let Some(opening) = held.take_if(|opening| !opening.pieces.is_empty()) {
        tally.first_output();
        return Life {
            head: opening.head,
            events: Some(opening.pieces.concat().into()),
        };
    }
    let events = match &mut tally.progress {
        Progress::Streaming(stream) if held.is_none() => stream.sign_of_life(),
        _ => None,
    };
    Life { head: None, events }
}

impl<S: Sink> Run<'_, S> {
    /// A streamed answer: held until real output, then relayed as it comes.
    pub(crate) async fn stream(
        &mut self,
        attempt: &Attempt<'_>,
        link: &mut Link,
        head: ReplyHead,
    ) -> Result<Finish, Stop> {
        self.tally.progress = Progress::Streaming(stream_of(&attempt.outbound));
        let mut held: Option<Opening> = Some(Opening {
            head: Some(head),
            pieces: Vec::new(),
            bytes: 0,
        });
        let mut out: Vec<Bytes> = Vec::new();
        let mut share = Share::default();
        loop {
            let tally = &mut self.tally;
            let life = || sign_of_life(tally, &mut held);
            let read = self.delivery.wait_alive(link.read_body(), life).await?;
            let ended = match read {
                Ok(Some(piece)) => self.feed(piece, link, &mut out),
                Ok(None) => Ok(true),
                Err(error) => Err(error),
            };
            let is_over = match ended {
                Ok(is_over) => is_over,
                Err(error) => return self.stream_broke(attempt, held, out, &error).await,
            };
            if let Err(why) = share.grow(&self.gateway.body_memory, self.held_bytes()) {
                let stop = self.too_heavy(attempt.target, why);
                return self.stream_stopped(attempt, held, out, stop).await;
            }
            let ending = is_over.then(|| self.finish_stream(&mut out)).flatten();
            if self.stream_error().is_some()
                || matches!(ending, Some(Ending::Failed | Ending::Truncated))
            {
                return self.stream_failed(attempt, held, out).await;
            }
            let is_done = ending.is_some() || self.is_done();
            if is_done && held.is_some() && !self.has_output() {
                let stop = self.broken(attempt.target, "its stream was empty");
                return self.stream_stopped(attempt, held, out, stop).await;
            }
            self.relay(&mut held, &mut out, is_done).await?;
            if is_done {
                // The terminator ends the answer, also where the provider is slow to end its body.
                let ended = self.delivery.end().await;
                self.tally.bill_progress();
                if ending.is_none() {
                    drain(link).await;
                }
                return Ok(done_unless(ended.is_err(), 200));
            }
        }
    }

    /// Feeds a piece and whatever else is already here, never waiting for more. True at the end of the body.
    fn feed(
        &mut self,
        piece: Bytes,
        link: &mut Link,
        out: &mut Vec<Bytes>,
    ) -> Result<bool, LinkError> {
        let Progress::Streaming(stream) = &mut self.tally.progress else {
            return Ok(true);
        };
        let mut bytes = piece.len();
        stream.feed(piece, out).map_err(unreadable)?;
        if matches!(link, Link::Demo(_)) {
            return Ok(false);
        }
        for _ in 0..COALESCE_PIECES {
            if bytes >= COALESCE_BYTES || stream.progress().error.is_some() {
                break;
            }
            match link.read_body().now_or_never() {
                Some(Ok(Some(piece))) => {
                    bytes += piece.len();
                    stream.feed(piece, out).map_err(unreadable)?;
                }
                Some(Ok(None)) => return Ok(true),
                Some(Err(error)) => return Err(error),
                None => break,
            }
        }
        Ok(false)
    }

    fn finish_stream(&mut self, out: &mut Vec<Bytes>) -> Option<Ending> {
        match &mut self.tally.progress {
            Progress::Streaming(stream) => Some(stream.finish(out)),
            _ => None,
        }
    }

    fn stream_error(&self) -> Option<&UpstreamError> {
        match &self.tally.progress {
            Progress::Streaming(stream) => stream.progress().error.as_ref(),
            _ => None,
        }
    }

    fn held_bytes(&self) -> usize {
        match &self.tally.progress {
            Progress::Streaming(stream) => stream.held_bytes(),
            _ => 0,
        }
    }

    fn is_done(&self) -> bool {
        match &self.tally.progress {
            Progress::Streaming(stream) => stream.progress().done,
            _ => false,
        }
    }

    fn has_output(&self) -> bool {
        match &self.tally.progress {
            Progress::Streaming(stream) => stream.progress().has_output,
            _ => false,
        }
    }

    /// Holds pieces until the answer is real, then writes what was held and everything after it.
    async fn relay(
        &mut self,
        held: &mut Option<Opening>,
        out: &mut Vec<Bytes>,
        is_over: bool,
    ) -> Result<(), Stop> {
        if let Some(opening) = held {
            opening.bytes += out.iter().map(Bytes::len).sum::<usize>();
            opening.pieces.append(out);
            let bounds = &self.held.planned.routes.settings.stream;
            let is_full =
                opening.bytes > bounds.hold_bytes || opening.pieces.len() > bounds.hold_events;
            if !(self.has_output() || is_full || is_over) {
                return Ok(());
            }
            self.commit(held, out).await?;
        }
        match out.len() {
            0 => {}
            1 => self.delivery.write(out.remove(0)).await?,
            _ => {
                let joined: Bytes = out.concat().into();
                out.clear();
                self.delivery.write(joined).await?;
            }
        }
        Ok(())
    }

    /// The first byte to the client: from here on nothing is tried again. The held pieces go to the front of `out`.
    async fn commit(
        &mut self,
        held: &mut Option<Opening>,
        out: &mut Vec<Bytes>,
    ) -> Result<(), Stop> {
        let Some(mut opening) = held.take() else {
            return Ok(());
        };
        if let Some(head) = opening.head.take() {
            self.delivery.begin(head).await?;
        }
        self.tally.first_output();
        opening.pieces.append(out);
        *out = opening.pieces;
        Ok(())
    }

    /// The stream ended in an error event, or ended without having finished.
    async fn stream_failed(
        &mut self,
        attempt: &Attempt<'_>,
        held: Option<Opening>,
        out: Vec<Bytes>,
    ) -> Result<Finish, Stop> {
        let Some(error) = self.stream_error().cloned() else {
            let stop = self.broken(attempt.target, "its stream ended early");
            return self.stream_stopped(attempt, held, out, stop).await;
        };
        let mut stop = self.reported(attempt, &error);
        let is_of_responses = attempt.outbound.way
            == Way::Conversation {
                client: Format::Responses,
                provider: Format::Responses,
            };
        if let Stop::Failed(failure) = &mut stop
            && let Some(answer) = &mut failure.answer
            && is_of_responses
        {
            let body = self.as_it_came(held.as_ref(), &out);
            answer.failed_response = body.map(|body| FailedResponse {
                content_type: EVENT_STREAM,
                body: attempt.key.redact_bytes(body),
            });
        }
        self.stream_stopped(attempt, held, out, stop).await
    }

    /// A held stream that ended in a failed response, that event included.
    fn as_it_came(&self, held: Option<&Opening>, out: &[Bytes]) -> Option<Bytes> {
        let Progress::Streaming(stream) = &self.tally.progress else {
            return None;
        };
        let error = stream.raw_error().filter(|it| is_failed_event(it))?;
        let before = held?.pieces.iter().chain(out);
        let all: Vec<_> = before.chain([error]).cloned().collect();
        Some(all.concat().into())
    }

    /// The connection broke or fell silent inside the stream.
    async fn stream_broke(
        &mut self,
        attempt: &Attempt<'_>,
        held: Option<Opening>,
        mut out: Vec<Bytes>,
        error: &LinkError,
    ) -> Result<Finish, Stop> {
        let target = attempt.target;
        // A provider that closes without a last chunk after its terminator has still said everything.
        if let Progress::Streaming(stream) = &self.tally.progress
            && stream.progress().done
        {
            let mut held = held;
            self.relay(&mut held, &mut out, true).await?;
            self.tally.bill_progress();
            let ended = self.delivery.end().await;
            return Ok(done_unless(ended.is_err(), 200));
        }
        let stop = self.link_failure(target, error);
        self.stream_stopped(attempt, held, out, stop).await
    }

    /// Before the commit a broken stream is a failure like another; after it the client is told inside its stream.
    async fn stream_stopped(
        &mut self,
        attempt: &Attempt<'_>,
        mut held: Option<Opening>,
        mut out: Vec<Bytes>,
        stop: Stop,
    ) -> Result<Finish, Stop> {
        let Stop::Failed(failure) = stop else {
            return Err(stop);
        };
        // Output counts as delivered even if it came in one piece with the failure and is still held: whether an answer is
        // tried again must not hang on how the network cut it.
        if self.has_output() {
            self.commit(&mut held, &mut out).await?;
        }
        // An error about the key is told in our words: the provider's may quote it.
        let raw_error = match (&self.tally.progress, &failure.fault) {
            (Progress::Streaming(stream), Fault::Reported { .. }) => stream.raw_error().cloned(),
            _ => None,
        };
        self.tally.bill_progress();
        if held.is_some() {
            return Err(Stop::Failed(failure));
        }
        for piece in out {
            self.delivery.write(piece).await?;
        }
        let told = failure.fault.told();
        match raw_error {
            // The provider's own words, in the client's own format, but for a key that they may quote.
            Some(event) => {
                let event = attempt.key.redact_bytes(event);
                self.delivery.fail_as_told(event.to_vec()).await;
            }
            None => {
                let is_of_provider = matches!(failure.fault, Fault::Reported { .. });
                self.fail_stream(&told, is_of_provider).await;
            }
        }
        Ok(failed(told.status, Side::Provider))
    }
}
