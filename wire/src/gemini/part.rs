//! Parts as Google writes them (<https://ai.google.dev/api/caching#Part>).

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::names::to_google;
use super::{media, signature};
use crate::format::Format;
use crate::neutral::{Content, Source, Thinking, ToolCall};

/// A part of a content.
#[derive(Debug, Serialize)]
#[serde(untagged)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all parts are of the large kind, and a box for each would cost more"
)]
pub(super) enum WirePart<'a> {
    /// One of the kinds that other formats have, too.
    Known(KnownPart<'a>),
    /// One of Google's own, as it came.
    Own(&'a Value),
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KnownPart<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inline_data: Option<InlineData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_data: Option<FileData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_response: Option<FunctionResponse<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thought_signature: Option<Cow<'a, str>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InlineData<'a> {
    pub mime_type: &'a str,
    pub data: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileData<'a> {
    pub mime_type: &'a str,
    pub file_uri: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct FunctionCall<'a> {
    /// Left out of requests: calls and results pair by order there, which every version of the API understands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    pub name: Cow<'a, str>,
    pub args: Object<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct FunctionResponse<'a> {
    pub name: Cow<'a, str>,
    pub response: Object<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<KnownPart<'a>>,
}

/// A JSON object: as its text came, so that its numbers stay what they are, or one of our own.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Object<'a> {
    Text(&'a RawValue),
    Made(Value),
}

impl<'a> Object<'a> {
    /// The object that a text holds; none if it holds anything else.
    pub fn of_text(text: &'a str) -> Option<Self> {
        let is_object = text.trim_ascii_start().starts_with('{');
        let raw: &RawValue = is_object.then(|| serde_json::from_str(text).ok())??;
        // Line ends between the members would break an event's line; strings never have any.
        if memchr::memchr2(b'\n', b'\r', raw.get().as_bytes()).is_some() {
            return serde_json::from_str(text).ok().map(Self::Made);
        }
        Some(Self::Text(raw))
    }

    /// The arguments of a call; none if they are no JSON object. No text means no arguments.
    pub fn of_arguments(text: &'a str) -> Option<Self> {
        if text.trim_ascii().is_empty() {
            return Some(Self::empty());
        }
        Self::of_text(text)
    }

    /// An object without members.
    pub fn empty() -> Self {
        Self::Made(Value::Object(serde_json::Map::new()))
    }
}

impl<'a> KnownPart<'a> {
    /// Text.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::default()
        }
    }

    /// Media; none where they are known only by an id, or by an address whose type nobody knows.
    pub fn media(content: &'a Content) -> Option<Self> {
        let (Content::Image { source, .. }
        | Content::Audio { source }
        | Content::Video { source }
        | Content::File { source, .. }) = content
        else {
            return None;
        };
        match source {
            Source::Data { media_type, base64 } => Some(Self {
                inline_data: Some(InlineData {
                    mime_type: media_type,
                    data: base64,
                }),
                ..Self::default()
            }),
            Source::Url { url, media_type } => Some(Self {
                file_data: Some(FileData {
                    mime_type: media_type.as_deref().or_else(|| media::type_of_url(url))?,
                    file_uri: url,
                }),
                ..Self::default()
            }),
            Source::Id(_) => None,
        }
    }

    /// Thoughts for a client, with the signature of whichever provider.
    pub fn thinking(thinking: &'a Thinking) -> Self {
        let signed = thinking.signature.as_ref();
        Self {
            text: Some(Cow::Borrowed(&thinking.text)),
            thought: true,
            thought_signature: signed.map(|it| signature::write(it, thinking.is_redacted)),
            ..Self::default()
        }
    }

    /// A call for a client, with its id. Arguments that are no object, which Google's clients cannot read, stand in one
    /// as `input`; so does a custom tool's free text.
    pub fn call_for_client(call: &'a ToolCall) -> Self {
        let args = if call.is_custom {
            None
        } else {
            Object::of_arguments(&call.input)
        };
        let signed = call.signature.as_ref();
        Self {
            function_call: Some(FunctionCall {
                id: Some(&call.id),
                name: Cow::Borrowed(&call.name),
                args: args
                    .unwrap_or_else(|| Object::Made(serde_json::json!({ "input": call.input }))),
            }),
            thought_signature: signed.map(|it| signature::write(it, false)),
            ..Self::default()
        }
    }

    /// A call of the history for Google that has lost its arguments.
    pub fn call_without_arguments(call: &'a ToolCall) -> Self {
        Self {
            function_call: Some(FunctionCall {
                id: None,
                name: to_google(&call.name),
                args: Object::empty(),
            }),
            ..Self::default()
        }
    }

    /// A call of the history for Google, with Google's own signature alone. None if its arguments are no JSON object.
    pub fn call_for_google(call: &'a ToolCall) -> Option<Self> {
        let signed = call.signature.as_ref();
        Some(Self {
            function_call: Some(FunctionCall {
                id: None,
                name: to_google(&call.name),
                args: Object::of_arguments(&call.input)?,
            }),
            thought_signature: signed
                .and_then(|it| it.for_target(Format::Gemini))
                .map(Cow::Borrowed),
            ..Self::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_keep_their_numbers_and_fit_in_one_line() {
        let written = |text| serde_json::to_string(&Object::of_text(text)).unwrap();
        assert_eq!(
            written(r#"{"n":1.0,"big":12345678901234567890123}"#),
            r#"{"n":1.0,"big":12345678901234567890123}"#
        );
        assert_eq!(
            written("{\n \"b\": [1],\r\n \"a\": 2}"),
            r#"{"b":[1],"a":2}"#
        );
        for text in ["[1]", "{\"a\":", "null", "{} {}"] {
            assert!(Object::of_text(text).is_none(), "{text}");
        }
        assert!(Object::of_arguments(" ").is_some());
    }
}
