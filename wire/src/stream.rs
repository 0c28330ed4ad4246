//! A streamed answer of any format on its way to a client of the same or of another one: bytes in, bytes out, and what
//! they mean on the side.

mod named;

use std::borrow::Cow;

use bytes::Bytes;

use crate::chat_stream::ChatStream;
pub use crate::chat_stream::{Ending, Progress, StreamError};
use crate::errors::UpstreamError;
use crate::framing::{Frame, Framing, own};
use crate::media_stream::MediaStream;
use crate::neutral::Event;

/// A streamed answer on its way.
pub enum Stream {
    /// OpenAI's chat or completions to a client of the same: the fastest relay.
    Chat(Box<ChatStream>),
    /// Any other conversation.
    Relay(Box<Relay>),
    /// Images, speech or a transcript: relayed as it comes, and watched.
    Media(Box<MediaStream>),
}

impl Stream {
    /// What the stream has told so far.
    pub fn progress(&self) -> &Progress {
        match self {
            Self::Chat(stream) => stream.progress(),
            Self::Relay(stream) => stream.progress(),
            Self::Media(stream) => stream.progress(),
        }
    }

    /// Takes one network chunk and appends to `out` what to relay now.
    ///
    /// # Errors
    /// If the stream cannot be cut into events; it is dead then.
    pub fn feed(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), StreamError> {
        match self {
            Self::Chat(stream) => stream.feed(chunk, out),
            Self::Relay(stream) => stream.feed(&chunk, out),
            Self::Media(stream) => {
                stream.feed(&chunk);
                // An error is never relayed: whether the client hears of it, and how, is decided elsewhere.
                if stream.progress().error.is_none() {
                    out.push(chunk);
                }
                Ok(())
            }
        }
    }

    /// The stream is over: appends what is left to relay, and says how it ended.
    pub fn finish(&mut self, out: &mut Vec<Bytes>) -> Ending {
        match self {
            Self::Chat(stream) => stream.finish(out),
            Self::Relay(stream) => stream.finish(out),
            Self::Media(stream) => stream.finish(),
        }
    }

    /// What tells the client of a translated stream that it lives on, while the provider is silent; to be sent between two
    /// pieces. None where a comment must do.
    pub fn sign_of_life(&mut self) -> Option<Bytes> {
        match self {
            Self::Chat(_) | Self::Media(_) => None,
            Self::Relay(stream) => stream.sign_of_life(),
        }
    }

    /// About how many bytes of the stream are kept: an event that has not come whole, and what a translation tells again.
    pub fn held_bytes(&self) -> usize {
        match self {
            Self::Chat(stream) => stream.held_bytes(),
            Self::Relay(stream) => stream.held_bytes(),
            // Of these a short form is kept.
            Self::Media(_) => 0,
        }
    }

    /// The error that ended the stream as the provider wrote it, where the client reads the provider's format.
    pub fn raw_error(&self) -> Option<&Bytes> {
        match self {
            Self::Chat(_) | Self::Media(_) => None,
            Self::Relay(stream) => stream.raw_error(),
        }
    }
}

/// Reads the events of one format. Events borrow from the frame they come from.
pub(crate) trait Decode: Send {
    /// Reads one frame and emits what it tells, in order. What cannot be understood is passed over, unless it makes the
    /// answer unreadable: then `Event::Error` is emitted.
    fn decode(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>));

    /// The bytes have ended. A format without a terminator emits `Done` here if it has all it needs; a reader never emits
    /// `Done` twice.
    fn finish(&mut self, emit: &mut dyn FnMut(Event<'_>));
}

/// Writes the events of one format. It gets a well-ordered stream (see [`Event`]) and writes a well-formed one, whatever
/// the events' source: blocks are opened and closed, roles and indexes are set.
pub(crate) trait Encode: Send {
    /// Appends what the client is sent for an event; may be nothing. `Done` writes everything that ends a success, usage
    /// included. `Error` writes nothing: whether a client hears of it, and how, is decided elsewhere.
    fn encode(&mut self, event: &Event<'_>, out: &mut Vec<u8>);
}

/// Relays one stream. However its bytes are cut into chunks, what is written and the progress are the same.
pub struct Relay {
    framing: Framing,
    decoder: Box<dyn Decode>,
    /// None where client and provider speak the same format: events are relayed as they came.
    encoder: Option<Box<dyn Encode>>,
    /// Whether events that are relayed as they came get the names they lack.
    names_events: bool,
    progress: Progress,
    failure: Option<StreamError>,
    ending: Option<Ending>,
    /// The error event as it came, for a client of the same format.
    raw_error: Option<Bytes>,
    /// Bytes of images and sound so far, in base64.
    media_bytes: u64,
}

/// The longest answer that is translated. Most formats tell some of it again at its end or want tool calls whole, so that
/// it must be kept: an upstream that never stops must not fill the memory. As much as a whole answer may have.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// What is kept of answers up to this length is not worth counting, and most translations keep nothing of it.
const USUAL_ANSWER_BYTES: u64 = 4 * 1024 * 1024;

impl Relay {
    pub(crate) fn new(
        framing: Framing,
        decoder: Box<dyn Decode>,
        encoder: Option<Box<dyn Encode>>,
    ) -> Self {
        Self {
            framing,
            decoder,
            encoder,
            names_events: false,
            progress: Progress::default(),
            failure: None,
            ending: None,
            raw_error: None,
            media_bytes: 0,
        }
    }

    /// The same for a format whose events have names.
    pub(crate) fn naming_events(mut self) -> Self {
        self.names_events = self.encoder.is_none();
        self
    }

    /// What the stream has told so far.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The error that ended the stream as the provider wrote it, where the client reads the provider's format.
    pub fn raw_error(&self) -> Option<&Bytes> {
        self.raw_error.as_ref()
    }

    /// What tells the client of a translated stream that it lives on, while the provider is silent.
    pub fn sign_of_life(&mut self) -> Option<Bytes> {
        let mut out = Vec::new();
        self.encoder.as_mut()?.encode(&Event::Ping, &mut out);
        (!out.is_empty()).then(|| out.into())
    }

    /// Takes one network chunk and appends to `out` what to relay now. After the end or an error everything is ignored.
    ///
    /// # Errors
    /// If an event or a translated answer is too long, or an event is not framed as its format says. The stream is dead
    /// then: `feed` says so again.
    pub fn feed(
        &mut self,
        chunk: impl AsRef<[u8]>,
        out: &mut Vec<Bytes>,
    ) -> Result<(), StreamError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let mut written = Written::default();
        let Self {
            framing,
            decoder,
            encoder,
            names_events,
            progress,
            raw_error,
            ..
        } = self;
        let fed = framing.feed(chunk.as_ref(), |frame, raw| {
            let raw = relayed(*names_events, &frame, raw);
            take(
                decoder,
                encoder,
                progress,
                raw_error,
                &mut written,
                &frame,
                &raw,
            )
        });
        self.media_bytes = self.media_bytes.saturating_add(written.media_bytes);
        written.flush(out);
        fed.and_then(|()| self.check_length())
            .inspect_err(|failure| self.failure = Some(*failure))
    }

    fn held_bytes(&self) -> usize {
        let told = match self.encoder {
            Some(_) => self.progress.output_bytes.saturating_add(self.media_bytes),
            None => 0,
        };
        let told = usize::try_from(told.saturating_sub(USUAL_ANSWER_BYTES)).unwrap_or(usize::MAX);
        self.framing.held_bytes().saturating_add(told)
    }

    fn check_length(&self) -> Result<(), StreamError> {
        let length = self.progress.output_bytes.saturating_add(self.media_bytes);
        if self.encoder.is_some() && length > MAX_ANSWER_BYTES {
            let max = MAX_ANSWER_BYTES;
            return Err(StreamError::AnswerTooLong { max });
        }
        Ok(())
    }

    /// The stream is over: appends what is left to relay, and says how it ended.
    pub fn finish(&mut self, out: &mut Vec<Bytes>) -> Ending {
        if let Some(ending) = self.ending {
            return ending;
        }
        let mut written = Written::default();
        let Self {
            framing,
            decoder,
            encoder,
            names_events,
            progress,
            raw_error,
            ..
        } = self;
        let is_over = |progress: &Progress| progress.done || progress.error.is_some();
        // What came before bytes that were no frame is no whole answer.
        let mut is_cut = self.failure.is_some();
        if !is_over(progress) && !is_cut {
            is_cut = framing.finish(|frame, raw| {
                let raw = relayed(*names_events, &frame, raw);
                take(
                    decoder,
                    encoder,
                    progress,
                    raw_error,
                    &mut written,
                    &frame,
                    &raw,
                )
            });
        }
        if !is_over(progress) && !is_cut {
            decoder.finish(&mut |event| {
                note(progress, &event);
                if let Some(encoder) = encoder {
                    encoder.encode(&event, &mut written.bytes);
                }
            });
        }
        written.flush(out);
        let ending = if self.progress.error.is_some() {
            Ending::Failed
        } else if self.progress.done {
            Ending::Complete
        } else {
            Ending::Truncated
        };
        self.ending = Some(ending);
        ending
    }
}

/// What a chunk's events come to, written on together.
#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    /// Bytes of images and sound that the events brought.
    media_bytes: u64,
}

impl Written {
    fn flush(self, out: &mut Vec<Bytes>) {
        if !self.bytes.is_empty() {
            out.push(Bytes::from(self.bytes));
        }
    }
}

/// An event as it is relayed to a client of its format.
fn relayed<'a>(names_events: bool, frame: &Frame<'_>, raw: &'a [u8]) -> Cow<'a, [u8]> {
    if names_events {
        named::named(frame, raw)
    } else {
        Cow::Borrowed(raw)
    }
}

/// Takes one event; false once the stream is over.
fn take(
    decoder: &mut Box<dyn Decode>,
    encoder: &mut Option<Box<dyn Encode>>,
    progress: &mut Progress,
    raw_error: &mut Option<Bytes>,
    written: &mut Written,
    frame: &Frame<'_>,
    raw: &[u8],
) -> bool {
    if progress.done || progress.error.is_some() {
        return false;
    }
    let output_bytes = progress.output_bytes;
    decoder.decode(frame, &mut |event| {
        note(progress, &event);
        written.media_bytes += event.media_bytes() as u64;
        if let Some(encoder) = encoder {
            encoder.encode(&event, &mut written.bytes);
        }
    });
    progress.output_events += u64::from(progress.output_bytes > output_bytes);
    if progress.error.is_some() {
        *raw_error = (encoder.is_none() && !raw.is_empty()).then(|| own(raw));
        return false;
    }
    if encoder.is_none() {
        written.bytes.extend_from_slice(raw);
    }
    !progress.done
}

fn note(progress: &mut Progress, event: &Event<'_>) {
    progress.has_output |= event.is_output();
    progress.output_bytes += event.output_bytes() as u64;
    match event {
        Event::Start { id, model } => {
            progress.id = id.as_deref().and_then(short).or(progress.id.take());
            progress.model = model.as_deref().and_then(short).or(progress.model.take());
        }
        Event::Usage(usage) => progress.usage = Some(*usage),
        Event::Finish { .. } => progress.finished = true,
        Event::Error(error) => progress.error = Some(UpstreamError::clone(error)),
        Event::Done => progress.done = true,
        _ => {}
    }
}

/// Longer ids and names are not remembered.
fn short(text: &str) -> Option<String> {
    const MAX_BYTES: usize = 256;
    (!text.is_empty() && text.len() <= MAX_BYTES).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
