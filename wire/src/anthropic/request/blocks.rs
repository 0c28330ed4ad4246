//! Content blocks, as requests and answers have them, read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::fields::{RequestError, Taker};
use crate::format::Format;
use crate::neutral::{CacheMark, Content, Part, Signature, Source, Thinking, ToolCall, ToolResult};

/// Reads a message's `content`: a string, or a list of blocks.
pub(in crate::anthropic) fn read_parts(
    content: Value,
    path: &str,
) -> Result<Vec<Part>, RequestError> {
    let blocks = match content {
        Value::String(text) => return Ok(vec![Part::text(text)]),
        Value::Array(blocks) => blocks,
        _ => return Err(RequestError::new(path, "a string or a list")),
    };
    let mut parts = Vec::with_capacity(blocks.len());
    for (at, block) in blocks.into_iter().enumerate() {
        let mut part = read_block(block, format!("{path}[{at}]"))?;
        take_carried_signature(&mut parts, &mut part);
        parts.push(part);
    }
    Ok(parts)
}

/// A tool call has no member for another provider's signature of it, so it travels as an empty thought before the call,
/// which clients send back.
fn take_carried_signature(before: &mut Vec<Part>, part: &mut Part) {
    let Content::ToolCall(call) = &mut part.content else {
        return;
    };
    let carries = |part: &mut Part| match &part.content {
        Content::Thinking(thinking) => {
            let signature = thinking.signature.as_ref();
            let is_foreign = signature.is_some_and(|it| it.origin != Format::Anthropic);
            thinking.text.is_empty() && !thinking.is_redacted && is_foreign
        }
        _ => false,
    };
    if let Some(Part {
        content: Content::Thinking(thinking),
        ..
    }) = before.pop_if(carries)
    {
        call.signature = thinking.signature;
    }
}

fn read_block(value: Value, path: String) -> Result<Part, RequestError> {
    let kind = value
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let source_kind = value.pointer("/source/type").and_then(Value::as_str);
    let reader = match (kind, source_kind.unwrap_or_default()) {
        ("text", _) => read_text,
        ("image", "base64" | "url" | "file") => read_image,
        ("document", "base64" | "text" | "url" | "file") => read_document,
        ("document", "content") if content_text(&value).is_some() => read_document,
        ("tool_use", _) => read_tool_use,
        ("tool_result", _) => read_tool_result,
        ("thinking", _) => read_thinking,
        ("redacted_thinking", _) => read_redacted_thinking,
        ("", _) => return Err(RequestError::new(path, "an object with a `type`")),
        _ => return Ok(other(value)),
    };
    let mut block = Taker::of(value, path)?;
    block.take("type");
    let cache = read_cache_mark(&mut block)?;
    let content = reader(&mut block)?;
    Ok(Part {
        content,
        cache,
        rest: block.rest(),
    })
}

fn other(value: Value) -> Part {
    let kind = value.get("type").and_then(Value::as_str);
    Part::new(Content::Other {
        format: Format::Anthropic,
        kind: kind.unwrap_or_default().to_owned(),
        value,
    })
}

/// Takes `cache_control`.
pub(super) fn read_cache_mark(block: &mut Taker) -> Result<Option<CacheMark>, RequestError> {
    let Some(mut control) = block.object("cache_control")? else {
        return Ok(None);
    };
    Ok(Some(match control.string("ttl")?.as_deref() {
        Some("1h") => CacheMark::OneHour,
        _ => CacheMark::FiveMinutes,
    }))
}

fn read_text(block: &mut Taker) -> Result<Content, RequestError> {
    Ok(Content::Text(block.required_string("text")?))
}

fn read_image(block: &mut Taker) -> Result<Content, RequestError> {
    Ok(Content::Image {
        source: read_source(block)?,
        detail: None,
    })
}

fn read_document(block: &mut Taker) -> Result<Content, RequestError> {
    Ok(Content::File {
        source: read_source(block)?,
        name: block.string("title")?,
    })
}

fn read_source(block: &mut Taker) -> Result<Source, RequestError> {
    let path = block.at("source");
    let mut source = Taker::of(block.take("source").unwrap_or_default(), path)?;
    Ok(match source.required_string("type")?.as_str() {
        "base64" => Source::Data {
            media_type: source.required_string("media_type")?,
            base64: source.required_string("data")?,
        },
        "text" => text_source(&source.required_string("data")?),
        "content" => {
            let text = source.take("content").as_ref().and_then(joined_text);
            text_source(&text.unwrap_or_default())
        }
        "url" => Source::Url {
            url: source.required_string("url")?,
            media_type: None,
        },
        _ => Source::Id(source.required_string("file_id")?),
    })
}

fn text_source(text: &str) -> Source {
    Source::Data {
        media_type: "text/plain".to_owned(),
        base64: STANDARD.encode(text),
    }
}

/// The text of a document whose source is `content`, if it has nothing else.
fn content_text(document: &Value) -> Option<String> {
    joined_text(document.pointer("/source/content")?)
}

fn joined_text(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(blocks) => {
            let text = |block: &Value| Some(block.get("text")?.as_str()?.to_owned());
            let texts: Option<Vec<String>> = blocks.iter().map(text).collect();
            Some(texts?.join("\n"))
        }
        _ => None,
    }
}

fn read_tool_use(block: &mut Taker) -> Result<Content, RequestError> {
    let input = match block.take("input") {
        None => "{}".to_owned(),
        Some(input @ Value::Object(_)) => input.to_string(),
        Some(_) => return Err(block.error("input", "an object")),
    };
    Ok(Content::ToolCall(ToolCall {
        id: block.required_string("id")?,
        name: block.required_string("name")?,
        input,
        is_custom: false,
        signature: None,
    }))
}

fn read_tool_result(block: &mut Taker) -> Result<Content, RequestError> {
    let path = block.at("content");
    let parts = match block.take("content") {
        None => Vec::new(),
        Some(content) => read_parts(content, &path)?,
    };
    Ok(Content::ToolResult(ToolResult {
        call_id: block.required_string("tool_use_id")?,
        name: None,
        parts,
        is_error: block.flag("is_error")?.unwrap_or(false),
        is_custom: false,
    }))
}

fn read_thinking(block: &mut Taker) -> Result<Content, RequestError> {
    let signature = block.string("signature")?;
    Ok(Content::Thinking(Thinking {
        text: block.string("thinking")?.unwrap_or_default(),
        signature: signature.and_then(read_signature),
        is_redacted: false,
    }))
}

fn read_redacted_thinking(block: &mut Taker) -> Result<Content, RequestError> {
    let data = block.required_string("data")?;
    Ok(Content::Thinking(Thinking {
        text: String::new(),
        signature: read_signature(data),
        is_redacted: true,
    }))
}

/// Thoughts that nobody signed are written with an empty signature, because clients expect one.
fn read_signature(text: String) -> Option<Signature> {
    (!text.is_empty()).then(|| Signature::read(&text, Format::Anthropic))
}
