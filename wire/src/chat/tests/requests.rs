//! Requests of clients, read.

use serde_json::{Value, json};

use super::*;
use crate::format::Format;
use crate::neutral::{
    CacheMark, Param, Reasoning, ResponseFormat, Role, Signature, Source, Thinking, Tool, ToolCall,
    ToolChoice,
};

fn of_messages(messages: Value) -> Request {
    read(&json!({"model": "m", "messages": messages}))
}

fn refused(request: Value) -> String {
    let error = crate::chat::read_request(request.to_string().as_bytes());
    error.unwrap_err().to_string()
}

fn call(part: &Part) -> &ToolCall {
    match &part.content {
        Content::ToolCall(call) => call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn everything_that_openai_defines_is_read() {
    let body = r#"{
        "model": "gpt-5", "stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false},
        "messages": [{"role": "user", "content": "Hi", "name": "ann"}],
        "max_completion_tokens": 100, "max_tokens": 50, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.1,
        "stop": "END", "n": 2, "seed": -7, "presence_penalty": 0.1, "frequency_penalty": 0.2,
        "logit_bias": {"50256": -100}, "logprobs": true, "top_logprobs": 3, "user": "u", "safety_identifier": "s",
        "prompt_cache_key": "k", "metadata": {"a": "b"}, "service_tier": "flex", "store": false,
        "parallel_tool_calls": false, "verbosity": "low", "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "mp3"}, "prediction": {"type": "content", "content": "x"},
        "web_search_options": {"search_context_size": "low"}, "reasoning_effort": "high",
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": true,
            "schema": {"type": "object", "properties": {"z": {}, "a": {}}}}},
        "novelty": [1], "prompt_cache_retention": "24h"
    }"#;
    let request = crate::chat::read_request(body.as_bytes()).unwrap();
    assert!(request.stream && request.include_usage);
    assert_eq!(request.max_tokens, Some(100));
    assert_eq!(request.stop, ["END"]);
    assert_eq!(request.messages[0].name.as_deref(), Some("ann"));
    assert_eq!(request.reasoning.unwrap().effort.as_deref(), Some("high"));
    let known = [
        Param::Temperature,
        Param::TopP,
        Param::TopK,
        Param::MinP,
        Param::N,
        Param::Seed,
        Param::PresencePenalty,
        Param::FrequencyPenalty,
        Param::LogitBias,
        Param::User,
        Param::SafetyIdentifier,
        Param::PromptCacheKey,
        Param::ServiceTier,
        Param::Metadata,
        Param::Logprobs,
        Param::TopLogprobs,
        Param::Store,
        Param::ParallelToolCalls,
        Param::Verbosity,
        Param::Modalities,
        Param::AudioOutput,
        Param::Prediction,
        Param::WebSearchOptions,
    ];
    let read: Vec<Param> = request.params.iter().map(|(param, _)| *param).collect();
    assert_eq!(read, known);
    let rest: Vec<_> = request.rest.keys().collect();
    assert_eq!(rest, ["novelty", "prompt_cache_retention"]);
    let Some(ResponseFormat::JsonSchema { schema, strict, .. }) = request.response_format else {
        panic!("no schema");
    };
    assert_eq!(strict, Some(true));
    let keys = schema.to_string();
    assert!(keys.find("\"z\"") < keys.find("\"a\""), "{keys}");
}

#[test]
fn defaults_that_clients_write_out_say_nothing() {
    let request = read(&json!({
        "model": "m", "messages": [], "n": 1, "logprobs": false, "top_logprobs": 0, "presence_penalty": 0,
        "frequency_penalty": 0.0, "parallel_tool_calls": true, "modalities": ["text"], "logit_bias": {}, "metadata": {},
        "tools": [], "tool_choice": "auto", "stop": null, "temperature": null, "stream_options": {},
        "response_format": {"type": "text"}, "seed": null, "user": null,
    }));
    assert_eq!(request.present(), []);
    assert!(request.rest.is_empty(), "{:?}", request.rest);
}

#[test]
fn content_is_a_text_or_parts_or_nothing() {
    let request = of_messages(json!([
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "user", "content": ["c", {"text": "d"}]},
        {"role": "assistant", "content": null},
    ]));
    let told: Vec<_> = request
        .messages
        .iter()
        .map(|message| (message.role, texts(&message.parts)))
        .collect();
    assert_eq!(
        told,
        [
            (Role::System, vec!["Be brief."]),
            (Role::Developer, vec!["a", "b"]),
            (Role::User, vec!["c", "d"]),
            (Role::Assistant, vec![]),
        ]
    );
}

#[test]
fn media_of_every_kind_are_read() {
    let request = of_messages(json!([{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "https://e.org/a.png", "detail": "high", "format": "image/png"}},
        {"type": "image_url", "image_url": "data:image/jpeg;base64,/9j/"},
        {"type": "input_audio", "input_audio": {"data": "UklG", "format": "mp3"}},
        {"type": "audio_url", "audio_url": {"url": "https://e.org/a.ogg"}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"file_id": "https://e.org/b.pdf", "format": "application/pdf"}},
        {"type": "file", "file": {"file_data": "YSxi", "filename": "b.CSV"}},
        {"type": "novelty", "x": 1},
    ]}]));
    let parts: Vec<&Content> = request.messages[0]
        .parts
        .iter()
        .map(|it| &it.content)
        .collect();
    let url = |url: &str, media_type: Option<&str>| Source::Url {
        url: url.to_owned(),
        media_type: media_type.map(str::to_owned),
    };
    let data = |media_type: &str, base64: &str| Source::Data {
        media_type: media_type.to_owned(),
        base64: base64.to_owned(),
    };
    let file = |source: Source, name: Option<&str>| Content::File {
        source,
        name: name.map(str::to_owned),
    };
    let expected = [
        Content::Image {
            source: url("https://e.org/a.png", Some("image/png")),
            detail: Some("high".to_owned()),
        },
        Content::Image {
            source: data("image/jpeg", "/9j/"),
            detail: None,
        },
        Content::Audio {
            source: data("audio/mpeg", "UklG"),
        },
        Content::Audio {
            source: url("https://e.org/a.ogg", None),
        },
        Content::Video {
            source: data("video/mp4", "AAAA"),
        },
        file(data("application/pdf", "JVBE"), Some("a.pdf")),
        file(Source::Id("file-1".to_owned()), None),
        file(url("https://e.org/b.pdf", Some("application/pdf")), None),
        file(data("text/csv", "YSxi"), Some("b.CSV")),
        Content::Other {
            format: Format::Chat,
            kind: "novelty".to_owned(),
            value: json!({"type": "novelty", "x": 1}),
        },
    ];
    assert_eq!(parts, expected.iter().collect::<Vec<_>>());
}

#[test]
fn calls_and_their_results_are_read_with_names_and_signatures() {
    let request = of_messages(json!([
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": "", "refusal": null, "annotations": [], "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"},
             "extra_content": {"google": {"thought_signature": "sig=="}}},
            {"id": "call_2", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}},
            {"id": "call_3", "function": {"name": "now", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "1"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "ok", "name": "f"},
    ]));
    let parts = &request.messages[1].parts;
    let calls: Vec<_> = parts.iter().skip(1).map(call).collect();
    assert_eq!(calls[0].input, "{\"a\": 1}");
    assert_eq!(
        calls[0].signature,
        Some(Signature::new(Format::Gemini, "sig=="))
    );
    assert!(calls[1].is_custom);
    assert_eq!(calls[1].input, "SELECT 1");
    assert_eq!(calls[2].input, "{}");
    let results: Vec<_> = request.messages[2..]
        .iter()
        .map(|message| match &message.parts[0].content {
            Content::ToolResult(it) => (
                message.role,
                it.call_id.as_str(),
                it.name.as_deref(),
                it.is_custom,
            ),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        results,
        [
            (Role::User, "call_2", Some("sql"), true),
            (Role::User, "call_1", Some("f"), false),
        ]
    );
    assert_eq!(request.messages[3].name, None);
}

#[test]
fn legacy_functions_are_tools() {
    let request = read(&json!({
        "model": "m",
        "messages": [
            {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "7"},
        ],
        "functions": [{"name": "f", "parameters": {"type": "object"}}],
        "function_call": {"name": "f"},
    }));
    let id = &call(&request.messages[0].parts[0]).id;
    let Content::ToolResult(result) = &request.messages[1].parts[0].content else {
        panic!("no result");
    };
    assert_eq!((&result.call_id, texts(&result.parts)), (id, vec!["7"]));
    assert_eq!(request.tools.len(), 1);
    assert_eq!(request.tool_choice, Some(ToolChoice::Named("f".to_owned())));
}

#[test]
fn tools_of_all_kinds_are_read() {
    let request = read(&json!({"model": "m", "messages": [], "tools": [
        {"type": "function", "function": {"name": "f", "description": "d", "strict": true,
            "parameters": {"type": "object", "properties": {}}}, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "custom", "custom": {"name": "c",
            "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a/"}}}},
        {"type": "web_search"},
    ]}));
    let [
        Tool::Function { cache, strict, .. },
        Tool::Custom { format, .. },
        Tool::Hosted { kind, .. },
    ] = request.tools.as_slice()
    else {
        panic!("{:?}", request.tools);
    };
    assert_eq!((*cache, *strict), (Some(CacheMark::OneHour), Some(true)));
    let flat = json!({"type": "grammar", "syntax": "lark", "definition": "start: /a/"});
    assert_eq!(format.as_ref(), Some(&flat));
    assert_eq!(kind, "web_search");
}

#[test]
fn a_choice_of_tools_has_many_shapes() {
    let allowed = ToolChoice::Allowed {
        names: vec!["a".to_owned(), "b".to_owned()],
        required: true,
    };
    let cases = [
        (json!("auto"), ToolChoice::Auto),
        (json!("none"), ToolChoice::None),
        (json!("required"), ToolChoice::Required),
        (json!("any"), ToolChoice::Required),
        (
            json!({"type": "function", "function": {"name": "a"}}),
            ToolChoice::Named("a".to_owned()),
        ),
        (
            json!({"type": "custom", "custom": {"name": "b"}}),
            ToolChoice::Named("b".to_owned()),
        ),
        (
            json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
                {"type": "function", "function": {"name": "a"}}, {"type": "custom", "custom": {"name": "b"}}]}}),
            allowed,
        ),
    ];
    for (choice, expected) in cases {
        let tool = json!({"type": "function", "function": {"name": "a"}});
        let request =
            read(&json!({"model": "m", "messages": [], "tools": [tool], "tool_choice": choice}));
        assert_eq!(request.tool_choice, Some(expected));
    }
}

#[test]
fn thoughts_come_back_in_every_dialect() {
    let thoughts = |message: Value| -> Vec<Thinking> {
        let request = of_messages(json!([message]));
        let parts = request.messages[0].parts.iter();
        parts
            .filter_map(|part| match &part.content {
                Content::Thinking(thinking) => Some(thinking.clone()),
                _ => None,
            })
            .collect()
    };
    let plain = Thinking {
        text: "Hm".to_owned(),
        ..Thinking::default()
    };
    for key in ["reasoning_content", "reasoning"] {
        assert_eq!(
            thoughts(json!({"role": "assistant", "content": "x", key: "Hm"})),
            std::slice::from_ref(&plain)
        );
    }
    let signed = thoughts(
        json!({"role": "assistant", "content": "x", "reasoning_content": "Hm", "thinking_blocks": [
            {"type": "thinking", "thinking": "Hm", "signature": "EqQB"},
            {"type": "redacted_thinking", "data": "weir.responses.gAAA"},
        ]}),
    );
    assert_eq!(signed.len(), 2);
    assert_eq!(signed[0].text, "Hm");
    assert_eq!(
        signed[0].signature,
        Some(Signature::new(Format::Anthropic, "EqQB"))
    );
    assert_eq!(
        signed[1].signature,
        Some(Signature::new(Format::Responses, "gAAA"))
    );
    assert!(signed[1].is_redacted);
    // A summary beside encrypted thoughts belongs to them.
    let summed = thoughts(
        json!({"role": "assistant", "reasoning_content": "Sum", "thinking_blocks": [
        {"type": "redacted_thinking", "data": "x"}]}),
    );
    assert_eq!((summed.len(), summed[0].text.as_str()), (1, "Sum"));
}

#[test]
fn how_hard_to_think_is_said_in_many_ways() {
    let asked = |members: Value| {
        let mut body = json!({"model": "m", "messages": []});
        body.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        read(&body).reasoning
    };
    let none = Reasoning::default();
    assert_eq!(asked(json!({})), None);
    assert_eq!(
        asked(json!({"reasoning": {"effort": "low", "exclude": true}})),
        Some(Reasoning {
            effort: Some("low".to_owned()),
            include_thoughts: Some(false),
            ..none.clone()
        })
    );
    assert_eq!(
        asked(json!({"reasoning": {"max_tokens": 2000, "enabled": true}})),
        Some(Reasoning {
            budget_tokens: Some(2000),
            enabled: Some(true),
            ..none.clone()
        })
    );
    assert_eq!(
        asked(json!({"thinking": {"type": "enabled", "budget_tokens": 1024}})),
        Some(Reasoning {
            budget_tokens: Some(1024),
            enabled: Some(true),
            ..none.clone()
        })
    );
    assert_eq!(
        asked(json!({"thinking": {"type": "disabled"}})),
        Some(Reasoning {
            enabled: Some(false),
            ..none
        })
    );
}

#[test]
fn cache_marks_stand_on_parts_messages_and_results() {
    let request = of_messages(json!([
        {"role": "system", "content": [
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "b"}]},
        {"role": "user", "content": [{"type": "text", "text": "c"}, {"type": "text", "text": "d"}],
         "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": [
            {"type": "text", "text": "e", "cache_control": {"type": "ephemeral"}}]},
        {"role": "user", "content": [
            {"type": "text", "text": "f", "prompt_cache_breakpoint": {"mode": "explicit"}}]},
    ]));
    let marks: Vec<Vec<Option<CacheMark>>> = request
        .messages
        .iter()
        .map(|message| message.parts.iter().map(|part| part.cache).collect())
        .collect();
    let (short, long) = (Some(CacheMark::FiveMinutes), Some(CacheMark::OneHour));
    assert_eq!(
        marks,
        [
            vec![short, None],
            vec![None, long],
            vec![None],
            vec![short],
            vec![short]
        ]
    );
}

#[test]
fn what_is_wrong_is_named_by_its_path() {
    let message = |message: Value| json!({"model": "m", "messages": [{"role": "user", "content": "x"}, message]});
    let cases = [
        (json!({"messages": []}), "`model`"),
        (json!({"model": "m"}), "`messages`"),
        (json!({"model": "m", "messages": {}}), "`messages`"),
        (json!({"model": "m", "messages": [1]}), "`messages[0]`"),
        (
            message(json!({"role": "tool", "content": "x"})),
            "`messages[1].tool_call_id`",
        ),
        (
            message(json!({"role": "tool", "tool_call_id": "", "content": "x"})),
            "`messages[1].tool_call_id`",
        ),
        (
            message(json!({"role": "robot", "content": "x"})),
            "`messages[1].role`",
        ),
        (message(json!({"content": "x"})), "`messages[1].role`"),
        (
            message(json!({"role": "user", "content": 1})),
            "`messages[1].content`",
        ),
        (
            message(json!({"role": "user", "content": [{"type": "text"}]})),
            "`messages[1].content[0].text`",
        ),
        (
            message(json!({"role": "user", "content": [{"type": "image_url"}]})),
            "`messages[1].content[0].image_url`",
        ),
        (
            message(json!({"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]})),
            "`messages[1].tool_calls[0].id`",
        ),
        (
            message(json!({"role": "assistant", "tool_calls": [{"id": "1", "function": {}}]})),
            "`messages[1].tool_calls[0].function.name`",
        ),
        (
            message(
                json!({"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {}}}]}),
            ),
            "`messages[1].tool_calls[0].function.arguments`",
        ),
        (
            json!({"model": "m", "messages": [], "temperature": "hot"}),
            "`temperature`",
        ),
        (json!({"model": "m", "messages": [], "stop": [1]}), "`stop`"),
        (
            json!({"model": "m", "messages": [], "tools": [{"type": "function"}]}),
            "`tools[0].function`",
        ),
        (
            json!({"model": "m", "messages": [], "response_format": {"type": "yaml"}}),
            "`response_format.type`",
        ),
        (json!(null), "`body`"),
    ];
    for (request, path) in cases {
        let error = refused(request.clone());
        assert!(error.starts_with(path), "{error} for {request}");
    }
}
