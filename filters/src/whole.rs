//! An answer that is not a stream: read whole, metered, and given to the client untouched or in its own format.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use weir_wire::chat_reply;
use weir_wire::estimate::{self, PromptTokens};
use weir_wire::format::Format;
use weir_wire::translate::{self, Context, ReplyError};

use crate::attempt::Run;
use crate::exchange::done_unless;
use crate::failure::Stop;
use crate::link::Link;
use crate::meter;
use crate::plan::Target;
use crate::send::Attempt;
use crate::settle::{Finish, Progress};
use crate::sink::{ReplyHead, Sink};
use crate::way::Way;
use crate::weigh::{self, Share};

/// The largest answer that is not a stream.
const REPLY_MAX_BYTES: usize = 64 * 1024 * 1024;

impl<S: Sink> Run<'_, S> {
    /// The whole body of an answer, bounded in itself and by the memory that all bodies share.
    pub(crate) async fn collect(
        &mut self,
        target: &Target,
        link: &mut Link,
        max_bytes: usize,
    ) -> Result<Collected, Stop> {
        let mut first: Option<Bytes> = None;
        let mut all = BytesMut::new();
        let memory = &self.gateway.body_memory;
        let mut share = Share::default();
        loop {
            let read = self.delivery.wait(link.read_body()).await?;
            let piece = read.map_err(|error| self.link_failure(target, &error))?;
            let Some(piece) = piece else {
                break;
            };
            if all.len() + piece.len() > max_bytes {
                return Err(self.broken(target, "its answer is larger than the gateway allows"));
            }
            share
                .grow(memory, all.len() + piece.len())
                .map_err(|why| self.too_heavy(target, why))?;
            match first.take() {
                None if all.is_empty() => first = Some(piece),
                before => {
                    all.extend_from_slice(&before.unwrap_or_default());
                    all.extend_from_slice(&piece);
                }
            }
        }
        Ok(Collected {
            body: first.unwrap_or_else(|| all.freeze()),
            _share: share,
        })
    }

    /// A success that is not a stream.
    pub(crate) async fn whole(
        &mut self,
        attempt: &Attempt<'_>,
        link: &mut Link,
        head: ReplyHead,
    ) -> Result<Finish, Stop> {
        let target = attempt.target;
        let Collected { body, _share } = self.collect(target, link, REPLY_MAX_BYTES).await?;
        let way = attempt.outbound.way;
        let weighed = if takes_apart(way) {
            weigh::share(&self.gateway.body_memory, &body)
        } else {
            Ok(None)
        };
        let bytes = body.len();
        let answer = match &weighed {
            Ok(_) => weigh::aside(bytes, || self.read_answer(attempt, body))?,
            Err(why) if way.is_translated() => return Err(self.too_heavy(target, *why)),
            // It would be taken apart for its usage alone, which can be estimated.
            Err(_) => {
                let output = estimate::tokens_of_bytes(bytes as u64);
                self.tally.used_about(output);
                Answered::Whole(body)
            }
        };
        self.tally.progress = Progress::Idle;
        self.tally.first_output();
        match answer {
            Answered::Stream(events) => {
                let head = ReplyHead {
                    content_type: crate::delivery::EVENT_STREAM,
                    ..head
                };
                self.delivery.begin(head).await?;
                self.delivery.write(events).await?;
                let ended = self.delivery.end().await;
                Ok(done_unless(ended.is_err(), 200))
            }
            Answered::Whole(body) if self.delivery.is_begun() => {
                // Committed early as a stream, and then the provider answered whole.
                self.whole_as_events(attempt, &body).await
            }
            Answered::Whole(body) => {
                let status = head.status;
                let sent = self.delivery.reply(head, body).await;
                Ok(done_unless(sent.is_err(), status))
            }
        }
    }

    /// Reads an answer as its way has it.
    fn read_answer(&mut self, attempt: &Attempt<'_>, body: Bytes) -> Result<Answered, Stop> {
        match attempt.outbound.way {
            Way::Adapted(_) => self.read_adapted(attempt, &body),
            Way::Plain => self.read_plain(attempt, body),
            Way::Conversation { client, provider } if is_foreign(client, provider) => {
                self.read_conversation(attempt, client, provider, body)
            }
            Way::Conversation { .. } => self.read_openai(attempt, body),
        }
    }

    /// An answer in one of OpenAI's shapes to a client of the same: its usage is read, its bytes stay.
    fn read_openai(&mut self, attempt: &Attempt<'_>, body: Bytes) -> Result<Answered, Stop> {
        let Some(reply) = chat_reply::inspect(&body) else {
            return Err(self.broken(attempt.target, "its answer is not JSON"));
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
        Ok(Answered::Whole(body))
    }

    /// An answer of an operation that is no conversation, relayed as it is.
    fn read_plain(&mut self, attempt: &Attempt<'_>, body: Bytes) -> Result<Answered, Stop> {
        let ask = &self.held.planned.allowed.ask;
        let told = meter::told(ask, &body);
        if let Some(error) = told.error {
            return Err(self.reported(attempt, &error));
        }
        match told.usage {
            Some(usage) if told.is_estimated => self.tally.guessed(&usage),
            Some(usage) => self.tally.used(&usage),
            None if told.is_free => {}
            None => {
                let output = estimate::tokens_of_bytes(told.untold_bytes);
                self.tally.used_about(output);
            }
        }
        if let Some(id) = &told.id {
            self.tally.set_upstream_id(id);
        }
        Ok(Answered::Whole(body))
    }

    /// An answer of an operation for which the provider has another API than the client.
    fn read_adapted(&mut self, attempt: &Attempt<'_>, body: &[u8]) -> Result<Answered, Stop> {
        let Some(adapted) = &attempt.outbound.adapted else {
            return Err(self.broken(attempt.target, "nobody remembers what it was asked"));
        };
        let answer = match adapted.answer(body, &attempt.outbound.context) {
            Ok(answer) => answer,
            Err(ReplyError::Reported(error)) => return Err(self.reported(attempt, &error)),
            Err(ReplyError::Unreadable(_)) => {
                return Err(self.broken(attempt.target, "its answer is not what its format says"));
            }
        };
        match &answer.usage {
            Some(usage) => self.tally.used(usage),
            None => self.tally.used_about(0),
        }
        if let Some(id) = &answer.id {
            self.tally.set_upstream_id(id);
        }
        Ok(if answer.is_stream {
            Answered::Stream(answer.body)
        } else {
            Answered::Whole(answer.body)
        })
    }

    /// An answer that is translated, or in a format whose usage must be read out of it.
    fn read_conversation(
        &mut self,
        attempt: &Attempt<'_>,
        client: Format,
        provider: Format,
        body: Bytes,
    ) -> Result<Answered, Stop> {
        let context = &attempt.outbound.context;
        let reply = match translate::read_reply(provider, &body, context) {
            Ok(reply) => reply,
            Err(ReplyError::Reported(error)) => return Err(self.reported(attempt, &error)),
            // A client of the same format may understand what we do not; the tokens are estimated.
            Err(ReplyError::Unreadable(_)) if client == provider && is_object(&body) => {
                self.tally.used_about(PromptTokens::of_json(&body).likely);
                return Ok(Answered::Whole(body));
            }
            Err(ReplyError::Unreadable(_)) => {
                return Err(self.broken(attempt.target, "its answer is not what its format says"));
            }
        };
        match &reply.usage {
            Some(usage) => self.tally.used(usage),
            None => self.tally.used_about(PromptTokens::of_json(&body).likely),
        }
        if let Some(id) = &reply.id {
            self.tally.set_upstream_id(id);
        }
        // Begun as a stream, an answer must go on as one.
        if client == provider && !self.delivery.is_begun() {
            return Ok(Answered::Whole(body));
        }
        if attempt.outbound.stream {
            let events = translate::write_reply_as_stream(client, &reply, context);
            return Ok(Answered::Stream(events.into()));
        }
        let body = translate::write_reply(client, &reply, context);
        Ok(Answered::Whole(body.into()))
    }

    /// A whole answer as the events by which a stream would have told it. One that cannot be read is told as one event,
    /// which is the best that is left to do.
    async fn whole_as_events(
        &mut self,
        attempt: &Attempt<'_>,
        body: &[u8],
    ) -> Result<Finish, Stop> {
        let mut context = Context::clone(&attempt.outbound.context);
        let head = &self.held.planned.allowed.ask.head;
        Arc::make_mut(&mut context.request).include_usage |= head.include_usage;
        let events = match attempt.outbound.way {
            Way::Conversation { client, provider } => {
                let reply = translate::read_reply(provider, body, &context);
                reply.map(|reply| translate::write_reply_as_stream(client, &reply, &context))
            }
            Way::Plain | Way::Adapted(_) => Err(ReplyError::Unreadable(String::new())),
        };
        let events =
            events.unwrap_or_else(|_| as_event(body, ends_with_done(attempt.outbound.way)));
        self.delivery.write(Bytes::from(events)).await?;
        let ended = self.delivery.end().await;
        Ok(done_unless(ended.is_err(), 200))
    }
}

/// The body of an answer, and its share of the memory for bodies while it lasts.
pub(crate) struct Collected {
    pub(crate) body: Bytes,
    _share: Share,
}

/// A whole answer as the client is to have it.
enum Answered {
    /// A body.
    Whole(Bytes),
    /// The events of a stream, all of them: the client asked for a stream, and the provider answered whole.
    Stream(Bytes),
}

/// Whether an answer is read into values of its format, which weigh many times its bytes.
fn takes_apart(way: Way) -> bool {
    match way {
        Way::Conversation { client, provider } => is_foreign(client, provider),
        Way::Adapted(_) => true,
        Way::Plain => false,
    }
}

/// Whether an answer is anything but OpenAI's chat or completions to a client of the same.
fn is_foreign(client: Format, provider: Format) -> bool {
    client != provider || !matches!(client, Format::Chat | Format::Completions)
}

/// Whether the client's streams end with OpenAI's terminator, which clients of other formats cannot read.
fn ends_with_done(way: Way) -> bool {
    match way {
        Way::Conversation { client, .. } => matches!(client, Format::Chat | Format::Completions),
        Way::Plain | Way::Adapted(_) => false,
    }
}

fn as_event(body: &[u8], is_done_told: bool) -> Vec<u8> {
    let mut event = Vec::with_capacity(body.len() + 24);
    event.extend_from_slice(b"data: ");
    event.extend(body.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
    event.extend_from_slice(b"\n\n");
    if is_done_told {
        event.extend_from_slice(b"data: [DONE]\n\n");
    }
    event
}

fn is_object(body: &[u8]) -> bool {
    chat_reply::inspect(body).is_some()
}
