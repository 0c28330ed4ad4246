//! A request for an OpenAI-compatible target, written for clients of other formats.

use serde_json::{Map, Value, json};

use super::tools::nest_format;
use super::write_messages;
use crate::chat::strictness;
use crate::chat::tool_names::{fit_name, fit_user};
use crate::format::Format;
use crate::loss::{Carries, Loss, Losses};
use crate::neutral::{ContentKind, Param, Reasoning, Request, ResponseFormat, Tool, ToolChoice};
use crate::translate::{Prefill, Target};

/// What chat can say of other formats' requests. `top_k` and `min_p` it cannot: OpenAI refuses a request that has them.
pub(crate) const CARRIES: Carries = Carries {
    params: &[
        Param::MaxTokens,
        Param::Temperature,
        Param::TopP,
        Param::Stop,
        Param::N,
        Param::Seed,
        Param::PresencePenalty,
        Param::FrequencyPenalty,
        Param::LogitBias,
        Param::Logprobs,
        Param::TopLogprobs,
        Param::User,
        Param::SafetyIdentifier,
        Param::PromptCacheKey,
        Param::Metadata,
        Param::ServiceTier,
        Param::Store,
        Param::Tools,
        // Only the tools of chat itself, which the writer checks.
        Param::HostedTools,
        Param::CustomTools,
        Param::ToolChoice,
        Param::ParallelToolCalls,
        Param::JsonObject,
        Param::JsonSchema,
        Param::Reasoning,
        Param::Verbosity,
        Param::Modalities,
        Param::AudioOutput,
        Param::Prediction,
        Param::WebSearchOptions,
        Param::Prefill,
    ],
    content: &[
        ContentKind::Text,
        ContentKind::ImageUrl,
        ContentKind::ImageData,
        ContentKind::AudioUrl,
        ContentKind::AudioData,
        ContentKind::VideoUrl,
        ContentKind::VideoData,
        ContentKind::FileData,
        ContentKind::FileId,
        // Where the target has no member for them, the writer says so.
        ContentKind::Thinking,
        ContentKind::Refusal,
        ContentKind::ToolCall,
        ContentKind::CustomToolCall,
        ContentKind::ToolResult,
        // Only what is of chat itself, which the writer checks.
        ContentKind::Other,
    ],
    rest: &[],
};

/// Writes a request.
pub(crate) fn write_request(
    request: &Request,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Vec<u8>, Loss> {
    let mut body = Map::new();
    let mut set = |key: &str, value: Value| {
        body.insert(key.to_owned(), value);
    };
    set("model", target.model.into());
    let messages = write_messages::write(&request.messages, target, losses)?;
    set("messages", messages.into());
    if target.prefill == Prefill::ContinueFinalMessage && request.param(Param::Prefill).is_some() {
        set("continue_final_message", true.into());
        set("add_generation_prompt", false.into());
    }
    strictness::check(request, losses)?;
    let tools = write_tools(&request.tools, losses)?;
    let has_tools = !tools.is_empty();
    if has_tools {
        set("tools", tools.into());
    }
    if let Some(choice) = &request.tool_choice
        && has_tools
    {
        set("tool_choice", write_choice(choice, &request.tools));
    }
    if let Some(max_tokens) = request.max_tokens {
        let field = target.max_tokens_field.unwrap_or("max_completion_tokens");
        set(field, max_tokens.into());
    }
    if !request.stop.is_empty() {
        set("stop", request.stop.clone().into());
    }
    let response_format = request.response_format.as_ref();
    if let Some(format) = response_format.and_then(write_response_format) {
        set("response_format", format);
    }
    if let Some(reasoning) = &request.reasoning
        && let Some(effort) = write_effort(reasoning, losses)?
    {
        set("reasoning_effort", effort.into());
    }
    for (param, value) in &request.params {
        if let Some(value) = write_param(*param, value, has_tools) {
            set(param.as_str(), value);
        }
    }
    // OpenAI refuses a number of likely tokens without the switch that other formats do without.
    if request.param(Param::TopLogprobs).is_some() && request.param(Param::Logprobs).is_none() {
        set(Param::Logprobs.as_str(), true.into());
    }
    if request.stream {
        set("stream", true.into());
        // Usage is always asked for: the gateway meters with it, and most formats tell it unasked.
        if target.stream_options {
            set("stream_options", json!({"include_usage": true}));
        }
    }
    Ok(Value::Object(body).to_string().into_bytes())
}

fn write_param(param: Param, value: &Value, has_tools: bool) -> Option<Value> {
    if !CARRIES.params.contains(&param) {
        return None;
    }
    match param {
        Param::Prefill => None,
        // OpenAI refuses it where there are no tools.
        Param::ParallelToolCalls if !has_tools => None,
        Param::User | Param::SafetyIdentifier => Some(fit_user(value.as_str()?).into()),
        // Anthropic's word for what is not the faster tier.
        Param::ServiceTier if value == "standard_only" => Some("default".into()),
        _ => Some(value.clone()),
    }
}

/// The effort, or what a budget in tokens stands for. Not to think at all is a wish that only few models of this format
/// know, and others refuse; so it is sent only where the client said `none` itself.
fn write_effort(reasoning: &Reasoning, losses: &mut Losses) -> Result<Option<String>, Loss> {
    const WHY: &str = "most models of that format refuse to be told not to think";
    if reasoning.effort.is_none() && reasoning.effort_or_near() == Some("none") {
        losses.hint(Param::Reasoning.as_str(), WHY)?;
        return Ok(None);
    }
    Ok(reasoning.effort_or_near().map(str::to_owned))
}

fn write_response_format(format: &ResponseFormat) -> Option<Value> {
    match format {
        ResponseFormat::Text => None,
        ResponseFormat::JsonObject => Some(json!({"type": "json_object"})),
        ResponseFormat::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => {
            let mut inner = Map::new();
            // Schemas are named as tools are.
            inner.insert("name".to_owned(), fit_name(name).into());
            if let Some(description) = description {
                inner.insert("description".to_owned(), description.as_str().into());
            }
            inner.insert("schema".to_owned(), schema.clone());
            if let Some(strict) = strictness::kept(*strict, Some(schema)) {
                inner.insert("strict".to_owned(), strict.into());
            }
            Some(json!({"type": "json_schema", "json_schema": inner}))
        }
    }
}

fn write_tools(tools: &[Tool], losses: &mut Losses) -> Result<Vec<Value>, Loss> {
    const WHY: &str = "only a provider of its own format runs it";
    let mut written = Vec::with_capacity(tools.len());
    for tool in tools {
        match tool {
            Tool::Function {
                name,
                description,
                parameters,
                strict,
                ..
            } => {
                let mut function = described(name, description.as_deref());
                if let Some(parameters) = parameters {
                    function.insert("parameters".to_owned(), parameters.clone());
                }
                if let Some(strict) = strictness::kept(*strict, parameters.as_ref()) {
                    function.insert("strict".to_owned(), strict.into());
                }
                written.push(json!({"type": "function", "function": function}));
            }
            Tool::Custom {
                name,
                description,
                format,
            } => {
                let mut custom = described(name, description.as_deref());
                if let Some(format) = format {
                    custom.insert("format".to_owned(), nest_format(format));
                }
                written.push(json!({"type": "custom", "custom": custom}));
            }
            Tool::Hosted {
                format: Format::Chat,
                value,
                ..
            } => written.push(value.clone()),
            Tool::Hosted { kind, .. } => losses.meaning(&format!("tools ({kind})"), WHY)?,
        }
    }
    Ok(written)
}

fn described(name: &str, description: Option<&str>) -> Map<String, Value> {
    let mut tool = Map::new();
    tool.insert("name".to_owned(), fit_name(name).into());
    if let Some(description) = description {
        tool.insert("description".to_owned(), description.into());
    }
    tool
}

fn write_choice(choice: &ToolChoice, tools: &[Tool]) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => reference(name, tools),
        ToolChoice::Allowed { names, required } => {
            let named: Vec<_> = names.iter().map(|name| reference(name, tools)).collect();
            let mode = if *required { "required" } else { "auto" };
            json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": named}})
        }
    }
}

/// How a tool is referred to.
fn reference(name: &str, tools: &[Tool]) -> Value {
    let is_custom = tools
        .iter()
        .any(|tool| matches!(tool, Tool::Custom { name: one, .. } if one == name));
    let sent = fit_name(name);
    if is_custom {
        json!({"type": "custom", "custom": {"name": sent}})
    } else {
        json!({"type": "function", "function": {"name": sent}})
    }
}
