//! Usage of speech, transcriptions and translations: what nobody tells is read off the request, or off the sound itself.
//!
//! Source: OpenAI's API reference, audio; of the formats of sound see `sound.rs`.

mod mp3;
mod mp4;
mod ogg;
mod sound;

use crate::json;
use crate::usage::{Unit, Usage, from_modalities, whole_seconds};

pub use sound::{Length, Sound};

/// What a transcription used, and how well that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioUsage {
    /// How much.
    pub usage: Usage,
    /// Whether it was guessed.
    pub is_estimated: bool,
}

/// The characters that a request for speech has spoken: `input`, as Unicode has characters, which is what is billed. None
/// if the body has no such text.
pub fn speech_usage(body: &[u8]) -> Option<Usage> {
    let text = std::str::from_utf8(body).ok()?;
    let mut input = None;
    json::members(text, |member| {
        if member.key == "input" {
            input = Some(member.value);
        }
    })
    .ok()?;
    let characters = json::string(input?)?.chars().count();
    let mut usage = Usage::default();
    usage.set(Unit::Characters, characters as u64);
    Some(usage)
}

/// More tokens than the sound of a spoken character takes: slow speech has four of them a second, and a second 20 tokens.
pub const SPEECH_TOKENS_PER_CHARACTER: u64 = 5;
/// Tokens that a second of sound has in a prompt: OpenAI's models hear ten, Gemini's 32.
pub const HEARD_TOKENS_PER_SECOND: u64 = 32;

/// What a whole transcription or translation used: as its `usage` tells, else its `duration`, else the sound that was
/// uploaded, else, estimated, the time of its last subtitle. None if nothing tells.
pub fn transcription_usage(reply: &[u8], upload: Option<Sound<'_>>) -> Option<AudioUsage> {
    let of_seconds = |seconds, is_estimated| {
        let mut usage = Usage::default();
        usage.set(Unit::Seconds, seconds);
        AudioUsage {
            usage,
            is_estimated,
        }
    };
    let text = std::str::from_utf8(reply).ok()?;
    let (mut usage, mut duration) = (None, None);
    // Captions and plain text are no JSON.
    let _no_object = json::members(text, |member| match member.key.as_ref() {
        "usage" => {
            usage = from_modalities(member.value.as_bytes(), (Unit::AudioInput, Unit::Output));
        }
        // A number; some servers write it as a string.
        "duration" => duration = whole_seconds(member.value.trim_matches('"')),
        _ => {}
    });
    if let Some(usage) = usage {
        return Some(AudioUsage {
            usage,
            is_estimated: false,
        });
    }
    if let Some(seconds) = duration {
        return Some(of_seconds(seconds, false));
    }
    let length = upload.and_then(|sound| sound.length());
    match (length, last_subtitle(text)) {
        // A last subtitle may be long before the end: it counts only where the sound itself says nothing.
        (Some(length), _) => Some(of_seconds(length.seconds, length.is_estimated)),
        (None, subtitle) => subtitle.map(|seconds| of_seconds(seconds, true)),
    }
}

/// The time at which the last subtitle of an SRT or WebVTT text ends, in begun seconds.
fn last_subtitle(text: &str) -> Option<u64> {
    let (_, after) = text.rsplit_once("-->")?;
    let time = after.split_ascii_whitespace().next()?;
    let mut seconds = 0.0;
    for part in time.split(':') {
        let part: f64 = part.replace(',', ".").parse().ok()?;
        seconds = seconds * 60.0 + part;
    }
    whole_seconds(&seconds.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn used(reply: &str, upload: Option<&[u8]>) -> (Vec<(Unit, u64)>, bool) {
        let used = transcription_usage(reply.as_bytes(), upload.map(Sound::whole)).unwrap();
        (used.usage.iter().collect(), used.is_estimated)
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        let body = r#"{"model":"tts-1","voice":"alloy","input":"Grüße 👋\n\ud83d\ude00"}"#;
        let usage = speech_usage(body.as_bytes()).unwrap();
        assert_eq!(usage.iter().collect::<Vec<_>>(), [(Unit::Characters, 9)]);
        for body in ["", "[]", r#"{"model":"tts-1"}"#, r#"{"input":["a"]}"#] {
            assert_eq!(speech_usage(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn a_transcription_tells_tokens_or_seconds() {
        let tokens = r#"{"text":"Imagine","usage":{"type":"tokens","input_tokens":14,
            "input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":45,"total_tokens":59}}"#;
        assert_eq!(
            used(tokens, None),
            (vec![(Unit::AudioInput, 14), (Unit::Output, 45)], false)
        );
        let seconds = r#"{"text":"Imagine","usage":{"type":"duration","seconds":9}}"#;
        assert_eq!(used(seconds, None), (vec![(Unit::Seconds, 9)], false));
        let verbose = r#"{"task":"transcribe","language":"english","duration":8.470000267028809,"text":"The beach",
            "segments":[{"id":0,"start":0.0,"end":3.32}]}"#;
        assert_eq!(used(verbose, None), (vec![(Unit::Seconds, 9)], false));
        let quoted = r#"{"duration":"8.47","text":"x"}"#;
        assert_eq!(used(quoted, None), (vec![(Unit::Seconds, 9)], false));
    }

    #[test]
    fn subtitles_are_an_estimate() {
        let srt = "1\n00:00:00,000 --> 00:00:03,320\nThe beach\n\n2\n01:02:03,320 --> 01:02:05,100\nwas popular\n";
        assert_eq!(used(srt, None), (vec![(Unit::Seconds, 3726)], true));
        let vtt = "WEBVTT\n\n00:00.000 --> 00:03.320 align:start\nThe beach\n";
        assert_eq!(used(vtt, None), (vec![(Unit::Seconds, 4)], true));
    }

    #[test]
    fn the_upload_tells_what_the_reply_does_not() {
        let wav = sound::tests::wav(16_000, 40_000);
        assert_eq!(
            used("The beach was popular.\n", Some(&wav)),
            (vec![(Unit::Seconds, 3)], false)
        );
        assert_eq!(
            transcription_usage(b"The beach", Some(Sound::whole(b"ID3"))),
            None
        );
        assert_eq!(transcription_usage(b"{\"text\":\"x\"}", None), None);
        assert_eq!(transcription_usage(b"\xFF", None), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(reply in prop_oneof![any::<String>(), "([0-9:,. ]|-->|nan|e9){0,40}"], upload in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = transcription_usage(reply.as_bytes(), Some(Sound::whole(&upload)));
            let _ = speech_usage(reply.as_bytes());
        }
    }
}
