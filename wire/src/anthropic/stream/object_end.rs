//! Where a JSON object that comes in pieces ends.

/// Follows the brackets of one object through its pieces.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ObjectEnd {
    depth: u32,
    has_begun: bool,
    in_string: bool,
    is_escaped: bool,
}

impl ObjectEnd {
    pub fn feed(&mut self, piece: &str) {
        for byte in piece.bytes() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.in_string => self.is_escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => {
                    self.has_begun = true;
                    self.depth = self.depth.saturating_add(1);
                }
                b'}' | b']' if !self.in_string => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// Whether the object is whole.
    pub fn is_reached(&self) -> bool {
        self.has_begun && self.depth == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bracket_ends_it_and_no_bracket_in_a_string_does() {
        let object = r#"{"a":"}\"}\\","b":[{}]}"#;
        let mut end = ObjectEnd::default();
        for (at, _) in object.char_indices() {
            assert!(!end.is_reached(), "before {at}");
            end.feed(&object[at..=at]);
        }
        assert!(end.is_reached());
    }
}
