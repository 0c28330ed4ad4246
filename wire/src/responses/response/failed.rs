//! The event of a stream that fails.

use super::{Envelope, Outcome, State};
use crate::neutral::Request;

/// The highest integer that every JSON implementation keeps exact. Whoever writes the failure does not know how many events
/// came before it, and this is after any of them.
const LAST_SEQUENCE_NUMBER: u64 = (1 << 53) - 1;

/// Whether an event is the one by which a response says that it failed.
pub fn is_failed_event(event: &[u8]) -> bool {
    let data = crate::sse::data(event).unwrap_or_default();
    let told: serde_json::Value = serde_json::from_slice(&data).unwrap_or_default();
    told.get("type")
        .is_some_and(|kind| kind == "response.failed")
}

/// The `response.failed` event that tells of a failure inside a stream. `response_id` is that of the stream: made by
/// [`response_id`](super::response_id) where the stream is translated, the provider's own where it is relayed.
pub fn failed_event(
    response_id: &str,
    created_s: u64,
    model: &str,
    code: &str,
    message: &str,
) -> Vec<u8> {
    let envelope = Envelope::new(response_id, created_s, model, &Request::default());
    let state = State {
        outcome: Outcome::Failed,
        error: Some((code, message)),
        ..State::IN_PROGRESS
    };
    let mut event =
        b"event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":".to_vec();
    envelope.write(&mut event, &state, &[(); 0]);
    event
        .extend_from_slice(format!(",\"sequence_number\":{LAST_SEQUENCE_NUMBER}}}\n\n").as_bytes());
    event
}
