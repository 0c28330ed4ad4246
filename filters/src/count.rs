//! Counting tokens where no target does: estimated here, so that clients which must have a number get one.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use weir_wire::estimate;
use weir_wire::{anthropic, gemini};

use crate::answer::JSON;
use crate::ask::Endpoint;
use crate::plan::{self, Planned};
use crate::sink::ReplyHead;

/// Says that a count is an estimate.
static ESTIMATED: HeaderName = HeaderName::from_static("x-weir-estimated");

/// The estimated answer to a count of tokens; none where it is no count, or a target counts exactly.
pub(crate) fn estimated(planned: &Planned) -> Option<(ReplyHead, Bytes)> {
    let ask = &planned.allowed.ask;
    let endpoint = ask.inbound.endpoint;
    let mut targets = planned.plan.targets.iter();
    if !endpoint.counts() || targets.any(|target| plan::serves(target, endpoint)) {
        return None;
    }
    let tokens = estimate::tokens_of_bytes(ask.body.len() as u64);
    let body = match endpoint {
        Endpoint::GeminiCountTokens => gemini::count_tokens_reply(tokens),
        _ => anthropic::count_tokens_reply(tokens),
    };
    let head = ReplyHead {
        status: 200,
        content_type: JSON,
        headers: vec![(ESTIMATED.clone(), HeaderValue::from_static("true"))],
    };
    Some((head, Bytes::from(body)))
}
