//! What a client is told of a failure, in OpenAI's envelope, and whose fault it was.

use std::borrow::Cow;
use std::time::Duration;

use uuid::Uuid;
use weir_wire::errors::{self, ErrorBody, UpstreamError};
use weir_wire::format::Format;
use weir_wire::{anthropic, gemini, responses};

use crate::counters::Remaining;

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

/// What a client is told.
#[derive(Debug)]
pub struct Told {
    /// The HTTP status.
    pub status: u16,
    /// OpenAI's `type`.
    pub kind: Cow<'static, str>,
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
    pub(crate) fn new(
        status: u16,
        kind: &'static str,
        code: &str,
        side: Side,
        why: &impl ToString,
    ) -> Self {
        Self {
            status,
            kind: Cow::Borrowed(kind),
            code: (!code.is_empty()).then(|| code.to_owned()),
            param: None,
            message: why.to_string(),
            retry_after: None,
            rate: None,
            side,
        }
    }

    /// A provider's words, for a client that reads another format than the provider writes.
    pub(crate) fn of_provider(status: u16, error: UpstreamError) -> Self {
        let side = if status < 500 {
            Side::Caller
        } else {
            Side::Provider
        };
        let kind = match status {
            400..=499 => "invalid_request_error",
            _ => "upstream_error",
        };
        let is_too_long = error.is_of_length(status);
        let mut told = Self::new(status, kind, "", side, &error.message);
        told.code = match is_too_long {
            true => Some(errors::TOO_LONG.to_owned()),
            false => error.code.or(error.kind),
        };
        told.param = error.param;
        told
    }

    pub(crate) fn param(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// The body of an answer in the client's own envelope. `call` is the id the client knows the call by.
    pub fn to_json(&self, dialect: Format, call: Uuid) -> Vec<u8> {
        match dialect {
            Format::Anthropic => {
                let message = self.anthropic_message();
                anthropic::error_body(self.status, None, &message, &call.to_string())
            }
            Format::Gemini => gemini::error_body(self.status, &self.message),
            _ => self.body().to_json(),
        }
    }

    /// The error event of a stream, in the client's own format.
    pub fn to_event(&self, dialect: Format, call: Uuid) -> Vec<u8> {
        match dialect {
            Format::Anthropic => {
                let message = self.anthropic_message();
                anthropic::error_event(self.status, None, &message, &call.to_string())
            }
            Format::Gemini => gemini::error_event(self.status, &self.message),
            Format::Responses => {
                let id = responses::response_id(&call.simple().to_string());
                let code = self.code.as_deref().unwrap_or("server_error");
                responses::failed_event(&id, 0, "", code, &self.message)
            }
            _ => self.body().to_event(),
        }
    }

    /// The message with the words by which Anthropic's clients know it: there is no code for a conversation that is too
    /// long, and Claude Code shortens one when it reads these.
    fn anthropic_message(&self) -> Cow<'_, str> {
        const WORDS: &str = "prompt is too long";
        let is_too_long = self.code.as_deref() == Some(errors::TOO_LONG);
        match is_too_long && !self.message.contains(WORDS) {
            true => Cow::Owned(format!("{WORDS}: {}", self.message)),
            false => Cow::Borrowed(&self.message),
        }
    }

    fn body(&self) -> ErrorBody<'_> {
        ErrorBody {
            message: &self.message,
            kind: &self.kind,
            param: self.param.as_deref(),
            code: self.code.as_deref(),
        }
    }
}
