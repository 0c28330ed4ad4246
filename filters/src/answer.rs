//! A provider's answer as it is relayed: its head from an allow-list, ours beside it, and what a status means.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use weir_config::Retry;
use weir_wire::errors::{self, UpstreamError};

use crate::attempt::{Failure, Next};
use crate::counters::{Lease, Remaining};
use crate::plan::Target;
use crate::provider::{KeyOwner, UpstreamKey};
use crate::refusal::{Fault, Told};
use crate::sink::{Relayed, ReplyHead};

/// A whole answer of a provider that is not a success.
pub(crate) struct Answer {
    pub status: u16,
    pub content_type: Option<String>,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub provider: Arc<str>,
    pub model: Arc<str>,
}

impl Answer {
    /// The answer as the client gets it: the provider's status and body; a body that is no JSON is wrapped in an error.
    pub(crate) fn relay(self, attempts: u32) -> (ReplyHead, Option<Relayed>, Bytes) {
        let is_json = self
            .content_type
            .as_deref()
            .is_some_and(|it| it.contains("json"))
            && serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_ok();
        let body = if is_json {
            self.body
        } else {
            let provider = Arc::clone(&self.provider);
            let mut told = Fault::Status {
                provider,
                status: self.status,
            }
            .told();
            told.status = self.status;
            Bytes::from(told.to_json())
        };
        let head = ReplyHead {
            status: self.status,
            content_type: Arc::from("application/json"),
            headers: served_headers(&self.provider, &self.model, attempts),
        };
        (head, Some(relayed(&self.headers, true)), body)
    }
}

/// The error reply where no provider's own answer is at hand.
pub(crate) fn error_reply(
    told: &Told,
    attempts: u32,
    lease: &Lease,
) -> (ReplyHead, Option<Relayed>, Bytes) {
    let mut headers = rate_headers(lease);
    headers.push(("x-weir-attempts", attempts.to_string()));
    if let Some(delay) = told.retry_after {
        headers.push(("retry-after", retry_after_s(delay).to_string()));
    }
    let head = ReplyHead {
        status: told.status,
        content_type: Arc::from("application/json"),
        headers,
    };
    (head, None, Bytes::from(told.to_json()))
}

/// Whole seconds for `Retry-After`, rounded up so that nobody comes back too early.
pub fn retry_after_s(delay: Duration) -> u64 {
    delay
        .as_millis()
        .div_ceil(1_000)
        .try_into()
        .unwrap_or(u64::MAX)
}

/// Which model and provider served, and in how many attempts.
pub(crate) fn served_headers(
    provider: &str,
    model: &str,
    attempts: u32,
) -> Vec<(&'static str, String)> {
    vec![
        ("x-weir-provider", provider.to_owned()),
        ("x-weir-model", model.to_owned()),
        ("x-weir-attempts", attempts.to_string()),
    ]
}

/// The caller's own limits in OpenAI's headers (API reference, "Rate limits in headers"); empty where none is set.
pub fn rate_headers(lease: &Lease) -> Vec<(&'static str, String)> {
    lease.remaining().map(told_rate).unwrap_or_default()
}

/// What remains of a rate, in OpenAI's headers.
pub fn told_rate(rate: Remaining) -> Vec<(&'static str, String)> {
    vec![
        ("x-ratelimit-limit-requests", rate.limit.to_string()),
        ("x-ratelimit-remaining-requests", rate.remaining.to_string()),
        (
            "x-ratelimit-reset-requests",
            format!("{:.3}s", rate.reset.as_secs_f64()),
        ),
    ]
}

/// The provider's headers that may reach a client. Its rate limits are the caller's business where it refused, or where
/// we tell none of our own.
pub(crate) fn relayed(headers: &HeaderMap, with_rate_limits: bool) -> Relayed {
    let is_allowed = |name: &str| {
        matches!(name, "retry-after" | "retry-after-ms" | "x-should-retry")
            || name.starts_with("openai-")
            || (with_rate_limits && name.starts_with("x-ratelimit-"))
    };
    let mut kept = Vec::new();
    for (name, value) in headers {
        if is_allowed(name.as_str()) {
            kept.push((name.clone(), value.clone()));
        } else if name == "x-request-id" {
            let name = http::HeaderName::from_static("x-upstream-request-id");
            kept.push((name, value.clone()));
        }
    }
    Relayed { headers: kept }
}

/// What a status that is no success means: a failure that another key or target may heal, or the caller's own affair
/// (`Err` gives the answer back to be relayed).
pub(crate) fn judge(
    answer: Answer,
    target: &Target,
    key: &UpstreamKey,
    retry: &Retry,
    now_ms: u64,
) -> Result<Failure, Box<Answer>> {
    let header = |name: &str| answer.headers.get(name).and_then(|it| it.to_str().ok());
    let retry_after = weir_wire::retry_after::delay(header, now_ms);
    let is_key_fault = match answer.status {
        401 => true,
        402 | 403 => errors::parse_error(&answer.body).is_some_and(|error| names_the_key(&error)),
        _ => false,
    };
    let provider = Arc::clone(&target.upstream.name);
    if is_key_fault {
        return Ok(Failure {
            fault: Fault::KeyRejected {
                provider,
                key_id: Arc::clone(&key.id),
                owner_is_caller: key.owner == KeyOwner::Caller,
            },
            answer: None,
            next: Next::Key,
            retry_after: None,
            may_repeat: false,
        });
    }
    let status = answer.status;
    if !retry.statuses.contains(&status) && !(300..400).contains(&status) {
        return Err(Box::new(answer));
    }
    let is_redirect = (300..400).contains(&status);
    Ok(Failure {
        fault: Fault::Status { provider, status },
        // A redirect is never followed with a key in hand, nor shown to the client.
        answer: (!is_redirect).then_some(answer),
        next: if status == 429 {
            Next::Key
        } else {
            Next::Target
        },
        retry_after,
        may_repeat: !is_redirect,
    })
}

/// Whether a 402 or 403 speaks of the key or its account rather than of the request. Providers differ in codes, so their
/// words are looked at too.
fn names_the_key(error: &UpstreamError) -> bool {
    const WORDS: [&str; 11] = [
        "api key",
        "api_key",
        "apikey",
        "account",
        "billing",
        "credit",
        "balance",
        "quota",
        "organization",
        "payment",
        "subscription",
    ];
    let texts = [
        Some(error.message.as_str()),
        error.code.as_deref(),
        error.kind.as_deref(),
    ];
    texts.into_iter().flatten().any(|text| {
        let text = text.to_lowercase();
        WORDS.iter().any(|word| text.contains(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(message: &str) -> UpstreamError {
        errors::parse_error(format!(r#"{{"error":{{"message":"{message}"}}}}"#).as_bytes()).unwrap()
    }

    #[test]
    fn a_403_about_the_account_is_told_from_one_about_the_request() {
        assert!(names_the_key(&error(
            "Your account is not active, check your billing"
        )));
        assert!(names_the_key(&error("Insufficient credits")));
        assert!(!names_the_key(&error(
            "Your input was flagged by moderation"
        )));
    }

    #[test]
    fn only_listed_headers_reach_the_client() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("set-cookie", "a=b"),
            ("connection", "close"),
            ("retry-after-ms", "20"),
            ("openai-processing-ms", "5"),
            ("x-ratelimit-remaining-tokens", "9"),
            ("x-request-id", "req_1"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let names = |with_rate_limits| -> Vec<String> {
            let kept = relayed(&headers, with_rate_limits).headers;
            let mut names: Vec<_> = kept.iter().map(|(name, _)| name.to_string()).collect();
            names.sort();
            names
        };
        assert_eq!(
            names(false),
            [
                "openai-processing-ms",
                "retry-after-ms",
                "x-upstream-request-id"
            ]
        );
        assert_eq!(names(true).len(), 4);
    }

    #[test]
    fn retry_after_rounds_up() {
        assert_eq!(retry_after_s(Duration::from_millis(1)), 1);
        assert_eq!(retry_after_s(Duration::from_millis(2_000)), 2);
    }
}
