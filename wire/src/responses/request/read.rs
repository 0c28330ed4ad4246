//! Reading a client's request.

use serde_json::{Value, json};

use super::input::Conversation;
use crate::fields::{RequestError, Taker};
use crate::neutral::{Param, Reasoning, Request, ResponseFormat, Role};
use crate::responses::tools::{self, Choice};

/// Members that mean the same in other formats, the check of their value, and what it must be.
type Plain = (&'static str, Param, fn(&Value) -> bool, &'static str);

const PLAIN: [Plain; 8] = [
    (
        "temperature",
        Param::Temperature,
        Value::is_number,
        "a number",
    ),
    ("top_p", Param::TopP, Value::is_number, "a number"),
    ("metadata", Param::Metadata, Value::is_object, "an object"),
    ("user", Param::User, Value::is_string, "a string"),
    (
        "safety_identifier",
        Param::SafetyIdentifier,
        Value::is_string,
        "a string",
    ),
    (
        "prompt_cache_key",
        Param::PromptCacheKey,
        Value::is_string,
        "a string",
    ),
    (
        "service_tier",
        Param::ServiceTier,
        Value::is_string,
        "a string",
    ),
    ("prompt", Param::StoredPrompt, Value::is_object, "an object"),
];

pub(crate) fn read_request(body: &[u8]) -> Result<Request, RequestError> {
    let mut body = Taker::of_body(body)?;
    refuse_stored(&mut body)?;
    let mut request = Request {
        model: body.required_string("model")?,
        stream: body.flag("stream")?.unwrap_or(false),
        include_usage: true,
        max_tokens: body.count("max_output_tokens")?,
        ..Request::default()
    };
    let mut conversation = Conversation::default();
    if let Some(text) = body.string("instructions")?.filter(|it| !it.is_empty()) {
        conversation.say(Role::System, text);
    }
    match body.take("input") {
        Some(input) => conversation.read(input)?,
        None if body.peek("prompt").is_some() => {}
        None => return Err(body.error("input", "a text or a list of items")),
    }
    request.messages = conversation.into_messages();
    read_tools(&mut body, &mut request)?;
    read_text(&mut body, &mut request)?;
    read_reasoning(&mut body, &mut request)?;
    read_logprobs(&mut body, &mut request)?;
    read_defaults(&mut body, &mut request)?;
    for (key, param, is_right, expected) in PLAIN {
        if let Some(value) = body.take(key) {
            if !is_right(&value) {
                return Err(body.error(key, expected));
            }
            request.set_param(param, value);
        }
    }
    let named_before = std::mem::take(&mut request.rest);
    request.rest = body.rest();
    request.rest.extend(named_before);
    Ok(request)
}

/// What [`check_stateless`](crate::responses::check_stateless) has refused already, unless somebody forgot to ask it.
fn refuse_stored(body: &mut Taker) -> Result<(), RequestError> {
    const EXPECTED: &str = "left out, because conversations are not kept yet";
    for key in ["previous_response_id", "conversation"] {
        if body.take(key).is_some() {
            return Err(body.error(key, EXPECTED));
        }
    }
    for key in ["background", "store"] {
        if body.flag(key)? == Some(true) {
            return Err(body.error(key, "false, because conversations are not kept yet"));
        }
    }
    Ok(())
}

fn read_tools(body: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    request.tools = tools::read(body)?;
    match tools::read_choice(body)? {
        Choice::Known(choice) => request.tool_choice = choice,
        Choice::Hosted(value) => {
            request.rest.insert("tool_choice".to_owned(), value);
        }
    }
    // Several at once is what every format does by default, and without tools it says nothing.
    let parallel = body.flag("parallel_tool_calls")?;
    if parallel == Some(false) && !request.tools.is_empty() {
        request.set_param(Param::ParallelToolCalls, json!(false));
    }
    Ok(())
}

fn read_text(body: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    let Some(mut text) = body.object("text")? else {
        return Ok(());
    };
    if let Some(verbosity) = text.string("verbosity")? {
        request.set_param(Param::Verbosity, json!(verbosity));
    }
    if let Some(format) = text.object("format")? {
        request.response_format = Some(read_format(format)?);
    }
    keep_rest(text, "text", request);
    Ok(())
}

fn read_format(mut format: Taker) -> Result<ResponseFormat, RequestError> {
    match format.required_string("type")?.as_str() {
        "text" => Ok(ResponseFormat::Text),
        "json_object" => Ok(ResponseFormat::JsonObject),
        "json_schema" => Ok(ResponseFormat::JsonSchema {
            name: format.required_string("name")?,
            description: format.string("description")?,
            schema: match format.take("schema") {
                Some(schema) if schema.is_object() => schema,
                _ => return Err(format.error("schema", "a JSON schema")),
            },
            strict: format.flag("strict")?,
        }),
        _ => Err(format.error("type", "`text`, `json_object` or `json_schema`")),
    }
}

fn read_reasoning(body: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    let Some(mut reasoning) = body.object("reasoning")? else {
        return Ok(());
    };
    let effort = reasoning.string("effort")?;
    let former_name = reasoning.string("generate_summary")?;
    let summary = reasoning.string("summary")?.or(former_name);
    if effort.is_some() || summary.is_some() {
        request.reasoning = Some(Reasoning {
            effort,
            include_thoughts: summary.is_some().then_some(true),
            summary,
            ..Reasoning::default()
        });
    }
    keep_rest(reasoning, "reasoning", request);
    Ok(())
}

/// Members of a member that no other format knows, to be named as `outer.inner`.
fn keep_rest(taker: Taker, outer: &str, request: &mut Request) {
    for (key, value) in taker.rest() {
        request.rest.insert(format!("{outer}.{key}"), value);
    }
}

/// `include` asks for log probabilities among other things.
fn read_logprobs(body: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    let top = body.count("top_logprobs")?.filter(|&top| top > 0);
    let mut include = body.list("include")?.unwrap_or_default();
    let asked = include.len();
    include.retain(|one| one != "message.output_text.logprobs");
    if top.is_some() || include.len() < asked {
        request.set_param(Param::Logprobs, json!(true));
    }
    if let Some(top) = top {
        request.set_param(Param::TopLogprobs, json!(top));
    }
    // Signatures are always handed on.
    include.retain(|one| one != "reasoning.encrypted_content");
    if !include.is_empty() {
        request.set_param(Param::Include, Value::Array(include));
    }
    Ok(())
}

/// Members that say nothing where they say the default.
fn read_defaults(body: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    if let Some(truncation) = body.string("truncation")?.filter(|it| it != "disabled") {
        request.set_param(Param::Truncation, json!(truncation));
    }
    if let Some(mut options) = body.object("stream_options")? {
        // Padding against eavesdroppers is between OpenAI and its clients.
        options.flag("include_obfuscation")?;
        keep_rest(options, "stream_options", request);
    }
    Ok(())
}
