//! Requests for providers.

use serde_json::{Value, json};

use super::{Api, Input, Request, task};
use crate::loss::{Loss, Losses};
use crate::neutral::Fields;

/// Writes the body of a request to `api`; `model` is the provider's name of the model, which goes into the URL at
/// Google's and Amazon's.
///
/// # Errors
/// If it cannot be said there: token numbers to anyone but OpenAI's kind, more inputs than
/// [`max_inputs`](Api::max_inputs), or what the policy of `losses` keeps.
pub fn write(
    api: Api,
    request: &Request,
    model: &str,
    losses: &mut Losses,
) -> Result<Vec<u8>, Loss> {
    if api
        .max_inputs(model)
        .is_some_and(|most| request.inputs.len() > most)
    {
        return Err(losses.refusal("input", "it takes fewer texts in one request"));
    }
    let mut body = match api {
        Api::Openai => write_openai(request, model, losses)?,
        Api::Gemini => write_gemini(request, model, losses)?,
        Api::Cohere | Api::BedrockCohere => write_cohere(api, request, model, losses)?,
        Api::Ollama => write_ollama(request, model, losses)?,
        Api::BedrockTitan => write_titan(request, losses)?,
        Api::VertexPredict => write_vertex(request, losses)?,
    };
    if request.user.is_some() && api != Api::Openai {
        losses.hint("user", "it does not ask who is behind a request")?;
    }
    write_rest(api, request, &mut body, losses)?;
    Ok(Value::Object(body).to_string().into_bytes())
}

/// Members that some providers know although OpenAI does not: clients send them through its API.
fn extras(api: Api) -> &'static [&'static str] {
    match api {
        Api::Cohere => &["truncate", "max_tokens", "priority"],
        Api::BedrockCohere => &["truncate", "max_tokens"],
        Api::Ollama => &["truncate", "keep_alive", "options"],
        Api::BedrockTitan => &["normalize"],
        Api::Openai | Api::Gemini | Api::VertexPredict => &[],
    }
}

fn write_rest(
    api: Api,
    request: &Request,
    body: &mut Fields,
    losses: &mut Losses,
) -> Result<(), Loss> {
    for (name, value) in &request.rest {
        if extras(api).contains(&name.as_str()) {
            body.insert(name.clone(), value.clone());
        } else if name == "autoTruncate" && api == Api::VertexPredict {
            let parameters = body.entry("parameters").or_insert_with(|| json!({}));
            if let Value::Object(parameters) = parameters {
                parameters.insert(name.clone(), value.clone());
            }
        } else if name == "outputDimensionality" {
            losses.meaning(name, "it makes all vectors of a request of one length")?;
        } else {
            losses.hint(name, "that API has nothing like it")?;
        }
    }
    Ok(())
}

/// The inputs where they can be text alone.
fn texts<'a>(request: &'a Request, losses: &Losses) -> Result<Vec<&'a str>, Loss> {
    let texts = request.inputs.iter().map(|input| match input {
        Input::Text(text) => Ok(text.as_str()),
        Input::Tokens(_) => Err(losses.refusal("input", "it takes text, and no numbers of tokens")),
        Input::Other(_) => Err(losses.refusal("content", "it embeds text alone")),
    });
    texts.collect()
}

/// The task in the API's word.
fn task_for(
    api: Api,
    request: &Request,
    losses: &mut Losses,
) -> Result<Option<&'static str>, Loss> {
    let Some(asked) = &request.task else {
        return Ok(None);
    };
    let word = task::in_words_of(api, asked);
    if word.is_none() {
        losses.hint("task", "it has no word for it")?;
    }
    Ok(word)
}

fn lose_title(request: &Request, losses: &mut Losses) -> Result<(), Loss> {
    match request.title {
        Some(_) => losses.hint("title", "its documents have none"),
        None => Ok(()),
    }
}

fn write_openai(request: &Request, model: &str, losses: &mut Losses) -> Result<Fields, Loss> {
    let mut inputs = Vec::with_capacity(request.inputs.len());
    for input in &request.inputs {
        inputs.push(match input {
            Input::Text(text) => Value::from(text.as_str()),
            Input::Tokens(tokens) => json!(tokens),
            Input::Other(_) => return Err(losses.refusal("content", "it embeds text alone")),
        });
    }
    task_for(Api::Openai, request, losses)?;
    lose_title(request, losses)?;
    let mut body = Fields::new();
    body.insert("model".into(), model.into());
    body.insert("input".into(), inputs.into());
    if let Some(dimensions) = request.dimensions {
        body.insert("dimensions".into(), dimensions.into());
    }
    if let Some(user) = &request.user {
        body.insert("user".into(), user.as_str().into());
    }
    Ok(body)
}

fn write_gemini(request: &Request, model: &str, losses: &mut Losses) -> Result<Fields, Loss> {
    let task = task_for(Api::Gemini, request, losses)?;
    let name = match model.contains('/') {
        true => model.to_owned(),
        false => format!("models/{model}"),
    };
    let mut requests = Vec::with_capacity(request.inputs.len());
    for text in texts(request, losses)? {
        let mut one = Fields::new();
        one.insert("model".into(), name.as_str().into());
        one.insert("content".into(), json!({"parts": [{"text": text}]}));
        if let Some(task) = task {
            one.insert("taskType".into(), task.into());
        }
        if let Some(title) = &request.title {
            one.insert("title".into(), title.as_str().into());
        }
        if let Some(dimensions) = request.dimensions {
            one.insert("outputDimensionality".into(), dimensions.into());
        }
        requests.push(Value::Object(one));
    }
    let mut body = Fields::new();
    body.insert("requests".into(), requests.into());
    Ok(body)
}

fn write_cohere(
    api: Api,
    request: &Request,
    model: &str,
    losses: &mut Losses,
) -> Result<Fields, Loss> {
    let mut body = Fields::new();
    if api == Api::Cohere {
        body.insert("model".into(), model.into());
    }
    body.insert("texts".into(), json!(texts(request, losses)?));
    // It must be said, and most of what is embedded is put into an index.
    let task = task_for(api, request, losses)?.unwrap_or("search_document");
    body.insert("input_type".into(), task.into());
    body.insert("embedding_types".into(), json!(["float"]));
    if let Some(dimensions) = request.dimensions {
        body.insert("output_dimension".into(), dimensions.into());
    }
    lose_title(request, losses)?;
    Ok(body)
}

fn write_ollama(request: &Request, model: &str, losses: &mut Losses) -> Result<Fields, Loss> {
    let mut body = Fields::new();
    body.insert("model".into(), model.into());
    body.insert("input".into(), json!(texts(request, losses)?));
    if let Some(dimensions) = request.dimensions {
        body.insert("dimensions".into(), dimensions.into());
    }
    task_for(Api::Ollama, request, losses)?;
    lose_title(request, losses)?;
    Ok(body)
}

/// `normalize` is true unless said, as with OpenAI's vectors, and Titan's first version does not know it.
fn write_titan(request: &Request, losses: &mut Losses) -> Result<Fields, Loss> {
    let mut body = Fields::new();
    for text in texts(request, losses)? {
        body.insert("inputText".into(), text.into());
    }
    if let Some(dimensions) = request.dimensions {
        body.insert("dimensions".into(), dimensions.into());
    }
    task_for(Api::BedrockTitan, request, losses)?;
    lose_title(request, losses)?;
    Ok(body)
}

fn write_vertex(request: &Request, losses: &mut Losses) -> Result<Fields, Loss> {
    let task = task_for(Api::VertexPredict, request, losses)?;
    let mut instances = Vec::with_capacity(request.inputs.len());
    for text in texts(request, losses)? {
        let mut one = Fields::new();
        one.insert("content".into(), text.into());
        if let Some(task) = task {
            one.insert("task_type".into(), task.into());
        }
        if let Some(title) = &request.title {
            one.insert("title".into(), title.as_str().into());
        }
        instances.push(Value::Object(one));
    }
    let mut body = Fields::new();
    body.insert("instances".into(), instances.into());
    if let Some(dimensions) = request.dimensions {
        body.insert(
            "parameters".into(),
            json!({"outputDimensionality": dimensions}),
        );
    }
    Ok(body)
}
