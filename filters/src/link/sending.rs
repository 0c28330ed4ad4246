//! A request whose body leaves piece by piece: a form on its way from the client or from disk.

use std::sync::Arc;

use bytes::Bytes;
use h2::SendStream;
use pingora::Error;
use pingora::protocols::Stream;
use pingora::protocols::http::client::HttpSession;
use pingora::protocols::http::v1::client::HttpSession as Http1;
use pingora::protocols::http::v2::client::Http2Session;
use pingora::protocols::http::v2::write_body;

use super::hearing::Hearing;
use super::{Link, NetworkLink, write_limit};
use crate::provider::Address;

/// A request whose body leaves piece by piece.
pub(crate) struct Sending {
    carrier: Carrier,
    address: Arc<Address>,
    is_plain: bool,
    reused: bool,
    /// A piece was not taken: the rest is not worth sending, and an early answer may say why.
    has_failed: bool,
}

enum Carrier {
    Http1(Hearing),
    Http2(Box<Http2>),
}

/// A stream of an HTTP/2 connection: its answer is listened to while its body is written.
struct Http2 {
    answer: Answer,
    body: Option<SendStream<Bytes>>,
}

/// The side of such a stream on which the answer comes.
struct Answer {
    session: Http2Session,
    /// Whether an answer may still come that makes the rest of the body pointless.
    listens: bool,
    failed: Option<Box<Error>>,
}

impl Sending {
    /// A request that is written as HTTP/1.1.
    pub(super) fn http1(
        stream: Stream,
        is_plain: bool,
        reused: bool,
        address: Arc<Address>,
    ) -> Self {
        Self {
            carrier: Carrier::Http1(Hearing::new(stream)),
            address,
            is_plain,
            reused,
            has_failed: false,
        }
    }

    /// A request whose head has left on a stream of its own.
    pub(super) fn http2(
        mut session: Http2Session,
        reused: bool,
        is_sent: bool,
        address: Arc<Address>,
    ) -> Self {
        let body = session.take_request_body_writer();
        Self {
            carrier: Carrier::Http2(Box::new(Http2 {
                answer: Answer {
                    session,
                    listens: is_sent,
                    failed: None,
                },
                body,
            })),
            address,
            is_plain: false,
            reused,
            has_failed: !is_sent,
        }
    }

    /// Sends a piece; false where the provider wants or takes no more.
    pub(crate) async fn write(&mut self, piece: Bytes) -> bool {
        if self.has_failed {
            return false;
        }
        let limit = write_limit(&self.address);
        let writing = async {
            match &mut self.carrier {
                Carrier::Http1(hearing) => hearing.write(&piece).await,
                Carrier::Http2(stream) => stream.write(piece).await,
            }
        };
        let is_sent = tokio::time::timeout(limit, writing).await.unwrap_or(false);
        self.has_failed = !is_sent;
        is_sent
    }

    /// Resolves when the provider wants no more of the body, and not before. May be dropped and called again.
    pub(crate) async fn stopped(&mut self) {
        match &mut self.carrier {
            Carrier::Http1(hearing) => hearing.stopped().await,
            Carrier::Http2(stream) => stream.answer.stopped().await,
        }
    }

    /// The body is whole: the link on which the answer comes.
    pub(crate) fn finish(mut self) -> Link {
        if let Carrier::Http2(stream) = &mut self.carrier
            && let Some(body) = &mut stream.body
        {
            self.has_failed |= body.send_data(Bytes::new(), true).is_err();
        }
        self.into_link()
    }

    /// The rest of the body will not be sent: the link on which the answer comes that says why, or that is to be cancelled.
    pub(crate) fn stop(mut self) -> Link {
        self.has_failed = true;
        self.into_link()
    }

    fn into_link(self) -> Link {
        let (session, body, failed) = match self.carrier {
            Carrier::Http1(hearing) => {
                let stream = hearing.into_stream();
                let session = Http1::new_with_options(stream, &self.address.peer);
                (HttpSession::H1(session), None, None)
            }
            Carrier::Http2(stream) => {
                let Http2 { answer, body } = *stream;
                (HttpSession::H2(answer.session), body, answer.failed)
            }
        };
        Link::Network(Box::new(NetworkLink {
            session: Some(session),
            address: self.address,
            is_plain: self.is_plain,
            reused: self.reused,
            answered: false,
            drained: false,
            send_failed: self.has_failed,
            is_bodiless: false,
            body,
            failed,
        }))
    }
}

impl Http2 {
    async fn write(&mut self, piece: Bytes) -> bool {
        let Some(body) = &mut self.body else {
            return false;
        };
        tokio::select! {
            biased;
            () = self.answer.stopped() => false,
            sent = write_body(body, piece, false, None) => sent.is_ok(),
        }
    }
}

impl Answer {
    async fn stopped(&mut self) {
        if self.listens {
            let heard = self.session.read_response_header().await;
            // A head can be read once only, and what was wrong with it is told to whoever asks for it.
            self.listens = false;
            self.failed = heard.err();
            let head = self.session.response_header();
            let goes_on = head.is_some_and(|head| head.status.is_success());
            if !goes_on {
                return;
            }
        }
        std::future::pending().await
    }
}
