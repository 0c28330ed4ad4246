//! The events of a mock stream: how the mock writes them and how the load generator reads them, in one
//! place so that the two cannot drift apart.
//!
//! An event is an OpenAI `chat.completion.chunk` of about 200 bytes. Its content carries the event's
//! number and the time it was sent, in fixed width, so that one is made by overwriting digits.

use std::sync::LazyLock;

use memchr::memmem::{self, Finder};

use crate::clock::monotonic_ns;

const MARK: &str = "weir-bench:";
const NUMBER_DIGITS: usize = 10;
const TIME_DIGITS: usize = 20;
/// Of a line that arrives in pieces no more than this is kept; the mock's lines are far shorter.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// The head of a streamed answer.
pub const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
    Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The provider whose format a stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `chat.completion.chunk`s.
    OpenAi,
    /// The events of Anthropic's Messages.
    Anthropic,
}

/// Makes the events of streams, each in a chunk of its own.
pub struct EventWriter {
    chunk: Vec<u8>,
    digits_at: usize,
}

impl EventWriter {
    /// Prepares the chunk that every event of OpenAI's is.
    pub fn new() -> Self {
        Self::of(Dialect::OpenAi)
    }

    /// Prepares the chunk that every event is.
    pub fn of(dialect: Dialect) -> Self {
        let digits = "0".repeat(NUMBER_DIGITS + 1 + TIME_DIGITS);
        let event = match dialect {
            Dialect::OpenAi => format!(
                "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\
                 \"created\":1790000000,\"model\":\"mock-model\",\"choices\":[{{\"index\":0,\
                 \"delta\":{{\"content\":\"{MARK}{digits}\"}},\"finish_reason\":null}}]}}\n\n"
            ),
            Dialect::Anthropic => format!(
                "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
                 \"delta\":{{\"type\":\"text_delta\",\"text\":\"{MARK}{digits}\"}}}}\n\n"
            ),
        };
        let chunk = to_chunk(&event);
        let digits_at = memmem::find(&chunk, MARK.as_bytes()).unwrap_or(0) + MARK.len();
        Self { chunk, digits_at }
    }

    /// The chunk that holds event `number` of a stream, stamped with the present time.
    pub fn write(&mut self, number: u64) -> &[u8] {
        let number_end = self.digits_at + NUMBER_DIGITS;
        write_digits(&mut self.chunk[self.digits_at..number_end], number);
        self.chunk[number_end] = b':';
        write_digits(
            &mut self.chunk[number_end + 1..][..TIME_DIGITS],
            monotonic_ns(),
        );
        &self.chunk
    }
}

impl Default for EventWriter {
    fn default() -> Self {
        Self::new()
    }
}

fn write_digits(field: &mut [u8], mut value: u64) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (value % 10).to_le_bytes()[0];
        value /= 10;
    }
}

fn to_chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

/// The chunks that begin a stream, before its first event.
pub fn stream_start(dialect: Dialect) -> Vec<u8> {
    match dialect {
        Dialect::OpenAi => Vec::new(),
        Dialect::Anthropic => {
            let mut start = to_chunk(
                "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_bench\",\
                 \"type\":\"message\",\"role\":\"assistant\",\"model\":\"mock-claude\",\"content\":[],\
                 \"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":212,\"output_tokens\":1}}}\n\n",
            );
            start.extend(to_chunk(
                "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
                 \"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
            ));
            start
        }
    }
}

/// The chunks that end one of Anthropic's streams.
pub fn anthropic_tail(events: u64) -> Vec<u8> {
    let mut tail = to_chunk(
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    );
    tail.extend(to_chunk(&format!(
        "event: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"end_turn\",\
         \"stop_sequence\":null}},\"usage\":{{\"output_tokens\":{events}}}}}\n\n"
    )));
    tail.extend(to_chunk(
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    ));
    tail.extend_from_slice(b"0\r\n\r\n");
    tail
}

/// The chunks that end a stream of `events` events: its usage if the request asked for it, `[DONE]`,
/// and the last chunk.
pub fn stream_tail(events: u64, includes_usage: bool) -> Vec<u8> {
    let mut tail = Vec::new();
    if includes_usage {
        tail.extend(to_chunk(&format!(
            "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\
             \"created\":1790000000,\"model\":\"mock-model\",\"choices\":[],\"usage\":{{\"prompt_tokens\":212,\
             \"completion_tokens\":{events},\"total_tokens\":{}}}}}\n\n",
            212 + events
        )));
    }
    tail.extend(to_chunk("data: [DONE]\n\n"));
    tail.extend_from_slice(b"0\r\n\r\n");
    tail
}

/// One line of a stream, as far as a measurement cares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line {
    /// An event of the mock.
    Event {
        /// Its place in the stream, from 0.
        number: u64,
        /// When the mock sent it, on the monotonic clock.
        sent_ns: u64,
    },
    /// The success terminator.
    Done,
    /// An error event.
    Error,
    /// Anything else: the usage, a comment, an empty line.
    Other,
}

/// Cuts a stream's bytes into lines, however they are split, and reads each.
#[derive(Default)]
pub struct LineReader {
    partial: Vec<u8>,
}

impl LineReader {
    /// Reads on, passing every line that `bytes` completes to `each`.
    pub fn read(&mut self, mut bytes: &[u8], mut each: impl FnMut(Line)) {
        while let Some((line, rest)) = cut_line(bytes) {
            if self.partial.is_empty() {
                each(read_line(line));
            } else {
                self.keep(line);
                each(read_line(&self.partial));
                self.partial.clear();
            }
            bytes = rest;
        }
        self.keep(bytes);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES_MAX.saturating_sub(self.partial.len());
        self.partial
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// The first line of `bytes` without its end, and what follows it.
fn cut_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

fn read_line(line: &[u8]) -> Line {
    static MARKED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(MARK));
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some(data) = line.strip_prefix(b"data:") else {
        return Line::Other;
    };
    if let Some(at) = MARKED.find(data) {
        return data
            .get(at + MARK.len()..)
            .and_then(read_digits)
            .unwrap_or(Line::Other);
    }
    match data.trim_ascii() {
        b"[DONE]" => Line::Done,
        data if data.starts_with(b"{\"error\"") => Line::Error,
        _ => Line::Other,
    }
}

fn read_digits(digits: &[u8]) -> Option<Line> {
    let number = read_number(digits.get(..NUMBER_DIGITS)?)?;
    let time = digits.get(NUMBER_DIGITS + 1..)?.get(..TIME_DIGITS)?;
    let sent_ns = read_number(time)?;
    Some(Line::Event { number, sent_ns })
}

fn read_number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |value, &digit| {
        let digit = char::from(digit).to_digit(10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::{MessageReader, Role};

    fn whole_stream(events: u64) -> Vec<u8> {
        let mut writer = EventWriter::new();
        let mut stream = STREAM_HEAD.to_vec();
        for number in 0..events {
            stream.extend_from_slice(writer.write(number));
        }
        stream.extend(stream_tail(events, true));
        stream
    }

    #[test]
    fn a_stream_is_read_back_however_it_is_split() {
        let begun_ns = monotonic_ns();
        let stream = whole_stream(3);
        for piece_bytes in 1..stream.len() {
            let (mut http, mut lines) = (MessageReader::new(Role::Response), LineReader::default());
            let mut seen = Vec::new();
            let mut is_complete = false;
            for piece in stream.chunks(piece_bytes) {
                let ended = http
                    .read(piece, |body| lines.read(body, |line| seen.push(line)))
                    .unwrap();
                is_complete = ended.is_some();
            }
            assert!(is_complete);
            seen.retain(|line| *line != Line::Other);
            assert_eq!(seen.len(), 4, "pieces of {piece_bytes}");
            assert_eq!(seen[3], Line::Done);
            for (expected, line) in seen.iter().take(3).enumerate() {
                let Line::Event { number, sent_ns } = line else {
                    unreachable!("{line:?} is no event");
                };
                assert_eq!(*number, expected as u64);
                assert!((begun_ns..=monotonic_ns()).contains(sent_ns));
            }
        }
    }

    #[test]
    fn an_event_has_about_200_bytes_of_valid_json() {
        let mut writer = EventWriter::new();
        let chunk = std::str::from_utf8(writer.write(12)).unwrap();
        let event = chunk.split("\r\n").nth(1).unwrap();
        assert!((190..=230).contains(&event.len()), "{}", event.len());
        let data: serde_json::Value =
            serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
        let content = data["choices"][0]["delta"]["content"].as_str().unwrap();
        assert!(content.starts_with("weir-bench:0000000012:0"), "{content}");
    }

    #[test]
    fn lines_of_others_are_told_apart() {
        assert_eq!(read_line(b": keepalive"), Line::Other);
        assert_eq!(read_line(b"data:[DONE]\r"), Line::Done);
        assert_eq!(
            read_line(b"data: {\"error\":{\"message\":\"gone\"}}"),
            Line::Error
        );
        assert_eq!(read_line(b"data: weir-bench:12"), Line::Other);
    }
}
