//! What the gateway reads of a whole JSON answer: chat, completions, embeddings.

use crate::errors::{UpstreamError, is_error, parse_error};
use crate::json;
use crate::skim::skim;
use crate::usage::{Usage, from_openai};

/// What an answer says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The tokens reported.
    pub usage: Option<Usage>,
    /// The provider's id of the answer.
    pub id: Option<String>,
    /// An error in an answer whose status says that all is well.
    pub error: Option<UpstreamError>,
    /// Bytes of produced text, thoughts and tool arguments, as written in JSON: for estimates, and so 0 where usage came.
    pub output_bytes: u64,
}

/// Reads an answer in one shallow pass, and a flat one over its choices where they must be estimated. None if it is not a JSON object.
pub fn inspect(body: &[u8]) -> Option<Reply> {
    let text = std::str::from_utf8(body).ok()?;
    let mut reply = Reply::default();
    let mut has_error = false;
    let mut choices = None;
    json::members(text, |member| match member.key.as_ref() {
        "usage" => reply.usage = from_openai(member.value.as_bytes()),
        "id" => reply.id = json::string(member.value),
        "error" => has_error = is_error(member.value),
        "choices" => choices = Some(member.value),
        _ => {}
    })
    .ok()?;
    if let Some(choices) = choices.filter(|_| reply.usage.is_none()) {
        reply.output_bytes = skim(choices.as_bytes()).output_bytes;
    }
    if has_error {
        reply.error = parse_error(body);
    }
    Some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Unit;

    #[test]
    fn a_chat_answer_tells_its_usage() {
        let reply = inspect(
            br#"{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[{"index":0,
            "message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"error":null,
            "usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"prompt_tokens_details":{"cached_tokens":4}}}"#,
        )
        .unwrap();
        let usage = reply.usage.unwrap();
        assert_eq!(usage.get(Unit::Input), 5);
        assert_eq!(usage.get(Unit::CacheRead), 4);
        assert_eq!(usage.get(Unit::Output), 2);
        assert_eq!(reply.id.as_deref(), Some("chatcmpl-1"));
        assert_eq!((reply.output_bytes, reply.error), (0, None));
    }

    #[test]
    fn an_answer_without_usage_tells_how_much_it_says() {
        let reply = inspect(br#"{"choices":[{"message":{"content":"Hello"}}]}"#).unwrap();
        assert_eq!((reply.output_bytes, reply.usage), (5, None));
    }

    #[test]
    fn an_embedding_has_only_input() {
        let reply = inspect(
            br#"{"object":"list","data":[{"embedding":[0.1,-2e-3]}],"model":"e","usage":{"prompt_tokens":8,"total_tokens":8}}"#,
        )
        .unwrap();
        let usage = reply.usage.unwrap();
        assert_eq!((usage.input_total(), usage.output_total()), (8, 0));
        assert_eq!(reply.output_bytes, 0);
    }

    #[test]
    fn an_error_in_a_200_is_an_error() {
        let reply = inspect(br#"{"error":{"message":"Overloaded","code":529}}"#).unwrap();
        let error = reply.error.unwrap();
        assert_eq!(error.message, "Overloaded");
        assert_eq!(error.code.as_deref(), Some("529"));
    }

    #[test]
    fn odd_members_are_passed_over() {
        let reply =
            inspect(br#"{"id":7,"model":null,"choices":null,"usage":null,"error":null}"#).unwrap();
        assert_eq!(reply, Reply::default());
    }

    #[test]
    fn what_is_no_object_is_none() {
        for body in ["", "[]", "null", "<html>", "{\"id\":\"x\"", "{} {}"] {
            assert_eq!(inspect(body.as_bytes()), None, "{body}");
        }
    }
}
