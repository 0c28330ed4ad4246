//! Tools, and which of them must or may be called.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::body::{CacheControl, ToolChoice, ToolDefinition};
use crate::anthropic::model::Model;
use crate::anthropic::names::fit;
use crate::anthropic::schema;
use crate::format::Format;
use crate::loss::{Loss, Losses};
use crate::neutral::{self, Param, Request, Tool};

pub(super) struct Tools<'a> {
    pub definitions: Vec<ToolDefinition<'a>>,
    pub choice: Option<ToolChoice<'a>>,
    /// Whether one must be called.
    pub is_forced: bool,
}

/// `called` are the tools that the conversation has calls of.
pub(super) fn write<'a>(
    request: &'a Request,
    model: Model,
    called: Vec<Cow<'a, str>>,
    losses: &mut Losses,
) -> Result<Tools<'a>, Loss> {
    let mut definitions = Vec::with_capacity(request.tools.len());
    for tool in request
        .tools
        .iter()
        .filter(|tool| is_allowed(tool, request))
    {
        definitions.extend(define(tool, model, losses)?);
    }
    if definitions.is_empty() {
        return Ok(only_for_history(called));
    }
    let mut choice = choose(request, losses)?;
    let mut is_forced = choice
        .as_ref()
        .is_some_and(|it| matches!(it.r#type, "any" | "tool"));
    if is_forced && !model.can_be_forced() {
        losses.meaning("tool_choice", "this model cannot be made to call a tool")?;
        choice = choice.map(|choice| ToolChoice {
            r#type: "auto",
            name: None,
            ..choice
        });
        is_forced = false;
    }
    Ok(Tools {
        definitions,
        choice,
        is_forced,
    })
}

/// A conversation with calls needs tools, also where none is to be called any more.
fn only_for_history(called: Vec<Cow<'_, str>>) -> Tools<'_> {
    let choice = (!called.is_empty()).then_some(ToolChoice {
        r#type: "none",
        name: None,
        disable_parallel_tool_use: false,
    });
    let define = |name| ToolDefinition::Function {
        name,
        description: None,
        input_schema: Cow::Owned(no_arguments()),
        strict: false,
        cache_control: None,
    };
    Tools {
        definitions: called.into_iter().map(define).collect(),
        choice,
        is_forced: false,
    }
}

fn no_arguments() -> Value {
    json!({"type": "object", "properties": {}})
}

/// Tools that may not be called are not told, which comes to the same.
fn is_allowed(tool: &Tool, request: &Request) -> bool {
    let Some(neutral::ToolChoice::Allowed { names, .. }) = &request.tool_choice else {
        return true;
    };
    match tool {
        Tool::Function { name, .. } | Tool::Custom { name, .. } => names.contains(name),
        Tool::Hosted { value, .. } => {
            let name = value.get("name").and_then(Value::as_str);
            name.is_none_or(|name| names.iter().any(|one| one == name))
        }
    }
}

fn define<'a>(
    tool: &'a Tool,
    model: Model,
    losses: &mut Losses,
) -> Result<Option<ToolDefinition<'a>>, Loss> {
    match tool {
        Tool::Function {
            name,
            description,
            parameters,
            strict,
            cache,
            ..
        } => {
            let strict = *strict == Some(true);
            Ok(Some(ToolDefinition::Function {
                name: fit(name),
                description: description.as_deref().map(Cow::Borrowed),
                input_schema: input_schema(
                    parameters.as_ref(),
                    strict && model.has_structured_outputs(),
                    losses,
                )?,
                strict: strict && is_strict_known(model, losses)?,
                cache_control: cache.map(CacheControl::from),
            }))
        }
        Tool::Custom {
            name,
            description,
            format,
        } => define_custom(name, description.as_deref(), format.as_ref(), losses).map(Some),
        Tool::Hosted { format, value, .. } if *format == Format::Anthropic => {
            Ok(Some(ToolDefinition::Hosted(value)))
        }
        Tool::Hosted { kind, .. } => {
            losses.meaning(
                &format!("tools ({kind})"),
                "its provider runs it, and no other",
            )?;
            Ok(None)
        }
    }
}

fn is_strict_known(model: Model, losses: &mut Losses) -> Result<bool, Loss> {
    if !model.has_structured_outputs() {
        losses.hint("tools[].strict", "this model has no strict tools")?;
    }
    Ok(model.has_structured_outputs())
}

fn input_schema<'a>(
    parameters: Option<&'a Value>,
    is_strict: bool,
    losses: &mut Losses,
) -> Result<Cow<'a, Value>, Loss> {
    let Some(Value::Object(members)) = parameters else {
        return Ok(Cow::Owned(no_arguments()));
    };
    let schema = match (parameters, members.get("type")) {
        (Some(parameters), Some(kind)) if kind == "object" => Cow::Borrowed(parameters),
        _ => Cow::Owned(as_object(members)),
    };
    if !is_strict {
        return Ok(schema);
    }
    let restricted = schema::restrict(&schema);
    if restricted.is_weaker {
        losses.hint("tools[].parameters (constraints)", WEAKER)?;
    }
    Ok(Cow::Owned(restricted.schema))
}

/// What is said where a schema's constraints become words.
pub(super) const WEAKER: &str =
    "that format does not enforce all of them, so they are only described to the model";

/// The schema of an object must say that it is one.
fn as_object(members: &Map<String, Value>) -> Value {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    if members.is_empty() {
        schema.insert("properties".to_owned(), json!({}));
    }
    let others = members.iter().filter(|(key, _)| *key != "type");
    schema.extend(others.map(|(key, value)| (key.clone(), value.clone())));
    Value::Object(schema)
}

/// A tool with free text becomes one with a single argument; the answer's reader takes the text out again.
fn define_custom<'a>(
    name: &'a str,
    description: Option<&'a str>,
    format: Option<&Value>,
    losses: &mut Losses,
) -> Result<ToolDefinition<'a>, Loss> {
    let grammar = format.filter(|format| format.get("type") == Some(&json!("grammar")));
    let mut description = description.map(Cow::Borrowed);
    if let Some(grammar) = grammar {
        losses.hint("tools[].format (grammar)", WEAKER)?;
        let words = description.unwrap_or_default();
        description = Some(Cow::Owned(format!(
            "{words}\n\nThe input must follow this grammar: {grammar}"
        )));
    }
    Ok(ToolDefinition::Function {
        name: fit(name),
        description,
        input_schema: Cow::Owned(json!({
            "type": "object",
            "properties": {"input": {"type": "string", "description": "The tool's whole input, as plain text."}},
            "required": ["input"],
        })),
        strict: false,
        cache_control: None,
    })
}

fn choose<'a>(request: &'a Request, losses: &mut Losses) -> Result<Option<ToolChoice<'a>>, Loss> {
    let is_single = request.param(Param::ParallelToolCalls) == Some(&json!(false));
    let (kind, name) = match &request.tool_choice {
        None if is_single => ("auto", None),
        None => return Ok(None),
        Some(neutral::ToolChoice::Auto) => ("auto", None),
        Some(neutral::ToolChoice::None) => ("none", None),
        Some(neutral::ToolChoice::Required) => ("any", None),
        Some(neutral::ToolChoice::Named(name)) => {
            let is_known = request.tools.iter().any(|tool| match tool {
                Tool::Function { name: one, .. } | Tool::Custom { name: one, .. } => one == name,
                Tool::Hosted { .. } => true,
            });
            if !is_known {
                losses.meaning("tool_choice", "it names a tool that is not there")?;
                return Ok(None);
            }
            ("tool", Some(fit(name)))
        }
        Some(neutral::ToolChoice::Allowed { required: true, .. }) => ("any", None),
        Some(neutral::ToolChoice::Allowed { .. }) => ("auto", None),
    };
    Ok(Some(ToolChoice {
        r#type: kind,
        name,
        disable_parallel_tool_use: is_single && kind != "none",
    }))
}
