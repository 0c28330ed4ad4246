//! Names of tools that a provider would refuse are sent as others, and a client is called by its own again.

use std::sync::Arc;

use serde_json::{Value, json};
use weir_wire::format::Format;
use weir_wire::loss::DropParams;
use weir_wire::neutral::{Choice, Content, Finish, Part, Reply, ToolCall};
use weir_wire::translate::{
    Context, Prefill, Target, read_reply, read_request, relay, write_reply, write_reply_as_stream,
    write_request,
};
use weir_wire::usage::{Unit, Usage};

use crate::gist::Gist;
use crate::{CLIENTS, context, providers};

/// Each is taken by a client's format, and refused by some provider's.
const NAMES: [&str; 4] = [
    "get_weather",
    "mcp.files:read",
    "mcp__a_server_with_a_very_long_name__and_a_tool_of_which_the_same_must_be_said",
    "größe/now",
];

/// How a provider of some format writes a stream.
type Write = fn(&Reply) -> Vec<u8>;

/// The call of a client who has these tools.
fn call_with_tools() -> Context {
    let tools = NAMES.map(|name| json!({"name": name, "parameters": {"type": "OBJECT"}}));
    let body = json!({
        "contents": [{"role": "user", "parts": [{"text": "Go"}]}],
        "tools": [{"functionDeclarations": tools}],
    });
    let request = read_request(Format::Gemini, body.to_string().as_bytes()).unwrap();
    Context {
        request: Arc::new(request),
        ..context()
    }
}

/// The names of tools as a provider is sent them, in order.
fn sent_names(context: &Context, to: Format) -> Vec<String> {
    let target = Target {
        provider: "there",
        model: "its-model",
        max_output_tokens: None,
        stream_options: true,
        max_tokens_field: None,
        reasoning_field: None,
        reasoning_details: false,
        prefill: Prefill::None,
        anthropic_version: None,
    };
    let rendered = write_request(to, &context.request, &target, DropParams::Hints).unwrap();
    let body: Value = serde_json::from_slice(&rendered.body).unwrap();
    let list = |path: &str| {
        body.pointer(path)
            .and_then(Value::as_array)
            .unwrap()
            .clone()
    };
    let name = |tool: &Value, path: &str| tool.pointer(path).unwrap().as_str().unwrap().to_owned();
    let (tools, path) = match to {
        Format::Gemini => (list("/tools/0/functionDeclarations"), "/name"),
        Format::Bedrock => (list("/toolConfig/tools"), "/toolSpec/name"),
        Format::Anthropic | Format::Responses => (list("/tools"), "/name"),
        _ => (list("/tools"), "/function/name"),
    };
    tools.iter().map(|tool| name(tool, path)).collect()
}

/// An answer that calls tools by the names that were sent.
fn calls(names: &[String]) -> Reply {
    let call = |name: &String| {
        Part::new(Content::ToolCall(ToolCall {
            id: format!("call_{}", name.len()),
            name: name.clone(),
            input: "{}".to_owned(),
            is_custom: false,
            signature: None,
        }))
    };
    let mut usage = Usage::default();
    usage.set(Unit::Input, 7);
    Reply {
        choices: vec![Choice {
            index: 0,
            parts: names.iter().map(call).collect(),
            finish: Some(Finish::ToolCalls),
            logprobs: None,
        }],
        usage: Some(usage),
        ..Reply::default()
    }
}

fn streamed_names(stream: &[u8], from: Format, asked: &Context) -> Vec<String> {
    // OpenAI's own clients are relayed untouched: their names were never changed.
    let client = match from {
        Format::Chat => Format::Responses,
        _ => Format::Chat,
    };
    let mut relay = relay(from, client, asked);
    let mut out = Vec::new();
    relay.feed(stream, &mut out).unwrap();
    relay.finish(&mut out);
    Gist::of_chat_stream(&match client {
        Format::Chat => out.concat(),
        _ => crate::relayed(&out.concat(), client, Format::Chat, &[usize::MAX]).0,
    })
    .call_names()
}

#[test]
fn a_provider_that_refuses_a_name_is_sent_another() {
    let asked = call_with_tools();
    for to in [
        Format::Chat,
        Format::Responses,
        Format::Anthropic,
        Format::Bedrock,
    ] {
        let sent = sent_names(&asked, to);
        assert_eq!(sent[0], NAMES[0]);
        let max = if to == Format::Anthropic { 128 } else { 64 };
        for name in &sent {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            assert!(
                name.len() <= max && name.bytes().all(is_plain),
                "{to:?}: {name}"
            );
        }
    }
}

#[test]
fn a_client_is_called_by_its_own_names() {
    let asked = call_with_tools();
    for from in CLIENTS.into_iter().filter(|from| *from != Format::Gemini) {
        let reply = calls(&sent_names(&asked, from));
        let read = read_reply(from, &write_reply(from, &reply, &context()), &asked).unwrap();
        assert_eq!(Gist::of(&read).call_names(), NAMES, "{from:?}");
        let stream = write_reply_as_stream(from, &reply, &context());
        assert_eq!(streamed_names(&stream, from, &asked), NAMES, "{from:?}");
    }
    let written: [(Format, Write); 3] = [
        (Format::Bedrock, providers::bedrock),
        (Format::Cohere, providers::cohere),
        (Format::Ollama, providers::ollama),
    ];
    for (from, write) in written {
        let stream = write(&calls(&sent_names(&asked, from)));
        assert_eq!(streamed_names(&stream, from, &asked), NAMES, "{from:?}");
    }
}
