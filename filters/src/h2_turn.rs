//! Whose turn it is to look for a stream on the HTTP/2 connections to one address.
//!
//! Pingora takes a connection out of its pool while it opens a stream on it, so that whoever looks for one at the same
//! moment finds none and connects anew. One after the other they share connections instead, and a burst behind a cold
//! pool waits for one handshake rather than making hundreds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

/// The turns at one address.
#[derive(Debug, Default)]
pub struct H2Turn {
    speaks_h2: AtomicBool,
    turn: Mutex<()>,
}

impl H2Turn {
    /// Waits for the turn, `patience` at the longest: who connects to an address that does not answer holds up nobody for
    /// longer than its own connecting may take. Where HTTP/2 has not been seen nobody waits, as connections over HTTP/1.1
    /// are not shared.
    pub(crate) async fn take(&self, patience: Option<Duration>) -> Option<MutexGuard<'_, ()>> {
        if !self.speaks_h2.load(Ordering::Relaxed) {
            return None;
        }
        let patience = patience.unwrap_or(Duration::MAX);
        tokio::time::timeout(patience, self.turn.lock()).await.ok()
    }

    /// Notes which protocol a session there speaks.
    pub(crate) fn note(&self, speaks_h2: bool) {
        self.speaks_h2.store(speaks_h2, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_is_shared_is_waited_for() {
        let turn = H2Turn::default();
        assert!(turn.take(None).await.is_none());
        turn.note(true);
        let first = turn.take(None).await;
        assert!(first.is_some());
        assert!(turn.take(Some(Duration::ZERO)).await.is_none());
        drop(first);
        assert!(turn.take(Some(Duration::ZERO)).await.is_some());
        turn.note(false);
        assert!(turn.take(None).await.is_none());
    }
}
