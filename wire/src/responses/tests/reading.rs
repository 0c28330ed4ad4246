//! Clients' requests.

use serde_json::{Value, json};

use crate::format::Format;
use crate::neutral::{
    CacheMark, Content, Message, Param, Request, ResponseFormat, Role, Signature, Source, Tool,
    ToolChoice,
};
use crate::responses::read_request;

fn read(body: Value) -> Request {
    read_request(body.to_string().as_bytes()).unwrap()
}

fn refused(body: Value) -> String {
    read_request(body.to_string().as_bytes())
        .unwrap_err()
        .to_string()
}

fn contents(message: &Message) -> Vec<Content> {
    message.parts.iter().map(|it| it.content.clone()).collect()
}

fn text(text: &str) -> Content {
    Content::Text(text.to_owned())
}

#[test]
fn a_text_is_a_users_message_after_the_instructions() {
    let request = read(json!({
        "model": "gpt-5", "instructions": "Be brief.", "input": "Hi", "stream": true,
        "max_output_tokens": 500, "store": false, "background": false, "previous_response_id": null,
    }));
    assert_eq!(request.model, "gpt-5");
    assert!(request.stream && request.include_usage);
    assert_eq!(request.max_tokens, Some(500));
    let roles: Vec<Role> = request.messages.iter().map(|it| it.role).collect();
    assert_eq!(roles, [Role::System, Role::User]);
    assert_eq!(contents(&request.messages[0]), [text("Be brief.")]);
    assert_eq!(contents(&request.messages[1]), [text("Hi")]);
    assert_eq!(request.present(), [Param::MaxTokens]);
    assert!(request.rest.is_empty());
}

#[test]
fn every_kind_of_part_is_read() {
    let request = read(json!({"model": "m", "input": [{"role": "user", "content": [
        {"type": "input_text", "text": "See", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "input_image", "image_url": "https://e.example/a.png", "detail": "low"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
        {"type": "input_image", "file_id": "file-1"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
        {"type": "input_file", "file_data": "JVBE"},
        {"type": "input_file", "file_url": "https://e.example/a.pdf"},
        {"type": "input_file", "file_id": "file-2"},
        {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
        {"type": "input_smell", "smell": "rose"},
    ]}]}));
    let pdf = || Source::Data {
        media_type: "application/pdf".to_owned(),
        base64: "JVBE".to_owned(),
    };
    let image = |source, detail: Option<&str>| Content::Image {
        source,
        detail: detail.map(str::to_owned),
    };
    let file = |source, name: Option<&str>| Content::File {
        source,
        name: name.map(str::to_owned),
    };
    let parts = &request.messages[0].parts;
    assert_eq!(parts[0].cache, Some(CacheMark::FiveMinutes));
    assert_eq!(
        contents(&request.messages[0]),
        [
            text("See"),
            image(Source::from_url("https://e.example/a.png"), Some("low")),
            image(Source::from_url("data:image/png;base64,AAAA"), Some("auto")),
            image(Source::Id("file-1".to_owned()), None),
            file(pdf(), Some("a.pdf")),
            file(pdf(), None),
            file(Source::from_url("https://e.example/a.pdf"), None),
            file(Source::Id("file-2".to_owned()), None),
            Content::Audio {
                source: Source::Data {
                    media_type: "audio/wav".to_owned(),
                    base64: "UklG".to_owned()
                }
            },
            Content::Other {
                format: Format::Responses,
                kind: "input_smell".to_owned(),
                value: json!({"type": "input_smell", "smell": "rose"}),
            },
        ]
    );
}

#[test]
fn a_reference_to_thoughts_is_done_without() {
    let request = read(json!({"model": "m", "input": [
        {"role": "user", "content": "Weather?"},
        {"type": "item_reference", "id": "rs_1"},
        {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"},
    ]}));
    let roles: Vec<Role> = request.messages.iter().map(|it| it.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant]);
    assert_eq!(request.messages[1].parts.len(), 1);
}

#[test]
fn what_the_model_did_in_several_items_is_one_turn() {
    let request = read(json!({"model": "m", "input": [
        {"role": "developer", "content": "Use tools."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
        {"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA",
         "summary": [{"type": "summary_text", "text": "**A**"}, {"type": "summary_text", "text": "**B**"}]},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "phase": "commentary",
         "content": [{"type": "output_text", "text": "Looking.", "annotations": []}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_a", "name": "weather", "arguments": "{\"at\":\"Rome\"}"},
        {"type": "custom_tool_call", "call_id": "call_b", "name": "sql", "input": "select 1"},
        {"type": "function_call_output", "call_id": "call_a", "output": "sunny"},
        {"type": "custom_tool_call_output", "call_id": "call_b", "output": [{"type": "input_text", "text": "1"}]},
        {"role": "user", "content": "Thanks"},
    ]}));
    let roles: Vec<Role> = request.messages.iter().map(|it| it.role).collect();
    use Role::{Assistant, Developer, User};
    assert_eq!(roles, [Developer, User, Assistant, User, User]);
    let turn = contents(&request.messages[2]);
    let Content::Thinking(thinking) = &turn[0] else {
        panic!("{turn:?}");
    };
    assert_eq!(thinking.text, "**A**\n\n**B**");
    assert_eq!(
        thinking.signature,
        Some(Signature::new(Format::Responses, "gAAA"))
    );
    assert!(!thinking.is_redacted);
    assert_eq!(turn[1], text("Looking."));
    let Content::ToolCall(call) = &turn[2] else {
        panic!("{turn:?}");
    };
    assert_eq!(
        (call.id.as_str(), call.input.as_str()),
        ("call_a", "{\"at\":\"Rome\"}")
    );
    assert!(
        matches!(&turn[3], Content::ToolCall(call) if call.is_custom && call.input == "select 1")
    );
    assert_eq!(request.messages[2].rest["phase"], "commentary");
    let results = contents(&request.messages[3]);
    assert!(
        matches!(&results[0], Content::ToolResult(it) if it.call_id == "call_a" && !it.is_custom)
    );
    assert!(
        matches!(&results[1], Content::ToolResult(it) if it.call_id == "call_b" && it.is_custom)
    );
    assert_eq!(contents(&request.messages[4]), [text("Thanks")]);
}

#[test]
fn a_calls_signature_comes_back_to_the_call() {
    let request = read(json!({"model": "m", "input": [
        {"role": "user", "content": "Go"},
        {"type": "reasoning", "summary": [], "encrypted_content": "weir.gemini.call:Sig="},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""},
        {"type": "function_call", "call_id": "d", "name": "f", "arguments": "{}"},
    ]}));
    let turn = contents(&request.messages[1]);
    let calls: Vec<_> = turn
        .iter()
        .map(|content| match content {
            Content::ToolCall(call) => (call.signature.clone(), call.input.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    let signature = Signature::new(Format::Gemini, "Sig=");
    assert_eq!(calls, [(Some(signature), "{}"), (None, "{}")]);
}

#[test]
fn items_of_this_format_alone_stay_on_their_side() {
    let request = read(json!({"model": "m", "input": [
        {"role": "user", "content": "Search"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"role": "assistant", "content": "Found."},
        {"type": "computer_call_output", "call_id": "c", "output": {}},
    ]}));
    assert_eq!(request.messages.len(), 3);
    let turn = contents(&request.messages[1]);
    assert!(matches!(&turn[0], Content::Other { kind, .. } if kind == "web_search_call"));
    assert_eq!(turn[1], text("Found."));
    assert_eq!(request.messages[2].role, Role::User);
}

#[test]
fn tools_and_their_choice_are_read() {
    let tools = json!([
        {"type": "function", "name": "f", "description": "d", "strict": true, "defer_loading": true,
         "parameters": {"type": "object", "properties": {"z": {}, "a": {}}}},
        {"type": "function", "name": "g", "parameters": null},
        {"type": "custom", "name": "sql", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
        {"type": "web_search"},
    ]);
    let with = |choice: Value| {
        read(
            json!({"model": "m", "input": "x", "tools": tools.clone(), "tool_choice": choice,
                    "parallel_tool_calls": false}),
        )
    };
    let request = with(json!("required"));
    let Tool::Function {
        name,
        strict,
        parameters,
        rest,
        ..
    } = &request.tools[0]
    else {
        panic!("{:?}", request.tools);
    };
    assert_eq!((name.as_str(), *strict), ("f", Some(true)));
    assert_eq!(rest["defer_loading"], true);
    assert_eq!(
        parameters.as_ref().unwrap().to_string(),
        r#"{"type":"object","properties":{"z":{},"a":{}}}"#
    );
    assert!(matches!(
        &request.tools[1],
        Tool::Function {
            parameters: None,
            strict: None,
            ..
        }
    ));
    assert!(matches!(&request.tools[2], Tool::Custom { name, .. } if name == "sql"));
    assert!(matches!(&request.tools[3], Tool::Hosted { kind, .. } if kind == "web_search"));
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    assert_eq!(request.param(Param::ParallelToolCalls), Some(&json!(false)));

    assert_eq!(with(json!("auto")).tool_choice, None);
    assert_eq!(with(json!("none")).tool_choice, Some(ToolChoice::None));
    for kind in ["function", "custom"] {
        assert_eq!(
            with(json!({"type": kind, "name": "f"})).tool_choice,
            Some(ToolChoice::Named("f".to_owned()))
        );
    }
    let allowed = json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]});
    assert_eq!(
        with(allowed).tool_choice,
        Some(ToolChoice::Allowed {
            names: vec!["g".to_owned()],
            required: true
        })
    );
    let hosted = with(json!({"type": "web_search_preview"}));
    assert_eq!(hosted.tool_choice, None);
    assert!(hosted.rest.contains_key("tool_choice"));
}

#[test]
fn parameters_are_read_and_what_is_unknown_is_kept() {
    let request = read(json!({
        "model": "m", "input": "x",
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"z": 1, "a": 2}, "strict": true},
                 "verbosity": "low", "shape": 1},
        "reasoning": {"effort": "high", "summary": "auto", "mode": "pro"},
        "temperature": 0.5, "top_p": 1, "top_logprobs": 3, "metadata": {"k": "v"}, "user": "u",
        "safety_identifier": "s", "prompt_cache_key": "p", "service_tier": "flex", "truncation": "auto",
        "include": ["reasoning.encrypted_content", "web_search_call.results"],
        "stream_options": {"include_obfuscation": false}, "max_tool_calls": 3, "novelty": [1],
    }));
    let Some(ResponseFormat::JsonSchema {
        name,
        schema,
        strict,
        ..
    }) = &request.response_format
    else {
        panic!("{:?}", request.response_format);
    };
    assert_eq!((name.as_str(), *strict), ("n", Some(true)));
    assert_eq!(schema.to_string(), r#"{"z":1,"a":2}"#);
    let reasoning = request.reasoning.as_ref().unwrap();
    assert_eq!(reasoning.effort.as_deref(), Some("high"));
    assert_eq!(reasoning.summary.as_deref(), Some("auto"));
    assert_eq!(reasoning.include_thoughts, Some(true));
    for (param, value) in [
        (Param::Verbosity, json!("low")),
        (Param::Temperature, json!(0.5)),
        (Param::TopP, json!(1)),
        (Param::Logprobs, json!(true)),
        (Param::TopLogprobs, json!(3)),
        (Param::Metadata, json!({"k": "v"})),
        (Param::User, json!("u")),
        (Param::SafetyIdentifier, json!("s")),
        (Param::PromptCacheKey, json!("p")),
        (Param::ServiceTier, json!("flex")),
        (Param::Truncation, json!("auto")),
        (Param::Include, json!(["web_search_call.results"])),
    ] {
        assert_eq!(request.param(param), Some(&value), "{param:?}");
    }
    let mut rest: Vec<_> = request.rest.keys().map(String::as_str).collect();
    rest.sort_unstable();
    assert_eq!(
        rest,
        ["max_tool_calls", "novelty", "reasoning.mode", "text.shape"]
    );
}

#[test]
fn mistakes_are_named() {
    for (body, message) in [
        (json!({"input": "x"}), "`model` must be a string."),
        (
            json!({"model": "m"}),
            "`input` must be a text or a list of items.",
        ),
        (
            json!({"model": "m", "input": [{"role": "tool", "content": "x"}]}),
            "`input[0].role` must be `user`, `assistant`, `system` or `developer`.",
        ),
        (
            json!({"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": 1}]}]}),
            "`input[0].content[0].text` must be a string.",
        ),
        (
            json!({"model": "m", "input": [{"type": "function_call_output", "output": "x"}]}),
            "`input[0].call_id` must be a string.",
        ),
        (
            json!({"model": "m", "input": ["x"]}),
            "`input[0]` must be an object.",
        ),
        (
            json!({"model": "m", "input": [{"id": "msg_1", "type": "item_reference"}]}),
            "`input[0]` must be the item itself, because conversations are not kept yet and a reference finds nothing: \
             send `store: false`.",
        ),
        (
            json!({"model": "m", "input": "x", "temperature": "hot"}),
            "`temperature` must be a number.",
        ),
        (
            json!({"model": "m", "input": "x", "text": {"format": {"type": "xml"}}}),
            "`text.format.type` must be `text`, `json_object` or `json_schema`.",
        ),
        (
            json!({"model": "m", "input": "x", "tool_choice": "maybe"}),
            "`tool_choice` must be `auto`, `none`, `required` or an object that names tools.",
        ),
        (
            json!({"model": "m", "input": "x", "tools": [{"type": "function"}]}),
            "`tools[0].name` must be a string.",
        ),
        (
            json!({"model": "m", "input": "x", "previous_response_id": "resp_1"}),
            "`previous_response_id` must be left out, because conversations are not kept yet.",
        ),
    ] {
        assert_eq!(refused(body.clone()), message, "{body}");
    }
}
