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

use crate::json;
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

/// Tokens after which some providers count a document as another one; 510 with the least reserved for the query.
const TOKENS_PER_DOCUMENT: u64 = 500;

/// What a request may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The searches that are likely charged.
    pub searches: u64,
    /// More searches than can be charged: each token is a byte at least, and long documents count as several.
    pub searches_upper: u64,
    /// More tokens than can be charged: some count the query once with every document.
    pub tokens_upper: u64,
}

impl Bounds {
    /// Reads them off a body, in whatever API's words it is.
    pub fn of_json(body: &[u8]) -> Self {
        let (mut documents, mut query_bytes) = (1, 0);
        if let Ok(text) = std::str::from_utf8(body) {
            // A body that is no object is refused by the provider.
            let _no_object = json::members(text, |member| match member.key.as_ref() {
                "documents" => documents = (json::elements(member.value).len() as u64).max(1),
                "query" => query_bytes = member.value.len() as u64,
                _ => {}
            });
        }
        let bytes = body.len() as u64;
        let pieces = documents.saturating_add(bytes / TOKENS_PER_DOCUMENT);
        Self {
            searches: documents.div_ceil(DOCUMENTS_PER_SEARCH),
            searches_upper: pieces.div_ceil(DOCUMENTS_PER_SEARCH),
            tokens_upper: bytes.saturating_add(query_bytes.saturating_mul(documents)),
        }
    }
}

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
