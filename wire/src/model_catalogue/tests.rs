use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::format::Format;

fn models(body: &Value) -> Vec<Listed> {
    let mut models = Vec::new();
    assert_eq!(read(body.to_string().as_bytes(), &mut models), Ok(None));
    models
}

fn names(abilities: Abilities) -> Vec<&'static str> {
    abilities.iter().map(Ability::as_str).collect()
}

#[test]
fn openais_list_is_read() {
    let found = models(&json!({"object": "list", "data": [
        {"id": "gpt-4o", "object": "model", "created": 1_715_367_049, "owned_by": "system"},
        {"id": "whisper-1", "object": "model", "created": 0, "owned_by": ""},
    ]}));
    assert_eq!(found[0].id, "gpt-4o");
    assert_eq!(found[0].owned_by.as_deref(), Some("system"));
    assert_eq!(found[0].created_s, Some(1_715_367_049));
    assert_eq!((found[1].created_s, &found[1].owned_by), (None, &None));
}

#[test]
fn openrouters_sizes_abilities_and_prices_are_read() {
    let found = models(&json!({"data": [{
        "id": "anthropic/claude-sonnet-4.5", "canonical_slug": "anthropic/claude-4.5-sonnet-20250929",
        "name": "Anthropic: Claude Sonnet 4.5", "created": 1_759_161_676, "description": "…",
        "context_length": 1_000_000,
        "architecture": {"modality": "text+image->text", "input_modalities": ["text", "image", "file"],
            "output_modalities": ["text"], "tokenizer": "Claude", "instruct_type": null},
        "pricing": {"prompt": "0.000003", "completion": "0.000015", "request": "0", "image": "0.0048",
            "input_cache_read": "0.0000003", "input_cache_write": "0.00000375"},
        "top_provider": {"context_length": 1_000_000, "max_completion_tokens": 64_000, "is_moderated": true},
        "supported_parameters": ["max_tokens", "tools", "temperature"],
    }, {"id": "openrouter/auto", "name": "Auto Router", "context_length": 2_000_000,
        "pricing": {"prompt": "-1", "completion": "-1"}}]}));
    let claude = &found[0];
    assert_eq!(
        claude.display_name.as_deref(),
        Some("Anthropic: Claude Sonnet 4.5")
    );
    assert_eq!(claude.context_tokens, Some(1_000_000));
    assert_eq!(claude.max_output_tokens, Some(64_000));
    assert_eq!(names(claude.abilities), ["chat", "tools", "vision"]);
    assert_eq!(claude.pricing.to_value()["completion"], "0.000015");
    assert!(found[1].pricing.is_empty(), "a price that depends is none");
}

#[test]
fn members_of_many_providers_are_understood() {
    let found = models(&json!([
        {"id": "meta-llama/Llama-3.3-70B-Instruct-Turbo", "object": "model", "created": 1, "type": "chat",
            "display_name": "Llama 3.3", "organization": "Meta", "context_length": 131_072,
            "pricing": {"hourly": 0, "input": 0.88, "output": 0.88, "base": 0, "finetune": 0}},
        {"id": "groq-model", "context_window": 8_192, "max_completion_tokens": 4_096},
        {"id": "vllm-model", "max_model_len": 32_768},
        {"id": "mistral-model", "max_context_length": 131_072,
            "capabilities": {"completion_chat": true, "function_calling": true, "vision": false}},
        {"id": "llama.gguf", "meta": {"n_ctx_train": 4_096}},
    ]));
    assert_eq!(found[0].owned_by.as_deref(), Some("Meta"));
    assert_eq!(names(found[0].abilities), ["chat"]);
    assert_eq!(found[0].pricing.to_value()["prompt"], "0.00000088");
    assert_eq!(
        (found[1].context_tokens, found[1].max_output_tokens),
        (Some(8_192), Some(4_096))
    );
    assert_eq!(found[2].context_tokens, Some(32_768));
    assert_eq!(names(found[3].abilities), ["chat", "tools"]);
    assert_eq!(found[4].context_tokens, Some(4_096));
}

#[test]
fn anthropics_pages_lead_on() {
    let page = json!({"data": [{"type": "model", "id": "claude-sonnet-4-5-20250929",
        "display_name": "Claude Sonnet 4.5", "created_at": "2025-09-29T00:00:00Z"}],
        "has_more": true, "first_id": "claude-sonnet-4-5-20250929", "last_id": "claude-sonnet-4-5-20250929"});
    let mut models = Vec::new();
    let next = read(page.to_string().as_bytes(), &mut models);
    assert_eq!(
        next,
        Ok(Some(Next::After("claude-sonnet-4-5-20250929".to_owned())))
    );
    assert_eq!(models[0].display_name.as_deref(), Some("Claude Sonnet 4.5"));
    assert_eq!(models[0].created_s, Some(1_759_104_000));
    let last = json!({"data": [], "has_more": false, "last_id": "x"});
    assert_eq!(read(last.to_string().as_bytes(), &mut models), Ok(None));
}

#[test]
fn geminis_list_is_read_without_the_prefix() {
    let page = json!({"models": [
        {"name": "models/gemini-3-pro", "version": "3", "displayName": "Gemini 3 Pro", "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536, "supportedGenerationMethods": ["generateContent", "countTokens"]},
        {"name": "models/gemini-embedding-001", "inputTokenLimit": 2_048, "outputTokenLimit": 1,
            "supportedGenerationMethods": ["embedContent"]},
        {"name": "models/gemini-3-live", "supportedGenerationMethods": ["bidiGenerateContent"]},
    ], "nextPageToken": "abc"});
    let mut models = Vec::new();
    let next = read(page.to_string().as_bytes(), &mut models);
    assert_eq!(next, Ok(Some(Next::Token("abc".to_owned()))));
    assert_eq!(models[0].id, "gemini-3-pro");
    assert_eq!(models[0].max_output_tokens, Some(65_536));
    assert_eq!(names(models[0].abilities), ["chat"]);
    assert_eq!(names(models[1].abilities), ["embeddings"]);
    assert_eq!(
        models.len(),
        2,
        "what no method of ours reaches is no model"
    );
}

#[test]
fn coheres_list_is_read() {
    let found = models(&json!({"models": [
        {"name": "command-a-03-2025", "endpoints": ["chat"], "context_length": 288_000, "features": ["tools"]},
        {"name": "rerank-v3.5", "endpoints": ["rerank"], "context_length": 4_096},
    ], "next_page_token": ""}));
    assert_eq!(names(found[0].abilities), ["chat", "tools"]);
    assert_eq!(
        (found[1].id.as_str(), names(found[1].abilities)),
        ("rerank-v3.5", vec!["rerank"])
    );
    assert_eq!(found[0].display_name, None);
}

#[test]
fn what_is_no_model_is_passed_over_and_what_is_no_list_is_told() {
    let found = models(
        &json!({"data": [1, null, {}, {"id": 7}, {"id": ""}, {"id": "a\nb"}, {"id": "x".repeat(300)},
        {"id": "fine", "context_length": "many", "pricing": [], "architecture": null}]}),
    );
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0],
        Listed {
            id: "fine".to_owned(),
            ..Listed::default()
        }
    );
    for body in [
        "",
        "<html>",
        "{}",
        "{\"data\":{}}",
        "null",
        "7",
        "{\"data\":[",
        "\u{feff}[]",
    ] {
        let read = read(body.as_bytes(), &mut Vec::new());
        assert_eq!(read, Err(ListError::NotAList), "{body}");
    }
    let large = vec![b' '; LIST_MAX_BYTES + 1];
    assert_eq!(read(&large, &mut Vec::new()), Err(ListError::TooLarge));
}

#[test]
fn a_list_without_end_is_cut() {
    let many: Vec<Value> = (0..MODELS_MAX + 7)
        .map(|n| json!({"id": format!("m{n}")}))
        .collect();
    let page = json!({"models": many, "nextPageToken": "more"});
    let mut models = Vec::new();
    assert_eq!(read(page.to_string().as_bytes(), &mut models), Ok(None));
    assert_eq!(models.len(), MODELS_MAX);
}

#[test]
fn names_tell_the_operation_where_nobody_else_does() {
    for (name, ability) in [
        ("gpt-4o", "chat"),
        ("text-embedding-3-small", "embeddings"),
        ("BAAI/bge-m3", "embeddings"),
        ("whisper-1", "transcription"),
        ("gpt-4o-mini-tts", "speech"),
        ("gpt-image-1", "images"),
        ("rerank-v3.5", "rerank"),
        ("omni-moderation-latest", "moderation"),
        ("gpt-realtime", "realtime"),
        ("babbage-002", "completions"),
    ] {
        assert_eq!(names(Abilities::of_name(name)), [ability], "{name}");
    }
    assert!(!Abilities::of_name("sora-2").has_operation());
}

fn entry() -> Entry {
    let mut abilities = Abilities::default();
    abilities.add(Ability::Chat);
    let mut pricing = Pricing::default();
    pricing.push("prompt", 2_500_000_000);
    Entry {
        id: "openai/gpt-4o".to_owned(),
        provider: "openai".to_owned(),
        source: Source::Provider,
        model: Listed {
            id: "gpt-4o".to_owned(),
            created_s: Some(1_715_367_049),
            context_tokens: Some(128_000),
            max_output_tokens: Some(16_384),
            abilities,
            pricing,
            ..Listed::default()
        },
    }
}

fn bare() -> Entry {
    Entry {
        id: "fast".to_owned(),
        provider: "weir".to_owned(),
        source: Source::Shipped,
        model: Listed::default(),
    }
}

#[test]
fn openais_shape_tells_what_is_known_and_no_more() {
    let list: Value =
        serde_json::from_slice(&write_list(Format::Chat, &[entry(), bare()])).unwrap();
    assert_eq!(
        list,
        json!({"object": "list", "data": [
            {"id": "openai/gpt-4o", "object": "model", "created": 1_715_367_049, "owned_by": "openai",
                "provider": "openai", "source": "provider", "context_length": 128_000,
                "max_output_tokens": 16_384, "abilities": ["chat"], "pricing": {"prompt": "0.0000025"}},
            {"id": "fast", "object": "model", "created": 1_767_225_600, "owned_by": "weir", "provider": "weir",
                "source": "shipped", "fallback": true},
        ]})
    );
    assert_eq!(
        write_list(Format::Chat, &[]),
        br#"{"object":"list","data":[]}"#
    );
}

#[test]
fn anthropics_shape_is_whole_even_when_empty() {
    let list: Value =
        serde_json::from_slice(&write_list(Format::Anthropic, &[entry(), bare()])).unwrap();
    assert_eq!(
        list,
        json!({"data": [
            {"type": "model", "id": "openai/gpt-4o", "display_name": "openai/gpt-4o", "created_at": "2024-05-10T18:50:49Z"},
            {"type": "model", "id": "fast", "display_name": "fast", "created_at": "2026-01-01T00:00:00Z"},
        ], "has_more": false, "first_id": "openai/gpt-4o", "last_id": "fast"})
    );
    let empty: Value = serde_json::from_slice(&write_list(Format::Anthropic, &[])).unwrap();
    assert_eq!(
        empty,
        json!({"data": [], "has_more": false, "first_id": null, "last_id": null})
    );
}

#[test]
fn geminis_shape_names_methods_and_can_be_read_again() {
    let one: Value = serde_json::from_slice(&write_one(Format::Gemini, &entry())).unwrap();
    assert_eq!(one["name"], "models/openai/gpt-4o");
    assert_eq!(one["inputTokenLimit"], 128_000);
    let methods = json!(["generateContent", "streamGenerateContent", "countTokens"]);
    assert_eq!(one["supportedGenerationMethods"], methods);
    let mut again = Vec::new();
    read(&write_list(Format::Gemini, &[entry()]), &mut again).unwrap();
    assert_eq!(again[0].id, "openai/gpt-4o");
    assert_eq!(again[0].context_tokens, Some(128_000));
}

proptest! {
    #[test]
    fn any_entry_is_read_or_passed_over(created_at in ".{0,24}", price in "[0-9.eE+-]{0,24}", size in any::<i64>()) {
        let entry = json!({"id": "m", "created_at": created_at, "context_length": size, "pricing": {"prompt": price}});
        let found = models(&json!([entry]));
        prop_assert_eq!(found.len(), 1);
        let entry = Entry { model: found[0].clone(), ..bare() };
        for format in [Format::Chat, Format::Anthropic, Format::Gemini] {
            prop_assert!(serde_json::from_slice::<Value>(&write_one(format, &entry)).is_ok());
        }
    }

    #[test]
    fn any_bytes_are_a_list_or_an_error(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for shape in [Shape::Models, Shape::BedrockModels, Shape::BedrockProfiles, Shape::VertexModels] {
            let _ = Reader::default().page(shape, &body);
        }
    }
}

fn pages(pages: &[(Shape, &Value)]) -> Vec<Listed> {
    let mut reader = Reader::default();
    for (shape, page) in pages {
        reader.page(*shape, page.to_string().as_bytes()).unwrap();
    }
    reader.into_models()
}

/// As `GET /foundation-models` answers.
fn foundation_models() -> Value {
    let model = |id: &str, input: &[&str], output: &[&str], types: &[&str], status: &str| {
        json!({"modelArn": format!("arn:aws:bedrock:us-east-1::foundation-model/{id}"), "modelId": id,
            "modelName": format!("Name of {id}"), "providerName": "Maker", "inputModalities": input,
            "outputModalities": output, "responseStreamingSupported": true, "customizationsSupported": [],
            "inferenceTypesSupported": types, "modelLifecycle": {"status": status}})
    };
    json!({"modelSummaries": [
        model("amazon.nova-pro-v1:0", &["TEXT", "IMAGE", "VIDEO"], &["TEXT"], &["ON_DEMAND", "INFERENCE_PROFILE"], "ACTIVE"),
        model("amazon.nova-pro-v1:0:300k", &["TEXT", "IMAGE"], &["TEXT"], &["PROVISIONED"], "ACTIVE"),
        model("amazon.nova-canvas-v1:0", &["TEXT", "IMAGE"], &["IMAGE"], &["ON_DEMAND"], "ACTIVE"),
        model("amazon.nova-sonic-v1:0", &["SPEECH"], &["SPEECH", "TEXT"], &["ON_DEMAND"], "ACTIVE"),
        model("amazon.titan-embed-text-v2:0", &["TEXT"], &["EMBEDDING"], &["ON_DEMAND"], "ACTIVE"),
        model("cohere.rerank-v3-5:0", &["TEXT"], &["TEXT"], &["ON_DEMAND"], "ACTIVE"),
        model("anthropic.claude-sonnet-4-5-20250929-v1:0", &["TEXT", "IMAGE"], &["TEXT"], &["INFERENCE_PROFILE"], "ACTIVE"),
        model("meta.llama3-8b-instruct-v1:0", &["TEXT"], &["TEXT"], &["ON_DEMAND"], "LEGACY"),
        {"modelId": 7}, null,
    ]})
}

/// An entry as `GET /inference-profiles` has it.
fn profile(id: &str, model: &str, status: &str) -> Value {
    let arn = |region: &str| format!("arn:aws:bedrock:{region}::foundation-model/{model}");
    json!({"inferenceProfileId": id, "inferenceProfileName": format!("Profile {id}"), "status": status,
        "inferenceProfileArn": format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{id}"),
        "type": "SYSTEM_DEFINED", "description": "Routes requests.", "createdAt": "2025-09-29T00:00:00Z",
        "updatedAt": "2025-09-29T00:00:00Z", "models": [{"modelArn": arn("us-east-1")}, {"modelArn": arn("us-west-2")}]})
}

#[test]
fn bedrocks_models_are_those_that_can_be_called() {
    let profiles = json!({"inferenceProfileSummaries": [
        profile("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0", "ACTIVE"),
        profile("us.stability.stable-image-inpaint-v1:0", "amazon.nova-canvas-v1:0", "ACTIVE"),
        profile("global.elsewhere.model-v1:0", "elsewhere.model-v1:0", "ACTIVE"),
        profile("us.not.ready", "amazon.nova-pro-v1:0", "CREATING"),
    ]});
    let found = pages(&[
        (Shape::BedrockModels, &foundation_models()),
        (Shape::BedrockProfiles, &profiles),
    ]);
    let found: Vec<_> = found
        .iter()
        .map(|it| (it.id.as_str(), names(it.abilities).join(" ")))
        .collect();
    let expected = [
        ("amazon.nova-pro-v1:0", "chat vision"),
        ("amazon.titan-embed-text-v2:0", "embeddings"),
        ("cohere.rerank-v3-5:0", "rerank"),
        (
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "chat vision",
        ),
        ("global.elsewhere.model-v1:0", "chat"),
    ];
    assert_eq!(found, expected.map(|(id, can)| (id, can.to_owned())));
}

#[test]
fn a_profile_is_told_as_the_model_beneath_it() {
    let page = json!({"inferenceProfileSummaries": [profile("us.x", "amazon.nova-pro-v1:0", "ACTIVE")], "nextToken": "more"});
    let mut reader = Reader::default();
    let models = foundation_models().to_string();
    assert_eq!(
        reader.page(Shape::BedrockModels, models.as_bytes()),
        Ok(None)
    );
    let next = reader.page(Shape::BedrockProfiles, page.to_string().as_bytes());
    assert_eq!(next, Ok(Some(Next::Token("more".to_owned()))));
    let found = reader.into_models();
    let profile = found.last().unwrap();
    assert_eq!(profile.display_name.as_deref(), Some("Profile us.x"));
    assert_eq!(profile.owned_by.as_deref(), Some("Maker"));
    assert_eq!(profile.created_s, Some(1_759_104_000));
}

#[test]
fn vertex_lists_what_is_served_without_a_deployment() {
    let page = json!({"publisherModels": [
        {"name": "publishers/google/models/gemini-3-pro", "versionId": "default", "launchStage": "GA",
            "openSourceCategory": "PROPRIETARY", "supportedActions": {"openGenerationAiStudio": {"references": {}}}},
        {"name": "publishers/google/models/gemini-3-pro", "versionId": "001", "launchStage": "GA"},
        {"name": "publishers/google/models/gemma3", "versionId": "gemma-3-27b-it", "launchStage": "GA",
            "supportedActions": {"deploy": {"modelDisplayName": "gemma"}}},
        {"name": "publishers/google/models/gemini-secret", "launchStage": "PRIVATE_PREVIEW"},
        {"name": "publishers/anthropic/models/claude-sonnet-4-5", "versionId": "20250929"},
        {"name": "claude-nowhere"}, {"versionId": "1"},
    ], "nextPageToken": "abc"});
    let found = pages(&[
        (Shape::VertexModels, &page),
        (Shape::VertexModels, &json!({})),
        (Shape::VertexModels, &json!({"publisherModels": []})),
    ]);
    let found: Vec<_> = found
        .iter()
        .map(|it| (it.id.as_str(), it.owned_by.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(
        found,
        [
            ("gemini-3-pro", "google"),
            ("claude-sonnet-4-5", "anthropic")
        ]
    );
}

#[test]
fn each_shape_refuses_the_others() {
    let shapes = [
        (Shape::BedrockModels, json!({"data": []})),
        (Shape::BedrockProfiles, json!({"modelSummaries": []})),
        (Shape::VertexModels, json!({"error": {"code": 403}})),
        (Shape::Models, json!({"publisherModels": []})),
    ];
    for (shape, body) in shapes {
        let read = Reader::default().page(shape, body.to_string().as_bytes());
        assert_eq!(read, Err(ListError::NotAList), "{shape:?}");
    }
}
