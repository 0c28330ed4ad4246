//! A client's end of a tunnel: the connection under an HTTP/1 session that became a WebSocket.
//!
//! Pingora's session writes the 101, for it knows what it has read beyond the head, and what it must not add. It cannot be
//! read from and written to at once, though, and a relay that takes turns can stand still for ever; so the connection is
//! taken out of it then.
//!
//! In [`super::app::App`] the session is borrowed by the request's client and then finished. A tunnel needs it whole: the
//! answer to the request says so to `process_new_http`, which hands the session over here and returns none, for nothing
//! is left to be used again.

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use pingora::http::ResponseHeader;
use pingora::protocols::Stream;
use pingora::protocols::http::ServerSession;
use pingora::server::ShutdownWatch;
use uuid::Uuid;
use weir_filters::gateway::Gateway;
use weir_filters::session::Session;
use weir_filters::tunnel::Side;

use super::client::REQUEST_ID;

/// More than any client has to say before it knows that it is connected.
const MAX_EARLY_BYTES: usize = 64 * 1024;

/// Agrees with a client that its connection is a realtime session from now on, and relays that to its end.
pub async fn serve(
    gateway: &Gateway,
    session: ServerSession,
    agreed: Session,
    request_id: Uuid,
    mut shutdown: ShutdownWatch,
) {
    let reply = agreed.reply().and_then(|mut reply| {
        reply.insert_header(REQUEST_ID.clone(), request_id.to_string())?;
        Ok(reply)
    });
    let client = match reply {
        Ok(reply) => hand_over(session, reply).await,
        Err(_) => None,
    };
    let Some(client) = client else {
        return agreed.abandon().await;
    };
    let stopping = async {
        if shutdown.wait_for(|is_stopping| *is_stopping).await.is_err() {
            // Nobody is left who could say so.
            std::future::pending().await
        }
    };
    // Boxed: it lasts for long, and every other request's future need not have room for it.
    Box::pin(agreed.relay(gateway, client, stopping)).await;
}

/// Agrees with a client that its connection is a WebSocket from now on, and takes it out of HTTP. None if the client is
/// gone, or its connection cannot leave HTTP.
pub async fn hand_over(mut session: ServerSession, agreed: ResponseHeader) -> Option<Side<Stream>> {
    let written = session.write_response_header(Box::new(agreed)).await;
    written.ok()?;
    let early = read_ahead(&mut session);
    match session {
        ServerSession::H1(session) if session.was_upgraded() => Some(Side {
            stream: session.into_inner(),
            early,
        }),
        _ => None,
    }
}

/// What the session has read beyond the head. Its reader gives that first and at once, and may give what has arrived since;
/// when it has to wait, nothing is held back.
fn read_ahead(session: &mut ServerSession) -> Bytes {
    let mut early = BytesMut::new();
    while let Some(Ok(Some(bytes))) = session.read_request_body().now_or_never() {
        early.extend_from_slice(&bytes);
        if early.len() > MAX_EARLY_BYTES {
            break;
        }
    }
    early.freeze()
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::net::SocketAddr;
    use std::time::Duration;

    use pingora::http::RequestHeader;
    use pingora::protocols::l4::stream::Stream as RawStream;
    use pingora::upstreams::peer::HttpPeer;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use weir_filters::provider::{Address, Location};
    use weir_filters::tunnel::{
        Ending, Limits, Opened, Relayed, Stop, Tunnels, Upgrade, Verdict, Watch, relay,
    };
    use weir_testkit::{Authority, TlsPipe};

    use super::*;

    /// Finds nothing remarkable.
    struct Calm;

    impl Watch for Calm {
        fn client_sent(&mut self, _: &[u8]) -> Verdict {
            Verdict::Pass
        }

        fn upstream_sent(&mut self, _: &[u8]) -> Verdict {
            Verdict::Pass
        }

        fn farewell(&self, _: &Stop) -> Vec<u8> {
            Vec::new()
        }
    }

    async fn read_head(stream: &mut TcpStream) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// A provider that agrees, speaks first in the same segment, and then echoes.
    async fn echo_provider() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let head = read_head(&mut stream).await.to_lowercase();
            assert!(head.contains("sec-websocket-key: dghlihnhbxbszsbub25jzq==\r\n"));
            stream
                .write_all(
                    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x05hello",
                )
                .await
                .unwrap();
            let (mut reader, mut writer) = stream.split();
            tokio::io::copy(&mut reader, &mut writer).await.unwrap();
            writer.shutdown().await.unwrap();
        });
        at
    }

    /// Serves one connection as the door does, and tunnels it to `provider`.
    async fn serve(listener: TcpListener, provider: SocketAddr, is_tls: bool) -> Relayed {
        let (stream, _) = listener.accept().await.unwrap();
        let mut session = ServerSession::new_http1(Box::new(RawStream::from(stream)));
        assert!(session.read_request().await.unwrap());
        session.set_pipelining_enabled(true);
        let upgrade = Upgrade::read(session.req_header()).unwrap();

        let mut peer = HttpPeer::new(provider, is_tls, "localhost".to_owned());
        peer.options.verify_cert = false;
        // As providers over TLS are set up for everything else.
        peer.options.set_http_version(2, 1);
        let address = Address::new(peer, Location::Tcp(provider));
        let mut head = RequestHeader::build("GET", b"/v1/realtime?model=m", None).unwrap();
        head.insert_header("Host", "localhost").unwrap();
        upgrade.write(&mut head).unwrap();
        let opened = Tunnels::new()
            .open(&address, head, Duration::from_secs(10))
            .await;
        let Ok(Opened::Upgraded(upgraded)) = opened else {
            panic!("the provider does not agree");
        };
        let agreed = upgraded.reply().unwrap();
        let client = hand_over(session, agreed).await.unwrap();
        let limits = Limits {
            idle: Duration::from_secs(30),
            write: Duration::from_secs(10),
            linger: Duration::from_secs(10),
            total: Duration::from_secs(60),
        };
        relay(client, upgraded.side, &mut Calm, limits, pending()).await
    }

    const ASKED: &[u8] = b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    async fn talk(provider: SocketAddr, is_tls: bool) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, provider, is_tls));
        let mut client = TcpStream::connect(at).await.unwrap();
        // A hasty client sends its first frame with the head.
        let frame = b"\x81\x82\0\0\0\0hi";
        client.write_all(&[ASKED, frame].concat()).await.unwrap();
        let head = read_head(&mut client).await.to_lowercase();
        assert!(head.starts_with("http/1.1 101 switching protocols\r\n"));
        assert!(head.contains("\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"));
        assert!(!head.contains("content-length") && !head.contains("transfer-encoding"));

        let mut got = vec![0; 7 + frame.len()];
        client.read_exact(&mut got).await.unwrap();
        assert_eq!(got, [b"\x81\x05hello".as_slice(), frame].concat());
        let long = vec![b'x'; 1 << 20];
        let (mut reader, mut writer) = client.split();
        let (sent, received) = tokio::join!(
            async {
                writer.write_all(&long).await.unwrap();
                writer.shutdown().await
            },
            async {
                let mut rest = Vec::new();
                reader.read_to_end(&mut rest).await.unwrap();
                rest
            }
        );
        sent.unwrap();
        assert_eq!(received, long);
        let relayed = serving.await.unwrap();
        assert_eq!(relayed.ending, Ending::ClientLeft);
        assert_eq!(relayed.client_bytes, (frame.len() + long.len()) as u64);
        assert_eq!(relayed.upstream_bytes, 7 + relayed.client_bytes);
    }

    #[tokio::test]
    async fn a_client_talks_through_to_a_provider() {
        talk(echo_provider().await, false).await;
    }

    #[tokio::test]
    async fn a_client_talks_through_to_a_provider_over_tls() {
        let authority = Authority::new();
        let provider = echo_provider().await;
        let pipe = TlsPipe::before(provider, &authority.issue(), &["h2", "http/1.1"]);
        talk(pipe.address(), true).await;
        assert_eq!(pipe.negotiated(), ["http/1.1"]);
    }
}
