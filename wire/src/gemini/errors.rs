//! Errors of our own, in the envelope that Google's clients read (<https://google.aip.dev/193>).

use serde::Serialize;

#[derive(Serialize)]
struct Envelope<'a> {
    error: Status<'a>,
}

#[derive(Serialize)]
struct Status<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
}

/// The body of an error reply: `status` is its HTTP status, from which Google's status word follows.
#[expect(clippy::expect_used, reason = "writing strings to memory cannot fail")]
pub fn error_body(status: u16, message: &str) -> Vec<u8> {
    let envelope = Envelope {
        error: Status {
            code: status,
            message,
            status: status_word(status),
        },
    };
    serde_json::to_vec(&envelope).expect("strings serialize")
}

/// The event that tells of an error in a stream that has begun.
pub fn error_event(status: u16, message: &str) -> Vec<u8> {
    let mut event = b"data: ".to_vec();
    event.extend_from_slice(&error_body(status, message));
    event.extend_from_slice(b"\r\n\r\n");
    event
}

/// The canonical code of `google.rpc.Code` that Google's own services give with an HTTP status.
fn status_word(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        402 | 403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        412 => "FAILED_PRECONDITION",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        502 | 503 | 529 => "UNAVAILABLE",
        400..=498 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_word_follows_from_the_status() {
        assert_eq!(
            error_body(404, "No \"x\"."),
            br#"{"error":{"code":404,"message":"No \"x\".","status":"NOT_FOUND"}}"#
        );
        let words = [400, 401, 403, 413, 429, 500, 502, 503, 504].map(status_word);
        let expected = [
            "INVALID_ARGUMENT",
            "UNAUTHENTICATED",
            "PERMISSION_DENIED",
            "INVALID_ARGUMENT",
            "RESOURCE_EXHAUSTED",
            "INTERNAL",
            "UNAVAILABLE",
            "UNAVAILABLE",
            "DEADLINE_EXCEEDED",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn our_own_reader_understands_the_event() {
        let event = error_event(429, "Slow down.");
        let data = crate::sse::data(&event).unwrap();
        let error = crate::errors::parse_error(&data).unwrap();
        assert_eq!(error.message, "Slow down.");
        assert_eq!(error.kind.as_deref(), Some("RESOURCE_EXHAUSTED"));
        assert_eq!(error.code.as_deref(), Some("429"));
    }
}
