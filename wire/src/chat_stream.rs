//! The relay of a streamed chat or completions answer: bytes in, bytes out, and what they mean on the side.
//!
//! What is relayed is what came, but for what clients cannot bear: `id:` and `retry:` fields (openai-python dies of
//! them), comments that start with `ping` (Continue takes them for the end), and the usage that only the gateway asked
//! for. An error is never relayed: whether the client hears of it, and how, depends on what it has been sent.

mod chunk;
mod outbox;
mod rewrite;

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use serde::de::IgnoredAny;

use crate::errors::{UpstreamError, describe};
use crate::skim::{skim, with_comma};
use crate::sse::{self, EventEnds};
use crate::usage::Usage;
use chunk::Chunk;
use outbox::Outbox;

/// The longest event that is taken, its blank line included. Audio and images come in single events of megabytes.
pub const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// Longer ids and model names are not remembered.
const MAX_NAME_BYTES: usize = 256;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
const DONE: &[u8] = b"[DONE]";
const DONE_EVENT: &[u8] = b"data: [DONE]\n\n";

/// What to change on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamRules {
    /// Whether to take the usage out again: the gateway asked for it, the client did not.
    pub strip_usage: bool,
}

/// What a stream has told so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last usage reported. Some providers report a growing one on every chunk.
    pub usage: Option<Usage>,
    /// Whether the model has said anything: text, thoughts, a tool call, a refusal, audio, or why it stopped.
    pub has_output: bool,
    /// Whether a finish reason came, for any choice.
    pub finished: bool,
    /// Whether `[DONE]` came.
    pub done: bool,
    /// The error that ended the stream. Neither it nor anything after it was relayed.
    pub error: Option<UpstreamError>,
    /// Events that carried produced text, thoughts or tool arguments: about one token each with most providers.
    pub output_events: u64,
    /// Bytes of produced text, thoughts and tool arguments, as written in JSON: for estimates where no usage came.
    pub output_bytes: u64,
    /// The model that answers, by the provider's name for it.
    pub model: Option<String>,
    /// The provider's id of the answer.
    pub id: Option<String>,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The answer is whole.
    Complete,
    /// It broke off without a finish reason or `[DONE]`.
    Truncated,
    /// An error came instead of the rest.
    Failed,
}

/// Why a stream cannot be relayed any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// An event is longer than [`MAX_EVENT_BYTES`].
    #[error(
        "The upstream sent an event of more than {max} bytes, which is more than the gateway holds. End this stream."
    )]
    EventTooLong {
        /// The longest event that is taken.
        max: usize,
    },
    /// An answer that must be kept for its translation is longer than that.
    #[error(
        "The upstream sent an answer of more than {max} bytes, which is more than the gateway holds. End this stream."
    )]
    AnswerTooLong {
        /// The longest answer that is taken.
        max: u64,
    },
    /// A frame is not what its framing says: a checksum or a length is wrong.
    #[error("The upstream's stream is not framed as its format says. End this stream.")]
    BadFrame,
}

/// Relays one stream. However its bytes are cut into chunks, the relayed bytes and the progress are the same.
#[derive(Debug, Default)]
pub struct ChatStream {
    rules: StreamRules,
    progress: Progress,
    ends: EventEnds,
    /// The start of an event whose end has not come yet.
    unfinished: Vec<u8>,
    has_begun: bool,
    failure: Option<StreamError>,
    ending: Option<Ending>,
}

/// What is to become of an event.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Keep,
    /// Relay it without these of its bytes.
    Cut(Range<usize>),
    Replace(Vec<u8>),
    Drop,
}

impl ChatStream {
    /// A stream of which nothing has come yet.
    pub fn new(rules: StreamRules) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }

    /// What the stream has told so far.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Takes one network chunk and appends to `out` what to relay now. Only whole events are relayed; the start of an
    /// unfinished one is kept until its end comes. A chunk in which nothing changes is relayed as it is, uncopied.
    ///
    /// After `[DONE]` or an error, everything is ignored.
    ///
    /// # Errors
    /// If an event is too long; what came before it is in `out`. The stream is dead then: `feed` says so again.
    pub fn feed(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), StreamError> {
        let mut outbox = Outbox::new(&chunk, out);
        let mut start = 0;
        while !self.is_over()
            && let Some(end) = self.ends.next(&chunk, start)
        {
            self.take_event(start..end, &chunk, &mut outbox);
            start = end;
        }
        outbox.flush();
        let rest = chunk.get(start..).unwrap_or_default();
        if !self.is_over() && self.fits(rest.len()) {
            self.unfinished.extend_from_slice(rest);
        }
        self.failure.map_or(Ok(()), Err)
    }

    /// Ends the stream, because the upstream's body has ended. A last event that lacks only its blank line is relayed
    /// and mended; one that broke off is not. A whole answer without `[DONE]` gets it.
    pub fn finish(&mut self, out: &mut Vec<Bytes>) -> Ending {
        if let Some(ending) = self.ending {
            return ending;
        }
        self.take_last_event(out);
        let ending = if self.progress.error.is_some() {
            Ending::Failed
        } else if self.failure.is_some() {
            Ending::Truncated
        } else if self.progress.done {
            Ending::Complete
        } else if self.progress.finished {
            out.push(Bytes::from_static(DONE_EVENT));
            Ending::Complete
        } else {
            Ending::Truncated
        };
        self.ending = Some(ending);
        ending
    }

    /// The room that an unfinished event takes.
    pub(crate) fn held_bytes(&self) -> usize {
        self.unfinished.capacity()
    }

    fn is_over(&self) -> bool {
        self.progress.done || self.progress.error.is_some() || self.failure.is_some()
    }

    /// Whether so many more bytes may belong to the event at hand; if not, the stream is dead.
    fn fits(&mut self, more: usize) -> bool {
        let fits = self.unfinished.len() + more <= MAX_EVENT_BYTES;
        if !fits {
            self.unfinished = Vec::new();
            self.failure = Some(StreamError::EventTooLong {
                max: MAX_EVENT_BYTES,
            });
        }
        fits
    }

    /// Takes an event that ends in this chunk, and may have begun in an earlier one.
    fn take_event(&mut self, range: Range<usize>, chunk: &[u8], outbox: &mut Outbox<'_>) {
        let tail = chunk.get(range.clone()).unwrap_or_default();
        if !self.fits(tail.len()) {
            return;
        }
        if self.unfinished.is_empty() {
            match self.judge(tail) {
                Verdict::Keep => outbox.keep(range),
                verdict => outbox.edit(tail, verdict),
            }
            return;
        }
        self.unfinished.extend_from_slice(tail);
        let event = std::mem::take(&mut self.unfinished);
        match self.judge(&event) {
            Verdict::Keep => outbox.push(event.into()),
            verdict => outbox.edit(&event, verdict),
        }
    }

    /// Takes what is left when no more bytes will come.
    fn take_last_event(&mut self, out: &mut Vec<Bytes>) {
        let mut event = std::mem::take(&mut self.unfinished);
        if event.is_empty() || self.is_over() {
            return;
        }
        if !self.ends.is_after_event() {
            if !is_worth_mending(&event) {
                return;
            }
            let has_line_end = event.ends_with(b"\n");
            event.extend_from_slice(if has_line_end { b"\n" } else { b"\n\n" });
        }
        let nothing = Bytes::new();
        let mut outbox = Outbox::new(&nothing, out);
        match self.judge(&event) {
            Verdict::Keep => outbox.push(event.into()),
            verdict => outbox.edit(&event, verdict),
        }
        outbox.flush();
    }

    /// Learns what an event tells, and decides what becomes of it.
    fn judge(&mut self, event: &[u8]) -> Verdict {
        if let Some(data) = sse::only_data(event) {
            return match self.read(data) {
                Verdict::Cut(in_data) => {
                    let offset = data.as_ptr() as usize - event.as_ptr() as usize;
                    Verdict::Cut(offset + in_data.start..offset + in_data.end)
                }
                verdict => verdict,
            };
        }
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let event = match event.strip_prefix(BYTE_ORDER_MARK) {
            Some(event) if is_first => event,
            _ => event,
        };
        self.judge_lines(event)
    }

    /// The long way, for events that are more than one line of data.
    fn judge_lines(&mut self, event: &[u8]) -> Verdict {
        let data = sse::data(event);
        if let Some(error) = rewrite::find_error(event, data.as_deref()) {
            self.progress.error = Some(error);
            return Verdict::Drop;
        }
        let new_data = match data.as_deref().map(|data| (data, self.read(data))) {
            Some((_, Verdict::Drop)) => return Verdict::Drop,
            Some((data, Verdict::Cut(range))) => {
                let before = data.get(..range.start).unwrap_or_default();
                let after = data.get(range.end..).unwrap_or_default();
                Some([before, after].concat())
            }
            _ => None,
        };
        rewrite::rewrite(event, new_data.as_deref())
    }

    /// Learns what the data of an event tells. A cut is a range of the data.
    fn read(&mut self, data: &[u8]) -> Verdict {
        self.has_begun = true;
        let text = data.trim_ascii_start();
        if text.starts_with(DONE) {
            self.progress.done = true;
            return Verdict::Keep;
        }
        if matches!(text.first(), None | Some(b':')) {
            // Nothing, or a comment that some gateway took for data: clients fail to read it as JSON.
            return Verdict::Drop;
        }
        let seen = skim(data);
        if seen.must_parse || !self.progress.has_output {
            let Some(chunk) = chunk::parse(data) else {
                return Verdict::Keep;
            };
            if chunk.has_error {
                self.progress.error = Some(describe(data));
                return Verdict::Drop;
            }
            self.learn(&chunk);
            if self.rules.strip_usage && chunk.is_only_usage {
                return Verdict::Drop;
            }
        }
        self.progress.output_bytes += seen.output_bytes;
        self.progress.output_events += u64::from(seen.output_bytes > 0);
        match seen.null_usage {
            Some(member) if self.rules.strip_usage => Verdict::Cut(with_comma(data, member)),
            _ => Verdict::Keep,
        }
    }

    fn learn(&mut self, chunk: &Chunk<'_>) {
        let progress = &mut self.progress;
        progress.usage = chunk.usage.or(progress.usage);
        progress.has_output |= chunk.has_output || chunk.is_finished;
        progress.finished |= chunk.is_finished;
        if progress.id.is_none() {
            progress.id = chunk.name(chunk.id);
        }
        if progress.model.is_none() {
            progress.model = chunk.name(chunk.model);
        }
    }
}

/// An event without the lines that clients cannot bear; empty if it has no others.
pub(crate) fn bearable(event: &[u8]) -> Cow<'_, [u8]> {
    match rewrite::rewrite(event, None) {
        Verdict::Replace(text) => Cow::Owned(text),
        Verdict::Drop => Cow::Borrowed(b""),
        Verdict::Keep | Verdict::Cut(_) => Cow::Borrowed(event),
    }
}

/// Whether an event that lacks its blank line has all its data, or tells of an error.
pub(crate) fn is_worth_mending(event: &[u8]) -> bool {
    let data = sse::data(event);
    if rewrite::find_error(event, data.as_deref()).is_some() {
        return true;
    }
    data.is_some_and(|data| {
        data.trim_ascii_start().starts_with(DONE)
            || serde_json::from_slice::<IgnoredAny>(&data).is_ok()
    })
}

#[cfg(test)]
mod tests;
