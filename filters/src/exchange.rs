//! One attempt at one target with one key: inject, render, send, and the answer's way back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use weir_store::EndKind;
use weir_wire::errors::UpstreamError;

use crate::adapt::Unsaid;
use crate::answer::{self, Answer};
use crate::ask::Endpoint;
use crate::attempt::{Run, first_byte_limit};
use crate::delivery::EVENT_STREAM;
use crate::failure::{Failure, Next, Stop, cancelled};
use crate::fault::Fault;
use crate::link::{Link, LinkError};
use crate::plan::Target;
use crate::provider::UpstreamKey;
use crate::send::Attempt;
use crate::settle::{Finish, Progress};
use crate::sink::{ReplyHead, Sink};
use crate::way::Way;
use crate::weigh::TooHeavy;

/// The media types of streams, whatever follows them: everyone's, Amazon's, Ollama's.
const STREAM_TYPES: [&[u8]; 3] = [
    b"text/event-stream",
    b"application/vnd.amazon.eventstream",
    b"application/x-ndjson",
];
/// The largest body of an error that is relayed.
const ERROR_MAX_BYTES: usize = 1024 * 1024;
/// The largest answer that is passed on whole, so that a failure in the middle of it can still be told.
const PASSED_WHOLE_BYTES: usize = 256 * 1024;
/// Pooled connections that may turn out dead before a fresh one is made.
const DEAD_POOLED_MAX: u32 = 3;

impl<S: Sink> Run<'_, S> {
    /// Tries one target with one key.
    pub(crate) async fn once(
        &mut self,
        target: &Target,
        key: &UpstreamKey,
    ) -> Result<Finish, Stop> {
        let held = self.held;
        let inbound = &held.planned.allowed.ask.inbound;
        let endpoint = inbound.endpoint;
        let Some(way) = Way::of(target, endpoint) else {
            return Err(self.broken(target, "it does not serve this endpoint"));
        };
        let outbound = held.fit.outbound(&held.planned, target, way);
        let outbound = outbound.map_err(|loss| unfit(target, &loss))?;
        self.tally.attempt(target, key);
        let mut attempt = Attempt::new(target, key, outbound, inbound);
        if key.is_dynamic() {
            Box::pin(self.authorize(&mut attempt)).await?;
        }
        if let Some(handshake) = &inbound.handshake {
            return Box::pin(self.shake_hands(&attempt, handshake)).await;
        }
        let mut link = self.open(&attempt).await?;
        let result = self.receive(&attempt, &mut link).await;
        // Only an answer that was read to its end leaves its connection in order.
        if link.is_read() {
            self.gateway.connectors.release(link).await;
        } else {
            self.gateway.connectors.cancel(link).await;
        }
        result
    }

    /// Sends the request and reads the answer's head; a pooled connection that had died is replaced by a fresh one.
    async fn open(&mut self, attempt: &Attempt<'_>) -> Result<Link, Stop> {
        let target = attempt.target;
        let retry = &self.held.planned.routes.settings.retry;
        // What may not be done twice goes out on a connection of its own, and once.
        let inbound = &self.held.planned.allowed.ask.inbound;
        let is_once = inbound.pass.as_ref().is_some_and(|it| !it.method.is_safe());
        let dead_max = if retry.replay_dead_connection && !is_once {
            DEAD_POOLED_MAX
        } else {
            0
        };
        let mut dead = 0;
        loop {
            let mut link = self.send(attempt, is_once || dead > 0).await?;
            self.tally.progress = Progress::Sent;
            let limit = first_byte_limit(target);
            match self.delivery.wait(link.read_head(limit)).await {
                Ok(Ok(())) => return Ok(link),
                Ok(Err(LinkError::DeadPooled)) if dead < dead_max => {
                    self.gateway.connectors.cancel(link).await;
                    dead += 1;
                    self.tally.progress = Progress::Idle;
                }
                Ok(Err(error)) => {
                    self.gateway.connectors.cancel(link).await;
                    return Err(self.link_failure(target, &error));
                }
                Err(why) => {
                    self.gateway.connectors.cancel(link).await;
                    return Err(why.into());
                }
            }
        }
    }

    /// Reads the answer behind a head and delivers it.
    async fn receive(&mut self, attempt: &Attempt<'_>, link: &mut Link) -> Result<Finish, Stop> {
        let target = attempt.target;
        let idle = Duration::from_millis(target.upstream.provider().timeouts.idle_ms);
        link.set_idle(idle);
        let Some(head) = link.head() else {
            return Err(self.broken(target, "its answer has no head"));
        };
        let status = head.status.as_u16();
        let is_secret = |value: &HeaderValue| attempt.key.is_quoted_in(value.as_bytes());
        let mut names = head.headers.iter();
        if let Some((_, id)) = names.find(|(name, _)| answer::is_request_id(name.as_str()))
            && !is_secret(id)
        {
            self.tally.set_upstream_id(id.to_str().unwrap_or_default());
        }
        if status >= 300 {
            let headers = head.headers.clone();
            return Box::pin(self.refused(attempt, link, status, headers)).await;
        }
        self.tally.progress = Progress::Answering;
        let content_type = head.headers.get(http::header::CONTENT_TYPE).cloned();
        let is_stream = content_type.as_ref().is_some_and(is_stream_type);
        let lease = self.held.planned.allowed.ask.admitted.lease();
        let mut headers = answer::rate_headers(lease);
        let is_limited = !headers.is_empty();
        answer::relay_headers(&head.headers, !is_limited, is_secret, &mut headers);
        if attempt.outbound.is_pass {
            answer::relay_passed(&head.headers, is_secret, &mut headers);
        }
        let length = answer::told_length(&head.headers);
        answer::push_served(target, self.tally.attempts(), &mut headers);
        answer::push_dropped(&attempt.outbound.dropped, &mut headers);
        let is_stream = is_stream && attempt.outbound.reads_events();
        let own_type = content_type.filter(|_| !attempt.outbound.way.is_translated());
        let mut head = ReplyHead {
            status,
            content_type: match own_type {
                _ if is_stream => EVENT_STREAM,
                Some(own_type) => own_type,
                None => answer::JSON,
            },
            headers,
        };
        if is_stream {
            self.stream(attempt, link, head).await
        } else if self.is_raw(attempt, &head, length.as_ref()) {
            // How long a file is shows how far it has come.
            let length = length.filter(|_| attempt.outbound.method.is_safe());
            head.headers
                .extend(length.map(|it| (http::header::CONTENT_LENGTH, it)));
            Box::pin(self.raw(attempt, link, head)).await
        } else {
            self.whole(attempt, link, head).await
        }
    }

    /// Whether an answer is relayed as it comes. What is passed on is only read whole where it is a small object.
    fn is_raw(
        &self,
        attempt: &Attempt<'_>,
        head: &ReplyHead,
        length: Option<&HeaderValue>,
    ) -> bool {
        let media_type = head.content_type.as_bytes().split(|it| *it == b';').next();
        let is_json = media_type.is_some_and(|it| it.trim_ascii() == b"application/json");
        let is_small = || {
            let length = length.and_then(|it| it.to_str().ok()?.parse().ok());
            length.is_some_and(|it: usize| it <= PASSED_WHOLE_BYTES)
        };
        let is_head = attempt.outbound.method == http::Method::HEAD;
        match self.held.planned.allowed.ask.inbound.endpoint {
            Endpoint::Speech => true,
            Endpoint::Pass => !is_json || head.status == 206 || is_head || !is_small(),
            _ => false,
        }
    }

    /// An answer that is no success: a failure to be mended elsewhere, or the caller's own affair.
    async fn refused(
        &mut self,
        attempt: &Attempt<'_>,
        link: &mut Link,
        status: u16,
        headers: HeaderMap,
    ) -> Result<Finish, Stop> {
        let collected = self.collect(attempt.target, link, ERROR_MAX_BYTES).await?;
        Err(self.judge_refusal(attempt, status, headers, collected.body))
    }

    /// What becomes of an answer that is no success and has come whole.
    pub(crate) fn judge_refusal(
        &mut self,
        attempt: &Attempt<'_>,
        status: u16,
        headers: HeaderMap,
        body: Bytes,
    ) -> Stop {
        // The provider said no: there is nothing to bill.
        self.tally.progress = Progress::Idle;
        self.judge(attempt, status, headers, body, None)
    }

    fn judge(
        &self,
        attempt: &Attempt<'_>,
        status: u16,
        headers: HeaderMap,
        body: Bytes,
        inside: Option<UpstreamError>,
    ) -> Stop {
        let target = attempt.target;
        let mut served = Vec::new();
        answer::push_served(target, self.tally.attempts(), &mut served);
        let answer = Answer {
            status,
            headers: answer::without_key(&headers, attempt.key),
            body: attempt.key.redact_bytes(body),
            provider: Arc::clone(&target.upstream.name),
            is_native: !attempt.outbound.way.is_translated(),
            served,
            inside,
            failed_response: None,
        };
        let retry = &self.held.planned.routes.settings.retry;
        let now_ms = self.gateway.clock.now_ms();
        let failure = answer::judge(answer, target, attempt.key, retry, now_ms);
        Stop::Failed(Box::new(failure))
    }

    /// A link error as a failure, billed where the provider may have worked already.
    pub(crate) fn link_failure(&mut self, target: &Target, error: &LinkError) -> Stop {
        let provider = Arc::clone(&target.upstream.name);
        let fault = match *error {
            LinkError::Connect(reason) => Fault::Unreachable { provider, reason },
            LinkError::ConnectTimeout => Fault::Timeout {
                provider,
                what: "connect",
            },
            LinkError::FirstByteTimeout => Fault::Timeout {
                provider,
                what: "first byte",
            },
            LinkError::IdleTimeout => Fault::Timeout {
                provider,
                what: "idle",
            },
            LinkError::DeadPooled => Fault::Broken {
                provider,
                reason: "the connection closed before an answer",
            },
            LinkError::Broken(reason) => Fault::Broken { provider, reason },
        };
        let is_at_work = match self.tally.progress {
            Progress::Sent => *error == LinkError::FirstByteTimeout,
            Progress::Answering => true,
            _ => false,
        };
        if is_at_work {
            self.tally.bill_progress();
        }
        fail(fault)
    }

    /// An answer that there is no memory for. The provider has done its work.
    pub(crate) fn too_heavy(&mut self, target: &Target, why: TooHeavy) -> Stop {
        self.tally.bill_progress();
        Stop::Failed(Box::new(Failure {
            fault: Fault::NoMemory {
                provider: Arc::clone(&target.upstream.name),
                why,
            },
            answer: None,
            next: Next::Target,
            retry_after: None,
            may_repeat: false,
        }))
    }

    pub(crate) fn broken(&self, target: &Target, reason: &'static str) -> Stop {
        fail(Fault::Broken {
            provider: Arc::clone(&target.upstream.name),
            reason,
        })
    }

    /// An error inside a 200 is judged as if it had come with the status that it stands for, and costs as little.
    pub(crate) fn reported(&mut self, attempt: &Attempt<'_>, error: &UpstreamError) -> Stop {
        if matches!(self.tally.progress, Progress::Answering) {
            self.tally.progress = Progress::Idle;
        }
        let said = UpstreamError {
            message: attempt.key.redact(&error.message),
            code: error.code.as_deref().map(|code| attempt.key.redact(code)),
            raw: None,
            ..error.clone()
        };
        let body = error.raw.clone().unwrap_or_default();
        let status = error.status();
        self.judge(attempt, status, HeaderMap::new(), body, Some(said))
    }
}

fn is_stream_type(content_type: &HeaderValue) -> bool {
    let told = content_type.as_bytes().trim_ascii_start();
    let starts_with = |one: &[u8]| {
        told.get(..one.len())
            .is_some_and(|it| it.eq_ignore_ascii_case(one))
    };
    STREAM_TYPES.iter().any(|one| starts_with(one))
}

/// The ask cannot be said to this target: another may take it, and trying again changes nothing.
fn unfit(target: &Target, loss: &Unsaid) -> Stop {
    Stop::Failed(Box::new(Failure {
        fault: Fault::Unfit {
            provider: Arc::clone(&target.upstream.name),
            reason: loss.to_string(),
        },
        answer: None,
        next: Next::Target,
        retry_after: None,
        may_repeat: false,
    }))
}

fn fail(fault: Fault) -> Stop {
    Stop::Failed(Box::new(Failure {
        fault,
        answer: None,
        next: Next::Target,
        retry_after: None,
        may_repeat: true,
    }))
}

pub(crate) fn done_unless(gone: bool, status: u16) -> Finish {
    if gone {
        cancelled()
    } else {
        Finish {
            end: EndKind::Done,
            status,
            side: None,
        }
    }
}
