//! Writing a request as a whole.

use serde::Serialize;
use serde_json::{Map, Value};

use super::write_contents::{Conversation, Turn};
use super::{write_config, write_tools};
use crate::gemini::model::Generation;
use crate::loss::{Carries, Loss, Losses};
use crate::neutral::{ContentKind, Param, Request};
use crate::translate::Target;

pub(crate) const CARRIES: Carries = Carries {
    params: &[
        Param::MaxTokens,
        Param::Temperature,
        Param::TopP,
        Param::TopK,
        Param::Stop,
        Param::N,
        Param::Seed,
        Param::PresencePenalty,
        Param::FrequencyPenalty,
        Param::Logprobs,
        Param::TopLogprobs,
        Param::ServiceTier,
        Param::Tools,
        Param::HostedTools,
        Param::ToolChoice,
        Param::ParallelToolCalls,
        Param::JsonObject,
        Param::JsonSchema,
        Param::Reasoning,
        Param::Modalities,
        Param::AudioOutput,
        Param::WebSearchOptions,
        Param::SafetySettings,
        Param::StoredPrompt,
        Param::Prefill,
    ],
    content: &[
        ContentKind::Text,
        ContentKind::ImageUrl,
        ContentKind::ImageData,
        ContentKind::AudioUrl,
        ContentKind::AudioData,
        ContentKind::VideoUrl,
        ContentKind::VideoData,
        ContentKind::FileUrl,
        ContentKind::FileData,
        ContentKind::Thinking,
        ContentKind::Refusal,
        ContentKind::ToolCall,
        ContentKind::ToolResult,
        ContentKind::Other,
    ],
    rest: &[],
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Turn<'a>>,
    contents: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_settings: Option<&'a Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    generation_config: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_content: Option<&'a Value>,
}

/// Writes the body of `generateContent`; the model, and whether to stream, are in the URL.
#[expect(clippy::expect_used, reason = "writing values to memory cannot fail")]
pub(crate) fn write_request(
    request: &Request,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Vec<u8>, Loss> {
    let generation = Generation::of(target.model);
    let conversation = Conversation::write(request, generation, losses)?;
    let body = Body {
        system_instruction: conversation.system,
        contents: conversation.contents,
        tools: write_tools::tools(request, generation, losses)?,
        tool_config: write_tools::tool_config(request, generation, losses)?,
        safety_settings: request.param(Param::SafetySettings),
        generation_config: write_config::write(request, target.model, losses)?,
        cached_content: stored_prompt(request, losses)?,
    };
    refuse_unspeakable(request, losses)?;
    Ok(serde_json::to_vec(&body).expect("values serialize"))
}

/// The name of a prompt that Google keeps; other providers' prompts are objects.
fn stored_prompt<'a>(request: &'a Request, losses: &mut Losses) -> Result<Option<&'a Value>, Loss> {
    let prompt = request.param(Param::StoredPrompt);
    if prompt.is_some_and(|prompt| !prompt.is_string()) {
        losses.meaning("prompt", "the prompt is kept at another provider")?;
        return Ok(None);
    }
    Ok(prompt)
}

/// Reports what is carried in some of its values only.
fn refuse_unspeakable(request: &Request, losses: &mut Losses) -> Result<(), Loss> {
    let has_tools = !request.tools.is_empty();
    if has_tools && request.param(Param::ParallelToolCalls) == Some(&Value::Bool(false)) {
        losses.parallel_calls(request, "that format cannot forbid several calls at once")?;
    }
    let tier = request.param(Param::ServiceTier).and_then(Value::as_str);
    if tier.is_some_and(|tier| !matches!(tier, "auto" | "default")) {
        losses.hint("service_tier", "not all of its services have tiers")?;
    }
    if request
        .messages
        .iter()
        .any(|message| message.name.is_some())
    {
        losses.hint("name", "speakers have no names in that format")?;
    }
    Ok(())
}
