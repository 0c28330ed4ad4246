//! A request.

use serde_json::Value;

use super::{CacheMark, Content, ContentKind, Fields, Message, Param, Part, Role};
use crate::format::Format;

/// A request for an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The model as the client named it.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether a stream's usage was asked for (OpenAI's `stream_options.include_usage`); other formats always tell it.
    pub include_usage: bool,
    /// The conversation, system messages where the client put them.
    pub messages: Vec<Message>,
    /// The tools.
    pub tools: Vec<Tool>,
    /// Which of them must or may be called.
    pub tool_choice: Option<ToolChoice>,
    /// The most tokens of each answer.
    pub max_tokens: Option<u64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// The shape of the answer.
    pub response_format: Option<ResponseFormat>,
    /// How hard to think.
    pub reasoning: Option<Reasoning>,
    /// Every other parameter that more than one format knows, as the client's format writes its value.
    pub params: Vec<(Param, Value)>,
    /// Members that only the client's format knows.
    pub rest: Fields,
}

impl Request {
    /// The value of a parameter.
    pub fn param(&self, param: Param) -> Option<&Value> {
        let mut found = self.params.iter();
        found.find(|(one, _)| *one == param).map(|(_, value)| value)
    }

    /// Sets a parameter, unless the value is null.
    pub fn set_param(&mut self, param: Param, value: Value) {
        if !value.is_null() {
            self.params.push((param, value));
        }
    }

    /// Everything said by the application, in order, wherever in the conversation it stands.
    pub fn system_parts(&self) -> impl Iterator<Item = &Part> {
        let of_system = |message: &&Message| message.is_system();
        self.messages
            .iter()
            .filter(of_system)
            .flat_map(|it| &it.parts)
    }

    /// The messages of the user and the model, in order.
    pub fn turns(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(|message| !message.is_system())
    }

    /// Notes that the last message is an answer to be gone on with, if the model said it and it ends with text. It is for
    /// readers of formats that mean it so.
    pub fn note_prefill(&mut self) {
        let last = self.messages.last().filter(|it| it.role == Role::Assistant);
        let end = last.and_then(|it| it.parts.last()).map(|it| &it.content);
        if matches!(end, Some(Content::Text(text)) if !text.is_empty()) {
            self.set_param(Param::Prefill, Value::Bool(true));
        }
    }

    /// The request without the answer that was begun.
    pub fn without_prefill(&self) -> Self {
        let mut request = self.clone();
        request.messages.pop();
        request.params.retain(|(param, _)| *param != Param::Prefill);
        request
    }

    /// Every parameter that is given, once.
    pub fn present(&self) -> Vec<Param> {
        let mut present: Vec<Param> = self.params.iter().map(|(param, _)| *param).collect();
        let mut note = |is_there: bool, param| {
            if is_there {
                present.push(param);
            }
        };
        note(self.max_tokens.is_some(), Param::MaxTokens);
        note(!self.stop.is_empty(), Param::Stop);
        note(self.reasoning.is_some(), Param::Reasoning);
        note(self.tool_choice.is_some(), Param::ToolChoice);
        for tool in &self.tools {
            note(true, tool.param());
        }
        match &self.response_format {
            Some(ResponseFormat::JsonObject) => note(true, Param::JsonObject),
            Some(ResponseFormat::JsonSchema { .. }) => note(true, Param::JsonSchema),
            Some(ResponseFormat::Text) | None => {}
        }
        note(self.has_cache_marks(), Param::CacheControl);
        present.sort_unstable();
        present.dedup();
        present
    }

    /// Every kind of content that is given, with the place where it is first.
    pub fn content_kinds(&self) -> Vec<(ContentKind, String)> {
        let mut kinds: Vec<(ContentKind, String)> = Vec::new();
        for (at, message) in self.messages.iter().enumerate() {
            for part in &message.parts {
                note_kind(&mut kinds, part, at);
                if let Content::ToolResult(result) = &part.content {
                    for inner in &result.parts {
                        note_kind(&mut kinds, inner, at);
                    }
                }
            }
        }
        kinds
    }

    fn has_cache_marks(&self) -> bool {
        let in_parts = |message: &Message| message.parts.iter().any(|part| part.cache.is_some());
        self.messages.iter().any(in_parts)
            || self.tools.iter().any(|tool| match tool {
                Tool::Function { cache, .. } => cache.is_some(),
                Tool::Custom { .. } | Tool::Hosted { .. } => false,
            })
    }
}

fn note_kind(kinds: &mut Vec<(ContentKind, String)>, part: &Part, message: usize) {
    let kind = part.content.kind();
    if kinds.iter().all(|(known, _)| *known != kind) {
        kinds.push((kind, format!("messages[{message}]")));
    }
}

impl Message {
    /// Whether the application says it.
    pub fn is_system(&self) -> bool {
        matches!(self.role, Role::System | Role::Developer)
    }
}

/// A tool.
#[derive(Clone, Debug, PartialEq)]
pub enum Tool {
    /// A function of the caller's, whose arguments are JSON.
    Function {
        /// Its name.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// JSON Schema of its arguments, in the order it was written; none means no arguments.
        parameters: Option<Value>,
        /// Whether the arguments must follow the schema to the letter.
        strict: Option<bool>,
        /// Whether the tools up to this one are to be cached.
        cache: Option<CacheMark>,
        /// Members that only the client's format knows.
        rest: Fields,
    },
    /// A tool of the caller's whose input is free text (OpenAI's `custom`).
    Custom {
        /// Its name.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// OpenAI's `format`: text, or a grammar.
        format: Option<Value>,
    },
    /// A tool that the provider runs itself, which only its own format knows.
    Hosted {
        /// The format it is written in.
        format: Format,
        /// Its `type`.
        kind: String,
        /// The tool as it was written.
        value: Value,
    },
}

impl Tool {
    /// The parameter that the tables of losses know it by.
    pub fn param(&self) -> Param {
        match self {
            Self::Function { .. } => Param::Tools,
            Self::Custom { .. } => Param::CustomTools,
            Self::Hosted { .. } => Param::HostedTools,
        }
    }
}

/// Which tool must or may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// None may be called.
    None,
    /// Some tool must be called.
    Required,
    /// This tool must be called.
    Named(String),
    /// Only these may be called; one of them must be if `required`.
    Allowed {
        /// The tools.
        names: Vec<String>,
        /// Whether one of them must be called.
        required: bool,
    },
}

/// The shape of the answer.
#[derive(Clone, Debug, PartialEq)]
pub enum ResponseFormat {
    /// Text, which is the default.
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema {
        /// The schema's name.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// The schema, in the order it was written.
        schema: Value,
        /// Whether it must be followed to the letter.
        strict: Option<bool>,
    },
}

/// How hard to think.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// Whether to think at all: Anthropic's `thinking.type` (`adaptive` is true), Ollama's `think`; none where it
    /// was not said.
    pub enabled: Option<bool>,
    /// OpenAI's words: `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`.
    pub effort: Option<String>,
    /// The most tokens to think with.
    pub budget_tokens: Option<u64>,
    /// OpenAI's `reasoning.summary`: `auto`, `concise`, `detailed`.
    pub summary: Option<String>,
    /// Whether the thoughts are to be shown (Gemini's `includeThoughts`).
    pub include_thoughts: Option<bool>,
}

impl Reasoning {
    /// The effort that was asked for, or that a budget in tokens stands for.
    pub fn effort_or_near(&self) -> Option<&str> {
        if self.effort.is_some() {
            return self.effort.as_deref();
        }
        if self.enabled == Some(false) {
            return Some("none");
        }
        match self.budget_tokens? {
            0 => Some("none"),
            1..=2_048 => Some("low"),
            2_049..=12_288 => Some("medium"),
            _ => Some("high"),
        }
    }

    /// The budget in tokens that was asked for, or that an effort stands for; 0 for no thoughts.
    pub fn budget_or_near(&self) -> Option<u64> {
        if self.budget_tokens.is_some() {
            return self.budget_tokens;
        }
        if self.enabled == Some(false) {
            return Some(0);
        }
        match self.effort.as_deref()? {
            "none" => Some(0),
            "minimal" => Some(1_024),
            "low" => Some(2_048),
            "medium" => Some(8_192),
            "high" => Some(24_576),
            _ => Some(32_768),
        }
    }
}
