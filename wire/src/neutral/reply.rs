//! A whole answer.

use std::borrow::Cow;

use super::{Content, Event, Fields, Part, Source};
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

impl Reply {
    /// The events by which a stream would have told the same.
    pub fn each_event(&self, emit: &mut dyn FnMut(Event<'_>)) {
        emit(Event::Start {
            id: self.id.as_deref().map(Cow::Borrowed),
            model: self.model.as_deref().map(Cow::Borrowed),
        });
        for choice in &self.choices {
            choice.each_event(emit);
        }
        if let Some(usage) = self.usage {
            emit(Event::Usage(usage));
        }
        emit(Event::Done);
    }
}

impl Choice {
    fn each_event(&self, emit: &mut dyn FnMut(Event<'_>)) {
        let choice = self.index;
        let mut tool = 0;
        for part in &self.parts {
            match &part.content {
                Content::ToolCall(call) => {
                    emit(Event::ToolStart {
                        choice,
                        tool,
                        id: Cow::Borrowed(&call.id),
                        name: Cow::Borrowed(&call.name),
                        is_custom: call.is_custom,
                        signature: call.signature.clone(),
                    });
                    let text = Cow::Borrowed(call.input.as_str());
                    emit(Event::ToolInput { choice, tool, text });
                    tool += 1;
                }
                content => each_said(choice, content, emit),
            }
        }
        if let Some(value) = self.logprobs.clone() {
            emit(Event::Logprobs { choice, value });
        }
        if let Some(finish) = self.finish.clone() {
            emit(Event::Finish { choice, finish });
        }
    }
}

/// The events of content that is no tool call.
fn each_said(choice: u32, content: &Content, emit: &mut dyn FnMut(Event<'_>)) {
    match content {
        Content::Text(text) => emit(Event::Text {
            choice,
            text: Cow::Borrowed(text),
        }),
        Content::Refusal(text) => emit(Event::Refusal {
            choice,
            text: Cow::Borrowed(text),
        }),
        Content::Thinking(thinking) => {
            if let (true, Some(signature)) = (thinking.is_redacted, thinking.signature.clone()) {
                emit(Event::RedactedThinking { choice, signature });
                return;
            }
            emit(Event::Thinking {
                choice,
                text: Cow::Borrowed(&thinking.text),
            });
            if let Some(signature) = thinking.signature.clone() {
                emit(Event::Signature { choice, signature });
            }
        }
        Content::Image {
            source: Source::Data { media_type, base64 },
            ..
        } => emit(Event::Image {
            choice,
            media_type: Cow::Borrowed(media_type),
            base64: Cow::Borrowed(base64),
        }),
        _ => {}
    }
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
