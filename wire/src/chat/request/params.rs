//! A whole request, and its parameters.

use serde_json::Value;

use super::{messages, tools};
use crate::fields::{RequestError, Taker};
use crate::neutral::{Param, Reasoning, Request, ResponseFormat};

/// Reads a request of Chat Completions (<https://platform.openai.com/docs/api-reference/chat/create>), and what servers
/// like it take beside: OpenRouter's `reasoning`, LiteLLM's `thinking`, `top_k` and `min_p` of open-weight servers.
pub(crate) fn read_request(body: &[u8]) -> Result<Request, RequestError> {
    let mut taker = Taker::of_body(body)?;
    let mut request = Request {
        model: taker.required_string("model")?,
        ..Request::default()
    };
    let listed = taker
        .list("messages")?
        .ok_or_else(|| taker.error("messages", "a list"))?;
    request.messages = messages::read(listed)?;
    tools::read(&mut taker, &mut request)?;
    read_shared_params(&mut taker, &mut request)?;
    let newer = taker.count("max_completion_tokens")?;
    request.max_tokens = newer.or(request.max_tokens);
    request.response_format = read_response_format(&mut taker)?;
    request.reasoning = read_reasoning(&mut taker)?;
    for (param, kind) in OF_CHAT {
        read_param(&mut taker, &mut request, param, kind)?;
    }
    request.rest.extend(taker.rest());
    Ok(request)
}

/// What a parameter's value must be.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Number,
    /// A whole number that may be negative.
    Integer,
    Count,
    Text,
    Flag,
    List,
    Object,
}

impl Kind {
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Number => value.is_number(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Count => value.is_u64(),
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Integer => "a whole number",
            Self::Count => "a non-negative whole number",
            Self::Text => "a string",
            Self::Flag => "true or false",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }
}

/// Parameters of chat and of legacy completions alike. OpenAI's names of them are [`Param::as_str`].
const OF_BOTH: [(Param, Kind); 14] = [
    (Param::Temperature, Kind::Number),
    (Param::TopP, Kind::Number),
    (Param::TopK, Kind::Number),
    (Param::MinP, Kind::Number),
    (Param::N, Kind::Count),
    (Param::Seed, Kind::Integer),
    (Param::PresencePenalty, Kind::Number),
    (Param::FrequencyPenalty, Kind::Number),
    (Param::LogitBias, Kind::Object),
    (Param::User, Kind::Text),
    (Param::SafetyIdentifier, Kind::Text),
    (Param::PromptCacheKey, Kind::Text),
    (Param::ServiceTier, Kind::Text),
    (Param::Metadata, Kind::Object),
];

const OF_CHAT: [(Param, Kind); 9] = [
    (Param::Logprobs, Kind::Flag),
    (Param::TopLogprobs, Kind::Count),
    (Param::Store, Kind::Flag),
    (Param::ParallelToolCalls, Kind::Flag),
    (Param::Verbosity, Kind::Text),
    (Param::Modalities, Kind::List),
    (Param::AudioOutput, Kind::Object),
    (Param::Prediction, Kind::Object),
    (Param::WebSearchOptions, Kind::Object),
];

/// Reads what chat and legacy completions have in common, but for the prompt.
pub(in crate::chat) fn read_shared_params(
    taker: &mut Taker,
    request: &mut Request,
) -> Result<(), RequestError> {
    request.stream = taker.flag("stream")?.unwrap_or(false);
    if let Some(mut options) = taker.object("stream_options")? {
        request.include_usage = options.flag("include_usage")?.unwrap_or(false);
        // How a stream is padded means nothing to anyone but the provider that pads it.
        options.take("include_obfuscation");
        let rest = options.rest();
        if !rest.is_empty() {
            request
                .rest
                .insert("stream_options".to_owned(), rest.into());
        }
    }
    request.max_tokens = taker.count("max_tokens")?;
    request.stop = stop_texts(taker)?;
    for (param, kind) in OF_BOTH {
        read_param(taker, request, param, kind)?;
    }
    Ok(())
}

fn read_param(
    taker: &mut Taker,
    request: &mut Request,
    param: Param,
    kind: Kind,
) -> Result<(), RequestError> {
    let Some(value) = taker.take(param.as_str()) else {
        return Ok(());
    };
    if !kind.holds(&value) {
        return Err(taker.error(param.as_str(), kind.expected()));
    }
    if !says_nothing(param, &value) {
        request.set_param(param, value);
    }
    Ok(())
}

/// Whether the value is what every format does anyway: many clients write all their defaults out, and nobody should be
/// refused for one.
fn says_nothing(param: Param, value: &Value) -> bool {
    match param {
        Param::N => value.as_u64() == Some(1),
        Param::PresencePenalty | Param::FrequencyPenalty => value.as_f64() == Some(0.0),
        Param::Logprobs => value == &Value::Bool(false),
        Param::TopLogprobs => value.as_u64() == Some(0),
        Param::ParallelToolCalls => value == &Value::Bool(true),
        Param::Modalities => {
            matches!(value.as_array().map(Vec::as_slice), Some([one]) if one == "text")
        }
        Param::LogitBias | Param::Metadata => {
            value.as_object().is_some_and(serde_json::Map::is_empty)
        }
        _ => false,
    }
}

/// `stop`: a text or a list of texts.
fn stop_texts(taker: &mut Taker) -> Result<Vec<String>, RequestError> {
    const EXPECTED: &str = "a string or a list of strings";
    let texts = match taker.take("stop") {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => return Ok(vec![text]),
        Some(Value::Array(texts)) => texts,
        Some(_) => return Err(taker.error("stop", EXPECTED)),
    };
    let mut read = Vec::with_capacity(texts.len());
    for text in texts {
        match text {
            Value::String(text) => read.push(text),
            _ => return Err(taker.error("stop", EXPECTED)),
        }
    }
    Ok(read)
}

fn read_response_format(taker: &mut Taker) -> Result<Option<ResponseFormat>, RequestError> {
    let Some(mut format) = taker.object("response_format")? else {
        return Ok(None);
    };
    let kind = format.required_string("type")?;
    Ok(Some(match kind.as_str() {
        "text" => ResponseFormat::Text,
        "json_object" => match format.take("schema") {
            // Together's and Fireworks' way to give a schema.
            Some(schema) => named_schema(schema),
            None => ResponseFormat::JsonObject,
        },
        "json_schema" => {
            let mut inner = format
                .object("json_schema")?
                .ok_or_else(|| format.error("json_schema", "an object"))?;
            let name = inner.string("name")?;
            let description = inner.string("description")?;
            let strict = inner.flag("strict")?;
            match inner.take("schema") {
                None => ResponseFormat::JsonObject,
                Some(schema) => ResponseFormat::JsonSchema {
                    name: name.unwrap_or_else(|| SCHEMA_NAME.to_owned()),
                    description,
                    schema,
                    strict,
                },
            }
        }
        _ => {
            let expected = "`text`, `json_object` or `json_schema`";
            return Err(format.error("type", expected));
        }
    }))
}

/// The name of a schema that was given none.
const SCHEMA_NAME: &str = "response";

fn named_schema(schema: Value) -> ResponseFormat {
    ResponseFormat::JsonSchema {
        name: SCHEMA_NAME.to_owned(),
        description: None,
        schema,
        strict: None,
    }
}

/// How hard to think, in all the ways in which clients of chat say it: OpenAI's, OpenRouter's, and Anthropic's as LiteLLM,
/// DeepSeek and Z.ai take it.
fn read_reasoning(taker: &mut Taker) -> Result<Option<Reasoning>, RequestError> {
    let mut reasoning = Reasoning {
        effort: taker.string("reasoning_effort")?,
        ..Reasoning::default()
    };
    if taker.peek("reasoning").is_some_and(Value::is_object)
        && let Some(mut router) = taker.object("reasoning")?
    {
        reasoning.effort = reasoning.effort.or(router.string("effort")?);
        reasoning.budget_tokens = router.count("max_tokens")?;
        reasoning.enabled = router.flag("enabled")?;
        reasoning.summary = router.string("summary")?;
        reasoning.include_thoughts = router.flag("exclude")?.map(|excluded| !excluded);
    }
    if let Some(shown) = taker.flag("include_reasoning")? {
        reasoning.include_thoughts = reasoning.include_thoughts.or(Some(shown));
    }
    if taker.peek("thinking").is_some_and(Value::is_object)
        && let Some(mut thinking) = taker.object("thinking")?
    {
        let kind = thinking.string("type")?;
        reasoning.enabled = match kind.as_deref() {
            Some("disabled") => Some(false),
            Some(_) => Some(true),
            None => reasoning.enabled,
        };
        let budget = thinking.count("budget_tokens")?;
        reasoning.budget_tokens = budget.or(reasoning.budget_tokens);
    }
    Ok((reasoning != Reasoning::default()).then_some(reasoning))
}
