//! One ordinary use of each parameter and kind of content, to see whether a format that says it carries it carries this.

use serde_json::{Value, json};
use weir_wire::format::Format;
use weir_wire::loss::DropParams;
use weir_wire::neutral::{ContentKind, Param, Request};
use weir_wire::translate::{Prefill, Target, read_request, write_request};

const TARGET: Target<'static> = Target {
    provider: "p",
    model: "m",
    max_output_tokens: None,
    stream_options: true,
    max_tokens_field: None,
    reasoning_field: Some("reasoning_content"),
    reasoning_details: true,
    prefill: Prefill::Plain,
    anthropic_version: None,
};

/// Whether this request reaches a target of this format with nothing left out.
pub fn is_whole(request: &Request, to: Format) -> bool {
    let written = write_request(to, request, &TARGET, DropParams::All);
    written.is_ok_and(|rendered| rendered.dropped.is_empty())
}

/// A use of a parameter; none for what is hardly used, or not without another one.
pub fn of_param(param: Param) -> Option<Request> {
    let function = json!({"name": "f", "parameters": {"type": "object", "properties": {}}});
    let tool = json!({"type": "function", "function": function});
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}},
        "required": ["a"], "additionalProperties": false});
    let chat = |more: Value| Some((Format::Chat, more));
    let (format, more) = match param {
        Param::MaxTokens => chat(json!({"max_completion_tokens": 100})),
        Param::Temperature => chat(json!({"temperature": 0.5})),
        Param::TopP => chat(json!({"top_p": 0.5})),
        Param::TopK => Some((Format::Anthropic, json!({"top_k": 4}))),
        Param::Stop => chat(json!({"stop": ["END"]})),
        Param::N => chat(json!({"n": 2})),
        Param::Seed => chat(json!({"seed": 7})),
        Param::PresencePenalty => chat(json!({"presence_penalty": 0.5})),
        Param::FrequencyPenalty => chat(json!({"frequency_penalty": 0.5})),
        Param::LogitBias => chat(json!({"logit_bias": {"7": 1}})),
        Param::Logprobs => chat(json!({"logprobs": true})),
        Param::User => chat(json!({"user": "u"})),
        Param::Metadata => chat(json!({"metadata": {"a": "b"}})),
        Param::ServiceTier => chat(json!({"service_tier": "priority"})),
        Param::Store => chat(json!({"store": false})),
        Param::Tools => chat(json!({"tools": [tool]})),
        Param::HostedTools => Some((
            Format::Responses,
            json!({"tools": [{"type": "web_search"}]}),
        )),
        Param::CustomTools => chat(json!({"tools": [{"type": "custom", "custom": {"name": "c"}}]})),
        Param::ToolChoice => chat(json!({"tools": [tool], "tool_choice": "required"})),
        Param::ParallelToolCalls => chat(json!({"tools": [tool], "parallel_tool_calls": false})),
        Param::JsonObject => chat(json!({"response_format": {"type": "json_object"}})),
        Param::JsonSchema => chat(json!({"response_format": {"type": "json_schema",
            "json_schema": {"name": "s", "strict": true, "schema": schema}}})),
        Param::Reasoning => chat(json!({"reasoning_effort": "low"})),
        Param::Modalities => chat(json!({"modalities": ["text", "audio"]})),
        Param::WebSearchOptions => chat(json!({"web_search_options": {}})),
        Param::Prefill => Some((
            Format::Anthropic,
            json!({"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]}),
        )),
        Param::Echo => Some((Format::Completions, json!({"echo": true}))),
        Param::Suffix => Some((Format::Completions, json!({"suffix": "x"}))),
        _ => None,
    }?;
    Some(request(format, more))
}

/// A use of a kind of content.
pub fn of_content(kind: ContentKind) -> Option<Request> {
    let url = |kind: &str| json!({"type": kind, kind: {"url": "https://example.com/a.png"}});
    let part = match kind {
        ContentKind::Text => json!({"type": "text", "text": "Hello"}),
        ContentKind::ImageUrl => url("image_url"),
        ContentKind::ImageData => {
            json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}})
        }
        ContentKind::AudioData => {
            json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}})
        }
        ContentKind::FileData => json!({"type": "file", "file": {"filename": "a.pdf",
            "file_data": "data:application/pdf;base64,AAAA"}}),
        _ => return None,
    };
    let messages = json!({"messages": [{"role": "user", "content": [part]}]});
    Some(request(Format::Chat, messages))
}

/// A small request in a client's format, with more members.
fn request(format: Format, more: Value) -> Request {
    let mut body = match format {
        Format::Completions => json!({"model": "m", "prompt": "Hello"}),
        Format::Responses => json!({"model": "m", "input": "Hello", "store": false}),
        _ => json!({"model": "m", "max_tokens": 100,
            "messages": [{"role": "user", "content": "Hello"}]}),
    };
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    let read = read_request(format, body.to_string().as_bytes());
    read.unwrap_or_else(|problem| panic!("{body}: {problem}"))
}
