//! A plain answer: status, headers, body, and the ways its framing can lie.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::act::{Act, Behaviour, Play};

#[derive(Clone, Debug)]
enum Length {
    Right,
    Claimed(usize),
    Chunked,
    /// Chunked, but the connection closes before the last chunk.
    ChunkedCut,
    UntilClose,
}

/// A whole answer that is not a stream of events.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    length: Length,
    completes: bool,
}

impl Reply {
    /// An answer with this body and no content type.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            length: Length::Right,
            completes: false,
        }
    }

    /// A JSON answer.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string()).header("content-type", "application/json")
    }

    /// An error in OpenAI's envelope, with `code` as its type too.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(
            status,
            &json!({"error": {"message": message, "type": code, "param": null, "code": code}}),
        )
    }

    /// The page a proxy in front of a provider gives.
    pub fn html(status: u16) -> Self {
        let body = format!(
            "<html><head><title>{status}</title></head><body><h1>{status} cloudflare</h1></body></html>"
        );
        Self::new(status, body).header("content-type", "text/html; charset=UTF-8")
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header with a value of `bytes` bytes.
    pub fn padding_header(self, name: &str, bytes: usize) -> Self {
        self.header(name, &"x".repeat(bytes))
    }

    /// Claims this `Content-Length` instead of the true one, and closes after the body.
    pub fn claiming_length(mut self, bytes: usize) -> Self {
        self.length = Length::Claimed(bytes);
        self
    }

    /// Sends the body in chunks.
    pub fn chunked(mut self) -> Self {
        self.length = Length::Chunked;
        self
    }

    /// Sends the body in chunks and closes before the last one.
    pub fn chunked_cut(mut self) -> Self {
        self.length = Length::ChunkedCut;
        self
    }

    /// Frames the body by the end of the connection.
    pub fn until_close(mut self) -> Self {
        self.length = Length::UntilClose;
        self
    }

    /// Marks the answer as billed work: it enters the ledger once it was sent.
    pub fn completes(mut self) -> Self {
        self.completes = true;
        self
    }

    /// Waits before the first byte.
    pub fn after(self, pause: Duration) -> Behaviour {
        Behaviour::from(self).preceded_by(Act::Wait(pause))
    }

    /// Says `100 Continue` first, though nobody asked.
    pub fn after_continue(self) -> Behaviour {
        Behaviour::from(self).preceded_by(Act::Send(Bytes::from_static(
            b"HTTP/1.1 100 Continue\r\n\r\n",
        )))
    }

    /// Answers once the head was read, without reading the body, and closes.
    pub fn early(self) -> Behaviour {
        Behaviour::from(self).followed_by(Act::Close).before_body()
    }

    /// The bytes of the whole answer.
    fn to_bytes(&self) -> Bytes {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        match self.length {
            Length::Right => drop(write!(head, "content-length: {}\r\n", self.body.len())),
            Length::Claimed(bytes) => drop(write!(head, "content-length: {bytes}\r\n")),
            Length::Chunked | Length::ChunkedCut => head.push_str("transfer-encoding: chunked\r\n"),
            Length::UntilClose => head.push_str("connection: close\r\n"),
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        if matches!(self.length, Length::Chunked | Length::ChunkedCut) {
            bytes.extend(chunk(&self.body));
            if matches!(self.length, Length::Chunked) {
                bytes.extend_from_slice(b"0\r\n\r\n");
            }
        } else {
            bytes.extend_from_slice(&self.body);
        }
        bytes.into()
    }

    /// The play that sends it.
    pub fn into_play(self) -> Play {
        let mut play = Play::new().send(self.to_bytes());
        if !matches!(self.length, Length::Right | Length::Chunked) {
            play = play.act(Act::Close);
        }
        if self.completes {
            play.completes()
        } else {
            play
        }
    }
}

impl From<Reply> for Behaviour {
    fn from(reply: Reply) -> Self {
        reply.into_play().into()
    }
}

/// One HTTP/1.1 chunk.
pub(super) fn chunk(payload: &[u8]) -> Vec<u8> {
    let mut framed = format!("{:x}\r\n", payload.len()).into_bytes();
    framed.extend_from_slice(payload);
    framed.extend_from_slice(b"\r\n");
    framed
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        413 => "Payload Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        529 => "Site Overloaded",
        _ => "Status",
    }
}
