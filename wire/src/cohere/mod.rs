//! Cohere's v2 chat as a provider speaks it (<https://docs.cohere.com/reference/chat>,
//! <https://docs.cohere.com/docs/streaming>). No client speaks it, so there is no reader of requests.

mod citations;
mod logprobs;
mod request;
mod response;
mod stream;
pub(crate) mod usage;

pub(crate) use request::{CARRIES, write_request};
pub(crate) use response::read_reply;
pub(crate) use stream::Decoder;

use crate::format::Format;
use crate::neutral::{Finish, Signature};

/// What marks thoughts as Cohere's `thinking`, in the place of a signature. Cohere asks for no proof, but models that do
/// not think refuse thoughts, so only those that came from here go back.
const THINKING: &str = "thinking";

/// What marks thoughts as Cohere's `tool_plan`: models that make such plans take no other thoughts.
const TOOL_PLAN: &str = "tool_plan";

fn mark(kind: &str) -> Signature {
    Signature::new(Format::Cohere, kind)
}

/// The id of a tool call that came without one.
fn made_up_id(call_id: &str, number: usize) -> String {
    format!("call_{}_{number}", call_id.replace('-', ""))
}

/// Why an answer ended, or none if it failed. Cohere has said `TOOL_CALL` without a call and `COMPLETE` with one, so
/// what was said decides.
fn finish(reason: &str, has_tool_calls: bool) -> Option<Finish> {
    Some(match reason {
        "COMPLETE" | "TOOL_CALL" if has_tool_calls => Finish::ToolCalls,
        "COMPLETE" | "TOOL_CALL" => Finish::Stop,
        "STOP_SEQUENCE" => Finish::StopSequence(None),
        "MAX_TOKENS" => Finish::Length,
        "ERROR_LIMIT" => Finish::ContextWindow,
        "ERROR_TOXIC" => Finish::ContentFilter,
        "ERROR" | "TIMEOUT" => return None,
        other => Finish::Other(other.to_owned()),
    })
}

/// The error of an answer that ended with one.
fn failure(reason: &str, message: Option<&str>) -> crate::errors::UpstreamError {
    let silent = match reason {
        "TIMEOUT" => "Cohere's generation timed out.",
        _ => "Cohere's generation failed, and it does not say why.",
    };
    crate::errors::UpstreamError {
        message: message
            .filter(|it| !it.is_empty())
            .unwrap_or(silent)
            .to_owned(),
        kind: None,
        code: Some(reason.to_owned()),
        param: None,
        raw: None,
    }
}

#[cfg(test)]
mod tests;
