//! The `usage` object of OpenAI and of the many who answer in its shape.
//!
//! Sources: OpenAI's API reference (chat, completions, embeddings, responses, images), DeepSeek's
//! (`prompt_cache_hit_tokens`), OpenRouter's usage accounting (`cache_write_tokens`), Moonshot's (`cached_tokens`), and
//! xAI's guide to consumption, where reasoning is outside of `completion_tokens` but inside of `total_tokens`.

use super::{Unit, Usage};
use crate::json;

/// No count is taken for more than this: the largest integer that every JSON implementation keeps exact. Sums of all
/// units then stay far within `i64`, as a database needs.
pub(crate) const MAX_COUNT: u64 = 1 << 53;

/// The numbers as reported; they overlap.
#[derive(Default)]
struct Reported {
    prompt: Option<u64>,
    completion: Option<u64>,
    total: Option<u64>,
    input: Details,
    output: Details,
    /// DeepSeek and Moonshot: cached tokens, told beside the details.
    cached: u64,
    /// DeepSeek: the prompt's tokens that were in no cache.
    missed: Option<u64>,
}

#[derive(Default)]
struct Details {
    cached: u64,
    cache_write: u64,
    audio: u64,
    image: u64,
    reasoning: u64,
}

/// Reads a `usage` object. In this family the prompt's count *includes* what came from a cache and the answer's count
/// includes reasoning (xAI and Gemini excepted, which the total gives away), so the parts are taken out of the whole.
/// A whole smaller than its parts leaves zero for the rest.
///
/// None if it is not an object, or counts no tokens at all.
pub fn from_openai(usage_json: &[u8]) -> Option<Usage> {
    let text = std::str::from_utf8(usage_json).ok()?;
    let reported = read(text)?;
    let mut usage = Usage::default();
    set_input(&reported, &mut usage);
    set_output(&reported, &mut usage);
    Some(usage)
}

fn set_input(reported: &Reported, usage: &mut Usage) {
    let cached = reported.input.cached.max(reported.cached);
    let prompt = reported
        .prompt
        .or_else(|| reported.missed.map(|missed| cached + missed))
        .unwrap_or(0);
    let text = prompt
        .saturating_sub(reported.input.cache_write)
        .saturating_sub(reported.input.audio)
        .saturating_sub(reported.input.image);
    usage.set(Unit::CacheRead, cached);
    usage.set(Unit::CacheWrite5m, reported.input.cache_write);
    // What is cached is in its modality's count too. Nobody tells which it was: text first, as a prompt's beginning is what
    // caches keep.
    let mut untold = cached;
    for (unit, count) in [
        (Unit::Input, text),
        (Unit::ImageInput, reported.input.image),
        (Unit::AudioInput, reported.input.audio),
    ] {
        let cached = untold.min(count);
        untold -= cached;
        usage.set(unit, count - cached);
    }
}

fn set_output(reported: &Reported, usage: &mut Usage) {
    let completion = reported.completion.unwrap_or(0);
    let outside = reasoning_outside(reported);
    let reasoning = outside.unwrap_or(reported.output.reasoning);
    let inside = if outside.is_some() { 0 } else { reasoning };
    let rest = completion
        .saturating_sub(inside)
        .saturating_sub(reported.output.audio)
        .saturating_sub(reported.output.image);
    usage.set(Unit::Output, rest);
    usage.set(Unit::ImageOutput, reported.output.image);
    usage.set(Unit::Reasoning, reasoning);
    usage.set(Unit::AudioOutput, reported.output.audio);
}

/// The reasoning tokens that the answer's count leaves out, if it does. xAI tells their number; Gemini's OpenAI
/// endpoint does not, and shows them only as a total that is larger than its parts.
fn reasoning_outside(reported: &Reported) -> Option<u64> {
    let counted = reported.prompt? + reported.completion?;
    let missing = reported.total?.checked_sub(counted)?;
    let told = reported.output.reasoning;
    (missing > 0 && (told == 0 || told == missing)).then_some(missing)
}

fn read(text: &str) -> Option<Reported> {
    let mut reported = Reported::default();
    let mut counts = 0;
    json::members(text, |member| {
        let count = count(member.value);
        match member.key.as_ref() {
            "prompt_tokens" | "input_tokens" => reported.prompt = count.or(reported.prompt),
            "completion_tokens" | "output_tokens" => {
                reported.completion = count.or(reported.completion);
            }
            "total_tokens" => reported.total = count,
            "prompt_cache_hit_tokens" | "cached_tokens" => {
                reported.cached = reported.cached.max(count.unwrap_or(0));
            }
            "prompt_cache_miss_tokens" => reported.missed = count,
            "prompt_tokens_details" | "input_tokens_details" => {
                read_details(member.value, &mut reported.input);
                return;
            }
            "completion_tokens_details" | "output_tokens_details" => {
                read_details(member.value, &mut reported.output);
                return;
            }
            _ => return,
        }
        counts += usize::from(count.is_some());
    })
    .ok()?;
    // An embedding's reply may tell nothing but the total.
    if reported.prompt.is_none() && reported.completion.is_none() && reported.missed.is_none() {
        reported.prompt = reported.total;
    }
    (counts > 0).then_some(reported)
}

/// Reads one of the `…_details`; null is as good as absent.
fn read_details(text: &str, details: &mut Details) {
    // A text that is no object leaves the details as they are, which is all there is to do.
    let _not_an_object = json::members(text, |member| {
        let Some(count) = count(member.value) else {
            return;
        };
        match member.key.as_ref() {
            "cached_tokens" => details.cached = count,
            "cache_write_tokens" => details.cache_write = count,
            "audio_tokens" => details.audio = count,
            "image_tokens" => details.image = count,
            "reasoning_tokens" => details.reasoning = count,
            _ => {}
        }
    });
}

/// A count: some write `12.0`, and a negative one, seen where a provider subtracts more than it has, is zero.
pub(crate) fn count(value: &str) -> Option<u64> {
    let exact = value.parse::<u64>().ok();
    let count = exact.or_else(|| {
        let number = value.parse::<f64>().ok()?;
        // `as` saturates and takes negatives for zero, which is what is wanted.
        number.is_finite().then_some(number as u64)
    })?;
    Some(count.min(MAX_COUNT))
}

#[cfg(test)]
mod tests;
