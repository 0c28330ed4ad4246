//! An incremental reader of HTTP/1.1 messages (RFC 9112): heads by `httparse`, bodies by their framing.
//!
//! It copies nothing but a head that arrives in pieces, and hands body bytes out where they lie.

use std::mem;

use thiserror::Error;

/// The longest head taken, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The most header fields taken.
const HEADERS_MAX: usize = 64;
/// A chunk of 2^48 bytes is a broken peer, not a long answer.
const CHUNK_SIZE_DIGITS_MAX: u8 = 12;

/// Why a message cannot be read. The connection is of no more use.
#[derive(Debug, Error, PartialEq)]
pub enum HttpError {
    /// The head is not HTTP/1.x.
    #[error("the head is not HTTP/1.x: {0}")]
    Head(#[from] httparse::Error),
    /// The head is longer than 16 KiB.
    #[error("the head is longer than {HEAD_BYTES_MAX} bytes")]
    HeadTooLong,
    /// `Content-Length` is not a number.
    #[error("the Content-Length is not a number")]
    ContentLength,
    /// A chunk does not begin with its size or does not end with CRLF.
    #[error("the chunked body is malformed")]
    Chunk,
    /// The peer closed in the middle of a message.
    #[error("the connection was closed in the middle of a message")]
    Truncated,
}

/// Which side's messages are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// Requests, as a server reads them: without a framing there is no body.
    Request,
    /// Answers, as a client reads them: without a framing the body ends with the connection.
    Response,
}

/// What remains to be known of a message once it is complete.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Message {
    /// The status of an answer; 0 for a request.
    pub status: u16,
    /// Whether the connection may carry another message.
    pub keep_alive: bool,
}

#[derive(Debug)]
enum Stage {
    Head,
    Length { left: u64 },
    Chunk(ChunkStage),
    UntilClose,
}

#[derive(Debug)]
enum ChunkStage {
    Size {
        size: u64,
        digits: u8,
        in_extension: bool,
    },
    Data {
        left: u64,
    },
    DataEnd {
        seen_cr: bool,
    },
    Trailer {
        line_bytes: usize,
    },
}

const CHUNK_START: ChunkStage = ChunkStage::Size {
    size: 0,
    digits: 0,
    in_extension: false,
};

/// How far one stage got: bytes used of the input, and whether the message ended there.
enum Step {
    Used(usize),
    Ended(usize),
}

/// Reads one message after the other from one connection.
#[derive(Debug)]
pub struct MessageReader {
    role: Role,
    stage: Stage,
    /// The beginning of a head whose end has not arrived.
    partial_head: Vec<u8>,
    message: Message,
}

impl MessageReader {
    /// A reader at the beginning of a connection.
    pub fn new(role: Role) -> Self {
        Self {
            role,
            stage: Stage::Head,
            partial_head: Vec::new(),
            message: Message {
                status: 0,
                keep_alive: true,
            },
        }
    }

    /// Reads on, passing body bytes to `body` as they come. Returns the message and the number of
    /// bytes used when `input` completes one (what is left begins the next), else `None`, when all of
    /// `input` was used.
    ///
    /// # Errors
    /// When `input` is not HTTP/1.x.
    pub fn read(
        &mut self,
        input: &[u8],
        mut body: impl FnMut(&[u8]),
    ) -> Result<Option<(Message, usize)>, HttpError> {
        let mut used = 0;
        while used < input.len() {
            let rest = &input[used..];
            let step = match &mut self.stage {
                Stage::Head => self.read_head(rest)?,
                Stage::Length { left } => take_body(rest, left, &mut body),
                Stage::Chunk(stage) => read_chunk(stage, rest, &mut body)?,
                Stage::UntilClose => {
                    body(rest);
                    Step::Used(rest.len())
                }
            };
            match step {
                Step::Used(bytes) => used += bytes,
                Step::Ended(bytes) => {
                    self.stage = Stage::Head;
                    return Ok(Some((self.message, used + bytes)));
                }
            }
        }
        Ok(None)
    }

    /// The peer closed: the message that ends so, if one does, or `None` where none had begun.
    ///
    /// # Errors
    /// [`HttpError::Truncated`] in the middle of a message.
    pub fn read_end(&mut self) -> Result<Option<Message>, HttpError> {
        match mem::replace(&mut self.stage, Stage::Head) {
            Stage::UntilClose => Ok(Some(self.message)),
            Stage::Head if self.partial_head.is_empty() => Ok(None),
            _ => Err(HttpError::Truncated),
        }
    }

    fn read_head(&mut self, input: &[u8]) -> Result<Step, HttpError> {
        let earlier_bytes = self.partial_head.len();
        let parsed = if earlier_bytes == 0 {
            parse_head(self.role, input)?
        } else {
            self.partial_head.extend_from_slice(input);
            parse_head(self.role, &self.partial_head)?
        };
        let Some(head) = parsed else {
            if earlier_bytes == 0 {
                self.partial_head.extend_from_slice(input);
            }
            if self.partial_head.len() > HEAD_BYTES_MAX {
                return Err(HttpError::HeadTooLong);
            }
            return Ok(Step::Used(input.len()));
        };
        self.partial_head.clear();
        // An earlier piece cannot have completed the head, so its end lies within `input`.
        let bytes = head.bytes - earlier_bytes;
        if (100..200).contains(&head.message.status) {
            return Ok(Step::Used(bytes));
        }
        self.message = head.message;
        self.stage = match head.framing {
            Framing::Length(0) => return Ok(Step::Ended(bytes)),
            Framing::Length(left) => Stage::Length { left },
            Framing::Chunked => Stage::Chunk(CHUNK_START),
            Framing::UntilClose => Stage::UntilClose,
        };
        Ok(Step::Used(bytes))
    }
}

fn take_body(input: &[u8], left: &mut u64, body: &mut impl FnMut(&[u8])) -> Step {
    let bytes = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
    body(&input[..bytes]);
    *left -= bytes as u64;
    if *left == 0 {
        Step::Ended(bytes)
    } else {
        Step::Used(bytes)
    }
}

fn read_chunk(
    stage: &mut ChunkStage,
    input: &[u8],
    body: &mut impl FnMut(&[u8]),
) -> Result<Step, HttpError> {
    if let ChunkStage::Data { left } = stage {
        return Ok(match take_body(input, left, body) {
            Step::Used(bytes) => Step::Used(bytes),
            Step::Ended(bytes) => {
                *stage = ChunkStage::DataEnd { seen_cr: false };
                Step::Used(bytes)
            }
        });
    }
    for (at, &byte) in input.iter().enumerate() {
        match read_chunk_line(stage, byte)? {
            Line::Goes => {}
            Line::BeforeData => return Ok(Step::Used(at + 1)),
            Line::EndsMessage => return Ok(Step::Ended(at + 1)),
        }
    }
    Ok(Step::Used(input.len()))
}

/// What follows a byte of the lines between the data of chunks.
enum Line {
    Goes,
    BeforeData,
    EndsMessage,
}

/// Takes one byte of a chunk's size line, of the CRLF behind its data, or of the trailer.
fn read_chunk_line(stage: &mut ChunkStage, byte: u8) -> Result<Line, HttpError> {
    match stage {
        ChunkStage::Size {
            size,
            digits,
            in_extension,
        } => match (byte, char::from(byte).to_digit(16)) {
            (b'\n', _) if *digits == 0 => return Err(HttpError::Chunk),
            (b'\n', _) if *size == 0 => *stage = ChunkStage::Trailer { line_bytes: 0 },
            (b'\n', _) => {
                *stage = ChunkStage::Data { left: *size };
                return Ok(Line::BeforeData);
            }
            (b'\r', _) => {}
            (_, Some(digit)) if !*in_extension && *digits < CHUNK_SIZE_DIGITS_MAX => {
                *size = *size * 16 + u64::from(digit);
                *digits += 1;
            }
            (b';' | b' ' | b'\t', _) if *digits > 0 => *in_extension = true,
            _ if *in_extension => {}
            _ => return Err(HttpError::Chunk),
        },
        ChunkStage::DataEnd { seen_cr } => match byte {
            b'\r' if !*seen_cr => *seen_cr = true,
            b'\n' if *seen_cr => *stage = CHUNK_START,
            _ => return Err(HttpError::Chunk),
        },
        ChunkStage::Trailer { line_bytes } => match byte {
            b'\n' if *line_bytes == 0 => return Ok(Line::EndsMessage),
            b'\n' => *line_bytes = 0,
            b'\r' => {}
            _ => *line_bytes += 1,
        },
        ChunkStage::Data { .. } => return Err(HttpError::Chunk),
    }
    Ok(Line::Goes)
}

#[derive(Clone, Copy)]
enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

struct Head {
    bytes: usize,
    message: Message,
    framing: Framing,
}

fn parse_head(role: Role, input: &[u8]) -> Result<Option<Head>, HttpError> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let (parsed, version, status, fields) = match role {
        Role::Request => {
            let mut request = httparse::Request::new(&mut fields);
            let parsed = request.parse(input)?;
            (parsed, request.version, None, request.headers)
        }
        Role::Response => {
            let mut response = httparse::Response::new(&mut fields);
            let parsed = response.parse(input)?;
            (parsed, response.version, response.code, response.headers)
        }
    };
    let httparse::Status::Complete(bytes) = parsed else {
        return Ok(None);
    };
    let status = status.unwrap_or(0);
    let (framing, keep_alive) = read_fields(fields, version == Some(1))?;
    let framing = match framing {
        _ if matches!(status, 204 | 304) => Framing::Length(0),
        Some(framing) => framing,
        None if role == Role::Request => Framing::Length(0),
        None => Framing::UntilClose,
    };
    let keep_alive = keep_alive && !matches!(framing, Framing::UntilClose);
    let message = Message { status, keep_alive };
    Ok(Some(Head {
        bytes,
        message,
        framing,
    }))
}

fn read_fields(
    fields: &[httparse::Header<'_>],
    is_http_11: bool,
) -> Result<(Option<Framing>, bool), HttpError> {
    let mut framing = None;
    let mut keep_alive = is_http_11;
    for field in fields {
        if field.name.eq_ignore_ascii_case("content-length") && framing.is_none() {
            let value = std::str::from_utf8(field.value).map_err(|_| HttpError::ContentLength)?;
            let length = value.trim().parse().map_err(|_| HttpError::ContentLength)?;
            framing = Some(Framing::Length(length));
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            framing = Some(Framing::Chunked);
        } else if field.name.eq_ignore_ascii_case("connection") {
            if field.value.eq_ignore_ascii_case(b"close") {
                keep_alive = false;
            } else if field.value.eq_ignore_ascii_case(b"keep-alive") {
                keep_alive = true;
            }
        }
    }
    Ok((framing, keep_alive))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nhello\r\n1;name=\"value\"\r\n,\r\n0007 \r\n\r\nworld\r\n0\r\nTrailing: field\r\n\r\n";
    const OK: Message = Message {
        status: 200,
        keep_alive: true,
    };

    /// Feeds `pieces` one after the other: the messages, and all body bytes.
    fn read_all(role: Role, pieces: &[&[u8]]) -> Result<(Vec<Message>, Vec<u8>), HttpError> {
        let (mut messages, mut body) = (Vec::new(), Vec::new());
        let mut reader = MessageReader::new(role);
        for piece in pieces {
            let mut rest = *piece;
            while let Some((message, used)) =
                reader.read(rest, |bytes| body.extend_from_slice(bytes))?
            {
                messages.push(message);
                rest = &rest[used..];
            }
        }
        Ok((messages, body))
    }

    #[test]
    fn a_chunked_answer_split_at_every_byte() {
        for at in 0..CHUNKED.len() {
            let (messages, body) =
                read_all(Role::Response, &[&CHUNKED[..at], &CHUNKED[at..]]).unwrap();
            assert_eq!(messages, [OK], "split at {at}");
            assert_eq!(body, b"hello,\r\nworld", "split at {at}");
        }
    }

    #[test]
    fn two_answers_in_one_piece() {
        let answers = [
            CHUNKED,
            b"HTTP/1.1 429 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        ]
        .concat();
        let (messages, body) = read_all(Role::Response, &[&answers]).unwrap();
        let refused = Message {
            status: 429,
            keep_alive: false,
        };
        assert_eq!(messages, [OK, refused]);
        assert_eq!(body, b"hello,\r\nworld{}");
    }

    #[test]
    fn an_interim_answer_is_passed_over() {
        let answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        let (messages, body) = read_all(Role::Response, &[answer]).unwrap();
        assert_eq!(
            messages,
            [Message {
                status: 204,
                keep_alive: true
            }]
        );
        assert!(body.is_empty());
    }

    #[test]
    fn requests_without_framing_have_no_body() {
        let requests = b"GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n";
        let (messages, body) = read_all(Role::Request, &[requests]).unwrap();
        let keep_alive: Vec<bool> = messages.iter().map(|message| message.keep_alive).collect();
        assert_eq!(keep_alive, [true, true, false]);
        assert_eq!(body, b"abc");
    }

    #[test]
    fn the_close_ends_an_unframed_answer_and_cuts_a_framed_one() {
        let mut reader = MessageReader::new(Role::Response);
        assert_eq!(reader.read_end(), Ok(None));
        assert_eq!(reader.read(b"HTTP/1.0 200 OK\r\n\r\nhi", |_| {}), Ok(None));
        assert_eq!(
            reader.read_end(),
            Ok(Some(Message {
                status: 200,
                keep_alive: false
            }))
        );

        for cut in [
            "HTTP/1.1 2",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        ] {
            let mut reader = MessageReader::new(Role::Response);
            assert_eq!(reader.read(cut.as_bytes(), |_| {}), Ok(None));
            assert_eq!(reader.read_end(), Err(HttpError::Truncated));
        }
    }

    #[test]
    fn what_is_not_http_is_refused() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for wrong in ["\r\n", "xyz\r\n", "ffffffffffffffff\r\n", "1\r\nab"] {
            let answer = format!("{chunked}{wrong}");
            assert_eq!(
                read_all(Role::Response, &[answer.as_bytes()]),
                Err(HttpError::Chunk),
                "{wrong:?}"
            );
        }
        let length = b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n";
        assert_eq!(
            read_all(Role::Response, &[length]),
            Err(HttpError::ContentLength)
        );
        let endless = [
            b"HTTP/1.1 200 OK\r\nA: ".as_slice(),
            &[b'a'; HEAD_BYTES_MAX],
        ]
        .concat();
        assert_eq!(
            read_all(Role::Response, &[&endless]),
            Err(HttpError::HeadTooLong)
        );
    }

    proptest! {
        #[test]
        fn any_body_in_any_chunks_and_pieces_is_read_back(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..80), 0..8),
            piece_bytes in 1_usize..50,
        ) {
            let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            for chunk in &chunks {
                answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                answer.extend_from_slice(chunk);
                answer.extend_from_slice(b"\r\n");
            }
            answer.extend_from_slice(b"0\r\n\r\n");
            let pieces: Vec<&[u8]> = answer.chunks(piece_bytes).collect();
            let (messages, body) = read_all(Role::Response, &pieces).unwrap();
            prop_assert_eq!(messages, [OK]);
            prop_assert_eq!(body, chunks.concat());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read_all(Role::Response, &[CHUNKED, &bytes]);
            let _ = read_all(Role::Request, &[&bytes]);
        }
    }
}
