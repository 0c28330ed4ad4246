//! Which family a model belongs to, as far as its id tells: the one API has rules that hold for some models alone.

/// A family of models with rules of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Anthropic's.
    Claude(Version),
    /// Amazon's first Nova models.
    Nova,
    /// Amazon's Nova 2.
    Nova2,
    /// OpenAI's open-weight models.
    GptOss,
    /// Any other whose maker the id names.
    Other,
    /// An ARN that hides which model it is: an application's inference profile, an imported or a provisioned model.
    Hidden,
}

/// Major and minor number.
pub(super) type Version = (u32, u32);

impl Family {
    /// The family of a model id, with or without a region before it, or of an ARN.
    pub fn of(model: &str) -> Self {
        if let Some((_, name)) = model.split_once("anthropic.claude-") {
            return Self::Claude(claude_version(name));
        }
        if model.contains("amazon.nova-2") {
            return Self::Nova2;
        }
        if model.contains("amazon.nova-") {
            return Self::Nova;
        }
        if model.contains("openai.gpt-oss") {
            return Self::GptOss;
        }
        let is_plain_arn =
            |arn: &str| arn.contains(":foundation-model/") || arn.contains(":inference-profile/");
        if model.starts_with("arn:") && !is_plain_arn(model) {
            return Self::Hidden;
        }
        Self::Other
    }

    /// Whether it is Claude, or nobody can tell that it is not.
    pub fn may_be_claude(self) -> bool {
        matches!(self, Self::Claude(_) | Self::Hidden)
    }

    /// Whether cache points are taken in the system prompt and in messages.
    pub fn caches(self) -> bool {
        match self {
            Self::Claude(version) => version >= (3, 5),
            Self::Nova | Self::Nova2 | Self::Hidden => true,
            Self::GptOss | Self::Other => false,
        }
    }

    /// Whether cache points are taken among the tools.
    pub fn caches_tools(self) -> bool {
        self.caches() && !matches!(self, Self::Nova | Self::Nova2)
    }

    /// Whether a cache point may last an hour.
    pub fn caches_an_hour(self) -> bool {
        match self {
            Self::Claude(version) => version >= (4, 5),
            Self::Hidden => true,
            _ => false,
        }
    }

    /// Whether a tool's result may be marked as a failure.
    pub fn takes_status(self) -> bool {
        matches!(
            self,
            Self::Claude(_) | Self::Nova | Self::Nova2 | Self::Hidden
        )
    }

    /// Whether tools may be `strict`.
    pub fn takes_strict(self) -> bool {
        matches!(self, Self::Claude(version) if version >= (4, 5))
    }

    /// Whether temperature and its like are refused outright.
    pub fn refuses_sampling(self) -> bool {
        matches!(self, Self::Claude(version) if version >= (4, 7))
    }

    /// Whether `temperature` and `top_p` are refused together.
    pub fn refuses_both(self) -> bool {
        matches!(self, Self::Claude(version) if version >= (4, 1))
    }
}

/// The version in `opus-4-6-v1`, `3-5-sonnet-20241022-v2:0`, `sonnet-4-20250514-v1:0` or `v2:1`. A name without one is
/// taken to be newer than all others, because old names have one.
fn claude_version(name: &str) -> Version {
    let small = |word: &str| word.parse::<u32>().ok().filter(|number| *number < 100);
    let mut words = name.split('-').skip_while(|word| small(word).is_none());
    match words.next().and_then(small) {
        Some(major) => (major, words.next().and_then(small).unwrap_or(0)),
        None if name.starts_with('v') || name.starts_with("instant") => (2, 0),
        None => (u32::MAX, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_old_and_new_names() {
        for (model, version) in [
            ("anthropic.claude-v2:1", (2, 0)),
            ("anthropic.claude-instant-v1", (2, 0)),
            ("anthropic.claude-3-haiku-20240307-v1:0", (3, 0)),
            ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", (3, 7)),
            ("eu.anthropic.claude-sonnet-4-20250514-v1:0", (4, 0)),
            ("anthropic.claude-opus-4-1-20250805-v1:0", (4, 1)),
            ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", (4, 5)),
            ("us.anthropic.claude-opus-4-6-v1", (4, 6)),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-7",
                (4, 7),
            ),
            ("anthropic.claude-sonnet-5", (5, 0)),
            ("anthropic.claude-mythos-preview", (u32::MAX, 0)),
        ] {
            assert_eq!(Family::of(model), Family::Claude(version), "{model}");
        }
    }

    #[test]
    fn other_families_are_told_apart() {
        for (model, family) in [
            ("us.amazon.nova-pro-v1:0", Family::Nova),
            ("us.amazon.nova-2-lite-v1:0", Family::Nova2),
            ("openai.gpt-oss-120b-1:0", Family::GptOss),
            ("meta.llama3-3-70b-instruct-v1:0", Family::Other),
            (
                "arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-8b",
                Family::Other,
            ),
            (
                "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
                Family::Hidden,
            ),
        ] {
            assert_eq!(Family::of(model), family, "{model}");
        }
    }
}
