//! Forms with files: `multipart/form-data` (RFC 7578, in the framing of RFC 2046, section 5.1), read as they arrive.
//!
//! A form is only observed. Its bytes go on as they came, but for the `model` field, which a [`Splice`] replaces. So
//! whatever this reader and a provider's could understand differently is refused here: a preamble, an epilogue, bare line
//! feeds, a field that the gateway acts on given twice or as a file. Every byte is looked at a fixed number of times,
//! whatever the boundary is.

mod boundary;
mod error;
mod part;
mod splice;

use std::ops::Range;

use memchr::memchr;

use boundary::Delimiter;
pub use error::FormError;
pub use part::Part;
pub use splice::Splice;

/// The most parts of a form.
pub const MAX_PARTS: usize = 100;
/// The most bytes of one part's header lines.
pub const MAX_HEAD_BYTES: usize = 8 * 1024;
/// The most bytes of one field that are kept. A longer field is passed on, and only its place is known.
pub const MAX_FIELD_BYTES: usize = 64 * 1024;
/// The most bytes of all fields together that are kept.
pub const MAX_KEPT_BYTES: usize = 512 * 1024;
/// White space that may stand where it means nothing: before the first boundary, after one, and at the end.
const MAX_PADDING_BYTES: usize = 64;

/// The fields that the gateway acts on: each may come once, and must be short enough to be kept.
const ACTED_ON: [&str; 6] = ["model", "stream", "n", "response_format", "size", "quality"];

/// A form on its way through. However its bytes are cut, the same becomes known of it.
#[derive(Debug)]
pub struct Form {
    delimiter: Delimiter,
    state: State,
    /// Bytes seen.
    seen: u64,
    /// Where the first boundary begins.
    first_at: Option<u64>,
    /// The header lines of the part that begins.
    head: Vec<u8>,
    parts: Vec<Part>,
    kept_bytes: usize,
    failure: Option<FormError>,
    known: Known,
}

/// What the gateway needs to know of a form, as far as it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// `model`.
    pub model: Option<String>,
    /// `stream`.
    pub stream: Option<bool>,
    /// `n`, at least 1.
    pub n: Option<u32>,
    /// `response_format`.
    pub response_format: Option<String>,
    /// `size`.
    pub size: Option<String>,
    /// `quality`.
    pub quality: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first boundary.
    Start { padding: usize },
    /// In the line of a boundary, after it.
    AfterDelimiter(Rest),
    /// In a part's header lines.
    Head,
    /// In a part's data.
    Data,
    /// After the last boundary.
    End { padding: usize },
}

/// What came after a boundary, in its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    Padding(usize),
    Dash,
    Cr,
}

impl Form {
    /// A form whose `Content-Type` is this.
    ///
    /// # Errors
    /// If it is not `multipart/form-data` with a usable boundary.
    pub fn new(content_type: &[u8]) -> Result<Self, FormError> {
        Ok(Self {
            delimiter: Delimiter::of(&boundary::read(content_type)?),
            state: State::Start { padding: 0 },
            seen: 0,
            first_at: None,
            head: Vec::new(),
            parts: Vec::new(),
            kept_bytes: 0,
            failure: None,
            known: Known::default(),
        })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// If they are no form, or one whose meaning could be disputed. Then `feed` says so again, whatever follows.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), FormError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let step = match self.state {
                State::Start { padding } => self.start(rest, padding),
                State::AfterDelimiter(before) => self.after_delimiter(rest, before),
                State::Head => self.read_head(rest),
                State::Data => self.read_data(rest),
                State::End { padding } => self.end(rest, padding),
            };
            let taken = step.inspect_err(|failure| self.failure = Some(failure.clone()))?;
            self.seen += taken as u64;
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// Whether the last boundary has come.
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::End { .. })
    }

    /// Says that no more bytes will come.
    ///
    /// # Errors
    /// If the form is not whole.
    pub fn finish(&self) -> Result<(), FormError> {
        match &self.failure {
            Some(failure) => Err(failure.clone()),
            None if self.is_complete() => Ok(()),
            None => Err(FormError::Incomplete),
        }
    }

    /// What has become known so far.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// The parts that have begun, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The value of a field that came whole and was kept.
    pub fn field(&self, name: &str) -> Option<&str> {
        let part = self.parts.iter().find(|part| part.name == name)?;
        part.value()
    }

    /// Where the value of `model` is in the body, once it came whole.
    pub fn model_place(&self) -> Option<Range<u64>> {
        let part = self.parts.iter().find(|part| part.name == "model")?;
        part.place()
    }

    /// Whether a file has begun: from here on megabytes may come before the next field.
    pub fn has_file(&self) -> bool {
        self.parts.iter().any(Part::is_file)
    }

    /// How to put another model's name into this form; where it has none, a field is added in front. None if `model` has
    /// begun and is not whole yet, if the first boundary has not come, or if no field can hold that name.
    pub fn splice_model(&self, model: &str) -> Option<Splice> {
        if model.bytes().any(|byte| byte.is_ascii_control()) {
            return None;
        }
        if self.parts.iter().any(|part| part.name == "model") {
            return Some(Splice::new(self.model_place()?, model.as_bytes().to_vec()));
        }
        let first = self.first_at?;
        let mut field = self.delimiter.line().to_vec();
        field.extend_from_slice(b"\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n");
        field.extend_from_slice(model.as_bytes());
        field.extend_from_slice(b"\r\n");
        Some(Splice::new(first..first, field))
    }

    fn start(&mut self, bytes: &[u8], padding: usize) -> Result<usize, FormError> {
        let &first = bytes.first().unwrap_or(&0);
        if !self.delimiter.is_within() && matches!(first, b'\r' | b'\n') {
            self.state = State::Start {
                padding: one_more(padding)?,
            };
            return Ok(1);
        }
        match self.delimiter.go_on(first) {
            boundary::Step::Mismatch => Err(FormError::NoBoundary),
            boundary::Step::Matching => Ok(1),
            boundary::Step::Matched => {
                self.first_at = Some(padding as u64);
                self.state = State::AfterDelimiter(Rest::Padding(0));
                Ok(1)
            }
        }
    }

    fn after_delimiter(&mut self, bytes: &[u8], before: Rest) -> Result<usize, FormError> {
        let &first = bytes.first().unwrap_or(&0);
        self.state = match (before, first) {
            (Rest::Padding(0), b'-') => State::AfterDelimiter(Rest::Dash),
            (Rest::Dash, b'-') => State::End { padding: 0 },
            (Rest::Padding(padding), b' ' | b'\t') => {
                State::AfterDelimiter(Rest::Padding(one_more(padding)?))
            }
            (Rest::Padding(_), b'\r') => State::AfterDelimiter(Rest::Cr),
            (Rest::Cr, b'\n') => State::Head,
            _ => return Err(FormError::DisputableBoundary),
        };
        if self.is_complete() && self.parts.is_empty() {
            return Err(FormError::NoParts);
        }
        Ok(1)
    }

    fn read_head(&mut self, bytes: &[u8]) -> Result<usize, FormError> {
        let end = memchr(b'\n', bytes).map(|found| found + 1);
        let taken = end.unwrap_or(bytes.len());
        if self.head.len() + taken > MAX_HEAD_BYTES {
            return Err(FormError::HeadTooLong {
                max: MAX_HEAD_BYTES,
            });
        }
        self.head
            .extend_from_slice(bytes.get(..taken).unwrap_or_default());
        let is_blank = self.head == b"\r\n" || self.head.ends_with(b"\r\n\r\n");
        if end.is_some() && is_blank {
            self.begin_part(taken)?;
        }
        Ok(taken)
    }

    /// The header lines are whole, `taken` bytes on from what was counted.
    fn begin_part(&mut self, taken: usize) -> Result<(), FormError> {
        if self.parts.len() >= MAX_PARTS {
            return Err(FormError::TooManyParts { max: MAX_PARTS });
        }
        let data_starts_at = self.seen + taken as u64;
        let mut part = part::read_head(&self.head)?;
        part.data = data_starts_at..data_starts_at;
        if let Some(&name) = ACTED_ON.iter().find(|name| **name == part.name) {
            if self.parts.iter().any(|earlier| earlier.name == name) {
                return Err(FormError::RepeatedField { name });
            }
            if part.is_file() {
                return Err(FormError::FileAsField { name });
            }
        }
        self.parts.push(part);
        self.head.clear();
        self.delimiter.begin_after_blank_line();
        self.state = State::Data;
        Ok(())
    }

    fn read_data(&mut self, bytes: &[u8]) -> Result<usize, FormError> {
        let found = self.delimiter.find(bytes);
        let taken = found.unwrap_or(bytes.len());
        let Some(part) = self.parts.last_mut() else {
            return Err(FormError::NoBoundary);
        };
        let passed = bytes.get(..taken).unwrap_or_default();
        // The boundary itself is taken for data until it is whole, so there must be room for it.
        part.keep(passed, MAX_FIELD_BYTES + self.delimiter.len());
        if found.is_some() {
            self.end_part(self.seen + taken as u64)?;
        }
        Ok(taken)
    }

    /// A delimiter ends at `at`.
    fn end_part(&mut self, at: u64) -> Result<(), FormError> {
        if !self.delimiter.was_after_cr() {
            return Err(FormError::DisputableBoundary);
        }
        let end = at - self.delimiter.len() as u64;
        let Some(part) = self.parts.last_mut() else {
            return Err(FormError::NoBoundary);
        };
        if end < part.data.start {
            // The line break before it ends the head, so the part lacks its blank line, or its data.
            return Err(FormError::DisputableBoundary);
        }
        let room = MAX_KEPT_BYTES.saturating_sub(self.kept_bytes);
        part.end(end, room.min(MAX_FIELD_BYTES));
        self.kept_bytes += part.value().map_or(0, str::len);
        self.state = State::AfterDelimiter(Rest::Padding(0));
        self.known.learn(part)
    }

    fn end(&mut self, bytes: &[u8], padding: usize) -> Result<usize, FormError> {
        match bytes.first() {
            Some(b'\r' | b'\n' | b' ' | b'\t') => {
                self.state = State::End {
                    padding: one_more(padding)?,
                };
                Ok(1)
            }
            _ => Err(FormError::AfterEnd),
        }
    }
}

fn one_more(padding: usize) -> Result<usize, FormError> {
    if padding >= MAX_PADDING_BYTES {
        return Err(FormError::DisputableBoundary);
    }
    Ok(padding + 1)
}

impl Known {
    fn learn(&mut self, part: &Part) -> Result<(), FormError> {
        let Some(&name) = ACTED_ON.iter().find(|name| **name == part.name) else {
            return Ok(());
        };
        let wrong = |expected| FormError::WrongValue { name, expected };
        let value = part
            .value()
            .filter(|value| name != "model" || value.len() <= crate::body::MAX_MODEL_BYTES)
            .ok_or(wrong("a short text in UTF-8"))?;
        match name {
            "model" => self.model = Some(value.to_owned()),
            "stream" => {
                let flag = read_flag(value).ok_or(wrong("true or false"))?;
                self.stream = Some(flag);
            }
            "n" => {
                let count: u32 = value
                    .trim()
                    .parse()
                    .map_err(|_not_a_count| wrong("a positive whole number"))?;
                self.n = Some(count.max(1));
            }
            "response_format" => self.response_format = Some(value.to_owned()),
            "size" => self.size = Some(value.to_owned()),
            "quality" => self.quality = Some(value.to_owned()),
            _ => {}
        }
        Ok(())
    }
}

/// What servers take for a flag in a form.
fn read_flag(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" | "" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
