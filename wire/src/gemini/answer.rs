//! `GenerateContentResponse` as it is read: a whole answer, or a chunk of one.
//!
//! Everything borrows from the text, since a stream is hundreds of these.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::usage::UsageMetadata;

/// A text that borrows where nothing in it is escaped. (An `Option<Cow<str>>` would always copy.)
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow)]
    pub prompt_feedback: Option<PromptFeedback<'a>>,
    #[serde(borrow)]
    pub usage_metadata: Option<UsageMetadata<'a>>,
    #[serde(borrow)]
    pub model_version: Option<Text<'a>>,
    #[serde(borrow)]
    pub response_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PromptFeedback<'a> {
    #[serde(borrow)]
    pub block_reason: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Candidate<'a> {
    pub index: Option<u32>,
    #[serde(borrow)]
    pub content: Option<AnswerContent<'a>>,
    #[serde(borrow)]
    pub finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub logprobs_result: Option<&'a RawValue>,
    #[serde(borrow)]
    pub grounding_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub citation_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub url_context_metadata: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AnswerContent<'a> {
    #[serde(borrow)]
    pub parts: Option<Vec<AnswerPart<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct AnswerPart<'a> {
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    pub thought: Option<bool>,
    #[serde(borrow)]
    pub thought_signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub function_call: Option<AnswerCall<'a>>,
    #[serde(borrow)]
    pub inline_data: Option<Blob<'a>>,
    #[serde(borrow)]
    pub file_data: Option<AnswerFile<'a>>,
    #[serde(borrow)]
    pub executable_code: Option<&'a RawValue>,
    #[serde(borrow)]
    pub code_execution_result: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AnswerCall<'a> {
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    #[serde(borrow)]
    pub args: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Blob<'a> {
    #[serde(borrow)]
    pub mime_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub data: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct AnswerFile<'a> {
    #[serde(borrow)]
    pub mime_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub file_uri: Option<Text<'a>>,
}

impl<'a> Answer<'a> {
    /// Whether the prompt was refused, so that there is no answer.
    pub fn is_blocked(&self) -> bool {
        let reason = self.prompt_feedback.as_ref();
        let reason = reason.and_then(|feedback| feedback.block_reason.as_ref());
        reason.is_some_and(|reason| reason.0 != "BLOCKED_REASON_UNSPECIFIED")
    }
}

impl<'a> Candidate<'a> {
    /// The parts of its content.
    pub fn into_parts(self) -> Vec<AnswerPart<'a>> {
        self.content
            .and_then(|content| content.parts)
            .unwrap_or_default()
    }
}

impl<'a> AnswerCall<'a> {
    /// The arguments as JSON text.
    pub fn arguments(&self) -> &'a str {
        match self.args.map(RawValue::get) {
            None | Some("null") => "{}",
            Some(text) => text,
        }
    }
}

/// The text of an optional member, unless it is empty.
pub(super) fn filled<'a>(text: Option<Text<'a>>) -> Option<Cow<'a, str>> {
    text.map(|text| text.0).filter(|text| !text.is_empty())
}

/// A call's id where Google gave none: the same for the same call of the same request, and unlike all others.
pub(super) fn made_call_id(call_id: &str, number: u32) -> String {
    format!("call_{}_{number}", call_id.replace('-', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_borrowed() {
        let chunk =
            r#"{"candidates":[{"content":{"parts":[{"text":"Hi there"},{"text":"a\n"}]}}]}"#;
        let mut answer: Answer<'_> = serde_json::from_str(chunk).unwrap();
        let candidate = answer.candidates.take().unwrap().swap_remove(0);
        let parts = candidate.into_parts();
        let is_borrowed = |at: usize| {
            let part: &AnswerPart<'_> = &parts[at];
            matches!(part.text.as_ref().unwrap().0, Cow::Borrowed(_))
        };
        assert!(is_borrowed(0));
        assert!(!is_borrowed(1));
    }
}
