//! The tools of a request, and which of them must or may be called.

use serde_json::Value;

use crate::chat::content::take_cache_mark;
use crate::fields::{RequestError, Taker};
use crate::format::Format;
use crate::neutral::{Request, Tool, ToolChoice};

/// Reads `tools` and `tool_choice`, and the legacy `functions` and `function_call`.
pub(super) fn read(taker: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    for (at, tool) in taker.list("tools")?.into_iter().flatten().enumerate() {
        request.tools.push(read_tool(tool, format!("tools[{at}]"))?);
    }
    for (at, function) in taker.list("functions")?.into_iter().flatten().enumerate() {
        let function = Taker::of(function, format!("functions[{at}]"))?;
        request.tools.push(read_function(function, None)?);
    }
    let choice = read_choice(taker)?;
    let legacy = read_legacy_choice(taker)?;
    request.tool_choice = choice.or(legacy).filter(|choice| {
        // Without tools these two say nothing.
        !request.tools.is_empty() || !matches!(choice, ToolChoice::Auto | ToolChoice::None)
    });
    Ok(())
}

fn read_tool(tool: Value, path: String) -> Result<Tool, RequestError> {
    let mut taker = Taker::of(tool, path)?;
    let kind = match taker.peek("type") {
        Some(Value::String(kind)) => kind.clone(),
        None if taker.peek("function").is_some() => "function".to_owned(),
        _ => return Err(taker.error("type", "a string")),
    };
    match kind.as_str() {
        "function" => {
            let function = taker
                .object("function")?
                .ok_or_else(|| taker.error("function", "an object with a `name`"))?;
            taker.take("type");
            read_function(function, Some(taker))
        }
        "custom" => {
            let mut custom = taker
                .object("custom")?
                .ok_or_else(|| taker.error("custom", "an object with a `name`"))?;
            Ok(Tool::Custom {
                name: custom.required_string("name")?,
                description: custom.string("description")?,
                format: custom.take("format").map(flatten_format),
            })
        }
        _ => Ok(Tool::Hosted {
            format: Format::Chat,
            kind,
            value: taker.into_value(),
        }),
    }
}

/// Chat puts a grammar one level deeper than Responses does, whose shape is what other formats see.
fn flatten_format(format: Value) -> Value {
    match format {
        Value::Object(mut format) => {
            if let Some(Value::Object(grammar)) = format.shift_remove("grammar") {
                format.extend(grammar);
            }
            Value::Object(format)
        }
        other => other,
    }
}

/// Puts it there again.
pub(super) fn nest_format(format: &Value) -> Value {
    let Some(flat) = format
        .as_object()
        .filter(|it| it.contains_key("definition"))
    else {
        return format.clone();
    };
    let mut grammar = flat.clone();
    let kind = grammar.shift_remove("type");
    serde_json::json!({"type": kind, "grammar": grammar})
}

/// Reads a function; `outer` is the tool around it, which may carry a cache mark as well.
fn read_function(mut function: Taker, outer: Option<Taker>) -> Result<Tool, RequestError> {
    let name = function.required_string("name")?;
    let description = function.string("description")?;
    let strict = function.flag("strict")?;
    let parameters = match function.take("parameters") {
        Some(schema) if !schema.is_object() => {
            return Err(function.error("parameters", "a JSON Schema"));
        }
        schema => schema,
    };
    let mut cache = take_cache_mark(&mut function);
    let mut rest = function.rest();
    if let Some(mut outer) = outer {
        cache = take_cache_mark(&mut outer).or(cache);
        rest.extend(outer.rest());
    }
    Ok(Tool::Function {
        name,
        description,
        parameters,
        strict,
        cache,
        rest,
    })
}

const CHOICES: &str = "`auto`, `none`, `required` or an object that names a tool";

fn read_choice(taker: &mut Taker) -> Result<Option<ToolChoice>, RequestError> {
    if let Some(Value::String(_)) = taker.peek("tool_choice") {
        let word = taker.required_string("tool_choice")?;
        return Ok(Some(match word.as_str() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            // Mistral's word is `any`.
            "required" | "any" => ToolChoice::Required,
            _ => return Err(taker.error("tool_choice", CHOICES)),
        }));
    }
    let Some(mut choice) = taker.object("tool_choice")? else {
        return Ok(None);
    };
    let kind = choice.string("type")?;
    Ok(Some(match kind.as_deref() {
        Some("auto") => ToolChoice::Auto,
        Some("none") => ToolChoice::None,
        Some("required" | "any") => ToolChoice::Required,
        Some("allowed_tools") => read_allowed(&mut choice)?,
        Some("custom") => ToolChoice::Named(name_in(&mut choice, "custom")?),
        Some("function") | None => ToolChoice::Named(name_in(&mut choice, "function")?),
        Some(_) => return Err(choice.error("type", "`function`, `custom` or `allowed_tools`")),
    }))
}

/// The name of a tool, in its member or beside the type, where Responses has it.
fn name_in(tool: &mut Taker, key: &str) -> Result<String, RequestError> {
    match tool.object(key)? {
        Some(mut inner) => inner.required_string("name"),
        None => tool.required_string("name"),
    }
}

fn read_allowed(choice: &mut Taker) -> Result<ToolChoice, RequestError> {
    let mut allowed = match choice.object("allowed_tools")? {
        Some(allowed) => allowed,
        None => return Err(choice.error("allowed_tools", "an object")),
    };
    let required = match allowed.string("mode")?.as_deref() {
        None | Some("auto") => false,
        Some("required") => true,
        Some(_) => return Err(allowed.error("mode", "`auto` or `required`")),
    };
    let path = allowed.at("tools");
    let tools = allowed
        .list("tools")?
        .ok_or_else(|| allowed.error("tools", "a list"))?;
    let mut names = Vec::with_capacity(tools.len());
    for (at, tool) in tools.into_iter().enumerate() {
        let mut tool = Taker::of(tool, format!("{path}[{at}]"))?;
        let kind = tool.string("type")?;
        let key = if kind.as_deref() == Some("custom") {
            "custom"
        } else {
            "function"
        };
        names.push(name_in(&mut tool, key)?);
    }
    Ok(ToolChoice::Allowed { names, required })
}

fn read_legacy_choice(taker: &mut Taker) -> Result<Option<ToolChoice>, RequestError> {
    match taker.peek("function_call") {
        Some(Value::String(_)) => {
            let word = taker.required_string("function_call")?;
            match word.as_str() {
                "auto" => Ok(Some(ToolChoice::Auto)),
                "none" => Ok(Some(ToolChoice::None)),
                _ => Err(taker.error("function_call", "`auto`, `none` or an object")),
            }
        }
        _ => match taker.object("function_call")? {
            Some(mut function) => Ok(Some(ToolChoice::Named(function.required_string("name")?))),
            None => Ok(None),
        },
    }
}
