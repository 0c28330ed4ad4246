//! Reading requests off a socket and writing plays onto it.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

use super::act::{Act, Play};

/// The largest head and body this upstream reads; a gateway under test never comes near.
const MAX_HEAD_BYTES: usize = 4 * 1024 * 1024;
const MAX_BODY_BYTES: usize = 256 * 1024 * 1024;
/// [`Act::Hang`] ends at last, so that a test that failed does not leave a thread for ever.
const HANG_MAX: Duration = Duration::from_secs(600);
/// How long a closing connection still reads what its client sends.
const LINGER: Duration = Duration::from_secs(2);
/// The pause between the writes of [`Act::Dribble`]: long enough for a reader on loopback to wake up in between, mostly.
const DRIBBLE_PAUSE: Duration = Duration::from_micros(200);

pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// A client's connection.
pub(super) struct Connection {
    read: ReadHalf<Box<dyn Socket>>,
    write: WriteHalf<Box<dyn Socket>>,
    buffer: BytesMut,
    /// A second handle on the same socket, to set its options.
    socket: socket2::Socket,
}

/// A request's head.
pub(super) struct Head {
    pub(super) raw: Vec<u8>,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Head {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Why a play stopped.
pub(super) enum Stopped {
    /// It was played to its end and the connection can take another request.
    AtEnd,
    /// It was played to its end and ended the connection.
    Closed,
    /// The client went before the end.
    ClientGone,
}

impl Connection {
    pub(super) fn new(stream: Box<dyn Socket>, socket: socket2::Socket) -> Self {
        let (read, write) = tokio::io::split(stream);
        Self {
            read,
            write,
            buffer: BytesMut::new(),
            socket,
        }
    }

    /// Reads a request's head; `None` when the client closed instead.
    pub(super) async fn read_head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                let raw = self.buffer.split_to(end + 4).to_vec();
                return parse_head(raw).map(Some);
            }
            if self.buffer.len() > MAX_HEAD_BYTES {
                return Err(io::Error::other("the request's head is too large"));
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads the body that `head` announces.
    pub(super) async fn read_body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        if head
            .header("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
        {
            return self.read_chunked().await;
        }
        let length = head
            .header("content-length")
            .and_then(|value| value.parse().ok())
            .unwrap_or(0);
        self.read_exactly(length).await
    }

    async fn read_chunked(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.read_line().await?;
            let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
                .map_err(|_| io::Error::other("the request's chunk size is not a number"))?;
            if size == 0 {
                while !self.read_line().await?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.read_exactly(size).await?);
            self.read_line().await?;
        }
    }

    async fn read_line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n") {
                let line = self.buffer.split_to(end + 2);
                return Ok(
                    String::from_utf8_lossy(line.get(..end).unwrap_or_default()).into_owned()
                );
            }
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn read_exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if length > MAX_BODY_BYTES {
            return Err(io::Error::other("the request's body is too large"));
        }
        while self.buffer.len() < length {
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.buffer.split_to(length).to_vec())
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(16 * 1024);
        self.read.read_buf(&mut self.buffer).await
    }

    /// Plays `play` to its end or until the client goes.
    pub(super) async fn perform(&mut self, play: &Play) -> Stopped {
        for act in &play.acts {
            let going = match act {
                Act::Send(bytes) => self.send(bytes).await,
                Act::Dribble(bytes, size) => self.dribble(bytes, *size).await,
                Act::Wait(pause) => self.rest(*pause).await,
                Act::Hang => self.rest(HANG_MAX).await,
                Act::Close => {
                    self.close().await;
                    return Stopped::Closed;
                }
                Act::Reset => {
                    // Zero linger makes the close that follows a RST.
                    let _ = self.socket.set_linger(Some(Duration::ZERO));
                    return Stopped::Closed;
                }
                Act::Expire(after) => {
                    tokio::time::sleep(*after).await;
                    return Stopped::Closed;
                }
            };
            if !going {
                return Stopped::ClientGone;
            }
        }
        Stopped::AtEnd
    }

    /// Writes; says whether the client is still there.
    async fn send(&mut self, bytes: &[u8]) -> bool {
        let Self {
            read,
            write,
            buffer,
            ..
        } = self;
        let writing = async {
            write.write_all(bytes).await?;
            write.flush().await
        };
        tokio::select! {
            biased;
            written = writing => written.is_ok(),
            () = gone(read, buffer) => false,
        }
    }

    async fn dribble(&mut self, bytes: &[u8], size: usize) -> bool {
        for piece in bytes.chunks(size.max(1)) {
            if !self.send(piece).await || !self.rest(DRIBBLE_PAUSE).await {
                return false;
            }
        }
        true
    }

    /// Waits; says whether the client is still there.
    async fn rest(&mut self, pause: Duration) -> bool {
        tokio::select! {
            biased;
            () = gone(&mut self.read, &mut self.buffer) => false,
            () = tokio::time::sleep(pause) => true,
        }
    }

    /// A lingering close: unread input would turn the FIN into a RST and could lose the answer on its way.
    async fn close(&mut self) {
        let _ = self.write.shutdown().await;
        let mut rest = vec![0; 64 * 1024];
        let drain = async { while matches!(self.read.read(&mut rest).await, Ok(n) if n > 0) {} };
        let _ = tokio::time::timeout(LINGER, drain).await;
    }
}

/// Resolves when the client has closed; bytes of a following request are kept.
async fn gone(read: &mut ReadHalf<Box<dyn Socket>>, buffer: &mut BytesMut) {
    loop {
        buffer.reserve(4096);
        match read.read_buf(buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn parse_head(raw: Vec<u8>) -> io::Result<Head> {
    let mut fields = vec![httparse::EMPTY_HEADER; 1024];
    let mut request = httparse::Request::new(&mut fields);
    request
        .parse(&raw)
        .map_err(|problem| io::Error::other(format!("the request's head: {problem}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = request
        .headers
        .iter()
        .map(|field| (field.name.to_owned(), text(field.value)))
        .collect();
    let method = request.method.unwrap_or_default().to_owned();
    let path = request.path.unwrap_or_default().to_owned();
    Ok(Head {
        raw,
        method,
        path,
        headers,
    })
}
