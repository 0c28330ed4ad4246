//! Makes the scripted upstream a provider that speaks HTTP/2: every request is passed on over HTTP/1.1, on a connection of
//! its own, so that a stream that the gateway resets is a client that goes.

use std::future::poll_fn;
use std::io::{Error, Result};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Request, Response};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

use crate::background::{Background, connect};

/// Fields of HTTP/1.1 that HTTP/2 has no use for (RFC 9113, section 8.2.2), and the length, which is told by the frames.
const LEFT_OUT: [&str; 4] = [
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
];

/// A running front; dropping it closes its connections. It expects HTTP/2 at once: put a [`crate::TlsPipe`] before it.
pub struct H2Front {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    retire: watch::Sender<()>,
    _server: Background,
}

impl H2Front {
    /// Starts before the server at `target`.
    pub fn before(target: SocketAddr) -> Self {
        let connections = Arc::new(AtomicUsize::new(0));
        let retire = watch::Sender::new(());
        let (counted, retiring) = (Arc::clone(&connections), retire.clone());
        let (address, server) = Background::listen(move |stream| {
            counted.fetch_add(1, Ordering::SeqCst);
            serve(stream, target, retiring.subscribe())
        });
        Self {
            address,
            connections,
            retire,
            _server: server,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it has accepted so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Tells every connection that is open to go away (GOAWAY): streams under way are finished, new ones are not taken.
    pub fn retire_connections(&self) {
        self.retire.send_replace(());
    }
}

async fn serve(stream: TcpStream, target: SocketAddr, mut retiring: watch::Receiver<()>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    loop {
        tokio::select! {
            accepted = connection.accept() => {
                let Some(Ok((request, respond))) = accepted else {
                    return;
                };
                tokio::spawn(relay(request, respond, target));
            }
            Ok(()) = retiring.changed() => connection.graceful_shutdown(),
        }
    }
}

async fn relay(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, target: SocketAddr) {
    let asked = tokio::select! {
        asked = ask(request, target) => asked,
        _ = poll_fn(|cx| respond.poll_reset(cx)) => return,
    };
    let Ok((head, mut body)) = asked else {
        return respond.send_reset(Reason::INTERNAL_ERROR);
    };
    let mut stream = respond
        .send_response(head, false)
        .expect("a head of the upstream can be told");
    loop {
        let piece = tokio::select! {
            piece = body.next() => piece,
            _ = poll_fn(|cx| stream.poll_reset(cx)) => return,
        };
        let sent = match piece {
            Ok(Some(piece)) => stream.send_data(piece, false),
            Ok(None) => return drop(stream.send_data(Bytes::new(), true)),
            Err(_) => return stream.send_reset(Reason::INTERNAL_ERROR),
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Sends the request on, and reads the answer's head. A body of a told length goes on as it comes, and an answer may come
/// before its end; another is read whole first.
async fn ask(request: Request<RecvStream>, target: SocketAddr) -> Result<(Response<()>, Body)> {
    let (head, mut stream) = request.into_parts();
    let told = head.headers.get("content-length").cloned();
    let told = told.and_then(|it| it.to_str().ok()?.parse::<usize>().ok());
    let content = match told {
        Some(_) => Vec::new(),
        None => read_whole(&mut stream).await?,
    };
    let host = head
        .uri
        .authority()
        .map_or("", |authority| authority.as_str());
    let mut text = format!(
        "{} {} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n",
        head.method,
        head.uri.path(),
        told.unwrap_or(content.len())
    );
    for (name, value) in &head.headers {
        if name != "content-length" {
            let value = String::from_utf8_lossy(value.as_bytes());
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    text.push_str("\r\n");
    let (read, mut write) = connect(target).await?.into_split();
    write.write_all(text.as_bytes()).await?;
    write.write_all(&content).await?;
    let mut answering = pin!(read_head(BufReader::new(read)));
    let sending = async {
        while let Some(piece) = next_piece(&mut stream).await? {
            write.write_all(&piece).await?;
        }
        Ok::<_, Error>(())
    };
    let early = tokio::select! {
        early = &mut answering => Some(early),
        sent = sending => { sent?; None }
    };
    let (response, body) = match early {
        Some(early) => early?,
        None => answering.await?,
    };
    let body = Body {
        _write: Some(write),
        ..body
    };
    Ok((response, body))
}

async fn read_whole(stream: &mut RecvStream) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    while let Some(piece) = next_piece(stream).await? {
        content.extend_from_slice(&piece);
    }
    Ok(content)
}

async fn next_piece(stream: &mut RecvStream) -> Result<Option<Bytes>> {
    let Some(piece) = stream.data().await.transpose().map_err(Error::other)? else {
        return Ok(None);
    };
    let given_back = stream.flow_control().release_capacity(piece.len());
    given_back.map_err(Error::other)?;
    Ok(Some(piece))
}

async fn read_head(mut connection: Reader) -> Result<(Response<()>, Body)> {
    let status = read_line(&mut connection).await?;
    let status = status.split(' ').nth(1).unwrap_or_default();
    let mut head = Response::builder().status(status);
    let (mut left, mut is_chunked) = (0, false);
    loop {
        let line = read_line(&mut connection).await?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        let (name, value) = (name.to_lowercase(), value.trim());
        is_chunked |= name == "transfer-encoding";
        if name == "content-length" {
            left = value.parse().map_err(Error::other)?;
        }
        if !LEFT_OUT.contains(&name.as_str()) {
            head = head.header(name, value);
        }
    }
    let body = Body {
        connection,
        left,
        is_chunked,
        _write: None,
    };
    Ok((head.body(()).map_err(Error::other)?, body))
}

type Reader = BufReader<OwnedReadHalf>;

/// The body of an HTTP/1.1 answer.
struct Body {
    connection: Reader,
    /// The other direction, which must not close before the answer has come.
    _write: Option<OwnedWriteHalf>,
    /// Bytes to come in this chunk, or in all.
    left: usize,
    is_chunked: bool,
}

impl Body {
    /// The next piece; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.is_chunked {
            let line = read_line(&mut self.connection).await?;
            self.left = usize::from_str_radix(&line, 16).map_err(Error::other)?;
        }
        if self.left == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; std::mem::take(&mut self.left)];
        self.connection.read_exact(&mut piece).await?;
        if self.is_chunked {
            read_line(&mut self.connection).await?;
        }
        Ok(Some(piece.into()))
    }
}

/// A line without its end.
async fn read_line(connection: &mut Reader) -> Result<String> {
    let mut line = String::new();
    if connection.read_line(&mut line).await? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}
