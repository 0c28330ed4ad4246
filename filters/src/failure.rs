//! An attempt that brought no answer: what went wrong, where to go next, and which of several failures is told.

use std::sync::Arc;
use std::time::Duration;

use weir_store::EndKind;

use crate::answer::Answer;
use crate::delivery::Interrupted;
use crate::fault::Fault;
use crate::plan::Target;
use crate::settle::Finish;
use crate::told::Side;

/// Where to go after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The key was the trouble: the next key of the same target.
    Key,
    /// The target was the trouble: the next target.
    Target,
    /// The request was: whoever else was asked would say the same.
    Nobody,
}

/// An attempt that brought no answer, while nothing of one had reached the client.
pub(crate) struct Failure {
    pub fault: Fault,
    /// The provider's own answer, to be relayed if nobody does better.
    pub answer: Option<Answer>,
    pub next: Next,
    pub retry_after: Option<Duration>,
    /// Whether trying the same target again may help.
    pub may_repeat: bool,
}

/// Why an attempt stopped without a finish.
pub(crate) enum Stop {
    Failed(Box<Failure>),
    Interrupted(Interrupted),
}

impl From<Interrupted> for Stop {
    fn from(why: Interrupted) -> Self {
        Self::Interrupted(why)
    }
}

impl From<crate::sink::Gone> for Stop {
    fn from(_: crate::sink::Gone) -> Self {
        Self::Interrupted(Interrupted::Gone)
    }
}

/// Of two failures the one to be told: a provider's own answer says more than a refused key, and any failure of a provider
/// more than that another could not be asked. Trying again may help if it may help with either, and then after the shorter
/// wait.
pub(crate) fn worse(before: Option<Box<Failure>>, now: Box<Failure>) -> Box<Failure> {
    let Some(before) = before else {
        return now;
    };
    let may_repeat = before.may_repeat || now.may_repeat;
    let retry_after = before.retry_after.min(now.retry_after);
    let keeps_before = match (before.fault.is_of_request(), now.fault.is_of_request()) {
        (false, true) => true,
        (true, false) => false,
        _ => before.answer.is_some() && now.answer.is_none(),
    };
    let mut told = if keeps_before { before } else { now };
    told.may_repeat = may_repeat;
    told.retry_after = retry_after;
    told
}

pub(crate) fn no_target(targets: &[Target]) -> Failure {
    let provider = targets
        .first()
        .map_or_else(|| Arc::from("none"), |it| Arc::clone(&it.upstream.name));
    Failure {
        fault: Fault::Unreachable {
            provider,
            reason: "none of the targets serves this endpoint",
        },
        answer: None,
        next: Next::Target,
        retry_after: None,
        may_repeat: false,
    }
}

pub(crate) fn failed(status: u16, side: Side) -> Finish {
    Finish {
        end: EndKind::Failed,
        status,
        side: Some(side),
    }
}

pub(crate) fn cancelled() -> Finish {
    Finish {
        end: EndKind::Cancelled,
        status: 499,
        side: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_failed_with_is_told_before_what_another_could_not_be_asked() {
        let provider = || Arc::from("p");
        let failure = |fault, may_repeat| {
            Box::new(Failure {
                fault,
                answer: None,
                next: Next::Target,
                retry_after: None,
                may_repeat,
            })
        };
        let broken = || {
            let reason = "it broke";
            failure(
                Fault::Broken {
                    provider: provider(),
                    reason,
                },
                true,
            )
        };
        let unfit = || {
            let reason = "`seed` is lost".to_owned();
            failure(
                Fault::Unfit {
                    provider: provider(),
                    reason,
                },
                false,
            )
        };
        for (first, second) in [(broken(), unfit()), (unfit(), broken())] {
            let told = worse(Some(first), second);
            assert_eq!(told.fault.told().status, 502);
            assert!(told.may_repeat);
        }
        assert_eq!(worse(Some(unfit()), unfit()).fault.told().status, 400);
    }
}
