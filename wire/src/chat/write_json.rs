//! Appending JSON to bytes.

use serde::Serialize;

/// Appends a value.
#[expect(
    clippy::expect_used,
    reason = "texts, numbers and JSON values serialize, and memory takes all that is written"
)]
pub(super) fn write_json<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("values serialize to memory");
}
