//! The boundary: read from `Content-Type`, and found in the body.

use memchr::memchr;

use super::FormError;
use super::part::{Param, has_common_charset, params};

/// The longest boundary (RFC 2046, section 5.1.1).
const MAX_BOUNDARY_BYTES: usize = 70;

/// The boundary that a `Content-Type` names.
pub(super) fn read(content_type: &[u8]) -> Result<Vec<u8>, FormError> {
    let text = std::str::from_utf8(content_type).map_err(|_not_text| FormError::NotAForm)?;
    let (kind, rest) = text.split_once(';').ok_or(FormError::NotAForm)?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(FormError::NotAForm);
    }
    let mut boundary = None;
    for param in params(rest).ok_or(FormError::BadBoundary)? {
        let Param { name, value } = param;
        // `boundary*0` is a part of another one, to readers of RFC 2231.
        let is_repeated = name == "boundary" && boundary.replace(value).is_some();
        if is_repeated || name.starts_with("boundary*") {
            return Err(FormError::BadBoundary);
        }
    }
    if !has_common_charset(text) {
        return Err(FormError::Charset);
    }
    let boundary = boundary.ok_or(FormError::NotAForm)?.into_bytes();
    let is_valid = (1..=MAX_BOUNDARY_BYTES).contains(&boundary.len())
        && boundary.iter().all(|byte| is_boundary_byte(*byte))
        && boundary.last() != Some(&b' ');
    if is_valid {
        Ok(boundary)
    } else {
        Err(FormError::BadBoundary)
    }
}

fn is_boundary_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte)
}

/// Finds where a boundary's line begins, over any chunking. A boundary holds no line feed, so a search that fails within
/// one begins anew at the byte that failed: no byte is looked at more than twice, and none has to be kept.
#[derive(Debug)]
pub(super) struct Delimiter {
    /// LF, two dashes, the boundary.
    needle: Box<[u8]>,
    /// How many bytes of the needle came last.
    matched: usize,
    /// The byte before those that are searched next.
    previous: u8,
    /// Whether CR came before the LF that was matched.
    after_cr: bool,
}

/// What one byte of an expected boundary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Mismatch,
    Matching,
    Matched,
}

impl Delimiter {
    /// At the start of a body, where a line begins.
    pub fn of(boundary: &[u8]) -> Self {
        let mut needle = b"\n--".to_vec();
        needle.extend_from_slice(boundary);
        Self {
            needle: needle.into_boxed_slice(),
            matched: 1,
            previous: b'\n',
            after_cr: true,
        }
    }

    /// Its bytes in the body, the CRLF before it included.
    pub fn len(&self) -> usize {
        self.needle.len() + 1
    }

    /// It without a line break.
    pub fn line(&self) -> &[u8] {
        self.needle.get(1..).unwrap_or_default()
    }

    /// Whether some of its own bytes have come.
    pub fn is_within(&self) -> bool {
        self.matched > 1
    }

    /// Whether CR came before the LF of the one that was found.
    pub fn was_after_cr(&self) -> bool {
        self.after_cr
    }

    /// Takes one byte where only a boundary may stand.
    pub fn go_on(&mut self, byte: u8) -> Step {
        if self.needle.get(self.matched) != Some(&byte) {
            return Step::Mismatch;
        }
        self.matched += 1;
        if self.matched == self.needle.len() {
            Step::Matched
        } else {
            Step::Matching
        }
    }

    /// Starts a search in data that begins after a line break.
    pub fn begin_after_blank_line(&mut self) {
        self.matched = 1;
        self.after_cr = true;
        self.previous = b'\n';
    }

    /// Searches on in `bytes`. Returns the index just after the boundary; none if it ends in later bytes.
    pub fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        let found = loop {
            if self.matched == 0 {
                let rest = bytes.get(at..).unwrap_or_default();
                let Some(distance) = memchr(b'\n', rest) else {
                    break None;
                };
                at += distance;
                let before = at.checked_sub(1).and_then(|before| bytes.get(before));
                self.after_cr = *before.unwrap_or(&self.previous) == b'\r';
                self.matched = 1;
                at += 1;
            }
            let Some(&byte) = bytes.get(at) else {
                break None;
            };
            match self.go_on(byte) {
                Step::Mismatch => self.matched = 0,
                Step::Matching => at += 1,
                Step::Matched => break Some(at + 1),
            }
        };
        if let Some(&last) = bytes.last() {
            self.previous = last;
        }
        found
    }
}
