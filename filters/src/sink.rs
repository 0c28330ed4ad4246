//! Where an answer goes. The door implements it over a client's session; a background call will over a stored log.

use std::future::Future;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use thiserror::Error;

use crate::refusal::Refusal;

/// The owner of the call is gone: nothing can be written any more.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the client is gone")]
pub struct Gone;

/// Names and values of an answer's headers, in order.
pub type Headers = Vec<(HeaderName, HeaderValue)>;

/// The head of an answer.
pub struct ReplyHead {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: HeaderValue,
    /// Further headers: ours, and those of the provider that may reach the client.
    pub headers: Headers,
}

/// Where a request's body comes from, piece by piece.
pub trait Source: Send {
    /// How long the body is, where the client said so.
    fn body_len(&self) -> Option<u64>;

    /// The next piece, in time by the slowest rate that is allowed; none at the end. Bounding the whole is the reader's
    /// affair. May be dropped and called again.
    fn body_piece(&mut self) -> impl Future<Output = Result<Option<Bytes>, Refusal>> + Send;
}

/// Takes one answer: either whole, or begun and then piece by piece.
pub trait Sink: Source {
    /// Writes a whole answer.
    fn reply(
        &mut self,
        head: ReplyHead,
        body: Bytes,
    ) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Begins an answer of unknown length.
    fn begin(&mut self, head: ReplyHead) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Writes a piece of a begun answer, at once.
    fn write(&mut self, piece: Bytes) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Ends a begun answer as complete.
    fn end(&mut self) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Cuts a begun answer so that nobody can take it for complete.
    fn cut(&mut self) -> impl Future<Output = ()> + Send;

    /// Resolves when the owner is gone, and not before. It takes nothing of a body that is still to be read. May be dropped
    /// and called again.
    fn gone(&mut self) -> impl Future<Output = ()> + Send;
}
