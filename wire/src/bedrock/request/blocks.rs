//! What messages are made of, as it is written. Each block is an object with one member, which says what it is.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

/// A message; neighbours never have the same role.
#[derive(Debug, Serialize)]
pub(in crate::bedrock) struct Turn<'a> {
    pub role: Side,
    pub content: Vec<Block<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::bedrock) enum Side {
    User,
    Assistant,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::bedrock) enum Block<'a> {
    Text(Cow<'a, str>),
    Image(Media<'a>),
    Audio(Media<'a>),
    Video(Media<'a>),
    Document(Document<'a>),
    #[serde(rename_all = "camelCase")]
    ToolUse {
        tool_use_id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: Cow<'a, RawValue>,
    },
    #[serde(rename_all = "camelCase")]
    ToolResult {
        tool_use_id: Cow<'a, str>,
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<&'static str>,
    },
    ReasoningContent(Reasoning<'a>),
    CachePoint(CachePoint),
}

#[derive(Debug, Serialize)]
pub(in crate::bedrock) struct Media<'a> {
    pub format: &'static str,
    pub source: Bytes<'a>,
}

#[derive(Debug, Serialize)]
pub(in crate::bedrock) struct Document<'a> {
    pub format: &'static str,
    pub name: String,
    pub source: Bytes<'a>,
}

/// Base64.
#[derive(Debug, Serialize)]
pub(in crate::bedrock) struct Bytes<'a> {
    pub bytes: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::bedrock) enum Reasoning<'a> {
    ReasoningText {
        text: &'a str,
        signature: Cow<'a, str>,
    },
    /// Base64.
    RedactedContent(Cow<'a, str>),
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(in crate::bedrock) struct CachePoint {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

impl CachePoint {
    /// One that lasts an hour, or the five minutes that are usual.
    pub fn new(lasts_an_hour: bool) -> Self {
        Self {
            r#type: "default",
            ttl: lasts_an_hour.then_some("1h"),
        }
    }
}
