//! Answers of providers.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Api, Reply, Vector};
use crate::cohere::usage as cohere;
use crate::errors;
use crate::json;
use crate::translate::ReplyError;
use crate::usage::{Unit, Usage, from_openai};

/// Reads a provider's answer.
///
/// # Errors
/// If it has no vectors, or is an error in the guise of a success.
pub fn read_reply(api: Api, body: &[u8]) -> Result<Reply, ReplyError> {
    let read = match api {
        Api::Openai => read_openai(body),
        Api::Gemini => read_gemini(body),
        Api::Cohere | Api::BedrockCohere => read_cohere(body),
        Api::Ollama => read_ollama(body),
        Api::BedrockTitan => read_titan(body),
        Api::VertexPredict => read_vertex(body),
    };
    let reply = read.filter(|reply| !reply.vectors.is_empty());
    reply.ok_or_else(|| match errors::parse_error(body) {
        Some(error) => ReplyError::Reported(error),
        None => ReplyError::Unreadable("it holds no lists of numbers".to_owned()),
    })
}

type Raw<'a> = &'a RawValue;

fn vector(raw: Raw<'_>) -> Option<Vector> {
    Vector::from_json(raw.get())
}

fn vectors(raws: &[Raw<'_>]) -> Option<Vec<Vector>> {
    raws.iter().copied().map(vector).collect()
}

fn tokens(count: Option<&Value>) -> Option<Usage> {
    let mut usage = Usage::default();
    usage.set(Unit::Input, cohere::count(count?)?);
    Some(usage)
}

fn read_openai(body: &[u8]) -> Option<Reply> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        data: Vec<Item<'a>>,
        #[serde(borrow, default)]
        usage: Option<Raw<'a>>,
        #[serde(default)]
        model: Option<String>,
    }
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow)]
        embedding: Raw<'a>,
        #[serde(default)]
        index: Option<u64>,
    }
    let mut answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    // The sort is stable: items without a number stay in their order.
    answer.data.sort_by_key(|item| item.index.unwrap_or(0));
    let of_item = |item: &Item<'_>| match json::string(item.embedding.get()) {
        Some(base64) => Vector::from_base64(&base64),
        None => vector(item.embedding),
    };
    let vectors: Option<Vec<Vector>> = answer.data.iter().map(of_item).collect();
    Some(Reply {
        vectors: vectors?,
        usage: answer.usage.and_then(|it| from_openai(it.get().as_bytes())),
        model: answer.model,
    })
}

/// Both of Google's answers: `embeddings` of a batch, and `embedding` of one.
fn read_gemini(body: &[u8]) -> Option<Reply> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer<'a> {
        #[serde(borrow, default)]
        embeddings: Vec<Values<'a>>,
        #[serde(borrow, default)]
        embedding: Option<Values<'a>>,
        #[serde(default)]
        usage_metadata: Value,
    }
    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    let all = answer.embeddings.iter().chain(&answer.embedding);
    let all: Option<Vec<Vector>> = all.map(|it| vector(it.values)).collect();
    Some(Reply {
        vectors: all?,
        usage: tokens(answer.usage_metadata.get("promptTokenCount")),
        model: None,
    })
}

#[derive(Deserialize)]
struct Values<'a> {
    #[serde(borrow)]
    values: Raw<'a>,
}

/// Lists by their type, or, where no type was asked for, the list itself.
fn read_cohere(body: &[u8]) -> Option<Reply> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        embeddings: Raw<'a>,
        #[serde(default)]
        meta: Value,
    }
    #[derive(Deserialize)]
    struct ByType<'a> {
        #[serde(borrow)]
        float: Vec<Raw<'a>>,
    }
    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    let text = answer.embeddings.get();
    let lists = match serde_json::from_str::<ByType<'_>>(text) {
        Ok(by_type) if text.starts_with('{') => by_type.float,
        _ => serde_json::from_str(text).ok()?,
    };
    Some(Reply {
        vectors: vectors(&lists)?,
        usage: cohere::read(&answer.meta),
        model: None,
    })
}

fn read_ollama(body: &[u8]) -> Option<Reply> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        embeddings: Vec<Raw<'a>>,
        #[serde(default)]
        prompt_eval_count: Option<Value>,
        #[serde(default)]
        model: Option<String>,
    }
    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    Some(Reply {
        vectors: vectors(&answer.embeddings)?,
        usage: tokens(answer.prompt_eval_count.as_ref()),
        model: answer.model,
    })
}

fn read_titan(body: &[u8]) -> Option<Reply> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer<'a> {
        #[serde(borrow)]
        embedding: Raw<'a>,
        #[serde(default)]
        input_text_token_count: Option<Value>,
    }
    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    Some(Reply {
        vectors: vec![vector(answer.embedding)?],
        usage: tokens(answer.input_text_token_count.as_ref()),
        model: None,
    })
}

fn read_vertex(body: &[u8]) -> Option<Reply> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        predictions: Vec<Prediction<'a>>,
    }
    #[derive(Deserialize)]
    struct Prediction<'a> {
        #[serde(borrow)]
        embeddings: Embedding<'a>,
    }
    #[derive(Deserialize)]
    struct Embedding<'a> {
        #[serde(borrow)]
        values: Raw<'a>,
        #[serde(default)]
        statistics: Value,
    }
    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    let mut reply = Reply::default();
    for Prediction { embeddings } in answer.predictions {
        reply.vectors.push(vector(embeddings.values)?);
        if let Some(told) = tokens(embeddings.statistics.get("token_count")) {
            let sum = reply.usage.get_or_insert_default();
            sum.add(Unit::Input, told.get(Unit::Input));
        }
    }
    Some(reply)
}
