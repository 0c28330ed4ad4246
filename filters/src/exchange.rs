//! One attempt at one target with one key: inject, render, send, and the answer's way back.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use weir_store::EndKind;
use weir_wire::body::{self, Edit};
use weir_wire::chat_reply;
use weir_wire::errors::UpstreamError;
use weir_wire::estimate;

use crate::answer::{self, Answer};
use crate::attempt::{Failure, Next, Run, Stop, cancelled, failed, first_byte_limit};
use crate::delivery::EVENT_STREAM;
use crate::demo::Demo;
use crate::fault::Fault;
use crate::inject::RequestHead;
use crate::link::{Link, LinkError};
use crate::plan::Target;
use crate::provider::UpstreamKey;
use crate::settle::{Finish, Progress};
use crate::sink::{ReplyHead, Sink};
use crate::told::Side;

/// The media type of a stream, whatever follows it.
const STREAM_TYPE: &[u8] = b"text/event-stream";
/// The largest answer that is not a stream.
const REPLY_MAX_BYTES: usize = 64 * 1024 * 1024;
/// The largest body of an error that is relayed.
const ERROR_MAX_BYTES: usize = 1024 * 1024;
/// Pooled connections that may turn out dead before a fresh one is made.
const DEAD_POOLED_MAX: u32 = 3;

/// Everything about an attempt that its steps share.
pub(crate) struct Attempt<'t> {
    pub(crate) target: &'t Target,
    key: &'t UpstreamKey,
    pub(crate) strip_usage: bool,
}

impl<S: Sink> Run<'_, S> {
    /// Tries one target with one key.
    pub(crate) async fn once(
        &mut self,
        target: &Target,
        key: &UpstreamKey,
    ) -> Result<Finish, Stop> {
        self.tally.attempt(target, key);
        let ask = &self.held.planned.allowed.ask;
        let quirks = &target.upstream.provider().quirks;
        let inject_usage = ask.head.stream && quirks.stream_options;
        let edit = Edit {
            model: &target.model,
            include_usage: inject_usage,
            max_tokens_field: quirks.max_tokens_field,
        };
        let rendered = Bytes::from(body::render(&ask.body, &ask.head, &edit));
        let attempt = Attempt {
            target,
            key,
            strip_usage: inject_usage && !ask.head.include_usage,
        };
        let mut link = self.open(&attempt, rendered).await?;
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
    async fn open(&mut self, attempt: &Attempt<'_>, body: Bytes) -> Result<Link, Stop> {
        let target = attempt.target;
        let retry = &self.held.planned.routes.settings.retry;
        let dead_max = if retry.replay_dead_connection {
            DEAD_POOLED_MAX
        } else {
            0
        };
        let mut dead = 0;
        loop {
            let mut link = self.send(attempt, body.clone(), dead > 0).await?;
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

    async fn send(
        &mut self,
        attempt: &Attempt<'_>,
        body: Bytes,
        fresh: bool,
    ) -> Result<Link, Stop> {
        let target = attempt.target;
        let upstream = &target.upstream;
        let ask = &self.held.planned.allowed.ask;
        if upstream.is_demo() {
            let demo = Demo::answer(ask.inbound.endpoint, &body)
                .map_err(|_| self.broken(target, "the demo provider failed"))?;
            return Ok(Link::Demo(Box::new(demo)));
        }
        let head = RequestHead {
            upstream,
            key: attempt.key,
            inbound: &ask.inbound,
            stream: ask.head.stream,
        };
        let turn = self.tally.attempts() as usize - 1;
        let gateway = self.gateway;
        let connect = async {
            let address = upstream.address(&gateway.clock, turn).await;
            let address = address.map_err(|_| LinkError::Connect("its host does not resolve"))?;
            gateway.connectors.send(&address, head, body, fresh).await
        };
        let sent = self.delivery.wait(connect).await?;
        sent.map_err(|error| self.link_failure(target, &error))
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
        if let Some(id) = head.headers.get("x-request-id") {
            self.tally.set_upstream_id(id.to_str().unwrap_or_default());
        }
        if status >= 300 {
            let headers = head.headers.clone();
            return self.refused(attempt, link, status, headers).await;
        }
        self.tally.progress = Progress::Answering;
        let content_type = head.headers.get(http::header::CONTENT_TYPE).cloned();
        let is_stream = content_type.as_ref().is_some_and(|it| {
            let it = it.as_bytes().trim_ascii_start();
            it.get(..STREAM_TYPE.len())
                .is_some_and(|it| it.eq_ignore_ascii_case(STREAM_TYPE))
        });
        let lease = self.held.planned.allowed.ask.admitted.lease();
        let mut headers = answer::rate_headers(lease);
        let is_limited = !headers.is_empty();
        answer::relay_headers(&head.headers, !is_limited, &mut headers);
        answer::push_served(target, self.tally.attempts(), &mut headers);
        let head = ReplyHead {
            status,
            content_type: content_type.filter(|_| !is_stream).unwrap_or(if is_stream {
                EVENT_STREAM
            } else {
                answer::JSON
            }),
            headers,
        };
        if is_stream {
            self.stream(attempt, link, head).await
        } else {
            self.whole(attempt, link, head).await
        }
    }

    /// The whole body of an answer, bounded.
    async fn collect(
        &mut self,
        target: &Target,
        link: &mut Link,
        max_bytes: usize,
    ) -> Result<Bytes, Stop> {
        let mut first: Option<Bytes> = None;
        let mut all = BytesMut::new();
        loop {
            let read = self.delivery.wait(link.read_body()).await?;
            let piece = read.map_err(|error| self.link_failure(target, &error))?;
            let Some(piece) = piece else {
                break;
            };
            if all.len() + piece.len() > max_bytes {
                return Err(self.broken(target, "its answer is larger than the gateway allows"));
            }
            match first.take() {
                None if all.is_empty() => first = Some(piece),
                before => {
                    all.extend_from_slice(&before.unwrap_or_default());
                    all.extend_from_slice(&piece);
                }
            }
        }
        Ok(first.unwrap_or_else(|| all.freeze()))
    }

    /// A success that is not a stream: relayed untouched, its usage read.
    async fn whole(
        &mut self,
        attempt: &Attempt<'_>,
        link: &mut Link,
        head: ReplyHead,
    ) -> Result<Finish, Stop> {
        let target = attempt.target;
        let body = self.collect(target, link, REPLY_MAX_BYTES).await?;
        let Some(reply) = chat_reply::inspect(&body) else {
            return Err(self.broken(target, "its answer is not JSON"));
        };
        if let Some(error) = reply.error {
            return Err(self.reported(attempt, &error));
        }
        match &reply.usage {
            Some(usage) => self.tally.used(usage),
            None => {
                let output = estimate::tokens_of_bytes(reply.output_bytes);
                self.tally.used_about(output);
            }
        }
        if let Some(id) = &reply.id {
            self.tally.set_upstream_id(id);
        }
        self.tally.progress = Progress::Idle;
        self.tally.first_output();
        if self.delivery.is_begun() {
            // Committed early as a stream, and then the provider answered whole: its body as one event is the best that
            // is left to do, and it is what the client's parser can read.
            return self.whole_as_event(&body).await;
        }
        let status = head.status;
        let sent = self.delivery.reply(head, body).await;
        Ok(done_unless(sent.is_err(), status))
    }

    async fn whole_as_event(&mut self, body: &[u8]) -> Result<Finish, Stop> {
        let mut event = Vec::with_capacity(body.len() + 24);
        event.extend_from_slice(b"data: ");
        event.extend(body.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
        event.extend_from_slice(b"\n\ndata: [DONE]\n\n");
        self.delivery.write(Bytes::from(event)).await?;
        let ended = self.delivery.end().await;
        Ok(done_unless(ended.is_err(), 200))
    }

    /// An answer that is no success: a failure to be mended elsewhere, or the caller's own affair.
    async fn refused(
        &mut self,
        attempt: &Attempt<'_>,
        link: &mut Link,
        status: u16,
        headers: HeaderMap,
    ) -> Result<Finish, Stop> {
        let target = attempt.target;
        let body = self.collect(target, link, ERROR_MAX_BYTES).await?;
        // The provider said no: there is nothing to bill.
        self.tally.progress = Progress::Idle;
        let mut served = Vec::new();
        answer::push_served(target, self.tally.attempts(), &mut served);
        let answer = Answer {
            status,
            headers,
            body,
            provider: Arc::clone(&target.upstream.name),
            served,
        };
        let retry = &self.held.planned.routes.settings.retry;
        let now_ms = self.gateway.clock.now_ms();
        let answer = match answer::judge(answer, target, attempt.key, retry, now_ms) {
            Ok(failure) => return Err(Stop::Failed(Box::new(failure))),
            Err(answer) => *answer,
        };
        let side = if status < 500 {
            Side::Caller
        } else {
            Side::Provider
        };
        if self.delivery.is_begun() {
            let provider = Arc::clone(&answer.provider);
            let told = Fault::Status { provider, status }.told();
            self.delivery.fail(told.to_event()).await;
            return Ok(failed(status, side));
        }
        let (head, body) = answer.relay();
        match self.delivery.reply(head, body).await {
            Ok(()) => Ok(failed(status, side)),
            Err(_) => Ok(cancelled()),
        }
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

    pub(crate) fn broken(&self, target: &Target, reason: &'static str) -> Stop {
        fail(Fault::Broken {
            provider: Arc::clone(&target.upstream.name),
            reason,
        })
    }

    /// An error inside a 200. One about the key is not told as the provider words it: it may quote the key.
    pub(crate) fn reported(&self, attempt: &Attempt<'_>, error: &UpstreamError) -> Stop {
        if answer::rejects_the_key(error) {
            let failure = answer::key_rejected(attempt.target, attempt.key);
            return Stop::Failed(Box::new(failure));
        }
        fail(Fault::Reported {
            provider: Arc::clone(&attempt.target.upstream.name),
            message: attempt.key.redact(&error.message),
            code: error.code.clone(),
        })
    }
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
