//! The dialects that clients and providers speak, and which of a provider's serves a client best.

use std::str::FromStr;

/// A dialect of talking to a language model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// OpenAI's Chat Completions (<https://platform.openai.com/docs/api-reference/chat>).
    Chat,
    /// OpenAI's legacy Completions (<https://platform.openai.com/docs/api-reference/completions>).
    Completions,
    /// OpenAI's Responses (<https://platform.openai.com/docs/api-reference/responses>).
    Responses,
    /// Anthropic's Messages (<https://docs.claude.com/en/api/messages>).
    Anthropic,
    /// Google's `generateContent` (<https://ai.google.dev/api/generate-content>).
    Gemini,
    /// Amazon Bedrock's Converse (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>).
    Bedrock,
    /// Ollama's own `/api/chat` (<https://github.com/ollama/ollama/blob/main/docs/api.md>).
    Ollama,
    /// Cohere's v2 chat (<https://docs.cohere.com/reference/chat>).
    Cohere,
}

impl Format {
    /// All formats, in the order of their declaration.
    pub const ALL: [Self; 8] = [
        Self::Chat,
        Self::Completions,
        Self::Responses,
        Self::Anthropic,
        Self::Gemini,
        Self::Bedrock,
        Self::Ollama,
        Self::Cohere,
    ];

    /// The formats a client may speak.
    pub const IN: [Self; 5] = [
        Self::Chat,
        Self::Completions,
        Self::Responses,
        Self::Anthropic,
        Self::Gemini,
    ];
    /// The formats that requests are translated to: a legacy completion is only ever asked for by its own clients.
    pub const OUT: [Self; 7] = [
        Self::Chat,
        Self::Responses,
        Self::Anthropic,
        Self::Gemini,
        Self::Bedrock,
        Self::Ollama,
        Self::Cohere,
    ];

    /// The format's name in configuration and headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
            Self::Responses => "responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::Ollama => "ollama",
            Self::Cohere => "cohere",
        }
    }

    /// The formats that can serve a client of this one, the best first: itself, in which bytes stay untouched, and then
    /// by how little is lost. A format that is not named is a gap: no request of this one can be said in it.
    pub fn served_by(self) -> &'static [Self] {
        use Format::{Anthropic, Bedrock, Chat, Cohere, Completions, Gemini, Ollama, Responses};
        match self {
            Chat => &[Chat, Responses, Anthropic, Gemini, Bedrock, Ollama, Cohere],
            Completions => &[
                Completions,
                Chat,
                Anthropic,
                Gemini,
                Responses,
                Bedrock,
                Ollama,
                Cohere,
            ],
            Responses => &[Responses, Chat, Anthropic, Gemini, Bedrock, Ollama, Cohere],
            Anthropic => &[Anthropic, Bedrock, Responses, Chat, Gemini, Ollama, Cohere],
            Gemini => &[Gemini, Responses, Chat, Anthropic, Bedrock, Ollama, Cohere],
            Bedrock | Ollama | Cohere => &[],
        }
    }

    /// The best of the formats that a provider offers for a client of this one; none is a named gap.
    pub fn nearest(self, offered: &[Self]) -> Option<Self> {
        let mut by_nearness = self.served_by().iter();
        by_nearness.find(|one| offered.contains(one)).copied()
    }
}

/// A name that is no format's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a format. The formats are {}.", Format::ALL.map(Format::as_str).join(", "))]
pub struct UnknownFormat {
    name: String,
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|one| one.as_str() == name)
            .ok_or_else(|| UnknownFormat {
                name: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_format_always_comes_first() {
        for format in Format::IN {
            assert_eq!(format.nearest(&Format::ALL), Some(format));
        }
    }

    #[test]
    fn names_go_both_ways() {
        for format in Format::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        assert!("open-ai".parse::<Format>().is_err());
    }

    #[test]
    fn a_gap_is_none() {
        assert_eq!(Format::Chat.nearest(&[Format::Completions]), None);
        assert_eq!(
            Format::Anthropic.nearest(&[Format::Chat]),
            Some(Format::Chat)
        );
    }
}
