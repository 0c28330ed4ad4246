//! Weir's black-box test kit.
//!
//! Three parts, each usable alone: a scripted [`Upstream`] that can misbehave byte by byte, a [`Gateway`] that runs the real
//! binary in a directory of its own, and a raw [`Client`] that shows a test what was on the wire. A [`TlsPipe`] puts TLS
//! between any two of them, an [`H2Front`] has an upstream speak HTTP/2. Nothing here shares code with
//! the gateway: what it proves, it proves from outside.
#![expect(
    clippy::expect_used,
    reason = "a test kit that cannot do its work must stop the test, loudly and at the spot"
)]

mod background;
pub mod client;
pub mod form;
pub mod gateway;
mod h2_front;
pub mod h2c;
pub mod sdk;
mod tls;
pub mod upstream;

pub use client::{Client, Conn, Event, Events, Response, Transcript};
pub use gateway::{ADMIN_TOKEN, CliOutput, Gateway, GatewayBuilder, Token, provider_formats};
pub use h2_front::H2Front;
pub use tls::{Authority, Identity, TlsPipe};
pub use upstream::{Act, Behaviour, Chat, Outcome, Play, Reply, Seen, Upstream, flaky};

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long a test waits for something that must happen; generous because test machines are slow, never a measure of speed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks `ready` again and again until it gives an answer, for at most `limit`.
#[expect(
    clippy::disallowed_methods,
    reason = "another process's state can only be asked for, again and again"
)]
pub fn wait_until<T>(limit: Duration, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ready() {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A chat completion's body with a short prompt.
pub fn chat_body(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
}

/// The same, streamed.
pub fn stream_body(model: &str) -> Value {
    let mut body = chat_body(model);
    body["stream"] = json!(true);
    body
}

/// The same, streamed with usage.
pub fn stream_body_with_usage(model: &str) -> Value {
    let mut body = stream_body(model);
    body["stream_options"] = json!({"include_usage": true});
    body
}
