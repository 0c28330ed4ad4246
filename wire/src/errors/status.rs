//! The HTTP status that an error would have had, for errors that come inside a successful answer.

use super::UpstreamError;

/// Where an error does not say what it is, the provider is to blame.
const UNKNOWN: u16 = 502;

impl UpstreamError {
    /// The HTTP status that this error stands for by its `code` or its `type`.
    pub fn status(&self) -> u16 {
        let words = [self.code.as_deref(), self.kind.as_deref()];
        let mut statuses = words.into_iter().flatten().filter_map(status_of);
        statuses.next().unwrap_or(UNKNOWN)
    }
}

/// What a vendor's word means: OpenAI's (Responses API, `error.code`), Anthropic's (API reference, "Errors"), Google's
/// (`google.rpc.Code`) and Amazon's (`ConverseStream`, "Errors").
fn status_of(word: &str) -> Option<u16> {
    if let Ok(status) = word.parse::<u16>() {
        return (400..600).contains(&status).then_some(status);
    }
    Some(match word {
        "invalid_request_error"
        | "invalid_prompt"
        | "context_length_exceeded"
        | "string_above_max_length"
        | "content_policy_violation"
        | "cyber_policy"
        | "INVALID_ARGUMENT"
        | "FAILED_PRECONDITION"
        | "ValidationException" => 400,
        "invalid_api_key" | "authentication_error" | "unauthorized" | "UNAUTHENTICATED" => 401,
        "billing_error" => 402,
        "permission_error"
        | "usage_not_included"
        | "PERMISSION_DENIED"
        | "AccessDeniedException" => 403,
        "not_found_error" | "model_not_found" | "NOT_FOUND" | "ResourceNotFoundException" => 404,
        "request_too_large" => 413,
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "insufficient_quota"
        | "usage_limit_reached"
        | "RESOURCE_EXHAUSTED"
        | "ThrottlingException" => 429,
        "server_error" | "api_error" | "INTERNAL" | "InternalServerException" => 500,
        "server_is_overloaded" | "slow_down" | "UNAVAILABLE" | "ServiceUnavailableException" => 503,
        "timeout_error" | "DEADLINE_EXCEEDED" | "ModelTimeoutException" => 504,
        "overloaded_error" => 529,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::errors::parse_error;

    fn status(error: &str) -> u16 {
        let body = format!(r#"{{"error":{error}}}"#);
        parse_error(body.as_bytes()).unwrap().status()
    }

    #[test]
    fn an_error_has_the_status_that_its_words_stand_for() {
        for (error, expected) in [
            (r#"{"message":"m","code":"context_length_exceeded"}"#, 400),
            (r#"{"message":"m","code":"server_is_overloaded"}"#, 503),
            (r#"{"message":"m","type":"overloaded_error"}"#, 529),
            (
                r#"{"message":"m","code":429,"status":"RESOURCE_EXHAUSTED"}"#,
                429,
            ),
            (r#"{"message":"m","status":"UNAVAILABLE"}"#, 503),
            (
                r#"{"message":"m","type":"rate_limit_error","code":"1302"}"#,
                429,
            ),
        ] {
            assert_eq!(status(error), expected, "{error}");
        }
    }

    #[test]
    fn an_error_that_says_nothing_is_the_providers() {
        for error in [
            r#"{"message":"m"}"#,
            r#"{"message":"m","code":200}"#,
            r#"{"message":"m","type":"oops"}"#,
        ] {
            assert_eq!(status(error), 502, "{error}");
        }
    }
}
