//! Reading the tools, and how they may be called.

use serde_json::{Value, json};

use crate::fields::{RequestError, Taker};
use crate::format::Format;
use crate::gemini::members::{elements, open, open_member, strings};
use crate::gemini::schema;
use crate::neutral::{Request, Tool, ToolChoice};

/// Reads `tools`. One of Google's tools may hold many functions and several hosted tools.
pub(super) fn read_tools(top: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    for (value, path) in elements(top, "tools")? {
        let mut tool = open(value, path)?;
        for (value, path) in elements(&mut tool, "functionDeclarations")? {
            request.tools.push(read_function(value, path)?);
        }
        for (kind, value) in tool.rest() {
            request.tools.push(Tool::Hosted {
                format: Format::Gemini,
                value: json!({ kind.as_str(): value }),
                kind,
            });
        }
    }
    Ok(())
}

fn read_function(value: Value, path: String) -> Result<Tool, RequestError> {
    let mut function = open(value, path)?;
    let name = function.required_string("name")?;
    let description = function.string("description")?;
    let json_schema = function.take("parametersJsonSchema");
    let own_schema = function.take("parameters").map(schema::from_google);
    Ok(Tool::Function {
        name,
        description,
        parameters: json_schema.or(own_schema),
        strict: None,
        cache: None,
        rest: function.rest(),
    })
}

/// Reads `toolConfig`.
pub(super) fn read_tool_config(top: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    let Some(mut config) = open_member(top, "toolConfig")? else {
        return Ok(());
    };
    if let Some(mut calling) = open_member(&mut config, "functionCallingConfig")? {
        request.tool_choice = read_choice(&mut calling)?;
        for (key, value) in calling.rest() {
            let path = format!("toolConfig.functionCallingConfig.{key}");
            request.rest.insert(path, value);
        }
    }
    for (key, value) in config.rest() {
        request.rest.insert(format!("toolConfig.{key}"), value);
    }
    Ok(())
}

fn read_choice(calling: &mut Taker) -> Result<Option<ToolChoice>, RequestError> {
    let mode = calling.string("mode")?.unwrap_or_default();
    let mut names = strings(calling, "allowedFunctionNames")?;
    let choice = match mode.to_ascii_uppercase().as_str() {
        "" | "MODE_UNSPECIFIED" if names.is_empty() => return Ok(None),
        "NONE" => ToolChoice::None,
        "ANY" if names.is_empty() => ToolChoice::Required,
        "ANY" if names.len() == 1 => ToolChoice::Named(names.swap_remove(0)),
        "ANY" => ToolChoice::Allowed {
            names,
            required: true,
        },
        "AUTO" | "VALIDATED" if names.is_empty() => ToolChoice::Auto,
        "" | "MODE_UNSPECIFIED" | "AUTO" | "VALIDATED" => ToolChoice::Allowed {
            names,
            required: false,
        },
        _ => return Err(calling.error("mode", "`AUTO`, `ANY`, `NONE` or `VALIDATED`")),
    };
    Ok(Some(choice))
}
