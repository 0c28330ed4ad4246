//! A provider's answer as it is relayed: its head from an allow-list, ours beside it, and what a status means.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG,
    LAST_MODIFIED, LOCATION, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use weir_config::Retry;
use weir_wire::errors::{self, UpstreamError};
use weir_wire::retry_after;

use crate::ask::{Ask, Inbound};
use crate::counters::{Lease, Remaining};
use crate::failure::{Failure, Next};
use crate::fault::Fault;
use crate::plan::Target;
use crate::provider::{KeyOwner, UpstreamKey};
use crate::sink::{Headers, ReplyHead};
use crate::told::Told;

/// A media type of our own answers.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");

static PROVIDER: HeaderName = HeaderName::from_static("x-weir-provider");
static MODEL: HeaderName = HeaderName::from_static("x-weir-model");
static ATTEMPTS: HeaderName = HeaderName::from_static("x-weir-attempts");
static DROPPED: HeaderName = HeaderName::from_static("x-weir-dropped");
static LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
static REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
static RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset-requests");
static RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
static UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");

/// A whole answer of a provider that is not a success.
pub(crate) struct Answer {
    /// Of an error inside a 200 the status that it stands for.
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub provider: Arc<str>,
    /// Whether its format is the client's own.
    pub is_native: bool,
    /// Which target gave it.
    pub served: Headers,
    /// What an error inside a 200 said; its body is the error's own text.
    pub inside: Option<UpstreamError>,
    /// What is relayed with a 200 instead of the error, where the format has answers that say they failed.
    pub failed_response: Option<FailedResponse>,
}

/// A response that says of itself that it failed: an answer like another to those who know the format, and Codex reads
/// nowhere else that its conversation has become too long.
pub(crate) struct FailedResponse {
    pub content_type: HeaderValue,
    pub body: Bytes,
}

impl Answer {
    /// The answer as the client gets it: the provider's status, and its body where the client can read it; else its
    /// words in the client's own envelope.
    pub(crate) fn relay(mut self, inbound: &Inbound) -> (ReplyHead, Bytes) {
        let mut headers = std::mem::take(&mut self.served);
        // What quotes the key was taken out of them when this answer was made.
        relay_headers(&self.headers, true, |_| false, &mut headers);
        if let Some(failed) = self.failed_response {
            let head = ReplyHead {
                status: 200,
                content_type: failed.content_type,
                headers,
            };
            return (head, failed.body);
        }
        // How long that is of which a part was asked for that is not there (RFC 9110, section 15.5.17).
        let range = self.headers.get(CONTENT_RANGE);
        if let Some(range) = range.filter(|_| inbound.pass.is_some()) {
            headers.push((CONTENT_RANGE, range.clone()));
        }
        let head = ReplyHead {
            status: self.status,
            content_type: JSON,
            headers,
        };
        if self.is_native && self.is_json() {
            return (head, self.body);
        }
        let told = self.told();
        let body = told.to_json(inbound.endpoint.dialect(), inbound.call_id);
        (head, Bytes::from(body))
    }

    /// The provider's words, for a client that cannot be given its answer as it came.
    pub(crate) fn told(&self) -> Told {
        let status = self.status;
        let has_words = self.inside.is_some() || self.is_json();
        let told = match self.error().filter(|_| has_words) {
            Some(error) => Told::of_provider(status, error),
            None => Fault::Status {
                provider: Arc::clone(&self.provider),
                status,
            }
            .told(),
        };
        Told { status, ..told }
    }

    fn error(&self) -> Option<UpstreamError> {
        let read = || errors::parse_error(&self.body);
        self.inside.clone().or_else(read)
    }

    /// Whether the body is JSON, and says so. That of an error inside a 200 is, if it is an envelope.
    fn is_json(&self) -> bool {
        if self.inside.is_some() {
            return errors::is_envelope(&self.body);
        }
        let content_type = self.headers.get(http::header::CONTENT_TYPE);
        content_type.is_some_and(|it| it.as_bytes().windows(4).any(|it| it == b"json"))
            && serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_ok()
    }
}

/// The error reply where no provider's own answer is at hand.
pub(crate) fn error_reply(told: &Told, attempts: u32, ask: &Ask) -> (ReplyHead, Bytes) {
    let mut headers = rate_headers(ask.admitted.lease());
    headers.push((ATTEMPTS.clone(), HeaderValue::from(attempts)));
    if let Some(delay) = told.retry_after {
        push_retry_after(delay, &mut headers);
    }
    let head = ReplyHead {
        status: told.status,
        content_type: JSON,
        headers,
    };
    let body = told.to_json(ask.inbound.endpoint.dialect(), ask.inbound.call_id);
    (head, Bytes::from(body))
}

/// `Retry-After` in whole seconds, rounded up so that nobody comes back too early, and OpenAI's finer form of it.
pub fn push_retry_after(delay: Duration, headers: &mut Headers) {
    let whole_s = u64::try_from(delay.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX);
    let ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    headers.push((http::header::RETRY_AFTER, HeaderValue::from(whole_s)));
    headers.push((RETRY_AFTER_MS.clone(), HeaderValue::from(ms)));
}

/// Which model and provider served, and in how many attempts.
pub(crate) fn push_served(target: &Target, attempts: u32, headers: &mut Headers) {
    headers.push((PROVIDER.clone(), target.provider_header.clone()));
    headers.push((MODEL.clone(), target.model_header.clone()));
    headers.push((ATTEMPTS.clone(), HeaderValue::from(attempts)));
}

/// What a translation left out.
pub(crate) fn push_dropped(dropped: &[String], headers: &mut Headers) {
    if dropped.is_empty() {
        return;
    }
    // A client's own words may be among them: what cannot stand in a header is left out of it.
    let names = dropped.join(", ");
    if let Ok(value) = HeaderValue::try_from(names) {
        headers.push((DROPPED.clone(), value));
    }
}

/// The caller's own limits in OpenAI's headers (API reference, "Rate limits in headers"); empty where none is set.
pub fn rate_headers(lease: &Lease) -> Headers {
    // Room for what the provider's headers and ours add, so that the list is allocated once.
    let mut headers = Headers::with_capacity(12);
    if let Some(rate) = lease.remaining() {
        push_rate(rate, &mut headers);
    }
    headers
}

/// What remains of a rate, in OpenAI's headers.
pub fn push_rate(rate: Remaining, headers: &mut Headers) {
    headers.push((LIMIT.clone(), HeaderValue::from(rate.limit)));
    headers.push((REMAINING.clone(), HeaderValue::from(rate.remaining)));
    let ms = rate.reset.as_millis();
    let reset = format!("{}.{:03}s", ms / 1_000, ms % 1_000);
    if let Ok(reset) = HeaderValue::try_from(reset) {
        headers.push((RESET.clone(), reset));
    }
}

/// The provider's headers that may reach a client. Its rate limits are the caller's business where it refused, or where
/// we tell none of our own. A secret one stays here whatever its name is.
pub(crate) fn relay_headers(
    from: &HeaderMap,
    with_rate_limits: bool,
    is_secret: impl Fn(&HeaderValue) -> bool,
    to: &mut Headers,
) {
    let is_allowed = |name: &str| {
        matches!(name, "retry-after" | "retry-after-ms" | "x-should-retry")
            || name.starts_with("openai-")
            || (with_rate_limits
                && (name.starts_with("x-ratelimit-") || name.starts_with("anthropic-ratelimit-")))
    };
    for (name, value) in from {
        let told = if is_allowed(name.as_str()) {
            name
        } else if is_request_id(name.as_str()) {
            &UPSTREAM_REQUEST_ID
        } else {
            continue;
        };
        if !is_secret(value) {
            to.push((told.clone(), value.clone()));
        }
    }
}

/// What else of the head of an answer that is passed on reaches the client: what a passed request has made may be named there
/// alone, as a Realtime call is; which part of what its bytes are, and how to ask for another (RFC 9110, section 14).
pub(crate) fn relay_passed(
    from: &HeaderMap,
    is_secret: impl Fn(&HeaderValue) -> bool,
    to: &mut Headers,
) {
    const PASSED: [HeaderName; 7] = [
        LOCATION,
        CONTENT_RANGE,
        ACCEPT_RANGES,
        ETAG,
        LAST_MODIFIED,
        CONTENT_DISPOSITION,
        CONTENT_ENCODING,
    ];
    for name in PASSED {
        if let Some(value) = from.get(&name).filter(|value| !is_secret(value)) {
            to.push((name, value.clone()));
        }
    }
}

/// How long an answer says it is, where nothing contradicts it (RFC 9112, section 6.3).
pub(crate) fn told_length(from: &HeaderMap) -> Option<HeaderValue> {
    let length = from.get(CONTENT_LENGTH)?;
    let is_number = length.to_str().is_ok_and(|it| it.parse::<u64>().is_ok());
    let is_alone = !from.contains_key(TRANSFER_ENCODING);
    (is_number && is_alone).then(|| length.clone())
}

/// The headers of a provider that quote no key.
pub(crate) fn without_key(from: &HeaderMap, key: &UpstreamKey) -> HeaderMap {
    let clean = from.iter();
    let clean = clean.filter(|(_, value)| !key.is_quoted_in(value.as_bytes()));
    let mut kept = HeaderMap::with_capacity(from.len());
    for (name, value) in clean {
        kept.append(name.clone(), value.clone());
    }
    kept
}

/// Whether a header tells the provider's own id of a request: OpenAI's, Anthropic's, Amazon's.
pub(crate) fn is_request_id(name: &str) -> bool {
    matches!(name, "x-request-id" | "request-id" | "x-amzn-requestid")
}

/// What an answer that is no success means: a failure that another key or target may heal, or the caller's own affair.
pub(crate) fn judge(
    answer: Answer,
    target: &Target,
    key: &UpstreamKey,
    retry: &Retry,
    now_ms: u64,
) -> Failure {
    let header = |name: &str| answer.headers.get(name).and_then(|it| it.to_str().ok());
    let retry_after = retry_after::delay(answer.status, header, &answer.body, now_ms);
    let is_key_fault = match answer.status {
        401 => true,
        402 | 403 => answer.error().is_some_and(|error| names_the_key(&error)),
        // Google's word for a key that is wrong or has expired comes with a status that usually means the request.
        400 => names_googles_key(&answer.body),
        _ => false,
    };
    if is_key_fault {
        return key_rejected(target, key);
    }
    let provider = Arc::clone(&target.upstream.name);
    let status = answer.status;
    let is_redirect = (300..400).contains(&status);
    let is_final = !is_redirect && !retry.statuses.contains(&status);
    Failure {
        fault: match &answer.inside {
            Some(error) => Fault::Reported {
                provider,
                error: error.clone(),
            },
            None => Fault::Status { provider, status },
        },
        // A redirect is never followed with a key in hand, nor shown to the client.
        answer: (!is_redirect).then_some(answer),
        next: match status {
            _ if is_final => Next::Nobody,
            429 => Next::Key,
            _ => Next::Target,
        },
        retry_after,
        may_repeat: !is_redirect && !is_final,
    }
}

/// The provider does not take the key: the next key, and nobody is told the provider's words.
pub(crate) fn key_rejected(target: &Target, key: &UpstreamKey) -> Failure {
    Failure {
        fault: Fault::KeyRejected {
            provider: Arc::clone(&target.upstream.name),
            key_id: Arc::clone(&key.id),
            owner_is_caller: key.owner == KeyOwner::Caller,
        },
        answer: None,
        next: Next::Key,
        retry_after: None,
        may_repeat: false,
    }
}

/// Whether a 400 is Google's about the key (https://cloud.google.com/apis/design/errors, `ErrorInfo.reason`).
fn names_googles_key(body: &[u8]) -> bool {
    const REASON: &[u8] = b"\"API_KEY_INVALID\"";
    body.windows(REASON.len()).any(|it| it == REASON)
}

/// Whether a 402 or 403 speaks of the key or its account rather than of the request. Providers differ in codes, so their
/// words are looked at too.
fn names_the_key(error: &UpstreamError) -> bool {
    const WORDS: [&str; 13] = [
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
        // Amazon's, of an access key that is unknown, has ended or does not fit.
        "security token",
        "request signature",
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
        assert!(names_the_key(&error(
            "The security token included in the request is expired"
        )));
        assert!(!names_the_key(&error(
            "Your input was flagged by moderation"
        )));
    }

    #[test]
    fn googles_word_for_a_bad_key_is_told_from_other_bad_requests() {
        assert!(names_googles_key(
            br#"{"error":{"code":400,"details":[{"reason": "API_KEY_INVALID"}]}}"#
        ));
        assert!(!names_googles_key(
            br#"{"error":{"code":400,"message":"no contents"}}"#
        ));
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
        let names = |with_rate_limits, secret: &str| -> Vec<String> {
            let mut kept = Headers::new();
            relay_headers(&headers, with_rate_limits, |it| it == secret, &mut kept);
            let mut names: Vec<_> = kept.iter().map(|(name, _)| name.to_string()).collect();
            names.sort();
            names
        };
        assert_eq!(
            names(false, "none"),
            [
                "openai-processing-ms",
                "retry-after-ms",
                "x-upstream-request-id"
            ]
        );
        assert_eq!(names(true, "none").len(), 4);
        assert_eq!(names(true, "req_1").len(), 3);
        assert_eq!(names(true, "9").len(), 3);
    }

    #[test]
    fn retry_after_rounds_up() {
        for (ms, whole_s) in [(1, 1), (2_000, 2), (2_001, 3)] {
            let mut headers = Headers::new();
            push_retry_after(Duration::from_millis(ms), &mut headers);
            assert_eq!(headers[0].1, HeaderValue::from(whole_s));
            assert_eq!(headers[1].1, HeaderValue::from(ms));
        }
    }
}
