use proptest::prelude::*;
use serde_json::{Value, json};
use writing::{Written, loss, write, written};

use super::*;
use crate::loss::DropParams;
use crate::neutral::{
    CacheMark, Param, Reasoning, ResponseFormat, Signature, Thinking, ToolChoice,
};

/// Writing requests as the gateway does.
mod writing {
    use super::*;
    use crate::translate::write_request;

    pub struct Written {
        pub body: Value,
        pub dropped: Vec<String>,
    }

    pub fn write(request: &Request, model: &str, policy: DropParams) -> Result<Written, String> {
        let rendered = write_request(Format::Bedrock, request, &target(model), policy)
            .map_err(|loss| loss.what)?;
        Ok(Written {
            body: serde_json::from_slice(&rendered.body).unwrap(),
            dropped: rendered.dropped,
        })
    }

    pub fn written(request: &Request) -> Written {
        write(request, CLAUDE, DropParams::Hints).unwrap()
    }

    pub fn loss(request: &Request) -> String {
        match write(request, CLAUDE, DropParams::Hints) {
            Ok(Written { body, .. }) => panic!("nothing was lost: {body}"),
            Err(what) => what,
        }
    }
}

fn asking(messages: Vec<Message>) -> Request {
    Request {
        model: "claude".to_owned(),
        messages,
        ..Request::default()
    }
}

#[test]
fn a_plain_question() {
    let mut request = asking(vec![
        message(Role::System, vec![Part::text("Be brief.")]),
        user("Hello"),
    ]);
    request.max_tokens = Some(100);
    request.stop = vec!["END".to_owned()];
    request.stream = true;
    request.set_param(Param::Temperature, json!(0.5));
    request.set_param(Param::N, json!(1));
    request.set_param(Param::Logprobs, json!(false));
    request.set_param(Param::User, json!("u1"));
    let Written { body, dropped } = written(&request);
    assert_eq!(
        body,
        json!({
            "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
            "system": [{"text": "Be brief."}],
            "inferenceConfig": {"maxTokens": 100, "temperature": 0.5, "stopSequences": ["END"]},
            "additionalModelResponseFieldPaths": ["/stop_sequence"],
        })
    );
    assert_eq!(dropped, ["user"]);
}

#[test]
fn an_agents_history_alternates_with_results_first() {
    let mut request = asking(vec![
        user("Weather in Bonn and Ulm?"),
        message(
            Role::Assistant,
            vec![
                Part::text("I shall look."),
                call("call_1", "weather.get", r#"{"city": "Bonn", "n": 1.50}"#),
                call("call_2", "weather.get", ""),
            ],
        ),
        message(Role::User, vec![result("call_1", vec![Part::text("sun")])]),
        message(Role::Developer, vec![Part::text("Answer in verse.")]),
        message(Role::User, vec![result("call_2", vec![Part::text(" ")])]),
        user("And quickly!"),
    ]);
    request.tools = vec![tool("weather.get")];
    request.tool_choice = Some(ToolChoice::Named("weather.get".to_owned()));
    let body = written(&request).body;
    let name = body["toolConfig"]["tools"][0]["toolSpec"]["name"].clone();
    assert!(name.as_str().unwrap().starts_with("weather_get_"));
    assert_eq!(
        body,
        json!({
            "messages": [
                {"role": "user", "content": [{"text": "Weather in Bonn and Ulm?"}]},
                {"role": "assistant", "content": [
                    {"text": "I shall look."},
                    {"toolUse": {"toolUseId": "call_1", "name": name, "input": {"city": "Bonn", "n": 1.50}}},
                    {"toolUse": {"toolUseId": "call_2", "name": name, "input": {}}},
                ]},
                {"role": "user", "content": [
                    {"toolResult": {"toolUseId": "call_1", "content": [{"text": "sun"}]}},
                    {"toolResult": {"toolUseId": "call_2", "content": [{"text": "(no output)"}]}},
                    {"text": "And quickly!"},
                ]},
            ],
            "system": [{"text": "Answer in verse."}],
            "toolConfig": {
                "tools": [{"toolSpec": {
                    "name": name, "description": "Tells the weather.", "inputSchema": {"json": weather_schema()},
                }}],
                "toolChoice": {"tool": {"name": name}},
            },
        })
    );
}

#[test]
fn schemas_keep_their_order_and_numbers_their_digits() {
    let mut request = asking(vec![
        user("?"),
        message(
            Role::Assistant,
            vec![call("1", "f", r#"{"z":1.50,"a":12345678901234567890123}"#)],
        ),
    ]);
    request.tools = vec![tool("f")];
    let rendered = crate::translate::write_request(
        Format::Bedrock,
        &request,
        &target(CLAUDE),
        DropParams::Hints,
    );
    let text = String::from_utf8(rendered.unwrap().body).unwrap();
    assert!(text.contains(r#""input":{"z":1.50,"a":12345678901234567890123}"#));
    assert!(text.contains(&weather_schema().to_string()));
}

#[test]
fn media_stand_in_their_own_blocks() {
    let file = |media_type: &str, name: Option<&str>| {
        Part::new(Content::File {
            source: data(media_type, "QUJD"),
            name: name.map(str::to_owned),
        })
    };
    let request = asking(vec![message(
        Role::User,
        vec![
            Part::new(Content::Image {
                source: data("image/jpg", "AAAA"),
                detail: Some("high".to_owned()),
            }),
            Part::new(Content::Audio {
                source: data("audio/wav", "BBBB"),
            }),
            Part::new(Content::Video {
                source: data("video/mp4", "CCCC"),
            }),
            file("application/pdf", Some("Q3 report.pdf")),
            file("application/pdf", Some("Q3 report.pdf")),
        ],
    )]);
    assert_eq!(
        written(&request).body["messages"][0]["content"],
        json!([
            {"image": {"format": "jpeg", "source": {"bytes": "AAAA"}}},
            {"audio": {"format": "wav", "source": {"bytes": "BBBB"}}},
            {"video": {"format": "mp4", "source": {"bytes": "CCCC"}}},
            {"document": {"format": "pdf", "name": "Q3 report", "source": {"bytes": "QUJD"}}},
            {"document": {"format": "pdf", "name": "Q3 report (1)", "source": {"bytes": "QUJD"}}},
            {"text": "."},
        ])
    );
}

#[test]
fn media_that_are_not_taken_are_refused_by_name() {
    let image = |source| {
        Part::new(Content::Image {
            source,
            detail: None,
        })
    };
    let bitmap = image(data("image/bmp", "AAAA"));
    let url = image(Source::from_url("https://example.com/a.png"));
    let bucket = image(Source::from_url("s3://someone-elses-bucket/a.png"));
    let of = |role, part| asking(vec![user("a"), message(role, vec![part])]);
    let png = image(data("image/png", "AAAA"));
    for (request, what) in [
        (
            of(Role::User, bitmap),
            "messages[1] (image as data): image/bmp",
        ),
        (of(Role::User, url), "messages[1] (image by URL)"),
        (of(Role::User, bucket), "messages[1] (image by URL)"),
        (
            of(Role::Assistant, png.clone()),
            "messages[1] (image as data)",
        ),
        (of(Role::System, png), "system message (image as data)"),
        (
            of(Role::User, other_part()),
            "messages[1] (part that only its own format knows)",
        ),
    ] {
        assert_eq!(loss(&request), what);
        let all = write(&request, CLAUDE, DropParams::All).unwrap();
        assert_eq!(all.dropped, [what]);
        assert_eq!(
            all.body["messages"],
            json!([{"role": "user", "content": [{"text": "a"}]}])
        );
    }
}

#[test]
fn images_may_be_results_and_failures_say_so() {
    let mut failed = result(
        "c1",
        vec![
            Part::text("no such file"),
            Part::new(Content::Image {
                source: data("image/png", "AAAA"),
                detail: None,
            }),
        ],
    );
    if let Content::ToolResult(result) = &mut failed.content {
        result.is_error = true;
    }
    let request = asking(vec![
        user("?"),
        message(Role::Assistant, vec![call("c1", "f", "{}")]),
        message(Role::User, vec![failed]),
    ]);
    let content = json!([{"toolResult": {
        "toolUseId": "c1",
        "content": [{"text": "no such file"}, {"image": {"format": "png", "source": {"bytes": "AAAA"}}}],
        "status": "error",
    }}]);
    assert_eq!(written(&request).body["messages"][2]["content"], content);
    let llama = write(
        &request,
        "meta.llama3-3-70b-instruct-v1:0",
        DropParams::Hints,
    )
    .unwrap();
    assert_eq!(llama.dropped, ["is_error"]);
    let status = &llama.body["messages"][2]["content"][0]["toolResult"]["status"];
    assert_eq!(*status, Value::Null);
}

#[test]
fn a_history_with_tools_is_never_sent_without_any() {
    let history = vec![
        user("?"),
        message(Role::Assistant, vec![call("c1", "f", "{}")]),
        message(Role::User, vec![result("c1", vec![Part::text("ok")])]),
    ];
    let mut request = asking(history);
    let names = |body: &Value| {
        let tools = body["toolConfig"]["tools"].as_array().unwrap();
        tools
            .iter()
            .map(|tool| tool["toolSpec"]["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&written(&request).body), ["no_tool_available"]);
    request.tools = vec![tool("f"), tool("g")];
    request.tool_choice = Some(ToolChoice::None);
    assert_eq!(names(&written(&request).body), ["no_tool_available"]);
    request.tool_choice = Some(ToolChoice::Allowed {
        names: vec!["g".to_owned()],
        required: true,
    });
    let body = written(&request).body;
    assert_eq!(names(&body), ["g"]);
    assert_eq!(body["toolConfig"]["toolChoice"], json!({"any": {}}));

    let mut plain = asking(vec![user("?")]);
    plain.tools = vec![tool("f")];
    plain.tool_choice = Some(ToolChoice::None);
    assert_eq!(written(&plain).body["toolConfig"], Value::Null);
}

#[test]
fn tools_are_written_as_they_are_taken() {
    let mut request = asking(vec![user("?")]);
    let bare = |name: &str, parameters| Tool::Function {
        name: name.to_owned(),
        description: Some(" ".to_owned()),
        parameters,
        strict: Some(true),
        cache: Some(CacheMark::OneHour),
        rest: Fields::new(),
    };
    request.tools = vec![bare("a", None), bare("b", Some(json!({"properties": {}})))];
    request.tool_choice = Some(ToolChoice::Auto);
    request.set_param(Param::ParallelToolCalls, json!(true));
    let spec = |name: &str, schema: Value, strict: Option<bool>| {
        let mut spec = json!({"name": name, "inputSchema": {"json": schema}});
        if let Some(strict) = strict {
            spec["strict"] = json!(strict);
        }
        json!({"toolSpec": spec})
    };
    let no_arguments = json!({"type": "object", "properties": {}});
    let typed = json!({"properties": {}, "type": "object"});
    let hour = json!({"cachePoint": {"type": "default", "ttl": "1h"}});
    assert_eq!(
        written(&request).body["toolConfig"],
        json!({"tools": [
            spec("a", no_arguments.clone(), Some(true)), hour, spec("b", typed.clone(), Some(true)), hour,
        ]})
    );
    let nova = write(&request, "us.amazon.nova-pro-v1:0", DropParams::Hints).unwrap();
    assert_eq!(
        nova.body["toolConfig"],
        json!({"tools": [spec("a", no_arguments, None), spec("b", typed, None)]})
    );
    assert_eq!(nova.dropped, ["strict of a tool", "cache_control"]);

    request.set_param(Param::ParallelToolCalls, json!(false));
    request.params.remove(0);
    assert_eq!(loss(&request), "parallel_tool_calls");
}

#[test]
fn cache_marks_become_points_after_their_parts() {
    let marked = |mut part: Part, mark| {
        part.cache = Some(mark);
        part
    };
    let inner = marked(Part::text("sun"), CacheMark::FiveMinutes);
    let request = asking(vec![
        message(
            Role::System,
            vec![
                marked(Part::text("Rules."), CacheMark::OneHour),
                marked(Part::text(""), CacheMark::OneHour),
                Part::text("Today."),
            ],
        ),
        user("?"),
        message(Role::Assistant, vec![call("c1", "f", "{}")]),
        message(
            Role::User,
            vec![
                marked(Part::text("so?"), CacheMark::FiveMinutes),
                result("c1", vec![inner]),
            ],
        ),
    ]);
    let point = json!({"cachePoint": {"type": "default"}});
    let Written { body, dropped } = written(&request);
    assert_eq!(dropped, [""; 0]);
    assert_eq!(
        body["system"],
        json!([{"text": "Rules."}, {"cachePoint": {"type": "default", "ttl": "1h"}}, {"text": "Today."}])
    );
    assert_eq!(
        body["messages"][2]["content"],
        json!([
            {"toolResult": {"toolUseId": "c1", "content": [{"text": "sun"}]}}, point, {"text": "so?"}, point,
        ])
    );
    let nova = write(&request, "us.amazon.nova-lite-v1:0", DropParams::Hints).unwrap();
    assert_eq!(nova.body["system"][1], point);
    assert_eq!(nova.dropped, ["cache_control.ttl"]);
    let llama = write(&request, "meta.llama3-8b-instruct-v1:0", DropParams::Hints).unwrap();
    assert_eq!(llama.dropped, ["cache_control"]);
    assert!(!llama.body.to_string().contains("cachePoint"));
}

fn thought(origin: Option<Format>, is_redacted: bool) -> Part {
    Part::new(Content::Thinking(Thinking {
        text: "Hm.".to_owned(),
        signature: origin.map(|origin| Signature::new(origin, "c2ln")),
        is_redacted,
    }))
}

#[test]
fn only_thoughts_that_the_model_signed_go_back() {
    let request = asking(vec![
        user("?"),
        message(
            Role::Assistant,
            vec![
                thought(Some(Format::Bedrock), false),
                thought(Some(Format::Bedrock), true),
                thought(Some(Format::Anthropic), false),
                thought(Some(Format::Anthropic), true),
                thought(Some(Format::Gemini), false),
                thought(None, false),
                Part::text("So."),
            ],
        ),
        user("!"),
    ]);
    let Written { body, dropped } = written(&request);
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
            {"reasoningContent": {"redactedContent": "c2ln"}},
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
            {"reasoningContent": {"redactedContent": "YzJsbg=="}},
            {"text": "So."},
        ])
    );
    assert_eq!(dropped, ["thinking of another provider"]);
}

fn reasoning(effort: &str) -> Option<Reasoning> {
    Some(Reasoning {
        effort: Some(effort.to_owned()),
        ..Reasoning::default()
    })
}

#[test]
fn each_family_is_told_to_think_in_its_own_words() {
    for (model, effort, additional) in [
        (
            CLAUDE,
            "medium",
            json!({"thinking": {"type": "enabled", "budget_tokens": 8192}}),
        ),
        (
            "us.anthropic.claude-opus-4-6-v1",
            "xhigh",
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        ),
        (
            "us.anthropic.claude-opus-4-7",
            "xhigh",
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}),
        ),
        (
            "us.amazon.nova-2-lite-v1:0",
            "minimal",
            json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        ),
        (
            "openai.gpt-oss-120b-1:0",
            "high",
            json!({"reasoning_effort": "high"}),
        ),
        (CLAUDE, "none", Value::Null),
    ] {
        let mut request = asking(vec![user("?")]);
        request.reasoning = reasoning(effort);
        let Written { body, dropped } = write(&request, model, DropParams::None).unwrap();
        assert_eq!(body["additionalModelRequestFields"], additional, "{model}");
        assert_eq!(dropped, [""; 0]);
    }
    for model in [
        "anthropic.claude-3-haiku-20240307-v1:0",
        "us.amazon.nova-pro-v1:0",
        "us.deepseek.r1-v1:0",
    ] {
        let mut request = asking(vec![user("?")]);
        request.reasoning = reasoning("low");
        let Written { body, dropped } = write(&request, model, DropParams::Hints).unwrap();
        assert_eq!(body["additionalModelRequestFields"], Value::Null, "{model}");
        assert_eq!(dropped, ["reasoning"]);
    }
}

#[test]
fn a_budget_fits_the_output_limit() {
    for (max_tokens, asked, budget) in [
        (None, 300, Some(1024)),
        (Some(4000), 2000, Some(2000)),
        (Some(4000), 4000, Some(3000)),
        (Some(1100), 9000, Some(1024)),
        (Some(1024), 1024, None),
    ] {
        let mut request = asking(vec![user("?")]);
        request.max_tokens = max_tokens;
        request.reasoning = Some(Reasoning {
            budget_tokens: Some(asked),
            ..Reasoning::default()
        });
        let Written { body, dropped } = written(&request);
        let thinking = &body["additionalModelRequestFields"]["thinking"];
        assert_eq!(thinking["budget_tokens"].as_u64(), budget);
        assert_eq!(dropped.is_empty(), budget.is_some());
    }
}

#[test]
fn thinking_gives_way_to_what_means_more() {
    let mut request = asking(vec![user("?")]);
    request.reasoning = reasoning("high");
    request.tools = vec![tool("f")];
    request.tool_choice = Some(ToolChoice::Required);
    let forced = written(&request);
    assert_eq!(forced.dropped, ["reasoning"]);
    assert_eq!(forced.body["toolConfig"]["toolChoice"], json!({"any": {}}));

    request.tool_choice = None;
    let with_thoughts = |first: Part| {
        let mut request = request.clone();
        request.messages.extend([
            message(Role::Assistant, vec![first, call("c1", "f", "{}")]),
            message(Role::User, vec![result("c1", vec![Part::text("ok")])]),
        ]);
        request
    };
    assert_eq!(
        written(&with_thoughts(Part::text("Let me see."))).dropped,
        ["reasoning"]
    );
    let signed = with_thoughts(thought(Some(Format::Bedrock), false));
    assert_eq!(written(&signed).dropped, [""; 0]);
    // A model that decides itself does not mind.
    let unsigned = with_thoughts(Part::text("Let me see."));
    let adaptive = write(
        &unsigned,
        "us.anthropic.claude-opus-4-6-v1",
        DropParams::None,
    )
    .unwrap();
    let thinking = &adaptive.body["additionalModelRequestFields"]["thinking"];
    assert_eq!(thinking["type"], "adaptive");
}

#[test]
fn sampling_follows_the_models_rules() {
    let sampled = |temperature: f64, top_p: f64, thinks: bool| {
        let mut request = asking(vec![user("?")]);
        request.set_param(Param::Temperature, json!(temperature));
        request.set_param(Param::TopP, json!(top_p));
        request.set_param(Param::TopK, json!(40));
        request.reasoning = thinks.then(|| reasoning("low")).flatten();
        request
    };
    for (model, request, config, additional, dropped) in [
        (
            "anthropic.claude-3-haiku-20240307-v1:0",
            sampled(0.3, 0.5, false),
            json!({"temperature": 0.3, "topP": 0.5}),
            json!({"top_k": 40}),
            vec![],
        ),
        (
            CLAUDE,
            sampled(0.3, 0.5, false),
            json!({"temperature": 0.3}),
            json!({"top_k": 40}),
            vec!["top_p"],
        ),
        (
            CLAUDE,
            sampled(1.5, 0.5, false),
            json!({"topP": 0.5}),
            json!({"top_k": 40}),
            vec!["temperature"],
        ),
        (
            CLAUDE,
            sampled(0.3, 0.95, true),
            json!({"topP": 0.95}),
            json!({"thinking": {"type": "enabled", "budget_tokens": 2048}}),
            vec!["temperature", "top_k"],
        ),
        (
            "us.anthropic.claude-opus-4-7",
            sampled(1.0, 1.0, false),
            Value::Null,
            Value::Null,
            vec!["temperature", "top_p", "top_k"],
        ),
        (
            "us.amazon.nova-pro-v1:0",
            sampled(0.3, 0.5, false),
            json!({"temperature": 0.3, "topP": 0.5}),
            json!({"inferenceConfig": {"topK": 40}}),
            vec![],
        ),
        (
            "meta.llama3-8b-instruct-v1:0",
            sampled(0.3, 0.5, false),
            json!({"temperature": 0.3, "topP": 0.5}),
            Value::Null,
            vec!["top_k"],
        ),
    ] {
        let written = write(&request, model, DropParams::Hints).unwrap();
        assert_eq!(written.body["inferenceConfig"], config, "{model}");
        let fields = &written.body["additionalModelRequestFields"];
        assert_eq!(*fields, additional, "{model}");
        assert_eq!(written.dropped, dropped, "{model}");
    }
}

#[test]
fn novas_highest_effort_takes_no_limit() {
    let mut request = asking(vec![user("?")]);
    request.reasoning = reasoning("high");
    request.set_param(Param::Temperature, json!(0.2));
    let free = write(&request, "us.amazon.nova-2-lite-v1:0", DropParams::Hints).unwrap();
    assert_eq!(free.dropped, ["temperature"]);
    request.max_tokens = Some(500);
    let limited = write(&request, "us.amazon.nova-2-lite-v1:0", DropParams::Hints).unwrap();
    assert_eq!(limited.dropped, ["reasoning (high effort)"]);
    let config = &limited.body["additionalModelRequestFields"]["reasoningConfig"];
    assert_eq!(config["maxReasoningEffort"], "medium");
    assert_eq!(
        limited.body["inferenceConfig"],
        json!({"maxTokens": 500, "temperature": 0.2})
    );
}

#[test]
fn a_schema_travels_as_text_with_the_effort_beside_it() {
    let mut request = asking(vec![user("?")]);
    request.response_format = Some(ResponseFormat::JsonSchema {
        name: "weather".to_owned(),
        description: Some("d".to_owned()),
        schema: weather_schema(),
        strict: Some(true),
    });
    request.reasoning = reasoning("low");
    let written = write(
        &request,
        "us.anthropic.claude-opus-4-6-v1",
        DropParams::None,
    )
    .unwrap();
    assert_eq!(
        written.body["outputConfig"],
        json!({
            "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {
                "schema": weather_schema().to_string(), "name": "weather", "description": "d",
            }}},
            "effort": "low",
        })
    );
    assert_eq!(
        written.body["additionalModelRequestFields"],
        json!({"thinking": {"type": "adaptive"}})
    );
    request.response_format = Some(ResponseFormat::JsonObject);
    assert_eq!(loss(&request), "response_format (json_object)");
}

#[test]
fn metadata_tier_and_members_of_bedrocks_own() {
    let mut request = asking(vec![user("?")]);
    request.set_param(
        Param::Metadata,
        json!({"team": "a/b", "note": "naïve", "n": 1}),
    );
    request.set_param(Param::ServiceTier, json!("flex"));
    let rest = json!({
        "guardrailConfig": {"guardrailIdentifier": "g1", "guardrailVersion": "1"},
        "performanceConfig": {"latency": "optimized"},
        "additionalModelRequestFields": {"anthropic_beta": ["x"]},
        "novelty": 1,
    });
    request.rest = rest.as_object().unwrap().clone();
    let Written { body, dropped } = written(&request);
    assert_eq!(body["requestMetadata"], json!({"team": "a/b"}));
    assert_eq!(body["serviceTier"], json!({"type": "flex"}));
    for name in [
        "guardrailConfig",
        "performanceConfig",
        "additionalModelRequestFields",
    ] {
        assert_eq!(body[name], rest[name]);
    }
    assert_eq!(dropped, ["novelty", "metadata.note", "metadata.n"]);
}

#[test]
fn what_asks_for_more_than_one_plain_answer_is_refused() {
    for (param, value) in [
        (Param::N, json!(2)),
        (Param::Logprobs, json!(true)),
        (Param::Modalities, json!(["text", "audio"])),
        (Param::Seed, json!(1)),
    ] {
        let mut request = asking(vec![user("?")]);
        request.set_param(param, value);
        let refused = write(&request, CLAUDE, DropParams::None).err();
        assert_eq!(refused.as_deref(), Some(param.as_str()));
    }
    let mut request = asking(vec![user("?")]);
    request.stop = vec!["\n".to_owned()];
    assert_eq!(loss(&request), "stop");
    let nova = write(&request, "us.amazon.nova-pro-v1:0", DropParams::None).unwrap();
    assert_eq!(nova.body["inferenceConfig"]["stopSequences"], json!(["\n"]));
}

#[test]
fn the_user_begins_and_a_begun_answer_ends_without_space() {
    let request = asking(vec![
        message(Role::System, vec![Part::text("Rules.")]),
        message(Role::Assistant, vec![Part::text("Hi there. ")]),
    ]);
    assert_eq!(
        written(&request).body["messages"],
        json!([
            {"role": "user", "content": [{"text": "."}]},
            {"role": "assistant", "content": [{"text": "Hi there."}]},
        ])
    );
    assert_eq!(
        written(&asking(Vec::new())).body["messages"],
        json!([{"role": "user", "content": [{"text": "."}]}])
    );
}

fn arbitrary_part() -> impl Strategy<Value = Part> {
    let text = "[ a-zé\n]{0,6}";
    prop_oneof![
        text.prop_map(Part::text),
        (text, text).prop_map(|(id, name)| call(&id, &name, "{\"a\":1}")),
        (text, text).prop_map(|(id, text)| result(&id, vec![Part::text(text)])),
        text.prop_map(|name| Part::new(Content::File {
            source: data("application/pdf", "AAAA"),
            name: Some(name),
        })),
        any::<bool>().prop_map(|is_redacted| thought(Some(Format::Bedrock), is_redacted)),
        Just(thought(None, false)),
        Just(other_part()),
    ]
}

fn arbitrary_messages() -> impl Strategy<Value = Vec<Message>> {
    let role = prop_oneof![
        Just(Role::System),
        Just(Role::User),
        Just(Role::Assistant),
        Just(Role::Developer)
    ];
    let message = (role, proptest::collection::vec(arbitrary_part(), 0..4))
        .prop_map(|(role, parts)| message(role, parts));
    proptest::collection::vec(message, 0..8)
}

fn is_of(text: &Value, also: &str) -> bool {
    let text = text.as_str().unwrap();
    (1..=64).contains(&text.len())
        && text
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || also.contains(it))
}

proptest! {
    /// Whatever a conversation looks like, what is sent keeps Bedrock's rules.
    #[test]
    fn any_conversation_is_written_by_the_rules(messages in arbitrary_messages()) {
        let body = write(&asking(messages), CLAUDE, DropParams::All).unwrap().body;
        let turns = body["messages"].as_array().unwrap();
        let mut documents = Vec::new();
        let mut has_tools = false;
        for (at, turn) in turns.iter().enumerate() {
            let side = if at % 2 == 0 { "user" } else { "assistant" };
            prop_assert_eq!(&turn["role"], side);
            let content = turn["content"].as_array().unwrap();
            prop_assert!(!content.is_empty());
            let mut only_results = true;
            for block in content {
                let (kind, value) = block.as_object().unwrap().iter().next().unwrap();
                match kind.as_str() {
                    "toolResult" => {
                        prop_assert!(only_results);
                        prop_assert!(is_of(&value["toolUseId"], "_.:-"));
                        has_tools = true;
                    }
                    "toolUse" => {
                        prop_assert!(is_of(&value["toolUseId"], "_.:-"));
                        prop_assert!(is_of(&value["name"], "_-"));
                        prop_assert!(value["input"].is_object());
                        has_tools = true;
                    }
                    "text" => prop_assert!(!value.as_str().unwrap().trim().is_empty()),
                    "document" => {
                        documents.push(value["name"].clone());
                        prop_assert!(content.iter().any(|one| !one["text"].is_null()));
                    }
                    _ => {}
                }
                only_results &= kind == "toolResult";
            }
        }
        let count = documents.len();
        documents.sort_by_key(Value::to_string);
        documents.dedup();
        prop_assert_eq!(documents.len(), count);
        prop_assert_eq!(body["toolConfig"].is_object(), has_tools);
    }
}
