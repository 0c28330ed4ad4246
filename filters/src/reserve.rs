//! Plan -> Hold: tokens and money held before the call for the dearest planned target, and the intent committed, so that
//! a call that reached a provider has a row even if this process is killed the next moment.

use std::sync::Arc;

use thiserror::Error;
use weir_store::{Intent, Ledger, LedgerError};
use weir_wire::estimate;

use crate::ask::{Ask, Endpoint};
use crate::fit::{Fit, Fitted};
use crate::metrics::{HeldMoney, Metrics};
use crate::money;
use crate::plan::Plan;
use crate::plan::Planned;

/// Output tokens held where neither the ask nor the price table bounds them.
const OUTPUT_TOKENS_UNKNOWN: u64 = 16_384;

/// What is held for a call until it is settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    /// Input tokens, an upper estimate.
    pub input_tokens: u64,
    /// Output tokens, the most the call may produce.
    pub output_tokens: u64,
    /// The cost of the input, nano-dollars.
    pub input_nanousd: i64,
    /// The cost of everything, nano-dollars.
    pub nanousd: i64,
}

/// A planned call whose intent is committed: made by `reserve` alone. Only this can be sent to a provider.
pub struct Held {
    pub(crate) planned: Planned,
    pub(crate) fit: Fit,
    /// Released when the call is settled, however it ends.
    _hold: HeldMoney,
}

/// The intent could not be committed.
#[derive(Debug, Error)]
#[error(
    "usage cannot be recorded at the moment, so nothing is sent to a provider; try again shortly"
)]
pub struct ReserveError(#[from] LedgerError);

/// Holds what the call may cost and commits its intent.
pub async fn reserve(
    ledger: &Ledger,
    metrics: &Arc<Metrics>,
    fitted: Fitted,
) -> Result<Box<Held>, ReserveError> {
    let Fitted { planned, fit } = fitted;
    let ask = &planned.allowed.ask;
    let hold = hold(ask, &planned.plan);
    let first = &planned.plan.targets[0];
    let known = &ask.admitted.caller.known;
    let intent = Intent {
        call_id: ask.inbound.call_id,
        started_at_us: ask.inbound.started_at_us,
        user_id: Arc::clone(&known.user_id),
        token_id: Arc::clone(&known.token_id),
        kind: ask.inbound.endpoint.kind(),
        asked_model: Arc::clone(&planned.allowed.model),
        provider: Arc::clone(&first.upstream.name),
        model: Arc::clone(&first.model),
        streamed: ask.head.stream,
        hold_input_tokens: hold.input_tokens,
        hold_output_tokens: hold.output_tokens,
        hold_input_nanousd: hold.input_nanousd,
        hold_nanousd: hold.nanousd,
        price_version: Arc::clone(&planned.routes.price_version),
    };
    let held = metrics.hold(hold.nanousd);
    ledger.begin(intent).await?;
    // Boxed: it lives as long as the call, and is handed on.
    Ok(Box::new(Held {
        planned,
        fit,
        _hold: held,
    }))
}

/// Whether the length of what is answered is known only at its end.
fn generates_text(endpoint: Endpoint) -> bool {
    endpoint == Endpoint::Realtime || endpoint.conversation().is_some()
}

/// The hold of an ask: for the target of its plan where it would cost the most.
fn hold(ask: &Ask, plan: &Plan) -> Hold {
    if ask.inbound.endpoint.is_free() {
        return Hold::default();
    }
    let input_tokens = estimate::prompt_tokens_upper(ask.body.len());
    let choices = u64::from(ask.head.choices.max(1));
    let mut dearest = Hold {
        input_tokens,
        ..Hold::default()
    };
    for target in &plan.targets {
        let bound = target.price.as_ref().and_then(|it| it.max_output_tokens);
        let asked = ask.head.max_output_tokens;
        let output_tokens = match (asked, bound) {
            _ if !generates_text(ask.inbound.endpoint) => 0,
            (Some(asked), Some(bound)) => asked.min(bound),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => OUTPUT_TOKENS_UNKNOWN,
        }
        .saturating_mul(choices);
        dearest.output_tokens = dearest.output_tokens.max(output_tokens);
        if let Some(price) = &target.price {
            let (input, output) = money::hold_nanousd(price, input_tokens, output_tokens);
            dearest.input_nanousd = dearest.input_nanousd.max(input);
            dearest.nanousd = dearest.nanousd.max(input.saturating_add(output));
        }
    }
    dearest
}
