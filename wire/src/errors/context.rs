//! Whether an error says that a conversation is too long for its model: what agents mend by themselves, where they
//! understand it.

use super::UpstreamError;

/// OpenAI's code for it.
pub const TOO_LONG: &str = "context_length_exceeded";

/// How providers say it, in lower case: Anthropic (twice), Amazon, OpenAI (twice; vLLM and OpenRouter as the first),
/// Google, llama.cpp and Cohere.
const WORDS: [&str; 8] = [
    "prompt is too long",
    "exceed context limit",
    "input is too long for requested model",
    "maximum context length",
    "exceeds the context window",
    "exceeds the maximum number of tokens allowed",
    "exceeds the available context size",
    "too many tokens: ",
];

impl UpstreamError {
    /// Whether it says that the conversation is too long for the model.
    pub fn is_of_length(&self, status: u16) -> bool {
        if self.code.as_deref() == Some(TOO_LONG) {
            return true;
        }
        let message = self.message.to_lowercase();
        matches!(status, 400 | 413) && WORDS.iter().any(|words| message.contains(words))
    }
}

#[cfg(test)]
mod tests {
    use crate::errors::parse_error;

    fn is_of_length(status: u16, message: &str, code: &str) -> bool {
        let body = format!(r#"{{"error":{{"message":"{message}","code":{code}}}}}"#);
        parse_error(body.as_bytes()).unwrap().is_of_length(status)
    }

    #[test]
    fn every_providers_words_are_known() {
        for message in [
            "prompt is too long: 210000 tokens > 200000 maximum",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
            "Input is too long for requested model.",
            "This model's maximum context length is 128000 tokens.",
            "Your input exceeds the context window of this model.",
            "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
            "too many tokens: size limit exceeded by 11326 tokens.",
        ] {
            assert!(is_of_length(400, message, "null"), "{message}");
        }
        assert!(is_of_length(502, "m", "\"context_length_exceeded\""));
    }

    #[test]
    fn a_limit_of_tokens_a_minute_is_another_matter() {
        assert!(!is_of_length(429, "too many tokens: wait a minute", "null"));
        assert!(!is_of_length(400, "`max_tokens` is too large", "null"));
    }
}
