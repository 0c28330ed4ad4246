//! Every way a request can be refused before a provider is asked, and what the client is told: errors become answers
//! here and in `fault`, by type and never by text.

use std::time::Duration;

use thiserror::Error;
use weir_wire::body::BodyError;
use weir_wire::loss::UnknownDropParams;

use crate::allow::AllowError;
use crate::counters::{Exceeded, Remaining};
use crate::fit::FitError;
use crate::identify::IdentifyError;
use crate::plan::PlanError;
use crate::read::ReadError;
use crate::reserve::ReserveError;
use crate::told::{Side, Told};
use crate::weigh::TooHeavy;

/// When a client is told to come back after a fault of ours.
const RETRY_OURS: Duration = Duration::from_secs(2);
/// When a client is told to come back after a concurrency refusal: a slot frees whenever a call ends.
const RETRY_SLOT: Duration = Duration::from_secs(1);

/// Why a request ended before a provider's answer could be relayed.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The credential.
    #[error(transparent)]
    Identify(#[from] IdentifyError),
    /// A limit.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// The body.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The body did not arrive in time.
    #[error(
        "the request body did not arrive in time: send it faster (server.min_body_rate_bytes_s)"
    )]
    SlowBody,
    /// The body's framing is broken.
    #[error("the request body is not framed as HTTP says")]
    BrokenBody,
    /// A body cannot be kept on disk.
    #[error("the gateway cannot keep the form on its disk; try again shortly")]
    Disk,
    /// All memory for bodies is in use.
    #[error(
        "the gateway is handling as many request bodies as it has memory for; try again shortly"
    )]
    BodiesFull,
    /// The model.
    #[error(transparent)]
    Allow(#[from] AllowError),
    /// The plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The request cannot be said to any target.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// A header of ours is not understood.
    #[error(transparent)]
    DropParams(#[from] UnknownDropParams),
    /// The ledger.
    #[error(transparent)]
    Reserve(#[from] ReserveError),
    /// The client left before an answer began.
    #[error("the client is gone")]
    Gone,
}

const INVALID: &str = "invalid_request_error";

impl Refusal {
    /// The answer to a refusal.
    pub fn told(&self) -> Told {
        match self {
            Self::Identify(why) => told_identity(why),
            Self::Exceeded(why) => told_exceeded(why),
            Self::Read(why) => told_read(why),
            Self::SlowBody => Told::new(408, INVALID, "request_timeout", Side::Caller, self),
            Self::BrokenBody => Told::new(400, INVALID, "", Side::Caller, self),
            Self::BodiesFull | Self::Disk => {
                Told::new(503, "server_error", "overloaded", Side::Gateway, self).after(RETRY_OURS)
            }
            Self::Allow(why) => told_allow(why),
            Self::Plan(PlanError::NotFound(why)) => told_allow(why),
            Self::Plan(why @ PlanError::NoPass { .. }) => {
                Told::new(404, INVALID, "unknown_url", Side::Caller, why)
            }
            Self::Plan(why @ PlanError::Shared { .. }) => {
                Told::new(403, "permission_error", "admin_only", Side::Policy, why)
            }
            Self::Plan(why @ PlanError::UnusableKey { .. }) => {
                let code = "provider_key_unusable";
                Told::new(403, "permission_error", code, Side::Policy, why)
            }
            Self::Plan(why @ (PlanError::NoKey { .. } | PlanError::NoOwnKey { .. })) => Told::new(
                403,
                "permission_error",
                "provider_key_missing",
                Side::Policy,
                why,
            ),
            Self::Plan(why @ (PlanError::Endpoint { .. } | PlanError::NoOperation { .. })) => {
                Told::new(404, INVALID, "model_not_found", Side::Caller, why).param("model")
            }
            Self::Fit(why) => told_fit(why),
            Self::DropParams(why) => {
                Told::new(400, INVALID, "", Side::Caller, why).param("x-weir-drop-params")
            }
            Self::Reserve(why) => Told::new(
                503,
                "server_error",
                "ledger_unavailable",
                Side::Gateway,
                why,
            )
            .after(RETRY_OURS),
            Self::Gone => Told::new(499, INVALID, "client_closed_request", Side::Caller, self),
        }
    }
}

fn told_identity(why: &IdentifyError) -> Told {
    match why {
        IdentifyError::Missing | IdentifyError::Invalid => {
            Told::new(401, INVALID, "invalid_api_key", Side::Caller, why)
        }
        IdentifyError::Unavailable => Told::new(
            503,
            "server_error",
            "identity_unavailable",
            Side::Gateway,
            why,
        )
        .after(RETRY_OURS),
    }
}

fn told_exceeded(why: &Exceeded) -> Told {
    let (delay, advice) = match why {
        Exceeded::Rate { reset, .. } => (
            *reset,
            format!(
                "the next one is let through in {:.1} s",
                reset.as_secs_f64()
            ),
        ),
        Exceeded::Concurrency { .. } => (
            RETRY_SLOT,
            "a slot is free as soon as one of them ends".to_owned(),
        ),
    };
    let message = format!("Rate limit reached: {why}; {advice}.");
    let mut told = Told::new(
        429,
        "rate_limit_error",
        "rate_limit_exceeded",
        Side::Policy,
        &message,
    );
    told.rate = match why {
        Exceeded::Rate { limit, reset, .. } => Some(Remaining {
            limit: *limit,
            remaining: 0,
            reset: *reset,
        }),
        Exceeded::Concurrency { .. } => None,
    };
    told.after(delay)
}

fn told_read(why: &ReadError) -> Told {
    match why {
        ReadError::Stateful(stateful) => Told::new(
            400,
            INVALID,
            "unsupported_parameter",
            Side::Caller,
            stateful,
        )
        .param(stateful.parameter),
        ReadError::Form(form) => Told::new(400, INVALID, "", Side::Caller, form),
        ReadError::TooLarge { .. } | ReadError::UploadTooLarge { .. } => {
            Told::new(413, INVALID, "request_too_large", Side::Caller, why)
        }
        ReadError::Encoding => Told::new(415, INVALID, "unsupported_encoding", Side::Caller, why),
        ReadError::Corrupt => Told::new(400, INVALID, "", Side::Caller, why),
        ReadError::Body(body) => {
            let told = Told::new(400, INVALID, "", Side::Caller, body);
            match body {
                BodyError::DuplicateKey { key }
                | BodyError::OtherCapitals { key }
                | BodyError::WrongType { key, .. } => told.param(key),
                _ => told,
            }
        }
    }
}

fn told_fit(why: &FitError) -> Told {
    match why {
        FitError::Request(wrong) => {
            Told::new(400, INVALID, "", Side::Caller, wrong).param(&wrong.path)
        }
        FitError::TooHeavy(TooHeavy::Now) => {
            Told::new(503, "server_error", "overloaded", Side::Gateway, why).after(RETRY_OURS)
        }
        FitError::TooHeavy(TooHeavy::Ever) => {
            Told::new(413, INVALID, "request_too_large", Side::Caller, why)
        }
        FitError::Loss(loss) => {
            Told::new(400, INVALID, "unsupported_parameter", Side::Caller, loss).param(&loss.what)
        }
    }
}

fn told_allow(why: &AllowError) -> Told {
    match why {
        AllowError::NoModel => Told::new(
            400,
            INVALID,
            "missing_required_parameter",
            Side::Caller,
            why,
        )
        .param("model"),
        AllowError::NotFound { .. } | AllowError::Unnamed => {
            Told::new(404, INVALID, "model_not_found", Side::Caller, why).param("model")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::Scope;

    #[test]
    fn our_own_fault_is_never_a_401() {
        let told = Refusal::from(IdentifyError::Unavailable).told();
        assert_eq!((told.status, told.side), (503, Side::Gateway));
        assert!(told.retry_after.is_some());
    }

    #[test]
    fn a_limit_names_its_scope_its_figure_and_its_reset() {
        let told = Refusal::from(Exceeded::Rate {
            scope: Scope::User,
            limit: 20,
            reset: Duration::from_millis(2_500),
        })
        .told();
        assert_eq!(told.status, 429);
        for fact in ["user", "20", "per minute", "2.5 s"] {
            assert!(told.message.contains(fact), "{} lacks {fact}", told.message);
        }
    }
}
