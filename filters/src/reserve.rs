//! Plan -> Hold: tokens and money held before the call for the dearest planned target, and the intent committed, so that
//! a call that reached a provider has a row even if this process is killed the next moment.

use std::sync::Arc;

use thiserror::Error;
use weir_store::{Intent, Ledger, LedgerError, TakenItem};
use weir_wire::usage::Usage;

use crate::fit::{Fit, Fitted};
use crate::hold;
use crate::metrics::{HeldMoney, Metrics};
use crate::money::Line;
use crate::plan::Planned;

/// A planned call whose intent is committed: made by `reserve` alone. Only this can be sent to a provider.
pub struct Held {
    pub(crate) planned: Planned,
    pub(crate) fit: Fit,
    /// About how many tokens the ask has, for what nobody tells.
    pub(crate) prompt_tokens: u64,
    /// What it is taken to have used if it ends without that anybody tells; none where the length of a text says more.
    pub(crate) untold: Option<Usage>,
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
    let hold = hold::hold(ask, &planned.plan);
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
        hold_nanousd: hold.nanousd,
        taken: hold.taken.iter().map(taken).collect(),
        unpriced: hold.unpriced,
        price_version: Arc::clone(&planned.routes.price_version),
    };
    let held = metrics.hold(hold.nanousd);
    ledger.begin(intent).await?;
    // Boxed: it lives as long as the call, and is handed on.
    Ok(Box::new(Held {
        planned,
        fit,
        prompt_tokens: hold.prompt_tokens,
        untold: hold.untold,
        _hold: held,
    }))
}

fn taken(line: &Line) -> TakenItem {
    TakenItem {
        unit: line.unit.as_str(),
        quantity: line.quantity,
        cost_nanousd: line.cost_nanousd,
    }
}
