//! Answering one request by its route.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use weir_filters::answer::JSON;
use weir_filters::ask::{Endpoint, Inbound, Pass};
use weir_filters::gateway::Gateway;
use weir_filters::identify::{Credential, without_credentials};
use weir_filters::realtime::Handshake;
use weir_filters::refusal::Refusal;
use weir_filters::session::Session;
use weir_filters::sink::{ReplyHead, Sink};
use weir_filters::told::{Side, Told};
use weir_filters::tunnel::NotAnUpgrade;

use super::app::{After, App};
use super::client::SessionClient;
use super::route::{Call, Route, dialect, route};
use super::{models, ops, reply};
use crate::api;

/// What the root says.
const ROOT: &str = concat!(
    r#"{"name":"weir","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","api":"/v1"}"#
);

/// How a request was answered.
pub enum Answered {
    /// As HTTP answers; what becomes of its connection.
    Http(After),
    /// Not yet: a provider has agreed to a WebSocket, which needs the connection whole.
    Agreed(Box<Session>),
}

/// Answers one request.
pub async fn answer(app: &App, client: &mut SessionClient<'_>) -> Answered {
    let head = client.session.req_header();
    let path = head.uri.path();
    let mut route = route(app, &head.method, path);
    if let Route::Call(Call {
        in_url: Some(in_url),
        ..
    }) = &mut route
    {
        in_url.is_array = in_url.stream && !asks_for_events(head.uri.query());
        client.is_array = in_url.is_array;
    }
    // Java's own client offers h2c with every request, and is answered as if it had not.
    let asks_for_socket = |it: &HeaderValue| it.as_bytes().eq_ignore_ascii_case(b"websocket");
    let upgrade = head.headers.get(http::header::UPGRADE);
    if path == "/v1/responses" && upgrade.is_some_and(asks_for_socket) {
        route = Route::NoUpgrade;
    }
    client.dialect = match &route {
        Route::Call(call) => call.endpoint.dialect(),
        Route::Models | Route::Model(_) => models::shape(path, &head.headers),
        _ => dialect(path),
    };
    match route {
        Route::Call(asked) => call(app, client, asked).await,
        Route::Realtime(provider) => {
            if let Some(session) = realtime(app, client, provider).await {
                return Answered::Agreed(session);
            }
        }
        Route::NoUpgrade => no_socket(client).await,
        Route::Models => models::list(app, client).await,
        Route::Model(id) => models::one(app, client, &id).await,
        Route::Api(page) => api::answer(app, client, page).await,
        Route::Ops(page) => ops::answer(app, client, page).await,
        Route::Root => whole(client, 200, Bytes::from_static(ROOT.as_bytes())).await,
        Route::WrongMethod(allowed) => wrong_method(client, allowed).await,
        Route::NotServed(code, why) => not_found(client, code, why.to_owned()).await,
        Route::Unknown => unknown(client).await,
    }
    Answered::Http(client.after().await)
}

/// Whether Google's query for the form of an answer (<https://cloud.google.com/apis/docs/system-parameters>) asks for
/// server-sent events.
fn asks_for_events(query: Option<&str>) -> bool {
    let mut pairs = query.unwrap_or_default().split('&');
    pairs.any(|pair| matches!(pair, "alt=sse" | "$alt=sse" | "%24alt=sse"))
}

/// What is passed on of a request, its query included, but for credentials.
fn pass(client: &SessionClient<'_>, mut path: String) -> Pass {
    let head = client.session.req_header();
    if let Some(query) = head.uri.query() {
        let kept = without_credentials(query);
        if kept.len() == query.len() || !kept.is_empty() {
            path.push('?');
            path.push_str(&kept);
        }
    }
    let content_type = head.headers.get(http::header::CONTENT_TYPE);
    Pass {
        method: head.method.clone(),
        path,
        content_type: content_type.cloned().unwrap_or(JSON),
    }
}

async fn call(app: &App, client: &mut SessionClient<'_>, call: Call) {
    let gateway = &app.gateway;
    let headers = &client.session.req_header().headers;
    let credential = Credential::of(headers);
    let (call_id, started_at_us) = (client.request_id, client.started_at_us);
    let endpoint = call.endpoint;
    let pass = call.pass.map(|path| pass(client, path));
    let inbound = match Inbound::new(call_id, started_at_us, endpoint, call.in_url, headers) {
        Ok(mut inbound) => {
            if let Some(pass) = &pass {
                pass.forward(headers, &mut inbound.forwarded);
            }
            Inbound {
                provider: call.provider.map(Arc::from),
                pass,
                ..inbound
            }
        }
        Err(why) => return client.refuse(&Refusal::DropParams(why)).await,
    };
    carry(gateway, client, inbound, credential.as_ref()).await;
}

/// Sends a request its way; what comes back is a session that waits for its connection.
async fn carry(
    gateway: &Gateway,
    client: &mut SessionClient<'_>,
    inbound: Inbound,
    credential: Option<&Credential>,
) -> Option<Box<Session>> {
    // Boxed: the future of the whole way is large, and an idle connection need not carry it.
    match Box::pin(gateway.carry(inbound, credential, client)).await {
        Ok(session) => session,
        Err(refusal) => {
            client.refuse(&refusal).await;
            None
        }
    }
}

/// A handshake: refused, answered with the provider's own refusal, or agreed to.
async fn realtime(
    app: &App,
    client: &mut SessionClient<'_>,
    provider: Option<String>,
) -> Option<Box<Session>> {
    let head = client.session.req_header();
    let handshake = match Handshake::read(head) {
        Ok(handshake) => handshake,
        Err(why) => {
            no_upgrade(client, why).await;
            return None;
        }
    };
    let headers = &head.headers;
    let credential = Credential::of_handshake(headers);
    let (call_id, started_at_us) = (client.request_id, client.started_at_us);
    let inbound = match Inbound::new(call_id, started_at_us, Endpoint::Realtime, None, headers) {
        Ok(inbound) => Inbound {
            provider: provider.map(Arc::from),
            handshake: Some(handshake),
            ..inbound
        },
        Err(why) => {
            client.refuse(&Refusal::DropParams(why)).await;
            return None;
        }
    };
    carry(&app.gateway, client, inbound, credential.as_ref()).await
}

/// Tells a client why its request cannot become a WebSocket, and what would.
async fn no_upgrade(client: &mut SessionClient<'_>, why: NotAnUpgrade) {
    let body = reply::error(&why.to_string(), Some("upgrade_required"));
    let mut headers = Vec::new();
    if why.status() == 426 {
        let version = http::header::SEC_WEBSOCKET_VERSION;
        headers.push((version, HeaderValue::from_static("13")));
        // HTTP/2 knows no such header (RFC 9113, section 8.2.2).
        if !client.session.is_http2() {
            let websocket = HeaderValue::from_static("websocket");
            headers.push((http::header::UPGRADE, websocket));
        }
    }
    client.answer_early(why.status(), headers, body).await;
}

/// Codex asks for a WebSocket first, and only this status makes it go on over HTTP at once.
async fn no_socket(client: &mut SessionClient<'_>) {
    let message = "this URL has no WebSocket: send a POST request";
    let body = reply::error(message, Some("upgrade_not_supported"));
    client.answer_early(426, Vec::new(), body).await;
}

async fn wrong_method(client: &mut SessionClient<'_>, allowed: &'static str) {
    let message = format!("this URL is for {allowed} requests");
    let body = reply::error(&message, Some("method_not_allowed"));
    let headers = vec![(http::header::ALLOW, HeaderValue::from_static(allowed))];
    client.answer_early(405, headers, body).await;
}

async fn unknown(client: &mut SessionClient<'_>) {
    let head = client.session.req_header();
    let path: String = head.uri.path().chars().take(200).collect();
    let message = format!("Unknown request URL: {} {path}", head.method);
    not_found(client, "unknown_url", message).await;
}

async fn not_found(client: &mut SessionClient<'_>, code: &str, message: String) {
    let told = Told {
        status: 404,
        kind: "invalid_request_error".into(),
        code: Some(code.to_owned()),
        param: None,
        message,
        retry_after: None,
        rate: None,
        side: Side::Caller,
    };
    client.tell(&told).await;
}

/// A whole JSON answer; a client that left meanwhile is no trouble.
pub async fn whole(client: &mut SessionClient<'_>, status: u16, body: Bytes) {
    let head = ReplyHead {
        status,
        content_type: JSON,
        headers: Vec::new(),
    };
    let _ = client.reply(head, body).await;
}

/// A refusal of a request that is no call.
pub async fn refuse(client: &mut SessionClient<'_>, refusal: Refusal) {
    client.refuse(&refusal).await;
}
