//! A request to Anthropic, or to Anthropic's models on Vertex AI.

use serde_json::{Value, json};

use super::body::{Body, Metadata, OutputConfig, OutputFormat, System, ToolDefinition};
use super::conversation::{self, Conversation, keep_last_marks, lacks_thoughts_of_calls, marks_of};
use super::sampling;
use super::think::{self, Circumstances};
use super::tools::{self, WEAKER};
use crate::anthropic::model::Model;
use crate::anthropic::schema;
use crate::loss::{Loss, Losses};
use crate::neutral::{Param, Request, ResponseFormat};
use crate::translate::Target;

/// How many parts of a prompt may be marked to be cached.
const MAX_CACHE_MARKS: usize = 4;

/// The longest `metadata.user_id`.
const MAX_USER_CHARS: usize = 256;

pub(crate) fn write_request(
    request: &Request,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Vec<u8>, Loss> {
    check_values(request, losses)?;
    let model = Model::named(target.model);
    let Conversation { system, turns } = conversation::write(request, losses)?;
    let tools = tools::write(request, model, conversation::called_tools(&turns), losses)?;
    let circumstances = Circumstances {
        is_tool_forced: tools.is_forced,
        lacks_thoughts_of_calls: lacks_thoughts_of_calls(&turns),
    };
    let plan = think::plan(request, target, &circumstances, losses)?;
    let sampling = sampling::write(request, model, plan.thinks(), losses)?;
    let format = output_format(request, model, losses)?;
    let mut body = Body {
        model: target.anthropic_version.is_none().then_some(target.model),
        anthropic_version: target.anthropic_version,
        max_tokens: plan.max_tokens,
        system,
        messages: turns,
        tools: tools.definitions,
        tool_choice: tools.choice,
        thinking: plan.thinking,
        output_config: (plan.effort.is_some() || format.is_some()).then_some(OutputConfig {
            effort: plan.effort,
            format,
        }),
        stop_sequences: stop_sequences(request, losses)?,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        metadata: user(request, losses)?.map(|user_id| Metadata { user_id }),
        service_tier: service_tier(request, losses)?,
        mcp_servers: request.param(Param::McpServers),
        context_management: context_management(request, losses)?,
        cache_control: request.param(Param::CacheControl),
        stream: request.stream,
    };
    limit_cache_marks(&mut body, losses)?;
    Ok(to_json(&body))
}

#[expect(
    clippy::expect_used,
    reason = "every key is a string, and writing to memory cannot fail"
)]
fn to_json(body: &Body<'_>) -> Vec<u8> {
    serde_json::to_vec(body).expect("a request serializes")
}

/// Some parameters are carried for the one value that asks for nothing special.
fn check_values(request: &Request, losses: &mut Losses) -> Result<(), Loss> {
    let is = |param, plain: Value| request.param(param).is_none_or(|value| *value == plain);
    if !is(Param::N, json!(1)) {
        losses.meaning("n", "that format gives one answer")?;
    }
    if !is(Param::Logprobs, json!(false)) {
        losses.meaning("logprobs", "that format has none")?;
    }
    if !is(Param::Store, json!(false)) {
        losses.hint("store", "that format stores no answers")?;
    }
    if !is(Param::Modalities, json!(["text"])) {
        losses.meaning("modalities", "that format answers with text alone")?;
    }
    Ok(())
}

fn stop_sequences<'a>(request: &'a Request, losses: &mut Losses) -> Result<&'a [String], Loss> {
    if request.stop.iter().any(|text| text.trim().is_empty()) {
        losses.meaning(
            "stop",
            "that format's stop sequences must be more than white space",
        )?;
        return Ok(&[]);
    }
    Ok(&request.stop)
}

fn output_format(
    request: &Request,
    model: Model,
    losses: &mut Losses,
) -> Result<Option<OutputFormat>, Loss> {
    let Some(ResponseFormat::JsonSchema { schema, .. }) = &request.response_format else {
        return Ok(None);
    };
    if !model.has_structured_outputs() {
        losses.meaning(
            Param::JsonSchema.as_str(),
            "this model has no structured outputs",
        )?;
        return Ok(None);
    }
    let restricted = schema::restrict(schema);
    if restricted.is_weaker {
        losses.hint("response_format (constraints)", WEAKER)?;
    }
    Ok(Some(OutputFormat {
        r#type: "json_schema",
        schema: restricted.schema,
    }))
}

fn user<'a>(request: &'a Request, losses: &mut Losses) -> Result<Option<&'a str>, Loss> {
    let given = |param| request.param(param).and_then(Value::as_str);
    let user = given(Param::SafetyIdentifier).or_else(|| given(Param::User));
    if user.is_some_and(|user| user.chars().count() > MAX_USER_CHARS) {
        losses.hint("user", "that format takes at most 256 characters")?;
        return Ok(None);
    }
    Ok(user)
}

fn service_tier(request: &Request, losses: &mut Losses) -> Result<Option<&'static str>, Loss> {
    match request.param(Param::ServiceTier).and_then(Value::as_str) {
        None => Ok(None),
        Some("auto" | "priority") => Ok(Some("auto")),
        Some("default" | "standard_only") => Ok(Some("standard_only")),
        Some(_) => {
            losses.hint("service_tier", "that format has no such tier")?;
            Ok(None)
        }
    }
}

/// OpenAI's member of this name is a list of something else.
fn context_management<'a>(
    request: &'a Request,
    losses: &mut Losses,
) -> Result<Option<&'a Value>, Loss> {
    match request.param(Param::ContextManagement) {
        Some(value) if !value.is_object() => {
            losses.hint("context_management", "that format's is of another shape")?;
            Ok(None)
        }
        value => Ok(value),
    }
}

fn limit_cache_marks(body: &mut Body<'_>, losses: &mut Losses) -> Result<(), Loss> {
    // The mark of the whole request counts as one of them.
    let max = MAX_CACHE_MARKS - usize::from(body.cache_control.is_some());
    let mut marks = Vec::new();
    for tool in &mut body.tools {
        if let ToolDefinition::Function { cache_control, .. } = tool {
            marks.push(cache_control);
        }
    }
    if let Some(System::Blocks(blocks)) = &mut body.system {
        marks.extend(marks_of(blocks));
    }
    for turn in &mut body.messages {
        marks.extend(marks_of(&mut turn.content));
    }
    if keep_last_marks(marks.into_iter(), max) {
        losses.hint(
            "cache_control",
            "at most four parts can be marked, and the last four are",
        )?;
    }
    Ok(())
}
