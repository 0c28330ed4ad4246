mod reply;
mod request;
mod stream;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::format::Format;
use crate::neutral::{
    Content, Fields, Message, Part, Request, Role, Source, Tool, ToolCall, ToolResult,
};
use crate::translate::{Context, Prefill, Target};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

fn target(model: &str) -> Target<'_> {
    Target {
        provider: "aws",
        model,
        max_output_tokens: None,
        stream_options: false,
        max_tokens_field: None,
        reasoning_field: None,
        reasoning_details: false,
        prefill: Prefill::None,
        anthropic_version: None,
    }
}

fn context(request: Request) -> Context {
    Context {
        call_id: "0199-ab".to_owned(),
        model: CLAUDE.to_owned(),
        created_s: 1_700_000_000,
        think_tags: false,
        request: Arc::new(request),
    }
}

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message::new(role, parts)
}

fn user(text: &str) -> Message {
    message(Role::User, vec![Part::text(text)])
}

fn data(media_type: &str, base64: &str) -> Source {
    Source::Data {
        media_type: media_type.to_owned(),
        base64: base64.to_owned(),
    }
}

fn call(id: &str, name: &str, input: &str) -> Part {
    Part::new(Content::ToolCall(ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        input: input.to_owned(),
        is_custom: false,
        signature: None,
    }))
}

fn result(id: &str, parts: Vec<Part>) -> Part {
    Part::new(Content::ToolResult(ToolResult {
        call_id: id.to_owned(),
        name: None,
        parts,
        is_error: false,
        is_custom: false,
    }))
}

fn tool(name: &str) -> Tool {
    Tool::Function {
        name: name.to_owned(),
        description: Some("Tells the weather.".to_owned()),
        parameters: Some(weather_schema()),
        strict: None,
        cache: None,
        rest: Fields::new(),
    }
}

fn weather_schema() -> Value {
    json!({"type": "object", "required": ["city"], "properties": {"zip": {"type": "string"}, "city": {"type": "string"}}})
}

fn other_part() -> Part {
    Part::new(Content::Other {
        format: Format::Anthropic,
        kind: "web_search_tool_result".to_owned(),
        value: json!({}),
    })
}
