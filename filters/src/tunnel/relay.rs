//! Bytes both ways, until one side leaves, nobody speaks, time is up or the watch says stop.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};

use super::{Side, Stop, Verdict, Watch};

/// What is read at once in one direction.
const READ_BYTES: usize = 16 * 1024;

/// How long a tunnel may last.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Silence on both sides.
    pub idle: Duration,
    /// A write that nobody takes.
    pub write: Duration,
    /// What the other side has to end with after one has left.
    pub linger: Duration,
    /// All of it.
    pub total: Duration,
}

/// How a tunnel ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client left first.
    ClientLeft,
    /// The provider left first.
    UpstreamLeft,
    /// Nobody said anything for too long.
    Idle,
    /// It lasted as long as it may.
    TimeUp,
    /// It was stopped from here.
    Stopped(Stop),
}

/// What went through a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relayed {
    /// How it ended.
    pub ending: Ending,
    /// Bytes from the client to the provider.
    pub client_bytes: u64,
    /// Bytes from the provider to the client.
    pub upstream_bytes: u64,
}

/// How one direction ended.
#[derive(Debug)]
enum End {
    /// The sender said that it is done.
    Finished,
    /// The sender's connection broke.
    SenderBroke,
    /// The receiver's connection broke, or it takes nothing any more.
    ReceiverBroke,
    Stopped(Stop),
}

/// What both directions share.
struct Shared<'a, W> {
    watch: Mutex<&'a mut W>,
    last_sign: Mutex<Instant>,
    write_limit: Duration,
}

/// One direction's state, which outlives its future.
#[derive(Default)]
struct Flow {
    bytes: AtomicU64,
    /// Whether a write has begun and not come to its end: then the receiver may have half a frame.
    is_writing: AtomicBool,
}

/// Relays until an end. `stop` may stop it from outside: at a shutdown, for a revoked token.
///
/// Dropping the future closes both connections at once.
pub async fn relay<C, U, W>(
    client: Side<C>,
    upstream: Side<U>,
    watch: &mut W,
    limits: Limits,
    stop: impl Future<Output = Stop> + Send,
) -> Relayed
where
    C: AsyncRead + AsyncWrite + Send,
    U: AsyncRead + AsyncWrite + Send,
    W: Watch,
{
    let (client_reader, mut client_writer) = tokio::io::split(client.stream);
    let (upstream_reader, mut upstream_writer) = tokio::io::split(upstream.stream);
    let shared = Shared {
        watch: Mutex::new(watch),
        last_sign: Mutex::new(Instant::now()),
        write_limit: limits.write,
    };
    let (up, down) = (Flow::default(), Flow::default());
    let ending = {
        let up = shared.pass(
            client_reader,
            client.early,
            &mut upstream_writer,
            &up,
            |watch: &mut W, bytes: &[u8]| watch.client_sent(bytes),
        );
        let down = shared.pass(
            upstream_reader,
            upstream.early,
            &mut client_writer,
            &down,
            |watch: &mut W, bytes: &[u8]| watch.upstream_sent(bytes),
        );
        until_end(up, down, &shared.last_sign, limits, stop).await
    };
    if let Some(stop) = reason(&ending)
        && !down.is_writing.load(Ordering::Relaxed)
    {
        let farewell = shared.watch.lock().farewell(&stop);
        let saying = async {
            client_writer.write_all(&farewell).await?;
            client_writer.shutdown().await
        };
        // Whoever does not listen any more misses nothing.
        let _ = timeout(limits.write.min(limits.linger), saying).await;
    }
    Relayed {
        ending,
        client_bytes: up.bytes.load(Ordering::Relaxed),
        upstream_bytes: down.bytes.load(Ordering::Relaxed),
    }
}

/// What the client is told of an end that did not come from a side.
fn reason(ending: &Ending) -> Option<Stop> {
    let going_away = |code, message: &str| Stop {
        status: 1001,
        code,
        message: message.to_owned(),
    };
    match ending {
        Ending::Stopped(stop) => Some(stop.clone()),
        Ending::Idle => Some(going_away(
            "idle_timeout",
            "Nobody said anything for too long.",
        )),
        Ending::TimeUp => Some(going_away(
            "session_timeout",
            "The session lasted as long as the gateway lets one last.",
        )),
        Ending::ClientLeft | Ending::UpstreamLeft => None,
    }
}

/// A moment in the future; one that no clock can tell is as good as never.
fn after(moment: Instant, limit: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);
    moment.checked_add(limit).unwrap_or(moment + NEVER)
}

/// Runs both directions. When one side leaves, the other has `linger` for what it still has to say.
async fn until_end(
    up: impl Future<Output = End>,
    down: impl Future<Output = End>,
    last_sign: &Mutex<Instant>,
    limits: Limits,
    stop: impl Future<Output = Stop>,
) -> Ending {
    tokio::pin!(up, down, stop);
    let total = after(Instant::now(), limits.total);
    let (mut up_runs, mut down_runs) = (true, true);
    let mut first: Option<(Ending, Instant)> = None;
    while up_runs || down_runs {
        let silent_at = after(*last_sign.lock(), limits.idle);
        let until = match &first {
            Some((_, linger)) => *linger,
            None => silent_at.min(total),
        };
        let (end, is_up) = tokio::select! {
            biased;
            stop = &mut stop => return Ending::Stopped(stop),
            end = &mut up, if up_runs => {
                up_runs = false;
                (end, true)
            }
            end = &mut down, if down_runs => {
                down_runs = false;
                (end, false)
            }
            () = sleep_until(until) => {
                match first {
                    Some((ending, _)) => return ending,
                    None if until == total => return Ending::TimeUp,
                    // Somebody may have spoken since.
                    None if after(*last_sign.lock(), limits.idle) > until => continue,
                    None => return Ending::Idle,
                }
            }
        };
        let client_left = match end {
            End::Stopped(stop) => return Ending::Stopped(stop),
            End::Finished | End::SenderBroke => is_up,
            End::ReceiverBroke => !is_up,
        };
        let ending = if client_left {
            Ending::ClientLeft
        } else {
            Ending::UpstreamLeft
        };
        first.get_or_insert((ending, after(Instant::now(), limits.linger)));
    }
    // The loop ends only after a side has left.
    first.map_or(Ending::UpstreamLeft, |(ending, _)| ending)
}

impl<W: Watch> Shared<'_, W> {
    /// Passes what `reader` gives on to `writer`, and the end too.
    async fn pass(
        &self,
        mut reader: impl AsyncRead + Unpin,
        early: Bytes,
        writer: &mut (impl AsyncWrite + Unpin),
        flow: &Flow,
        judge: impl Fn(&mut W, &[u8]) -> Verdict,
    ) -> End {
        if !early.is_empty()
            && let Err(end) = self.hand_on(&early, writer, flow, &judge).await
        {
            return end;
        }
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let length = match reader.read(&mut buffer).await {
                Ok(0) => break,
                Ok(length) => length,
                Err(_) => return End::SenderBroke,
            };
            let bytes = buffer.get(..length).unwrap_or_default();
            if let Err(end) = self.hand_on(bytes, writer, flow, &judge).await {
                return end;
            }
        }
        // The other direction goes on: a side that has closed its half may still listen.
        match timeout(self.write_limit, writer.shutdown()).await {
            Ok(Ok(())) => End::Finished,
            _ => End::ReceiverBroke,
        }
    }

    async fn hand_on(
        &self,
        bytes: &[u8],
        writer: &mut (impl AsyncWrite + Unpin),
        flow: &Flow,
        judge: &impl Fn(&mut W, &[u8]) -> Verdict,
    ) -> Result<(), End> {
        *self.last_sign.lock() = Instant::now();
        let verdict = judge(&mut self.watch.lock(), bytes);
        if let Verdict::Stop(stop) = verdict {
            return Err(End::Stopped(stop));
        }
        flow.is_writing.store(true, Ordering::Relaxed);
        let writing = async {
            writer.write_all(bytes).await?;
            writer.flush().await
        };
        match timeout(self.write_limit, writing).await {
            Ok(Ok(())) => {}
            _ => return Err(End::ReceiverBroke),
        }
        flow.is_writing.store(false, Ordering::Relaxed);
        flow.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        *self.last_sign.lock() = Instant::now();
        match verdict {
            Verdict::PassThenStop(stop) => Err(End::Stopped(stop)),
            _ => Ok(()),
        }
    }
}
