//! What a model can be told, by its name: the generations of Gemini differ in what they take, and answer 400 to the rest.

use crate::neutral::Param;

/// A generation of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// Gemini 1 and 2.0, Gemma: no thoughts.
    Plain,
    /// Gemini 2.5: thoughts with a budget in tokens.
    Budgets,
    /// Gemini 3 and later: thoughts with a level, signatures that are checked, media in the results of functions.
    Levels,
    /// A tuned model, or an alias such as `gemini-flash-latest`: only what all that think take.
    Unknown,
}

impl Generation {
    /// The generation of a model by its name.
    pub fn of(model: &str) -> Self {
        if model.contains("gemma") {
            return Self::Plain;
        }
        let version = model
            .split_once("gemini-")
            .map(|(_, rest)| rest.strip_prefix("live-").unwrap_or(rest));
        match version.map(str::as_bytes) {
            Some([b'1', b'.' | b'-', ..] | [b'2', b'.', b'0', ..]) => Self::Plain,
            Some([b'2', b'.', ..]) => Self::Budgets,
            Some([b'3'..=b'9', ..]) => Self::Levels,
            _ => Self::Unknown,
        }
    }

    /// Whether a function call in the history must have a thought signature.
    pub fn checks_signatures(self) -> bool {
        matches!(self, Self::Levels | Self::Unknown)
    }

    /// Whether functions and a schema of the answer, or a search of Google's, go together.
    pub fn combines_tools(self) -> bool {
        !matches!(self, Self::Plain | Self::Budgets)
    }

    /// Whether `VALIDATED`, which holds arguments to their schema, is known.
    pub fn validates_arguments(self) -> bool {
        matches!(self, Self::Budgets | Self::Levels)
    }
}

/// The parameters that the format has and a model does not take whatever else is asked for.
pub(crate) fn not_taken(model: &str) -> &'static [Param] {
    match Generation::of(model) {
        Generation::Plain => &[Param::Reasoning],
        Generation::Budgets | Generation::Levels | Generation::Unknown => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_generation() {
        for (model, generation) in [
            ("gemini-1.5-pro-002", Generation::Plain),
            ("gemini-2.0-flash", Generation::Plain),
            ("gemma-3-27b-it", Generation::Plain),
            ("gemini-2.5-flash-lite", Generation::Budgets),
            ("google/gemini-2.5-pro", Generation::Budgets),
            ("gemini-3-pro-preview", Generation::Levels),
            ("gemini-3.5-flash", Generation::Levels),
            ("gemini-flash-latest", Generation::Unknown),
            ("tunedModels/mine-1", Generation::Unknown),
        ] {
            assert_eq!(Generation::of(model), generation, "{model}");
        }
    }
}
