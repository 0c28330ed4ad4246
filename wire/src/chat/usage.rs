//! OpenAI's `usage` object, written from disjoint units so that [`crate::usage::from_openai`] reads them again.

use serde_json::{Map, Value, json};

use crate::usage::{Unit, Usage};

/// Writes it: in this family the whole includes its parts. What units OpenAI does not tell apart (how long a cache keeps
/// what is written, tokens of images made) is in the sums.
pub(super) fn write(usage: &Usage) -> Value {
    let prompt = usage.input_total();
    let completion = usage.output_total();
    let cache_write = usage
        .get(Unit::CacheWrite5m)
        .saturating_add(usage.get(Unit::CacheWrite1h));
    let mut input = Map::new();
    input.insert(
        "cached_tokens".to_owned(),
        usage.get(Unit::CacheRead).into(),
    );
    input.insert(
        "audio_tokens".to_owned(),
        usage.get(Unit::AudioInput).into(),
    );
    // These two are OpenRouter's and newer OpenAI's: only where there is something to tell.
    for (key, count) in [
        ("cache_write_tokens", cache_write),
        ("image_tokens", usage.get(Unit::ImageInput)),
    ] {
        if count > 0 {
            input.insert(key.to_owned(), count.into());
        }
    }
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt.saturating_add(completion),
        "prompt_tokens_details": input,
        "completion_tokens_details": {
            "reasoning_tokens": usage.get(Unit::Reasoning),
            "audio_tokens": usage.get(Unit::AudioOutput),
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::usage::from_openai;

    proptest! {
        #[test]
        fn units_come_back(counts in prop::array::uniform8(0..1_000_000_u64)) {
            let units = [
                Unit::Input, Unit::CacheRead, Unit::CacheWrite5m, Unit::AudioInput,
                Unit::ImageInput, Unit::Output, Unit::Reasoning, Unit::AudioOutput,
            ];
            let mut usage = Usage::default();
            for (unit, count) in units.into_iter().zip(counts) {
                usage.set(unit, count);
            }
            let written = write(&usage).to_string();
            prop_assert_eq!(from_openai(written.as_bytes()), Some(usage));
        }
    }

    #[test]
    fn every_write_to_a_cache_is_in_the_prompt() {
        let mut usage = Usage::default();
        usage.set(Unit::Input, 10);
        usage.set(Unit::CacheWrite5m, 5);
        usage.set(Unit::CacheWrite1h, 7);
        let written = write(&usage);
        assert_eq!(written["prompt_tokens"], 22);
        assert_eq!(written["prompt_tokens_details"]["cache_write_tokens"], 12);
    }
}
