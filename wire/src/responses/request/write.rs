//! Writing a request for a provider.

use serde_json::{Value, json};

use super::write_input::{Input, write_input};
use crate::chat::strictness;
use crate::chat::tool_names::fit_user;
use crate::format::Format;
use crate::loss::{Carries, Loss, Losses};
use crate::neutral::{ContentKind, Fields, Param, Request, ResponseFormat, ToolChoice};
use crate::responses::response::to_json;
use crate::responses::tools;
use crate::translate::Target;

pub(crate) const CARRIES: Carries = Carries {
    params: &[
        Param::MaxTokens,
        Param::Temperature,
        Param::TopP,
        Param::N,
        Param::Logprobs,
        Param::TopLogprobs,
        Param::User,
        Param::SafetyIdentifier,
        Param::PromptCacheKey,
        Param::Metadata,
        Param::ServiceTier,
        Param::Store,
        Param::Tools,
        Param::CustomTools,
        Param::ToolChoice,
        Param::ParallelToolCalls,
        Param::JsonObject,
        Param::JsonSchema,
        Param::Reasoning,
        Param::Verbosity,
        Param::Modalities,
        Param::WebSearchOptions,
        Param::Truncation,
    ],
    content: &[
        ContentKind::Text,
        ContentKind::ImageUrl,
        ContentKind::ImageData,
        ContentKind::ImageId,
        ContentKind::AudioData,
        ContentKind::FileUrl,
        ContentKind::FileData,
        ContentKind::FileId,
        ContentKind::Thinking,
        ContentKind::Refusal,
        ContentKind::ToolCall,
        ContentKind::CustomToolCall,
        ContentKind::ToolResult,
        ContentKind::Other,
    ],
    rest: &[],
};

/// Members that are written as they are.
const PLAIN: [(Param, &str); 8] = [
    (Param::Temperature, "temperature"),
    (Param::TopP, "top_p"),
    (Param::TopLogprobs, "top_logprobs"),
    (Param::User, "user"),
    (Param::SafetyIdentifier, "safety_identifier"),
    (Param::PromptCacheKey, "prompt_cache_key"),
    (Param::Metadata, "metadata"),
    (Param::Truncation, "truncation"),
];

/// OpenAI refuses a smaller `max_output_tokens`.
const MIN_OUTPUT_TOKENS: u64 = 16;

pub(crate) fn write_request(
    request: &Request,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Vec<u8>, Loss> {
    let mut body = Fields::new();
    let mut set = |key: &str, value| body.insert(key.to_owned(), value);
    set("model", json!(target.model));
    let Input {
        instructions,
        items,
        has_thoughts,
    } = write_input(request, target, losses)?;
    if let Some(text) = instructions {
        set("instructions", json!(text));
    }
    set("input", Value::Array(items));
    strictness::check(request, losses)?;
    write_tools(request, &mut body);
    write_limits(request, &mut body, losses)?;
    write_text(request, &mut body);
    let include = write_reasoning(request, has_thoughts, &mut body, losses)?;
    if !include.is_empty() {
        body.insert("include".to_owned(), json!(include));
    }
    for (param, key) in PLAIN {
        if let Some(value) = request.param(param) {
            let value = match (param, value) {
                (Param::User | Param::SafetyIdentifier, Value::String(user)) => {
                    json!(fit_user(user))
                }
                _ => value.clone(),
            };
            body.insert(key.to_owned(), value);
        }
    }
    if let Some(tier) = request.param(Param::ServiceTier) {
        // Anthropic's word for it.
        let tier = if tier == "standard_only" {
            &json!("default")
        } else {
            tier
        };
        body.insert("service_tier".to_owned(), tier.clone());
    }
    body.insert("store".to_owned(), json!(false));
    if request.stream {
        body.insert("stream".to_owned(), json!(true));
    }
    Ok(to_json(&body))
}

fn write_tools(request: &Request, body: &mut Fields) {
    let mut written: Vec<Value> = request.tools.iter().filter_map(tools::write).collect();
    for tool in &mut written {
        strictness::relax(tool, "parameters");
    }
    if let Some(options) = request.param(Param::WebSearchOptions) {
        written.push(web_search(options));
    }
    let has_tools = !written.is_empty();
    if has_tools {
        body.insert("tools".to_owned(), Value::Array(written));
    }
    match &request.tool_choice {
        // Without tools the choice is refused, and says nothing.
        Some(ToolChoice::Auto | ToolChoice::None) if !has_tools => {}
        Some(choice) => {
            let written = tools::write_choice(choice, &request.tools);
            body.insert("tool_choice".to_owned(), written);
        }
        None => {}
    }
    if let Some(flag) = request
        .param(Param::ParallelToolCalls)
        .filter(|_| has_tools)
    {
        body.insert("parallel_tool_calls".to_owned(), flag.clone());
    }
}

/// Chat's `web_search_options` as the tool that it stands for.
fn web_search(options: &Value) -> Value {
    let mut tool = Fields::new();
    tool.insert("type".to_owned(), json!("web_search"));
    if let Some(size) = options
        .get("search_context_size")
        .filter(|it| it.is_string())
    {
        tool.insert("search_context_size".to_owned(), size.clone());
    }
    let place = options
        .get("user_location")
        .and_then(|it| it.get("approximate"));
    if let Some(Value::Object(place)) = place {
        let mut place = place.clone();
        place.insert("type".to_owned(), json!("approximate"));
        tool.insert("user_location".to_owned(), Value::Object(place));
    }
    Value::Object(tool)
}

fn write_limits(request: &Request, body: &mut Fields, losses: &mut Losses) -> Result<(), Loss> {
    if let Some(max) = request.max_tokens {
        if max < MIN_OUTPUT_TOKENS {
            losses.hint("max_tokens", "the smallest limit of that format is 16")?;
        }
        let max = max.max(MIN_OUTPUT_TOKENS);
        body.insert("max_output_tokens".to_owned(), json!(max));
    }
    if request
        .param(Param::N)
        .is_some_and(|n| n.as_u64() != Some(1))
    {
        losses.meaning("n", "that format gives one answer")?;
    }
    if let Some(Value::Array(kinds)) = request.param(Param::Modalities)
        && kinds.iter().any(|kind| kind != "text")
    {
        losses.meaning("modalities", "answers of that format are text")?;
    }
    if request.param(Param::Store) == Some(&Value::Bool(true)) {
        losses.hint("store", "answers are not kept at the provider")?;
    }
    Ok(())
}

fn write_text(request: &Request, body: &mut Fields) {
    let mut text = Fields::new();
    if let Some(format) = &request.response_format {
        let mut written = write_format(format);
        strictness::relax(&mut written, "schema");
        text.insert("format".to_owned(), written);
    }
    if let Some(verbosity) = request.param(Param::Verbosity) {
        text.insert("verbosity".to_owned(), verbosity.clone());
    }
    if !text.is_empty() {
        body.insert("text".to_owned(), Value::Object(text));
    }
}

/// `text.format`.
pub(in crate::responses) fn write_format(format: &ResponseFormat) -> Value {
    let ResponseFormat::JsonSchema {
        name,
        description,
        schema,
        strict,
    } = format
    else {
        let is_text = matches!(format, ResponseFormat::Text);
        return json!({"type": if is_text { "text" } else { "json_object" }});
    };
    let mut written = Fields::new();
    written.insert("type".to_owned(), json!("json_schema"));
    written.insert("name".to_owned(), json!(schema_name(name)));
    if let Some(text) = description {
        written.insert("description".to_owned(), json!(text));
    }
    written.insert("schema".to_owned(), schema.clone());
    if let Some(strict) = strict {
        written.insert("strict".to_owned(), json!(strict));
    }
    Value::Object(written)
}

/// Other formats name schemas as they like, or not at all; here it is letters, digits, `_` and `-`, at most 64.
fn schema_name(name: &str) -> String {
    let plain = |letter: char| {
        let is_plain = letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        if is_plain { letter } else { '_' }
    };
    let name: String = name.chars().take(64).map(plain).collect();
    if name.is_empty() {
        "answer".to_owned()
    } else {
        name
    }
}

/// Returns what `include` must ask for.
fn write_reasoning(
    request: &Request,
    has_thoughts: bool,
    body: &mut Fields,
    losses: &mut Losses,
) -> Result<Vec<&'static str>, Loss> {
    let mut include = Vec::new();
    let mut effort = request
        .reasoning
        .as_ref()
        .and_then(|it| it.effort_or_near());
    let thinks = request.reasoning.is_some() && effort != Some("none");
    if thinks || has_thoughts {
        // Nothing is stored, so the thoughts must come along to be sent back. Models that do not think refuse this.
        include.push("reasoning.encrypted_content");
    }
    if request.param(Param::Logprobs) == Some(&Value::Bool(true)) {
        include.push("message.output_text.logprobs");
    }
    let Some(reasoning) = &request.reasoning else {
        return Ok(include);
    };
    // Only few models know the word, and the others refuse it: it is sent where the client itself said it.
    if effort == Some("none") && reasoning.effort.is_none() {
        let why = "most models of that format refuse to be told not to think";
        losses.hint(Param::Reasoning.as_str(), why)?;
        effort = None;
    }
    let shown = (reasoning.include_thoughts == Some(true)).then_some("auto");
    let summary = reasoning.summary.as_deref().or(shown);
    let mut written = Fields::new();
    if let Some(effort) = effort {
        written.insert("effort".to_owned(), json!(effort));
    }
    if let Some(summary) = summary {
        written.insert("summary".to_owned(), json!(summary));
    }
    if !written.is_empty() {
        body.insert("reasoning".to_owned(), Value::Object(written));
    }
    Ok(include)
}

/// The format these files write.
pub(super) const HERE: Format = Format::Responses;
