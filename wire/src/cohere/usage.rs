//! Cohere's `usage` of a chat, and the `meta` of embeddings and reranks, which count alike.
//!
//! `billed_units` is what is paid for; `tokens` also counts what Cohere's own template adds, and stands in where nothing
//! is billed. The prompt's count includes what came from a cache.

use serde_json::Value;

use crate::usage::{Unit, Usage};

/// No count is taken for more than this: the largest integer that every JSON implementation keeps exact.
const MAX_COUNT: u64 = 1 << 53;

/// Reads `{"billed_units":{…},"tokens":{…},"cached_tokens":…}`. None if it counts nothing.
pub(crate) fn read(counts: &Value) -> Option<Usage> {
    let billed = |name: &str| count(counts.pointer("/billed_units")?.get(name)?);
    let counted = |name: &str| count(counts.pointer("/tokens")?.get(name)?);
    let searches = billed("search_units");
    // Where searches are paid for, tokens are not.
    let counted = |name: &str| counted(name).filter(|_| searches.is_none());
    let input = billed("input_tokens").or_else(|| billed("text_tokens"));
    let input = input.or_else(|| counted("input_tokens"));
    let output = billed("output_tokens").or_else(|| counted("output_tokens"));
    if input.is_none() && output.is_none() && searches.is_none() {
        return None;
    }
    let input = input.unwrap_or(0);
    let cached = counts.get("cached_tokens").and_then(count).unwrap_or(0);
    let cached = cached.min(input);
    let mut usage = Usage::default();
    usage.set(Unit::Input, input - cached);
    usage.set(Unit::CacheRead, cached);
    usage.set(Unit::Output, output.unwrap_or(0));
    usage.set(Unit::Searches, searches.unwrap_or(0));
    Some(usage)
}

/// A count, which Cohere writes as `12.0` at times.
pub(crate) fn count(value: &Value) -> Option<u64> {
    let exact = value.as_u64();
    // `as` saturates and takes negatives for zero, which is what is wanted.
    let count = exact.or_else(|| value.as_f64().map(|number| number as u64))?;
    Some(count.min(MAX_COUNT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn units(counts: Value) -> Option<Vec<(Unit, u64)>> {
        read(&counts).map(|usage| usage.iter().collect())
    }

    #[test]
    fn what_is_billed_comes_before_what_is_counted() {
        assert_eq!(
            units(json!({
                "billed_units": {"input_tokens": 17.0, "output_tokens": 12},
                "tokens": {"input_tokens": 215, "output_tokens": 14}
            })),
            Some(vec![(Unit::Input, 17), (Unit::Output, 12)])
        );
        assert_eq!(
            units(json!({"tokens": {"input_tokens": 7, "output_tokens": 2}})),
            Some(vec![(Unit::Input, 7), (Unit::Output, 2)])
        );
        assert_eq!(
            units(json!({"billed_units": {"search_units": 1}})),
            Some(vec![(Unit::Searches, 1)])
        );
    }

    #[test]
    fn cached_tokens_are_a_part_of_the_prompt() {
        let counts =
            json!({"billed_units": {"input_tokens": 10, "output_tokens": 1}, "cached_tokens": 4});
        let usage = read(&counts).unwrap();
        assert_eq!(usage.get(Unit::Input), 6);
        assert_eq!(usage.get(Unit::CacheRead), 4);
        let template = json!({"billed_units": {"input_tokens": 5}, "cached_tokens": 64});
        assert_eq!(read(&template).unwrap().input_total(), 5);
    }

    #[test]
    fn what_counts_nothing_is_none() {
        for counts in [
            json!(null),
            json!([]),
            json!({}),
            json!({"billed_units": null, "tokens": 4}),
            json!({"billed_units": {"input_tokens": "7"}}),
        ] {
            assert_eq!(read(&counts), None, "{counts}");
        }
    }
}
