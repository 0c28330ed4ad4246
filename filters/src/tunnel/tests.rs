use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderMap, StatusCode};
use pingora::http::RequestHeader;
use pingora::upstreams::peer::HttpPeer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use weir_wire::realtime::{Named, Purpose, Session};
use weir_wire::usage::Unit;
use weir_wire::websocket::{Message, Messages, Sender, close_frame, text_frame};

use super::*;
use crate::provider::{Address, Location};

const LIMITS: Limits = Limits {
    idle: Duration::from_secs(30),
    write: Duration::from_secs(10),
    linger: Duration::from_secs(10),
    total: Duration::from_secs(60),
};
const SHORT: Duration = Duration::from_millis(20);

/// Lets everything through but one word of the client's.
#[derive(Default)]
struct Ear {
    heard: Vec<u8>,
}

fn stop(code: &'static str) -> Stop {
    Stop {
        status: 1008,
        code,
        message: "no".to_owned(),
    }
}

impl Watch for Ear {
    fn client_sent(&mut self, bytes: &[u8]) -> Verdict {
        match bytes {
            b"forbidden" => Verdict::Stop(stop("forbidden")),
            b"last" => Verdict::PassThenStop(stop("last")),
            _ => Verdict::Pass,
        }
    }

    fn upstream_sent(&mut self, bytes: &[u8]) -> Verdict {
        self.heard.extend_from_slice(bytes);
        Verdict::Pass
    }

    fn farewell(&self, stop: &Stop) -> Vec<u8> {
        close_frame(stop.status, &stop.message)
    }
}

fn side<S>(stream: S, early: &'static [u8]) -> Side<S> {
    Side {
        stream,
        early: Bytes::from_static(early),
    }
}

/// A running tunnel, and the far end of each side.
fn tunnel(
    limits: Limits,
) -> (
    DuplexStream,
    DuplexStream,
    tokio::task::JoinHandle<(Relayed, Vec<u8>)>,
) {
    let (client, client_end) = duplex(1024);
    let (upstream, upstream_end) = duplex(1024);
    let relaying = tokio::spawn(async move {
        let mut ear = Ear::default();
        let (client, upstream) = (side(client_end, b"early "), side(upstream_end, b"first "));
        let relayed = relay(client, upstream, &mut ear, limits, pending()).await;
        (relayed, ear.heard)
    });
    (client, upstream, relaying)
}

async fn read_all(mut from: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut all = Vec::new();
    from.read_to_end(&mut all).await.unwrap();
    all
}

#[tokio::test]
async fn both_directions_pass_with_what_was_read_before() {
    let (mut client, mut upstream, relaying) = tunnel(LIMITS);
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    let mut asked = vec![0; 14];
    upstream.read_exact(&mut asked).await.unwrap();
    assert_eq!(asked, b"early question");
    // A client that has closed its half still listens.
    upstream.write_all(b"answer").await.unwrap();
    upstream.shutdown().await.unwrap();
    assert_eq!(read_all(client).await, b"first answer");
    let (relayed, heard) = relaying.await.unwrap();
    assert_eq!(heard, b"first answer");
    assert_eq!(
        relayed,
        Relayed {
            ending: Ending::ClientLeft,
            client_bytes: 14,
            upstream_bytes: 12
        }
    );
}

/// Whoever relays in one direction at a time waits for ever here: both sides write more than every buffer holds before
/// they read.
#[tokio::test]
async fn both_sides_may_speak_at_length_at_once() {
    let (client, upstream, relaying) = tunnel(LIMITS);
    let speak_then_listen = |mut end: DuplexStream| async move {
        end.write_all(&vec![b'x'; 1 << 20]).await.unwrap();
        end.shutdown().await.unwrap();
        read_all(end).await.len()
    };
    let client = tokio::spawn(async move {
        let (reader, mut writer) = tokio::io::split(client);
        let listening = tokio::spawn(read_all(reader));
        writer.write_all(&vec![b'x'; 1 << 20]).await.unwrap();
        writer.shutdown().await.unwrap();
        listening.await.unwrap().len()
    });
    assert_eq!(speak_then_listen(upstream).await, (1 << 20) + 6);
    assert_eq!(client.await.unwrap(), (1 << 20) + 6);
    let (relayed, _) = relaying.await.unwrap();
    assert_eq!(relayed.client_bytes, relayed.upstream_bytes);
}

#[tokio::test]
async fn a_provider_that_leaves_ends_it() {
    let (client, upstream, relaying) = tunnel(Limits {
        linger: SHORT,
        ..LIMITS
    });
    drop(upstream);
    let (relayed, _) = relaying.await.unwrap();
    assert_eq!(relayed.ending, Ending::UpstreamLeft);
    assert_eq!(read_all(client).await, b"first ");
}

#[tokio::test]
async fn silence_and_time_end_it_with_words() {
    let idle = Limits {
        idle: SHORT,
        ..LIMITS
    };
    let total = Limits {
        total: SHORT,
        ..LIMITS
    };
    for (limits, expected) in [(idle, Ending::Idle), (total, Ending::TimeUp)] {
        let (client, upstream, relaying) = tunnel(limits);
        let (relayed, _) = relaying.await.unwrap();
        assert_eq!(relayed.ending, expected);
        let told = read_all(client).await;
        assert!(told.starts_with(b"first \x88") && told[8..10] == 1001_u16.to_be_bytes());
        drop(upstream);
    }
}

#[tokio::test]
async fn who_takes_nothing_ends_it() {
    let (client, mut upstream, relaying) = tunnel(Limits {
        write: SHORT,
        linger: SHORT,
        ..LIMITS
    });
    // More than the buffers between hold, so the write on the client's side waits.
    let write = upstream.write_all(&[b'x'; 40_000]).await;
    let (relayed, _) = relaying.await.unwrap();
    assert_eq!(relayed.ending, Ending::ClientLeft);
    // The client got a piece, and no words into the middle of it.
    let got = read_all(client).await;
    assert!(got.len() < 40_000 && got[6..].iter().all(|byte| *byte == b'x'));
    drop(write);
}

#[tokio::test]
async fn what_is_stopped_goes_no_further() {
    for (word, passes) in [(b"forbidden".as_slice(), false), (b"last", true)] {
        let (mut client, upstream, relaying) = tunnel(LIMITS);
        let mut first = [0; 6];
        client.read_exact(&mut first).await.unwrap();
        client.write_all(word).await.unwrap();
        let (relayed, _) = relaying.await.unwrap();
        assert!(matches!(relayed.ending, Ending::Stopped(_)));
        assert_eq!(read_all(client).await, close_frame(1008, "no"));
        let expected = if passes {
            b"early last".as_slice()
        } else {
            b"early "
        };
        assert_eq!(read_all(upstream).await, expected);
    }
}

#[tokio::test]
async fn it_can_be_stopped_from_outside() {
    let (client, client_end) = duplex(1024);
    let (_upstream, upstream_end) = duplex(1024);
    let (say_stop, told) = tokio::sync::oneshot::channel::<()>();
    let relaying = tokio::spawn(async move {
        let told = async {
            let _ = told.await;
            stop("revoked")
        };
        let mut ear = Ear::default();
        relay(
            side(client_end, b""),
            side(upstream_end, b""),
            &mut ear,
            LIMITS,
            told,
        )
        .await
    });
    say_stop.send(()).unwrap();
    assert_eq!(
        relaying.await.unwrap().ending,
        Ending::Stopped(stop("revoked"))
    );
    assert_eq!(read_all(client).await, close_frame(1008, "no"));
}

fn upgrade_request() -> RequestHeader {
    let mut head = RequestHeader::build("GET", b"/v1/realtime?model=gpt-realtime", None).unwrap();
    for (name, value) in [
        ("Host", "gateway"),
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "WebSocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        (
            "Sec-WebSocket-Protocol",
            "realtime, openai-insecure-api-key.sk-weir-1, openai-beta.realtime-v1",
        ),
        (
            "Sec-WebSocket-Extensions",
            "permessage-deflate; client_max_window_bits",
        ),
    ] {
        head.append_header(name, value).unwrap();
    }
    head
}

#[test]
fn the_handshake_goes_on_without_the_key_and_extensions() {
    let upgrade = Upgrade::read(&upgrade_request()).unwrap();
    let mut head = RequestHeader::build("GET", b"/v1/realtime?model=gpt-realtime", None).unwrap();
    upgrade.write(&mut head).unwrap();
    let value = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(value("connection"), Some("Upgrade"));
    assert_eq!(value("upgrade"), Some("websocket"));
    assert_eq!(value("sec-websocket-version"), Some("13"));
    assert_eq!(value("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_eq!(
        value("sec-websocket-protocol"),
        Some("realtime, openai-beta.realtime-v1")
    );
    assert_eq!(value("sec-websocket-extensions"), None);
    assert_eq!(
        credential_in_protocols(&upgrade_request().headers),
        Some("sk-weir-1")
    );
    assert_eq!(credential_in_protocols(&HeaderMap::new()), None);
}

#[test]
fn what_is_no_handshake_is_told_so() {
    type Change = fn(&mut RequestHeader);
    let refused = |change: Change| {
        let mut head = upgrade_request();
        change(&mut head);
        Upgrade::read(&head).unwrap_err()
    };
    let cases: [(NotAnUpgrade, u16, Change); 9] = [
        (NotAnUpgrade::Body, 400, |head| {
            head.insert_header("content-length", "5").unwrap();
        }),
        (NotAnUpgrade::Body, 400, |head| {
            head.insert_header("transfer-encoding", "chunked").unwrap();
        }),
        (NotAnUpgrade::NotAsked, 426, |head| {
            head.remove_header(&UPGRADE);
        }),
        (NotAnUpgrade::NotAsked, 426, |head| {
            head.insert_header(CONNECTION, "close").unwrap();
        }),
        (NotAnUpgrade::NotAsked, 426, |head| {
            head.set_method(http::Method::POST);
        }),
        (NotAnUpgrade::NotAsked, 426, |head| {
            head.set_version(http::Version::HTTP_2);
        }),
        (NotAnUpgrade::Version, 426, |head| {
            head.insert_header("sec-websocket-version", "8").unwrap();
        }),
        (NotAnUpgrade::Key, 400, |head| {
            head.insert_header(SEC_WEBSOCKET_KEY, "short").unwrap();
        }),
        (NotAnUpgrade::Key, 400, |head| {
            head.append_header(SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==")
                .unwrap();
        }),
    ];
    for (expected, status, change) in cases {
        let error = refused(change);
        assert_eq!((error, error.status()), (expected, status));
    }
    let mut head = upgrade_request();
    head.remove_header(&SEC_WEBSOCKET_PROTOCOL);
    head.insert_header(SEC_WEBSOCKET_PROTOCOL, "openai-insecure-api-key.sk-1")
        .unwrap();
    let mut written = RequestHeader::build("GET", b"/", None).unwrap();
    Upgrade::read(&head).unwrap().write(&mut written).unwrap();
    assert!(!written.headers.contains_key(SEC_WEBSOCKET_PROTOCOL));
}

/// A provider for one connection: reads the handshake's head, says `answer`, and leaves the rest to `then`.
async fn provider<F, T>(answer: Vec<u8>, then: F) -> Arc<Address>
where
    F: FnOnce(String, TcpStream) -> T + Send + 'static,
    T: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(&answer).await.unwrap();
        then(String::from_utf8(head).unwrap(), stream).await;
    });
    let peer = HttpPeer::new(at, false, String::new());
    Arc::new(Address::new(peer, Location::Tcp(at)))
}

const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: realtime\r\nSet-Cookie: a=b\r\n\r\n";

async fn open(address: &Address, patience: Duration) -> Result<Opened, OpenError> {
    let mut head = RequestHeader::build("GET", b"/v1/realtime?model=gpt-realtime", None).unwrap();
    head.insert_header("Host", "provider").unwrap();
    head.insert_header("Authorization", "Bearer sk-provider")
        .unwrap();
    Upgrade::read(&upgrade_request())
        .unwrap()
        .write(&mut head)
        .unwrap();
    Tunnels::new().open(address, head, patience).await
}

/// Allows one model, and money for so many responses.
struct Allowance {
    model: &'static str,
    responses: u64,
}

impl Rules for Allowance {
    fn allow(&mut self, named: &Named) -> Result<(), Stop> {
        if named.purpose == Purpose::Session && named.model != self.model {
            return Err(stop("model_not_allowed"));
        }
        Ok(())
    }

    fn settle(&mut self, session: &Session) -> Result<(), Stop> {
        if session.responses >= self.responses {
            return Err(stop("budget_exceeded"));
        }
        Ok(())
    }
}

fn response_done() -> Vec<u8> {
    text_frame(
        br#"{"type":"response.done","response":{"id":"resp_1","usage":{"input_tokens":10,"output_tokens":5,
        "output_token_details":{"text_tokens":1,"audio_tokens":4}}}}"#,
    )
}

/// A client's text frame.
fn masked(text: &str) -> Vec<u8> {
    let mut frame = text_frame(text.as_bytes());
    let head = frame.len() - text.len();
    frame[1] |= 0x80;
    for (index, byte) in frame.iter_mut().skip(head).enumerate() {
        *byte ^= [1, 2, 3, 4][index % 4];
    }
    frame.splice(head..head, [1, 2, 3, 4]);
    frame
}

/// What the client of a session got: its events, and the status it was closed with.
async fn hear(from: impl AsyncRead + Unpin) -> (Vec<String>, Option<u16>) {
    let bytes = read_all(from).await;
    let (mut events, mut status) = (Vec::new(), None);
    Messages::new(Sender::Server)
        .feed(&bytes, |message| match message {
            Message::Data(text) => {
                events.push(String::from_utf8(text.unwrap().to_vec()).unwrap());
            }
            Message::Close(told) => status = told,
            Message::Alive => {}
        })
        .unwrap();
    (events, status)
}

#[tokio::test]
async fn a_session_is_relayed_and_metered_over_sockets() {
    let created = text_frame(
        br#"{"type":"session.created","session":{"id":"sess_1","model":"gpt-realtime"}}"#,
    );
    // The first event comes in the same segment as the head.
    let answer = [AGREED.as_bytes(), &created].concat();
    let address = provider(answer, |head, mut stream| async move {
        assert!(head.starts_with("GET /v1/realtime?model=gpt-realtime HTTP/1.1\r\n"));
        assert!(head.contains("Authorization: Bearer sk-provider\r\n"));
        assert!(!head.contains("sk-weir") && !head.to_lowercase().contains("extensions"));
        let mut asked = vec![0; masked("{\"type\":\"response.create\"}").len()];
        stream.read_exact(&mut asked).await.unwrap();
        assert_eq!(asked, masked("{\"type\":\"response.create\"}"));
        stream.write_all(&response_done()).await.unwrap();
        stream.write_all(&close_frame(1000, "bye")).await.unwrap();
    })
    .await;
    let Opened::Upgraded(upgraded) = open(&address, Duration::from_secs(10)).await.unwrap() else {
        panic!("refused");
    };
    let reply = upgraded.reply().unwrap();
    assert_eq!(reply.status, StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(reply.headers.len(), 4);
    assert_eq!(
        reply.headers["sec-websocket-accept"],
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );

    let (mut client, client_end) = duplex(64 * 1024);
    let mut watch = RealtimeWatch::new(Allowance {
        model: "gpt-realtime",
        responses: 9,
    });
    client
        .write_all(&masked("{\"type\":\"response.create\"}"))
        .await
        .unwrap();
    let limits = Limits {
        linger: SHORT,
        ..LIMITS
    };
    let relayed = relay(
        side(client_end, b""),
        upgraded.side,
        &mut watch,
        limits,
        pending(),
    )
    .await;
    assert_eq!(relayed.ending, Ending::UpstreamLeft);
    let (events, status) = hear(client).await;
    assert_eq!((events.len(), status), (2, Some(1000)));
    let session = watch.session();
    assert_eq!(session.model.as_deref(), Some("gpt-realtime"));
    assert_eq!(session.usage.get(Unit::AudioOutput), 4);
    assert!(!watch.is_estimated());
}

/// A session whose provider has said `first`; returns its ending, what reached the provider, and what the client heard.
async fn session(
    responses: u64,
    first: Vec<u8>,
    said: &[u8],
) -> (Ending, Vec<u8>, (Vec<String>, Option<u16>)) {
    let (mut client, client_end) = duplex(64 * 1024);
    let (mut upstream, upstream_end) = duplex(64 * 1024);
    upstream.write_all(&first).await.unwrap();
    let mut watch = RealtimeWatch::new(Allowance {
        model: "gpt-realtime",
        responses,
    });
    client.write_all(said).await.unwrap();
    let (client_side, upstream_side) = (side(client_end, b""), side(upstream_end, b""));
    let relayed = relay(client_side, upstream_side, &mut watch, LIMITS, pending()).await;
    (relayed.ending, read_all(upstream).await, hear(client).await)
}

#[tokio::test]
async fn a_model_that_may_not_be_used_never_reaches_the_provider() {
    let named = masked(r#"{"type":"session.update","session":{"model":"gpt-realtime-pro"}}"#);
    let (ending, sent, (events, status)) = session(9, Vec::new(), &named).await;
    assert_eq!(ending, Ending::Stopped(stop("model_not_allowed")));
    assert!(sent.is_empty());
    assert_eq!(status, Some(1008));
    assert_eq!(events.len(), 1);
    assert!(events[0].contains(r#""code":"model_not_allowed""#));
}

#[tokio::test]
async fn what_is_no_event_never_reaches_the_provider() {
    let (ending, sent, (_, status)) = session(9, Vec::new(), &masked("{\"session\"")).await;
    assert!(matches!(ending, Ending::Stopped(stop) if stop.code == "invalid_event"));
    assert!(sent.is_empty());
    assert_eq!(status, Some(1007));
}

#[tokio::test]
async fn a_session_without_money_ends_after_the_response() {
    let (ending, _, (events, status)) = session(1, response_done(), b"").await;
    assert_eq!(ending, Ending::Stopped(stop("budget_exceeded")));
    assert_eq!(status, Some(1008));
    assert!(events[0].contains("response.done") && events[1].contains("budget_exceeded"));
}

#[tokio::test]
async fn what_is_no_websocket_is_cut() {
    let (ending, sent, (_, status)) = session(9, Vec::new(), b"GET / HTTP/1.1\r\n\r\n").await;
    assert!(matches!(ending, Ending::Stopped(stop) if stop.status == 1002));
    assert!(sent.is_empty());
    assert_eq!(status, Some(1002));
}

#[tokio::test]
async fn a_refusal_is_told_with_its_body() {
    let answer = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\n\
        Content-Length: 14\r\n\r\n{\"error\":\"no\"}";
    let address = provider(answer.to_vec(), |_, stream| async move {
        read_all(stream).await;
    })
    .await;
    let Opened::Refused(refused) = open(&address, Duration::from_secs(10)).await.unwrap() else {
        panic!("upgraded");
    };
    assert_eq!(refused.head.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.body, "{\"error\":\"no\"}".as_bytes());
}

#[tokio::test]
async fn an_odd_answer_is_no_tunnel() {
    let cases = [
        AGREED.replace("Upgrade: websocket", "Upgrade: h2c"),
        AGREED.replace(
            "Set-Cookie: a=b",
            "Sec-WebSocket-Extensions: permessage-deflate",
        ),
        "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned(),
        String::new(),
    ];
    for answer in cases {
        let address = provider(answer.into_bytes(), |_, stream| async move { drop(stream) }).await;
        let opened = open(&address, Duration::from_secs(10)).await;
        assert!(matches!(opened, Err(OpenError::Broken(_))));
    }
    let address = provider(Vec::new(), |_, stream| async move {
        read_all(stream).await;
    })
    .await;
    let opened = open(&address, SHORT).await;
    assert!(matches!(opened, Err(OpenError::TimedOut)));
}
