//! HTTP/2 without TLS and with prior knowledge, just enough to show that the door speaks it.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::SendStream;
use h2::client::{ResponseFuture, SendRequest};
use http::Request;
use tokio::net::TcpStream;

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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(work)
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
        let request = Request::post(format!("http://{}{path}", self.address))
            .header("authorization", &self.credential)
            .header("content-type", "application/json")
            .body(())
            .expect("the request is well formed");
        let mut sender = self.sender.clone().ready().await;
        let sender = sender.as_mut().expect("the connection takes a stream");
        let (response, mut upload) = sender.send_request(request, false).expect("a stream opens");
        upload
            .send_data(Bytes::copy_from_slice(body.as_bytes()), true)
            .expect("the body is sent");
        (response, upload)
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
