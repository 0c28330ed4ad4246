//! One client of the mock: its unsent bytes and the stream it is being told.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use serde::Deserialize;

use crate::clock::monotonic_ns;
use crate::event::{Dialect, EventWriter, STREAM_HEAD, anthropic_tail, stream_start, stream_tail};
use crate::http1::{HttpError, MessageReader, Role};

/// What a gateway may leave unread before its connection is given up; with a stream nothing more is
/// sent until all of it is read, so only pipelined requests can come near.
const UNSENT_BYTES_MAX: usize = 1 << 20;
const CHUNKS_DEFAULT: u64 = 10;
/// How the name of a model begins whose answers are in Anthropic's format. The events of its streams are in the name,
/// as in `mock-claude-2000`: a translation leaves out the fields that are only for the mock.
const CLAUDE: &str = "mock-claude";

/// What the mock answers with: whole answers, and the events of streams, of each format.
pub struct Answers {
    /// A chat answer, head and body.
    pub chat: Vec<u8>,
    /// A message of Anthropic's, head and body.
    pub message: Vec<u8>,
    /// The events of chat.
    pub chunks: EventWriter,
    /// The events of messages.
    pub deltas: EventWriter,
}

/// What a request's body asks for. Fields that are not for the mock are passed over.
#[derive(Deserialize)]
struct Ask {
    #[serde(default)]
    model: String,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    x_chunks: Option<u64>,
    #[serde(default)]
    x_interval_ms: u64,
}

#[derive(Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// A stream that is being sent.
struct Stream {
    dialect: Dialect,
    sent: u64,
    events: u64,
    includes_usage: bool,
    interval_ns: u64,
    due_ns: u64,
}

/// What the server must do for a connection next.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// Nothing, until the socket is ready.
    Wait,
    /// Send an event as soon as the others had their turn.
    SendNow,
    /// Send an event at this time on the monotonic clock.
    SendAt(u64),
    /// Forget the connection.
    Close,
}

/// One accepted connection.
pub struct Connection {
    /// Registered by the server.
    pub socket: TcpStream,
    /// Tells this connection from an earlier one in the same place.
    pub id: u64,
    requests: MessageReader,
    body: Vec<u8>,
    unsent: Vec<u8>,
    stream: Option<Stream>,
}

impl Connection {
    /// Takes an accepted socket.
    pub fn new(socket: TcpStream, id: u64) -> Self {
        Self {
            socket,
            id,
            requests: MessageReader::new(Role::Request),
            body: Vec::new(),
            unsent: Vec::new(),
            stream: None,
        }
    }

    /// The socket is ready: sends what is left over, then reads requests and answers plain ones with
    /// `answers`. A client that closed its side, as the poll says, is gone once its requests are read.
    pub fn on_ready(
        &mut self,
        is_read_closed: bool,
        scratch: &mut [u8],
        answers: &Answers,
    ) -> Next {
        let was_blocked = !self.unsent.is_empty();
        if self.flush().is_err() {
            return Next::Close;
        }
        let was_streaming = self.stream.is_some();
        if self.read(is_read_closed, scratch, answers).is_err() {
            return Next::Close;
        }
        match &self.stream {
            Some(_) if !self.unsent.is_empty() => Next::Wait,
            Some(stream) if was_blocked || !was_streaming => stream.next(),
            _ => Next::Wait,
        }
    }

    /// Sends the event that is due, and the tail behind the last one.
    pub fn send_event(&mut self, answers: &mut Answers) -> Next {
        let Some(stream) = &mut self.stream else {
            return Next::Wait;
        };
        if !self.unsent.is_empty() {
            return Next::Wait;
        }
        let sent = if stream.sent < stream.events {
            let event = match stream.dialect {
                Dialect::OpenAi => answers.chunks.write(stream.sent),
                Dialect::Anthropic => answers.deltas.write(stream.sent),
            };
            stream.sent += 1;
            stream.due_ns += stream.interval_ns;
            self.send(event)
        } else {
            let tail = match stream.dialect {
                Dialect::OpenAi => stream_tail(stream.events, stream.includes_usage),
                Dialect::Anthropic => anthropic_tail(stream.events),
            };
            self.stream = None;
            self.send(&tail)
        };
        match (&self.stream, sent) {
            (_, Err(_)) => Next::Close,
            (Some(stream), Ok(())) if self.unsent.is_empty() => stream.next(),
            _ => Next::Wait,
        }
    }

    fn read(
        &mut self,
        is_read_closed: bool,
        scratch: &mut [u8],
        answers: &Answers,
    ) -> io::Result<()> {
        loop {
            let bytes = match self.socket.read(scratch) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.take_requests(scratch.get(..bytes).unwrap_or_default(), answers)?;
            // A short read drained the socket; the next bytes make a new edge (epoll(7)), but a close
            // that came with these bytes does not.
            if bytes < scratch.len() && !is_read_closed {
                return Ok(());
            }
        }
    }

    fn take_requests(&mut self, mut input: &[u8], answers: &Answers) -> io::Result<()> {
        let body = &mut self.body;
        while let Some((_, used)) = self
            .requests
            .read(input, |bytes| body.extend_from_slice(bytes))
            .map_err(|error: HttpError| io::Error::other(error))?
        {
            if self.stream.is_some() {
                return Err(io::Error::other("a request before the stream ended"));
            }
            input = input.get(used..).unwrap_or_default();
            match wanted_stream(body, monotonic_ns) {
                None => {
                    let is_claude = memchr::memmem::find(body, CLAUDE.as_bytes()).is_some();
                    let answer = if is_claude {
                        &answers.message
                    } else {
                        &answers.chat
                    };
                    send(&mut self.socket, &mut self.unsent, answer)?;
                }
                Some(stream) => {
                    let start = [STREAM_HEAD, &stream_start(stream.dialect)].concat();
                    self.stream = Some(stream);
                    send(&mut self.socket, &mut self.unsent, &start)?;
                }
            }
            body.clear();
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        send(&mut self.socket, &mut self.unsent, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        let sent = write_some(&mut self.socket, &self.unsent)?;
        self.unsent.drain(..sent);
        Ok(())
    }
}

impl Stream {
    fn next(&self) -> Next {
        // Behind the last event the tail follows without another pause.
        if self.interval_ns == 0 || self.sent == self.events {
            Next::SendNow
        } else {
            Next::SendAt(self.due_ns)
        }
    }
}

/// The stream that the body asks for, if it asks for one. Only a body that mentions `"stream"` is
/// parsed, which keeps plain answers cheap.
fn wanted_stream(body: &[u8], clock: impl Fn() -> u64) -> Option<Stream> {
    memchr::memmem::find(body, b"\"stream\"")?;
    let ask: Ask = serde_json::from_slice(body).ok()?;
    let of_claude = ask.model.strip_prefix(CLAUDE);
    let in_name = of_claude.and_then(|rest| rest.strip_prefix('-')?.parse().ok());
    ask.stream.then(|| Stream {
        dialect: if of_claude.is_some() {
            Dialect::Anthropic
        } else {
            Dialect::OpenAi
        },
        sent: 0,
        events: in_name.or(ask.x_chunks).unwrap_or(CHUNKS_DEFAULT),
        includes_usage: ask.stream_options.unwrap_or_default().include_usage,
        interval_ns: ask.x_interval_ms * 1_000_000,
        due_ns: clock(),
    })
}

/// Writes what the socket takes and keeps the rest in `unsent`.
fn send(socket: &mut TcpStream, unsent: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
    let sent = if unsent.is_empty() {
        write_some(socket, bytes)?
    } else {
        0
    };
    unsent.extend_from_slice(bytes.get(sent..).unwrap_or_default());
    if unsent.len() > UNSENT_BYTES_MAX {
        return Err(io::Error::other("the client does not read its answers"));
    }
    Ok(())
}

fn write_some(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
        match socket.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(bytes) => sent += bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_asks_for_a_stream_or_does_not() {
        for plain in [
            r#"{"model":"m","messages":[]}"#,
            r#"{"stream": false}"#,
            r#"{"messages":[{"content":"say \"stream\":true"}]}"#,
            "not json, but \"stream\":true",
        ] {
            assert!(wanted_stream(plain.as_bytes(), || 5).is_none(), "{plain}");
        }
        let asked = r#"{"stream" : true, "x_chunks":3, "x_interval_ms":2, "stream_options":{"include_usage":true}}"#;
        let stream = wanted_stream(asked.as_bytes(), || 5).unwrap();
        assert_eq!(
            (stream.events, stream.interval_ns, stream.due_ns),
            (3, 2_000_000, 5)
        );
        assert_eq!(stream.next(), Next::SendAt(5));
        assert!(stream.includes_usage);
        assert_eq!(stream.dialect, Dialect::OpenAi);
        let claude = br#"{"model":"mock-claude-7","stream":true}"#;
        let stream = wanted_stream(claude, || 5).unwrap();
        assert_eq!((stream.dialect, stream.events), (Dialect::Anthropic, 7));
    }
}
