//! A raw HTTP/1.1 client: it sends the bytes it is given and shows what came back, framing and all.

mod body;
mod events;

pub use events::{Event, Events, Transcript};

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use body::Body;

/// No read or write of a test takes longer; a gateway that hangs then fails the test instead of stopping the run.
const SOCKET_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest response head this client reads.
const MAX_HEAD_BYTES: usize = 4 * 1024 * 1024;

/// Where a gateway listens and what credential to show it. One connection a request.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    headers: Vec<(String, String)>,
}

impl Client {
    /// A client without a credential.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            headers: Vec::new(),
        }
    }

    /// Shows `token` as a Bearer credential.
    pub fn bearer(self, token: &str) -> Self {
        self.with_header("authorization", &format!("Bearer {token}"))
    }

    /// Sends this header with every request.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where it connects to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens a connection.
    pub fn connect(&self) -> Conn {
        Conn::open(self.address)
    }

    /// A `GET`.
    pub fn get(&self, path: &str) -> Response {
        let mut connection = self.connect();
        connection.send(&self.head("GET", path, &[], None));
        connection.response()
    }

    /// A `POST` of JSON.
    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.post_bytes(path, &[], body.to_string().as_bytes())
    }

    /// A `POST` of these bytes with more headers.
    pub fn post_bytes(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut connection = self.connect();
        connection.send(&self.request(path, headers, body));
        connection.response()
    }

    /// A chat completion.
    pub fn chat(&self, body: &Value) -> Response {
        self.post("/v1/chat/completions", body)
    }

    /// A streamed chat completion, open: events arrive as they are asked for.
    pub fn stream(&self, body: &Value) -> Events {
        self.stream_at("/v1/chat/completions", body)
    }

    /// A streamed request to any path.
    pub fn stream_at(&self, path: &str, body: &Value) -> Events {
        let mut connection = self.connect();
        connection.send(&self.request(path, &[], body.to_string().as_bytes()));
        connection.events()
    }

    /// The bytes of a `POST` of `body`, with this client's headers.
    pub fn request(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let mut bytes = self.head("POST", path, headers, Some(body.len()));
        bytes.extend_from_slice(body);
        bytes
    }

    /// The bytes of a request's head; without `length` it announces no body.
    pub fn head(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        length: Option<usize>,
    ) -> Vec<u8> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        let own = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let is_typed = |(name, _): &(&str, &str)| name.eq_ignore_ascii_case("content-type");
        let typed = length
            .filter(|_| !headers.iter().any(is_typed))
            .map(|_| ("content-type", "application/json"));
        for (name, value) in own.chain(typed).chain(headers.iter().copied()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(length) = length {
            head.push_str(&format!("content-length: {length}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// One connection, for tests that care about connections.
pub struct Conn {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Conn {
    /// Connects; fails the test if nobody listens.
    pub fn open(address: SocketAddr) -> Self {
        Self::try_open(address).expect("the gateway accepts a connection")
    }

    /// Connects, or says why not.
    pub fn try_open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, SOCKET_TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SOCKET_TIMEOUT))?;
        stream.set_write_timeout(Some(SOCKET_TIMEOUT))?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    /// Connects with a receive buffer of about so many bytes, to be a slow reader.
    pub fn open_with_small_buffer(address: SocketAddr, bytes: usize) -> Self {
        let connection = Self::open(address);
        socket2::SockRef::from(&connection.stream)
            .set_recv_buffer_size(bytes)
            .expect("the receive buffer can be made small");
        connection
    }

    /// Sends; fails the test if the peer has closed.
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the gateway takes the request");
    }

    /// Sends, or says why not.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends until the peer takes no more for so long; false where it takes everything.
    pub fn send_until_blocked(&mut self, bytes: &[u8], limit: Duration) -> bool {
        let set = self.stream.set_write_timeout(Some(limit));
        set.expect("a write timeout can be set");
        let sent = self.stream.write_all(bytes);
        let restored = self.stream.set_write_timeout(Some(SOCKET_TIMEOUT));
        restored.expect("a write timeout can be set");
        sent.is_err_and(|problem| is_timeout(&problem))
    }

    /// Ends this side's sending.
    pub fn half_close(&mut self) {
        self.stream
            .shutdown(Shutdown::Write)
            .expect("an open connection can be half closed");
    }

    /// Ends the connection by RST.
    pub fn reset(self) {
        socket2::SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .expect("linger can be set");
    }

    /// Reads a whole response; fails the test if none comes.
    pub fn response(&mut self) -> Response {
        self.try_response().expect("the gateway answers")
    }

    /// Reads a whole response. One whose body was cut is given, marked so; an error means that there was no head.
    pub fn try_response(&mut self) -> io::Result<Response> {
        let mut response = self.read_head()?;
        let mut body = Body::of(&response);
        while let Ok(Some(piece)) = body.next(self) {
            response.body.extend(piece);
        }
        response.whole = body.is_whole();
        Ok(response)
    }

    /// Reads a response's head and leaves its body to be read as events.
    pub fn events(mut self) -> Events {
        let head = self.read_head().expect("the gateway answers");
        let body = Body::of(&head);
        Events::new(self, head, body)
    }

    /// Whether the peer closes within `limit`; what it sends before is read and thrown away.
    pub fn closes_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut scratch = [0; 16 * 1024];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.set_read_timeout(left);
            match self.stream.read(&mut scratch) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(problem) if is_timeout(&problem) => return false,
                Err(_) => return true,
            }
        }
    }

    /// How long reads wait from here on.
    pub fn set_read_timeout(&mut self, limit: Duration) {
        self.stream
            .set_read_timeout(Some(limit))
            .expect("a read timeout can be set");
    }

    /// Reads what is there, up to `bytes`; empty at the end.
    pub fn read_some(&mut self, bytes: usize) -> io::Result<Vec<u8>> {
        if !self.buffer.is_empty() {
            let taken = self.buffer.len().min(bytes);
            return Ok(self.buffer.drain(..taken).collect());
        }
        let mut piece = vec![0; bytes];
        let count = self.stream.read(&mut piece)?;
        piece.truncate(count);
        Ok(piece)
    }

    fn unread(&mut self, bytes: &[u8]) {
        self.buffer.splice(0..0, bytes.iter().copied());
    }

    /// Reads an interim response (1xx), which has no body, and gives its status.
    pub fn interim(&mut self) -> u16 {
        self.read_head().expect("the gateway answers").status
    }

    fn read_head(&mut self) -> io::Result<Response> {
        let mut bytes = Vec::new();
        loop {
            if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
                self.unread(bytes.get(end + 4..).unwrap_or_default());
                bytes.truncate(end + 4);
                return parse_head(&bytes);
            }
            let piece = self.read_some(16 * 1024)?;
            if piece.is_empty() || bytes.len() > MAX_HEAD_BYTES {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!(
                        "the connection ended in a response's head, after {:?}",
                        String::from_utf8_lossy(&bytes)
                    ),
                ));
            }
            bytes.extend(piece);
        }
    }
}

/// What the gateway answered.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The minor HTTP version, 0 or 1.
    pub minor_version: u8,
    /// The headers in order.
    pub headers: Vec<(String, String)>,
    /// The body with its framing removed.
    pub body: Vec<u8>,
    /// Whether the body ended as its framing promised.
    pub whole: bool,
}

impl Response {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; fails the test if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|problem| {
            panic!(
                "the body of a {} is not JSON ({problem}): {}",
                self.status,
                self.text()
            )
        })
    }

    /// A field of the error envelope as text; numbers are written out, `null` and absence are "".
    pub fn error(&self, field: &str) -> String {
        match self.json().pointer(&format!("/error/{field}")) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// The text of a chat completion.
    pub fn content(&self) -> String {
        let json = self.json();
        json.pointer("/choices/0/message/content")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// Fails the test unless this is OpenAI's error envelope with this status and code.
    #[track_caller]
    pub fn assert_error(&self, status: u16, code: &str) -> &Self {
        assert_eq!(
            (self.status, self.error("code").as_str()),
            (status, code),
            "the answer was: {}",
            self.text()
        );
        assert!(
            !self.error("message").is_empty(),
            "an error says what is wrong: {}",
            self.text()
        );
        assert!(
            !self.error("type").is_empty(),
            "an error has a type: {}",
            self.text()
        );
        self
    }

    /// Fails the test unless the status is this.
    #[track_caller]
    pub fn assert_status(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "the answer was: {}", self.text());
        self
    }
}

fn parse_head(bytes: &[u8]) -> io::Result<Response> {
    let mut fields = vec![httparse::EMPTY_HEADER; 512];
    let mut head = httparse::Response::new(&mut fields);
    head.parse(bytes)
        .map_err(|problem| io::Error::other(format!("the response's head: {problem}")))?;
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    Ok(Response {
        status: head.code.unwrap_or(0),
        minor_version: head.version.unwrap_or(0),
        headers: head
            .headers
            .iter()
            .map(|field| (field.name.to_owned(), text(field.value)))
            .collect(),
        body: Vec::new(),
        whole: true,
    })
}

fn is_timeout(problem: &io::Error) -> bool {
    matches!(
        problem.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
