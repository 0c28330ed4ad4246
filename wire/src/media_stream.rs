//! A streamed answer of OpenAI's endpoints for images, speech and transcriptions. It is relayed as it comes; here it is
//! only watched, and of events of megabytes nothing but what stands beside the picture or the sound is held.
//!
//! Source: OpenAI's API reference, the events of images, speech and transcriptions.

use crate::chat_stream::{Ending, Progress};
use crate::errors::{describe, is_error};
use crate::json;
use crate::shorten::Shortener;
use crate::sse::{self, EventEnds, LineKind};
use crate::usage::{Unit, Usage, from_modalities};

/// The most bytes of one event that are held, its long strings cut short.
const SHORT_EVENT_BYTES: usize = 256 * 1024;
const DONE: &[u8] = b"[DONE]";

/// Watches one stream. However its bytes are cut into chunks, the progress is the same.
#[derive(Debug)]
pub struct MediaStream {
    ends: EventEnds,
    event: Shortener,
    progress: Progress,
}

impl Default for MediaStream {
    fn default() -> Self {
        Self {
            ends: EventEnds::default(),
            event: Shortener::new(SHORT_EVENT_BYTES),
            progress: Progress::default(),
        }
    }
}

impl MediaStream {
    /// What the stream has told so far. `finished` tells of an event that ends the answer; `output_bytes` are of text.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Looks at one network chunk.
    pub fn feed(&mut self, chunk: &[u8]) {
        let mut at = 0;
        while self.progress.error.is_none()
            && let Some(end) = self.ends.next(chunk, at)
        {
            self.event.feed(chunk.get(at..end).unwrap_or_default());
            self.read_event();
            at = end;
        }
        if self.progress.error.is_none() {
            self.event.feed(chunk.get(at..).unwrap_or_default());
        }
    }

    /// The stream is over: says how it ended. An event that lacks only its blank line counts.
    pub fn finish(&mut self) -> Ending {
        if !self.event.is_empty() {
            self.read_event();
        }
        if self.progress.error.is_some() {
            Ending::Failed
        } else if self.progress.finished || self.progress.done {
            Ending::Complete
        } else {
            Ending::Truncated
        }
    }

    fn read_event(&mut self) {
        match self.event.text() {
            Some(event) => read(event, &mut self.progress),
            // Something was said, though nobody can tell what.
            None => self.progress.has_output = true,
        }
        self.event.clear();
    }
}

/// What an event says of itself.
#[derive(Default)]
struct Told<'a> {
    kind: String,
    usage: Option<&'a str>,
    delta_bytes: u64,
    has_error: bool,
}

fn read(event: &[u8], progress: &mut Progress) {
    if let Some(json) = sse::bare_json(event) {
        progress.error = Some(describe(json));
        return;
    }
    let Some(data) = sse::data(event) else {
        return;
    };
    if data.trim_ascii_start().starts_with(DONE) {
        progress.done = true;
        return;
    }
    let is_error_event =
        sse::lines(event).any(|line| line.kind == LineKind::Event(b"error".as_slice()));
    let mut told = Told::default();
    if let Ok(text) = std::str::from_utf8(&data) {
        // What is no object tells nothing, unless its name says that it is an error.
        let _no_object = json::members(text, |member| match member.key.as_ref() {
            "type" => told.kind = json::string(member.value).unwrap_or_default(),
            "usage" => told.usage = Some(member.value),
            "delta" => told.delta_bytes = (member.value.len() as u64).saturating_sub(2),
            "error" => told.has_error = is_error(member.value),
            _ => {}
        });
    }
    if is_error_event || told.has_error || told.kind == "error" {
        progress.error = Some(describe(&data));
        return;
    }
    learn(&told, progress);
}

fn learn(told: &Told<'_>, progress: &mut Progress) {
    let usage = |otherwise| from_modalities(told.usage?.as_bytes(), otherwise);
    match told.kind.as_str() {
        "image_generation.completed" | "image_edit.completed" => {
            // One event for each image, each with its own tokens.
            let mut one = Usage::default();
            one.set(Unit::Images, 1);
            let one = usage((Unit::Input, Unit::ImageOutput)).unwrap_or(one);
            let sum = progress.usage.get_or_insert_default();
            one.iter().for_each(|(unit, count)| sum.add(unit, count));
        }
        "speech.audio.done" => {
            progress.usage = usage((Unit::Input, Unit::AudioOutput)).or(progress.usage);
        }
        "transcript.text.done" => {
            progress.usage = usage((Unit::AudioInput, Unit::Output)).or(progress.usage);
        }
        "transcript.text.delta" => {
            progress.output_bytes += told.delta_bytes;
            progress.output_events += 1;
        }
        "image_generation.partial_image"
        | "image_edit.partial_image"
        | "speech.audio.delta"
        | "transcript.text.segment" => {}
        _ => return,
    }
    progress.has_output = true;
    progress.finished |= told.kind.ends_with(".completed") || told.kind.ends_with(".done");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn watch(stream: &[u8], piece: usize) -> (Progress, Ending) {
        let mut watched = MediaStream::default();
        for chunk in stream.chunks(piece.max(1)) {
            watched.feed(chunk);
        }
        let ending = watched.finish();
        (watched.progress, ending)
    }

    fn every_cut(stream: &str, check: impl Fn(&Progress, Ending)) {
        for piece in (1..80).chain([1400, stream.len()]) {
            let (progress, ending) = watch(stream.as_bytes(), piece);
            check(&progress, ending);
        }
    }

    fn images() -> String {
        let picture = "iVBORw0KGgo".repeat(1000);
        format!(
            "event: image_generation.partial_image\ndata: {{\"type\":\"image_generation.partial_image\",\"b64_json\":\"{picture}\",\
             \"partial_image_index\":0}}\n\n\
             event: image_generation.completed\ndata: {{\"type\":\"image_generation.completed\",\"b64_json\":\"{picture}\",\
             \"created_at\":1620000000,\"size\":\"1024x1024\",\"quality\":\"high\",\"background\":\"transparent\",\
             \"output_format\":\"png\",\"usage\":{{\"total_tokens\":100,\"input_tokens\":50,\"output_tokens\":50,\
             \"input_tokens_details\":{{\"text_tokens\":10,\"image_tokens\":40}}}}}}\n\n"
        )
    }

    #[test]
    fn an_image_stream_tells_its_tokens() {
        every_cut(&images(), |progress, ending| {
            assert_eq!(ending, Ending::Complete);
            let usage: Vec<_> = progress.usage.unwrap().iter().collect();
            assert_eq!(
                usage,
                [
                    (Unit::Input, 10),
                    (Unit::ImageInput, 40),
                    (Unit::ImageOutput, 50)
                ]
            );
        });
    }

    #[test]
    fn a_stream_that_ends_before_the_last_image_is_truncated() {
        let whole = images();
        let cut = whole.find("event: image_generation.completed").unwrap();
        let (progress, ending) = watch(&whole.as_bytes()[..cut], 100);
        assert_eq!(ending, Ending::Truncated);
        assert!(progress.has_output && progress.usage.is_none());
    }

    #[test]
    fn images_without_tokens_are_counted() {
        let event = "data: {\"type\":\"image_edit.completed\",\"b64_json\":\"AA==\"}\n\n";
        let (progress, _) = watch(event.repeat(2).as_bytes(), 7);
        assert_eq!(progress.usage.unwrap().get(Unit::Images), 2);
    }

    #[test]
    fn speech_and_transcripts_tell_their_usage() {
        let speech = "data: {\"type\":\"speech.audio.delta\",\"audio\":\"base64\"}\n\n\
            data: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":14,\"output_tokens\":101,\"total_tokens\":115}}\n\n";
        every_cut(speech, |progress, ending| {
            assert_eq!(ending, Ending::Complete);
            let usage: Vec<_> = progress.usage.unwrap().iter().collect();
            assert_eq!(usage, [(Unit::Input, 14), (Unit::AudioOutput, 101)]);
        });
        let transcript = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"I\",\"logprobs\":[]}\r\n\r\n\
            data: {\"type\":\"transcript.text.delta\",\"delta\":\" see\"}\r\n\r\n\
            data: {\"type\":\"transcript.text.done\",\"text\":\"I see\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,\
            \"input_token_details\":{\"text_tokens\":0,\"audio_tokens\":14},\"output_tokens\":45,\"total_tokens\":59}}\r\n\r\n\
            data: [DONE]\r\n\r\n";
        every_cut(transcript, |progress, ending| {
            assert_eq!((ending, progress.done), (Ending::Complete, true));
            assert_eq!((progress.output_events, progress.output_bytes), (2, 5));
            let usage: Vec<_> = progress.usage.unwrap().iter().collect();
            assert_eq!(usage, [(Unit::AudioInput, 14), (Unit::Output, 45)]);
        });
    }

    #[test]
    fn an_error_ends_a_stream_however_it_is_told() {
        for stream in [
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"message\":\"flagged\",\"code\":\"moderation_blocked\"}}\n\n",
            "data: {\"error\":{\"message\":\"flagged\"}}\n\ndata: {\"type\":\"speech.audio.done\"}\n\n",
            "data: {\"type\":\"error\",\"message\":\"flagged\"}\n\n",
            "{\"error\":{\"message\":\"flagged\"}}\n",
        ] {
            every_cut(stream, |progress, ending| {
                assert_eq!(ending, Ending::Failed);
                assert_eq!(progress.error.as_ref().unwrap().message, "flagged");
                assert!(!progress.finished);
            });
        }
    }

    #[test]
    fn an_event_without_its_blank_line_counts() {
        let (progress, ending) = watch(b"data: {\"type\":\"speech.audio.done\"}\n", 5);
        assert_eq!(ending, Ending::Complete);
        assert_eq!(progress.usage, None);
    }

    #[test]
    fn an_event_that_nobody_can_hold_is_output() {
        let event = format!("data: [{}1]\n\n", "1,".repeat(SHORT_EVENT_BYTES));
        let (progress, ending) = watch(event.as_bytes(), 4096);
        assert!(progress.has_output);
        assert_eq!(ending, Ending::Truncated);
    }

    proptest! {
        #[test]
        fn any_bytes_mean_the_same_in_any_chunks(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..300),
                "(data: |event: |error|\\{\"type\":\"|transcript.text.done|\"\\}|\r?\n|\\[DONE\\]|\"usage\":){0,30}".prop_map(String::into_bytes),
            ],
            piece in 1_usize..50,
        ) {
            prop_assert_eq!(watch(&bytes, piece), watch(&bytes, bytes.len()));
        }
    }
}
