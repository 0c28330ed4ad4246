use serde_json::{Value, json};

use super::{rendered, written};
use crate::format::Format;
use crate::gemini::signature::SKIP;
use crate::loss::DropParams;
use crate::neutral::{
    Content, Message, Param, Part, Reasoning, Request, ResponseFormat, Role, Signature, Source,
    Thinking, Tool, ToolCall, ToolChoice, ToolResult,
};

const FLASH: &str = "gemini-2.5-flash";
const THREE: &str = "gemini-3-flash-preview";

fn said(role: Role, text: &str) -> Message {
    Message::new(role, vec![Part::text(text)])
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

fn result(id: &str, parts: Vec<Part>, is_error: bool) -> Part {
    Part::new(Content::ToolResult(ToolResult {
        call_id: id.to_owned(),
        name: None,
        parts,
        is_error,
        is_custom: false,
    }))
}

fn thinking(text: &str, origin: Format, value: &str) -> Part {
    Part::new(Content::Thinking(Thinking {
        text: text.to_owned(),
        signature: Some(Signature::new(origin, value)),
        is_redacted: false,
    }))
}

fn image(source: Source) -> Part {
    Part::new(Content::Image {
        source,
        detail: None,
    })
}

fn data(media_type: &str, base64: &str) -> Source {
    Source::Data {
        media_type: media_type.to_owned(),
        base64: base64.to_owned(),
    }
}

fn function(name: &str, parameters: Value) -> Tool {
    Tool::Function {
        name: name.to_owned(),
        description: Some("d".to_owned()),
        parameters: Some(parameters),
        strict: None,
        cache: None,
        rest: serde_json::Map::new(),
    }
}

fn hello() -> Request {
    Request {
        messages: vec![said(Role::User, "Hello")],
        ..Request::default()
    }
}

fn refused(request: &Request, model: &str) -> String {
    rendered(request, model, DropParams::Hints)
        .unwrap_err()
        .what
}

fn dropped(request: &Request, model: &str) -> Vec<String> {
    rendered(request, model, DropParams::Hints).unwrap().dropped
}

/// Neighbours of one role, results in another order than their calls, and instructions in the middle.
fn conversation() -> Request {
    Request {
        messages: vec![
            said(Role::System, "Be brief."),
            said(Role::User, "Look"),
            Message::new(
                Role::User,
                vec![
                    image(data("image/png", "iVBO")),
                    image(Source::from_url("https://x.org/a.jpg?x=1")),
                    Part::new(Content::File {
                        source: data("application/pdf", "JVBE"),
                        name: Some("a.pdf".to_owned()),
                    }),
                    Part::text(""),
                ],
            ),
            Message::new(
                Role::Assistant,
                vec![
                    Part::text("Wait."),
                    call("a", "weather", "{\"town\":\"Oslo\",\"n\":1.0}"),
                    call("b", "time", ""),
                ],
            ),
            Message::new(
                Role::User,
                vec![result("b", vec![Part::text("noon")], false)],
            ),
            Message::new(
                Role::User,
                vec![
                    Part::text("And?"),
                    result("a", vec![Part::text("{\"t\": 3}")], false),
                ],
            ),
            said(Role::Developer, "In English."),
            said(Role::Assistant, "Warm."),
            Message::new(Role::Assistant, vec![call("c", "weather", "{}")]),
            Message::new(
                Role::User,
                vec![result("c", vec![Part::text("gone")], true)],
            ),
        ],
        ..Request::default()
    }
}

#[test]
fn a_conversation_is_written_in_turns_with_results_in_order_of_their_calls() {
    assert_eq!(
        written(&conversation(), FLASH),
        json!({
            "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "In English."}]},
            "contents": [
                {"role": "user", "parts": [
                    {"text": "Look"},
                    {"inlineData": {"mimeType": "image/png", "data": "iVBO"}},
                    {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x.org/a.jpg?x=1"}},
                    {"inlineData": {"mimeType": "application/pdf", "data": "JVBE"}}
                ]},
                {"role": "model", "parts": [
                    {"text": "Wait."},
                    {"functionCall": {"name": "weather", "args": {"town": "Oslo", "n": 1.0}}},
                    {"functionCall": {"name": "time", "args": {}}}
                ]},
                {"role": "user", "parts": [
                    {"functionResponse": {"name": "weather", "response": {"t": 3}}},
                    {"functionResponse": {"name": "time", "response": {"result": "noon"}}},
                    {"text": "And?"}
                ]},
                {"role": "model", "parts": [
                    {"text": "Warm."},
                    {"functionCall": {"name": "weather", "args": {}}}
                ]},
                {"role": "user", "parts": [
                    {"functionResponse": {"name": "weather", "response": {"error": "gone"}}}
                ]}
            ]
        })
    );
}

fn model_turn(parts: Vec<Part>) -> Request {
    Request {
        messages: vec![
            said(Role::User, "Hi"),
            Message::new(Role::Assistant, parts),
            said(Role::User, "Go on"),
        ],
        ..Request::default()
    }
}

#[test]
fn a_call_without_a_signature_gets_the_documented_literal_where_it_is_checked() {
    let request = model_turn(vec![call("a", "f", "{}"), call("b", "g", "{}")]);
    let parts = |model| written(&request, model)["contents"][1]["parts"].clone();
    for model in [THREE, "gemini-flash-latest"] {
        assert_eq!(parts(model)[0]["thoughtSignature"], SKIP, "{model}");
        assert_eq!(parts(model)[1].get("thoughtSignature"), None);
    }
    assert_eq!(parts(FLASH)[0].get("thoughtSignature"), None);
}

#[test]
fn signatures_of_google_come_back_on_the_part_they_belong_to() {
    let mut signed = call("a", "f", "{}");
    if let Content::ToolCall(call) = &mut signed.content {
        call.signature = Some(Signature::new(Format::Gemini, "b3du"));
    }
    let parts = |request: &Request| written(request, THREE)["contents"][1]["parts"].clone();
    assert_eq!(
        parts(&model_turn(vec![signed, call("b", "g", "{}")])),
        json!([
            {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "b3du"},
            {"functionCall": {"name": "g", "args": {}}}
        ])
    );
    // Clients that can carry it only with the thoughts.
    assert_eq!(
        parts(&model_turn(vec![
            thinking("Hm", Format::Gemini, "c2ln"),
            call("a", "f", "{}")
        ])),
        json!([
            {"text": "Hm", "thought": true},
            {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}
        ])
    );
    assert_eq!(
        parts(&model_turn(vec![
            Part::text("Hi"),
            thinking("", Format::Gemini, "c2ln")
        ])),
        json!([{"text": "Hi"}, {"text": "", "thoughtSignature": "c2ln"}])
    );
}

#[test]
fn thoughts_of_other_providers_are_left_out_and_named() {
    let request = model_turn(vec![
        thinking("Hm", Format::Anthropic, "sig"),
        Part::text("Hi"),
    ]);
    let rendered = rendered(&request, THREE, DropParams::Hints).unwrap();
    assert_eq!(rendered.dropped, ["thinking of another provider"]);
    let body: Value = serde_json::from_slice(&rendered.body).unwrap();
    assert_eq!(body["contents"][1]["parts"], json!([{"text": "Hi"}]));
}

#[test]
fn media_in_results_stand_inside_or_beside_by_generation() {
    let request = Request {
        messages: vec![
            said(Role::User, "Draw"),
            Message::new(Role::Assistant, vec![call("a", "draw", "{}")]),
            Message::new(
                Role::User,
                vec![result(
                    "a",
                    vec![Part::text("done"), image(data("image/png", "iVBO"))],
                    false,
                )],
            ),
        ],
        ..Request::default()
    };
    let blob = json!({"inlineData": {"mimeType": "image/png", "data": "iVBO"}});
    let outcome = json!({"result": "done"});
    assert_eq!(
        written(&request, THREE)["contents"][2]["parts"],
        json!([{"functionResponse": {"name": "draw", "response": outcome, "parts": [blob]}}])
    );
    assert_eq!(
        written(&request, FLASH)["contents"][2]["parts"],
        json!([{"functionResponse": {"name": "draw", "response": outcome}}, blob])
    );
}

#[test]
fn every_setting_has_its_place() {
    let mut request = hello();
    for (param, value) in [
        (Param::Temperature, json!(0.5)),
        (Param::TopP, json!(0.9)),
        (Param::TopK, json!(40)),
        (Param::N, json!(2)),
        (Param::Seed, json!(7)),
        (Param::PresencePenalty, json!(0.1)),
        (Param::FrequencyPenalty, json!(0.2)),
        (Param::Logprobs, json!(true)),
        (Param::TopLogprobs, json!(3)),
        (Param::Modalities, json!(["text", "audio"])),
        (
            Param::AudioOutput,
            json!({"voice": "Kore", "format": "pcm16"}),
        ),
        (Param::SafetySettings, json!([{"category": "c"}])),
        (Param::StoredPrompt, json!("cachedContents/1")),
        (Param::ServiceTier, json!("auto")),
        (Param::ParallelToolCalls, json!(true)),
    ] {
        request.set_param(param, value);
    }
    request.max_tokens = Some(100);
    request.stop = vec!["END".to_owned()];
    request.response_format = Some(ResponseFormat::JsonSchema {
        name: "n".to_owned(),
        description: None,
        schema: json!({"type": "object", "properties": {"b": {"type": "string"}}, "additionalProperties": false}),
        strict: Some(true),
    });
    assert_eq!(
        written(&request, FLASH),
        json!({
            "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
            "safetySettings": [{"category": "c"}],
            "generationConfig": {
                "temperature": 0.5, "topP": 0.9, "topK": 40, "seed": 7, "presencePenalty": 0.1,
                "frequencyPenalty": 0.2, "candidateCount": 2, "maxOutputTokens": 100,
                "stopSequences": ["END"], "responseLogprobs": true, "logprobs": 3,
                "responseModalities": ["TEXT", "AUDIO"],
                "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
                "responseMimeType": "application/json",
                "responseJsonSchema": {"type": "object", "properties": {"b": {"type": "string"}}, "additionalProperties": false}
            },
            "cachedContent": "cachedContents/1"
        })
    );
}

#[test]
fn thinking_is_asked_for_as_the_model_takes_it() {
    let config = |reasoning: Reasoning, model| {
        let request = Request {
            reasoning: Some(reasoning),
            ..hello()
        };
        written(&request, model)["generationConfig"]["thinkingConfig"].clone()
    };
    let effort = |word: &str| Reasoning {
        effort: Some(word.to_owned()),
        ..Reasoning::default()
    };
    let budget = |tokens| Reasoning {
        enabled: Some(true),
        budget_tokens: Some(tokens),
        ..Reasoning::default()
    };
    assert_eq!(
        config(effort("medium"), FLASH),
        json!({"thinkingBudget": 8192})
    );
    assert_eq!(config(effort("none"), FLASH), json!({"thinkingBudget": 0}));
    assert_eq!(
        config(budget(100_000), "gemini-2.5-pro"),
        json!({"thinkingBudget": 32768, "includeThoughts": true})
    );
    assert_eq!(
        config(budget(1024), THREE),
        json!({"thinkingLevel": "LOW", "includeThoughts": true})
    );
    assert_eq!(
        config(effort("minimal"), THREE),
        json!({"thinkingLevel": "MINIMAL"})
    );
    assert_eq!(
        config(effort("xhigh"), THREE),
        json!({"thinkingLevel": "HIGH"})
    );
    assert_eq!(
        config(effort("minimal"), "gemini-3.1-pro-preview"),
        json!({"thinkingLevel": "LOW"})
    );
    let adaptive = Reasoning {
        enabled: Some(true),
        ..Reasoning::default()
    };
    assert_eq!(
        config(adaptive, FLASH),
        json!({"thinkingBudget": -1, "includeThoughts": true})
    );
    let request = Request {
        reasoning: Some(effort("none")),
        ..hello()
    };
    assert_eq!(dropped(&request, "gemini-2.5-pro"), ["reasoning (none)"]);
    assert_eq!(
        written(&request, "gemini-2.0-flash").get("generationConfig"),
        None
    );
}

#[test]
fn tools_are_declared_with_json_schema() {
    let mut request = hello();
    request.tools = vec![
        function(
            "get",
            json!({"type": "object", "properties": {"b": {"$ref": "#/$defs/B"}}, "$defs": {"B": {"type": "string"}}}),
        ),
        function("2nd tool", json!({"type": "object", "properties": {}})),
    ];
    request.tool_choice = Some(ToolChoice::Named("2nd tool".to_owned()));
    let body = written(&request, FLASH);
    let declared = &body["tools"][0]["functionDeclarations"];
    assert_eq!(
        declared[0],
        json!({"name": "get", "description": "d", "parametersJsonSchema":
            {"type": "object", "properties": {"b": {"$ref": "#/$defs/B"}}, "$defs": {"B": {"type": "string"}}}})
    );
    assert_eq!(declared[1].get("parametersJsonSchema"), None);
    let renamed = declared[1]["name"].as_str().unwrap();
    assert!(renamed.starts_with("_2nd_tool_"), "{renamed}");
    assert_eq!(
        body["toolConfig"],
        json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [renamed]}})
    );
}

#[test]
fn the_choice_of_tools_is_kept() {
    let mut request = hello();
    let empty = || json!({"type": "object"});
    request.tools = vec![function("a", empty()), function("b", empty())];
    let mut config = |choice| {
        request.tool_choice = Some(choice);
        let body = written(&request, FLASH);
        let count = body["tools"][0]["functionDeclarations"]
            .as_array()
            .unwrap()
            .len();
        (body["toolConfig"]["functionCallingConfig"].clone(), count)
    };
    assert_eq!(config(ToolChoice::Auto), (json!({"mode": "AUTO"}), 2));
    assert_eq!(config(ToolChoice::None), (json!({"mode": "NONE"}), 2));
    assert_eq!(config(ToolChoice::Required), (json!({"mode": "ANY"}), 2));
    let names = vec!["b".to_owned()];
    let allowed = |required| ToolChoice::Allowed {
        names: names.clone(),
        required,
    };
    assert_eq!(
        config(allowed(true)),
        (json!({"mode": "ANY", "allowedFunctionNames": ["b"]}), 2)
    );
    assert_eq!(config(allowed(false)), (json!({"mode": "AUTO"}), 1));
    request.tools.clear();
    request.tool_choice = Some(ToolChoice::Auto);
    assert_eq!(written(&request, FLASH).get("toolConfig"), None);
}

#[test]
fn strict_tools_are_validated_when_all_are() {
    let strict = |name, is_strict| match function(name, json!({"type": "object"})) {
        Tool::Function { name, .. } => Tool::Function {
            name,
            description: None,
            parameters: None,
            strict: is_strict,
            cache: None,
            rest: serde_json::Map::new(),
        },
        other => other,
    };
    let mut request = hello();
    request.tools = vec![strict("a", Some(true)), strict("b", Some(true))];
    assert_eq!(
        written(&request, FLASH)["toolConfig"]["functionCallingConfig"]["mode"],
        "VALIDATED"
    );
    request.tools[1] = strict("b", None);
    assert_eq!(dropped(&request, FLASH), ["strict"]);
}

#[test]
fn what_cannot_be_said_is_refused_by_name() {
    let mut request = hello();
    request.stop = (0..6).map(|n| n.to_string()).collect();
    assert_eq!(refused(&request, FLASH), "stop");

    let mut request = hello();
    request.messages[0]
        .parts
        .push(image(Source::from_url("https://x.org/image")));
    assert_eq!(refused(&request, FLASH), "image by URL");

    let request = model_turn(vec![call("x", "f", "{\"a\":")]);
    assert_eq!(refused(&request, FLASH), "arguments of the tool call `x`");

    let mut request = hello();
    request.tools = vec![function("a", json!({}))];
    request.response_format = Some(ResponseFormat::JsonObject);
    assert_eq!(refused(&request, FLASH), "response_format");
    assert_eq!(
        written(&request, THREE)["generationConfig"],
        json!({"responseMimeType": "application/json"})
    );
    request.response_format = None;
    request.set_param(Param::ParallelToolCalls, json!(false));
    assert_eq!(refused(&request, THREE), "parallel_tool_calls");

    let mut request = hello();
    request.tools = vec![Tool::Hosted {
        format: Format::Anthropic,
        kind: "web_search_20250305".to_owned(),
        value: json!({}),
    }];
    assert_eq!(
        refused(&request, THREE),
        "anthropic's tool `web_search_20250305`"
    );

    let mut request = hello();
    request.set_param(Param::LogitBias, json!({"1": 2}));
    request.set_param(Param::ServiceTier, json!("flex"));
    assert_eq!(dropped(&request, THREE), ["logit_bias", "service_tier"]);
}

#[test]
fn openais_web_search_is_googles_search() {
    let mut request = hello();
    request.set_param(Param::WebSearchOptions, json!({}));
    assert_eq!(
        written(&request, FLASH)["tools"],
        json!([{"googleSearch": {}}])
    );
    request.tools = vec![function("a", json!({}))];
    assert_eq!(refused(&request, FLASH), "web_search_options");
    assert_eq!(
        written(&request, THREE)["tools"][1],
        json!({"googleSearch": {}})
    );
}

#[test]
fn a_request_of_instructions_alone_is_what_the_user_says() {
    let request = Request {
        messages: vec![said(Role::System, "Write a haiku.")],
        ..Request::default()
    };
    assert_eq!(
        written(&request, FLASH),
        json!({"contents": [{"role": "user", "parts": [{"text": "Write a haiku."}]}]})
    );
}

#[test]
fn a_dropped_custom_tool_takes_its_calls_and_results_along() {
    let custom = |content| Part::new(content);
    let request = Request {
        messages: vec![
            said(Role::User, "Patch"),
            Message::new(
                Role::Assistant,
                vec![custom(Content::ToolCall(ToolCall {
                    id: "a".to_owned(),
                    name: "patch".to_owned(),
                    input: "*** Begin".to_owned(),
                    is_custom: true,
                    signature: None,
                }))],
            ),
            Message::new(
                Role::User,
                vec![custom(Content::ToolResult(ToolResult {
                    call_id: "a".to_owned(),
                    name: None,
                    parts: vec![Part::text("ok")],
                    is_error: false,
                    is_custom: true,
                }))],
            ),
        ],
        ..Request::default()
    };
    assert_eq!(refused(&request, THREE), "messages[1] (custom tool call)");
    let rendered = rendered(&request, THREE, DropParams::All).unwrap();
    let body: Value = serde_json::from_slice(&rendered.body).unwrap();
    assert_eq!(
        body["contents"],
        json!([{"role": "user", "parts": [{"text": "Patch"}]}])
    );
}
