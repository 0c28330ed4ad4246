//! The `usage` object of OpenAI's endpoints for images, audio and realtime: tokens told apart by what they are tokens of,
//! or seconds.
//!
//! Sources: OpenAI's API reference of images (`input_tokens_details`), transcriptions (`input_token_details`, and
//! `{"type":"duration"}`), speech events, and realtime server events (`cached_tokens_details`).

use super::openai::count;
use super::{Unit, Usage};
use crate::json;

/// Tokens of one side as reported. What is cached is in its modality's count too.
#[derive(Clone, Copy, Default)]
struct Side {
    total: Option<u64>,
    text: u64,
    audio: u64,
    image: u64,
    reasoning: u64,
    cached: u64,
    cached_text: u64,
    cached_audio: u64,
    cached_image: u64,
}

/// Reads a `usage` object. What no detail tells apart is of the units in `otherwise`: of the input and of the output.
///
/// None if it is not an object, or counts nothing.
pub fn from_modalities(usage_json: &[u8], otherwise: (Unit, Unit)) -> Option<Usage> {
    let text = std::str::from_utf8(usage_json).ok()?;
    let (mut input, mut output) = (Side::default(), Side::default());
    let mut seconds = None;
    json::members(text, |member| match member.key.as_ref() {
        "input_tokens" | "prompt_tokens" => input.total = count(member.value),
        "output_tokens" | "completion_tokens" => output.total = count(member.value),
        "input_token_details" | "input_tokens_details" | "prompt_tokens_details" => {
            input.read(member.value);
        }
        "output_token_details" | "output_tokens_details" | "completion_tokens_details" => {
            output.read(member.value);
        }
        "seconds" => seconds = whole_seconds(member.value),
        _ => {}
    })
    .ok()?;
    if input.total.is_none() && output.total.is_none() && seconds.is_none() {
        return None;
    }
    let mut usage = Usage::default();
    usage.set(Unit::Seconds, seconds.unwrap_or(0));
    input.add_input(otherwise.0, &mut usage);
    output.add_output(otherwise.1, &mut usage);
    Some(usage)
}

/// Seconds, begun ones counted whole. None if the value is no number.
pub(crate) fn whole_seconds(value: &str) -> Option<u64> {
    let seconds = value.parse::<f64>().ok()?;
    // Milliseconds are what anybody measures: a float that misses a whole second by less does not begin another. A count
    // then has the bounds of every other.
    count(&(seconds - 1e-4).ceil().to_string())
}

impl Side {
    fn read(&mut self, details: &str) {
        // A text that is no object leaves the details as they are, which is all there is to do.
        let _not_an_object = json::members(details, |member| {
            if member.key == "cached_tokens_details" {
                self.read_cached(member.value);
            }
            let Some(count) = count(member.value) else {
                return;
            };
            match member.key.as_ref() {
                "text_tokens" => self.text = count,
                "audio_tokens" => self.audio = count,
                "image_tokens" => self.image = count,
                "reasoning_tokens" => self.reasoning = count,
                "cached_tokens" => self.cached = count,
                _ => {}
            }
        });
    }

    fn read_cached(&mut self, details: &str) {
        let _not_an_object = json::members(details, |member| {
            let count = count(member.value).unwrap_or(0);
            match member.key.as_ref() {
                "text_tokens" => self.cached_text = count,
                "audio_tokens" => self.cached_audio = count,
                "image_tokens" => self.cached_image = count,
                _ => {}
            }
        });
    }

    /// What no detail tells apart; a whole smaller than its parts leaves nothing.
    fn rest(&self) -> u64 {
        self.total
            .unwrap_or(0)
            .saturating_sub(self.text)
            .saturating_sub(self.audio)
            .saturating_sub(self.image)
    }

    fn add_input(&self, otherwise: Unit, usage: &mut Usage) {
        let told = self.cached_text + self.cached_audio + self.cached_image;
        usage.set(Unit::CacheRead, self.cached.max(told));
        let mut counts = [
            (Unit::Input, self.text.saturating_sub(self.cached_text)),
            (otherwise, self.rest()),
            (
                Unit::AudioInput,
                self.audio.saturating_sub(self.cached_audio),
            ),
            (
                Unit::ImageInput,
                self.image.saturating_sub(self.cached_image),
            ),
        ];
        // Cached tokens whose kind is not told are taken for text first: a prompt's beginning is what caches keep.
        let mut untold = self.cached.saturating_sub(told);
        for (unit, count) in &mut counts {
            let cached = untold.min(*count);
            untold -= cached;
            usage.add(*unit, *count - cached);
        }
    }

    fn add_output(&self, otherwise: Unit, usage: &mut Usage) {
        usage.set(Unit::Reasoning, self.reasoning);
        usage.add(Unit::AudioOutput, self.audio);
        usage.add(Unit::ImageOutput, self.image);
        let text = self.text.saturating_sub(self.reasoning);
        usage.add(Unit::Output, text);
        // Reasoning is in the text's count where that is told, else in the whole.
        let untold = self.reasoning.saturating_sub(self.text);
        usage.add(otherwise, self.rest().saturating_sub(untold));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: (Unit, Unit) = (Unit::Input, Unit::Output);

    fn units(json: &str, otherwise: (Unit, Unit)) -> Vec<(Unit, u64)> {
        let usage = from_modalities(json.as_bytes(), otherwise).unwrap();
        usage.iter().collect()
    }

    #[test]
    fn an_image_has_image_tokens_on_both_sides() {
        let json = r#"{"total_tokens":4584,"input_tokens":424,"output_tokens":4160,
            "input_tokens_details":{"text_tokens":36,"image_tokens":388}}"#;
        assert_eq!(
            units(json, (Unit::Input, Unit::ImageOutput)),
            [
                (Unit::Input, 36),
                (Unit::ImageInput, 388),
                (Unit::ImageOutput, 4160)
            ]
        );
        let json = r#"{"input_tokens":10,"output_tokens":1100,
            "output_tokens_details":{"image_tokens":1056,"text_tokens":44}}"#;
        assert_eq!(
            units(json, (Unit::Input, Unit::ImageOutput)),
            [
                (Unit::Input, 10),
                (Unit::Output, 44),
                (Unit::ImageOutput, 1056)
            ]
        );
    }

    #[test]
    fn a_realtime_response_tells_cached_tokens_by_kind() {
        let json = r#"{"total_tokens":253,"input_tokens":132,"output_tokens":121,
            "input_token_details":{"text_tokens":119,"audio_tokens":13,"image_tokens":0,"cached_tokens":64,
              "cached_tokens_details":{"text_tokens":60,"audio_tokens":4,"image_tokens":0}},
            "output_token_details":{"text_tokens":30,"audio_tokens":91}}"#;
        assert_eq!(
            units(json, TEXT),
            [
                (Unit::Input, 59),
                (Unit::CacheRead, 64),
                (Unit::AudioInput, 9),
                (Unit::Output, 30),
                (Unit::AudioOutput, 91)
            ]
        );
    }

    #[test]
    fn cached_tokens_of_no_kind_are_text_first() {
        let json = r#"{"input_tokens":100,"output_tokens":0,
            "input_token_details":{"text_tokens":30,"audio_tokens":70,"cached_tokens":50}}"#;
        assert_eq!(
            units(json, TEXT),
            [(Unit::CacheRead, 50), (Unit::AudioInput, 50)]
        );
    }

    #[test]
    fn a_transcription_is_audio_in_and_text_out() {
        let json = r#"{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":2,"audio_tokens":12},
            "output_tokens":45,"total_tokens":59}"#;
        assert_eq!(
            units(json, (Unit::AudioInput, Unit::Output)),
            [(Unit::Input, 2), (Unit::AudioInput, 12), (Unit::Output, 45)]
        );
        let bare = r#"{"type":"tokens","input_tokens":14,"output_tokens":45}"#;
        assert_eq!(
            units(bare, (Unit::AudioInput, Unit::Output)),
            [(Unit::AudioInput, 14), (Unit::Output, 45)]
        );
    }

    #[test]
    fn begun_seconds_count_whole() {
        for (written, whole) in [
            ("9", 9),
            ("9.0", 9),
            ("8.470000267028809", 9),
            ("9.00003", 9),
            ("0.2", 1),
            ("0", 0),
            ("-3", 0),
        ] {
            assert_eq!(whole_seconds(written), Some(whole), "{written}");
        }
        let json = r#"{"type":"duration","seconds":8.47}"#;
        assert_eq!(units(json, TEXT), [(Unit::Seconds, 9)]);
    }

    #[test]
    fn reasoning_is_no_output_besides() {
        let with_text = r#"{"input_tokens":1,"output_tokens":50,
            "output_token_details":{"text_tokens":40,"audio_tokens":10,"reasoning_tokens":25}}"#;
        let without = r#"{"input_tokens":1,"output_tokens":50,"output_token_details":{"reasoning_tokens":25}}"#;
        assert_eq!(
            units(with_text, TEXT),
            [
                (Unit::Input, 1),
                (Unit::Output, 15),
                (Unit::Reasoning, 25),
                (Unit::AudioOutput, 10)
            ]
        );
        assert_eq!(
            units(without, TEXT),
            [(Unit::Input, 1), (Unit::Output, 25), (Unit::Reasoning, 25)]
        );
    }

    #[test]
    fn what_counts_nothing_is_none() {
        for json in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"seconds":"x"}"#,
            r#"{"input_tokens":null}"#,
        ] {
            assert_eq!(from_modalities(json.as_bytes(), TEXT), None, "{json}");
        }
    }
}
