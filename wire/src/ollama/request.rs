//! Requests.

mod messages;
mod options;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::defaults::refuse_unless_default;
use crate::loss::{Carries, Loss, Losses};
use crate::neutral::{
    ContentKind, Param, Reasoning, Request, ResponseFormat, Tool as RequestTool, ToolChoice,
};
use crate::translate::Target;
use messages::Message;

pub(crate) const CARRIES: Carries = Carries {
    params: &[
        Param::MaxTokens,
        Param::Temperature,
        Param::TopP,
        Param::TopK,
        Param::MinP,
        Param::Stop,
        Param::N,
        Param::Seed,
        Param::PresencePenalty,
        Param::FrequencyPenalty,
        Param::Logprobs,
        Param::TopLogprobs,
        Param::Store,
        Param::Tools,
        Param::ToolChoice,
        Param::ParallelToolCalls,
        Param::JsonObject,
        Param::JsonSchema,
        Param::Reasoning,
        Param::Modalities,
        Param::Echo,
        Param::Prefill,
    ],
    content: &[
        ContentKind::Text,
        ContentKind::ImageData,
        ContentKind::Thinking,
        ContentKind::Refusal,
        ContentKind::ToolCall,
        ContentKind::ToolResult,
    ],
    rest: &[
        "options",
        "keep_alive",
        "think",
        "truncate",
        "shift",
        // Clients of OpenAI's format put these beside their own; they are members of `options`.
        "num_ctx",
        "num_keep",
        "num_batch",
        "num_gpu",
        "main_gpu",
        "num_thread",
        "use_mmap",
        "repeat_last_n",
        "repeat_penalty",
        "typical_p",
    ],
};

/// Those of [`CARRIES`] that have no place here and are carried because they usually ask for nothing.
const USUALLY_NOTHING: &[Param] = &[Param::N, Param::Store, Param::Modalities, Param::Echo];

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'a Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    options: Map<String, Value>,
    /// It streams unless told not to.
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    think: Option<Value>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    logprobs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_alive: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncate: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shift: Option<&'a Value>,
}

#[derive(Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: &'a Value,
}

#[expect(
    clippy::expect_used,
    reason = "a body of strings and JSON values serializes"
)]
pub(crate) fn write_request(
    request: &Request,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Vec<u8>, Loss> {
    refuse_unless_default(request, USUALLY_NOTHING, losses)?;
    let as_json = Value::from("json");
    let no_arguments = json!({ "type": "object", "properties": {} });
    let wants_logprobs = request.param(Param::Logprobs) == Some(&Value::Bool(true));
    let thinks = request
        .reasoning
        .as_ref()
        .and_then(|reasoning| think(reasoning, target.model));
    let body = Body {
        model: target.model,
        messages: messages::write_messages(request, losses)?,
        tools: write_tools(request, &no_arguments, losses)?,
        format: match &request.response_format {
            Some(ResponseFormat::JsonObject) => Some(&as_json),
            Some(ResponseFormat::JsonSchema { schema, .. }) => Some(schema),
            Some(ResponseFormat::Text) | None => None,
        },
        options: options::write_options(request, losses)?,
        stream: request.stream,
        think: request.rest.get("think").cloned().or(thinks),
        logprobs: wants_logprobs,
        top_logprobs: request.param(Param::TopLogprobs).filter(|_| wants_logprobs),
        keep_alive: request.rest.get("keep_alive"),
        truncate: request.rest.get("truncate"),
        shift: request.rest.get("shift"),
    };
    Ok(serde_json::to_vec(&body).expect("the body serializes"))
}

/// Whether and how hard to think. Only gpt-oss knows levels, and it knows nothing else; other models refuse them.
fn think(reasoning: &Reasoning, model: &str) -> Option<Value> {
    let effort = reasoning.effort_or_near();
    let is_on = reasoning.enabled != Some(false) && effort != Some("none");
    if effort.is_none() && reasoning.enabled.is_none() {
        return None;
    }
    let level = match effort {
        Some("minimal" | "low") => "low",
        Some("high" | "xhigh" | "max") => "high",
        _ => "medium",
    };
    Some(if is_on && model.contains("gpt-oss") {
        level.into()
    } else {
        is_on.into()
    })
}

/// The tools that may be called. That one must be called cannot be said.
fn write_tools<'a>(
    request: &'a Request,
    no_arguments: &'a Value,
    losses: &mut Losses,
) -> Result<Vec<Tool<'a>>, Loss> {
    let mut tools = Vec::new();
    for tool in &request.tools {
        let RequestTool::Function {
            name,
            description,
            parameters,
            strict,
            ..
        } = tool
        else {
            // The tables of losses have told of the others.
            continue;
        };
        let may_be_called = match &request.tool_choice {
            Some(ToolChoice::None) => false,
            Some(ToolChoice::Allowed { names, .. }) => names.contains(name),
            _ => true,
        };
        if !may_be_called {
            continue;
        }
        if *strict == Some(true) {
            losses.hint("strict of a tool", "that format has nothing like it")?;
        }
        tools.push(Tool {
            r#type: "function",
            function: Function {
                name,
                description: description.as_deref(),
                parameters: parameters.as_ref().unwrap_or(no_arguments),
            },
        });
    }
    if tools.is_empty() {
        return Ok(tools);
    }
    let must_call = matches!(
        request.tool_choice,
        Some(
            ToolChoice::Required
                | ToolChoice::Named(_)
                | ToolChoice::Allowed { required: true, .. }
        )
    );
    if must_call {
        losses.meaning(
            Param::ToolChoice.as_str(),
            "that format cannot demand that a tool is called",
        )?;
    }
    if request.param(Param::ParallelToolCalls) == Some(&Value::Bool(false)) {
        losses.meaning(
            Param::ParallelToolCalls.as_str(),
            "that format cannot forbid parallel calls",
        )?;
    }
    Ok(tools)
}
