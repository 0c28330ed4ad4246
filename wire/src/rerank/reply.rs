//! Answers of providers, and those for clients.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Api, Ranked, Reply, Request};
use crate::cohere::usage as cohere;
use crate::errors;
use crate::translate::ReplyError;
use crate::usage::{Unit, Usage, from_openai};

/// The common answer; Voyage has its `results` in `data`, as OpenAI's lists have.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(borrow, default)]
    results: Option<Vec<Place<'a>>>,
    #[serde(borrow, default)]
    data: Option<Vec<Place<'a>>>,
}

#[derive(Deserialize)]
struct Place<'a> {
    index: usize,
    #[serde(borrow, alias = "relevanceScore")]
    relevance_score: &'a RawValue,
}

impl Place<'_> {
    fn into_ranked(self) -> Option<Ranked> {
        let text = self.relevance_score.get();
        let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        is_number.then(|| Ranked {
            index: self.index,
            score: self.relevance_score.to_owned(),
        })
    }
}

/// Where the providers tell what was used: Cohere in `meta`, the others in `usage`.
#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    meta: Value,
    #[serde(default)]
    usage: Value,
}

impl Counts {
    fn read(&self) -> Option<Usage> {
        let billed = cohere::read(&self.meta);
        let counted = from_openai(self.usage.to_string().as_bytes());
        match (billed, counted) {
            (Some(mut usage), Some(counted)) if usage.input_total() == 0 => {
                usage.set(Unit::Input, counted.input_total());
                Some(usage)
            }
            (billed, counted) => billed.or(counted),
        }
    }
}

/// Reads a provider's answer.
///
/// # Errors
/// If it holds no order, or is an error in the guise of a success.
pub fn read_reply(api: Api, body: &[u8]) -> Result<Reply, ReplyError> {
    read(api, body).ok_or_else(|| match errors::parse_error(body) {
        Some(error) => ReplyError::Reported(error),
        None => ReplyError::Unreadable("it holds no list of results".to_owned()),
    })
}

fn read(api: Api, body: &[u8]) -> Option<Reply> {
    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    let places = match api {
        Api::Voyage => answer.data,
        _ => answer.results,
    };
    let results = places?.into_iter().map(Place::into_ranked);
    Some(Reply {
        id: answer.id,
        model: answer.model,
        results: results.collect::<Option<_>>()?,
        usage: inspect(body),
    })
}

/// What an answer used that is relayed untouched: Cohere's, Jina's, vLLM's or Voyage's. None if it does not tell.
pub fn inspect(body: &[u8]) -> Option<Usage> {
    serde_json::from_slice::<Counts>(body).ok()?.read()
}

#[derive(Serialize)]
struct Written<'a> {
    id: &'a str,
    model: &'a str,
    results: Vec<WrittenPlace<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Value>,
}

#[derive(Serialize)]
struct WrittenPlace<'a> {
    index: usize,
    relevance_score: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<Value>,
}

/// Writes the body of the answer for a client, with the documents if the request asks for them. `id` stands in where the
/// provider gives none.
#[expect(
    clippy::expect_used,
    reason = "writing texts and JSON to memory cannot fail"
)]
pub fn write_reply(reply: &Reply, request: &Request, id: &str) -> Vec<u8> {
    let places = reply.results.iter().map(|ranked| {
        let document = request.documents.get(ranked.index);
        WrittenPlace {
            index: ranked.index,
            relevance_score: &ranked.score,
            document: document
                .filter(|_| request.return_documents)
                .map(super::Document::to_value),
        }
    });
    let used = |unit_total: u64| Some(unit_total).filter(|total| *total > 0);
    let usage = reply.usage.unwrap_or_default();
    let searches = used(usage.get(Unit::Searches));
    let tokens = used(usage.input_total());
    let written = Written {
        id: reply.id.as_deref().unwrap_or(id),
        model: &request.model,
        results: places.collect(),
        meta: searches.map(|searches| json!({"billed_units": {"search_units": searches}})),
        usage: tokens.map(|tokens| json!({"total_tokens": tokens})),
    };
    serde_json::to_vec(&written).expect("texts and JSON serialize")
}
