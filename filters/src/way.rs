//! How a target answers an operation: in the client's own format, through a translation, or as it is.

use weir_wire::format::Format;

use crate::ask::Endpoint;
use crate::plan::Target;

/// How a target answers an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A conversation, the target speaking this format; the client's own where both are the same.
    Conversation {
        /// The client's format.
        client: Format,
        /// The target's.
        provider: Format,
    },
    /// Something whose body is relayed as it is, the model apart.
    Plain,
}

impl Way {
    /// The way to a target; none where it cannot serve the operation.
    pub(crate) fn of(target: &Target, endpoint: Endpoint) -> Option<Self> {
        let endpoints = &target.upstream.provider().endpoints;
        let offers = |format| target.formats.contains(&format);
        match endpoint {
            Endpoint::CountTokens => offers(Format::Anthropic).then_some(Self::Plain),
            Endpoint::GeminiCountTokens => offers(Format::Gemini).then_some(Self::Plain),
            Endpoint::Embeddings => endpoints.embeddings.then_some(Self::Plain),
            Endpoint::Rerank
            | Endpoint::Moderations
            | Endpoint::ImageGenerations
            | Endpoint::ImageEdits
            | Endpoint::ImageVariations
            | Endpoint::Speech
            | Endpoint::Transcriptions
            | Endpoint::Translations
            | Endpoint::Pass => Some(Self::Plain),
            _ => {
                let client = endpoint.conversation()?;
                let provider = client.nearest(&target.formats)?;
                Some(Self::Conversation { client, provider })
            }
        }
    }

    /// Whether the client's bytes are translated.
    pub(crate) fn is_translated(self) -> bool {
        matches!(self, Self::Conversation { client, provider } if client != provider)
    }

    /// The format of the provider's answers and errors, where it is one of the conversations'.
    pub(crate) fn provider_format(self, endpoint: Endpoint) -> Format {
        match self {
            Self::Conversation { provider, .. } => provider,
            Self::Plain => endpoint.dialect(),
        }
    }

    /// The name of the provider's URL path in the configuration.
    pub(crate) fn path_name(self, endpoint: Endpoint, stream: bool) -> &'static str {
        match self {
            Self::Conversation { provider, .. } => match (provider, stream) {
                (Format::Chat, _) => "chat",
                (Format::Completions, _) => "completions",
                (Format::Responses, _) => "responses",
                (Format::Anthropic, false) => "messages",
                (Format::Anthropic, true) => "stream_messages",
                (Format::Gemini, false) => "generate",
                (Format::Gemini, true) => "stream_generate",
                (Format::Bedrock, false) => "converse",
                (Format::Bedrock, true) => "converse_stream",
                (Format::Ollama, _) => "ollama_chat",
                (Format::Cohere, _) => "cohere_chat",
            },
            Self::Plain => match endpoint {
                Endpoint::CountTokens => "count_tokens",
                Endpoint::GeminiCountTokens => "count_gemini",
                _ => "embeddings",
            },
        }
    }
}
