//! What a model takes, by its name. Anthropic's generations differ in how they are told to think and in which parameters
//! they refuse with an error (<https://platform.claude.com/docs/en/build-with-claude/thinking>, and the "What's new" pages
//! of Claude Opus 4.7, Opus 5, Opus 5.5 and Sonnet 5.5).

use crate::neutral::Param;

/// A model by its name, wherever it is served: `claude-opus-4-5-20251101`, `claude-3-7-sonnet@20250219`,
/// `us.anthropic.claude-sonnet-4-6-v1:0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Model {
    /// None for models that are not Anthropic's: others serve theirs in this format, too.
    version: Option<(u32, u32)>,
    line: Line,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Sonnet, Haiku, and what is not known.
    Common,
    Opus,
    /// Fable and Mythos, which always think.
    AlwaysThinking,
}

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinking {
    /// It cannot.
    Never,
    /// `thinking: enabled` with a budget in tokens.
    Budget,
    /// `thinking: adaptive` with an effort.
    Adaptive {
        /// How it is told not to think.
        off: Off,
    },
}

/// How a model that thinks adaptively is told not to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Off {
    /// By saying nothing.
    Default,
    /// `thinking: disabled`.
    Disabled,
    /// `thinking: between_tools`.
    BetweenTools,
    /// It cannot be.
    Impossible,
}

/// The version of a name that tells none, such as `claude-mythos-preview`: a new one.
const UNTOLD: (u32, u32) = (99, 0);

impl Model {
    pub fn named(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let line = if name.contains("fable") || name.contains("mythos") {
            Line::AlwaysThinking
        } else if name.contains("opus") {
            Line::Opus
        } else {
            Line::Common
        };
        let version = name
            .split_once("claude")
            .map(|(_, rest)| version(rest).unwrap_or(UNTOLD));
        Self { version, line }
    }

    pub fn thinking(self) -> Thinking {
        let Some(version) = self.version else {
            return Thinking::Budget;
        };
        if version < (3, 7) {
            return Thinking::Never;
        }
        if version < (4, 6) {
            return Thinking::Budget;
        }
        let off = match self.line {
            Line::AlwaysThinking => Off::Impossible,
            _ if version < (5, 0) => Off::Default,
            _ if version == (5, 0) => Off::Disabled,
            Line::Opus => Off::Impossible,
            Line::Common => Off::BetweenTools,
        };
        Thinking::Adaptive { off }
    }

    /// Whether it can be made to call a tool.
    pub fn can_be_forced(self) -> bool {
        self.line != Line::AlwaysThinking && self.version.is_none_or(|version| version <= (5, 0))
    }

    /// Whether it takes `temperature`, `top_p` and `top_k`.
    pub fn takes_sampling(self) -> bool {
        self.version.is_none_or(|version| version < (4, 7))
    }

    /// Whether it takes `temperature` and `top_p` at once.
    pub fn takes_both_samplings(self) -> bool {
        self.version.is_none_or(|version| version < (4, 1))
    }

    /// Whether `output_config.format` and strict tools are known to it.
    pub fn has_structured_outputs(self) -> bool {
        self.version.is_none_or(|version| version >= (4, 1))
    }

    /// Whether it knows the effort `xhigh`.
    pub fn has_xhigh(self) -> bool {
        self.version.is_some_and(|version| version >= (4, 7))
    }
}

/// The parameters that the format has and a model does not take whatever else is asked for.
pub(crate) fn not_taken(model: &str) -> &'static [Param] {
    let model = Model::named(model);
    if !model.takes_sampling() {
        &[Param::Temperature, Param::TopP, Param::TopK]
    } else if model.thinking() == Thinking::Never {
        &[Param::Reasoning]
    } else {
        &[]
    }
}

/// The first number in a name, and the one right after it; dates are no versions.
fn version(rest: &str) -> Option<(u32, u32)> {
    let number = |word: &str| {
        let is_short = word.len() <= 2;
        is_short.then(|| word.parse::<u32>().ok()).flatten()
    };
    let mut words = rest
        .split(['-', '.', '@', ':', '_'])
        .skip_while(|word| number(word).is_none());
    let major = number(words.next()?)?;
    let minor = words.next().and_then(number).unwrap_or(0);
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_platforms_tell_the_version() {
        for (name, expected) in [
            ("claude-3-5-sonnet-20241022", (3, 5)),
            ("claude-3-7-sonnet@20250219", (3, 7)),
            ("claude-opus-4-20250514", (4, 0)),
            ("claude-4-opus-20250514", (4, 0)),
            ("claude-haiku-4-5", (4, 5)),
            ("anthropic/claude-opus-4.6", (4, 6)),
            ("us.anthropic.claude-sonnet-4-6-v1:0", (4, 6)),
            ("claude-opus-5", (5, 0)),
            ("claude-sonnet-5-5@20261001", (5, 5)),
            ("claude-mythos-preview", UNTOLD),
        ] {
            assert_eq!(Model::named(name).version, Some(expected), "{name}");
        }
        assert_eq!(Model::named("kimi-k2").version, None);
    }

    #[test]
    fn generations_are_told_to_think_as_they_take_it() {
        let thinking = |name| Model::named(name).thinking();
        let adaptive = |off| Thinking::Adaptive { off };
        assert_eq!(thinking("claude-3-5-haiku-latest"), Thinking::Never);
        assert_eq!(thinking("claude-opus-4-5"), Thinking::Budget);
        assert_eq!(thinking("MiniMax-M2"), Thinking::Budget);
        assert_eq!(thinking("claude-opus-4-8"), adaptive(Off::Default));
        assert_eq!(thinking("claude-sonnet-5"), adaptive(Off::Disabled));
        assert_eq!(thinking("claude-sonnet-5-5"), adaptive(Off::BetweenTools));
        assert_eq!(thinking("claude-opus-5-5"), adaptive(Off::Impossible));
        assert_eq!(thinking("claude-fable-5"), adaptive(Off::Impossible));
    }

    #[test]
    fn what_a_generation_refuses_is_known() {
        let old = Model::named("claude-sonnet-4-6");
        assert!(old.takes_sampling() && old.can_be_forced() && !old.takes_both_samplings());
        let new = Model::named("claude-opus-5-5");
        assert!(!new.takes_sampling() && !new.can_be_forced());
        assert!(!Model::named("claude-3-opus-20240229").has_structured_outputs());
    }
}
