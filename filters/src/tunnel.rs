//! A connection that leaves HTTP: `/v1/realtime` as a WebSocket. The handshake is checked and built afresh like any
//! request's head; afterwards bytes are relayed both ways as they are, and watched.
//!
//! In the order of use: [`Upgrade::read`] what the client asks for, [`Tunnels::open`] a connection to the provider, answer
//! the client with [`Upgraded::reply`], and [`relay`] until one side leaves or the [`Watch`] says stop.

mod handshake;
mod open;
mod realtime;
mod relay;

use bytes::Bytes;

pub use handshake::{NotAnUpgrade, Upgrade, credential_in_protocols};
pub use open::{OpenError, Opened, Refused, Tunnels, Upgraded};
pub use realtime::{RealtimeWatch, Rules};
pub use relay::{Ending, Limits, Relayed, relay};

/// One end of a tunnel: a connection, and what was read from it beyond the handshake.
pub struct Side<S> {
    /// The connection.
    pub stream: S,
    /// Its first bytes.
    pub early: Bytes,
}

/// Why a tunnel is closed from here, in the words of a WebSocket's close frame (RFC 6455, section 7.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The status: 1001 going away, 1002 protocol error, 1008 policy, 1009 too big, 1011 internal error…
    pub status: u16,
    /// A code for programs.
    pub code: &'static str,
    /// What to tell people.
    pub message: String,
}

/// What becomes of bytes that were looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They go on.
    Pass,
    /// They go on, and are the last to do so.
    PassThenStop(Stop),
    /// They do not go on, nor does anything after them.
    Stop(Stop),
}

/// Looks at what passes through a tunnel.
pub trait Watch: Send {
    /// The client sent this.
    fn client_sent(&mut self, bytes: &[u8]) -> Verdict;

    /// The provider sent this.
    fn upstream_sent(&mut self, bytes: &[u8]) -> Verdict;

    /// What can be put in for the client, after all that the provider sent so far, to end with. May be nothing.
    fn farewell(&self, stop: &Stop) -> Vec<u8>;
}

#[cfg(test)]
mod tests;
