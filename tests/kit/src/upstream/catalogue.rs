//! Behaviours by model name, so that a test in any language chooses one with the `model` of its request.
//!
//! A name is a behaviour and parameters, `name.key-value.key-value`: `status.code-429.retry-after-ms-50.times-2.tag-a` refuses
//! twice and then answers; a tag makes the name, and with it the count, a test's own. An unknown name answers ordinarily.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::act::{Act, Behaviour, Play, flaky};
use super::chat::{Chat, Cut, Framing, Split, UsageStyle};
use super::payload;
use super::record::Seen;
use super::reply::Reply;

/// A model name taken apart.
struct Name<'a> {
    base: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Name<'a> {
    fn parse(model: &'a str) -> Self {
        let mut parts = model.split('.');
        let base = parts.next().unwrap_or_default();
        Self {
            base,
            parameters: parts.filter_map(|part| part.rsplit_once('-')).collect(),
        }
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.parameters
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| *value)
    }

    fn number(&self, key: &str, otherwise: usize) -> usize {
        self.text(key)
            .and_then(|value| value.parse().ok())
            .unwrap_or(otherwise)
    }

    fn millis(&self, key: &str, otherwise: u64) -> Duration {
        let value = self.text(key).and_then(|value| value.parse().ok());
        Duration::from_millis(value.unwrap_or(otherwise))
    }
}

/// The behaviour a model name stands for. Embeddings are answered as such whatever the model.
pub fn behaviour(model: &str) -> Behaviour {
    let name = Name::parse(model);
    let chosen = broken(&name).unwrap_or_else(|| completion(&name).into());
    let chosen = match name.number("times", usize::MAX) {
        usize::MAX => chosen,
        times => flaky(times, chosen, Chat::new()),
    };
    Behaviour::new(move |seen| answer_by_path(seen, &chosen))
}

fn answer_by_path(seen: &Seen, chosen: &Behaviour) -> Play {
    let play = chosen.play(seen);
    let ordinary = play.completes;
    if ordinary && seen.path.ends_with("/embeddings") {
        return Reply::json(200, &payload::embeddings(&seen.json()))
            .completes()
            .into_play();
    }
    play
}

/// The behaviour for a request that names no model.
pub fn for_path(path: &str) -> Behaviour {
    if path.ends_with("/models") {
        return Reply::json(200, &payload::models()).into();
    }
    Reply::error(
        404,
        "unknown_path",
        "The scripted upstream has no such path.",
    )
    .into()
}

/// Completions that end well for a client, whatever happens on the way, and streams that break.
fn completion(name: &Name<'_>) -> Chat {
    let after = name.number("after", 2);
    let chat = Chat::new()
        .pieces(name.number("chunks", 5))
        .every(name.millis("every", 0))
        .first_byte(name.millis("first", 0));
    match name.base {
        "tools" => chat
            .tool("get_weather", r#"{"city":"Köln"}"#)
            .tool("get_time", r#"{"zone":"Europe/Berlin"}"#),
        "tool-without-arguments" => chat.tool("ping", "{}"),
        "schema" => chat.structured(),
        "slow" => chat
            .pieces(name.number("chunks", 200))
            .every(name.millis("every", 50)),
        "crlf" => chat.framing(Framing::CrLf),
        "nospace" => chat.framing(Framing::NoSpace),
        "comments" => chat.framing(Framing::Comments),
        "chatty" => chat.framing(Framing::Chatty),
        "named" => chat.framing(Framing::Named),
        "bytes" => chat.split(Split::Every(name.number("size", 1))),
        "dribble" => chat.dribble(name.number("size", 1)),
        "big" => chat
            .text(&"x".repeat(name.number("bytes", 2 * 1024 * 1024)))
            .pieces(1),
        "no-done" => chat.cut(Cut::NoDone),
        "no-blank" => chat.cut(Cut::NoFinalBlank),
        "end" => chat.cut(Cut::EndAfter(after)),
        "cut" => chat.cut(Cut::MidEventAfter(after)),
        "reset-mid" => chat.cut(Cut::ResetAfter(after)),
        "hang-mid" => chat.cut(Cut::HangAfter(after)),
        "error-event" => chat.cut(Cut::ErrorAfter(after)),
        "empty-stream" => chat.cut(Cut::Empty),
        "usage-each" => chat.usage(UsageStyle::EachChunk),
        "usage-last" => chat.usage(UsageStyle::LastChunk),
        "usage-none" => chat.usage(UsageStyle::Never),
        "usage-cached" => chat.tokens(1000, 10, 800),
        "cookies" => chat
            .header("set-cookie", "upstream=secret")
            .header("keep-alive", "timeout=5")
            .header("x-ratelimit-remaining-requests", "41")
            .header("openai-processing-ms", "12"),
        "big-headers" => chat.header("x-padding", &"x".repeat(100 * 1024)),
        _ => chat,
    }
}

/// Answers that are no completion at all.
fn broken(name: &Name<'_>) -> Option<Behaviour> {
    let ok = || {
        Reply::json(
            200,
            &json!({"id": "short", "object": "chat.completion", "model": "m", "choices": []}),
        )
    };
    Some(match name.base {
        "status" => status(name).into(),
        "html" => Reply::html(u16::try_from(name.number("code", 502)).unwrap_or(502)).into(),
        "error-200" => {
            let error = json!({"message": "No capacity.", "type": "server_error", "param": null, "code": 503});
            Reply::json(200, &json!({"error": error})).into()
        }
        "hang" => Play::new().act(Act::Hang).into(),
        "close" => Play::new().act(Act::Close).into(),
        "reset" => Play::new().act(Act::Reset).into(),
        "garbage" => Play::new()
            .send("SSH-2.0-OpenSSH_9.2\r\n\r\n")
            .act(Act::Close)
            .into(),
        "length-long" => ok().claiming_length(10_000).into(),
        "length-short" => ok().claiming_length(20).into(),
        "chunk-cut" => ok().chunked_cut().into(),
        "until-close" => Behaviour::new(|seen| {
            let body = json!({"object": "chat.completion", "id": "c", "created": 1, "model": "m", "choices": [{"index": 0,
                "message": {"role": "assistant", "content": payload::TEXT}, "finish_reason": "stop"}],
                "usage": payload::usage(19, 7, 0)});
            let model = seen.json().get("model").cloned().unwrap_or(Value::Null);
            Reply::json(200, &payload::with(body, "model", model))
                .until_close()
                .completes()
                .into_play()
        }),
        "continue" => Behaviour::from(Chat::new()).preceded_by(Act::Send(Bytes::from_static(
            b"HTTP/1.1 100 Continue\r\n\r\n",
        ))),
        "stale" => Behaviour::from(Chat::new()).followed_by(Act::Expire(name.millis("idle", 50))),
        "echo" => Behaviour::new(echo),
        _ => return None,
    })
}

/// A refusal with the headers and the body that the name asks for.
fn status(name: &Name<'_>) -> Reply {
    let code = u16::try_from(name.number("code", 500)).unwrap_or(500);
    let mut reply = match name.text("body") {
        Some("empty") => Reply::new(code, ""),
        Some("html") => Reply::html(code),
        Some("text") => Reply::new(code, "upstream says no").header("content-type", "text/plain"),
        _ => Reply::error(
            code,
            &format!("scripted_{code}"),
            &format!("The scripted upstream answers {code}."),
        ),
    };
    for key in [
        "retry-after",
        "retry-after-ms",
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
    ] {
        if let Some(value) = name.text(key) {
            reply = reply.header(key, value);
        }
    }
    match name.text("x-should-retry") {
        Some(value) => reply.header("x-should-retry", value),
        None => reply,
    }
}

/// An answer whose text is the JSON of the request's headers.
fn echo(seen: &Seen) -> Play {
    let headers: Vec<Value> = seen
        .headers
        .iter()
        .map(|(name, value)| json!([name.to_lowercase(), value]))
        .collect();
    let chat = Chat::new().text(&json!(headers).to_string());
    Behaviour::from(chat).play(seen)
}
