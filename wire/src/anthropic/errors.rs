//! Errors as Anthropic's clients read them (<https://platform.claude.com/docs/en/api/errors>).

use serde::Serialize;

#[derive(Serialize)]
struct Envelope<'a> {
    r#type: &'static str,
    error: Inner<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct Inner<'a> {
    r#type: &'a str,
    message: &'a str,
}

/// The body of an error reply. `kind` is the provider's own word for it, where it is one of Anthropic's; else the HTTP
/// status says which it is.
#[expect(clippy::expect_used, reason = "writing strings to memory cannot fail")]
pub fn error_body(status: u16, kind: Option<&str>, message: &str, request_id: &str) -> Vec<u8> {
    let envelope = Envelope {
        r#type: "error",
        error: Inner {
            r#type: kind
                .filter(|kind| KINDS.contains(kind))
                .unwrap_or_else(|| kind_of(status)),
            message,
        },
        request_id,
    };
    serde_json::to_vec(&envelope).expect("strings serialize")
}

/// The event that tells of the error in a stream that has begun.
pub fn error_event(status: u16, kind: Option<&str>, message: &str, request_id: &str) -> Vec<u8> {
    let mut event = b"event: error\ndata: ".to_vec();
    event.extend_from_slice(&error_body(status, kind, message, request_id));
    event.extend_from_slice(b"\n\n");
    event
}

/// The words that Anthropic's SDKs know.
const KINDS: [&str; 11] = [
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "conflict_error",
    "request_too_large",
    "rate_limit_error",
    "api_error",
    "timeout_error",
    "overloaded_error",
];

fn kind_of(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        408 | 504 => "timeout_error",
        503 | 529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_says_which_error_it_is() {
        for (status, kind) in [
            (400, "invalid_request_error"),
            (422, "invalid_request_error"),
            (401, "authentication_error"),
            (403, "permission_error"),
            (404, "not_found_error"),
            (413, "request_too_large"),
            (429, "rate_limit_error"),
            (500, "api_error"),
            (502, "api_error"),
            (503, "overloaded_error"),
            (504, "timeout_error"),
            (529, "overloaded_error"),
        ] {
            let body = format!(
                r#"{{"type":"error","error":{{"type":"{kind}","message":"Say \"please\"."}},"request_id":"req_1"}}"#
            );
            let written = error_body(status, None, "Say \"please\".", "req_1");
            assert_eq!(String::from_utf8(written).unwrap(), body);
        }
    }

    #[test]
    fn a_providers_word_is_kept_if_it_is_anthropics() {
        let of = |kind| String::from_utf8(error_body(429, Some(kind), "m", "r")).unwrap();
        assert!(of("overloaded_error").contains(r#""type":"overloaded_error""#));
        assert!(of("insufficient_quota").contains(r#""type":"rate_limit_error""#));
    }

    #[test]
    fn in_a_stream_it_is_an_event() {
        let event = String::from_utf8(error_event(529, None, "Busy.", "r")).unwrap();
        assert_eq!(
            event,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Busy.\"},\
             \"request_id\":\"r\"}\n\n"
        );
    }
}
