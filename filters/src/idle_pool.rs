//! Idle connections to providers over plain HTTP/1.1.
//!
//! Pingora's own pool watches every idle connection with a task of its own, which is spawned and cancelled once per
//! request; here a connection is looked at when it is taken out again, and the stale ones are swept now and then.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use parking_lot::Mutex;
use pingora::protocols::Stream;
use tokio::io::AsyncReadExt;

/// Idle connections kept for one address.
const PER_ADDRESS_MAX: usize = 1_024;

/// The pool, by the key of an address.
pub(crate) struct IdlePool {
    by_address: Mutex<HashMap<u64, VecDeque<Idle>>>,
    keep: Duration,
}

struct Idle {
    stream: Stream,
    since: Instant,
}

impl IdlePool {
    /// A pool that keeps connections for `keep` at the most.
    pub(crate) fn new(keep: Duration) -> Self {
        Self {
            by_address: Mutex::default(),
            keep,
        }
    }

    /// The connection that was used last, if it still lives as far as can be seen from here.
    pub(crate) fn take(&self, key: u64) -> Option<Stream> {
        loop {
            let mut idle = self.by_address.lock().get_mut(&key)?.pop_back()?;
            if idle.since.elapsed() < self.keep && is_quiet(&mut idle.stream) {
                return Some(idle.stream);
            }
        }
    }

    /// Keeps a connection whose answer was read to its end.
    pub(crate) fn put(&self, key: u64, stream: Stream) {
        let mut by_address = self.by_address.lock();
        let idle = by_address.entry(key).or_default();
        if idle.len() >= PER_ADDRESS_MAX {
            idle.pop_front();
        }
        idle.push_back(Idle {
            stream,
            since: Instant::now(),
        });
    }

    /// Closes what has been idle for too long.
    pub(crate) fn sweep(&self) {
        let mut by_address = self.by_address.lock();
        by_address.retain(|_, idle| {
            while idle
                .front()
                .is_some_and(|it| it.since.elapsed() >= self.keep)
            {
                idle.pop_front();
            }
            !idle.is_empty()
        });
    }
}

/// Whether a connection has neither ended nor been sent anything: nobody may speak on it before a request.
fn is_quiet(stream: &mut Stream) -> bool {
    let mut byte = [0_u8; 1];
    stream.read(&mut byte).now_or_never().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    async fn pair() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap());
        let (ours, theirs) = tokio::join!(ours, listener.accept());
        let raw = pingora::protocols::l4::stream::Stream::from(ours.unwrap());
        (Box::new(raw), theirs.unwrap().0)
    }

    #[tokio::test]
    async fn a_living_connection_is_taken_once_and_the_latest_first() {
        let pool = IdlePool::new(Duration::from_secs(60));
        let ((first, _a), (second, _b)) = (pair().await, pair().await);
        let latest = second.id();
        pool.put(7, first);
        pool.put(7, second);
        assert!(pool.take(8).is_none());
        assert_eq!(pool.take(7).unwrap().id(), latest);
        assert!(pool.take(7).is_some() && pool.take(7).is_none());
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_or_spoke_first_is_not_used() {
        let pool = IdlePool::new(Duration::from_secs(60));
        let ((closed, a), (chatty, mut b)) = (pair().await, pair().await);
        drop(a);
        b.write_all(b"HTTP/1.1 408\r\n\r\n").await.unwrap();
        for (stream, peer) in [(closed, None), (chatty, Some(&b))] {
            // What the other side did has arrived once the socket is readable.
            let raw = stream
                .into_any()
                .downcast::<pingora::protocols::l4::stream::Stream>();
            let mut raw = raw.unwrap();
            let mut byte = [0_u8; 1];
            let read = raw.read(&mut byte).await.unwrap();
            assert_eq!(read, usize::from(peer.is_some()));
            pool.put(1, raw);
            assert!(pool.take(1).is_none());
        }
    }

    #[tokio::test]
    async fn stale_connections_are_swept() {
        let pool = IdlePool::new(Duration::ZERO);
        let (stream, _theirs) = pair().await;
        pool.put(1, stream);
        pool.sweep();
        assert!(pool.by_address.lock().is_empty());
    }
}
