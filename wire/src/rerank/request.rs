//! Requests of clients, and those for providers.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{Api, Document, Request};
use crate::fields::{RequestError, Taker};
use crate::loss::{Loss, Losses};
use crate::neutral::Fields;

/// Reads the body of a client's `POST /v1/rerank`.
///
/// # Errors
/// If it is no such request.
pub fn read_request(body: &[u8]) -> Result<Request, RequestError> {
    const DOCUMENTS: &str = "a list of at least one document";
    let mut taker = Taker::of_body(body)?;
    let list = taker.list("documents")?.filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| taker.error("documents", DOCUMENTS))?;
    let documents = list.into_iter().enumerate().map(|(at, one)| match one {
        Value::String(text) => Ok(Document::Text(text)),
        Value::Object(fields) => Ok(Document::Object(fields)),
        _ => Err(RequestError::new(
            format!("documents[{at}]"),
            "a text or an object",
        )),
    });
    let documents = documents.collect::<Result<_, _>>()?;
    let rank_fields = taker.list("rank_fields")?.map(|names| {
        let names = names.into_iter().map(|name| match name {
            Value::String(name) => Ok(name),
            _ => Err(RequestError::new("rank_fields", "a list of names")),
        });
        names.collect::<Result<Vec<_>, _>>()
    });
    let top_k = taker.count("top_k")?;
    Ok(Request {
        model: taker.required_string("model")?,
        query: taker.required_string("query")?,
        documents,
        top_n: taker.count("top_n")?.or(top_k),
        return_documents: taker.flag("return_documents")?.unwrap_or(false),
        max_tokens_per_doc: taker.count("max_tokens_per_doc")?,
        rank_fields: rank_fields.transpose()?,
        rest: taker.rest(),
    })
}

/// Writes the body of a request to `api`; `model` is the provider's name of the model, for Bedrock the whole ARN.
/// Documents are never asked back: [`write_reply`](super::write_reply) has them.
///
/// # Errors
/// If it cannot be said there without losing what the policy of `losses` keeps.
pub fn write_request(
    api: Api,
    request: &Request,
    model: &str,
    losses: &mut Losses,
) -> Result<Vec<u8>, Loss> {
    let mut body = match api {
        Api::BedrockAgent => write_bedrock(request, model),
        _ => write_common(api, request, model),
    };
    if let Some(most) = request.max_tokens_per_doc {
        if api == Api::Cohere {
            body.insert("max_tokens_per_doc".into(), most.into());
        } else {
            losses.hint(
                "max_tokens_per_doc",
                "its models cut documents by themselves",
            )?;
        }
    }
    for (name, value) in &request.rest {
        if extras(api).contains(&name.as_str()) {
            body.insert(name.clone(), value.clone());
        } else {
            losses.hint(name, "that API has nothing like it")?;
        }
    }
    Ok(Value::Object(body).to_string().into_bytes())
}

/// Members of the rest that an API knows.
fn extras(api: Api) -> &'static [&'static str] {
    match api {
        Api::Cohere => &["priority", "relevant_spans"],
        Api::Voyage => &["truncation"],
        Api::Vllm => &[
            "truncate_prompt_tokens",
            "use_activation",
            "activation",
            "softmax",
            "priority",
            "mm_processor_kwargs",
        ],
        Api::Jina | Api::BedrockAgent => &[],
    }
}

fn write_common(api: Api, request: &Request, model: &str) -> Fields {
    let mut body = Fields::new();
    body.insert("model".into(), model.into());
    body.insert("query".into(), request.query.as_str().into());
    let documents = request.documents.iter().map(|document| match document {
        // Jina's models also rank images, which only an object can hold.
        Document::Object(fields) if api == Api::Jina && fields.contains_key("image") => {
            Value::Object(fields.clone())
        }
        _ => Value::from(text_of(document, request)),
    });
    body.insert("documents".into(), documents.collect::<Vec<_>>().into());
    if let Some(most) = request.top_n {
        let name = if api == Api::Voyage { "top_k" } else { "top_n" };
        body.insert(name.into(), most.into());
    }
    if api == Api::Jina {
        // It repeats the documents unless told not to.
        body.insert("return_documents".into(), false.into());
    }
    body
}

fn write_bedrock(request: &Request, model: &str) -> Fields {
    let sources = request.documents.iter().map(|document| {
        let inline = match structured(document, request) {
            None => json!({
                "type": "TEXT",
                "textDocument": {"text": text_of(document, request)},
            }),
            Some(fields) => json!({"type": "JSON", "jsonDocument": fields}),
        };
        json!({"type": "INLINE", "inlineDocumentSource": inline})
    });
    let most = request.top_n.unwrap_or(request.documents.len() as u64);
    let configuration = json!({
        "type": "BEDROCK_RERANKING_MODEL",
        "bedrockRerankingConfiguration": {
            "numberOfResults": most,
            "modelConfiguration": {"modelArn": model},
        },
    });
    let query = json!({"type": "TEXT", "textQuery": {"text": request.query}});
    let mut body = Fields::new();
    body.insert("queries".into(), json!([query]));
    body.insert("sources".into(), sources.collect::<Vec<_>>().into());
    body.insert("rerankingConfiguration".into(), configuration);
    body
}

/// The members of a document that count, unless it is its text alone that does.
fn structured<'a>(document: &'a Document, request: &Request) -> Option<Cow<'a, Fields>> {
    let Document::Object(fields) = document else {
        return None;
    };
    match &request.rank_fields {
        Some(names) => {
            let mut counted = fields.clone();
            counted.retain(|name, _| names.contains(name));
            Some(Cow::Owned(counted))
        }
        None if fields.get("text").is_some_and(Value::is_string) => None,
        None => Some(Cow::Borrowed(fields)),
    }
}

/// A document as text. Cohere advises to write structured ones as YAML, and JSON is YAML.
fn text_of(document: &Document, request: &Request) -> String {
    if let Some(fields) = structured(document, request) {
        return json!(fields).to_string();
    }
    match document {
        Document::Text(text) => text.clone(),
        Document::Object(fields) => {
            let text = fields.get("text").and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        }
    }
}
