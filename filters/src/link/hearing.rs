//! A connection that is listened to while a request's body is still being written to it: a provider may answer before it has
//! the whole of it (RFC 9112, section 9.3), and what comes of its answer meanwhile must still be read from its beginning.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream,
    TimingDigest, UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is read at once.
const READ_BYTES: usize = 4 * 1024;
/// The most that is kept of what comes while the body is being sent. More is no head of an answer.
const HEARD_MAX_BYTES: usize = 64 * 1024;
/// The part of a status line up to its code: `HTTP/1.1 413`.
const STATUS_BYTES: usize = 12;

/// A connection, and what was heard on it.
#[derive(Debug)]
pub(super) struct Hearing {
    stream: Stream,
    heard: BytesMut,
    /// Whether an answer may still come that makes the rest of the body pointless.
    listens: bool,
}

/// What the beginning of an answer means for the body that is still being sent.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing yet.
    Silence,
    /// All is well so far: the answer waits until the body is whole.
    GoOn,
    /// It is not wanted any more.
    Stop,
}

impl Hearing {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            heard: BytesMut::new(),
            listens: true,
        }
    }

    /// Writes all of `bytes`; false where the provider has answered that it wants no more, or takes no more.
    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> bool {
        poll_fn(|context| {
            // An answer is looked for first: a provider that has said no may go on taking what nobody reads there.
            if self.poll_stop(context).is_ready() {
                return Poll::Ready(false);
            }
            while !bytes.is_empty() {
                match ready!(Pin::new(&mut self.stream).poll_write(context, bytes)) {
                    Ok(taken) if taken > 0 => bytes = bytes.get(taken..).unwrap_or_default(),
                    _ => return Poll::Ready(false),
                }
            }
            let flushed = ready!(Pin::new(&mut self.stream).poll_flush(context));
            Poll::Ready(flushed.is_ok())
        })
        .await
    }

    /// Resolves when the provider wants no more of the body, and not before.
    pub(super) async fn stopped(&mut self) {
        poll_fn(|context| self.poll_stop(context)).await;
    }

    fn poll_stop(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.listens {
            let mut space = [0; READ_BYTES];
            let mut piece = ReadBuf::new(&mut space);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut piece));
            if read.is_err() || piece.filled().is_empty() {
                return Poll::Ready(());
            }
            self.heard.extend_from_slice(piece.filled());
            match judge(&mut self.heard) {
                Verdict::Silence => {}
                Verdict::GoOn => self.listens = false,
                Verdict::Stop => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    /// The connection as Pingora reads it, from the beginning of what was heard.
    pub(super) fn into_stream(self) -> Stream {
        if self.heard.is_empty() {
            self.stream
        } else {
            Box::new(self)
        }
    }
}

/// Judges the beginning of an answer. Interim answers are taken out: nobody who sends a body waits for them.
fn judge(heard: &mut BytesMut) -> Verdict {
    loop {
        let Some(line) = heard.get(..STATUS_BYTES) else {
            return Verdict::Silence;
        };
        match line.get(STATUS_BYTES - 3) {
            Some(b'2') => return Verdict::GoOn,
            Some(b'1') if heard.len() <= HEARD_MAX_BYTES => {}
            _ => return Verdict::Stop,
        }
        let Some(end) = heard.windows(4).position(|it| it == b"\r\n\r\n") else {
            return Verdict::Silence;
        };
        heard.advance(end + 4);
    }
}

impl AsyncRead for Hearing {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.heard.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        let len = this.heard.len().min(buffer.remaining());
        buffer.put_slice(&this.heard.split_to(len));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Hearing {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[async_trait]
impl Shutdown for Hearing {
    async fn shutdown(&mut self) {
        self.stream.shutdown().await;
    }
}

impl UniqueID for Hearing {
    fn id(&self) -> UniqueIDType {
        self.stream.id()
    }
}

impl Ssl for Hearing {}

impl Peek for Hearing {}

impl GetTimingDigest for Hearing {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.get_timing_digest()
    }
}

impl GetProxyDigest for Hearing {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.get_proxy_digest()
    }
}

impl GetSocketDigest for Hearing {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> (Verdict, String) {
        let mut heard = BytesMut::from(text.as_bytes());
        let verdict = judge(&mut heard);
        (verdict, String::from_utf8(heard.to_vec()).unwrap())
    }

    #[test]
    fn an_answer_that_refuses_stops_the_body_and_no_other_does() {
        for (text, verdict, left) in [
            ("HTTP/1.1 41", Verdict::Silence, "HTTP/1.1 41"),
            ("HTTP/1.1 413", Verdict::Stop, "HTTP/1.1 413"),
            ("HTTP/1.1 200", Verdict::GoOn, "HTTP/1.1 200"),
            (
                "HTTP/1.1 100 Continue\r\n",
                Verdict::Silence,
                "HTTP/1.1 100 Continue\r\n",
            ),
            ("HTTP/1.1 100 Continue\r\n\r\n", Verdict::Silence, ""),
            (
                "HTTP/1.1 102 P\r\na: b\r\n\r\nHTTP/1.1 401 U\r\n",
                Verdict::Stop,
                "HTTP/1.1 401 U\r\n",
            ),
            ("SSH-2.0-OpenSSH", Verdict::Stop, "SSH-2.0-OpenSSH"),
        ] {
            assert_eq!(judged(text), (verdict, left.to_owned()), "{text}");
        }
    }
}
