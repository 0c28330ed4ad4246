//! Hold x Outcome -> usage rows: the one exit for every way a call can end.
//!
//! A [`Tally`] is made when the intent is committed and collects what the attempts did. It is settled explicitly at the
//! end; should its task die before that, dropping it settles what is known.

use std::sync::Arc;

use futures_util::FutureExt;
use uuid::Uuid;
use weir_config::Price;
use weir_store::{CallRow, EndKind, Ledger, UsageItem};
use weir_wire::estimate;
use weir_wire::overheard::Overheard;
use weir_wire::stream::Stream;
use weir_wire::usage::{Unit, Usage};

use crate::clock::Clock;
use crate::metrics::{Ended, Metrics};
use crate::money::{self, Bill};
use crate::plan::Target;
use crate::provider::UpstreamKey;
use crate::reserve::Held;
use crate::told::Side;

/// The longest id of a provider's that is kept whole.
const UPSTREAM_ID_BYTES: usize = 128;

/// What a call used so far, and what is to be written about it.
pub(crate) struct Tally {
    ledger: Ledger,
    metrics: Arc<Metrics>,
    clock: Clock,
    row: Option<Box<CallRow>>,
    bill: Bill,
    call_id: Uuid,
    endpoint_kind: &'static str,
    /// The price at the target of the attempt under way.
    price: Option<Price>,
    /// About how many tokens the ask has, for what nobody tells.
    asked_tokens: u64,
    /// What is taken to be used if nobody tells; none where the length of a text says more.
    untold: Option<Usage>,
    /// Whether what nobody tells is nothing.
    is_free: bool,
    /// What the attempt under way has come to, so that it is billed however it stops.
    pub progress: Progress,
}

/// How far the attempt under way has come.
#[derive(Default)]
pub(crate) enum Progress {
    /// Nothing was sent, or what was used is billed.
    #[default]
    Idle,
    /// The request was sent.
    Sent,
    /// The provider said that all is well, and its answer has not come whole.
    Answering,
    /// An answer is streaming.
    Streaming(Stream),
    /// An answer that nobody interprets is passed on, and listened to where it may tell usage.
    Passing(Option<Box<Overheard>>),
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finish {
    pub end: EndKind,
    /// The status the client got, or would have got (499 where it was gone).
    pub status: u16,
    /// Whose fault it was, where it failed.
    pub side: Option<Side>,
}

impl Tally {
    pub(crate) fn new(ledger: Ledger, metrics: Arc<Metrics>, clock: Clock, held: &Held) -> Self {
        let planned = &held.planned;
        let ask = &planned.allowed.ask;
        let known = &ask.admitted.caller.known;
        let first = &planned.plan.targets[0];
        let row = CallRow {
            call_id: ask.inbound.call_id,
            started_at_us: ask.inbound.started_at_us,
            user_id: Arc::clone(&known.user_id),
            token_id: Arc::clone(&known.token_id),
            key_id: None,
            kind: ask.inbound.endpoint.kind(),
            asked_model: Arc::clone(&planned.allowed.model),
            served_model: Arc::clone(&first.model),
            provider: Arc::clone(&first.upstream.name),
            upstream_id: None,
            attempts: 0,
            status: 500,
            end: EndKind::Failed,
            streamed: ask.head.stream,
            estimated: false,
            unpriced: false,
            cost_nanousd: 0,
            price_version: Arc::clone(&planned.routes.price_version),
            latency_us: 0,
            ttft_us: None,
            items: Vec::new(),
        };
        Self {
            ledger,
            metrics,
            clock,
            call_id: row.call_id,
            endpoint_kind: row.kind,
            row: Some(Box::new(row)),
            bill: Bill::default(),
            price: None,
            asked_tokens: held.prompt_tokens,
            untold: held.untold,
            is_free: ask.is_free(),
            progress: Progress::Idle,
        }
    }

    /// A new attempt begins; its number, from 1.
    pub(crate) fn attempt(&mut self, target: &Target, key: &UpstreamKey) -> u32 {
        let Some(row) = self.row.as_mut() else {
            return 0;
        };
        row.attempts += 1;
        row.provider = Arc::clone(&target.upstream.name);
        row.served_model = Arc::clone(&target.model);
        row.key_id = Some(Arc::clone(&key.id));
        row.upstream_id = None;
        self.price = target.price;
        self.progress = Progress::Idle;
        row.attempts
    }

    /// The attempts so far.
    pub(crate) fn attempts(&self) -> u32 {
        self.row.as_ref().map_or(0, |row| row.attempts)
    }

    /// The provider's own id of the request, kept beside ours.
    pub(crate) fn set_upstream_id(&mut self, id: &str) {
        // The first one told counts: that of the head, which support desks ask for, before that of the body.
        if let Some(row) = self.row.as_mut()
            && row.upstream_id.is_none()
            && !id.is_empty()
        {
            row.upstream_id = Some(match id.len() {
                0..=UPSTREAM_ID_BYTES => id.to_owned(),
                _ => id.chars().take(UPSTREAM_ID_BYTES).collect(),
            });
        }
    }

    /// The first output went to the client now.
    pub(crate) fn first_output(&mut self) {
        if let Some(row) = self.row.as_mut()
            && row.ttft_us.is_none()
        {
            row.ttft_us = Some((self.clock.now_us() - row.started_at_us).max(0));
        }
    }

    /// Usage as the provider told it.
    pub(crate) fn used(&mut self, usage: &Usage) {
        let attempt = self.attempts();
        self.bill.add(attempt, usage, self.price.as_ref());
    }

    /// Usage as the provider told it, of another model than the target's.
    pub(crate) fn used_at(&mut self, usage: &Usage, price: Option<&Price>) {
        let attempt = self.attempts();
        self.bill.add(attempt, usage, price);
    }

    /// Usage that was guessed, and is marked so.
    pub(crate) fn guessed(&mut self, usage: &Usage) {
        self.used(usage);
        if let Some(row) = self.row.as_mut() {
            row.estimated = true;
        }
    }

    /// Usage that follows from the ask, such as the characters to speak: exact where that is what the target is paid for.
    pub(crate) fn used_as_asked(&mut self, usage: &Usage) {
        let price = self.price.as_ref();
        if price.is_none_or(|price| money::most_nanousd(price, usage).is_some()) {
            self.used(usage);
        } else {
            self.used_about(0);
        }
    }

    /// Usage nobody told: estimated, and marked so.
    pub(crate) fn used_about(&mut self, output_tokens: u64) {
        if self.is_free {
            return;
        }
        if let Some(untold) = self.untold {
            return self.guessed(&untold);
        }
        // Of a form nothing can be guessed: its row must not look as if it had been free.
        self.bill.unpriced |= self.asked_tokens == 0 && output_tokens == 0;
        let mut usage = Usage::default();
        usage.set(Unit::Input, self.asked_tokens);
        usage.set(Unit::Output, output_tokens);
        self.guessed(&usage);
    }

    /// Bills what the attempt under way has used, as far as it is known: told usage, else an estimate.
    pub(crate) fn bill_progress(&mut self) {
        match std::mem::take(&mut self.progress) {
            Progress::Idle => {}
            Progress::Sent | Progress::Answering => self.used_about(0),
            // What was passed on without that it could tell is of no account.
            Progress::Passing(None) => {}
            Progress::Passing(Some(heard)) => match heard.usage() {
                Some(usage) => self.used(&usage),
                None => self.used_about(estimate::tokens_of_bytes(heard.bytes())),
            },
            Progress::Streaming(stream) => {
                let progress = stream.progress();
                let has_output = progress.output_bytes > 0 || progress.output_events > 0;
                match &progress.usage {
                    Some(usage) => self.used(usage),
                    // A refusal, in the only way that is left to a provider behind its 200.
                    None if progress.error.is_some() && !has_output => {}
                    None => {
                        let by_bytes = estimate::tokens_of_bytes(progress.output_bytes);
                        self.used_about(by_bytes.max(progress.output_events));
                    }
                }
            }
        }
    }

    /// Writes the row. The ledger keeps it from here on, also while the database is away.
    pub(crate) async fn settle(mut self, finish: Finish) {
        if let Some(row) = self.close(finish)
            && let Err(error) = self.ledger.finish(row).await
        {
            tracing::error!(call = %self.call_id, %error, "usage could not be recorded");
        }
    }

    fn close(&mut self, finish: Finish) -> Option<CallRow> {
        self.bill_progress();
        let mut row = *self.row.take()?;
        row.status = finish.status;
        row.end = finish.end;
        row.latency_us = (self.clock.now_us() - row.started_at_us).max(0);
        row.cost_nanousd = self.bill.total_nanousd();
        row.unpriced = self.bill.unpriced;
        let lines = self.bill.lines.drain(..);
        row.items = lines
            .map(|line| UsageItem {
                attempt: line.attempt,
                unit: line.unit.as_str(),
                quantity: line.quantity,
                cost_nanousd: line.cost_nanousd,
            })
            .collect();
        self.metrics.call_ended(&Ended {
            row: &row,
            side: finish.side,
        });
        Some(row)
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let Some(row) = self.close(Finish {
            end: EndKind::Failed,
            status: 500,
            side: Some(Side::Gateway),
        }) else {
            return;
        };
        tracing::error!(call = %self.call_id, kind = self.endpoint_kind, "a call's task died before it was settled");
        // The first poll hands the row over; it would wait only if the queue were full.
        let _ = self.ledger.finish(row).now_or_never();
    }
}
