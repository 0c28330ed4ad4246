//! Error envelopes: reading what providers send, writing OpenAI's.

mod context;
mod status;

use bytes::Bytes;
use serde::Serialize;

pub use self::context::TOO_LONG;
use crate::json;

/// Longer error bodies are not kept verbatim, only what was understood of them.
pub const MAX_RAW_BYTES: usize = 64 * 1024;

/// What a provider says went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamError {
    /// The provider's words.
    pub message: String,
    /// `type`, or Google's `status`.
    pub kind: Option<String>,
    /// `code`; a numeric one as text.
    pub code: Option<String>,
    /// The request's member that is at fault.
    pub param: Option<String>,
    /// The error as it came, if it is not longer than [`MAX_RAW_BYTES`].
    pub raw: Option<Bytes>,
}

/// Reads an error body: OpenAI's `{"error":{…}}`, `{"error":"text"}` (Ollama), `{"message":…}` (Mistral),
/// `{"detail":…}` (FastAPI), and a list around any of them (Google). None if it is none of these.
pub fn parse_error(body: &[u8]) -> Option<UpstreamError> {
    let text = std::str::from_utf8(body).ok()?.trim_ascii();
    let object = match text.starts_with('[') {
        true => json::elements(text).first().copied()?,
        false => text,
    };
    let mut error = read_envelope(object)?;
    error.raw = keep(body);
    Some(error)
}

/// Whether a body is an object whose `error` is one, as in OpenAI's, Anthropic's and Google's own envelopes.
pub fn is_envelope(body: &[u8]) -> bool {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let outer = Fields::read(text).unwrap_or_default();
    outer.error.is_some_and(|error| error.starts_with('{'))
}

/// Makes an error of whatever text tells one, even if it tells nothing that is understood.
pub(crate) fn describe(text: &[u8]) -> UpstreamError {
    parse_error(text).unwrap_or_else(|| {
        let words = String::from_utf8_lossy(text);
        let message = match words.trim().as_bytes() {
            [] => "The upstream ended its answer with an error that says nothing.",
            [b'{' | b'[', ..] => "The upstream ended its answer with JSON that is neither an event nor a known error.",
            _ => words.trim(),
        };
        UpstreamError {
            message: message.to_owned(),
            kind: None,
            code: None,
            param: None,
            raw: keep(text),
        }
    })
}

/// A copy of an error's text, unless it is too long.
fn keep(text: &[u8]) -> Option<Bytes> {
    (text.len() <= MAX_RAW_BYTES).then(|| Bytes::copy_from_slice(text))
}

/// Whether the value of an answer's `error` tells of one. Null does not, nor does an empty or false value: the official
/// SDKs take these for none, too.
pub(crate) fn is_error(value: &str) -> bool {
    value != "false" && json::is_filled(value)
}

/// The members that errors are told in, as they are written.
#[derive(Default)]
struct Fields<'a> {
    error: Option<&'a str>,
    message: Option<&'a str>,
    detail: Option<&'a str>,
    kind: Option<&'a str>,
    status: Option<&'a str>,
    code: Option<&'a str>,
    param: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn read(object: &'a str) -> Option<Self> {
        let mut fields = Self::default();
        json::members(object, |member| {
            let field = match member.key.as_ref() {
                "error" => &mut fields.error,
                "message" => &mut fields.message,
                "detail" => &mut fields.detail,
                "type" => &mut fields.kind,
                "status" => &mut fields.status,
                "code" => &mut fields.code,
                "param" => &mut fields.param,
                _ => return,
            };
            *field = (member.value != "null").then_some(member.value);
        })
        .ok()?;
        Some(fields)
    }

    fn into_error(self, message: String) -> UpstreamError {
        UpstreamError {
            message,
            // Google's status is a word, that of others repeats the HTTP status.
            kind: self.kind.or(self.status).and_then(json::string),
            code: self.code.and_then(scalar),
            param: self.param.and_then(scalar),
            raw: None,
        }
    }
}

fn read_envelope(object: &str) -> Option<UpstreamError> {
    let outer = Fields::read(object)?;
    if let Some(error) = outer.error {
        if let Some(inner) = Fields::read(error) {
            let message = inner.message.map_or_else(|| error.to_owned(), text_of);
            return Some(inner.into_error(message));
        }
        if let Some(message) = json::string(error) {
            return Some(outer.into_error(message));
        }
    }
    let message = outer
        .message
        .or(outer.detail)
        .or(outer.error)
        .map(text_of)?;
    Some(outer.into_error(message))
}

/// A value as a person reads it: the text of a string, FastAPI's first complaint, else the JSON as it is.
fn text_of(value: &str) -> String {
    if let Some(text) = json::string(value) {
        return text;
    }
    let mut complaint = None;
    if let Some(first) = json::elements(value).first() {
        // A first element that is no object has no message to find.
        let _not_an_object = json::members(first, |member| {
            if member.key == "msg" {
                complaint = json::string(member.value);
            }
        });
    }
    complaint.unwrap_or_else(|| value.to_owned())
}

/// A string or a number as text.
fn scalar(value: &str) -> Option<String> {
    match value.as_bytes() {
        [b'"', ..] => json::string(value),
        [b'-' | b'0'..=b'9', ..] => Some(value.to_owned()),
        _ => None,
    }
}

/// An error of our own, in the envelope that OpenAI's clients read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorBody<'a> {
    /// What is wrong and what to do.
    pub message: &'a str,
    /// `type`, such as `invalid_request_error`.
    pub kind: &'a str,
    /// The request's member that is at fault.
    pub param: Option<&'a str>,
    /// What programs tell errors apart by, such as `model_not_found`.
    pub code: Option<&'a str>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    message: &'a str,
    r#type: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

impl ErrorBody<'_> {
    /// The body of an error reply.
    #[expect(clippy::expect_used, reason = "writing strings to memory cannot fail")]
    pub fn to_json(&self) -> Vec<u8> {
        let envelope = Envelope {
            error: Inner {
                message: self.message,
                r#type: self.kind,
                param: self.param,
                code: self.code,
            },
        };
        serde_json::to_vec(&envelope).expect("strings serialize")
    }

    /// The event that tells of the error in a stream that has begun.
    pub fn to_event(&self) -> Vec<u8> {
        let mut event = b"data: ".to_vec();
        event.extend_from_slice(&self.to_json());
        event.extend_from_slice(b"\n\n");
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> (String, Option<String>, Option<String>, Option<String>) {
        let error = parse_error(body.as_bytes()).unwrap();
        assert_eq!(error.raw.as_deref(), Some(body.as_bytes()));
        (error.message, error.kind, error.code, error.param)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn every_providers_envelope_is_read() {
        assert_eq!(
            told(r#"{"error":{"message":"No \"x\"","type":"t","param":"p","code":"c"}}"#),
            ("No \"x\"".to_owned(), some("t"), some("c"), some("p"))
        );
        assert_eq!(
            told(r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#),
            (
                "m".to_owned(),
                some("RESOURCE_EXHAUSTED"),
                some("429"),
                None
            )
        );
        assert_eq!(
            told(r#"{"error":"no such model"}"#),
            ("no such model".to_owned(), None, None, None)
        );
        assert_eq!(
            told(r#"{"object":"error","message":"m","type":"invalid","code":1500}"#),
            ("m".to_owned(), some("invalid"), some("1500"), None)
        );
        assert_eq!(
            told(r#"{"detail":"Not Found"}"#),
            ("Not Found".to_owned(), None, None, None)
        );
        assert_eq!(
            told(r#"{"detail":[{"loc":["body"],"msg":"Field required"}]}"#),
            ("Field required".to_owned(), None, None, None)
        );
        assert_eq!(
            told(r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#),
            (
                "Overloaded".to_owned(),
                some("overloaded_error"),
                None,
                None
            )
        );
    }

    #[test]
    fn an_envelope_is_an_object_with_an_object() {
        assert!(is_envelope(br#"{"type":"error","error":{"message":"m"}}"#));
        for body in ["", "boom", r#"{"error":"m"}"#, r#"{"message":"m"}"#] {
            assert!(!is_envelope(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn odd_errors_still_say_something() {
        assert_eq!(told(r#"{"error":{"code":1}}"#).0, r#"{"code":1}"#);
        assert_eq!(told(r#"{"error":true,"message":"m"}"#).0, "m");
        assert_eq!(told(r#"{"error":false}"#).0, "false");
        assert_eq!(told(r#"{"error":{"message":["a"]}}"#).0, r#"["a"]"#);
        assert_eq!(
            told(r#"{"error":{"message":"m","code":null,"param":{}}}"#).2,
            None
        );
    }

    #[test]
    fn what_is_no_error_is_none() {
        for body in [
            "",
            "<html>",
            "{}",
            "[]",
            "null",
            "{\"error\":null}",
            "{\"error\":",
            "[1]",
        ] {
            assert_eq!(parse_error(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn a_long_error_is_understood_but_not_kept() {
        let body = format!("{{\"error\":\"{}\"}}", "x".repeat(MAX_RAW_BYTES));
        let error = parse_error(body.as_bytes()).unwrap();
        assert_eq!(error.message.len(), MAX_RAW_BYTES);
        assert_eq!(error.raw, None);
    }

    #[test]
    fn our_errors_have_all_four_members() {
        let body = ErrorBody {
            message: "Say \"please\".",
            kind: "invalid_request_error",
            param: None,
            code: Some("rude"),
        };
        let json = r#"{"error":{"message":"Say \"please\".","type":"invalid_request_error","param":null,"code":"rude"}}"#;
        assert_eq!(body.to_json(), json.as_bytes());
        assert_eq!(body.to_event(), format!("data: {json}\n\n").as_bytes());
    }
}
