//! Requests of other formats' clients, written for a target of chat.

use serde_json::{Value, json};

use super::*;
use crate::chat::write_request;
use crate::format::Format;
use crate::loss::{DropParams, Loss, Losses};
use crate::neutral::{
    CacheMark, Fields, Message, Param, Reasoning, ResponseFormat, Role, Signature, Source,
    Thinking, Tool, ToolCall, ToolChoice, ToolResult,
};

fn write_to(request: &Request, target: &Target<'_>) -> (Value, Vec<String>) {
    let rendered =
        crate::translate::write_request(Format::Chat, request, target, DropParams::Hints).unwrap();
    (
        serde_json::from_slice(&rendered.body).unwrap(),
        rendered.dropped,
    )
}

fn write(request: &Request) -> Value {
    write_to(request, &TARGET).0
}

fn result(id: &str, parts: Vec<Part>) -> Part {
    Part::new(Content::ToolResult(ToolResult {
        call_id: id.to_owned(),
        name: None,
        parts,
        is_error: true,
        is_custom: false,
    }))
}

fn image() -> Part {
    Part::new(Content::Image {
        source: Source::Data {
            media_type: "image/png".to_owned(),
            base64: "AAAA".to_owned(),
        },
        detail: None,
    })
}

fn call(id: &str, input: &str) -> Part {
    Part::new(Content::ToolCall(ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        input: input.to_owned(),
        is_custom: false,
        signature: Some(Signature::new(Format::Gemini, "s")),
    }))
}

fn function(name: &str) -> Tool {
    Tool::Function {
        name: name.to_owned(),
        description: Some("d".to_owned()),
        parameters: Some(json!({"type": "object", "properties": {"z": {}, "a": {}}})),
        strict: None,
        cache: Some(CacheMark::FiveMinutes),
        rest: Fields::new(),
    }
}

fn of_messages(messages: Vec<Message>) -> Request {
    Request {
        model: "alias".to_owned(),
        messages,
        ..Request::default()
    }
}

#[test]
fn a_whole_request_is_written() {
    let mut cached = Part::text("Be brief.");
    cached.cache = Some(CacheMark::OneHour);
    let mut request = of_messages(vec![
        Message::new(Role::System, vec![cached, Part::text("Be kind.")]),
        Message::new(Role::User, vec![Part::text("Hi")]),
    ]);
    request.stream = true;
    request.tools = vec![function("get.weather")];
    request.tool_choice = Some(ToolChoice::Named("get.weather".to_owned()));
    request.max_tokens = Some(64);
    request.stop = vec!["X".to_owned()];
    request.response_format = Some(ResponseFormat::JsonSchema {
        name: "n".to_owned(),
        description: None,
        schema: json!({"type": "object", "additionalProperties": false}),
        strict: Some(true),
    });
    request.reasoning = Some(Reasoning {
        budget_tokens: Some(4096),
        ..Reasoning::default()
    });
    request.set_param(Param::Temperature, json!(0.5));
    request.set_param(Param::TopK, json!(40));
    request.set_param(Param::ParallelToolCalls, json!(false));
    request.set_param(Param::TopLogprobs, json!(2));
    let (body, dropped) = write_to(&request, &TARGET);
    let name = body["tools"][0]["function"]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(name.starts_with("get_weather_"), "{name}");
    assert_eq!(
        body,
        json!({
            "model": "gpt-5-mini",
            "messages": [{"role": "system", "content": "Be brief.\nBe kind."}, {"role": "user", "content": "Hi"}],
            "tools": [{"type": "function", "function": {"name": name, "description": "d",
                "parameters": {"type": "object", "properties": {"z": {}, "a": {}}}}}],
            "tool_choice": {"type": "function", "function": {"name": name}},
            "max_completion_tokens": 64,
            "stop": ["X"],
            "response_format": {"type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "object", "additionalProperties": false}, "strict": true}},
            "reasoning_effort": "medium",
            "temperature": 0.5,
            "parallel_tool_calls": false,
            "top_logprobs": 2,
            "logprobs": true,
            "stream": true,
            "stream_options": {"include_usage": true},
        })
    );
    assert_eq!(dropped, ["top_k", "cache_control"]);
}

#[test]
fn a_schema_that_openai_takes_for_no_strict_one_is_not_called_so() {
    let Tool::Function {
        parameters, rest, ..
    } = function("f")
    else {
        unreachable!()
    };
    let mut request = of_messages(vec![Message::new(Role::User, vec![Part::text("Hi")])]);
    request.tools = vec![Tool::Function {
        name: "f".to_owned(),
        description: None,
        parameters,
        strict: Some(true),
        cache: None,
        rest,
    }];
    let (body, dropped) = write_to(&request, &TARGET);
    assert_eq!(body["tools"][0]["function"]["strict"], json!(false));
    assert_eq!(dropped, ["strict"]);
}

#[test]
fn a_turn_of_which_nothing_is_left_is_no_message() {
    let thought = |text: &str| {
        Part::new(Content::Thinking(Thinking {
            text: text.to_owned(),
            ..Thinking::default()
        }))
    };
    let roles = |parts: Vec<Part>| {
        let body = write(&of_messages(vec![
            Message::new(Role::User, vec![Part::text("Hi")]),
            Message::new(Role::Assistant, parts),
        ]));
        let messages = body["messages"].as_array().unwrap().clone();
        messages
            .iter()
            .map(|it| it["role"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(roles(vec![thought("Hm.")]), ["user"]);
    assert_eq!(
        roles(vec![thought("Hm."), Part::text("")]),
        ["user", "assistant"]
    );
    assert_eq!(roles(vec![]), ["user", "assistant"]);
}

#[test]
fn the_targets_quirks_are_honoured() {
    let mut request = of_messages(vec![
        Message::new(
            Role::Assistant,
            vec![
                Part::new(Content::Thinking(Thinking {
                    text: "Hm".to_owned(),
                    signature: Some(Signature::new(Format::Anthropic, "s")),
                    is_redacted: false,
                })),
                Part::text("x"),
            ],
        ),
        Message::new(Role::User, vec![Part::text("y")]),
    ]);
    request.stream = true;
    request.max_tokens = Some(9);
    let (body, dropped) = write_to(&request, &TARGET);
    assert_eq!(dropped, ["thinking of another provider"]);
    assert_eq!(
        body["messages"][0],
        json!({"role": "assistant", "content": "x"})
    );
    let deepseek = Target {
        stream_options: false,
        max_tokens_field: Some("max_tokens"),
        reasoning_field: Some("reasoning_content"),
        ..TARGET
    };
    let (body, dropped) = write_to(&request, &deepseek);
    assert_eq!(dropped, Vec::<String>::new());
    assert_eq!(body["max_tokens"], 9);
    assert_eq!(body.get("max_completion_tokens"), None);
    assert_eq!(body.get("stream_options"), None);
    let first = json!({"role": "assistant", "content": "x", "reasoning_content": "Hm"});
    assert_eq!(body["messages"][0], first);
}

#[test]
fn results_of_tools_come_first_and_their_images_after_all_of_them() {
    let request = of_messages(vec![
        Message::new(
            Role::Assistant,
            vec![Part::text("Let me see."), call("c1", "{\"a\":1}")],
        ),
        Message::new(Role::Assistant, vec![call("c2", "")]),
        Message::new(
            Role::User,
            vec![
                Part::text("Also"),
                result("c1", vec![Part::text("one"), image(), Part::text("two")]),
            ],
        ),
        Message::new(Role::User, vec![result("c2", vec![])]),
        Message::new(Role::Assistant, vec![Part::text("Done.")]),
    ]);
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}});
    let drawn = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    assert_eq!(
        write(&of_messages(request.messages[..2].to_vec()))["messages"],
        json!([{"role": "assistant", "content": "Let me see.",
            "tool_calls": [call("c1", "{\"a\":1}"), call("c2", "{}")]}])
    );
    // What the user says beside a result waits until all results are told.
    assert_eq!(
        write(&request)["messages"],
        json!([
            {"role": "assistant", "content": "Let me see.", "tool_calls": [call("c1", "{\"a\":1}"), call("c2", "{}")]},
            {"role": "tool", "tool_call_id": "c1", "content": "one\ntwo"},
            {"role": "tool", "tool_call_id": "c2", "content": ""},
            {"role": "user", "content": [drawn, {"type": "text", "text": "Also"}]},
            {"role": "assistant", "content": "Done."},
        ])
    );
}

#[test]
fn media_are_written_as_their_parts() {
    let data = |media_type: &str| Source::Data {
        media_type: media_type.to_owned(),
        base64: "AAAA".to_owned(),
    };
    let parts = vec![
        Part::text("See"),
        Part::new(Content::Image {
            source: Source::from_url("https://e.org/a.png"),
            detail: Some("low".to_owned()),
        }),
        Part::new(Content::Audio {
            source: data("audio/mpeg"),
        }),
        Part::new(Content::File {
            source: data("application/pdf"),
            name: None,
        }),
        Part::new(Content::File {
            source: Source::Id("file-1".to_owned()),
            name: None,
        }),
        Part::new(Content::Video {
            source: Source::from_url("https://e.org/a.mp4"),
        }),
    ];
    let body = write(&of_messages(vec![Message::new(Role::User, parts)]));
    assert_eq!(
        body["messages"][0]["content"],
        json!([
            {"type": "text", "text": "See"},
            {"type": "image_url", "image_url": {"url": "https://e.org/a.png", "detail": "low"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "video_url", "video_url": {"url": "https://e.org/a.mp4"}},
        ])
    );
}

#[test]
fn what_chat_cannot_say_is_refused_and_left_out_only_on_request() {
    let other = Part::new(Content::Other {
        format: Format::Anthropic,
        kind: "server_tool_use".to_owned(),
        value: json!({}),
    });
    let hosted = Tool::Hosted {
        format: Format::Anthropic,
        kind: "web_search_20250305".to_owned(),
        value: json!({"type": "web_search_20250305"}),
    };
    let mut request = of_messages(vec![Message::new(Role::User, vec![Part::text("x"), other])]);
    request.tools = vec![hosted];
    let refused = |request: &Request, policy| {
        let mut losses = Losses::new(policy, "openai", Format::Chat);
        write_request(request, &TARGET, &mut losses)
            .map(|body| (body, losses.into_dropped()))
            .map_err(|loss| loss.what)
    };
    assert_eq!(
        refused(&request, DropParams::Hints).unwrap_err(),
        "messages[0] (server_tool_use)"
    );
    let (body, dropped) = refused(&request, DropParams::All).unwrap();
    assert_eq!(
        dropped,
        [
            "messages[0] (server_tool_use)",
            "tools (web_search_20250305)"
        ]
    );
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["messages"], json!([{"role": "user", "content": "x"}]));
    assert_eq!(body.get("tools"), None);
    request.messages[0].parts.pop();
    assert_eq!(
        refused(&request, DropParams::Hints).unwrap_err(),
        "tools (web_search_20250305)"
    );
}

#[test]
fn custom_tools_and_allowed_tools_have_chats_shape() {
    let mut request = of_messages(vec![]);
    let grammar = json!({"type": "grammar", "syntax": "regex", "definition": "a+"});
    request.tools = vec![
        function("f"),
        Tool::Custom {
            name: "c".to_owned(),
            description: None,
            format: Some(grammar),
        },
    ];
    request.tool_choice = Some(ToolChoice::Allowed {
        names: vec!["f".to_owned(), "c".to_owned()],
        required: false,
    });
    let body = write(&request);
    assert_eq!(
        body["tools"][1],
        json!({"type": "custom", "custom": {"name": "c",
            "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}}})
    );
    assert_eq!(
        body["tool_choice"],
        json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
            {"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}]}})
    );
    // What is written is read as it was.
    assert_eq!(read(&body).tools[1], request.tools[1]);
    assert_eq!(read(&body).tool_choice, request.tool_choice);
}

#[test]
fn not_to_think_is_only_said_in_the_clients_own_words() {
    let effort = |reasoning: Reasoning| {
        let mut request = of_messages(vec![]);
        request.reasoning = Some(reasoning);
        let (body, dropped) = write_to(&request, &TARGET);
        (body["reasoning_effort"].clone(), dropped)
    };
    let disabled = Reasoning {
        enabled: Some(false),
        ..Reasoning::default()
    };
    assert_eq!(
        effort(disabled),
        (Value::Null, vec!["reasoning".to_owned()])
    );
    let adaptive = Reasoning {
        enabled: Some(true),
        ..Reasoning::default()
    };
    assert_eq!(effort(adaptive), (Value::Null, vec![]));
    let none = Reasoning {
        effort: Some("none".to_owned()),
        ..Reasoning::default()
    };
    assert_eq!(effort(none), (json!("none"), vec![]));
}

#[test]
fn long_ids_fit_and_still_match() {
    let id = "toolu_".repeat(12);
    let body = write(&of_messages(vec![
        Message::new(Role::Assistant, vec![call(&id, "{}")]),
        Message::new(Role::User, vec![result(&id, vec![Part::text("x")])]),
    ]));
    let sent = body["messages"][0]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(sent.len() <= 40);
    assert_eq!(body["messages"][1]["tool_call_id"], sent);
}

#[test]
fn a_begun_answer_goes_to_those_who_go_on_with_it() {
    let begun = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Oh"}]});
    let request =
        crate::translate::read_request(Format::Anthropic, begun.to_string().as_bytes()).unwrap();
    let written = |prefill, policy| {
        let target = Target { prefill, ..TARGET };
        let rendered = crate::translate::write_request(Format::Chat, &request, &target, policy)?;
        let body: Value = serde_json::from_slice(&rendered.body).unwrap();
        Ok::<_, Loss>((body, rendered.dropped))
    };
    let refused = written(Prefill::None, DropParams::Hints).unwrap_err();
    assert_eq!(refused.what, "assistant prefill");
    let (body, dropped) = written(Prefill::None, DropParams::All).unwrap();
    assert_eq!(dropped, ["assistant prefill"]);
    assert_eq!(body["messages"], json!([{"role": "user", "content": "Hi"}]));
    let (body, dropped) = written(Prefill::Plain, DropParams::None).unwrap();
    assert!(dropped.is_empty());
    assert_eq!(body["messages"][1]["content"], "Oh");
    assert_eq!(body["continue_final_message"], Value::Null);
    let (body, _) = written(Prefill::ContinueFinalMessage, DropParams::None).unwrap();
    assert_eq!(body["continue_final_message"], true);
    assert_eq!(body["add_generation_prompt"], false);
}
