//! Tools and the choice among them: flat here, nested in chat.

use serde_json::{Value, json};

use crate::chat::tool_names::fit_name;
use crate::fields::{RequestError, Taker};
use crate::format::Format;
use crate::neutral::{Fields, Tool, ToolChoice};

/// Reads `tools`.
pub(super) fn read(body: &mut Taker) -> Result<Vec<Tool>, RequestError> {
    let tools = body.list("tools")?.unwrap_or_default();
    let read_one = |(at, tool)| read_tool(Taker::of(tool, format!("tools[{at}]"))?);
    tools.into_iter().enumerate().map(read_one).collect()
}

fn read_tool(mut tool: Taker) -> Result<Tool, RequestError> {
    let kind = match tool.peek("type") {
        Some(Value::String(kind)) => kind.clone(),
        _ => return Err(tool.error("type", "a string")),
    };
    match kind.as_str() {
        "function" => {
            tool.take("type");
            let parameters = match tool.take("parameters") {
                Some(schema) if !schema.is_object() => {
                    return Err(tool.error("parameters", "a JSON schema"));
                }
                schema => schema,
            };
            Ok(Tool::Function {
                name: tool.required_string("name")?,
                description: tool.string("description")?,
                parameters,
                strict: tool.flag("strict")?,
                cache: None,
                rest: tool.rest(),
            })
        }
        "custom" => Ok(Tool::Custom {
            name: tool.required_string("name")?,
            description: tool.string("description")?,
            format: tool.take("format"),
        }),
        _ => Ok(Tool::Hosted {
            format: Format::Responses,
            kind,
            value: tool.into_value(),
        }),
    }
}

/// A tool as this format has it; none if only another format knows it.
pub(super) fn write(tool: &Tool) -> Option<Value> {
    let mut written = Fields::new();
    match tool {
        Tool::Function {
            name,
            description,
            parameters,
            strict,
            ..
        } => {
            written.insert("type".into(), json!("function"));
            written.insert("name".into(), json!(fit_name(name)));
            if let Some(text) = description {
                written.insert("description".into(), json!(text));
            }
            let schema = parameters.clone().unwrap_or_else(
                || json!({"type": "object", "properties": {}, "additionalProperties": false}),
            );
            written.insert("parameters".into(), schema);
            // What is not said means strict here, unlike in every other format.
            written.insert("strict".into(), json!(strict.unwrap_or(false)));
        }
        Tool::Custom {
            name,
            description,
            format,
        } => {
            written.insert("type".into(), json!("custom"));
            written.insert("name".into(), json!(fit_name(name)));
            if let Some(text) = description {
                written.insert("description".into(), json!(text));
            }
            if let Some(format) = format {
                written.insert("format".into(), format.clone());
            }
        }
        Tool::Hosted {
            format: Format::Responses,
            value,
            ..
        } => return Some(value.clone()),
        Tool::Hosted { .. } => return None,
    }
    Some(Value::Object(written))
}

/// What `tool_choice` says.
pub(super) enum Choice {
    /// Something that other formats have, too. `auto` is none: it is the default everywhere, and not every format has a
    /// word for it.
    Known(Option<ToolChoice>),
    /// A choice of a hosted tool.
    Hosted(Value),
}

/// Reads `tool_choice`.
pub(super) fn read_choice(body: &mut Taker) -> Result<Choice, RequestError> {
    const EXPECTED: &str = "`auto`, `none`, `required` or an object that names tools";
    let Some(value) = body.take("tool_choice") else {
        return Ok(Choice::Known(None));
    };
    let known = |choice| Ok(Choice::Known(Some(choice)));
    if let Value::String(word) = &value {
        return match word.as_str() {
            "auto" => Ok(Choice::Known(None)),
            "none" => known(ToolChoice::None),
            "required" => known(ToolChoice::Required),
            _ => Err(body.error("tool_choice", EXPECTED)),
        };
    }
    let Some(Value::String(kind)) = value.get("type") else {
        return Err(body.error("tool_choice", EXPECTED));
    };
    match kind.as_str() {
        "function" | "custom" => match value.get("name") {
            Some(Value::String(name)) => known(ToolChoice::Named(name.clone())),
            _ => Err(body.error("tool_choice.name", "a string")),
        },
        "allowed_tools" => match read_allowed(&value) {
            Some(allowed) => known(allowed),
            None => Ok(Choice::Hosted(value)),
        },
        _ => Ok(Choice::Hosted(value)),
    }
}

/// None if a hosted tool is among the allowed ones.
fn read_allowed(choice: &Value) -> Option<ToolChoice> {
    let tools = choice.get("tools")?.as_array()?;
    let name = |tool: &Value| Some(tool.get("name")?.as_str()?.to_owned());
    Some(ToolChoice::Allowed {
        names: tools.iter().map(name).collect::<Option<_>>()?,
        required: choice.get("mode").is_some_and(|mode| mode == "required"),
    })
}

/// A choice as this format has it.
pub(super) fn write_choice(choice: &ToolChoice, tools: &[Tool]) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => named(name, tools),
        ToolChoice::Allowed { names, required } => json!({
            "type": "allowed_tools",
            "mode": if *required { "required" } else { "auto" },
            "tools": names.iter().map(|name| named(name, tools)).collect::<Vec<_>>(),
        }),
    }
}

fn named(name: &str, tools: &[Tool]) -> Value {
    let is_custom = tools
        .iter()
        .any(|tool| matches!(tool, Tool::Custom { name: one, .. } if one == name));
    json!({"type": if is_custom { "custom" } else { "function" }, "name": fit_name(name)})
}
