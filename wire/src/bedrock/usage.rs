//! `TokenUsage`.

use serde::Deserialize;

use crate::lenient::count;
use crate::usage::{Unit, Usage};

/// The counts of an answer. `inputTokens` leaves out what was read from a cache and written to it; `outputTokens` includes
/// thoughts, which are not told apart.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TokenUsage {
    #[serde(deserialize_with = "count")]
    input_tokens: u64,
    #[serde(deserialize_with = "count")]
    output_tokens: u64,
    #[serde(deserialize_with = "count")]
    cache_read_input_tokens: u64,
    #[serde(deserialize_with = "count")]
    cache_write_input_tokens: u64,
    cache_details: Option<Vec<CacheDetail>>,
}

/// How many of the tokens written to a cache are kept for how long.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CacheDetail {
    ttl: Option<String>,
    #[serde(deserialize_with = "count")]
    input_tokens: u64,
}

impl TokenUsage {
    pub fn to_usage(&self) -> Usage {
        let mut usage = Usage::default();
        usage.set(Unit::Input, self.input_tokens);
        usage.set(Unit::CacheRead, self.cache_read_input_tokens);
        usage.set(Unit::Output, self.output_tokens);
        let details = self.cache_details.as_deref().unwrap_or_default();
        let an_hour = details
            .iter()
            .filter(|detail| detail.ttl.as_deref() == Some("1h"))
            .fold(0_u64, |sum, detail| sum.saturating_add(detail.input_tokens))
            .min(self.cache_write_input_tokens);
        usage.set(Unit::CacheWrite1h, an_hour);
        usage.set(Unit::CacheWrite5m, self.cache_write_input_tokens - an_hour);
        usage
    }
}

/// Reads a `usage` object. None if it is not an object, or counts nothing.
pub(crate) fn read(usage_json: &str) -> Option<Usage> {
    let usage = serde_json::from_str::<TokenUsage>(usage_json)
        .ok()?
        .to_usage();
    (!usage.is_zero()).then_some(usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_are_not_among_the_input() {
        let usage = read(
            r#"{"inputTokens":10,"outputTokens":5,"totalTokens":115,"cacheReadInputTokens":60,"cacheWriteInputTokens":40,
                "cacheDetails":[{"ttl":"1h","inputTokens":30},{"ttl":"5m","inputTokens":10}]}"#,
        )
        .unwrap();
        let counts: Vec<_> = usage.iter().collect();
        assert_eq!(
            counts,
            [
                (Unit::Input, 10),
                (Unit::CacheRead, 60),
                (Unit::CacheWrite5m, 10),
                (Unit::CacheWrite1h, 30),
                (Unit::Output, 5),
            ]
        );
        assert_eq!(usage.input_total() + usage.output_total(), 115);
    }

    #[test]
    fn writes_without_details_are_of_five_minutes() {
        let usage =
            read(r#"{"inputTokens":1,"cacheWriteInputTokens":7,"cacheDetails":null}"#).unwrap();
        assert_eq!(usage.get(Unit::CacheWrite5m), 7);
        assert_eq!(usage.get(Unit::CacheWrite1h), 0);
    }
}
