//! Whole answers.

mod envelope;
mod failed;
mod item;
mod read;
mod write;

use serde::Serialize;

pub use envelope::response_id;
pub(super) use envelope::{Envelope, Outcome, State};
pub use failed::{failed_event, is_failed_event};
pub(super) use item::{
    ItemIds, ItemKind, ItemStatus, OutputItem, OutputPart, flat_annotations, flat_logprobs,
};
pub(crate) use read::read_reply;
pub(super) use read::{cut_off, made_up_call_id, nested_annotation, nested_logprobs, read_output};
pub(crate) use write::write_reply;

/// JSON of what this folder makes, which always can be written.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    let mut json = Vec::new();
    write_json(&mut json, value);
    json
}

/// Appends JSON.
#[expect(
    clippy::expect_used,
    reason = "keys are strings, and writing to memory cannot fail"
)]
pub(super) fn write_json(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value).expect("this serializes");
}
