//! A whole answer.

use super::{Fields, Part};
use crate::usage::Usage;

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// The provider's id of it.
    pub id: Option<String>,
    /// The provider's name of the model that answered.
    pub model: Option<String>,
    /// When it was made, seconds since the Unix epoch, where the provider tells.
    pub created_s: Option<u64>,
    /// The answers, one for each `n`.
    pub choices: Vec<Choice>,
    /// What was used.
    pub usage: Option<Usage>,
    /// The tier that served it.
    pub service_tier: Option<String>,
    /// Members that only the provider's format knows.
    pub rest: Fields,
}

/// One answer of possibly several.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Its number, from 0.
    pub index: u32,
    /// What was said: text, thoughts, refusals, tool calls, images, in order.
    pub parts: Vec<Part>,
    /// Why it ended; none where the provider did not say.
    pub finish: Option<Finish>,
    /// OpenAI's `logprobs`.
    pub logprobs: Option<serde_json::Value>,
}

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model was done.
    Stop,
    /// A text of `stop` came; which one, where the provider tells.
    StopSequence(Option<String>),
    /// The output limit.
    Length,
    /// The model waits for tools.
    ToolCalls,
    /// A filter took the rest away.
    ContentFilter,
    /// The model refused.
    Refusal,
    /// The provider paused a long turn (Anthropic's `pause_turn`), to be sent back as it is.
    Pause,
    /// The context window is full.
    ContextWindow,
    /// Something else, in the provider's word.
    Other(String),
}
