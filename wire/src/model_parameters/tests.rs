use serde_json::{Value, json};

use super::*;

const FACTS: Facts<'static> = Facts {
    model: "fast",
    provider: "openai",
    provider_model: "gpt-4o",
    operation: Ability::Chat,
    format: Some(Format::Chat),
    policy: DropParams::Hints,
    max_output_tokens: Some(16_384),
    output_limit: None,
    max_tokens_field: None,
    stream_options: true,
    is_local: false,
    is_adapted: false,
};

const OPERATIONS: [Ability; 9] = [
    Ability::Chat,
    Ability::Completions,
    Ability::Realtime,
    Ability::Embeddings,
    Ability::Images,
    Ability::Speech,
    Ability::Transcription,
    Ability::Rerank,
    Ability::Moderation,
];

fn names(schema: &Value, at: &str) -> Vec<String> {
    let list = schema.pointer(at).and_then(Value::as_array).unwrap();
    list.iter()
        .map(|it| it.as_str().unwrap().to_owned())
        .collect()
}

/// Whether a value is of the type, the choices and the bounds that a schema states.
fn fits(value: &Value, schema: &Value) -> bool {
    if let Some(any) = schema.get("anyOf").and_then(Value::as_array) {
        return any.iter().any(|one| fits(value, one));
    }
    let is_choice = schema
        .get("enum")
        .and_then(Value::as_array)
        .is_none_or(|choices| choices.contains(value));
    let is_type = match schema.get("type").and_then(Value::as_str) {
        None => true,
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some(_) => false,
    };
    let number = value.as_f64().unwrap_or(0.0);
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    is_choice
        && is_type
        && bound("minimum").is_none_or(|least| number >= least)
        && bound("maximum").is_none_or(|most| number <= most)
}

#[test]
fn everything_is_described_and_defaults_and_examples_fit_their_own_schema() {
    for operation in OPERATIONS {
        let schema = schema(&Facts { operation, ..FACTS });
        let properties = schema["properties"].as_object().unwrap();
        for name in names(&schema, "/required") {
            assert!(properties.contains_key(&name), "{name}");
        }
        for (name, property) in properties {
            assert!(
                property["description"]
                    .as_str()
                    .is_some_and(|it| it.ends_with('.')),
                "{name}"
            );
            let examples = property["examples"].as_array().unwrap();
            assert!(!examples.is_empty(), "{name}");
            for value in examples.iter().chain(property.get("default")) {
                assert!(fits(value, property), "{operation:?} {name}: {value}");
            }
        }
    }
}

#[test]
fn a_native_target_takes_everything_of_openais() {
    let schema = schema(&FACTS);
    assert_eq!(names(&schema, "/required"), ["model", "messages"]);
    assert_eq!(schema["properties"]["model"]["const"], "fast");
    assert_eq!(
        schema["properties"]["max_completion_tokens"]["maximum"],
        16_384
    );
    assert_eq!(names(&schema, "/x-weir/dropped"), ["top_k", "min_p"]);
    assert!(names(&schema, "/x-weir/refused").is_empty());
    assert_eq!(schema["x-weir"]["provider"], "openai");
}

#[test]
fn what_a_format_cannot_carry_is_dropped_or_refused_and_named() {
    let cohere = Facts {
        format: Some(Format::Cohere),
        ..FACTS
    };
    let told = schema(&cohere);
    let properties = told["properties"].as_object().unwrap();
    assert!(properties.contains_key("top_k") && !properties.contains_key("user"));
    assert_eq!(properties["temperature"]["maximum"], 1);
    assert!(names(&told, "/x-weir/dropped").contains(&"user".to_owned()));
    assert!(names(&told, "/x-weir/refused").contains(&"web_search_options".to_owned()));
    let all = schema(&Facts {
        policy: DropParams::All,
        ..cohere
    });
    assert!(names(&all, "/x-weir/refused").is_empty());
    let none = schema(&Facts {
        policy: DropParams::None,
        ..cohere
    });
    assert!(names(&none, "/x-weir/dropped").is_empty());
    assert!(names(&none, "/x-weir/refused").contains(&"user".to_owned()));
}

#[test]
fn other_operations_have_their_own_parameters() {
    let schema = schema(&Facts {
        operation: Ability::Rerank,
        format: None,
        ..FACTS
    });
    assert_eq!(names(&schema, "/required"), ["model", "query", "documents"]);
    assert_eq!(schema["x-weir"]["url"], "/v1/rerank");
    assert_eq!(schema["x-weir"]["format"], Value::Null);
}

#[test]
fn a_providers_quirks_change_what_it_takes() {
    let told = schema(&Facts {
        stream_options: false,
        is_local: true,
        max_tokens_field: Some("max_tokens"),
        ..FACTS
    });
    let properties = told["properties"].as_object().unwrap();
    assert!(!properties.contains_key("stream_options") && properties.contains_key("top_k"));
    assert_eq!(properties["max_tokens"]["deprecated"], false);
}

#[test]
fn pictures_have_the_parameters_of_their_family() {
    let told = |provider_model, is_adapted| {
        schema(&Facts {
            operation: Ability::Images,
            format: None,
            provider_model,
            is_adapted,
            ..FACTS
        })
    };
    let gpt = told("gpt-image-1", false);
    assert_eq!(gpt["properties"]["size"]["default"], "auto");
    assert_eq!(gpt["properties"]["background"]["default"], "auto");
    assert_eq!(names(&gpt, "/x-weir/refused"), ["style", "response_format"]);
    let dall_e = told("dall-e-3", false);
    assert_eq!(dall_e["properties"]["style"]["default"], "vivid");
    assert!(dall_e["properties"]["background"].is_null());
    let gemini = told("gemini-3-pro-image", true);
    assert_eq!(names(&gemini, "/x-weir/refused"), ["background"]);
    assert!(names(&gemini, "/x-weir/dropped").contains(&"quality".to_owned()));
    assert_eq!(gemini["properties"]["n"]["maximum"], 1);
    let imagen = told("imagen-4", true);
    assert_eq!(
        imagen["properties"]["output_format"]["enum"],
        json!(["png", "jpeg"])
    );
    let other = told("flux", false);
    assert!(names(&other, "/x-weir/refused").is_empty());
    assert_eq!(
        gemini["properties"]["response_format"]["default"],
        "b64_json"
    );
    for one in [gpt, dall_e, gemini, imagen, other] {
        for (name, property) in one["properties"].as_object().unwrap() {
            let default = property.get("default");
            assert!(default.is_none_or(|it| fits(it, property)), "{name}");
        }
    }
}

#[test]
fn what_is_no_json_body_is_told() {
    let place = |operation| {
        let schema = schema(&Facts { operation, ..FACTS });
        schema["x-weir"]["in"].as_str().unwrap().to_owned()
    };
    assert_eq!(place(Ability::Realtime), "query");
    assert_eq!(place(Ability::Transcription), "form");
    assert_eq!(place(Ability::Chat), "body");
}

#[test]
fn the_limit_that_anthropic_is_given_is_a_default() {
    let default = |format, output_limit| {
        let told = schema(&Facts {
            format: Some(format),
            output_limit,
            ..FACTS
        });
        told["properties"]["max_completion_tokens"]["default"].clone()
    };
    assert_eq!(default(Format::Anthropic, Some(64_000)), 64_000);
    assert_eq!(default(Format::Anthropic, None), 4_096);
    assert_eq!(default(Format::Chat, Some(64_000)), Value::Null);
}
