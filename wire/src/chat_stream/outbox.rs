//! What is to be relayed of one chunk: slices of it where nothing changes, one buffer for what does.

use std::ops::Range;

use bytes::Bytes;

use super::Verdict;

/// Collects the bytes to relay, in order. Neighbours are joined, so that a chunk in which nothing changes leaves as the
/// very same `Bytes`, and one in which every event changes leaves as one buffer.
pub(super) struct Outbox<'a> {
    chunk: &'a Bytes,
    out: &'a mut Vec<Bytes>,
    /// The part of the chunk that is kept as it is and not yet in `out`.
    kept: Range<usize>,
    /// Edited events that are not yet in `out`. Never filled while `kept` is.
    edited: Vec<u8>,
}

impl<'a> Outbox<'a> {
    pub fn new(chunk: &'a Bytes, out: &'a mut Vec<Bytes>) -> Self {
        Self {
            chunk,
            out,
            kept: 0..0,
            edited: Vec::new(),
        }
    }

    /// Relays a part of the chunk as it is.
    pub fn keep(&mut self, range: Range<usize>) {
        if self.kept.end == range.start && !self.kept.is_empty() {
            self.kept.end = range.end;
        } else {
            self.flush();
            self.kept = range;
        }
    }

    /// Relays bytes that are not in the chunk.
    pub fn push(&mut self, bytes: Bytes) {
        self.flush();
        self.out.push(bytes);
    }

    /// Relays what the verdict leaves of an event.
    pub fn edit(&mut self, event: &[u8], verdict: Verdict) {
        match verdict {
            Verdict::Keep => self.append(&[event]),
            Verdict::Cut(range) => self.append(&[
                event.get(..range.start).unwrap_or_default(),
                event.get(range.end..).unwrap_or_default(),
            ]),
            Verdict::Replace(text) => self.append(&[&text]),
            Verdict::Drop => {}
        }
    }

    fn append(&mut self, parts: &[&[u8]]) {
        if !self.kept.is_empty() {
            self.flush();
        }
        for part in parts {
            self.edited.extend_from_slice(part);
        }
    }

    /// Hands out what was held back to be joined.
    pub fn flush(&mut self) {
        if !self.kept.is_empty() {
            self.out.push(self.chunk.slice(self.kept.clone()));
            self.kept = 0..0;
        }
        if !self.edited.is_empty() {
            self.out.push(std::mem::take(&mut self.edited).into());
        }
    }
}
