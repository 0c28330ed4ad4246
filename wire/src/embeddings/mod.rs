//! Embeddings: texts in, vectors out, between the APIs of clients and those of providers.
//!
//! Only what crosses from one API to another comes here; a client and a provider of one API are relayed untouched.

mod read;
mod render;
mod reply;
mod task;
mod vector;
mod write;

use serde_json::Value;

pub use read::{read_gemini, read_openai};
pub use render::{write_gemini, write_openai};
pub use reply::read_reply;
pub use vector::Vector;
pub use write::write;

use crate::fields::RequestError;
use crate::neutral::Fields;
use crate::usage::Usage;

/// An API that providers offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    /// OpenAI's `/v1/embeddings` (<https://platform.openai.com/docs/api-reference/embeddings>).
    Openai,
    /// Google's `:batchEmbedContents` (<https://ai.google.dev/api/embeddings>).
    Gemini,
    /// Cohere's `/v2/embed` (<https://docs.cohere.com/reference/embed>).
    Cohere,
    /// Ollama's `/api/embed` (<https://docs.ollama.com/api/embed>).
    Ollama,
    /// Amazon Titan's text embeddings, by Bedrock's `InvokeModel`
    /// (<https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html>).
    BedrockTitan,
    /// Cohere's models, by Bedrock's `InvokeModel`
    /// (<https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html>).
    BedrockCohere,
    /// Vertex AI's `:predict`
    /// (<https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api>).
    VertexPredict,
}

impl Api {
    /// The most inputs that one request for `model` may have, where there is a limit. [`write()`] refuses more.
    pub fn max_inputs(self, model: &str) -> Option<usize> {
        match self {
            Self::Openai => Some(2048),
            Self::Gemini => Some(100),
            Self::Cohere | Self::BedrockCohere => Some(96),
            Self::Ollama => None,
            Self::BedrockTitan => Some(1),
            // Vertex takes 250 texts, but Gemini's own models only one at a time.
            Self::VertexPredict if model.starts_with("gemini-embedding") => Some(1),
            Self::VertexPredict => Some(250),
        }
    }
}

/// An API that clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// OpenAI's `POST /v1/embeddings`.
    Openai,
    /// Google's `:embedContent`.
    GeminiOne,
    /// Google's `:batchEmbedContents`.
    GeminiBatch,
}

impl Client {
    /// Reads a request's body.
    ///
    /// # Errors
    /// If it is no request of this API.
    pub fn read(self, body: &[u8]) -> Result<Request, RequestError> {
        match self {
            Self::Openai => read_openai(body),
            Self::GeminiOne => read_gemini(body, false),
            Self::GeminiBatch => read_gemini(body, true),
        }
    }

    /// Writes the body of the answer to a request; `model` is what the client is to call the model.
    pub fn write(self, reply: &Reply, request: &Request, model: &str) -> Vec<u8> {
        match self {
            Self::Openai => write_openai(reply, request, model),
            Self::GeminiOne => write_gemini(reply, false),
            Self::GeminiBatch => write_gemini(reply, true),
        }
    }
}

/// A request for vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The model as the client named it, without Google's `models/`; empty where only the URL names it.
    pub model: String,
    /// What is to be embedded, in order: one vector for each.
    pub inputs: Vec<Input>,
    /// How many numbers a vector is to have.
    pub dimensions: Option<u64>,
    /// How the client wants the numbers written.
    pub encoding: Encoding,
    /// OpenAI's `user`.
    pub user: Option<String>,
    /// What the vectors are for, in the client's word: Google's `taskType`, Cohere's and Voyage's `input_type`, Jina's
    /// `task`.
    pub task: Option<String>,
    /// The title of the documents.
    pub title: Option<String>,
    /// Members that only the client's API knows, and those of Google's that differ among the requests of one batch.
    pub rest: Fields,
}

/// One thing to embed.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Text.
    Text(String),
    /// Text as the numbers of its tokens, which only models of OpenAI's tokenizer understand.
    Tokens(Vec<u64>),
    /// What is not text, as Google's `content`.
    Other(Value),
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// A list of numbers.
    #[default]
    Float,
    /// Base64 of little-endian 32-bit floats, which OpenAI's SDKs ask for.
    Base64,
}

/// Vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// One for each input, in their order.
    pub vectors: Vec<Vector>,
    /// What was used, where the provider tells it in its body. Bedrock tells the tokens of Cohere's models in the head,
    /// as `x-amzn-bedrock-input-token-count`.
    pub usage: Option<Usage>,
    /// The provider's name of the model.
    pub model: Option<String>,
}

#[cfg(test)]
mod tests;
