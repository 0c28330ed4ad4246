//! Names of models, and what stands for many of them.

use crate::report::quoted;

/// A model's name, or the beginning of one followed by `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPattern(String);

impl ModelPattern {
    /// Reads a pattern.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let stem = text.strip_suffix('*').unwrap_or(text);
        if stem.contains('*') || !is_name(text) {
            return Err(format!(
                "{} is not a model; write its name, or the beginning of one and `*`",
                quoted(text)
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether `model` is meant.
    pub fn matches(&self, model: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => model.starts_with(beginning),
            None => self.0 == model,
        }
    }

    /// The name, where the pattern is one in full.
    pub fn exact(&self) -> Option<&str> {
        (!self.0.ends_with('*')).then_some(self.0.as_str())
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A model's name in which each `*` stands for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelGlob(String);

impl ModelGlob {
    /// Reads a glob.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !is_name(text) {
            return Err(format!(
                "{} is not a model; write its name, with `*` for what may be anything",
                quoted(text)
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether `model` is meant.
    pub fn matches(&self, model: &str) -> bool {
        let Some((beginning, rest)) = self.0.split_once('*') else {
            return self.0 == model;
        };
        let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        let Some(model) = model.strip_prefix(beginning) else {
            return false;
        };
        let Some(mut model) = model.strip_suffix(end) else {
            return false;
        };
        // The first place where a piece is found leaves the most for those after it.
        for piece in middle.split('*') {
            match model.find(piece) {
                Some(at) => model = model.get(at + piece.len()..).unwrap_or(""),
                None => return false,
            }
        }
        true
    }

    /// How much of a name it says: a name in full most of all, else its letters.
    pub fn weight(&self) -> usize {
        let letters = self.0.bytes().filter(|byte| *byte != b'*').count();
        if letters == self.0.len() {
            usize::MAX
        } else {
            letters
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_a_beginning() {
        let pattern = ModelPattern::parse("gpt-*").unwrap();
        assert!(pattern.matches("gpt-4o") && pattern.matches("gpt-"));
        assert!(!pattern.matches("o3") && pattern.exact().is_none());
        let exact = ModelPattern::parse("o3").unwrap();
        assert!(exact.matches("o3") && !exact.matches("o3-mini"));
        assert!(ModelPattern::parse("*").unwrap().matches("anything"));
        assert_eq!(
            ModelPattern::parse("gpt-*-mini").unwrap_err(),
            "`gpt-*-mini` is not a model; write its name, or the beginning of one and `*`"
        );
    }

    #[test]
    fn a_glob_has_stars_anywhere() {
        let matches = |glob, model| ModelGlob::parse(glob).unwrap().matches(model);
        assert!(matches("*-pro", "gpt-5-pro") && !matches("*-pro", "gpt-5-pro-2025"));
        assert!(matches("*codex*", "gpt-5.1-codex-max") && matches("*codex*", "codex"));
        assert!(matches("gpt-*-mini", "gpt-5-mini") && !matches("gpt-*-mini", "gpt-mini"));
        assert!(matches("a*b*c", "a-b-b-c") && !matches("a*b*c", "a-c"));
        assert!(matches("o3", "o3") && !matches("o3", "o3-pro"));
        assert!(!matches("aa*aa", "aaa"), "the ends do not overlap");
        assert!(matches("*", "") && matches("**", "x"));
        assert!(ModelGlob::parse("a b").is_err());
    }

    #[test]
    fn a_name_weighs_more_than_any_glob() {
        let weight = |glob: &str| ModelGlob::parse(glob).unwrap().weight();
        assert!(weight("o3") > weight("o3-deep-research*"));
        assert!(weight("gpt-5*") > weight("gpt-*") && weight("gpt-*") > weight("*"));
    }

    proptest! {
        #[test]
        fn what_is_made_of_the_pieces_matches(pieces in prop::collection::vec("[ab]{0,3}", 2..5), fill in "[abc]{0,4}") {
            let glob = ModelGlob(pieces.join("*"));
            prop_assert!(glob.matches(&pieces.join(&fill)));
        }
    }
}
