//! How a target answers an operation: in the client's own format, through a translation, or as it is.

use weir_wire::format::Format;

use crate::adapt::Adapter;
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
    /// Something that the provider has another API for.
    Adapted(Adapter),
}

impl Way {
    /// The way to a target; none where it cannot serve the operation.
    pub(crate) fn of(target: &Target, endpoint: Endpoint) -> Option<Self> {
        let endpoints = &target.upstream.provider().endpoints;
        let offers = |format| target.formats.contains(&format);
        let adapted = |adapter: Option<Adapter>| adapter.map_or(Self::Plain, Self::Adapted);
        let plain_if = |is_served: bool| is_served.then_some(Self::Plain);
        match endpoint {
            Endpoint::Pass => Some(Self::Plain),
            Endpoint::Compact => plain_if(offers(Format::Responses)),
            Endpoint::CountTokens => plain_if(offers(Format::Anthropic)),
            Endpoint::GeminiCountTokens => plain_if(offers(Format::Gemini)),
            Endpoint::Embeddings | Endpoint::GeminiEmbed | Endpoint::GeminiBatchEmbed => endpoints
                .embeddings
                .then(|| adapted(Adapter::of_embeddings(target, endpoint))),
            Endpoint::Rerank => endpoints
                .rerank
                .then(|| adapted(Adapter::of_rerank(target))),
            Endpoint::ImageGenerations | Endpoint::ImageEdits | Endpoint::ImageVariations => {
                let is_variation = endpoint == Endpoint::ImageVariations;
                let other = || Adapter::of_images(target).filter(|_| !is_variation);
                plain_if(endpoints.images).or_else(|| other().map(Self::Adapted))
            }
            Endpoint::Moderations => plain_if(endpoints.moderations),
            Endpoint::Speech => plain_if(endpoints.audio_speech),
            Endpoint::Realtime => plain_if(endpoints.realtime),
            Endpoint::Transcriptions | Endpoint::Translations => {
                plain_if(endpoints.audio_transcriptions)
            }
            _ => {
                let client = endpoint.conversation()?;
                let provider = client.nearest(&target.formats)?;
                Some(Self::Conversation { client, provider })
            }
        }
    }

    /// Other formats in which the target can have a conversation that is translated anyway, the nearest first.
    pub(crate) fn others(self, target: &Target) -> impl Iterator<Item = Self> {
        let (translated, nearest) = match self {
            Self::Conversation { client, provider } if client != provider => {
                (Some(client), Some(provider))
            }
            _ => (None, None),
        };
        let formats = translated.into_iter().flat_map(move |client| {
            let served_by = client.served_by().iter();
            served_by.map(move |provider| Self::Conversation {
                client,
                provider: *provider,
            })
        });
        formats.filter(move |way| match way {
            Self::Conversation { provider, .. } => {
                Some(*provider) != nearest && target.formats.contains(provider)
            }
            _ => false,
        })
    }

    /// Whether the client's bytes are translated.
    pub(crate) fn is_translated(self) -> bool {
        match self {
            Self::Conversation { client, provider } => client != provider,
            Self::Plain => false,
            Self::Adapted(_) => true,
        }
    }

    /// The format of the provider's answers and errors, where it is one of the conversations'.
    pub(crate) fn provider_format(self, endpoint: Endpoint) -> Format {
        match self {
            Self::Conversation { provider, .. } => provider,
            Self::Plain => endpoint.dialect(),
            Self::Adapted(adapter) => adapter.format(),
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
                Endpoint::Compact => "compact",
                Endpoint::CountTokens => "count_tokens",
                Endpoint::GeminiCountTokens => "count_gemini",
                Endpoint::GeminiEmbed | Endpoint::GeminiBatchEmbed => "embed_gemini",
                Endpoint::Rerank => "rerank",
                Endpoint::Moderations => "moderations",
                Endpoint::ImageGenerations => "images_generations",
                Endpoint::ImageEdits => "images_edits",
                Endpoint::ImageVariations => "images_variations",
                Endpoint::Speech => "speech",
                Endpoint::Transcriptions => "transcriptions",
                Endpoint::Translations => "translations",
                Endpoint::Realtime => "realtime",
                Endpoint::Pass => "other",
                _ => "embeddings",
            },
            Self::Adapted(adapter) => adapter.path_name(),
        }
    }
}
