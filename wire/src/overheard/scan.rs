//! A flat pass over JSON that comes in pieces, for the members that tell usage.

use memchr::memchr2;

use super::Layout;

/// The members that are looked for.
const KEYS: [&str; 10] = [
    "usage",
    // Gemini's, and as some of its SDKs write it.
    "usageMetadata",
    "usage_metadata",
    // Cohere's, of embeddings and reranks.
    "meta",
    // Ollama's.
    "prompt_eval_count",
    "eval_count",
    // Those of single models of Bedrock's, and what its `invoke` adds to their last event.
    "inputTextTokenCount",
    "prompt_token_count",
    "generation_token_count",
    "amazon-bedrock-invocationMetrics",
];
/// The longest of them.
const KEY_BYTES_MAX: usize = 32;
/// The longest value that is kept. A usage with every detail has some hundred bytes.
const VALUE_BYTES_MAX: usize = 16 * 1024;
/// How deep a member may be: in the outermost object or in one directly within it, such as `response` or `message`, or in
/// the objects of an array. What is deeper is what a model or a user has said.
const DEPTH_MAX: u32 = 2;

/// Where the pass is. It believes that it reads JSON; on anything else it finds nothing, or something harmless.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    depth: u32,
    place: Place,
    /// The string that was last read, as far as it could be a key.
    token: Vec<u8>,
    is_too_long: bool,
    /// The value that is being kept, after its key.
    kept: Option<Kept>,
    /// Line ends in a row.
    line_ends: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Outside,
    InString,
    Escaped,
    /// After a string.
    AfterString,
    /// After a key that is looked for, and its colon.
    BeforeValue(&'static str),
}

#[derive(Debug)]
struct Kept {
    key: &'static str,
    bytes: Vec<u8>,
    /// The depth outside of the value.
    depth: u32,
    is_number: bool,
}

impl Scanner {
    /// The bytes that are held.
    #[cfg(test)]
    pub fn held_bytes(&self) -> usize {
        self.token.capacity() + self.kept.as_ref().map_or(0, |kept| kept.bytes.capacity())
    }

    /// Takes the next bytes, and tells every member that was looked for when it is whole.
    pub fn feed(&mut self, bytes: &[u8], layout: Layout, note: &mut impl FnMut(&str, &str)) {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            if self.ends_text(byte, layout) {
                self.restart();
                continue;
            }
            self.keep(byte, note);
            if self.pass(byte) && self.kept.is_none() {
                // Inside of long strings, which nearly everything is.
                let rest = bytes.get(at..).unwrap_or_default();
                let run = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                // A line may have ended meanwhile, as lines do between events.
                let run = match memchr2(b'\n', b'\r', rest.get(..run).unwrap_or_default()) {
                    Some(line_end) => line_end,
                    None => run,
                };
                self.learn(rest.get(..run).unwrap_or_default());
                at += run;
            }
        }
    }

    /// Forgets what was begun: another text follows.
    pub fn restart(&mut self) {
        *self = Self {
            token: std::mem::take(&mut self.token),
            ..Self::default()
        };
    }

    /// Whether a text ends here, whatever was open in it.
    fn ends_text(&mut self, byte: u8, layout: Layout) -> bool {
        match (byte, layout) {
            (b'\n', Layout::Lines) => true,
            (b'\n', Layout::Events) => {
                self.line_ends += 1;
                self.line_ends >= 2
            }
            (b'\r', Layout::Events) => false,
            _ => {
                self.line_ends = 0;
                false
            }
        }
    }

    /// Passes one byte; whether it is in a string now.
    fn pass(&mut self, byte: u8) -> bool {
        self.place = match (self.place, byte) {
            (Place::Escaped, _) => {
                // No key that is looked for has an escape.
                self.is_too_long = true;
                Place::InString
            }
            (Place::InString, b'\\') => Place::Escaped,
            (Place::InString, b'"') => Place::AfterString,
            // No string has a line end: the quote was none.
            (Place::InString, b'\n' | b'\r') => Place::Outside,
            (Place::InString, byte) => {
                self.learn(&[byte]);
                Place::InString
            }
            // Quotes between texts are no strings.
            (_, b'"') if self.depth > 0 => {
                self.token.clear();
                self.is_too_long = false;
                Place::InString
            }
            (_, b'{' | b'[') => {
                self.depth = self.depth.saturating_add(1);
                Place::Outside
            }
            (_, b'}' | b']') => {
                self.depth = self.depth.saturating_sub(1);
                Place::Outside
            }
            (Place::AfterString, b':') => self.key().map_or(Place::Outside, Place::BeforeValue),
            (place @ (Place::AfterString | Place::BeforeValue(_)), byte)
                if byte.is_ascii_whitespace() =>
            {
                place
            }
            _ => Place::Outside,
        };
        self.place == Place::InString
    }

    fn learn(&mut self, bytes: &[u8]) {
        if self.token.len() + bytes.len() > KEY_BYTES_MAX {
            self.is_too_long = true;
        } else if !self.is_too_long {
            self.token.extend_from_slice(bytes);
        }
    }

    /// The key that was read, if it is looked for here.
    fn key(&self) -> Option<&'static str> {
        let is_near = self.depth <= DEPTH_MAX && !self.is_too_long && self.kept.is_none();
        let mut keys = KEYS.into_iter().filter(|_| is_near);
        keys.find(|key| key.as_bytes() == self.token)
    }

    /// Keeps a byte of a value that is wanted; the byte has not been passed yet.
    fn keep(&mut self, byte: u8, note: &mut impl FnMut(&str, &str)) {
        if let Place::BeforeValue(key) = self.place
            && (byte == b'{' || byte.is_ascii_digit())
        {
            self.kept = Some(Kept {
                key,
                bytes: Vec::new(),
                depth: self.depth,
                is_number: byte != b'{',
            });
        }
        let Some(kept) = &mut self.kept else {
            return;
        };
        let is_inside = matches!(self.place, Place::InString | Place::Escaped);
        let is_last = !is_inside && byte == b'}' && self.depth == kept.depth.saturating_add(1);
        let is_past =
            kept.is_number && !matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
        if !is_past {
            kept.bytes.push(byte);
        }
        if is_past || is_last {
            note(
                kept.key,
                std::str::from_utf8(&kept.bytes).unwrap_or_default(),
            );
        }
        if is_past || is_last || kept.bytes.len() >= VALUE_BYTES_MAX {
            self.kept = None;
        }
    }
}
