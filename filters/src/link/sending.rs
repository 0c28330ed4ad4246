//! A request whose body leaves piece by piece: a form on its way from the client or from disk.

use std::sync::Arc;

use bytes::Bytes;
use pingora::protocols::Stream;
use pingora::protocols::http::client::HttpSession;
use pingora::protocols::http::v1::client::HttpSession as Http1;
use tokio::io::AsyncWriteExt;

use super::{Link, NetworkLink, write_limit};
use crate::provider::Address;

/// A request whose body leaves piece by piece.
pub(crate) struct Sending {
    carrier: Carrier,
    address: Arc<Address>,
    /// A piece was not taken: the rest is not worth sending, and an early answer may say why.
    has_failed: bool,
}

enum Carrier {
    Plain(Stream),
    Secure {
        session: Box<HttpSession>,
        reused: bool,
    },
}

impl Sending {
    pub(super) fn plain(stream: Stream, address: Arc<Address>) -> Self {
        Self {
            carrier: Carrier::Plain(stream),
            address,
            has_failed: false,
        }
    }

    pub(super) fn secure(
        session: HttpSession,
        reused: bool,
        is_sent: bool,
        address: Arc<Address>,
    ) -> Self {
        Self {
            carrier: Carrier::Secure {
                session: Box::new(session),
                reused,
            },
            address,
            has_failed: !is_sent,
        }
    }

    /// Sends a piece; false where the provider takes no more.
    pub(crate) async fn write(&mut self, piece: Bytes) -> bool {
        if self.has_failed {
            return false;
        }
        let limit = write_limit(&self.address);
        let is_sent = match &mut self.carrier {
            Carrier::Plain(stream) => {
                let sent = tokio::time::timeout(limit, stream.write_all(&piece)).await;
                matches!(sent, Ok(Ok(())))
            }
            Carrier::Secure { session, .. } => {
                session.write_request_body(piece, false).await.is_ok()
            }
        };
        self.has_failed = !is_sent;
        is_sent
    }

    /// The body is whole, or as whole as it will be: the link on which the answer comes.
    pub(crate) async fn finish(self) -> Link {
        let mut has_failed = self.has_failed;
        let (session, is_plain, reused) = match self.carrier {
            Carrier::Plain(mut stream) => {
                has_failed |= stream.flush().await.is_err();
                let session = Http1::new_with_options(stream, &self.address.peer);
                (HttpSession::H1(session), true, false)
            }
            Carrier::Secure {
                mut session,
                reused,
            } => {
                has_failed |= session.finish_request_body().await.is_err();
                (*session, false, reused)
            }
        };
        Link::Network(Box::new(NetworkLink {
            session: Some(session),
            address: self.address,
            is_plain,
            reused,
            answered: false,
            drained: false,
            send_failed: has_failed,
            is_bodiless: false,
        }))
    }
}
