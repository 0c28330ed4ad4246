//! Every way a request can be refused or fail, and what the client is told: the one place where errors become answers,
//! by type and never by text.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use weir_wire::body::BodyError;
use weir_wire::errors::ErrorBody;

use crate::allow::AllowError;
use crate::counters::{Exceeded, Remaining};
use crate::identify::IdentifyError;
use crate::plan::PlanError;
use crate::read::ReadError;
use crate::reserve::ReserveError;

/// When a client is told to come back after a fault of ours.
const RETRY_OURS: Duration = Duration::from_secs(2);
/// When a client is told to come back after a concurrency refusal: a slot frees whenever a call ends.
const RETRY_SLOT: Duration = Duration::from_secs(1);

/// Whose fault a failure is; a closed set, also the label of the error metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The request was wrong.
    Caller,
    /// A limit or a rule of the operator said no.
    Policy,
    /// The provider failed, or its key did.
    Provider,
    /// We failed.
    Gateway,
}

impl Side {
    /// All sides.
    pub const ALL: [Self; 4] = [Self::Caller, Self::Policy, Self::Provider, Self::Gateway];

    /// The metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Policy => "policy",
            Self::Provider => "provider",
            Self::Gateway => "gateway",
        }
    }
}

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
    /// The ledger.
    #[error(transparent)]
    Reserve(#[from] ReserveError),
    /// The client left before an answer began.
    #[error("the client is gone")]
    Gone,
}

/// Why no provider answered.
#[derive(Clone, Debug, Error)]
pub enum Fault {
    /// No connection.
    #[error("provider `{provider}` cannot be reached: {reason}")]
    Unreachable {
        /// The provider.
        provider: Arc<str>,
        /// What failed, without addresses or secrets.
        reason: &'static str,
    },
    /// No answer in time.
    #[error("provider `{provider}` did not answer in time ({what} timeout)")]
    Timeout {
        /// The provider.
        provider: Arc<str>,
        /// Which timeout.
        what: &'static str,
    },
    /// The connection or the answer broke off.
    #[error("provider `{provider}` broke off its answer: {reason}")]
    Broken {
        /// The provider.
        provider: Arc<str>,
        /// What was wrong.
        reason: &'static str,
    },
    /// The provider reported an error inside a successful answer.
    #[error("provider `{provider}` reported an error: {message}")]
    Reported {
        /// The provider.
        provider: Arc<str>,
        /// Its message.
        message: String,
        /// Its code.
        code: Option<String>,
    },
    /// The provider refused the key.
    #[error("{} was rejected by provider `{provider}`: {}", key_text(.owner_is_caller, .key_id), mend_text(.owner_is_caller, .provider))]
    KeyRejected {
        /// The provider.
        provider: Arc<str>,
        /// The key's name, never the secret.
        key_id: Arc<str>,
        /// True for the caller's own key.
        owner_is_caller: bool,
    },
    /// The call's total time is over.
    #[error("the call took longer than the total timeout of {total_ms} ms")]
    TimeUp {
        /// The total timeout.
        total_ms: u64,
    },
    /// The provider answered with a status that is relayed where an answer can still be given.
    #[error("provider `{provider}` answered with status {status}")]
    Status {
        /// The provider.
        provider: Arc<str>,
        /// Its status.
        status: u16,
    },
}

fn key_text(owner_is_caller: &bool, key_id: &str) -> String {
    if *owner_is_caller {
        format!("your own key `{key_id}`")
    } else {
        format!("the operator's key `{key_id}`")
    }
}

fn mend_text(owner_is_caller: &bool, provider: &str) -> String {
    if *owner_is_caller {
        format!("replace it with `weir key set {provider} --user <you>`")
    } else {
        "ask the operator of this gateway to replace it".to_owned()
    }
}

/// What a client is told.
#[derive(Debug)]
pub struct Told {
    /// The HTTP status.
    pub status: u16,
    /// OpenAI's `type`.
    pub kind: &'static str,
    /// OpenAI's `code`.
    pub code: Option<String>,
    /// OpenAI's `param`.
    pub param: Option<String>,
    /// The message.
    pub message: String,
    /// When to come back.
    pub retry_after: Option<Duration>,
    /// The request rate that was used up.
    pub rate: Option<Remaining>,
    /// Whose fault.
    pub side: Side,
}

impl Told {
    fn new(status: u16, kind: &'static str, code: &str, side: Side, why: &impl ToString) -> Self {
        Self {
            status,
            kind,
            code: (!code.is_empty()).then(|| code.to_owned()),
            param: None,
            message: why.to_string(),
            retry_after: None,
            rate: None,
            side,
        }
    }

    fn param(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    fn after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// The body of an answer in OpenAI's envelope.
    pub fn to_json(&self) -> Vec<u8> {
        self.body().to_json()
    }

    /// The error event of a stream.
    pub fn to_event(&self) -> Vec<u8> {
        self.body().to_event()
    }

    fn body(&self) -> ErrorBody<'_> {
        ErrorBody {
            message: &self.message,
            kind: self.kind,
            param: self.param.as_deref(),
            code: self.code.as_deref(),
        }
    }
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
            Self::BodiesFull => {
                Told::new(503, "server_error", "overloaded", Side::Gateway, self).after(RETRY_OURS)
            }
            Self::Allow(why) => told_allow(why),
            Self::Plan(PlanError::NotFound(why)) => told_allow(why),
            Self::Plan(why @ PlanError::NoKey { .. }) => Told::new(
                403,
                "permission_error",
                "provider_key_missing",
                Side::Policy,
                why,
            ),
            Self::Plan(why @ PlanError::Endpoint { .. }) => {
                Told::new(404, INVALID, "model_not_found", Side::Caller, why).param("model")
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
        ReadError::TooLarge { .. } => {
            Told::new(413, INVALID, "request_too_large", Side::Caller, why)
        }
        ReadError::Encoding => Told::new(415, INVALID, "unsupported_encoding", Side::Caller, why),
        ReadError::Corrupt => Told::new(400, INVALID, "", Side::Caller, why),
        ReadError::Body(body) => {
            let told = Told::new(400, INVALID, "", Side::Caller, body);
            match body {
                BodyError::DuplicateKey { key } | BodyError::WrongType { key, .. } => {
                    told.param(key)
                }
                _ => told,
            }
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
        AllowError::NotFound { .. } => {
            Told::new(404, INVALID, "model_not_found", Side::Caller, why).param("model")
        }
    }
}

impl Fault {
    /// What is logged of it: never a provider's own words, which may repeat what it was sent.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable { reason, .. } | Self::Broken { reason, .. } => reason,
            Self::Timeout { what, .. } => what,
            Self::Reported { .. } => "it reported an error inside its answer",
            Self::KeyRejected { .. } => "it rejected the key",
            Self::TimeUp { .. } => "the call's total time is over",
            Self::Status { .. } => "it answered with an error status",
        }
    }

    /// The answer where no provider's own answer can be relayed.
    pub fn told(&self) -> Told {
        const KIND: &str = "upstream_error";
        match self {
            Self::Unreachable { .. } => {
                Told::new(502, KIND, "upstream_unreachable", Side::Provider, self)
            }
            Self::Timeout { .. } => Told::new(504, KIND, "upstream_timeout", Side::Provider, self),
            Self::TimeUp { .. } => Told::new(504, KIND, "total_timeout", Side::Provider, self),
            Self::Broken { .. } => Told::new(502, KIND, "upstream_error", Side::Provider, self),
            Self::Status { .. } => Told::new(502, KIND, "upstream_error", Side::Provider, self),
            Self::Reported { code, .. } => {
                let code = code.as_deref().unwrap_or("upstream_error");
                Told::new(502, KIND, code, Side::Provider, self)
            }
            Self::KeyRejected { .. } => {
                Told::new(502, KIND, "provider_key_rejected", Side::Provider, self)
            }
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

    #[test]
    fn a_rejected_key_says_whose_and_where_to_mend_it() {
        let fault = Fault::KeyRejected {
            provider: Arc::from("openai"),
            key_id: Arc::from("key_1"),
            owner_is_caller: true,
        };
        let told = fault.told();
        assert_eq!((told.status, told.side), (502, Side::Provider));
        assert!(told.message.contains("your own key `key_1`"));
        assert!(told.message.contains("weir key set openai"));
    }
}
