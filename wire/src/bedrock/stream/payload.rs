//! The payloads of a stream's events, as far as they are read.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use crate::bedrock::usage::TokenUsage;
use crate::lenient::text;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockStart<'a> {
    #[serde(default)]
    pub content_block_index: u64,
    #[serde(borrow, default)]
    pub start: Option<Start<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Start<'a> {
    #[serde(borrow, default)]
    pub tool_use: Option<ToolUseStart<'a>>,
    #[serde(default)]
    pub image: Option<ImageStart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolUseStart<'a> {
    #[serde(borrow, default, deserialize_with = "text")]
    pub tool_use_id: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub name: Cow<'a, str>,
    /// `server_tool_use`: the provider calls it itself.
    #[serde(default)]
    pub r#type: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ImageStart {
    #[serde(default)]
    pub format: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockDelta<'a> {
    #[serde(default)]
    pub content_block_index: u64,
    #[serde(borrow, default)]
    pub delta: Delta<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delta<'a> {
    #[serde(borrow, default, deserialize_with = "text")]
    pub text: Cow<'a, str>,
    #[serde(borrow, default)]
    pub tool_use: Option<ToolUseDelta<'a>>,
    #[serde(borrow, default)]
    pub reasoning_content: Option<ReasoningDelta<'a>>,
    #[serde(default)]
    pub image: Option<ImageDelta>,
}

#[derive(Deserialize)]
pub(super) struct ToolUseDelta<'a> {
    #[serde(borrow, default, deserialize_with = "text")]
    pub input: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReasoningDelta<'a> {
    #[serde(borrow, default, deserialize_with = "text")]
    pub text: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub signature: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub redacted_content: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct ImageDelta {
    #[serde(default)]
    pub source: Option<ImageSource>,
}

#[derive(Deserialize)]
pub(super) struct ImageSource {
    #[serde(default)]
    pub bytes: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockStop {
    #[serde(default)]
    pub content_block_index: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageStop<'a> {
    #[serde(borrow, default, deserialize_with = "text")]
    pub stop_reason: Cow<'a, str>,
    #[serde(default)]
    pub additional_model_response_fields: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Metadata {
    #[serde(default)]
    pub usage: Option<TokenUsage>,
}
