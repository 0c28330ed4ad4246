//! Events as text. Each has a name, which is its type, too, and a number.

use serde::Serialize;

use crate::responses::response::write_json;

/// The number of the next event.
#[derive(Debug, Default)]
pub(super) struct Sequence(u64);

/// An event that is being written.
pub(super) struct EventText<'a>(&'a mut Vec<u8>);

impl<'a> EventText<'a> {
    /// Begins an event.
    pub fn of(kind: &str, out: &'a mut Vec<u8>) -> Self {
        for piece in ["event: ", kind, "\ndata: {\"type\":\"", kind, "\""] {
            out.extend_from_slice(piece.as_bytes());
        }
        Self(out)
    }

    /// Adds a member.
    pub fn with(self, key: &'static str, value: &impl Serialize) -> Self {
        let event = self.with_key(key);
        write_json(event.0, value);
        event
    }

    /// Adds a member whose value the caller writes.
    pub fn with_key(self, key: &'static str) -> Self {
        for piece in [",\"", key, "\":"] {
            self.0.extend_from_slice(piece.as_bytes());
        }
        self
    }

    /// What is written so far.
    pub fn text(&mut self) -> &mut Vec<u8> {
        self.0
    }

    /// Ends the event.
    pub fn end(self, sequence: &mut Sequence) {
        end_event(self.0, sequence);
    }
}

/// Ends an event, however it was begun.
pub(super) fn end_event(out: &mut Vec<u8>, sequence: &mut Sequence) {
    out.extend_from_slice(b",\"sequence_number\":");
    write_json(out, &sequence.0);
    out.extend_from_slice(b"}\n\n");
    sequence.0 += 1;
}
