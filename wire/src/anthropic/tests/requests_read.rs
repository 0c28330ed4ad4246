//! Requests of clients.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::anthropic::read_request;
use crate::format::Format;
use crate::neutral::{
    CacheMark, Content, Param, Part, Reasoning, Request, ResponseFormat, Role, Signature, Source,
    Tool, ToolChoice,
};

fn read(body: &Value) -> Request {
    read_request(body.to_string().as_bytes()).unwrap()
}

fn error(body: &Value) -> String {
    read_request(body.to_string().as_bytes())
        .unwrap_err()
        .to_string()
}

fn parts_of(content: Value) -> Vec<Part> {
    let mut request = read(&json!({
        "model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": content}],
    }));
    request.messages.remove(0).parts
}

/// As Claude Code sends it, without parameters.
fn agents_conversation() -> Value {
    json!({
        "model": "claude-opus-4-5",
        "max_tokens": 32000,
        "stream": true,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2"},
            {"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ],
        "messages": [
            {"role": "user", "content": "List the files."},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "I need ls.", "signature": "EqQB"},
                {"type": "redacted_thinking", "data": "Emwk"},
                {"type": "text", "text": "I'll look."},
                {"type": "tool_use", "id": "toolu_01", "name": "Bash", "input": {"z": 1, "command": "ls"}, "caller": {"type": "direct"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_01", "is_error": true, "content": "no such file",
                 "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "Go on."},
            ]},
            {"role": "system", "content": "Remember the todo list."},
        ],
        "tools": [
            {"name": "Bash", "description": "Runs it.", "input_schema": {"type": "object"}, "strict": true,
             "defer_loading": true, "cache_control": {"type": "ephemeral"}},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 5},
        ]
    })
}

/// The parameters that it sends, and others.
fn agents_parameters() -> Value {
    json!({
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": "high", "task_budget": {"type": "tokens", "total": 9}},
        "metadata": {"user_id": "u-1", "team": "t"},
        "service_tier": "standard_only",
        "stop_sequences": ["END"],
        "temperature": 1, "top_p": 0.9, "top_k": 40,
        "context_management": {"edits": []},
        "mcp_servers": [{"type": "url", "url": "https://mcp.example", "name": "x"}],
        "container": "c-1",
    })
}

fn agents_request() -> Request {
    let mut body = agents_conversation();
    let mut parameters = agents_parameters();
    let members = body.as_object_mut().unwrap();
    members.append(parameters.as_object_mut().unwrap());
    read(&body)
}

#[test]
fn an_agents_conversation_is_read_whole() {
    let request = agents_request();
    assert!(request.stream && request.include_usage);
    assert_eq!(
        (request.model.as_str(), request.max_tokens),
        ("claude-opus-4-5", Some(32_000))
    );
    let roles: Vec<_> = request
        .messages
        .iter()
        .map(|message| message.role)
        .collect();
    assert_eq!(
        roles,
        [
            Role::System,
            Role::User,
            Role::Assistant,
            Role::User,
            Role::System
        ]
    );
    assert_eq!(request.messages[0].parts[0].cache, Some(CacheMark::OneHour));
    let assistant = &request.messages[2].parts;
    let Content::Thinking(thinking) = &assistant[0].content else {
        panic!()
    };
    assert_eq!(thinking.text, "I need ls.");
    assert_eq!(
        thinking.signature,
        Some(Signature::new(Format::Anthropic, "EqQB"))
    );
    let Content::Thinking(hidden) = &assistant[1].content else {
        panic!()
    };
    assert!(hidden.is_redacted && hidden.text.is_empty());
    let Content::ToolCall(call) = &assistant[3].content else {
        panic!()
    };
    assert_eq!((call.id.as_str(), call.name.as_str()), ("toolu_01", "Bash"));
    assert_eq!(call.input, r#"{"z":1,"command":"ls"}"#);
    assert!(assistant[3].rest.contains_key("caller"));
    let Content::ToolResult(result) = &request.messages[3].parts[0].content else {
        panic!()
    };
    assert!(result.is_error);
    assert_eq!(result.parts, [Part::text("no such file")]);
    assert_eq!(
        request.messages[3].parts[0].cache,
        Some(CacheMark::FiveMinutes)
    );
}

#[test]
fn what_an_agent_tells_anthropics_billing_is_no_part_of_the_prompt() {
    let billing =
        json!({"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=0f3a;"});
    let prompt = json!({"type": "text", "text": "You are an agent."});
    let body =
        |system: Value| json!({"model": "m", "max_tokens": 1, "system": system, "messages": []});
    let told = read(&body(json!([billing, prompt])));
    assert_eq!(told.messages, read(&body(json!([prompt]))).messages);
    assert_eq!(read(&body(json!([billing]))).messages, []);
}

#[test]
fn an_agents_tools_are_read_whole() {
    let request = agents_request();
    let Tool::Function {
        strict,
        cache,
        rest,
        ..
    } = &request.tools[0]
    else {
        panic!()
    };
    assert_eq!(
        (*strict, *cache),
        (Some(true), Some(CacheMark::FiveMinutes))
    );
    assert!(rest.contains_key("defer_loading"));
    let Tool::Hosted { kind, value, .. } = &request.tools[1] else {
        panic!()
    };
    assert_eq!(kind, "web_search_20250305");
    assert_eq!(value["max_uses"], 5);
}

#[test]
fn an_agents_parameters_are_read_whole() {
    let request = agents_request();
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    assert_eq!(request.stop, ["END"]);
    let reasoning = Reasoning {
        enabled: Some(true),
        effort: Some("high".to_owned()),
        include_thoughts: Some(true),
        ..Reasoning::default()
    };
    assert_eq!(request.reasoning, Some(reasoning));
    for (param, value) in [
        (Param::ParallelToolCalls, json!(false)),
        (Param::User, json!("u-1")),
        (Param::Metadata, json!({"team": "t"})),
        (Param::ServiceTier, json!("default")),
        (Param::TopK, json!(40)),
        (Param::ContextManagement, json!({"edits": []})),
    ] {
        assert_eq!(request.param(param), Some(&value), "{}", param.as_str());
    }
    assert!(request.param(Param::McpServers).is_some());
    let rest: Vec<_> = request.rest.keys().collect();
    assert_eq!(rest, ["container", "output_config"]);
}

#[test]
fn media_is_read_from_every_source() {
    let parts = parts_of(json!([
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
        {"type": "image", "source": {"type": "url", "url": "https://e.example/a.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
         "title": "Report", "context": "yearly", "citations": {"enabled": true}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"}},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}},
        {"type": "document", "source": {"type": "content", "content": [{"type": "image"}]}},
        {"type": "search_result", "source": "https://e.example", "title": "t", "content": []},
    ]));
    let data = |media_type: &str, base64: &str| Source::Data {
        media_type: media_type.to_owned(),
        base64: base64.to_owned(),
    };
    let sources: Vec<_> = parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Image { source, .. } | Content::File { source, .. } => Some(source.clone()),
            _ => None,
        })
        .collect();
    let url = Source::Url {
        url: "https://e.example/a.png".to_owned(),
        media_type: None,
    };
    let expected = [
        data("image/png", "iVBO"),
        url,
        Source::Id("file_1".to_owned()),
        data("application/pdf", "JVBE"),
        data("text/plain", &STANDARD.encode("Grüße")),
        data("text/plain", &STANDARD.encode("a\nb")),
    ];
    assert_eq!(sources, expected);
    let Content::File { name, .. } = &parts[3].content else {
        panic!()
    };
    assert_eq!(name.as_deref(), Some("Report"));
    assert_eq!(
        parts[3].rest.keys().collect::<Vec<_>>(),
        ["context", "citations"]
    );
    let others: Vec<_> = parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Other { kind, .. } => Some(kind.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(others, ["document", "search_result"]);
}

#[test]
fn a_schema_of_the_answer_is_read_at_both_places() {
    let format = json!({"type": "json_schema", "schema": {"type": "object", "properties": {"z": {}, "a": {}}}});
    for member in [
        json!({"output_format": format}),
        json!({"output_config": {"format": format}}),
    ] {
        let mut body = json!({"model": "m", "max_tokens": 1, "messages": []});
        body.as_object_mut()
            .unwrap()
            .append(&mut member.as_object().unwrap().clone());
        let Some(ResponseFormat::JsonSchema { schema, .. }) = read(&body).response_format else {
            panic!()
        };
        assert_eq!(schema, format["schema"]);
        assert_eq!(
            schema["properties"]
                .as_object()
                .unwrap()
                .keys()
                .collect::<Vec<_>>(),
            ["z", "a"]
        );
    }
}

#[test]
fn thinking_is_read_in_all_its_ways() {
    let thinking = |thinking: Value| {
        read(&json!({"model": "m", "max_tokens": 1, "messages": [], "thinking": thinking}))
    };
    let of = |value| thinking(value).reasoning.unwrap();
    assert_eq!(
        of(json!({"type": "enabled", "budget_tokens": 4096})).budget_or_near(),
        Some(4096)
    );
    assert_eq!(
        of(json!({"type": "disabled"})).effort_or_near(),
        Some("none")
    );
    assert_eq!(of(json!({"type": "between_tools"})).enabled, Some(false));
    assert_eq!(
        of(json!({"type": "adaptive", "display": "omitted"})).include_thoughts,
        Some(false)
    );
    assert!(
        thinking(json!({"type": "novel"}))
            .rest
            .contains_key("thinking")
    );
}

#[test]
fn another_providers_signature_of_a_call_comes_back_to_the_call() {
    let parts = parts_of(json!([
        {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"},
        {"type": "thinking", "thinking": "", "signature": "weir.gemini.AbC="},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    ]));
    assert_eq!(parts.len(), 2);
    let Content::ToolCall(call) = &parts[1].content else {
        panic!()
    };
    assert_eq!(call.signature, Some(Signature::new(Format::Gemini, "AbC=")));
}

#[test]
fn what_is_wrong_is_named() {
    for (members, message) in [
        (json!({"messages": "hi"}), "`messages` must be a list."),
        (
            json!({"max_tokens": "1"}),
            "`max_tokens` must be a non-negative whole number.",
        ),
        (
            json!({"messages": [{"role": "tool", "content": ""}]}),
            "`messages[0].role` must be `user`, `assistant` or `system`.",
        ),
        (
            json!({"messages": [{"role": "user"}]}),
            "`messages[0].content` must be a string or a list.",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"text": "x"}]}]}),
            "`messages[0].content[0]` must be an object with a `type`.",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "i", "name": "n", "input": "x"}]}]}),
            "`messages[0].content[0].input` must be an object.",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}),
            "`messages[0].content[0].tool_use_id` must be a string.",
        ),
        (
            json!({"tools": [{"input_schema": {}}]}),
            "`tools[0].name` must be a string.",
        ),
        (
            json!({"tool_choice": {"type": "maybe"}}),
            "`tool_choice.type` must be `auto`, `any`, `tool` or `none`.",
        ),
        (json!({"thinking": 5}), "`thinking` must be an object."),
        (
            json!({"stop_sequences": [1]}),
            "`stop_sequences` must be a list of strings.",
        ),
        (
            json!({"temperature": "hot"}),
            "`temperature` must be a number.",
        ),
    ] {
        let mut body = json!({"model": "m", "max_tokens": 1, "messages": []});
        for (key, value) in members.as_object().unwrap() {
            body[key] = value.clone();
        }
        assert_eq!(error(&body), message);
    }
    assert_eq!(error(&json!(null)), "`body` must be a JSON object.");
}
