//! Hold -> an answer: the targets in order, the keys of each in turn, until one answers or none is left.
//!
//! Before the first byte to the client anything may be tried again; after it nothing is.

use std::sync::Arc;
use std::time::Duration;

use weir_config::Retry;
use weir_wire::gemini::JsonArray;

use crate::answer;
use crate::clock;
use crate::delivery::{Delivery, EVENT_STREAM, Interrupted, Pace};
use crate::failure::{Failure, Next, Stop, cancelled, failed, no_target, worse};
use crate::fault::Fault;
use crate::gateway::Gateway;
use crate::metrics::Tried;
use crate::plan::{self, Plan, Target};
use crate::provider::UpstreamKey;
use crate::realtime::Agreed;
use crate::reserve::Held;
use crate::session::Session;
use crate::settle::{Finish, Tally};
use crate::sink::{ReplyHead, Sink};
use crate::told::{Side, Told};

/// How long a key that its provider refused is set aside.
const KEY_ASIDE: Duration = Duration::from_secs(600);
/// How long a key or target rests after a 429 that does not say.
const REST_DEFAULT: Duration = Duration::from_secs(5);

/// One call's attempts.
pub(crate) struct Run<'a, S> {
    pub gateway: &'a Gateway,
    pub held: &'a Held,
    pub delivery: Delivery<'a, S>,
    pub tally: Tally,
    /// The provider's end of a WebSocket, once there is one.
    pub agreed: Option<Agreed>,
}

/// Sends a held call to its targets and its answer to the sink, and settles it. A session that a provider has agreed to is
/// neither answered nor settled yet, and given back.
pub async fn attempt<S: Sink>(
    gateway: &Gateway,
    held: Box<Held>,
    sink: &mut S,
) -> Option<Box<Session>> {
    let planned = &held.planned;
    let ask = &planned.allowed.ask;
    let settings = &planned.routes.settings;
    let pace = Pace {
        keepalive: Duration::from_millis(settings.stream.keepalive_ms),
        early_commit: Duration::from_millis(settings.stream.early_commit_after_ms),
        dialect: ask.inbound.endpoint.dialect(),
    };
    let total = Duration::from_millis(total_ms(&planned.plan));
    let is_streamed = ask.head.stream && ask.inbound.endpoint.has_events();
    let early_head = is_streamed.then(|| ReplyHead {
        status: 200,
        content_type: EVENT_STREAM,
        headers: answer::rate_headers(ask.admitted.lease()),
    });
    let array = ask.inbound.wants_array().then(JsonArray::default);
    let mut run = Run {
        gateway,
        held: &held,
        delivery: Delivery::new(sink, early_head, pace, array, total),
        tally: Tally::new(
            gateway.ledger.clone(),
            Arc::clone(&gateway.metrics),
            gateway.clock.clone(),
            &held,
        ),
        agreed: None,
    };
    if ask.inbound.handshake.is_some() {
        // What a client sends behind its handshake is for the provider.
        run.delivery.look_away();
    }
    let finish = run.go().await;
    let Run { tally, agreed, .. } = run;
    match agreed {
        Some(agreed) => Some(Box::new(Session::new(*held, tally, agreed))),
        None => {
            tally.settle(finish).await;
            None
        }
    }
}

impl<S: Sink> Run<'_, S> {
    async fn go(&mut self) -> Finish {
        let plan = Arc::clone(&self.held.planned.plan);
        match self.try_all(&plan.targets).await {
            Ok(finish) => finish,
            Err(Stop::Failed(failure)) => Box::pin(self.give_up(*failure)).await,
            Err(Stop::Interrupted(why)) => Box::pin(self.interrupted(why)).await,
        }
    }

    /// Rounds over the targets until one answers, none is worth another try, or the attempts are used up.
    async fn try_all(&mut self, targets: &[Target]) -> Result<Finish, Stop> {
        let mut retry = self.held.planned.routes.settings.retry.clone();
        let inbound = &self.held.planned.allowed.ask.inbound;
        if inbound.pass.as_ref().is_some_and(|it| !it.method.is_safe()) {
            // Nobody here knows whether such a request may be made twice.
            retry.max_attempts = 1;
        }
        let mut round = 0;
        loop {
            round += 1;
            let failure = match self.round(targets, &retry).await {
                Err(Stop::Failed(failure)) => failure,
                other => return other,
            };
            let is_last = round >= retry.attempts_per_target.max(1)
                || self.tally.attempts() >= retry.max_attempts;
            if is_last || !failure.may_repeat || self.is_spent() {
                return Err(Stop::Failed(failure));
            }
            let Some(pause) = self.pause_before_round(&retry, &failure, round) else {
                return Err(Stop::Failed(failure));
            };
            self.delivery.wait(tokio::time::sleep(pause)).await?;
        }
    }

    /// Whether the request has passed by on its way to a provider, so that nobody else can be sent it.
    fn is_spent(&self) -> bool {
        let upload = self.held.planned.allowed.ask.upload.as_ref();
        upload.is_some_and(|upload| upload.is_spent())
    }

    /// The pause before another round: jittered and growing, or what the provider asked for. `None` where the provider
    /// asked for more patience than is configured.
    fn pause_before_round(&self, retry: &Retry, failure: &Failure, round: u32) -> Option<Duration> {
        let call = self.held.planned.allowed.ask.inbound.call_id;
        let ceiling_ms = retry
            .backoff_base_ms
            .saturating_mul(1 << (round - 1).min(16))
            .min(retry.backoff_max_ms);
        let half = ceiling_ms / 2;
        let backoff = Duration::from_millis(half + clock::jitter(call, round, ceiling_ms - half));
        let asked = failure.retry_after.unwrap_or_default();
        let pause = backoff.max(asked);
        (asked <= Duration::from_millis(retry.retry_after_max_ms)).then_some(pause)
    }

    /// Every target once. What is set aside is left out, unless that leaves nothing: a key may have been mended, and a
    /// target that is cooling down is better than none.
    async fn round(&mut self, targets: &[Target], retry: &Retry) -> Result<Finish, Stop> {
        let endpoint = self.held.planned.allowed.ask.inbound.endpoint;
        for insist in [false, true] {
            let mut last: Option<Box<Failure>> = None;
            for target in targets.iter().filter(|it| plan::serves(it, endpoint)) {
                let pass = target.switch.admits(self.gateway.clock.now_us());
                if pass.is_none() && !insist {
                    continue;
                }
                let tried = self.keys(target, retry, insist).await;
                if let (Some(pass), Ok(None) | Err(_)) = (&pass, &tried) {
                    // Where something was learned, the switch has been told, and this changes nothing.
                    target.switch.give_up(pass, self.gateway.clock.now_us());
                }
                match tried {
                    Ok(Some(finish)) => return Ok(finish),
                    Ok(None) => {}
                    Err(Stop::Failed(failure)) => last = Some(worse(last, failure)),
                    Err(other) => return Err(other),
                }
                if self.tally.attempts() >= retry.max_attempts || self.is_spent() {
                    break;
                }
            }
            if let Some(failure) = last {
                return Err(Stop::Failed(failure));
            }
        }
        Err(Stop::Failed(Box::new(no_target(targets))))
    }

    /// The keys of one target in turn; `None` where all of them are set aside and so none was tried.
    async fn keys(
        &mut self,
        target: &Target,
        retry: &Retry,
        insist: bool,
    ) -> Result<Option<Finish>, Stop> {
        let mut last: Option<Box<Failure>> = None;
        for key in target.keys_in_turn() {
            if last.is_some() && self.tally.attempts() >= retry.max_attempts {
                break;
            }
            let pass = key.switch.admits(self.gateway.clock.now_us());
            if pass.is_none() && !insist {
                continue;
            }
            let failure = match self.once(target, key).await {
                Err(Stop::Failed(failure)) if failure.next == Next::Nobody => {
                    let finish = Box::pin(self.give_up(*failure)).await;
                    self.note_end(target, key, &finish, retry);
                    return Ok(Some(finish));
                }
                Err(Stop::Failed(failure)) => failure,
                Ok(finish) => {
                    self.note_end(target, key, &finish, retry);
                    return Ok(Some(finish));
                }
                Err(other) => {
                    if let Some(pass) = &pass {
                        key.switch.give_up(pass, self.gateway.clock.now_us());
                    }
                    return Err(other);
                }
            };
            self.note(target, key, &failure, retry);
            if let Some(pass) = &pass {
                // A target that failed says nothing about the key; where it does, the switch has been told.
                key.switch.give_up(pass, self.gateway.clock.now_us());
            }
            let next = failure.next;
            last = Some(worse(last, failure));
            if next == Next::Target || self.is_spent() {
                break;
            }
        }
        last.map_or(Ok(None), |failure| Err(Stop::Failed(failure)))
    }

    /// An answer was delivered; one that broke on its way is still the target's failure.
    fn note_end(&self, target: &Target, key: &UpstreamKey, finish: &Finish, retry: &Retry) {
        key.switch.succeed();
        if finish.side == Some(Side::Provider) {
            self.cool_down(target, retry);
        } else {
            target.switch.succeed();
        }
    }

    fn cool_down(&self, target: &Target, retry: &Retry) {
        let cooldown = Duration::from_millis(retry.cooldown_ms);
        let now_us = self.gateway.clock.now_us();
        let threshold = retry.cooldown_after_failures;
        if target.switch.fail(now_us, threshold, cooldown) {
            self.gateway.metrics.cooled_down(&target.upstream.name);
        }
    }

    /// Sets aside what failed, and counts it.
    fn note(&self, target: &Target, key: &UpstreamKey, failure: &Failure, retry: &Retry) {
        if failure.fault.is_of_request() {
            // Neither the target nor the key is to blame.
            return;
        }
        if self.held.planned.allowed.ask.inbound.pass.is_none() {
            self.set_aside(target, key, failure, retry);
        }
        let provider = &target.upstream.name;
        self.gateway.metrics.tried(Tried {
            provider,
            failed: true,
        });
        tracing::info!(
            call = %self.held.planned.allowed.ask.inbound.call_id,
            provider = %provider, model = %target.model, key = %key.id,
            attempt = self.tally.attempts(), reason = failure.fault.reason(), "attempt failed"
        );
    }

    /// Lets what failed rest. A request that is passed on is no reason: a key that may not do what only its provider knows
    /// can be good for everything else.
    fn set_aside(&self, target: &Target, key: &UpstreamKey, failure: &Failure, retry: &Retry) {
        let now_us = self.gateway.clock.now_us();
        let longest = Duration::from_millis(retry.retry_after_max_ms);
        let rest = failure.retry_after.unwrap_or(REST_DEFAULT).min(longest);
        match (&failure.fault, failure.next) {
            (Fault::KeyRejected { .. }, _) => key.switch.open_for(now_us, KEY_ASIDE),
            (_, Next::Key) => key.switch.open_for(now_us, rest),
            (_, Next::Target) if failure.retry_after.is_some() => {
                target.switch.open_for(now_us, rest);
            }
            (_, Next::Target) => self.cool_down(target, retry),
            (_, Next::Nobody) => {}
        }
        if failure.next == Next::Key {
            // It refused the key, and so it is there.
            target.switch.succeed();
        }
    }

    /// Nobody answered: the last provider's own answer where there is one, else an error of ours.
    async fn give_up(&mut self, failure: Failure) -> Finish {
        let told = match &failure.answer {
            Some(answer) => answer.told(),
            None => failure.fault.told(),
        };
        let status = told.status;
        let side = match failure.next {
            Next::Nobody if status < 500 => Side::Caller,
            _ => failure.fault.told().side,
        };
        if self.delivery.is_begun() {
            self.fail_stream(&told, failure.answer.is_some()).await;
            return failed(status, side);
        }
        let attempts = self.tally.attempts();
        let ask = &self.held.planned.allowed.ask;
        let (head, body) = match failure.answer {
            Some(answer) => answer.relay(&ask.inbound),
            None => answer::error_reply(&told, attempts, ask),
        };
        match self.delivery.reply(head, body).await {
            Ok(()) => failed(status, side),
            Err(_) => cancelled(),
        }
    }

    /// Tells a failure inside a begun stream, in the client's format, which is the end of it.
    pub(crate) async fn fail_stream(&mut self, told: &Told, is_of_provider: bool) {
        let inbound = &self.held.planned.allowed.ask.inbound;
        let event = told.to_event(inbound.endpoint.dialect(), inbound.call_id);
        if is_of_provider {
            self.delivery.fail_as_told(event).await;
        } else {
            self.delivery.fail(event).await;
        }
    }

    /// The owner left, or time was up, in the middle of an attempt.
    async fn interrupted(&mut self, why: Interrupted) -> Finish {
        self.tally.bill_progress();
        if why == Interrupted::Gone {
            return cancelled();
        }
        let total_ms = total_ms(&self.held.planned.plan);
        self.give_up(Failure {
            fault: Fault::TimeUp { total_ms },
            answer: None,
            next: Next::Target,
            retry_after: None,
            may_repeat: false,
        })
        .await
    }
}

/// The time a call has, all its attempts together: that of its most patient target.
fn total_ms(plan: &Plan) -> u64 {
    let each = plan
        .targets
        .iter()
        .map(|it| it.upstream.provider().timeouts.total_ms);
    each.max().unwrap_or(0)
}

/// The moment until which an attempt may wait for its first byte.
pub(crate) fn first_byte_limit(target: &Target) -> Duration {
    Duration::from_millis(target.upstream.provider().timeouts.first_byte_ms)
}
