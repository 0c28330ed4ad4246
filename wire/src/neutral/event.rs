//! What happens in a streamed answer.

use std::borrow::Cow;

use serde_json::Value;

use super::{Finish, Signature};
use crate::errors::UpstreamError;
use crate::usage::Usage;

/// One thing that a stream tells. `choice` is the number of the answer, from 0; `tool` the number of the tool call within
/// its choice, from 0, in order of appearance.
///
/// A reader of a format keeps this order: `Start` once and first; a `ToolStart` before the `ToolInput` of its tool; one
/// `Finish` for each choice after its content; `Done` once, where the format's terminator came, and nothing after it.
/// `Usage` may come at any time and more than once: each is the whole usage so far, and the last one counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// The answer begins.
    Start {
        /// The provider's id of the answer.
        id: Option<Cow<'a, str>>,
        /// The provider's name of the model.
        model: Option<Cow<'a, str>>,
    },
    /// A piece of text.
    Text {
        /// The answer's number.
        choice: u32,
        /// The piece.
        text: Cow<'a, str>,
    },
    /// A piece of thought.
    Thinking {
        /// The answer's number.
        choice: u32,
        /// The piece.
        text: Cow<'a, str>,
    },
    /// The signature of the thoughts that came before it.
    Signature {
        /// The answer's number.
        choice: u32,
        /// The proof.
        signature: Signature,
    },
    /// Thoughts that are hidden: encrypted, whole.
    RedactedThinking {
        /// The answer's number.
        choice: u32,
        /// The encrypted thoughts.
        signature: Signature,
    },
    /// A piece of a refusal.
    Refusal {
        /// The answer's number.
        choice: u32,
        /// The piece.
        text: Cow<'a, str>,
    },
    /// A tool call begins.
    ToolStart {
        /// The answer's number.
        choice: u32,
        /// The call's number.
        tool: u32,
        /// Its id. Never empty: a reader of a format without ids makes one up.
        id: Cow<'a, str>,
        /// The tool's name.
        name: Cow<'a, str>,
        /// Whether its input is free text.
        is_custom: bool,
        /// Gemini's `thoughtSignature`.
        signature: Option<Signature>,
    },
    /// A piece of a tool call's input, as text.
    ToolInput {
        /// The answer's number.
        choice: u32,
        /// The call's number.
        tool: u32,
        /// The piece.
        text: Cow<'a, str>,
    },
    /// A whole image.
    Image {
        /// The answer's number.
        choice: u32,
        /// Such as `image/png`.
        media_type: Cow<'a, str>,
        /// Base64.
        base64: Cow<'a, str>,
    },
    /// A piece of sound, as OpenAI's `delta.audio`.
    Audio {
        /// The answer's number.
        choice: u32,
        /// The member as it came.
        value: Value,
    },
    /// Citations of the text, as OpenAI's `annotations`.
    Annotations {
        /// The answer's number.
        choice: u32,
        /// The list.
        value: Value,
    },
    /// OpenAI's `logprobs` of the pieces in the same event.
    Logprobs {
        /// The answer's number.
        choice: u32,
        /// The member as it came.
        value: Value,
    },
    /// One of the answers is complete.
    Finish {
        /// The answer's number.
        choice: u32,
        /// Why.
        finish: Finish,
    },
    /// The usage so far.
    Usage(Usage),
    /// A sign of life.
    Ping,
    /// The stream failed.
    Error(UpstreamError),
    /// The terminator came: the answer is whole.
    Done,
}

impl Event<'_> {
    /// Whether the model has said something: text, thoughts, a tool call, media, or why it stopped.
    pub fn is_output(&self) -> bool {
        !matches!(
            self,
            Self::Start { .. } | Self::Usage(_) | Self::Ping | Self::Error(_) | Self::Done
        )
    }

    /// Bytes of produced text, thoughts and tool input.
    pub fn output_bytes(&self) -> usize {
        match self {
            Self::Text { text, .. }
            | Self::Thinking { text, .. }
            | Self::Refusal { text, .. }
            | Self::ToolInput { text, .. } => text.len(),
            Self::ToolStart { name, .. } => name.len(),
            _ => 0,
        }
    }

    /// Bytes of images and sound, in base64.
    pub fn media_bytes(&self) -> usize {
        match self {
            Self::Image { base64, .. } => base64.len(),
            Self::Audio { value, .. } => value["data"].as_str().map_or(0, str::len),
            _ => 0,
        }
    }
}
