//! HTTP/2 without TLS and with prior knowledge, just enough to show that the door speaks it.

use std::net::SocketAddr;

use bytes::Bytes;
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(async {
        let stream = TcpStream::connect(address)
            .await
            .expect("the gateway accepts a connection");
        // The answers are read one after the other: the others must not use up the connection's window meanwhile.
        let (mut sender, connection) = h2::client::Builder::new()
            .initial_connection_window_size(16 * 1024 * 1024)
            .handshake::<_, Bytes>(stream)
            .await
            .expect("the gateway speaks HTTP/2");
        let driver = tokio::spawn(connection);
        let mut waiting = Vec::new();
        for body in bodies {
            let request = Request::post(format!("http://{address}{path}"))
                .header("authorization", format!("Bearer {token}"))
                .header("content-type", "application/json")
                .body(())
                .expect("the request is well formed");
            sender = sender.ready().await.expect("the connection takes a stream");
            let (response, mut upload) =
                sender.send_request(request, false).expect("a stream opens");
            upload
                .send_data(Bytes::from(body.clone()), true)
                .expect("the body is sent");
            waiting.push(response);
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
        drop(sender);
        driver.abort();
        answers
    })
}

async fn read(response: h2::client::ResponseFuture) -> H2Response {
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
