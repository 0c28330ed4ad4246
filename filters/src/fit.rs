//! Plan -> Fitted: the ask said in the format of the first target that can take it whole. A request that no target can
//! take is refused here, before anything is held for it.

use std::sync::Arc;

use parking_lot::Mutex;
use thiserror::Error;
use weir_wire::fields::RequestError;
use weir_wire::loss::Loss;
use weir_wire::neutral::Request;

use crate::adapt::Unsaid;
use crate::gateway::BodyMemory;
use crate::plan::{Planned, Target};
use crate::render::{self, Outbound};
use crate::way::Way;
use crate::weigh::{self, TooHeavy};

/// A planned call that at least one target can take: made by `fit` alone.
pub struct Fitted {
    pub(crate) planned: Planned,
    pub(crate) fit: Fit,
}

/// The ask as far as it is translated.
pub(crate) struct Fit {
    /// The ask in neutral terms; none where no target needs it, or it is not what its own format says.
    request: Option<Arc<Request>>,
    /// The body that was written to see whether it can be, for the target of this number.
    first: Mutex<Option<(usize, Outbound)>>,
}

/// Why a request fits no target.
#[derive(Debug, Error)]
pub enum FitError {
    /// It is not what its own format says.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// No target can be sent all of it.
    #[error(transparent)]
    Loss(#[from] Loss),
    /// There is no memory to translate it in.
    #[error("the request {0}")]
    TooHeavy(#[from] TooHeavy),
}

impl From<Unsaid> for FitError {
    fn from(why: Unsaid) -> Self {
        match why {
            Unsaid::Request(why) => Self::Request(why),
            Unsaid::Loss(why) => Self::Loss(why),
        }
    }
}

/// Fits a planned call. What is translated takes its share of `memory` for as long as the call lasts.
pub fn fit(mut planned: Planned, memory: &BodyMemory) -> Result<Fitted, FitError> {
    let ask = &mut planned.allowed.ask;
    let endpoint = ask.inbound.endpoint;
    let ways = planned.plan.targets.iter().map(|it| Way::of(it, endpoint));
    let needs_translation = ways.flatten().any(Way::is_translated);
    let first_way = Way::of(&planned.plan.targets[0], endpoint);
    if !needs_translation {
        return Ok(fitted(planned, None, None));
    }
    let bytes = ask.body.len();
    let is_native = first_way.is_some_and(|way| !way.is_translated());
    let share = match weigh::share(memory, &ask.body) {
        Ok(share) => share,
        // The first target is sent it as it came.
        Err(_) if is_native => return Ok(fitted(planned, None, None)),
        Err(why) => return Err(why.into()),
    };
    match (&mut ask.memory, share) {
        (Some(memory), Some(share)) => memory.merge(share),
        (none, share) => *none = none.take().or(share),
    }
    weigh::aside(bytes, || translated(planned, is_native))
}

/// Says the request in neutral terms, and in those of the first target that can be sent it whole.
fn translated(planned: Planned, is_native: bool) -> Result<Fitted, FitError> {
    let ask = &planned.allowed.ask;
    let request = match render::neutral(ask, &planned.allowed.model) {
        Ok(request) => Arc::new(request),
        // The first target reads the client's own format, and may read what we cannot.
        Err(_) if is_native => {
            return Ok(fitted(planned, None, None));
        }
        Err(why) => return Err(why.into()),
    };
    let mut loss = None;
    for (number, target) in planned.plan.targets.iter().enumerate() {
        let Some(way) = Way::of(target, ask.inbound.endpoint) else {
            continue;
        };
        match render::render(ask, target, way, &request) {
            Ok(outbound) => {
                let first = Some((number, outbound));
                return Ok(fitted(planned, Some(request), first));
            }
            Err(why) => loss = loss.or(Some(why)),
        }
    }
    match loss {
        Some(why) => Err(why.into()),
        None => Ok(fitted(planned, None, None)),
    }
}

fn fitted(
    planned: Planned,
    request: Option<Arc<Request>>,
    first: Option<(usize, Outbound)>,
) -> Fitted {
    Fitted {
        planned,
        fit: Fit {
            request,
            first: Mutex::new(first),
        },
    }
}

impl Fit {
    /// The request for a target: the one that was written while fitting, or a new one.
    pub(crate) fn outbound(
        &self,
        planned: &Planned,
        target: &Target,
        way: Way,
    ) -> Result<Outbound, Unsaid> {
        let mut first = self.first.lock();
        let is_first = first.as_ref().is_some_and(|(number, _)| {
            let fitted = planned.plan.targets.get(*number);
            fitted.is_some_and(|it| std::ptr::eq(it, target))
        });
        if is_first && let Some((_, outbound)) = first.take() {
            return Ok(outbound);
        }
        drop(first);
        let request = match &self.request {
            Some(request) => Arc::clone(request),
            None if way.is_translated() => return Err(unreadable(target).into()),
            None => Arc::default(),
        };
        render::render(&planned.allowed.ask, target, way, &request)
    }
}

/// A fallback in another format cannot take what could not be read.
fn unreadable(target: &Target) -> Loss {
    Loss {
        what: "the request".to_owned(),
        why: "it is not what its own format says",
        provider: target.upstream.name.to_string(),
        target: "another one",
    }
}
