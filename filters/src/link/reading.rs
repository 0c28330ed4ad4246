//! The answer's side of a link: its head, its body, and what went wrong with either.

use std::time::Duration;

use bytes::Bytes;
use pingora::http::ResponseHeader;
use pingora::protocols::http::client::HttpSession;
use pingora::{Error, ErrorType, RetryType};

use super::{Link, LinkError, NetworkLink};

impl Link {
    /// Reads the answer's head, 1xx skipped. `limit` is the time to the first byte.
    pub(crate) async fn read_head(&mut self, limit: Duration) -> Result<(), LinkError> {
        match self {
            Self::Network(link) => link.read_head(limit).await,
            Self::Demo(_) => Ok(()),
        }
    }

    /// The head that was read.
    pub(crate) fn head(&self) -> Option<&ResponseHeader> {
        match self {
            Self::Network(link) => link.session.as_ref()?.response_header(),
            Self::Demo(demo) => Some(demo.head()),
        }
    }

    /// The next piece of the body; `None` at its end. Silence longer than set with [`Self::set_idle`] is an error.
    pub(crate) async fn read_body(&mut self) -> Result<Option<Bytes>, LinkError> {
        match self {
            Self::Network(link) => {
                let Some(session) = link.session.as_mut().filter(|_| !link.is_bodiless) else {
                    return Ok(None);
                };
                let read = session.read_response_body().await;
                link.drained = matches!(read, Ok(None));
                read.map_err(|error| match error.etype() {
                    ErrorType::ReadTimedout => LinkError::IdleTimeout,
                    _ => LinkError::Broken("the connection broke inside the body"),
                })
            }
            Self::Demo(demo) => Ok(demo.next_piece().await),
        }
    }

    /// Whether the answer was read to its end, so that its connection may serve again. Where the request did not leave whole,
    /// the next one would be taken for the rest of it.
    pub(crate) fn is_read(&self) -> bool {
        match self {
            Self::Network(link) => link.drained && !link.send_failed,
            Self::Demo(_) => true,
        }
    }

    /// Sets the silence allowed between two pieces of the body.
    pub(crate) fn set_idle(&mut self, limit: Duration) {
        if let Self::Network(link) = self
            && let Some(session) = link.session.as_mut()
        {
            session.set_read_timeout(Some(limit));
        }
    }
}

impl NetworkLink {
    async fn read_head(&mut self, limit: Duration) -> Result<(), LinkError> {
        let Some(session) = self.session.as_mut() else {
            return Err(LinkError::Broken("the connection is closed"));
        };
        session.set_read_timeout(Some(limit));
        if let Some(error) = self.failed.take() {
            return Err(self.head_error(&error));
        }
        if matches!(session, HttpSession::H2(_)) && session.response_header().is_some() {
            // It was heard while the body was being written.
            self.answered = true;
            return Ok(());
        }
        loop {
            match session.read_response_header().await {
                Ok(()) => {}
                Err(error) => return Err(self.head_error(&error)),
            }
            let head = session.response_header();
            if head.is_some_and(|head| !head.status.is_informational()) {
                self.answered = true;
                return Ok(());
            }
        }
    }

    /// Whether it was the pooled connection that failed. On HTTP/2 it can also be this one request, which the provider may
    /// have begun to work on; Pingora tells the two apart (RFC 9113, section 8.7).
    fn was_dead(&self, error: &Error) -> bool {
        match self.session {
            Some(HttpSession::H2(_)) => error.retry != RetryType::Decided(false),
            _ => true,
        }
    }

    fn head_error(&self, error: &Error) -> LinkError {
        match error.etype() {
            ErrorType::ReadTimedout => LinkError::FirstByteTimeout,
            ErrorType::InvalidHTTPHeader => LinkError::Broken("its answer is not HTTP"),
            _ if self.reused && !self.answered && self.was_dead(error) => LinkError::DeadPooled,
            _ if self.send_failed => LinkError::Broken("the request could not be sent whole"),
            _ => LinkError::Broken("the connection closed before an answer"),
        }
    }
}
