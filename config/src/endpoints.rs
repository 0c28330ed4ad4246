//! What a provider serves beside conversations, and where it departs from OpenAI's API.

use weir_wire::translate::Prefill;

use crate::kinds::{FLAG, OPTIONAL_TEXT, choice};
use crate::section::section;

section! {
    /// The operations a provider serves.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Endpoints {
        /// Whether it serves `/chat/completions`; `false` takes `chat` out of its formats.
        chat: bool = "true" as FLAG,
        /// Whether it serves `/completions`; `false` takes `completions` out of its formats.
        completions: bool = "true" as FLAG,
        /// Whether it serves `/embeddings`, in its own way (`quirks.embeddings_api`).
        embeddings: bool = "true" as FLAG,
        /// Whether it serves `/images/generations`, `/images/edits` and `/images/variations`.
        images: bool = "false" as FLAG,
        /// Whether it serves `/audio/speech`.
        audio_speech: bool = "false" as FLAG,
        /// Whether it serves `/audio/transcriptions` and `/audio/translations`.
        audio_transcriptions: bool = "false" as FLAG,
        /// Whether it serves `/moderations`.
        moderations: bool = "false" as FLAG,
        /// Whether it serves `/rerank`, in its own way (`quirks.rerank_api`).
        rerank: bool = "false" as FLAG,
        /// Whether it serves `/files`, `/batches`, `/uploads`, `/vector_stores` and OpenAI's other routes.
        files: bool = "false" as FLAG,
        /// Whether it serves `/realtime`.
        realtime: bool = "false" as FLAG,
    }
}

section! {
    /// Where a provider departs from OpenAI's API.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Quirks {
        /// Whether it takes `stream_options`, by which a stream is asked for its usage.
        stream_options: bool = "true" as FLAG,
        /// The name by which it knows the output limit; `any` leaves what the client wrote.
        max_tokens_field: Option<&'static str> = "any" as MAX_TOKENS_FIELD,
        /// The member in which it takes thoughts of earlier turns in chat messages; `none` is not at all.
        reasoning_field: Option<&'static str> = "none" as REASONING_FIELD,
        /// Whether it takes thoughts of earlier turns with their signatures as OpenRouter does (`reasoning_details`).
        reasoning_details: bool = "false" as FLAG,
        /// How it goes on with an answer that is begun in the last message: `none` is not at all, `plain` by itself,
        /// `continue_final_message` where a member of that name says so.
        prefill: Prefill = "none" as PREFILL,
        /// Whether it may leave a model's thoughts between `<think>` and `</think>` at the beginning of the text: for clients of
        /// other formats than its own they are taken out and told as thoughts.
        think_tags: bool = "false" as FLAG,
        /// `anthropic_version` that stands in the body of Anthropic's format instead of the model, as Vertex AI wants it.
        anthropic_version: Option<String> = "none" as OPTIONAL_TEXT,
        /// How it takes embeddings.
        embeddings_api: EmbeddingsApi = "openai" as EMBEDDINGS_API,
        /// How it takes reranking.
        rerank_api: RerankApi = "cohere" as RERANK_API,
        /// How it lists its models: `plain` is by the path `models`, in any vendor's shape; `bedrock` and `vertex` are the clouds' own lists; `none`, where its list does not tell what can be called. `by-layout` is what belongs to the `layout`: `none` for `azure`.
        models_api: Option<ModelsApi> = "by-layout" as MODELS_API,
    }
}

choice!(MODELS_API: Option<ModelsApi> {
    "by-layout" => None,
    "plain" => Some(ModelsApi::Plain),
    "bedrock" => Some(ModelsApi::Bedrock),
    "vertex" => Some(ModelsApi::Vertex),
    "none" => Some(ModelsApi::None),
});

/// How a provider lists its models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelsApi {
    /// By the path `models`, in any of the shapes that most providers have.
    Plain,
    /// Amazon Bedrock's foundation models and inference profiles, from its control plane.
    Bedrock,
    /// What Google and Anthropic publish on Vertex AI.
    Vertex,
    /// Not at all, or by a list that does not tell what can be called.
    None,
}

choice!(MAX_TOKENS_FIELD: Option<&'static str> {
    "any" => None,
    "max_tokens" => Some("max_tokens"),
    "max_completion_tokens" => Some("max_completion_tokens"),
});

choice!(REASONING_FIELD: Option<&'static str> {
    "none" => None,
    "reasoning_content" => Some("reasoning_content"),
    "reasoning" => Some("reasoning"),
});

choice!(PREFILL: Prefill {
    "none" => Prefill::None,
    "plain" => Prefill::Plain,
    "continue_final_message" => Prefill::ContinueFinalMessage,
});

/// How a provider takes embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbeddingsApi {
    /// OpenAI's `/embeddings`.
    Openai,
    /// Gemini's `batchEmbedContents`.
    Gemini,
    /// Cohere's v2 `/embed`.
    Cohere,
    /// Ollama's `/api/embed`.
    Ollama,
    /// Amazon's Titan by Bedrock's `invoke`.
    Titan,
    /// Cohere's models by Bedrock's `invoke`.
    BedrockCohere,
    /// Vertex AI's `predict`.
    Vertex,
}

choice!(EMBEDDINGS_API: EmbeddingsApi {
    "openai" => EmbeddingsApi::Openai,
    "gemini" => EmbeddingsApi::Gemini,
    "cohere" => EmbeddingsApi::Cohere,
    "ollama" => EmbeddingsApi::Ollama,
    "titan" => EmbeddingsApi::Titan,
    "bedrock-cohere" => EmbeddingsApi::BedrockCohere,
    "vertex" => EmbeddingsApi::Vertex,
});

/// How a provider takes reranking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RerankApi {
    /// Cohere's v2 `/rerank`.
    Cohere,
    /// Jina's `/rerank`.
    Jina,
    /// Voyage's `/rerank`.
    Voyage,
    /// vLLM's `/rerank`.
    Vllm,
    /// Bedrock's `invoke` of a reranking model.
    Bedrock,
}

choice!(RERANK_API: RerankApi {
    "cohere" => RerankApi::Cohere,
    "jina" => RerankApi::Jina,
    "voyage" => RerankApi::Voyage,
    "vllm" => RerankApi::Vllm,
    "bedrock" => RerankApi::Bedrock,
});
