//! Amazon's event stream framing, `application/vnd.amazon.eventstream`.
//!
//! A message is: its whole length and the length of its headers, both `u32`, and the CRC-32 of these eight bytes; the
//! headers; the payload; and the CRC-32 of everything before it. All numbers are big-endian. Source:
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>.

mod headers;

use std::borrow::Cow;

use crate::framing::MAX_EVENT_BYTES;
use crate::stream::StreamError;
use headers::Headers;

/// Two lengths and their checksum.
const PRELUDE_BYTES: usize = 12;
/// The message's checksum.
const TRAILER_BYTES: usize = 4;

/// What the names of exceptions end with.
const EXCEPTION: &str = "Exception";

/// Messages cut out of a stream of bytes.
#[derive(Debug, Default)]
pub struct Messages {
    /// The start of a message whose end has not come yet.
    unfinished: Vec<u8>,
    is_over: bool,
}

impl Messages {
    /// Takes a chunk and visits every message that is whole now: its type, its payload, and its bytes as they came. The
    /// visitor returns false to stop for good.
    ///
    /// The type of an exception, and of an error, ends with `Exception`, as AWS names them.
    ///
    /// # Errors
    /// If a checksum or a length is wrong, or a message is too long.
    pub(crate) fn feed(
        &mut self,
        chunk: &[u8],
        mut visit: impl FnMut(&str, &[u8], &[u8]) -> bool,
    ) -> Result<(), StreamError> {
        let mut rest = chunk;
        if self.is_over || !self.finish_message(&mut rest, &mut visit)? {
            return Ok(());
        }
        while let Some(length) = message_length(rest)?
            && let Some((message, after)) = rest.split_at_checked(length)
        {
            rest = after;
            if !visit_message(message, &mut visit)? {
                self.is_over = true;
                return Ok(());
            }
        }
        self.unfinished.extend_from_slice(rest);
        Ok(())
    }

    /// The room that an unfinished message takes.
    pub fn held_bytes(&self) -> usize {
        self.unfinished.capacity()
    }

    /// Whether an unfinished message is left.
    pub(crate) fn has_rest(&self) -> bool {
        !self.unfinished.is_empty()
    }

    /// Completes the message that began in an earlier chunk, if there is one. Returns whether more of `rest` is to be
    /// looked at.
    fn finish_message(
        &mut self,
        rest: &mut &[u8],
        visit: &mut impl FnMut(&str, &[u8], &[u8]) -> bool,
    ) -> Result<bool, StreamError> {
        if self.unfinished.is_empty() {
            return Ok(true);
        }
        fill(&mut self.unfinished, rest, PRELUDE_BYTES);
        let Some(length) = message_length(&self.unfinished)? else {
            return Ok(false);
        };
        fill(&mut self.unfinished, rest, length);
        if self.unfinished.len() < length {
            return Ok(false);
        }
        let mut message = std::mem::take(&mut self.unfinished);
        let goes_on = visit_message(&message, visit)?;
        // Its room is used again for the next one.
        message.clear();
        self.unfinished = message;
        self.is_over = !goes_on;
        Ok(goes_on)
    }
}

/// Moves bytes from the start of `rest` until `buffer` has `length` of them, or there are no more.
fn fill(buffer: &mut Vec<u8>, rest: &mut &[u8], length: usize) {
    let missing = length.saturating_sub(buffer.len()).min(rest.len());
    if let Some((taken, after)) = rest.split_at_checked(missing) {
        buffer.extend_from_slice(taken);
        *rest = after;
    }
}

/// The length of the message that begins here; none while its prelude is not whole.
fn message_length(bytes: &[u8]) -> Result<Option<usize>, StreamError> {
    let Some(prelude) = bytes.first_chunk::<PRELUDE_BYTES>() else {
        return Ok(None);
    };
    let [a, b, c, d, e, f, g, h, crc @ ..] = *prelude;
    if crc32fast::hash(&[a, b, c, d, e, f, g, h]) != u32::from_be_bytes(crc) {
        return Err(StreamError::BadFrame);
    }
    let total = u32::from_be_bytes([a, b, c, d]) as usize;
    let headers = u32::from_be_bytes([e, f, g, h]) as usize;
    if total > MAX_EVENT_BYTES {
        return Err(StreamError::EventTooLong {
            max: MAX_EVENT_BYTES,
        });
    }
    if headers.saturating_add(PRELUDE_BYTES + TRAILER_BYTES) > total {
        return Err(StreamError::BadFrame);
    }
    Ok(Some(total))
}

fn visit_message(
    message: &[u8],
    visit: &mut impl FnMut(&str, &[u8], &[u8]) -> bool,
) -> Result<bool, StreamError> {
    let (summed, crc) = message
        .split_last_chunk::<TRAILER_BYTES>()
        .ok_or(StreamError::BadFrame)?;
    if crc32fast::hash(summed) != u32::from_be_bytes(*crc) {
        return Err(StreamError::BadFrame);
    }
    let (headers, payload) = split(summed).ok_or(StreamError::BadFrame)?;
    let headers = Headers::read(headers).ok_or(StreamError::BadFrame)?;
    Ok(match headers.message_type {
        "exception" => visit(&exception(headers.exception_type), payload, message),
        "error" => {
            let told = headers.error_payload();
            let payload = if payload.is_empty() { &told } else { payload };
            visit(&exception(headers.error_code), payload, message)
        }
        _ => visit(headers.event_type, payload, message),
    })
}

/// The headers and the payload of a message without its checksum.
fn split(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (prelude, body) = message.split_at_checked(PRELUDE_BYTES)?;
    let length: [u8; 4] = prelude.get(4..8)?.try_into().ok()?;
    body.split_at_checked(u32::from_be_bytes(length) as usize)
}

fn exception(name: &str) -> Cow<'_, str> {
    if name.ends_with(EXCEPTION) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("{name}{EXCEPTION}"))
    }
}

/// Writes a message as a provider would: an event with a JSON payload, or an exception where the type is named like one.
/// For those who play a provider in tests.
pub fn write_message(event_type: &str, payload: &[u8], out: &mut Vec<u8>) {
    let is_exception = event_type.ends_with(EXCEPTION);
    let mut headers = Vec::new();
    let (type_header, message_type) = if is_exception {
        (":exception-type", "exception")
    } else {
        (":event-type", "event")
    };
    headers::write_text(type_header, event_type, &mut headers);
    headers::write_text(":content-type", "application/json", &mut headers);
    headers::write_text(":message-type", message_type, &mut headers);
    write_raw(&headers, payload, out);
}

/// Writes a message of headers that are written already.
fn write_raw(headers: &[u8], payload: &[u8], out: &mut Vec<u8>) {
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let start = out.len();
    let total = PRELUDE_BYTES + headers.len() + payload.len() + TRAILER_BYTES;
    out.extend_from_slice(&length(total));
    out.extend_from_slice(&length(headers.len()));
    let checksum = |out: &[u8]| crc32fast::hash(out.get(start..).unwrap_or_default()).to_be_bytes();
    out.extend_from_slice(&checksum(out));
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(&checksum(out));
}

#[cfg(test)]
mod tests;
