//! Requests for a provider.

use serde_json::{Value, json};

use crate::format::Format;
use crate::loss::DropParams;
use crate::neutral::{
    Content, Message, Param, Part, Reasoning, Request, ResponseFormat, Role, Signature, Source,
    Thinking, Tool, ToolCall, ToolChoice, ToolResult,
};
use crate::translate::{Prefill, Rendered, Target, read_reply, relay, write_request};

const TARGET: Target<'_> = Target {
    provider: "openai",
    model: "gpt-5",
    max_output_tokens: None,
    stream_options: true,
    max_tokens_field: None,
    reasoning_field: None,
    reasoning_details: false,
    prefill: Prefill::None,
    anthropic_version: None,
};

fn render(request: &Request, policy: DropParams) -> Result<Rendered, String> {
    write_request(Format::Responses, request, &TARGET, policy).map_err(|loss| loss.what)
}

fn written(request: &Request) -> (Value, Vec<String>) {
    let rendered = render(request, DropParams::Hints).unwrap();
    (
        serde_json::from_slice(&rendered.body).unwrap(),
        rendered.dropped,
    )
}

fn say(role: Role, text: &str) -> Message {
    Message::new(role, vec![Part::text(text)])
}

fn turn(role: Role, contents: Vec<Content>) -> Message {
    Message::new(role, contents.into_iter().map(Part::new).collect())
}

fn of(messages: Vec<Message>) -> Request {
    Request {
        messages,
        ..Request::default()
    }
}

fn call(id: &str, name: &str, input: &str) -> Content {
    Content::ToolCall(ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        input: input.to_owned(),
        is_custom: false,
        signature: None,
    })
}

fn result(id: &str, parts: Vec<Part>) -> Content {
    Content::ToolResult(ToolResult {
        call_id: id.to_owned(),
        name: None,
        parts,
        is_error: false,
        is_custom: false,
    })
}

fn thought(origin: Format, text: &str) -> Content {
    Content::Thinking(Thinking {
        text: text.to_owned(),
        signature: Some(Signature::new(origin, "sig")),
        is_redacted: false,
    })
}

#[test]
fn a_plain_request_is_stateless() {
    let mut request = of(vec![
        say(Role::System, "Be brief."),
        say(Role::Developer, "Be kind."),
        say(Role::User, "Hi"),
        say(Role::Assistant, "Hello"),
        say(Role::User, "Bye"),
    ]);
    request.stream = true;
    request.max_tokens = Some(300);
    let (body, dropped) = written(&request);
    assert_eq!(
        body,
        json!({
            "model": "gpt-5",
            "instructions": "Be brief.\n\nBe kind.",
            "input": [
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
                {"type": "message", "role": "assistant",
                 "content": [{"type": "output_text", "text": "Hello", "annotations": []}]},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Bye"}]},
            ],
            "max_output_tokens": 300,
            "store": false,
            "stream": true,
        })
    );
    assert!(dropped.is_empty());
}

#[test]
fn what_the_application_says_later_stays_where_it_is() {
    let request = of(vec![
        say(Role::System, "A"),
        say(Role::User, "Hi"),
        say(Role::System, "B"),
    ]);
    let (body, _) = written(&request);
    assert_eq!(body.get("instructions"), None);
    let roles: Vec<_> = body["input"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["developer", "user", "developer"]);
    // Nothing but instructions would be no input.
    let (body, _) = written(&of(vec![say(Role::System, "Greet.")]));
    assert_eq!(body["input"][0]["role"], "developer");
}

#[test]
fn calls_results_and_own_thoughts_are_items() {
    let mut request = of(vec![
        say(Role::User, "Weather?"),
        turn(
            Role::Assistant,
            vec![
                thought(Format::Responses, "Plan"),
                Content::Text("Looking.".to_owned()),
                call("call_a", "weather", "{\"at\":\"Rome\"}"),
                call("call_b", "time", ""),
            ],
        ),
        turn(
            Role::User,
            vec![
                result("call_a", vec![Part::text("sunny"), Part::text("warm")]),
                result(
                    "call_b",
                    vec![Part::new(Content::Image {
                        source: Source::from_url("data:image/png;base64,AA"),
                        detail: None,
                    })],
                ),
                Content::Text("Well?".to_owned()),
            ],
        ),
    ]);
    request.reasoning = Some(Reasoning {
        budget_tokens: Some(4_000),
        include_thoughts: Some(true),
        ..Reasoning::default()
    });
    let (body, dropped) = written(&request);
    assert_eq!(
        body["input"].as_array().unwrap()[1..],
        [
            json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "Plan"}], "encrypted_content": "sig"}),
            json!({"type": "message", "role": "assistant",
                   "content": [{"type": "output_text", "text": "Looking.", "annotations": []}]}),
            json!({"type": "function_call", "call_id": "call_a", "name": "weather", "arguments": "{\"at\":\"Rome\"}"}),
            json!({"type": "function_call", "call_id": "call_b", "name": "time", "arguments": "{}"}),
            json!({"type": "function_call_output", "call_id": "call_a", "output": "sunny\nwarm"}),
            json!({"type": "function_call_output", "call_id": "call_b",
                   "output": [{"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "auto"}]}),
            json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Well?"}]}),
        ]
    );
    assert_eq!(
        body["reasoning"],
        json!({"effort": "medium", "summary": "auto"})
    );
    assert_eq!(body["include"], json!(["reasoning.encrypted_content"]));
    assert!(dropped.is_empty());
}

#[test]
fn thoughts_that_cannot_be_sent_are_left_out_and_named() {
    let request = of(vec![
        say(Role::User, "Hi"),
        turn(
            Role::Assistant,
            vec![
                thought(Format::Anthropic, "Hm"),
                Content::Text("Hello".to_owned()),
                thought(Format::Responses, "cut off here"),
            ],
        ),
        say(Role::User, "Go on"),
    ]);
    let (body, dropped) = written(&request);
    let kinds: Vec<_> = body["input"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["message", "message", "message"]);
    assert_eq!(
        dropped,
        ["thinking of another provider", "thinking without an answer"]
    );
    assert_eq!(
        render(&request, DropParams::None).unwrap_err(),
        "thinking of another provider"
    );
}

#[test]
fn media_are_parts_of_messages() {
    let data = |media_type: &str| Source::Data {
        media_type: media_type.to_owned(),
        base64: "AA".to_owned(),
    };
    let file = |source, name: Option<&str>| Content::File {
        source,
        name: name.map(str::to_owned),
    };
    let (body, _) = written(&of(vec![turn(
        Role::User,
        vec![
            Content::Image {
                source: Source::from_url("https://e.example/a.png"),
                detail: Some("high".to_owned()),
            },
            Content::Image {
                source: Source::Id("file-1".to_owned()),
                detail: None,
            },
            file(data("application/pdf"), None),
            file(data("text/plain"), Some("a.txt")),
            file(Source::from_url("https://e.example/a.pdf"), None),
            file(Source::Id("file-2".to_owned()), None),
            Content::Audio {
                source: data("audio/mpeg"),
            },
        ],
    )]));
    assert_eq!(
        body["input"][0]["content"],
        json!([
            {"type": "input_image", "image_url": "https://e.example/a.png", "detail": "high"},
            {"type": "input_image", "file_id": "file-1", "detail": "auto"},
            {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,AA"},
            {"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,AA"},
            {"type": "input_file", "file_url": "https://e.example/a.pdf"},
            {"type": "input_file", "file_id": "file-2"},
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}},
        ])
    );
}

#[test]
fn tools_say_what_is_the_default_elsewhere() {
    let function = |name: &str, strict| Tool::Function {
        name: name.to_owned(),
        description: None,
        parameters: (name == "f")
            .then(|| json!({"type": "object", "properties": {"z": {}, "a": {}}})),
        strict,
        cache: None,
        rest: crate::neutral::Fields::new(),
    };
    let mut request = of(vec![say(Role::User, "Hi")]);
    request.tools = vec![
        function("f", None),
        function("g", Some(true)),
        Tool::Custom {
            name: "sql".to_owned(),
            description: Some("d".to_owned()),
            format: Some(json!({"type": "grammar", "syntax": "lark", "definition": "x"})),
        },
    ];
    request.tool_choice = Some(ToolChoice::Named("sql".to_owned()));
    request.set_param(Param::ParallelToolCalls, json!(false));
    request.set_param(
        Param::WebSearchOptions,
        json!({"search_context_size": "low",
        "user_location": {"type": "approximate", "approximate": {"country": "FR"}}}),
    );
    let (body, _) = written(&request);
    assert_eq!(
        body["tools"],
        json!([
            {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"z": {}, "a": {}}}, "strict": false},
            {"type": "function", "name": "g",
             "parameters": {"type": "object", "properties": {}, "additionalProperties": false}, "strict": true},
            {"type": "custom", "name": "sql", "description": "d",
             "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
            {"type": "web_search", "search_context_size": "low",
             "user_location": {"country": "FR", "type": "approximate"}},
        ])
    );
    assert_eq!(
        body["tool_choice"],
        json!({"type": "custom", "name": "sql"})
    );
    assert_eq!(body["parallel_tool_calls"], false);

    request.tool_choice = Some(ToolChoice::Allowed {
        names: vec!["f".to_owned()],
        required: false,
    });
    assert_eq!(
        written(&request).0["tool_choice"],
        json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]})
    );
    request.tools.clear();
    request.params.clear();
    request.tool_choice = Some(ToolChoice::Auto);
    let (body, _) = written(&request);
    assert_eq!((body.get("tools"), body.get("tool_choice")), (None, None));
}

#[test]
fn parameters_have_their_names_here() {
    let mut request = of(vec![say(Role::User, "Hi")]);
    for (param, value) in [
        (Param::Temperature, json!(0.2)),
        (Param::TopP, json!(0.9)),
        (Param::Logprobs, json!(true)),
        (Param::TopLogprobs, json!(2)),
        (Param::N, json!(1)),
        (Param::Modalities, json!(["text"])),
        (Param::User, json!("u")),
        (Param::Metadata, json!({"k": "v"})),
        (Param::ServiceTier, json!("standard_only")),
        (Param::Verbosity, json!("high")),
        (Param::Store, json!(true)),
        (Param::Seed, json!(7)),
    ] {
        request.set_param(param, value);
    }
    request.max_tokens = Some(1);
    request.response_format = Some(ResponseFormat::JsonSchema {
        name: "my schema".to_owned(),
        description: None,
        schema: json!({"z": 1, "a": 2}),
        strict: Some(true),
    });
    let (body, dropped) = written(&request);
    for (key, value) in [
        ("temperature", json!(0.2)),
        ("top_p", json!(0.9)),
        ("include", json!(["message.output_text.logprobs"])),
        ("top_logprobs", json!(2)),
        ("user", json!("u")),
        ("metadata", json!({"k": "v"})),
        ("service_tier", json!("default")),
        ("store", json!(false)),
        ("max_output_tokens", json!(16)),
    ] {
        assert_eq!(body[key], value, "{key}");
    }
    assert_eq!(
        body["text"].to_string(),
        r#"{"format":{"type":"json_schema","name":"my_schema","schema":{"z":1,"a":2},"strict":true},"verbosity":"high"}"#
    );
    assert_eq!(body.get("seed"), None);
    assert_eq!(dropped, ["seed", "max_tokens", "store"]);
}

#[test]
fn what_has_no_place_is_refused() {
    let user = || of(vec![say(Role::User, "Hi")]);
    let refusal = |request: &Request| render(request, DropParams::Hints).unwrap_err();
    let with = |param, value| {
        let mut request = user();
        request.set_param(param, value);
        request
    };
    assert_eq!(refusal(&with(Param::N, json!(2))), "n");
    assert_eq!(
        refusal(&with(Param::Modalities, json!(["text", "audio"]))),
        "modalities"
    );
    let mut request = user();
    request.stop = vec!["END".to_owned()];
    assert_eq!(refusal(&request), "stop");
    let image = Content::Image {
        source: Source::from_url("data:image/png;base64,AA"),
        detail: None,
    };
    let drawn = of(vec![turn(Role::Assistant, vec![image])]);
    assert_eq!(refusal(&drawn), "messages[0] (image as data)");
    let foreign = Content::Other {
        format: Format::Anthropic,
        kind: "server_tool_use".to_owned(),
        value: json!({}),
    };
    let foreign = of(vec![turn(Role::Assistant, vec![foreign])]);
    assert_eq!(
        refusal(&foreign),
        "messages[0] (part that only its own format knows)"
    );
    assert!(render(&foreign, DropParams::All).is_ok());
}

#[test]
fn long_ids_stay_paired_and_results_follow_their_calls_kind() {
    let long = "x".repeat(70);
    let custom = Content::ToolCall(ToolCall {
        id: long.clone(),
        name: "sql".to_owned(),
        input: "select 1".to_owned(),
        is_custom: true,
        signature: None,
    });
    let (body, _) = written(&of(vec![
        turn(Role::Assistant, vec![custom, call("short", "f", "{}")]),
        turn(
            Role::User,
            vec![
                result("short", vec![]),
                result(&long, vec![Part::text("1")]),
            ],
        ),
    ]));
    assert_eq!(
        body["input"],
        json!([
            {"type": "custom_tool_call", "call_id": "call_weir_0", "name": "sql", "input": "select 1"},
            {"type": "function_call", "call_id": "short", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "short", "output": ""},
            {"type": "custom_tool_call_output", "call_id": "call_weir_0", "output": "1"},
        ])
    );
}

#[test]
fn names_that_openai_refuses_are_changed_and_come_back() {
    let long = format!("mcp__{}", "x".repeat(90));
    let function = |name: &str| Tool::Function {
        name: name.to_owned(),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
        rest: Default::default(),
    };
    let mut request = of(vec![
        say(Role::User, "Go"),
        turn(Role::Assistant, vec![call("a", "files.read", "{}")]),
        turn(Role::User, vec![result("a", vec![Part::text("1")])]),
    ]);
    request.tools = vec![function("files.read"), function(&long)];
    request.tool_choice = Some(ToolChoice::Named("files.read".to_owned()));
    let (body, _) = written(&request);
    let sent = body["tools"][0]["name"].as_str().unwrap();
    assert!(sent.starts_with("files_read_"), "{sent}");
    assert_eq!(body["tool_choice"]["name"], sent);
    assert_eq!(body["input"][1]["name"], sent);
    let sent_long = body["tools"][1]["name"].as_str().unwrap();
    assert!(sent_long.len() <= 64, "{sent_long}");

    let context = super::context_of(request);
    let item =
        json!({"type": "function_call", "call_id": "b", "name": sent_long, "arguments": "{}"});
    let answer = json!({"status": "completed", "output": [item]}).to_string();
    let reply = read_reply(Format::Responses, answer.as_bytes(), &context).unwrap();
    let Content::ToolCall(restored) = &reply.choices[0].parts[0].content else {
        panic!("no call")
    };
    assert_eq!(restored.name, long);
    let added = json!({"type": "response.output_item.added", "output_index": 0, "item": item});
    let mut relay = relay(Format::Responses, Format::Chat, &context);
    let mut out = Vec::new();
    relay.feed(format!("data: {added}\n\n"), &mut out).unwrap();
    let text = String::from_utf8(out.concat()).unwrap();
    assert!(text.contains(&format!("\"name\":\"{long}\"")), "{text}");
}

#[test]
fn not_to_think_is_said_only_where_the_client_said_none() {
    let mut request = of(vec![say(Role::User, "Hi")]);
    request.reasoning = Some(Reasoning {
        enabled: Some(false),
        ..Reasoning::default()
    });
    let (body, dropped) = written(&request);
    assert_eq!(body.get("reasoning"), None);
    assert_eq!(dropped, ["reasoning"]);
    request.reasoning = Some(Reasoning {
        effort: Some("none".to_owned()),
        ..Reasoning::default()
    });
    let (body, dropped) = written(&request);
    assert_eq!(body["reasoning"]["effort"], "none");
    assert!(dropped.is_empty());
}

#[test]
fn users_are_no_longer_than_openai_takes() {
    let mut request = of(vec![say(Role::User, "Hi")]);
    request.set_param(Param::User, json!("u".repeat(200)));
    for format in [Format::Responses, Format::Chat] {
        let rendered = write_request(format, &request, &TARGET, DropParams::None).unwrap();
        let body: Value = serde_json::from_slice(&rendered.body).unwrap();
        assert_eq!(body["user"].as_str().unwrap().len(), 64);
    }
}
