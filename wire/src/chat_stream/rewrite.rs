//! Events that are more than one line of data: what in them is an error, and what in them clients cannot bear.

use memchr::memchr_iter;

use super::Verdict;
use crate::errors::{UpstreamError, describe};
use crate::sse::{self, LineKind};

/// The comment that takes the place of those that Continue's reader takes for the end of the stream.
const KEEPALIVE: &[u8] = b": keepalive";

/// The error that an event of type `error` tells, or that an upstream wrote into the stream as bare JSON. An error
/// inside of plain data is found where data is read.
pub(super) fn find_error(event: &[u8], data: Option<&[u8]>) -> Option<UpstreamError> {
    let is_error_event = sse::lines(event)
        .any(|line| matches!(line.kind, LineKind::Event(name) if name.trim_ascii() == b"error"));
    if is_error_event {
        return Some(describe(data.unwrap_or_default()));
    }
    sse::bare_json(event).map(describe)
}

/// Takes out of an event the lines that clients cannot bear, and puts `new_data`, if there is any, in the place of its
/// data.
pub(super) fn rewrite(event: &[u8], new_data: Option<&[u8]>) -> Verdict {
    let mut text = Vec::with_capacity(event.len());
    let mut unwritten = new_data;
    let mut has_lines = false;
    let mut had_lines = false;
    for line in sse::lines(event) {
        let length_before = text.len();
        match line.kind {
            LineKind::Id | LineKind::Retry => {}
            LineKind::Comment(comment) if is_ping(comment) => {
                text.extend_from_slice(KEEPALIVE);
                text.extend_from_slice(line.end);
            }
            LineKind::Data(_) if new_data.is_some() => {
                if let Some(data) = unwritten.take() {
                    write_data(data, line.end, &mut text);
                }
            }
            _ => text.extend_from_slice(line.whole),
        }
        if line.kind != LineKind::Blank {
            had_lines = true;
            has_lines |= text.len() > length_before;
        }
    }
    if had_lines && !has_lines {
        Verdict::Drop
    } else if text == event {
        Verdict::Keep
    } else {
        Verdict::Replace(text)
    }
}

fn is_ping(comment: &[u8]) -> bool {
    comment
        .strip_prefix(b" ")
        .unwrap_or(comment)
        .starts_with(b"ping")
}

/// Writes data as lines, one for each of its own.
fn write_data(data: &[u8], line_end: &[u8], text: &mut Vec<u8>) {
    let mut start = 0;
    for end in memchr_iter(b'\n', data).chain([data.len()]) {
        text.extend_from_slice(b"data: ");
        text.extend_from_slice(data.get(start..end).unwrap_or_default());
        text.extend_from_slice(line_end);
        start = end + 1;
    }
}
