//! Unix sockets on both sides: clients come in by one, and a provider is reached by one.
#![cfg(unix)]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use weir_testkit::upstream::{TEXT, UpstreamOptions};
use weir_testkit::{Gateway, Upstream, chat_body};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

#[test]
fn a_provider_is_reached_by_its_socket() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let socket = home.path().join("provider.sock");
    let upstream = Upstream::start_with(UpstreamOptions {
        unix_socket: Some(socket.clone()),
        ..UpstreamOptions::default()
    });
    let gateway = Gateway::builder(WEIR)
        .provider_at("up", "http://provider.invalid/v1")
        .provider_setting("up", &format!("unix_socket: {}", socket.display()))
        .start();
    assert_eq!(gateway.client().chat(&chat_body("up/ok")).content(), TEXT);
    assert_eq!(
        upstream.last_request().header("host"),
        Some("provider.invalid")
    );
}

#[test]
fn clients_are_served_by_our_socket() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let socket = home.path().join("weir.sock");
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("server", &format!("unix_socket: {}", socket.display()))
        .start();
    let client = gateway.client();
    let body = chat_body("up/ok").to_string();
    let mut stream = UnixStream::connect(&socket).expect("the socket is there");
    stream
        .write_all(&client.request(
            "/v1/chat/completions",
            &[("connection", "close")],
            body.as_bytes(),
        ))
        .expect("the request is taken");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the answer ends with the connection");
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains(TEXT),
        "{answer}"
    );
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(&socket)
        .expect("the socket is a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o007, 0, "others may not connect: {mode:o}");
}
