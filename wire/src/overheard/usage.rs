//! The usages of one answer, told apart by what is in them.

use crate::bedrock;
use crate::cohere::usage as cohere;
use crate::usage::{Unit, Usage, from_openai};
use crate::{anthropic, gemini, json};

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The last usage of a format that tells it whole, again and again or at its end.
    last: Option<Usage>,
    /// Anthropic's, which is told in parts.
    parts: anthropic::usage::Reported,
    is_in_parts: bool,
    /// Counts that stand beside the answer: Ollama's, and those of some of Bedrock's models.
    counts: Usage,
}

impl Gathered {
    /// Takes in a member that tells usage.
    pub fn note(&mut self, key: &str, value: &str) {
        match key {
            "usage" => self.note_usage(value),
            "usageMetadata" | "usage_metadata" => {
                self.last = gemini::usage::read(value).or(self.last);
            }
            "meta" => {
                let counts = serde_json::from_str(value).ok();
                self.last = counts.as_ref().and_then(cohere::read).or(self.last);
            }
            "prompt_eval_count" | "prompt_token_count" | "inputTextTokenCount" => {
                self.count(Unit::Input, value);
            }
            "eval_count" | "generation_token_count" => self.count(Unit::Output, value),
            "amazon-bedrock-invocationMetrics" => self.note_metrics(value),
            _ => {}
        }
    }

    /// The usage; none if nothing was told.
    pub fn usage(&self) -> Option<Usage> {
        if self.is_in_parts {
            return Some(self.parts.usage());
        }
        self.last
            .or_else(|| (!self.counts.is_zero()).then_some(self.counts))
    }

    fn count(&mut self, unit: Unit, value: &str) {
        if let Some(count) = crate::usage::count(value) {
            self.counts.set(unit, count);
        }
    }

    /// What was read from a cache, or written to it, is not among these counts, and may stand in the answer's own.
    fn note_metrics(&mut self, value: &str) {
        let _no_object = json::members(value, |member| match member.key.as_ref() {
            "inputTokenCount" => self.count(Unit::Input, member.value),
            "outputTokenCount" => self.count(Unit::Output, member.value),
            _ => {}
        });
    }

    fn note_usage(&mut self, value: &str) {
        let has = |key: &str| value.contains(key);
        // Anthropic's later parts may be told without what gives them away.
        if self.is_in_parts
            || has("\"cache_creation_input_tokens\"")
            || has("\"cache_read_input_tokens\"")
        {
            self.is_in_parts |= self.parts.merge(value);
            return;
        }
        let told = if has("\"inputTokens\"") || has("\"outputTokens\"") {
            bedrock::usage::read(value)
        } else if has("\"billed_units\"") || has("\"tokens\"") {
            let counts = serde_json::from_str(value).ok();
            counts.as_ref().and_then(cohere::read)
        } else {
            from_openai(value.as_bytes())
        };
        self.last = told.or(self.last);
    }
}
