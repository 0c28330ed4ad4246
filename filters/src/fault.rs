//! Every way in which providers can fail to answer, and what the client is told where no provider's own answer can be
//! relayed.

use std::sync::Arc;

use thiserror::Error;
use weir_wire::errors::UpstreamError;
use weir_wire::multipart::FormError;

use crate::refusal::Refusal;
use crate::told::{Side, Told};
use crate::weigh::TooHeavy;

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
    #[error("provider `{provider}` reported an error: {}", .error.message)]
    Reported {
        /// The provider.
        provider: Arc<str>,
        /// What it said.
        error: UpstreamError,
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
    /// The request cannot be said in the provider's format.
    #[error("{reason}")]
    Unfit {
        /// The provider.
        provider: Arc<str>,
        /// What is lost, and what to do.
        reason: String,
    },
    /// The form turned out, on its way, to be none whose meaning is beyond dispute.
    #[error("{why}")]
    Form {
        /// What is wrong with it.
        why: FormError,
    },
    /// The rest of a body that passes by did not come as it should.
    #[error("{why}")]
    Body {
        /// What a body that is read whole would be refused for.
        why: Arc<Refusal>,
    },
    /// There is no memory for an answer, or to translate it in.
    #[error("the answer of provider `{provider}` {why}")]
    NoMemory {
        /// The provider.
        provider: Arc<str>,
        /// What it is too heavy for.
        why: TooHeavy,
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

impl Fault {
    /// What is logged of it: never a provider's own words, which may repeat what it was sent.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable { reason, .. } | Self::Broken { reason, .. } => reason,
            Self::Timeout { what, .. } => what,
            Self::Reported { .. } => "it reported an error inside its answer",
            Self::KeyRejected { .. } => "it rejected the key",
            Self::NoMemory { .. } => "there is no memory for its answer",
            Self::TimeUp { .. } => "the call's total time is over",
            Self::Status { .. } => "it answered with an error status",
            Self::Unfit { .. } => "the request cannot be said in its format",
            Self::Form { .. } => "the form is not what it seemed to be",
            Self::Body { .. } => "the request's body did not come whole",
        }
    }

    /// Whether the request itself is to blame, and nobody it was to be sent to.
    pub fn is_of_request(&self) -> bool {
        matches!(
            self,
            Self::Unfit { .. } | Self::Form { .. } | Self::Body { .. }
        )
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
            Self::Reported { error, .. } => {
                let code = error.code.as_deref().unwrap_or("upstream_error");
                let mut told = Told::new(error.status(), KIND, code, Side::Provider, self);
                told.param.clone_from(&error.param);
                if let Some(kind) = &error.kind {
                    told.kind = kind.clone().into();
                }
                told
            }
            Self::Unfit { .. } => Told::new(
                400,
                "invalid_request_error",
                "unsupported_parameter",
                Side::Caller,
                self,
            ),
            Self::NoMemory { .. } => {
                Told::new(503, "server_error", "overloaded", Side::Gateway, self)
            }
            Self::Form { .. } => Told::new(400, "invalid_request_error", "", Side::Caller, self),
            Self::Body { why } => why.told(),
            Self::KeyRejected { .. } => {
                Told::new(502, KIND, "provider_key_rejected", Side::Provider, self)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
