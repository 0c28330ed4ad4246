use proptest::prelude::*;
use serde_json::{Value, json};

use super::{target, thoughts};
use crate::format::Format;
use crate::loss::DropParams;
use crate::neutral::*;
use crate::translate;

fn write_with(request: &Request, policy: DropParams) -> Result<(Value, Vec<String>), String> {
    let written = translate::write_request(Format::Cohere, request, &target(), policy);
    let rendered = written.map_err(|loss| loss.what)?;
    Ok((
        serde_json::from_slice(&rendered.body).unwrap(),
        rendered.dropped,
    ))
}

fn write(request: &Request) -> Value {
    write_with(request, DropParams::None).unwrap().0
}

fn says(role: Role, parts: Vec<Part>) -> Request {
    Request {
        messages: vec![Message::new(role, parts)],
        ..Request::default()
    }
}

fn function(name: &str, parameters: Option<Value>) -> Tool {
    Tool::Function {
        name: name.to_owned(),
        description: Some(format!("Does {name}.")),
        parameters,
        strict: None,
        cache: None,
        rest: Fields::new(),
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

fn result(id: &str, text: &str, is_error: bool) -> Part {
    Part::new(Content::ToolResult(ToolResult {
        call_id: id.to_owned(),
        name: None,
        parts: vec![Part::text(text)],
        is_error,
        is_custom: false,
    }))
}

#[test]
fn a_conversation_with_tools_and_images() {
    let image = Content::Image {
        source: Source::from_url("data:image/png;base64,iVBORw0="),
        detail: Some("low".to_owned()),
    };
    let request = Request {
        stream: true,
        messages: vec![
            Message::new(Role::Developer, vec![Part::text("Be brief.")]),
            Message::new(
                Role::User,
                vec![Part::text("What is it?"), Part::new(image)],
            ),
            Message::new(
                Role::Assistant,
                vec![
                    thoughts("tool_plan", "I will look twice."),
                    call("a", "look", r#"{"at":1}"#),
                    call("b", "wait", ""),
                ],
            ),
            Message::new(
                Role::User,
                vec![
                    Part::text("And?"),
                    result("a", r#"{"seen":"cat"}"#, false),
                    result("b", "no time", true),
                ],
            ),
        ],
        tools: vec![
            function("look", Some(json!({"type": "object", "required": ["at"]}))),
            function("wait", None),
        ],
        max_tokens: Some(500),
        stop: vec!["END".to_owned()],
        ..Request::default()
    };
    assert_eq!(
        write(&request),
        json!({
            "model": "command-a-03-2025",
            "stream": true,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0=", "detail": "low"}},
                ]},
                {"role": "assistant", "tool_plan": "I will look twice.", "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}},
                    {"id": "b", "type": "function", "function": {"name": "wait", "arguments": "{}"}},
                ]},
                {"role": "tool", "tool_call_id": "a", "content": "{\"seen\":\"cat\"}"},
                {"role": "tool", "tool_call_id": "b", "content": "{\"error\":\"no time\"}"},
                {"role": "user", "content": "And?"},
            ],
            "tools": [
                {"type": "function", "function": {"name": "look", "description": "Does look.",
                    "parameters": {"type": "object", "required": ["at"]}}},
                {"type": "function", "function": {"name": "wait", "description": "Does wait.",
                    "parameters": {"type": "object", "properties": {}}}},
            ],
            "max_tokens": 500,
            "stop_sequences": ["END"],
        })
    );
}

#[test]
fn sampling_is_said_in_its_names_and_bounds() {
    let mut request = says(Role::User, vec![Part::text("Hi")]);
    for (param, value) in [
        (Param::Temperature, json!(0.3)),
        (Param::TopP, json!(1)),
        (Param::TopK, json!(900)),
        (Param::Seed, json!(7)),
        (Param::PresencePenalty, json!(0.5)),
        (Param::FrequencyPenalty, json!(0)),
        (Param::N, json!(1)),
        (Param::ParallelToolCalls, json!(false)),
        (Param::Modalities, json!(["text"])),
        (Param::Logprobs, json!(true)),
    ] {
        request.set_param(param, value);
    }
    assert_eq!(
        write(&request),
        json!({
            "model": "command-a-03-2025",
            "stream": false,
            "messages": [{"role": "user", "content": "Hi"}],
            "temperature": 0.3,
            "p": 0.99,
            "k": 500,
            "seed": 7,
            "presence_penalty": 0.5,
            "frequency_penalty": 0,
            "logprobs": true,
        })
    );
}

#[test]
fn what_cannot_be_said_is_named() {
    let with = |param, value| {
        let mut request = says(Role::User, vec![Part::text("Hi")]);
        request.tools = vec![function("f", None)];
        request.set_param(param, value);
        write_with(&request, DropParams::Hints).map(|(_, dropped)| dropped)
    };
    let dropped = |what: &str| Ok(vec![what.to_owned()]);
    assert_eq!(with(Param::Seed, json!(-1)), dropped("seed"));
    assert_eq!(
        with(Param::PresencePenalty, json!(-0.5)),
        dropped("presence_penalty")
    );
    assert_eq!(with(Param::User, json!("u")), dropped("user"));
    let refused = |what: &str| Err(what.to_owned());
    assert_eq!(with(Param::N, json!(2)), refused("n"));
    assert_eq!(
        with(Param::Modalities, json!(["audio"])),
        refused("modalities")
    );
    assert_eq!(
        with(Param::ParallelToolCalls, json!(false)),
        refused("parallel_tool_calls")
    );
    assert_eq!(with(Param::ParallelToolCalls, json!(true)), Ok(vec![]));

    let mut request = says(Role::User, vec![Part::text("Hi")]);
    request.stop = (0..6).map(|n| n.to_string()).collect();
    assert_eq!(write_with(&request, DropParams::Hints).unwrap_err(), "stop");
    let (body, dropped) = write_with(&request, DropParams::All).unwrap();
    assert_eq!(body["stop_sequences"].as_array().unwrap().len(), 5);
    assert_eq!(dropped, ["stop"]);
}

#[test]
fn json_is_asked_for_with_the_schema_as_it_is() {
    let schema = json!({"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "integer"}}});
    let mut request = says(Role::User, vec![Part::text("Answer in JSON.")]);
    request.response_format = Some(ResponseFormat::JsonSchema {
        name: "answer".to_owned(),
        description: None,
        schema: schema.clone(),
        strict: Some(true),
    });
    let format = &write(&request)["response_format"];
    assert_eq!(
        format.to_string(),
        format!(r#"{{"type":"json_object","json_schema":{schema}}}"#)
    );
    request.tools = vec![function("f", None)];
    assert_eq!(
        write_with(&request, DropParams::Hints).unwrap_err(),
        "response_format"
    );
    request.tools.clear();
    request.response_format = Some(ResponseFormat::JsonObject);
    assert_eq!(
        write(&request)["response_format"],
        json!({"type": "json_object"})
    );
}

#[test]
fn a_named_tool_is_the_only_one_offered() {
    let mut request = says(Role::User, vec![Part::text("Hi")]);
    request.tools = vec![
        function("f", None),
        function("g", None),
        function("h", None),
    ];
    let chosen = |choice: Option<ToolChoice>| {
        let mut request = request.clone();
        request.tool_choice = choice;
        let (body, _) = write_with(&request, DropParams::Hints)?;
        let tools = body["tools"].as_array().cloned().unwrap_or_default();
        let names = tools
            .iter()
            .filter_map(|tool| tool["function"]["name"].as_str());
        let names = names.collect::<Vec<_>>().join(",");
        Ok((names, body["tool_choice"].as_str().map(str::to_owned)))
    };
    let ok = |names: &str, choice: Option<&str>| -> Result<_, String> {
        Ok((names.to_owned(), choice.map(str::to_owned)))
    };
    assert_eq!(chosen(Some(ToolChoice::Auto)), ok("f,g,h", None));
    assert_eq!(chosen(Some(ToolChoice::None)), ok("f,g,h", Some("NONE")));
    assert_eq!(
        chosen(Some(ToolChoice::Required)),
        ok("f,g,h", Some("REQUIRED"))
    );
    assert_eq!(
        chosen(Some(ToolChoice::Named("g".to_owned()))),
        ok("g", Some("REQUIRED"))
    );
    let allowed = ToolChoice::Allowed {
        names: vec!["f".to_owned(), "h".to_owned()],
        required: false,
    };
    assert_eq!(chosen(Some(allowed)), ok("f,h", None));
    assert_eq!(
        chosen(Some(ToolChoice::Named("x".to_owned()))),
        Err("tool_choice".to_owned())
    );
}

#[test]
fn strictness_holds_for_all_tools_or_none() {
    let strict = |required: Value| Tool::Function {
        name: "f".to_owned(),
        description: None,
        parameters: Some(json!({"type": "object", "required": required})),
        strict: Some(true),
        cache: None,
        rest: Fields::new(),
    };
    let mut request = says(Role::User, vec![Part::text("Hi")]);
    request.tools = vec![strict(json!(["a"]))];
    assert_eq!(write(&request)["strict_tools"], json!(true));
    for second in [strict(json!([])), function("g", None)] {
        request.tools = vec![strict(json!(["a"])), second];
        let (body, dropped) = write_with(&request, DropParams::Hints).unwrap();
        assert_eq!(body.get("strict_tools"), None);
        assert_eq!(dropped, ["tools[].strict"]);
    }
}

#[test]
fn thoughts_are_asked_for_and_given_back() {
    let thinking = |reasoning, max_tokens| {
        let mut request = says(Role::User, vec![Part::text("Hi")]);
        request.reasoning = Some(reasoning);
        request.max_tokens = max_tokens;
        write(&request).get("thinking").cloned()
    };
    let effort = |word: &str| Reasoning {
        effort: Some(word.to_owned()),
        ..Reasoning::default()
    };
    let enabled = |enabled| Reasoning {
        enabled: Some(enabled),
        ..Reasoning::default()
    };
    assert_eq!(
        thinking(effort("none"), None),
        Some(json!({"type": "disabled"}))
    );
    assert_eq!(
        thinking(enabled(false), None),
        Some(json!({"type": "disabled"}))
    );
    assert_eq!(
        thinking(enabled(true), None),
        Some(json!({"type": "enabled"}))
    );
    assert_eq!(
        thinking(effort("low"), None),
        Some(json!({"type": "enabled", "token_budget": 2048}))
    );
    assert_eq!(
        thinking(effort("high"), Some(1000)),
        Some(json!({"type": "enabled", "token_budget": 999}))
    );
    assert_eq!(thinking(Reasoning::default(), None), None);

    let foreign = Part::new(Content::Thinking(Thinking {
        text: "Hm?".to_owned(),
        signature: Some(Signature::new(Format::Anthropic, "sig")),
        is_redacted: false,
    }));
    let own = thoughts("thinking", "Hm.");
    let request = says(Role::Assistant, vec![foreign, own, Part::text("Yes")]);
    let (body, dropped) = write_with(&request, DropParams::Hints).unwrap();
    assert_eq!(
        body["messages"],
        json!([{"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Yes"}
        ]}])
    );
    assert_eq!(dropped, ["thinking of another provider"]);
}

#[test]
fn what_says_nothing_is_left_out() {
    let request = Request {
        messages: vec![
            Message::new(Role::System, vec![]),
            Message::new(Role::User, vec![Part::text(""), Part::text("Hi")]),
            Message::new(Role::Assistant, vec![Part::text("")]),
            Message::new(Role::User, vec![result("a", "", false)]),
        ],
        ..Request::default()
    };
    assert_eq!(
        write(&request)["messages"],
        json!([
            {"role": "user", "content": "Hi"},
            {"role": "tool", "tool_call_id": "a", "content": "{}"},
        ])
    );
}

#[test]
fn images_are_shown_by_users_alone() {
    let image = || {
        Part::new(Content::Image {
            source: Source::from_url("https://example.com/a.png"),
            detail: Some("original".to_owned()),
        })
    };
    let request = says(Role::User, vec![image()]);
    assert_eq!(
        write(&request)["messages"][0]["content"],
        json!([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}])
    );
    for role in [Role::System, Role::Assistant] {
        let request = says(role, vec![image()]);
        assert_eq!(
            write_with(&request, DropParams::Hints).unwrap_err(),
            "messages[0] (image by URL)"
        );
    }
}

proptest! {
    /// Calls, their ids, arguments and results survive, in order.
    #[test]
    fn calls_and_results_survive(
        calls in proptest::collection::vec(("[a-z]{1,8}", "[a-z_]{1,8}", "\\{\"[a-z]{1,3}\":[0-9]{1,3}\\}"), 1..6),
        text in ".{1,20}",
    ) {
        let asked = calls.iter().map(|(id, name, input)| call(id, name, input)).collect();
        let given = calls.iter().map(|(id, _, input)| result(id, input, false)).collect();
        let request = Request {
            messages: vec![
                Message::new(Role::User, vec![Part::text(text.clone())]),
                Message::new(Role::Assistant, asked),
                Message::new(Role::User, given),
            ],
            ..Request::default()
        };
        let body = write(&request);
        let messages = body["messages"].as_array().unwrap();
        prop_assert_eq!(&messages[0]["content"], &json!(text));
        prop_assert_eq!(messages.len(), 2 + calls.len());
        for (at, (id, name, input)) in calls.iter().enumerate() {
            let written = &messages[1]["tool_calls"][at];
            prop_assert_eq!(&written["id"], &json!(id));
            prop_assert_eq!(&written["function"], &json!({"name": name, "arguments": input}));
            prop_assert_eq!(&messages[2 + at]["tool_call_id"], &json!(id));
            prop_assert_eq!(&messages[2 + at]["content"], &json!(input));
        }
    }
}

/// What the model said goes back on the next turn as it came.
#[test]
fn an_answer_goes_back_as_it_came() {
    let calls = json!([
        {"id": "look_1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 1}"}},
        {"id": "nap_2", "type": "function", "function": {"name": "nap", "arguments": "{}"}}
    ]);
    for message in [
        json!({"role": "assistant", "content": "Hello!"}),
        json!({"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Hello!"}
        ]}),
        json!({"role": "assistant", "tool_plan": "I will look.", "tool_calls": calls}),
        json!({"role": "assistant", "content": [{"type": "thinking", "thinking": "Look?"}], "tool_calls": calls}),
    ] {
        let body = json!({"finish_reason": "COMPLETE", "message": message}).to_string();
        let reply = crate::cohere::read_reply(body.as_bytes(), &super::context()).unwrap();
        let choice = reply.choices.into_iter().next().unwrap();
        let request = says(Role::Assistant, choice.parts);
        assert_eq!(write(&request)["messages"], json!([message]));
    }
}
