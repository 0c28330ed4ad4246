//! `usageMetadata` (<https://ai.google.dev/api/generate-content#UsageMetadata>).
//!
//! The prompt's count includes what came from a cache; what tools fed into it is counted beside it, and thoughts are
//! counted beside the answer.

use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::{Map, Value, json};

use super::answer::Text;
use crate::usage::{Unit, Usage};

/// The counts as reported. Some overlap.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct UsageMetadata<'a> {
    prompt_token_count: Count,
    cached_content_token_count: Count,
    candidates_token_count: Count,
    thoughts_token_count: Count,
    tool_use_prompt_token_count: Count,
    #[serde(borrow)]
    prompt_tokens_details: Option<Vec<Modality<'a>>>,
    #[serde(borrow)]
    cache_tokens_details: Option<Vec<Modality<'a>>>,
    #[serde(borrow)]
    candidates_tokens_details: Option<Vec<Modality<'a>>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Modality<'a> {
    #[serde(borrow)]
    modality: Option<Text<'a>>,
    token_count: Count,
}

impl UsageMetadata<'_> {
    /// The usage in disjoint units; none if nothing was counted.
    pub fn usage(&self) -> Option<Usage> {
        let cached = self.cached_content_token_count.0;
        // What of a modality came from the cache is counted as cached alone.
        let fresh = |modality| {
            let all = tokens_of(self.prompt_tokens_details.as_ref(), modality);
            all.saturating_sub(tokens_of(self.cache_tokens_details.as_ref(), modality))
        };
        let made = |modality| tokens_of(self.candidates_tokens_details.as_ref(), modality);
        let mut usage = Usage::default();
        usage.set(Unit::CacheRead, cached);
        usage.set(Unit::AudioInput, fresh("AUDIO"));
        usage.set(Unit::ImageInput, fresh("IMAGE"));
        let parts = usage.input_total();
        let text = self.prompt_token_count.0.saturating_sub(parts);
        usage.set(Unit::Input, text);
        usage.add(Unit::Input, self.tool_use_prompt_token_count.0);
        usage.set(Unit::AudioOutput, made("AUDIO"));
        usage.set(Unit::ImageOutput, made("IMAGE"));
        let parts = usage.output_total();
        let text = self.candidates_token_count.0.saturating_sub(parts);
        usage.set(Unit::Output, text);
        usage.set(Unit::Reasoning, self.thoughts_token_count.0);
        (!usage.is_zero()).then_some(usage)
    }
}

fn tokens_of(details: Option<&Vec<Modality<'_>>>, modality: &str) -> u64 {
    let details = details.map(Vec::as_slice).unwrap_or_default();
    let of_modality = details.iter().filter(|one| {
        let told = one.modality.as_ref();
        told.is_some_and(|told| told.0 == modality)
    });
    of_modality.fold(0, |sum, one| sum.saturating_add(one.token_count.0))
}

/// Reads `usageMetadata`. None if it is not an object, or counts nothing.
pub(crate) fn read(metadata_json: &str) -> Option<Usage> {
    let metadata: UsageMetadata<'_> = serde_json::from_str(metadata_json).ok()?;
    metadata.usage()
}

/// Writes `usageMetadata`.
pub(super) fn write(usage: &Usage) -> Value {
    let input = usage.input_total();
    let output = usage.output_total();
    let thoughts = usage.get(Unit::Reasoning);
    let mut written = Map::new();
    let mut set = |key: &str, value: Value| drop(written.insert(key.to_owned(), value));
    set("promptTokenCount", json!(input));
    set(
        "candidatesTokenCount",
        json!(output.saturating_sub(thoughts)),
    );
    set("totalTokenCount", json!(input.saturating_add(output)));
    if usage.get(Unit::CacheRead) > 0 {
        set("cachedContentTokenCount", json!(usage.get(Unit::CacheRead)));
    }
    if thoughts > 0 {
        set("thoughtsTokenCount", json!(thoughts));
    }
    let audio = usage.get(Unit::AudioInput);
    let image = usage.get(Unit::ImageInput);
    let text = input.saturating_sub(audio).saturating_sub(image);
    set("promptTokensDetails", details(text, audio, image));
    let audio = usage.get(Unit::AudioOutput);
    let image = usage.get(Unit::ImageOutput);
    if audio > 0 || image > 0 {
        set(
            "candidatesTokensDetails",
            details(usage.get(Unit::Output), audio, image),
        );
    }
    Value::Object(written)
}

fn details(text: u64, audio: u64, image: u64) -> Value {
    let counts = [("TEXT", text), ("AUDIO", audio), ("IMAGE", image)];
    counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(modality, count)| json!({"modality": modality, "tokenCount": count}))
        .collect()
}

/// A count: never refused, since usage must not fail an answer. Counts end where JSON's integers stop to be exact, so
/// that sums stay far from overflowing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count(u64);

const MAX_COUNT: u64 = 1 << 53;

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadCount)
    }
}

fn bounded(count: u64) -> Count {
    Count(count.min(MAX_COUNT))
}

struct ReadCount;

impl Visitor<'_> for ReadCount {
    type Value = Count;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a count")
    }

    fn visit_u64<E>(self, count: u64) -> Result<Count, E> {
        Ok(bounded(count))
    }

    fn visit_i64<E>(self, count: i64) -> Result<Count, E> {
        Ok(bounded(u64::try_from(count).unwrap_or(0)))
    }

    fn visit_f64<E>(self, count: f64) -> Result<Count, E> {
        // `as` takes what is no count for zero, and saturates.
        Ok(bounded(count as u64))
    }

    fn visit_str<E>(self, text: &str) -> Result<Count, E> {
        Ok(bounded(text.parse().unwrap_or(0)))
    }

    fn visit_unit<E>(self) -> Result<Count, E> {
        Ok(Count(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(usage: &Usage) -> Vec<(Unit, u64)> {
        usage.iter().collect()
    }

    #[test]
    fn overlapping_counts_become_disjoint() {
        let usage = read(
            r#"{"promptTokenCount":1000,"cachedContentTokenCount":400,"candidatesTokenCount":50,
            "thoughtsTokenCount":70,"toolUsePromptTokenCount":30,"totalTokenCount":1150,
            "promptTokensDetails":[{"modality":"TEXT","tokenCount":700},{"modality":"AUDIO","tokenCount":100},
            {"modality":"IMAGE","tokenCount":200}],
            "cacheTokensDetails":[{"modality":"TEXT","tokenCount":250},{"modality":"IMAGE","tokenCount":150}],
            "candidatesTokensDetails":[{"modality":"TEXT","tokenCount":10},{"modality":"IMAGE","tokenCount":40}]}"#,
        )
        .unwrap();
        assert_eq!(
            units(&usage),
            [
                (Unit::Input, 450 + 30),
                (Unit::CacheRead, 400),
                (Unit::AudioInput, 100),
                (Unit::ImageInput, 50),
                (Unit::Output, 10),
                (Unit::Reasoning, 70),
                (Unit::ImageOutput, 40),
            ]
        );
        assert_eq!(usage.input_total(), 1030);
        assert_eq!(usage.output_total(), 120);
    }

    #[test]
    fn odd_counts_never_fail_an_answer() {
        assert_eq!(read(r#"{"promptTokenCount":null}"#), None);
        assert_eq!(read("{}"), None);
        let usage =
            read(r#"{"promptTokenCount":"12","candidatesTokenCount":-3,"thoughtsTokenCount":4.0}"#);
        assert_eq!(
            units(&usage.unwrap()),
            [(Unit::Input, 12), (Unit::Reasoning, 4)]
        );
    }

    #[test]
    fn usage_survives_a_round_trip() {
        let mut usage = Usage::default();
        for (unit, quantity) in [
            (Unit::Input, 10),
            (Unit::CacheRead, 4),
            (Unit::AudioInput, 3),
            (Unit::ImageInput, 2),
            (Unit::Output, 7),
            (Unit::Reasoning, 5),
            (Unit::AudioOutput, 1),
        ] {
            usage.set(unit, quantity);
        }
        let written = write(&usage);
        assert_eq!(written["promptTokenCount"], 19);
        assert_eq!(written["candidatesTokenCount"], 8);
        assert_eq!(written["totalTokenCount"], 32);
        assert_eq!(read(&written.to_string()), Some(usage));
    }
}
