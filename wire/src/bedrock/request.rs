//! Requests: the body of Converse and of ConverseStream, which differ in their path alone.

mod blocks;
mod inference;
mod media;
mod messages;
mod tools;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::family::Family;
use crate::defaults::refuse_unless_default;
use crate::loss::{Carries, Loss, Losses};
use crate::neutral::{ContentKind, Param, Request, ResponseFormat};
use crate::translate::Target;
use blocks::{Block, Turn};
use inference::Inference;
use messages::Conversation;
use tools::ToolConfig;

pub(crate) const CARRIES: Carries = Carries {
    params: &[
        Param::MaxTokens,
        Param::Temperature,
        Param::TopP,
        Param::TopK,
        Param::Stop,
        Param::N,
        Param::Logprobs,
        Param::Metadata,
        Param::ServiceTier,
        Param::Store,
        Param::Tools,
        Param::ToolChoice,
        Param::ParallelToolCalls,
        Param::JsonSchema,
        Param::Reasoning,
        Param::Modalities,
        Param::Echo,
        Param::CacheControl,
        Param::Prefill,
    ],
    content: &[
        ContentKind::Text,
        ContentKind::ImageData,
        ContentKind::AudioData,
        ContentKind::VideoData,
        ContentKind::FileData,
        ContentKind::Thinking,
        ContentKind::Refusal,
        ContentKind::ToolCall,
        ContentKind::ToolResult,
    ],
    rest: &[GUARDRAIL, PERFORMANCE, ADDITIONAL],
};

const GUARDRAIL: &str = "guardrailConfig";
const PERFORMANCE: &str = "performanceConfig";
const ADDITIONAL: &str = "additionalModelRequestFields";

/// Those of [`CARRIES`] that have no place here and are carried because they usually ask for nothing.
const USUALLY_NOTHING: &[Param] = &[
    Param::N,
    Param::Logprobs,
    Param::Store,
    Param::Modalities,
    Param::Echo,
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inference_config: Option<inference::Config<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guardrail_config: Option<&'a Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    additional_model_request_fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    additional_model_response_field_paths: Vec<&'static str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    request_metadata: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    performance_config: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    output_config: Map<String, Value>,
}

#[expect(
    clippy::expect_used,
    reason = "a body of strings and JSON values serializes"
)]
pub(crate) fn write_request(
    request: &Request,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Vec<u8>, Loss> {
    let family = Family::of(target.model);
    refuse_unless_default(request, USUALLY_NOTHING, losses)?;
    let conversation = Conversation::write(request, family, losses)?;
    let tool_config = tools::write_tools(request, family, conversation.has_tool_blocks, losses)?;
    let Inference {
        config,
        mut additional,
        effort,
    } = inference::write_inference(request, family, target, &conversation, losses)?;
    let output_config = write_output(request, effort, &mut additional);
    match request.rest.get(ADDITIONAL) {
        // What the client says in the model's own words is meant.
        Some(Value::Object(own)) => additional.extend(own.clone()),
        Some(_) => losses.hint(ADDITIONAL, "it must be an object")?,
        None => {}
    }
    let tells_stop = matches!(family, Family::Claude(_)) && !request.stop.is_empty();
    let body = Body {
        messages: conversation.turns,
        system: conversation.system,
        inference_config: (!config.is_empty()).then_some(config),
        tool_config,
        guardrail_config: request.rest.get(GUARDRAIL),
        additional_model_request_fields: additional,
        additional_model_response_field_paths: if tells_stop {
            vec!["/stop_sequence"]
        } else {
            Vec::new()
        },
        request_metadata: write_metadata(request, losses)?,
        performance_config: request.rest.get(PERFORMANCE),
        service_tier: write_service_tier(request, losses)?,
        output_config,
    };
    Ok(serde_json::to_vec(&body).expect("the body serializes"))
}

/// The schema of the answer, and how hard to work on it.
fn write_output(
    request: &Request,
    effort: Option<&'static str>,
    additional: &mut Map<String, Value>,
) -> Map<String, Value> {
    let mut output = Map::new();
    if let Some(ResponseFormat::JsonSchema {
        name,
        description,
        schema,
        ..
    }) = &request.response_format
    {
        let mut definition = Map::new();
        // The schema travels as text.
        definition.insert("schema".into(), schema.to_string().into());
        definition.insert("name".into(), name.as_str().into());
        if let Some(description) = description {
            definition.insert("description".into(), description.as_str().into());
        }
        let format = json!({ "type": "json_schema", "structure": { "jsonSchema": definition } });
        output.insert("textFormat".into(), format);
    }
    if let Some(effort) = effort {
        if output.is_empty() {
            additional.insert("output_config".into(), json!({ "effort": effort }));
        } else {
            // Beside a schema it must stand in the same object, lest one of the two override the other.
            output.insert("effort".into(), effort.into());
        }
    }
    output
}

/// Metadata for the account's logs of invocations, as far as its narrow alphabet goes.
fn write_metadata(request: &Request, losses: &mut Losses) -> Result<Map<String, Value>, Loss> {
    const MAX_ENTRIES: usize = 16;
    let mut written = Map::new();
    let Some(metadata) = request.param(Param::Metadata).and_then(Value::as_object) else {
        return Ok(written);
    };
    for (key, value) in metadata {
        let text = value.as_str().filter(|text| is_metadata(text));
        match text {
            Some(text) if is_metadata(key) && !key.is_empty() && written.len() < MAX_ENTRIES => {
                written.insert(key.clone(), text.into());
            }
            _ => losses.hint(
                &format!("metadata.{key}"),
                "it takes 16 short texts of a narrow alphabet",
            )?,
        }
    }
    Ok(written)
}

/// `[a-zA-Z0-9\s:_@$#=/+,-.]{0,256}`
fn is_metadata(text: &str) -> bool {
    text.len() <= 256
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || byte.is_ascii_whitespace()
                || b":_@$#=/+,-.".contains(&byte)
        })
}

fn write_service_tier(request: &Request, losses: &mut Losses) -> Result<Option<Value>, Loss> {
    let tier = match request.param(Param::ServiceTier).and_then(Value::as_str) {
        None | Some("auto") => return Ok(None),
        Some(tier @ ("default" | "flex" | "priority" | "reserved")) => tier,
        Some("standard_only") => "default",
        Some(_) => {
            losses.hint(Param::ServiceTier.as_str(), "it has no such tier")?;
            return Ok(None);
        }
    };
    Ok(Some(json!({ "type": tier })))
}
