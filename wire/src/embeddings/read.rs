//! Requests of clients.

use serde_json::Value;

use super::{Encoding, Input, Request};
use crate::fields::{RequestError, Taker};
use crate::neutral::Fields;

const INPUT: &str = "a text, a list of texts, a list of token numbers, or a list of such lists";

/// Reads the body of OpenAI's `POST /v1/embeddings`.
///
/// # Errors
/// If it is no such request.
pub fn read_openai(body: &[u8]) -> Result<Request, RequestError> {
    let mut taker = Taker::of_body(body)?;
    let encoding = match taker.string("encoding_format")?.as_deref() {
        None | Some("float") => Encoding::Float,
        Some("base64") => Encoding::Base64,
        Some(_) => return Err(taker.error("encoding_format", "`float` or `base64`")),
    };
    let inputs = match taker.take("input") {
        Some(Value::String(text)) => vec![Input::Text(text)],
        Some(Value::Array(list)) if !list.is_empty() => read_inputs(list)?,
        _ => return Err(taker.error("input", INPUT)),
    };
    // Other providers' words for it, which their clients send through OpenAI's API as well.
    let mut task = None;
    for key in ["task_type", "input_type", "task"] {
        task = taker.string(key)?.or(task);
    }
    Ok(Request {
        model: taker.required_string("model")?,
        inputs,
        dimensions: taker.count("dimensions")?,
        encoding,
        user: taker.string("user")?,
        task,
        title: taker.string("title")?,
        rest: taker.rest(),
    })
}

fn read_inputs(list: Vec<Value>) -> Result<Vec<Input>, RequestError> {
    if list.iter().all(Value::is_number) {
        return Ok(vec![Input::Tokens(read_tokens(list, "input")?)]);
    }
    let inputs = list.into_iter().enumerate().map(|(at, one)| {
        let path = format!("input[{at}]");
        match one {
            Value::String(text) => Ok(Input::Text(text)),
            Value::Array(tokens) if !tokens.is_empty() => {
                Ok(Input::Tokens(read_tokens(tokens, &path)?))
            }
            _ => Err(RequestError::new(path, "a text or a list of token numbers")),
        }
    });
    inputs.collect()
}

fn read_tokens(list: Vec<Value>, path: &str) -> Result<Vec<u64>, RequestError> {
    let tokens = list.iter().enumerate().map(|(at, token)| {
        let wrong = || RequestError::new(format!("{path}[{at}]"), "the number of a token");
        token.as_u64().ok_or_else(wrong)
    });
    tokens.collect()
}

/// Reads the body of Google's `:embedContent`, or of `:batchEmbedContents` if `batch`.
///
/// # Errors
/// If it is no such request.
pub fn read_gemini(body: &[u8], batch: bool) -> Result<Request, RequestError> {
    let mut taker = Taker::of_body(body)?;
    if !batch {
        let (input, settings) = read_one(taker)?;
        return Ok(settings.into_request(vec![input]));
    }
    const REQUESTS: &str = "a list of at least one request";
    let list = taker.list("requests")?.filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| taker.error("requests", REQUESTS))?;
    let mut inputs = Vec::with_capacity(list.len());
    let mut common: Option<Settings> = None;
    for (at, one) in list.into_iter().enumerate() {
        let (input, settings) = read_one(Taker::of(one, format!("requests[{at}]"))?)?;
        inputs.push(input);
        match &mut common {
            None => common = Some(settings),
            Some(common) => common.agree_with(settings),
        }
    }
    let mut request = common.unwrap_or_default().into_request(inputs);
    request.rest.extend(taker.rest());
    Ok(request)
}

/// What Google's API says beside the content, with each input.
#[derive(Default)]
struct Settings {
    model: String,
    task: Option<String>,
    title: Option<String>,
    dimensions: Option<u64>,
    rest: Fields,
}

impl Settings {
    /// Takes what is said beside the content. Google takes the names of members in either case.
    fn take_from(&mut self, taker: &mut Taker) -> Result<(), RequestError> {
        for key in ["task_type", "taskType"] {
            self.task = taker.string(key)?.or(self.task.take());
        }
        for key in ["output_dimensionality", "outputDimensionality"] {
            self.dimensions = taker.count(key)?.or(self.dimensions);
        }
        self.title = taker.string("title")?.or(self.title.take());
        Ok(())
    }

    /// Keeps what another input's settings agree in. What they differ in cannot be said once for all: it goes to the
    /// rest, where it is found and reported.
    fn agree_with(&mut self, other: Self) {
        let Self {
            task,
            title,
            dimensions,
            ..
        } = other;
        let mut differ = |is_same: bool, name: &str| {
            if !is_same {
                self.rest.insert(name.to_owned(), Value::Bool(true));
            }
            !is_same
        };
        if differ(self.task == task, "taskType") {
            self.task = None;
        }
        if differ(self.title == title, "title") {
            self.title = None;
        }
        if differ(self.dimensions == dimensions, "outputDimensionality") {
            self.dimensions = None;
        }
        for (name, value) in other.rest {
            self.rest.entry(name).or_insert(value);
        }
    }

    fn into_request(self, inputs: Vec<Input>) -> Request {
        Request {
            model: self.model,
            inputs,
            dimensions: self.dimensions,
            task: self.task,
            title: self.title,
            rest: self.rest,
            ..Request::default()
        }
    }
}

fn read_one(mut taker: Taker) -> Result<(Input, Settings), RequestError> {
    let mut settings = Settings::default();
    let model = taker.string("model")?.unwrap_or_default();
    settings.model = model.strip_prefix("models/").unwrap_or(&model).to_owned();
    // Newer clients put what is said beside the content into an object of its own.
    if let Some(mut config) = taker.object("embedContentConfig")? {
        settings.take_from(&mut config)?;
        settings.rest.extend(config.rest());
    }
    settings.take_from(&mut taker)?;
    let content = taker.take("content");
    let path = taker.at("content.parts");
    let input = read_content(content.unwrap_or_default(), path)?;
    settings.rest.extend(taker.rest());
    Ok((input, settings))
}

/// Several texts of one content are embedded as one.
fn read_content(content: Value, path: String) -> Result<Input, RequestError> {
    let parts = content.get("parts").and_then(Value::as_array);
    let parts = parts.ok_or_else(|| RequestError::new(path, "a list"))?;
    let texts: Option<Vec<&str>> = parts
        .iter()
        .map(|part| part.get("text")?.as_str())
        .collect();
    Ok(match texts {
        Some(texts) => Input::Text(texts.join("\n")),
        None => Input::Other(content),
    })
}
