//! The tools and which of them may be called.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};

use super::blocks::{Block, CachePoint};
use super::messages::cache_point;
use crate::bedrock::family::Family;
use crate::bedrock::names::tool_name;
use crate::loss::{Loss, Losses};
use crate::neutral::{Param, Request, Tool, ToolChoice};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'a> {
    tools: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Entry<'a> {
    ToolSpec(ToolSpec<'a>),
    CachePoint(CachePoint),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolSpec<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: Schema<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Schema<'a> {
    json: Cow<'a, Value>,
}

/// The tools that may be called. A history with tools in it must be sent with some tool, even where none may be called
/// now: then it is one that says so.
pub(super) fn write_tools<'a>(
    request: &'a Request,
    family: Family,
    has_tool_blocks: bool,
    losses: &mut Losses,
) -> Result<Option<ToolConfig<'a>>, Loss> {
    let mut tools = Vec::new();
    for tool in request
        .tools
        .iter()
        .filter(|tool| may_be_called(tool, request))
    {
        write_tool(tool, family, &mut tools, losses)?;
    }
    if tools.is_empty() {
        return Ok(has_tool_blocks.then(no_tool));
    }
    if request.param(Param::ParallelToolCalls) == Some(&Value::Bool(false)) {
        losses.parallel_calls(request, "that format cannot forbid parallel calls")?;
    }
    Ok(Some(ToolConfig {
        tools,
        tool_choice: write_choice(request.tool_choice.as_ref()),
    }))
}

fn may_be_called(tool: &Tool, request: &Request) -> bool {
    let Tool::Function { name, .. } = tool else {
        // The tables of losses have told of the others.
        return false;
    };
    match &request.tool_choice {
        Some(ToolChoice::None) => false,
        Some(ToolChoice::Allowed { names, .. }) => names.contains(name),
        _ => true,
    }
}

fn write_tool<'a>(
    tool: &'a Tool,
    family: Family,
    tools: &mut Vec<Entry<'a>>,
    losses: &mut Losses,
) -> Result<(), Loss> {
    let Tool::Function {
        name,
        description,
        parameters,
        strict,
        cache,
        ..
    } = tool
    else {
        return Ok(());
    };
    let is_strict = *strict == Some(true);
    if is_strict && !family.takes_strict() {
        losses.hint("strict of a tool", "the model does not take it")?;
    }
    tools.push(Entry::ToolSpec(ToolSpec {
        name: tool_name(name),
        // An empty one is refused.
        description: description.as_deref().filter(|it| !it.trim().is_empty()),
        input_schema: schema(parameters.as_ref()),
        strict: (is_strict && family.takes_strict()).then_some(true),
    }));
    if let Some(mark) = *cache
        && let Some(Block::CachePoint(point)) =
            cache_point(mark, family.caches_tools(), family, losses)?
    {
        tools.push(Entry::CachePoint(point));
    }
    Ok(())
}

/// A schema whose top is an object, as it must be.
fn schema(parameters: Option<&Value>) -> Schema<'_> {
    let json = match parameters {
        Some(schema @ Value::Object(fields)) if fields.contains_key("type") => {
            Cow::Borrowed(schema)
        }
        Some(Value::Object(fields)) => {
            let mut fields = fields.clone();
            fields.insert("type".into(), "object".into());
            Cow::Owned(Value::Object(fields))
        }
        _ => Cow::Owned(json!({ "type": "object", "properties": {} })),
    };
    Schema { json }
}

fn no_tool<'a>() -> ToolConfig<'a> {
    let spec = ToolSpec {
        name: Cow::Borrowed("no_tool_available"),
        description: Some("No tool is available now. Do not call this one."),
        input_schema: schema(None),
        strict: None,
    };
    ToolConfig {
        tools: vec![Entry::ToolSpec(spec)],
        tool_choice: None,
    }
}

/// Which tool must be called; that the model decides is the default, and some models refuse to be told.
fn write_choice(choice: Option<&ToolChoice>) -> Option<Value> {
    match choice? {
        ToolChoice::Required | ToolChoice::Allowed { required: true, .. } => {
            Some(json!({ "any": {} }))
        }
        ToolChoice::Named(name) => Some(json!({ "tool": { "name": tool_name(name) } })),
        ToolChoice::Auto | ToolChoice::None | ToolChoice::Allowed { .. } => None,
    }
}
