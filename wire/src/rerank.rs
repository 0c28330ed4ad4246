//! Reranking: a query and documents in, their order by relevance out.
//!
//! Clients speak what Cohere, Jina and vLLM have in common, `POST /v1/rerank`
//! (<https://docs.cohere.com/reference/rerank>, <https://jina.ai/reranker>); providers speak that or something near it.
//! Answers of that common shape can be relayed untouched: [`inspect`] tells what they used.

mod reply;
mod request;

use serde_json::Value;
use serde_json::value::RawValue;

pub use reply::{inspect, read_reply, write_reply};
pub use request::{read_request, write_request};

use crate::neutral::Fields;
use crate::usage::Usage;

/// An API that providers offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    /// Cohere's `/v2/rerank` (<https://docs.cohere.com/reference/rerank>).
    Cohere,
    /// Jina's `/v1/rerank` (<https://api.jina.ai/redoc>).
    Jina,
    /// Voyage's `/v1/rerank` (<https://docs.voyageai.com/reference/reranker-api>).
    Voyage,
    /// vLLM's `/v1/rerank`
    /// (<https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#re-rank-api>).
    Vllm,
    /// Amazon Bedrock's `/rerank`, of the host `bedrock-agent-runtime`
    /// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html>).
    BedrockAgent,
}

/// Documents that are one search at most: what Cohere and Amazon charge for.
const DOCUMENTS_PER_SEARCH: u64 = 100;

/// A request for an order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The model as the client named it.
    pub model: String,
    /// What is searched for.
    pub query: String,
    /// What is to be ordered.
    pub documents: Vec<Document>,
    /// How many of the best to tell; all if not said. Voyage's clients write `top_k`.
    pub top_n: Option<u64>,
    /// Whether the documents are to be repeated in the answer.
    pub return_documents: bool,
    /// The tokens after which a document is cut.
    pub max_tokens_per_doc: Option<u64>,
    /// The members of structured documents that count, of Cohere's first API.
    pub rank_fields: Option<Vec<String>>,
    /// Members that only some providers know.
    pub rest: Fields,
}

impl Request {
    /// The searches that a provider charges for where its answer does not tell them: at least this many, since long
    /// documents count as several.
    pub fn searches(&self) -> u64 {
        (self.documents.len() as u64)
            .div_ceil(DOCUMENTS_PER_SEARCH)
            .max(1)
    }
}

/// One document.
#[derive(Clone, Debug, PartialEq)]
pub enum Document {
    /// Its text.
    Text(String),
    /// Its members; its text is `text`, if it has one.
    Object(Fields),
}

impl Document {
    /// The document as answers repeat it: an object in any case.
    fn to_value(&self) -> Value {
        match self {
            Self::Text(text) => serde_json::json!({"text": text}),
            Self::Object(fields) => Value::Object(fields.clone()),
        }
    }
}

/// An order.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The provider's id of it.
    pub id: Option<String>,
    /// The provider's name of the model.
    pub model: Option<String>,
    /// The best first.
    pub results: Vec<Ranked>,
    /// What was used, where the provider tells it: searches, tokens, or both.
    pub usage: Option<Usage>,
}

/// A document's place in an order.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// Its number in the request, from 0.
    pub index: usize,
    /// How relevant it is, in the provider's measure: a number with all the digits it was written with.
    pub score: Box<RawValue>,
}

#[cfg(test)]
mod tests;
