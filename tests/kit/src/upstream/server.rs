//! The accept loop and the life of one connection.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use serde_json::Value;
use tokio::net::{TcpListener, UnixListener};

use super::act::{Behaviour, Play};
use super::catalogue;
use super::formats;
use super::record::{Outcome, Seen, Shared};
use super::reply::Reply;
use super::wire::{Connection, Head, Stopped};

/// Requests with larger bodies are looked at beside the event loop.
const INLINE_BYTES: usize = 256 * 1024;

/// Binds, tells the address, and serves until it is dropped.
pub(super) async fn run(
    shared: Arc<Shared>,
    listen: SocketAddr,
    unix_socket: Option<PathBuf>,
    bound: SyncSender<SocketAddr>,
) {
    let tcp = TcpListener::bind(listen)
        .await
        .expect("the upstream's port binds");
    let unix =
        unix_socket.map(|path| UnixListener::bind(path).expect("the upstream's unix socket binds"));
    let address = tcp.local_addr().expect("a bound listener has an address");
    bound.send(address).expect("the test waits for the address");
    loop {
        let accepted = tokio::select! {
            accepted = tcp.accept() => accepted.ok().and_then(|(stream, _)| {
                // Every write must leave as a segment of its own.
                stream.set_nodelay(true).ok()?;
                let socket = socket2::SockRef::from(&stream).try_clone().ok()?;
                Some(Connection::new(Box::new(stream), socket))
            }),
            accepted = accept_unix(unix.as_ref()) => accepted,
        };
        if let Some(connection) = accepted {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                let number = shared.opened();
                serve(&shared, connection, number).await;
                shared.closed();
            });
        }
    }
}

async fn accept_unix(listener: Option<&UnixListener>) -> Option<Connection> {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    let (stream, _) = listener.accept().await.ok()?;
    let socket = socket2::SockRef::from(&stream).try_clone().ok()?;
    Some(Connection::new(Box::new(stream), socket))
}

async fn serve(shared: &Shared, mut connection: Connection, number: usize) {
    // A request that cannot be read ends its connection, as it does at a real provider.
    while let Ok(Some(head)) = connection.read_head().await {
        if head.path.starts_with("/_") {
            let play = inspect(shared, &head.path);
            if !matches!(connection.perform(&play).await, Stopped::AtEnd) {
                return;
            }
            continue;
        }
        let queued = shared.take_queued();
        let early = queued
            .as_ref()
            .is_some_and(|behaviour| behaviour.before_body);
        let body = if early {
            Ok(Vec::new())
        } else {
            connection.read_body(&head).await
        };
        let Ok(body) = body else { return };
        let (ticket, seen) = shared.record(seen(head, body, number));
        let behaviour = queued.unwrap_or_else(|| choose(shared, &seen));
        let play = written(behaviour, &seen).await;
        let stopped = connection.perform(&play).await;
        let outcome = match stopped {
            Stopped::AtEnd | Stopped::Closed => Outcome::Played,
            Stopped::ClientGone => Outcome::ClientGone(seen.at.elapsed()),
        };
        let keep = matches!(stopped, Stopped::AtEnd) && !early;
        if !keep {
            // The socket goes first, so that a test that sees the end of the play finds the connection closed.
            drop(connection);
            shared.end(
                ticket,
                outcome,
                play.completes && outcome == Outcome::Played,
            );
            return;
        }
        shared.end(ticket, outcome, play.completes);
    }
}

/// The play for a request. Behaviours parse bodies, and a large one must not hold every other connection up.
async fn written(behaviour: Behaviour, seen: &Seen) -> Play {
    if seen.body.len() <= INLINE_BYTES {
        return behaviour.play(seen);
    }
    let seen = seen.clone();
    tokio::task::spawn_blocking(move || behaviour.play(&seen))
        .await
        .expect("a behaviour does not panic")
}

fn seen(head: Head, body: Vec<u8>, connection: usize) -> Seen {
    Seen {
        seq: 0,
        connection,
        head: head.raw,
        method: head.method,
        path: head.path,
        headers: head.headers,
        body: body.into(),
        at: Instant::now(),
        outcome: Outcome::Going,
    }
}

fn choose(shared: &Shared, seen: &Seen) -> Behaviour {
    match seen.model() {
        Some(model) if seen.method == "POST" => shared.for_model(model, || {
            formats::behaviour(model).unwrap_or_else(|| catalogue::behaviour(model))
        }),
        _ => catalogue::for_path(&seen.path),
    }
}

/// The upstream's own pages: `/_ledger` and `/_requests` for tests in other languages, `/_forget` to start afresh.
fn inspect(shared: &Shared, path: &str) -> Play {
    let answer = match path {
        "/_ledger" => shared.ledger_json(),
        "/_requests" => shared.seen_json(),
        "/_forget" => {
            shared.forget();
            Value::Bool(true)
        }
        _ => {
            return Reply::error(
                404,
                "unknown_page",
                "There are /_ledger, /_requests and /_forget.",
            )
            .into_play();
        }
    };
    Reply::json(200, &answer).into_play()
}
