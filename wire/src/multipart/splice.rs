//! One replacement in a body that passes by.

use std::ops::Range;

use bytes::Bytes;

/// Puts other bytes in the place of some of a body's, over any chunking and without copying the rest.
#[derive(Clone, Debug)]
pub struct Splice {
    /// What gives way, by its place in the body.
    place: Range<u64>,
    /// What comes instead; taken when it was written.
    text: Option<Bytes>,
    text_len: u64,
    /// Bytes that passed.
    passed: u64,
}

impl Splice {
    pub(super) fn new(place: Range<u64>, text: Vec<u8>) -> Self {
        Self {
            text_len: text.len() as u64,
            place,
            text: Some(Bytes::from(text)),
            passed: 0,
        }
    }

    /// The length of a body that had `length` bytes.
    pub fn length_of(&self, length: u64) -> u64 {
        (length - (self.place.end - self.place.start).min(length)) + self.text_len
    }

    /// Takes the next bytes of the body, from its very start, and appends what is to be sent.
    pub fn pass(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) {
        let from = self.passed;
        let length = chunk.len() as u64;
        self.passed += length;
        // How much of this chunk lies before a place.
        let until = |place: u64| {
            let within = place.saturating_sub(from).min(length);
            usize::try_from(within).unwrap_or(chunk.len())
        };
        let before = chunk.slice(..until(self.place.start));
        let after = chunk.slice(until(self.place.end)..);
        push(before, out);
        if self.passed >= self.place.start
            && let Some(text) = self.text.take()
        {
            push(text, out);
        }
        push(after, out);
    }
}

fn push(piece: Bytes, out: &mut Vec<Bytes>) {
    if !piece.is_empty() {
        out.push(piece);
    }
}
