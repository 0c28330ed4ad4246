use serde_json::{Value, json};

use crate::format::Format;
use crate::gemini::read_request;
use crate::neutral::{
    Content, Param, Part, Reasoning, Request, ResponseFormat, Role, Signature, Source, Thinking,
    Tool, ToolCall, ToolChoice, ToolResult,
};

fn read(body: Value) -> Request {
    read_request(body.to_string().as_bytes()).unwrap()
}

fn refused(body: Value) -> String {
    read_request(body.to_string().as_bytes())
        .unwrap_err()
        .to_string()
}

fn hello() -> Value {
    json!([{"parts": [{"text": "Hello"}]}])
}

/// A question with media, two kinds of calls, and their results in another order.
fn conversation() -> Request {
    read(json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [
                {"text": "Compare the weather."},
                {"inlineData": {"mimeType": "image/png", "data": "iVBO_-w"}},
                {"inlineData": {"mimeType": "audio/wav", "data": "UklG"}},
                {"inlineData": {"mimeType": "application/pdf", "data": "JVBE", "displayName": "a.pdf"}},
                {"fileData": {"fileUri": "https://x.org/cat.mp4"}},
            ]},
            {"role": "model", "parts": [
                {"text": "Let me ", "thought": true},
                {"text": "think.", "thought": true, "thoughtSignature": "c2ln"},
                {"functionCall": {"name": "weather", "args": {"b": "Oslo", "a": 1.5}}, "thoughtSignature": "Zmlyc3Q="},
                {"functionCall": {"name": "weather", "args": {}}},
                {"functionCall": {"name": "time"}}
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "time", "response": {"output": "noon"}}},
                {"functionResponse": {"name": "weather", "response": {"error": "no such town"}}},
                {"functionResponse": {"name": "weather", "response": {"t": 3, "unit": "C"}}}
            ]}
        ]
    }))
}

#[test]
fn instructions_and_media_are_read() {
    let request = conversation();
    assert_eq!(request.messages[0].role, Role::System);
    assert_eq!(request.messages[0].parts, [Part::text("Be brief.")]);
    let user = &request.messages[1].parts;
    assert_eq!(
        user[1].content,
        Content::Image {
            source: Source::Data {
                media_type: "image/png".to_owned(),
                base64: "iVBO/+w=".to_owned()
            },
            detail: None
        }
    );
    assert!(matches!(&user[2].content, Content::Audio { .. }));
    assert!(matches!(&user[3].content, Content::File { name: Some(name), .. } if name == "a.pdf"));
    assert_eq!(
        user[4].content,
        Content::Video {
            source: Source::Url {
                url: "https://x.org/cat.mp4".to_owned(),
                media_type: Some("video/mp4".to_owned())
            }
        }
    );
}

#[test]
fn thoughts_and_calls_are_read_with_their_signatures() {
    let request = conversation();
    let model = &request.messages[2].parts;
    assert_eq!(
        model[0].content,
        Content::Thinking(Thinking {
            text: "Let me think.".to_owned(),
            signature: Some(Signature::new(Format::Gemini, "c2ln")),
            is_redacted: false
        })
    );
    let call = |at: usize| match &model[at].content {
        Content::ToolCall(call) => call.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        call(1),
        ToolCall {
            id: "call_0".to_owned(),
            name: "weather".to_owned(),
            input: r#"{"b":"Oslo","a":1.5}"#.to_owned(),
            is_custom: false,
            signature: Some(Signature::new(Format::Gemini, "Zmlyc3Q=")),
        }
    );
    assert_eq!(
        (call(3).id.as_str(), call(3).input.as_str()),
        ("call_2", "{}")
    );
}

#[test]
fn results_are_paired_with_their_calls() {
    let request = conversation();
    let result = |at: usize| match &request.messages[3].parts[at].content {
        Content::ToolResult(result) => result.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        result(0),
        ToolResult {
            call_id: "call_2".to_owned(),
            name: Some("time".to_owned()),
            parts: vec![Part::text("noon")],
            is_error: false,
            is_custom: false
        }
    );
    assert_eq!(
        (result(1).call_id.as_str(), result(1).is_error),
        ("call_0", true)
    );
    assert_eq!(result(1).parts, [Part::text("no such town")]);
    assert_eq!(result(2).call_id, "call_1");
    assert_eq!(result(2).parts, [Part::text(r#"{"t":3,"unit":"C"}"#)]);
}

#[test]
fn members_in_snake_case_mean_the_same() {
    let camel = json!({
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}],
        "generationConfig": {"maxOutputTokens": 9, "stopSequences": ["x"], "thinkingConfig": {"thinkingBudget": 5}},
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f_g"]}},
        "tools": [{"functionDeclarations": [{"name": "f_g", "parametersJsonSchema": {"x_y": 1}}]}],
    });
    let snake = json!({
        "system_instruction": {"parts": [{"text": "s"}]},
        "contents": {"parts": {"inline_data": {"mime_type": "image/png", "data": "AAAA"}}},
        "generation_config": {"max_output_tokens": 9, "stop_sequences": ["x"], "thinking_config": {"thinking_budget": 5}},
        "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["f_g"]}},
        "tools": {"function_declarations": {"name": "f_g", "parameters_json_schema": {"x_y": 1}}},
    });
    let request = read(camel);
    assert_eq!(request, read(snake));
    assert_eq!(
        request.tool_choice,
        Some(ToolChoice::Named("f_g".to_owned()))
    );
    assert_eq!(request.max_tokens, Some(9));
}

#[test]
fn every_setting_is_mapped_or_kept() {
    let request = read(json!({
        "contents": hello(),
        "generationConfig": {
            "temperature": 0.5, "topP": 0.9, "topK": 40, "candidateCount": 2, "maxOutputTokens": 100,
            "stopSequences": ["END"], "seed": 7, "presencePenalty": 0.1, "frequencyPenalty": 0.2,
            "responseLogprobs": true, "logprobs": 3, "responseModalities": ["TEXT", "IMAGE"],
            "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
            "responseMimeType": "application/json",
            "responseSchema": {"type": "OBJECT", "properties": {"b": {"type": "STRING"}, "a": {"type": "INTEGER"}}},
            "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": true},
            "mediaResolution": "MEDIA_RESOLUTION_LOW"
        },
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "cachedContent": "cachedContents/1",
        "labels": {"team": "x"},
        "serviceTier": "standard",
        "novelty": 1
    }));
    let expected = [
        (Param::Temperature, json!(0.5)),
        (Param::TopP, json!(0.9)),
        (Param::TopK, json!(40)),
        (Param::N, json!(2)),
        (Param::Seed, json!(7)),
        (Param::PresencePenalty, json!(0.1)),
        (Param::FrequencyPenalty, json!(0.2)),
        (Param::Logprobs, json!(true)),
        (Param::TopLogprobs, json!(3)),
        (Param::Modalities, json!(["text", "image"])),
        (
            Param::AudioOutput,
            json!({"voice": "Kore", "format": "pcm16"}),
        ),
        (Param::StoredPrompt, json!("cachedContents/1")),
        (Param::Metadata, json!({"team": "x"})),
        (Param::ServiceTier, json!("default")),
    ];
    for (param, value) in expected {
        assert_eq!(request.param(param), Some(&value), "{param:?}");
    }
    assert!(request.param(Param::SafetySettings).is_some());
    assert_eq!(request.max_tokens, Some(100));
    assert_eq!(request.stop, ["END"]);
    let Some(ResponseFormat::JsonSchema { schema, .. }) = &request.response_format else {
        panic!("{:?}", request.response_format);
    };
    assert_eq!(
        schema.to_string(),
        r#"{"type":"object","properties":{"b":{"type":"string"},"a":{"type":"integer"}}}"#
    );
    let reasoning = request.reasoning.as_ref().unwrap();
    assert_eq!(reasoning.effort.as_deref(), Some("low"));
    assert_eq!(reasoning.include_thoughts, Some(true));
    let rest: Vec<_> = request.rest.keys().map(String::as_str).collect();
    assert_eq!(rest, ["generationConfig.mediaResolution", "novelty"]);
}

#[test]
fn budgets_of_thinking_are_told_apart() {
    let reasoning = |budget: i64| {
        read(json!({
            "contents": hello(),
            "generationConfig": {"thinkingConfig": {"thinkingBudget": budget}}
        }))
        .reasoning
        .unwrap()
    };
    let expected = |enabled, budget_tokens| Reasoning {
        enabled: Some(enabled),
        budget_tokens,
        ..Reasoning::default()
    };
    assert_eq!(reasoning(0), expected(false, Some(0)));
    assert_eq!(reasoning(-1), expected(true, None));
    assert_eq!(reasoning(512), expected(true, Some(512)));
}

#[test]
fn tools_and_their_choice_are_read() {
    let request = read(json!({
        "contents": hello(),
        "tools": [
            {"functionDeclarations": [
                {"name": "old", "description": "d", "parameters": {"type": "OBJECT", "properties": {"x": {"type": "STRING", "nullable": true}}}},
                {"name": "new", "parametersJsonSchema": {"type": "object"}, "behavior": "BLOCKING"}
            ]},
            {"googleSearch": {}, "codeExecution": {}}
        ],
        "toolConfig": {
            "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["old", "new"]},
            "retrievalConfig": {"languageCode": "en"}
        }
    }));
    let kinds: Vec<_> = request.tools.iter().map(Tool::param).collect();
    assert_eq!(
        kinds,
        [
            Param::Tools,
            Param::Tools,
            Param::HostedTools,
            Param::HostedTools
        ]
    );
    let Tool::Function { parameters, .. } = &request.tools[0] else {
        panic!();
    };
    assert_eq!(
        parameters,
        &Some(json!({"type": "object", "properties": {"x": {"type": ["string", "null"]}}}))
    );
    assert_eq!(
        request.tools[2],
        Tool::Hosted {
            format: Format::Gemini,
            kind: "googleSearch".to_owned(),
            value: json!({"googleSearch": {}})
        }
    );
    assert_eq!(
        request.tool_choice,
        Some(ToolChoice::Allowed {
            names: vec!["old".to_owned(), "new".to_owned()],
            required: true
        })
    );
    assert!(request.rest.contains_key("toolConfig.retrievalConfig"));
}

#[test]
fn chunks_that_an_sdk_kept_become_one_turn() {
    let request = read(json!({"contents": [
        {"role": "user", "parts": [{"text": "Hi"}]},
        {"role": "model", "parts": [{"text": "Hm", "thought": true}]},
        {"role": "model", "parts": [{"text": "", "thought": true, "thoughtSignature": "d2Vpci5hbnRocm9waWMuc2ln"}]},
        {"role": "model", "parts": [{"text": "Hel"}]},
        {"role": "model", "parts": [{"text": "lo"}]},
        {"role": "model", "parts": [{"text": ""}]},
        {"role": "user", "parts": [{"text": "Go on"}]},
    ]}));
    assert_eq!(request.messages.len(), 3);
    assert_eq!(
        request.messages[1].parts,
        [
            Part::new(Content::Thinking(Thinking {
                text: "Hm".to_owned(),
                signature: Some(Signature::new(Format::Anthropic, "sig")),
                is_redacted: false
            })),
            Part::text("Hello")
        ]
    );
}

#[test]
fn what_only_google_knows_is_kept_as_it_is() {
    let file = json!({"fileData": {"fileUri": "gs://bucket/a.pdf", "mimeType": "application/pdf"}});
    let code = json!({"executableCode": {"language": "PYTHON", "code": "1"}});
    let request = read(json!({"contents": [
        {"role": "user", "parts": [file, {"text": "x", "videoMetadata": {"fps": 1}}]},
        {"role": "model", "parts": [code]},
    ]}));
    let other = |at: usize| match &request.messages[at].parts[0].content {
        Content::Other { kind, value, .. } => (kind.clone(), value.clone()),
        content => panic!("{content:?}"),
    };
    assert_eq!(other(0), ("fileData".to_owned(), file));
    assert_eq!(other(1), ("executableCode".to_owned(), code));
    assert!(
        request.messages[0].parts[1]
            .rest
            .contains_key("videoMetadata")
    );
}

#[test]
fn mistakes_are_named_with_their_place() {
    assert_eq!(
        refused(json!({"contents": []})),
        "`contents` must be a list of contents, of which there is at least one."
    );
    assert_eq!(
        refused(json!({"contents": [{"role": "system", "parts": []}]})),
        "`contents[0].role` must be `user` or `model`."
    );
    assert_eq!(
        refused(json!({"contents": [{"parts": [{"text": "a"}, {}]}]})),
        "`contents[0].parts[1]` must be a part with data, such as `text`."
    );
    assert_eq!(
        refused(json!({"contents": hello(), "generationConfig": {"topK": "x"}})),
        "`generationConfig.topK` must be a number."
    );
    assert_eq!(
        refused(json!({"contents": hello(), "tools": [{"functionDeclarations": [{}]}]})),
        "`tools[0].functionDeclarations[0].name` must be a string."
    );
    assert!(read_request(b"null").is_err());
}

#[test]
fn of_what_is_counted_there_is_a_whole_number() {
    for key in ["candidateCount", "logprobs", "seed", "maxOutputTokens"] {
        let told = refused(json!({"contents": hello(), "generationConfig": {key: 0.25}}));
        assert!(told.contains(&format!("generationConfig.{key}")), "{told}");
    }
    let seed = read(json!({"contents": hello(), "generationConfig": {"seed": -1}}));
    assert_eq!(seed.param(Param::Seed), Some(&json!(-1)));
}
