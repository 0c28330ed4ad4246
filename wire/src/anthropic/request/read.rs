//! A client's request in Anthropic's format.

use serde_json::{Value, json};

use super::blocks::{read_cache_mark, read_parts};
use crate::fields::{RequestError, Taker};
use crate::format::Format;
use crate::neutral::{
    Content, Message, Param, Part, Reasoning, Request, ResponseFormat, Role, Tool, ToolChoice,
};

pub(crate) fn read_request(body: &[u8]) -> Result<Request, RequestError> {
    let mut taker = Taker::of_body(body)?;
    let mut request = Request {
        model: taker.required_string("model")?,
        stream: taker.flag("stream")?.unwrap_or(false),
        // Anthropic's answers always tell it.
        include_usage: true,
        max_tokens: taker.count("max_tokens")?,
        ..Request::default()
    };
    read_conversation(&mut taker, &mut request)?;
    read_params(&mut taker, &mut request)?;
    read_tools(&mut taker, &mut request)?;
    request.tool_choice = read_tool_choice(&mut taker, &mut request)?;
    read_thinking(&mut taker, &mut request)?;
    read_output_config(&mut taker, &mut request)?;
    // What was put there already is the part of a member that only Anthropic knows.
    let mut rest = taker.rest();
    rest.append(&mut request.rest);
    request.rest = rest;
    Ok(request)
}

fn read_conversation(taker: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    if let Some(system) = taker.take("system") {
        let mut parts = read_parts(system, "system")?;
        parts.retain(|part| !is_attribution(part));
        if !parts.is_empty() {
            request.messages.push(Message::new(Role::System, parts));
        }
    }
    let messages = taker.list("messages")?;
    let messages = messages.ok_or_else(|| taker.error("messages", "a list"))?;
    for (at, value) in messages.into_iter().enumerate() {
        request.messages.push(read_message(value, at)?);
    }
    request.note_prefill();
    Ok(())
}

/// What Claude Code tells Anthropic's billing in a block of the system prompt. It changes with every request, and so would
/// keep other vendors from caching the prompt behind it.
fn is_attribution(part: &Part) -> bool {
    let text = match &part.content {
        Content::Text(text) => text.as_str(),
        _ => "",
    };
    text.starts_with("x-anthropic-billing-header:")
}

fn read_message(value: Value, at: usize) -> Result<Message, RequestError> {
    let mut taker = Taker::of(value, format!("messages[{at}]"))?;
    let role = match taker.required_string("role")?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        // Claude Code reminds the model of things in the middle of a conversation.
        "system" => Role::System,
        _ => return Err(taker.error("role", "`user`, `assistant` or `system`")),
    };
    let path = taker.at("content");
    let content = taker.take("content");
    let content = content.ok_or_else(|| taker.error("content", "a string or a list"))?;
    let mut message = Message::new(role, read_parts(content, &path)?);
    message.rest = taker.rest();
    Ok(message)
}

fn read_params(taker: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    for (key, param) in [
        ("temperature", Param::Temperature),
        ("top_p", Param::TopP),
        ("top_k", Param::TopK),
    ] {
        match taker.take(key) {
            Some(value) if value.is_number() => request.set_param(param, value),
            Some(_) => return Err(taker.error(key, "a number")),
            None => {}
        }
    }
    for value in taker.list("stop_sequences")?.unwrap_or_default() {
        let Value::String(text) = value else {
            return Err(taker.error("stop_sequences", "a list of strings"));
        };
        request.stop.push(text);
    }
    if let Some(mut metadata) = taker.object("metadata")? {
        let user = metadata.string("user_id")?;
        request.set_param(Param::User, user.into());
        let rest = metadata.rest();
        if !rest.is_empty() {
            request.set_param(Param::Metadata, Value::Object(rest));
        }
    }
    if let Some(tier) = taker.string("service_tier")? {
        // OpenAI's word for the tier without priority.
        let tier = if tier == "standard_only" {
            "default".to_owned()
        } else {
            tier
        };
        request.set_param(Param::ServiceTier, tier.into());
    }
    for (key, param) in [
        ("mcp_servers", Param::McpServers),
        ("context_management", Param::ContextManagement),
        ("cache_control", Param::CacheControl),
    ] {
        let value = taker.take(key).filter(|value| *value != json!([]));
        request.set_param(param, value.unwrap_or_default());
    }
    Ok(())
}

fn read_tools(taker: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    for (at, value) in taker
        .list("tools")?
        .unwrap_or_default()
        .into_iter()
        .enumerate()
    {
        request.tools.push(read_tool(value, at)?);
    }
    Ok(())
}

fn read_tool(value: Value, at: usize) -> Result<Tool, RequestError> {
    let mut tool = Taker::of(value, format!("tools[{at}]"))?;
    match tool.peek("type") {
        None => {}
        Some(Value::String(kind)) if kind == "custom" => {
            tool.take("type");
        }
        Some(Value::String(kind)) => {
            return Ok(Tool::Hosted {
                format: Format::Anthropic,
                kind: kind.clone(),
                value: tool.into_value(),
            });
        }
        Some(_) => return Err(tool.error("type", "a string")),
    }
    let parameters = match tool.take("input_schema") {
        Some(schema) if !schema.is_object() => return Err(tool.error("input_schema", "an object")),
        schema => schema,
    };
    Ok(Tool::Function {
        name: tool.required_string("name")?,
        description: tool.string("description")?,
        parameters,
        strict: tool.flag("strict")?,
        cache: read_cache_mark(&mut tool)?,
        rest: tool.rest(),
    })
}

fn read_tool_choice(
    taker: &mut Taker,
    request: &mut Request,
) -> Result<Option<ToolChoice>, RequestError> {
    let Some(mut choice) = taker.object("tool_choice")? else {
        return Ok(None);
    };
    if let Some(disable) = choice.flag("disable_parallel_tool_use")? {
        request.set_param(Param::ParallelToolCalls, (!disable).into());
    }
    let choice = match choice.required_string("type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(choice.required_string("name")?),
        _ => return Err(choice.error("type", "`auto`, `any`, `tool` or `none`")),
    };
    Ok(Some(choice))
}

fn read_thinking(taker: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    let Some(value) = taker.take("thinking") else {
        return Ok(());
    };
    let mut thinking = Taker::of(value.clone(), "thinking")?;
    let kind = thinking.required_string("type")?;
    let enabled = match kind.as_str() {
        "enabled" | "adaptive" => Some(true),
        "disabled" | "between_tools" => Some(false),
        _ => None,
    };
    let display = thinking.string("display")?;
    request.reasoning = Some(Reasoning {
        enabled,
        budget_tokens: thinking.count("budget_tokens")?,
        include_thoughts: match display.as_deref() {
            Some("summarized") => Some(true),
            Some("omitted") => Some(false),
            _ => None,
        },
        ..Reasoning::default()
    });
    if enabled.is_none() {
        request.rest.insert("thinking".to_owned(), value);
    }
    Ok(())
}

fn read_output_config(taker: &mut Taker, request: &mut Request) -> Result<(), RequestError> {
    let old_format = taker.object("output_format")?;
    let Some(mut config) = taker.object("output_config")? else {
        return read_format(old_format, request);
    };
    if let Some(effort) = config.string("effort")? {
        request.reasoning.get_or_insert_default().effort = Some(effort);
    }
    let format = config.object("format")?;
    read_format(format.or(old_format), request)?;
    let rest = config.rest();
    if !rest.is_empty() {
        request
            .rest
            .insert("output_config".to_owned(), Value::Object(rest));
    }
    Ok(())
}

fn read_format(format: Option<Taker>, request: &mut Request) -> Result<(), RequestError> {
    let Some(mut format) = format else {
        return Ok(());
    };
    if format.required_string("type")? != "json_schema" {
        return Err(format.error("type", "`json_schema`"));
    }
    let schema = format.take("schema").filter(Value::is_object);
    request.response_format = Some(ResponseFormat::JsonSchema {
        // Anthropic's have no name; OpenAI's must have one.
        name: "answer".to_owned(),
        description: None,
        schema: schema.ok_or_else(|| format.error("schema", "an object"))?,
        strict: Some(true),
    });
    Ok(())
}
