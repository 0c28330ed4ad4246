//! HTTP/2 without TLS and with prior knowledge, just enough to show that the door speaks it.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use h2::client::{ResponseFuture, SendRequest};
use http::Request;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// What came back over HTTP/2.
#[derive(Debug)]
pub struct H2Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

/// Sends `bodies` as `POST`s of JSON to `path`, all at once on one connection, and gives the answers in the same order.
/// Fails the test where the connection or a stream fails.
pub fn post_all(
    address: SocketAddr,
    token: &str,
    path: &str,
    bodies: &[String],
) -> Vec<H2Response> {
    run(async {
        let mut session = Session::open(address, token).await;
        let mut waiting = Vec::new();
        for body in bodies {
            waiting.push(session.post(path, body).await.0);
        }
        // Read side by side: answers left unread would use up the window that all streams of a connection share.
        let reading: Vec<_> = waiting
            .into_iter()
            .map(|response| tokio::spawn(read(response)))
            .collect();
        let mut answers = Vec::new();
        for one in reading {
            answers.push(one.await.expect("an answer arrives whole"));
        }
        answers
    })
}

/// Begins to read the answer to `left`, leaves it by resetting its stream, and then sends `next` on the same connection.
pub fn leave_then_post(
    address: SocketAddr,
    token: &str,
    path: &str,
    left: &str,
    next: &str,
) -> H2Response {
    run(async {
        let mut session = Session::open(address, token).await;
        let (response, mut upload) = session.post(path, left).await;
        let mut answer = response.await.expect("the gateway answers").into_body();
        let begun = answer.data().await.expect("the answer has a body");
        begun.expect("the body begins");
        upload.send_reset(h2::Reason::CANCEL);
        read(session.post(path, next).await.0).await
    })
}

fn run<T>(work: impl Future<Output = T>) -> T {
    runtime().block_on(work)
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build();
    runtime.expect("a runtime starts")
}

/// A request whose body is sent piece by piece, on a connection of its own.
pub struct Upload {
    runtime: Runtime,
    session: Session,
    response: ResponseFuture,
    body: SendStream<Bytes>,
}

impl Upload {
    /// Sends the head of a `POST` whose body has so many bytes.
    pub fn begin(
        address: SocketAddr,
        token: &str,
        path: &str,
        content_type: &str,
        len: usize,
    ) -> Self {
        let runtime = runtime();
        let (session, response, body) = runtime.block_on(async {
            let mut session = Session::open(address, token).await;
            let begun = session.begin(path, content_type, Some(len)).await;
            (session, begun.0, begun.1)
        });
        Self {
            runtime,
            session,
            response,
            body,
        }
    }

    /// Sends these bytes as the gateway takes them; false where it takes no more, or not in time.
    pub fn send(&mut self, bytes: &[u8], limit: Duration) -> bool {
        let sending = send_all(&mut self.body, Bytes::copy_from_slice(bytes));
        let in_time = self
            .runtime
            .block_on(async { tokio::time::timeout(limit, sending).await });
        in_time.unwrap_or(false)
    }

    /// Leaves, and then sends `next` on the same connection.
    pub fn reset_then_post(mut self, path: &str, next: &str) -> H2Response {
        self.body.send_reset(h2::Reason::CANCEL);
        self.runtime
            .block_on(async { read(self.session.post(path, next).await.0).await })
    }

    /// Reads the answer, and then that to `next` on the same connection.
    pub fn response_then_post(mut self, path: &str, next: &str) -> [H2Response; 2] {
        self.runtime.block_on(async {
            let first = read(self.response).await;
            [first, read(self.session.post(path, next).await.0).await]
        })
    }

    /// Ends the body and reads the answer.
    pub fn finish(mut self) -> H2Response {
        self.runtime.block_on(async {
            let ended = self.body.send_data(Bytes::new(), true);
            ended.expect("the body can be ended");
            read(self.response).await
        })
    }
}

async fn send_all(body: &mut SendStream<Bytes>, mut rest: Bytes) -> bool {
    while !rest.is_empty() {
        body.reserve_capacity(rest.len().min(64 * 1024));
        let room = match poll_fn(|context| body.poll_capacity(context)).await {
            Some(Ok(room)) => room,
            _ => return false,
        };
        let piece = rest.split_to(room.min(rest.len()));
        if body.send_data(piece, false).is_err() {
            return false;
        }
    }
    true
}

/// One connection.
struct Session {
    sender: SendRequest<Bytes>,
    address: SocketAddr,
    credential: String,
}

impl Session {
    async fn open(address: SocketAddr, token: &str) -> Self {
        let stream = TcpStream::connect(address)
            .await
            .expect("the gateway accepts a connection");
        stream
            .set_nodelay(true)
            .expect("a connection can be told not to wait");
        // The answers are read one after the other: the others must not use up the connection's window meanwhile.
        let (sender, connection) = h2::client::Builder::new()
            .initial_connection_window_size(16 * 1024 * 1024)
            .handshake::<_, Bytes>(stream)
            .await
            .expect("the gateway speaks HTTP/2");
        // It ends with the runtime.
        tokio::spawn(connection);
        Self {
            sender,
            address,
            credential: format!("Bearer {token}"),
        }
    }

    async fn post(&mut self, path: &str, body: &str) -> (ResponseFuture, SendStream<Bytes>) {
        let (response, mut upload) = self.begin(path, "application/json", None).await;
        upload
            .send_data(Bytes::copy_from_slice(body.as_bytes()), true)
            .expect("the body is sent");
        (response, upload)
    }

    async fn begin(
        &mut self,
        path: &str,
        content_type: &str,
        len: Option<usize>,
    ) -> (ResponseFuture, SendStream<Bytes>) {
        let mut request = Request::post(format!("http://{}{path}", self.address))
            .header("authorization", &self.credential)
            .header("content-type", content_type);
        if let Some(len) = len {
            request = request.header("content-length", len);
        }
        let request = request.body(()).expect("the request is well formed");
        let mut sender = self.sender.clone().ready().await;
        let sender = sender.as_mut().expect("the connection takes a stream");
        sender.send_request(request, false).expect("a stream opens")
    }
}

async fn read(response: ResponseFuture) -> H2Response {
    let (head, mut stream) = response.await.expect("the gateway answers").into_parts();
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece.expect("the body arrives whole");
        stream
            .flow_control()
            .release_capacity(piece.len())
            .expect("capacity can be given back");
        body.extend_from_slice(&piece);
    }
    H2Response {
        status: head.status.as_u16(),
        headers: head.headers,
        body,
    }
}
