//! Output items as they are written, in whole answers and in streams.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};

use crate::neutral::{Signature, ToolCall};
use crate::responses::thoughts;

/// How far an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::responses) enum ItemStatus {
    InProgress,
    Completed,
    Incomplete,
}

/// What the model gave, one of several.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::responses) enum OutputItem<'a> {
    Message {
        id: Cow<'a, str>,
        status: ItemStatus,
        role: &'static str,
        content: Vec<OutputPart<'a>>,
    },
    Reasoning {
        id: Cow<'a, str>,
        summary: Vec<Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<String>,
    },
    FunctionCall {
        id: Cow<'a, str>,
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
        status: ItemStatus,
    },
    CustomToolCall {
        id: Cow<'a, str>,
        call_id: &'a str,
        name: &'a str,
        input: &'a str,
        status: ItemStatus,
    },
    ImageGenerationCall {
        id: Cow<'a, str>,
        status: ItemStatus,
        result: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        output_format: Option<&'a str>,
    },
    /// An item that only this format knows.
    #[serde(untagged)]
    Other(&'a Value),
}

/// A part of a message of the model's.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::responses) enum OutputPart<'a> {
    OutputText {
        annotations: Cow<'a, [Value]>,
        logprobs: Cow<'a, [Value]>,
        text: &'a str,
    },
    Refusal {
        refusal: &'a str,
    },
}

impl<'a> OutputItem<'a> {
    pub fn message(
        id: impl Into<Cow<'a, str>>,
        status: ItemStatus,
        content: Vec<OutputPart<'a>>,
    ) -> Self {
        Self::Message {
            id: id.into(),
            status,
            role: "assistant",
            content,
        }
    }

    pub fn reasoning(
        id: impl Into<Cow<'a, str>>,
        text: &str,
        signature: Option<&Signature>,
        is_redacted: bool,
    ) -> Self {
        Self::Reasoning {
            id: id.into(),
            summary: thoughts::summary(text),
            encrypted_content: signature.map(|it| thoughts::encrypted(it, is_redacted)),
        }
    }

    /// The item before a tool call that holds its signature.
    pub fn signature_of_call(id: impl Into<Cow<'a, str>>, signature: &Signature) -> Self {
        Self::Reasoning {
            id: id.into(),
            summary: Vec::new(),
            encrypted_content: Some(thoughts::encrypted_of_call(signature)),
        }
    }

    pub fn call(id: impl Into<Cow<'a, str>>, status: ItemStatus, call: &'a ToolCall) -> Self {
        let id = id.into();
        if call.is_custom {
            return Self::CustomToolCall {
                id,
                call_id: &call.id,
                name: &call.name,
                input: &call.input,
                status,
            };
        }
        let is_empty = call.input.trim().is_empty() && status != ItemStatus::InProgress;
        Self::FunctionCall {
            id,
            call_id: &call.id,
            name: &call.name,
            arguments: if is_empty { "{}" } else { &call.input },
            status,
        }
    }

    pub fn image(
        id: impl Into<Cow<'a, str>>,
        status: ItemStatus,
        media_type: &'a str,
        base64: Option<&'a str>,
    ) -> Self {
        Self::ImageGenerationCall {
            id: id.into(),
            status,
            result: base64,
            output_format: media_type.strip_prefix("image/"),
        }
    }

    /// The answer was cut off in this item.
    pub fn cut_off(&mut self) {
        if let Self::Message { status, .. }
        | Self::FunctionCall { status, .. }
        | Self::CustomToolCall { status, .. } = self
        {
            *status = ItemStatus::Incomplete;
        }
    }
}

/// What an item is, for its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::responses) enum ItemKind {
    Message,
    Reasoning,
    Function,
    Custom,
    Image,
}

impl ItemKind {
    pub fn of_call(is_custom: bool) -> Self {
        if is_custom {
            Self::Custom
        } else {
            Self::Function
        }
    }
}

/// Makes the ids of a call's items: the same for the same call.
#[derive(Debug)]
pub(in crate::responses) struct ItemIds {
    call_id: String,
}

impl ItemIds {
    pub fn new(call_id: &str) -> Self {
        Self {
            call_id: call_id.replace('-', ""),
        }
    }

    pub fn id(&self, kind: ItemKind, output_index: usize) -> String {
        let prefix = match kind {
            ItemKind::Message => "msg",
            ItemKind::Reasoning => "rs",
            ItemKind::Function => "fc",
            ItemKind::Custom => "ctc",
            ItemKind::Image => "ig",
        };
        format!("{prefix}_{}_{output_index}", self.call_id)
    }
}

/// Chat's annotations as this format has them: not nested.
pub(in crate::responses) fn flat_annotations(annotations: &Value) -> Vec<Value> {
    let flatten = |annotation: &Value| {
        let kind = annotation.get("type").and_then(Value::as_str)?;
        let Some(Value::Object(inner)) = annotation.get(kind) else {
            return annotation.is_object().then(|| annotation.clone());
        };
        let mut flat = inner.clone();
        flat.insert("type".to_owned(), json!(kind));
        Some(Value::Object(flat))
    };
    let list = annotations.as_array().map(Vec::as_slice);
    list.unwrap_or_default()
        .iter()
        .filter_map(flatten)
        .collect()
}

/// Chat's `logprobs` as this format has them: a list, in which no member is missing.
pub(in crate::responses) fn flat_logprobs(logprobs: &Value) -> Vec<Value> {
    let tokens = logprobs.get("content").and_then(Value::as_array);
    let mut flat = tokens.cloned().unwrap_or_default();
    for token in &mut flat {
        fill_token(token);
        let Value::Object(fields) = token else {
            continue;
        };
        let top = fields.entry("top_logprobs").or_insert_with(|| json!([]));
        if top.is_null() {
            *top = json!([]);
        }
        for other in top.as_array_mut().into_iter().flatten() {
            fill_token(other);
        }
    }
    flat
}

fn fill_token(token: &mut Value) {
    if let Value::Object(fields) = token {
        let bytes = fields.entry("bytes").or_insert_with(|| json!([]));
        if bytes.is_null() {
            *bytes = json!([]);
        }
    }
}
