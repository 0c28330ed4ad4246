//! Requests to Anthropic.

use serde_json::{Value, json};

use super::{assistant, call, refused_for, request, result, target, user, written, written_for};
use crate::format::Format;
use crate::loss::DropParams;
use crate::neutral::{
    CacheMark, Content, Message, Param, Part, Reasoning, Request, ResponseFormat, Role, Signature,
    Source, Thinking, Tool, ToolCall, ToolChoice, ToolResult,
};
use crate::translate::write_request;

fn function(name: &str) -> Tool {
    Tool::Function {
        name: name.to_owned(),
        description: Some("Does it.".to_owned()),
        parameters: Some(
            json!({"type": "object", "properties": {"z": {"type": "string"}, "a": {}}}),
        ),
        strict: None,
        cache: None,
        rest: serde_json::Map::new(),
    }
}

fn system(text: &str) -> Message {
    Message::new(Role::System, vec![Part::text(text)])
}

fn thought(text: &str, signature: Option<Signature>) -> Part {
    Part::new(Content::Thinking(Thinking {
        text: text.to_owned(),
        signature,
        is_redacted: false,
    }))
}

fn marked(text: &str, mark: CacheMark) -> Part {
    Part {
        cache: Some(mark),
        ..Part::text(text)
    }
}

fn with_reasoning(reasoning: Reasoning) -> Request {
    Request {
        reasoning: Some(reasoning),
        ..request(vec![user("Hi")])
    }
}

fn with_effort(effort: &str) -> Request {
    with_reasoning(Reasoning {
        effort: Some(effort.to_owned()),
        ..Reasoning::default()
    })
}

#[test]
fn a_plain_question_has_all_that_is_required() {
    let body = written(&request(vec![system("Be brief."), user("Hi")]));
    let expected = json!({
        "model": "claude-sonnet-4-5",
        "max_tokens": 64000,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    });
    assert_eq!(body, expected);
}

#[test]
fn vertex_has_the_version_in_the_body_and_the_model_in_the_path() {
    let mut target = target("claude-sonnet-4-5@20250929");
    target.anthropic_version = Some("vertex-2023-10-16");
    target.max_output_tokens = None;
    let rendered = write_request(
        Format::Anthropic,
        &request(vec![user("Hi")]),
        &target,
        DropParams::None,
    );
    let body: Value = serde_json::from_slice(&rendered.unwrap().body).unwrap();
    assert_eq!(body["anthropic_version"], "vertex-2023-10-16");
    assert_eq!(body.get("model"), None);
    assert_eq!(body["max_tokens"], 4096);
}

#[test]
fn every_parameter_finds_its_place() {
    let mut all = request(vec![user("Hi")]);
    all.stream = true;
    all.max_tokens = Some(100);
    all.stop = vec!["END".to_owned()];
    for (param, value) in [
        (Param::Temperature, json!(0.7)),
        (Param::TopK, json!(40)),
        (Param::N, json!(1)),
        (Param::User, json!("u-1")),
        (Param::ServiceTier, json!("default")),
        (Param::Store, json!(false)),
        (Param::Modalities, json!(["text"])),
        (Param::Logprobs, json!(false)),
        (Param::ContextManagement, json!({"edits": []})),
        (Param::CacheControl, json!({"type": "ephemeral"})),
    ] {
        all.set_param(param, value);
    }
    let mut body = written(&all);
    for key in ["model", "messages"] {
        body.as_object_mut().unwrap().shift_remove(key);
    }
    let expected = json!({
        "max_tokens": 100, "stop_sequences": ["END"], "temperature": 0.7, "top_k": 40,
        "metadata": {"user_id": "u-1"}, "service_tier": "standard_only",
        "context_management": {"edits": []}, "cache_control": {"type": "ephemeral"}, "stream": true,
    });
    assert_eq!(body, expected);
}

#[test]
fn what_it_cannot_give_is_refused_by_name() {
    for (param, value, what) in [
        (Param::N, json!(2), "n"),
        (Param::Logprobs, json!(true), "logprobs"),
        (Param::Modalities, json!(["text", "audio"]), "modalities"),
        (Param::WebSearchOptions, json!({}), "web_search_options"),
    ] {
        let mut request = request(vec![user("Hi")]);
        request.set_param(param, value);
        assert_eq!(refused_for("claude-opus-4-5", &request), what);
    }
    let mut json_object = request(vec![user("Hi")]);
    json_object.response_format = Some(ResponseFormat::JsonObject);
    assert_eq!(
        refused_for("claude-opus-4-5", &json_object),
        "response_format (json_object)"
    );
    let mut stop = request(vec![user("Hi")]);
    stop.stop = vec!["\n".to_owned()];
    assert_eq!(refused_for("claude-opus-4-5", &stop), "stop");
}

#[test]
fn sampling_is_kept_to_what_each_generation_takes() {
    let mut request = request(vec![user("Hi")]);
    request.set_param(Param::Temperature, json!(1.7));
    request.set_param(Param::TopP, json!(0.5));
    let (body, dropped) = written_for("claude-3-7-sonnet-latest", &request);
    assert_eq!(
        (&body["temperature"], &body["top_p"]),
        (&json!(1), &json!(0.5))
    );
    assert_eq!(dropped, ["temperature"]);
    let (body, dropped) = written_for("claude-sonnet-4-5", &request);
    assert_eq!((&body["temperature"], body.get("top_p")), (&json!(1), None));
    assert_eq!(dropped, ["top_p", "temperature"]);
    let (body, dropped) = written_for("claude-opus-4-7", &request);
    assert_eq!((body.get("temperature"), body.get("top_p")), (None, None));
    assert_eq!(dropped, ["temperature", "top_p"]);
}

#[test]
fn a_temperature_of_one_is_no_loss_anywhere() {
    let mut request = request(vec![user("Hi")]);
    request.set_param(Param::Temperature, json!(1.0));
    request.set_param(Param::TopP, json!(1));
    let (body, dropped) = written_for("claude-opus-5-5", &request);
    assert_eq!((body.get("temperature"), dropped.len()), (None, 0));
}

#[test]
fn the_applications_words_stand_apart_and_keep_their_marks() {
    let body = written(&request(vec![
        Message::new(
            Role::System,
            vec![marked("Long.", CacheMark::OneHour), Part::text("")],
        ),
        user("Hi"),
        Message::new(Role::Developer, vec![Part::text("Mind the time.")]),
        user("there"),
    ]));
    let expected = json!([
        {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": "Mind the time."},
    ]);
    assert_eq!(body["system"], expected);
    assert_eq!(
        body["messages"],
        json!([{"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}]}])
    );
}

#[test]
fn speakers_take_turns_and_the_user_begins() {
    let body = written(&request(vec![
        assistant(vec![Part::text("Hello!")]),
        assistant(vec![Part::text("  \n"), Part::text("How are you?")]),
        user(""),
        user("Fine."),
        assistant(vec![Part::text("Good. \n")]),
    ]));
    let expected = json!([
        {"role": "user", "content": [{"type": "text", "text": "Begin."}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Hello!"}, {"type": "text", "text": "How are you?"}]},
        {"role": "user", "content": [{"type": "text", "text": "Fine."}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Good."}]},
    ]);
    assert_eq!(body["messages"], expected);
    let only_system = written(&request(vec![system("Say hi.")]));
    assert_eq!(only_system["messages"][0]["role"], "user");
}

/// As OpenAI's clients have it: one message for each result, and a word of the user's in between.
#[test]
fn results_come_first_in_the_turn_after_their_calls() {
    let mut request = request(vec![
        user("Weather and time in Oslo?"),
        assistant(vec![
            Part::text("I'll look."),
            call("c1", "weather", r#"{"city": "Oslo"}"#),
        ]),
        assistant(vec![call("c2", "time", "")]),
        user("Quick!"),
        Message::new(Role::User, vec![result("c1", "rain")]),
        assistant(vec![Part::text("It rains.")]),
        Message::new(Role::User, vec![result("c2", "noon")]),
    ]);
    request.tools = vec![function("weather"), function("time")];
    let body = written(&request);
    let expected = json!([
        {"role": "user", "content": [{"type": "text", "text": "Weather and time in Oslo?"}]},
        {"role": "assistant", "content": [
            {"type": "text", "text": "I'll look."},
            {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Oslo"}},
            {"type": "tool_use", "id": "c2", "name": "time", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "rain"}]},
            {"type": "tool_result", "tool_use_id": "c2", "content": [{"type": "text", "text": "noon"}]},
            {"type": "text", "text": "Quick!"},
        ]},
        {"role": "assistant", "content": [{"type": "text", "text": "It rains."}]},
    ]);
    assert_eq!(body["messages"], expected);
}

#[test]
fn a_failed_tools_picture_goes_along() {
    let picture = Part::new(Content::Image {
        source: Source::from_url("data:image/jpg;base64,AAAA"),
        detail: None,
    });
    let failed = Part::new(Content::ToolResult(ToolResult {
        call_id: "c1".to_owned(),
        name: None,
        parts: vec![picture, Part::text("")],
        is_error: true,
        is_custom: false,
    }));
    let mut request = request(vec![
        user("Look"),
        assistant(vec![call("c1", "look", "{}")]),
        Message::new(Role::User, vec![failed]),
    ]);
    request.tools = vec![function("look")];
    let expected = json!([{"type": "tool_result", "tool_use_id": "c1", "is_error": true, "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}},
    ]}]);
    assert_eq!(written(&request)["messages"][2]["content"], expected);
}

#[test]
fn arguments_that_are_no_object_are_refused_by_the_calls_id() {
    for arguments in ["[1]", "{\"a\":", "oops", "\"text\""] {
        let request = request(vec![
            user("Hi"),
            assistant(vec![call("c9", "f", arguments)]),
        ]);
        let what = refused_for("claude-opus-4-5", &request);
        assert_eq!(what, "messages[1] (arguments of tool call `c9`)");
    }
}

#[test]
fn names_and_ids_beyond_the_limits_are_mapped_alike_everywhere() {
    let mut request = request(vec![
        user("Hi"),
        assistant(vec![call("call:1/a", "files.read", "{}")]),
        Message::new(Role::User, vec![result("call:1/a", "x")]),
    ]);
    request.tools = vec![function("files.read")];
    request.tool_choice = Some(ToolChoice::Named("files.read".to_owned()));
    let body = written(&request);
    let name = body["tools"][0]["name"].as_str().unwrap();
    assert!(name.starts_with("files_read_"));
    assert_eq!(body["tool_choice"], json!({"type": "tool", "name": name}));
    assert_eq!(body["messages"][1]["content"][0]["name"], name);
    let id = &body["messages"][1]["content"][0]["id"];
    assert!(id.as_str().unwrap().starts_with("call_1_a_"));
    assert_eq!(&body["messages"][2]["content"][0]["tool_use_id"], id);
}

#[test]
fn media_goes_where_it_belongs() {
    let file = |url: &str, name: Option<&str>| {
        Part::new(Content::File {
            source: Source::from_url(url),
            name: name.map(str::to_owned),
        })
    };
    let image = |url: &str| {
        Part::new(Content::Image {
            source: Source::from_url(url),
            detail: Some("auto".to_owned()),
        })
    };
    let parts = vec![
        image("https://e.example/a.png"),
        image("data:image/webp;base64,UklG"),
        file("data:application/pdf;base64,JVBE", Some("report.pdf")),
        file("data:text/markdown;charset=utf-8;base64,IyBIaQ", None),
        file("https://e.example/a.pdf", None),
    ];
    let body = written(&request(vec![Message::new(Role::User, parts)]));
    let expected = json!([
        {"type": "image", "source": {"type": "url", "url": "https://e.example/a.png"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "UklG"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}, "title": "report.pdf"},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "# Hi"}},
        {"type": "document", "source": {"type": "url", "url": "https://e.example/a.pdf"}},
    ]);
    assert_eq!(body["messages"][0]["content"], expected);
}

#[test]
fn media_that_is_not_taken_is_refused() {
    let audio = Content::Audio {
        source: Source::from_url("data:audio/wav;base64,UklG"),
    };
    let bitmap = Content::Image {
        source: Source::from_url("data:image/bmp;base64,Qk0"),
        detail: None,
    };
    let uploaded = Content::File {
        source: Source::Id("file-1".to_owned()),
        name: None,
    };
    let archive = Content::File {
        source: Source::from_url("data:application/zip;base64,UEs"),
        name: None,
    };
    let stored = Content::Image {
        source: Source::from_url("gs://bucket/a.png"),
        detail: None,
    };
    let foreign = Content::Other {
        format: Format::Gemini,
        kind: "executableCode".to_owned(),
        value: json!({}),
    };
    for (content, what) in [
        (audio, "messages[0] (audio as data)"),
        (bitmap, "messages[0] (image as data)"),
        (uploaded, "messages[0] (file by id)"),
        (archive, "messages[0] (file as data)"),
        (stored, "messages[0] (image by URL)"),
        (foreign, "messages[0] (executableCode)"),
    ] {
        let request = request(vec![Message::new(Role::User, vec![Part::new(content)])]);
        assert_eq!(refused_for("claude-opus-4-5", &request), what);
        let target = target("claude-opus-4-5");
        assert!(write_request(Format::Anthropic, &request, &target, DropParams::All).is_ok());
    }
}

#[test]
fn tools_and_choices_are_said_in_anthropics_words() {
    let mut request = request(vec![user("Hi")]);
    request.tools = vec![
        function("f"),
        Tool::Function {
            name: "g".to_owned(),
            description: None,
            parameters: None,
            strict: Some(false),
            cache: Some(CacheMark::FiveMinutes),
            rest: serde_json::Map::new(),
        },
    ];
    let body = written(&request);
    let expected = json!([
        {"name": "f", "description": "Does it.",
         "input_schema": {"type": "object", "properties": {"z": {"type": "string"}, "a": {}}}},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}, "cache_control": {"type": "ephemeral"}},
    ]);
    assert_eq!(body["tools"], expected);
    assert_eq!(body["tools"].to_string(), expected.to_string());
    assert_eq!(body.get("tool_choice"), None);

    let mut chosen = |choice: Option<ToolChoice>, parallel: Option<bool>| {
        request.tool_choice = choice;
        request.params = Vec::new();
        request.set_param(Param::ParallelToolCalls, json!(parallel));
        let body = written(&request);
        (
            body["tool_choice"].clone(),
            body["tools"].as_array().unwrap().len(),
        )
    };
    assert_eq!(
        chosen(Some(ToolChoice::Auto), None).0,
        json!({"type": "auto"})
    );
    assert_eq!(
        chosen(Some(ToolChoice::None), Some(false)).0,
        json!({"type": "none"})
    );
    assert_eq!(
        chosen(Some(ToolChoice::Required), Some(true)).0,
        json!({"type": "any"})
    );
    assert_eq!(
        chosen(None, Some(false)).0,
        json!({"type": "auto", "disable_parallel_tool_use": true})
    );
    let allowed = ToolChoice::Allowed {
        names: vec!["g".to_owned()],
        required: true,
    };
    assert_eq!(chosen(Some(allowed), None), (json!({"type": "any"}), 1));
}

#[test]
fn a_conversation_with_calls_keeps_its_tools() {
    let body = written(&request(vec![
        user("Hi"),
        assistant(vec![call("c1", "old", "{}"), call("c2", "old", "{}")]),
        Message::new(Role::User, vec![result("c1", "x"), result("c2", "y")]),
    ]));
    assert_eq!(
        body["tools"],
        json!([{"name": "old", "input_schema": {"type": "object", "properties": {}}}])
    );
    assert_eq!(body["tool_choice"], json!({"type": "none"}));
}

#[test]
fn strict_tools_are_kept_to_what_can_be_enforced() {
    let mut request = request(vec![user("Hi")]);
    request.tools = vec![Tool::Function {
        name: "f".to_owned(),
        description: None,
        parameters: Some(json!({"properties": {"n": {"type": "integer", "minimum": 1}}})),
        strict: Some(true),
        cache: None,
        rest: serde_json::Map::new(),
    }];
    let (body, dropped) = written_for("claude-opus-4-5", &request);
    let expected = json!([{"name": "f", "strict": true, "input_schema": {
        "type": "object",
        "properties": {"n": {"type": "integer", "description": "{minimum: 1}"}},
        "additionalProperties": false,
    }}]);
    assert_eq!(body["tools"], expected);
    assert_eq!(dropped, ["tools[].parameters (constraints)"]);
    let (body, dropped) = written_for("claude-3-5-haiku-latest", &request);
    assert_eq!(body["tools"][0].get("strict"), None);
    assert_eq!(
        body["tools"][0]["input_schema"]["properties"]["n"]["minimum"],
        1
    );
    assert_eq!(dropped, ["tools[].strict"]);
}

#[test]
fn a_tool_of_free_text_becomes_one_with_one_argument() {
    let mut request = request(vec![
        user("Patch it"),
        assistant(vec![Part::new(Content::ToolCall(ToolCall {
            id: "c1".to_owned(),
            name: "apply_patch".to_owned(),
            input: "*** Begin \"Patch\"".to_owned(),
            is_custom: true,
            signature: None,
        }))]),
    ]);
    request.tools = vec![Tool::Custom {
        name: "apply_patch".to_owned(),
        description: Some("Patches.".to_owned()),
        format: Some(json!({"type": "grammar", "syntax": "lark", "definition": "start: x"})),
    }];
    let (body, dropped) = written_for("claude-opus-4-5", &request);
    assert_eq!(
        body["tools"][0]["input_schema"]["required"],
        json!(["input"])
    );
    assert!(
        body["tools"][0]["description"]
            .as_str()
            .unwrap()
            .contains("start: x")
    );
    assert_eq!(
        body["messages"][1]["content"][0]["input"],
        json!({"input": "*** Begin \"Patch\""})
    );
    assert_eq!(dropped, ["tools[].format (grammar)"]);
}

#[test]
fn tools_of_other_providers_are_refused_and_anthropics_are_kept() {
    let hosted = |format| Tool::Hosted {
        format,
        kind: "web_search".to_owned(),
        value: json!({"type": "web_search_20250305", "name": "web_search"}),
    };
    let mut request = request(vec![user("Hi")]);
    request.tools = vec![hosted(Format::Anthropic)];
    assert_eq!(written(&request)["tools"][0]["type"], "web_search_20250305");
    request.tools = vec![hosted(Format::Responses)];
    assert_eq!(
        refused_for("claude-opus-4-5", &request),
        "tools (web_search)"
    );
}

#[test]
fn a_schema_of_the_answer_is_enforced() {
    let mut request = request(vec![user("Hi")]);
    let schema = json!({"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "null"}},
        "required": ["z", "a"], "additionalProperties": false});
    request.response_format = Some(ResponseFormat::JsonSchema {
        name: "reply".to_owned(),
        description: None,
        schema: schema.clone(),
        strict: Some(true),
    });
    let body = written(&request);
    assert_eq!(
        body["output_config"],
        json!({"format": {"type": "json_schema", "schema": schema}})
    );
    assert!(
        body["output_config"]
            .to_string()
            .contains(&schema.to_string())
    );
    let old = refused_for("claude-3-5-haiku-latest", &request);
    assert_eq!(old, "response_format (json_schema)");
}

#[test]
fn thoughts_come_back_first_if_anthropic_signed_them() {
    let ours = Some(Signature::new(Format::Anthropic, "EqQB"));
    let mut request = request(vec![
        user("Hi"),
        assistant(vec![
            Part::text("I'll look."),
            thought("Hm.", ours),
            thought("Hm!", Some(Signature::new(Format::Gemini, "Ab"))),
            Part::new(Content::Thinking(Thinking {
                text: String::new(),
                signature: Some(Signature::new(Format::Anthropic, "Emwk")),
                is_redacted: true,
            })),
            call("c1", "f", "{}"),
        ]),
        Message::new(Role::User, vec![result("c1", "x")]),
    ]);
    request.tools = vec![function("f")];
    let (body, dropped) = written_for("claude-opus-4-5", &request);
    let expected = json!([
        {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "Emwk"},
        {"type": "text", "text": "I'll look."},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {}},
    ]);
    assert_eq!(body["messages"][1]["content"], expected);
    assert_eq!(dropped, ["thinking of another provider"]);
}

#[test]
fn budgets_leave_room_for_the_answer() {
    let budget = |effort: &str, max_tokens: Option<u64>| {
        let request = Request {
            max_tokens,
            ..with_effort(effort)
        };
        let body = written(&request);
        (
            body["thinking"]["budget_tokens"].as_u64(),
            body["max_tokens"].as_u64().unwrap(),
        )
    };
    assert_eq!(budget("high", None), (Some(24_576), 64_000));
    assert_eq!(budget("high", Some(30_000)), (Some(24_576), 30_000));
    assert_eq!(budget("high", Some(4_000)), (Some(2_000), 4_000));
    assert_eq!(budget("low", Some(1_500)), (Some(1_024), 1_500));
    assert_eq!(budget("minimal", Some(500)), (Some(1_024), 1_524));
    assert_eq!(budget("none", Some(500)), (None, 500));
    let mut small = target("claude-opus-4-5");
    small.max_output_tokens = Some(1_000);
    let rendered = write_request(
        Format::Anthropic,
        &with_effort("low"),
        &small,
        DropParams::Hints,
    )
    .unwrap();
    assert_eq!(rendered.dropped, ["reasoning"]);
}

#[test]
fn newer_models_think_adaptively() {
    let thinking = |model: &str, effort: &str| {
        let (body, dropped) = written_for(model, &with_effort(effort));
        (
            body["thinking"].clone(),
            body["output_config"]["effort"].clone(),
            dropped.len(),
        )
    };
    let adaptive = || json!({"type": "adaptive"});
    assert_eq!(
        thinking("claude-opus-4-6", "xhigh"),
        (adaptive(), json!("max"), 0)
    );
    assert_eq!(
        thinking("claude-opus-4-7", "xhigh"),
        (adaptive(), json!("xhigh"), 0)
    );
    assert_eq!(
        thinking("claude-opus-5-5", "minimal"),
        (adaptive(), json!("low"), 0)
    );
    assert_eq!(
        thinking("claude-opus-4-7", "none"),
        (Value::Null, Value::Null, 0)
    );
    assert_eq!(
        thinking("claude-sonnet-5", "none"),
        (json!({"type": "disabled"}), Value::Null, 0)
    );
    assert_eq!(
        thinking("claude-sonnet-5-5", "none"),
        (json!({"type": "between_tools"}), Value::Null, 0)
    );
    assert_eq!(
        thinking("claude-fable-5-1", "none"),
        (Value::Null, json!("low"), 1)
    );
    assert_eq!(
        thinking("claude-3-5-haiku-latest", "high"),
        (Value::Null, Value::Null, 1)
    );
    assert_eq!(
        thinking("claude-3-5-haiku-latest", "none"),
        (Value::Null, Value::Null, 0)
    );
}

#[test]
fn thoughts_that_are_to_be_seen_are_shown() {
    let (body, _) = written_for(
        "claude-opus-5",
        &with_reasoning(Reasoning {
            budget_tokens: Some(10_000),
            include_thoughts: Some(true),
            ..Reasoning::default()
        }),
    );
    assert_eq!(
        body["thinking"],
        json!({"type": "adaptive", "display": "summarized"})
    );
    assert_eq!(body["output_config"], json!({"effort": "medium"}));
    let (body, _) = written_for(
        "claude-opus-5",
        &with_reasoning(Reasoning {
            summary: Some("auto".to_owned()),
            ..Reasoning::default()
        }),
    );
    assert_eq!(body.get("thinking"), None);
}

#[test]
fn a_forced_tool_wins_over_thinking() {
    let mut request = with_effort("high");
    request.tools = vec![function("f")];
    request.tool_choice = Some(ToolChoice::Required);
    for (model, thinking) in [
        ("claude-opus-4-5", Value::Null),
        ("claude-opus-4-6", Value::Null),
        ("claude-opus-5", json!({"type": "disabled"})),
    ] {
        let (body, dropped) = written_for(model, &request);
        assert_eq!(body["thinking"], thinking, "{model}");
        assert_eq!(body["tool_choice"]["type"], "any");
        assert_eq!(dropped, ["reasoning"]);
    }
    assert_eq!(refused_for("claude-opus-5-5", &request), "tool_choice");
}

#[test]
fn older_models_think_on_only_with_the_thoughts_of_their_calls() {
    let conversation = |signed: bool| {
        let thoughts = signed.then(|| thought("Hm.", Some(Signature::new(Format::Anthropic, "E"))));
        let parts = thoughts
            .into_iter()
            .chain([call("c1", "f", "{}")])
            .collect();
        let mut request = with_effort("low");
        request.messages.push(assistant(parts));
        request
            .messages
            .push(Message::new(Role::User, vec![result("c1", "x")]));
        request.tools = vec![function("f")];
        request
    };
    let (body, dropped) = written_for("claude-opus-4-5", &conversation(false));
    assert_eq!(
        (body.get("thinking"), dropped),
        (None, vec!["reasoning".to_owned()])
    );
    let (body, dropped) = written_for("claude-opus-4-5", &conversation(true));
    assert_eq!(
        (&body["thinking"]["type"], dropped.len()),
        (&json!("enabled"), 0)
    );
    let (body, _) = written_for("claude-opus-4-6", &conversation(false));
    assert_eq!(body["thinking"]["type"], "adaptive");
}

#[test]
fn sampling_beside_thinking_is_left_out() {
    let mut request = with_effort("low");
    request.set_param(Param::Temperature, json!(0.2));
    request.set_param(Param::TopK, json!(5));
    request.set_param(Param::TopP, json!(0.97));
    let (body, dropped) = written_for("claude-opus-4-5", &request);
    assert_eq!(
        (body.get("temperature"), &body["top_p"]),
        (None, &json!(0.97))
    );
    assert_eq!(dropped, ["temperature", "top_k"]);
}

#[test]
fn only_the_last_four_marks_are_sent() {
    let marks = ["1", "2", "3"].map(|text| marked(text, CacheMark::FiveMinutes));
    let mut request = request(vec![
        Message::new(Role::System, vec![marked("s", CacheMark::OneHour)]),
        Message::new(Role::User, marks.to_vec()),
    ]);
    assert_eq!(
        written(&request)
            .to_string()
            .matches("cache_control")
            .count(),
        4
    );
    request.tools = vec![Tool::Function {
        name: "f".to_owned(),
        description: None,
        parameters: None,
        strict: None,
        cache: Some(CacheMark::FiveMinutes),
        rest: serde_json::Map::new(),
    }];
    let (body, dropped) = written_for("claude-opus-4-5", &request);
    assert_eq!(body["tools"][0].get("cache_control"), None);
    assert_eq!(body.to_string().matches("cache_control").count(), 4);
    assert_eq!(dropped, ["cache_control"]);
}

#[test]
fn a_name_of_a_speaker_is_told_as_lost() {
    let mut request = request(vec![user("Hi")]);
    request.messages[0].name = Some("ann".to_owned());
    assert_eq!(written_for("claude-opus-4-5", &request).1, ["name"]);
}
