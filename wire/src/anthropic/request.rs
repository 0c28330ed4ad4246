//! Requests (<https://platform.claude.com/docs/en/api/messages>).

mod blocks;
mod body;
mod conversation;
mod media;
mod read;
mod sampling;
mod think;
mod tools;
mod write;

use crate::loss::Carries;
use crate::neutral::{ContentKind, Param};
pub(crate) use think::DEFAULT_MAX_TOKENS;

pub(super) use blocks::read_parts;
pub(crate) use read::read_request;
pub(crate) use write::write_request;

/// Some of these are carried for some values only: the writer looks at those.
pub(crate) const CARRIES: Carries = Carries {
    params: &[
        Param::MaxTokens,
        Param::Temperature,
        Param::TopP,
        Param::TopK,
        Param::Stop,
        Param::N,
        Param::Logprobs,
        Param::User,
        Param::SafetyIdentifier,
        Param::ServiceTier,
        Param::Store,
        Param::Tools,
        Param::HostedTools,
        Param::CustomTools,
        Param::ToolChoice,
        Param::ParallelToolCalls,
        Param::JsonSchema,
        Param::Reasoning,
        Param::Modalities,
        Param::McpServers,
        Param::ContextManagement,
        Param::CacheControl,
        Param::Prefill,
    ],
    content: &[
        ContentKind::Text,
        ContentKind::ImageUrl,
        ContentKind::ImageData,
        ContentKind::FileUrl,
        ContentKind::FileData,
        ContentKind::Thinking,
        ContentKind::Refusal,
        ContentKind::ToolCall,
        ContentKind::CustomToolCall,
        ContentKind::ToolResult,
        ContentKind::Other,
    ],
    rest: &[],
};
