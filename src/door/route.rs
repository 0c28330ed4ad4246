//! Which path is answered by what.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method};
use weir_filters::answer::JSON;
use weir_filters::ask::{Endpoint, InUrl, Inbound, Pass};
use weir_filters::gateway::Gateway;
use weir_filters::identify::Credential;
use weir_filters::realtime::Handshake;
use weir_filters::refusal::Refusal;
use weir_filters::session::Session;
use weir_filters::sink::{ReplyHead, Sink};
use weir_filters::told::{Side, Told};
use weir_filters::tunnel::NotAnUpgrade;
use weir_wire::format::Format;
use weir_wire::url;

use super::app::{After, App, Entrance};
use super::client::SessionClient;
use super::{models, ops, reply};

enum Route {
    Call(Endpoint),
    CallInUrl(Endpoint, InUrl),
    /// A call that only the provider of this name may serve.
    CallAt(String, Endpoint, Option<InUrl>),
    /// Passed on as it is: to the provider of this name if there is one, the path below its base.
    Pass(Option<String>, String),
    /// Becomes a WebSocket, to the provider of this name if there is one.
    Realtime(Option<String>),
    /// A WebSocket is asked for where there is none.
    NoUpgrade,
    Models,
    Model(String),
    Ops(ops::Page),
    Root,
    WrongMethod(&'static str),
    Unknown,
}

fn route(app: &App, method: &Method, path: &str) -> Route {
    let is_post = method == Method::POST;
    let is_get = method == Method::GET || method == Method::HEAD;
    let call = |endpoint| {
        if is_post {
            Route::Call(endpoint)
        } else {
            Route::WrongMethod("POST")
        }
    };
    if let Some(page) = ops::page(path)
        && is_get
        && (app.entrance == Entrance::Ops || app.gateway.routes().settings.server.ops_on_main)
    {
        return Route::Ops(page);
    }
    if app.entrance == Entrance::Ops {
        return Route::Unknown;
    }
    match path {
        "/v1/chat/completions" => call(Endpoint::Chat),
        "/v1/completions" => call(Endpoint::Completions),
        "/v1/embeddings" => call(Endpoint::Embeddings),
        "/v1/rerank" | "/rerank" | "/v2/rerank" => call(Endpoint::Rerank),
        "/v1/moderations" => call(Endpoint::Moderations),
        "/v1/images/generations" => call(Endpoint::ImageGenerations),
        "/v1/images/edits" => call(Endpoint::ImageEdits),
        "/v1/images/variations" => call(Endpoint::ImageVariations),
        "/v1/audio/transcriptions" => call(Endpoint::Transcriptions),
        "/v1/audio/translations" => call(Endpoint::Translations),
        "/v1/audio/speech" => call(Endpoint::Speech),
        "/v1/responses" => call(Endpoint::Responses),
        "/v1/messages" => call(Endpoint::Messages),
        "/v1/messages/count_tokens" => call(Endpoint::CountTokens),
        "/v1/realtime" if method == Method::GET => Route::Realtime(None),
        "/v1/realtime" => Route::WrongMethod("GET"),
        "/v1/models" | "/v1/models/" if is_get => Route::Models,
        "/v1/models" | "/v1/models/" => Route::WrongMethod("GET, HEAD"),
        "/" if is_get => Route::Root,
        _ => match (gemini_call(path), path.strip_prefix("/v1/models/")) {
            (Some((endpoint, in_url)), _) if is_post => Route::CallInUrl(endpoint, in_url),
            (Some(_), _) => Route::WrongMethod("POST"),
            (None, Some(id)) if is_get => Route::Model(url::decode(id)),
            (None, Some(_)) => Route::WrongMethod("GET, HEAD"),
            (None, None) if passes(path) => Route::Pass(None, path.to_owned()),
            (None, None) => native(method, path),
        },
    }
}

/// OpenAI's routes that are passed on: what they keep and do is the provider's affair
/// (https://platform.openai.com/docs/api-reference).
const PASSED: [&str; 10] = [
    "/v1/files",
    "/v1/uploads",
    "/v1/batches",
    "/v1/vector_stores",
    "/v1/fine_tuning",
    "/v1/assistants",
    "/v1/threads",
    "/v1/containers",
    "/v1/evals",
    "/v1/videos",
];

fn passes(path: &str) -> bool {
    PASSED.iter().any(|route| {
        let rest = path.strip_prefix(route);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// `/providers/{name}/…`: what is known is carried like any call, the rest is passed on. Only plain paths are: a segment of
/// dots could leave the provider's base.
fn native(method: &Method, path: &str) -> Route {
    let named = path.strip_prefix("/providers/");
    let Some((name, _)) = named.and_then(|rest| rest.split_once('/')) else {
        return Route::Unknown;
    };
    let rest = path
        .get("/providers/".len() + name.len()..)
        .unwrap_or_default();
    let decoded = url::decode(rest);
    if name.is_empty() || decoded.split('/').any(|it| it == "." || it == "..") {
        return Route::Unknown;
    }
    if let Some((endpoint, in_url)) = gemini_call(rest)
        && method == Method::POST
    {
        return Route::CallAt(name.to_owned(), endpoint, Some(in_url));
    }
    if method == Method::GET && rest.ends_with("/realtime") {
        return Route::Realtime(Some(name.to_owned()));
    }
    let known = KNOWN.iter().find(|(tail, _)| rest.ends_with(tail));
    match known {
        Some((_, endpoint)) if method == Method::POST => {
            Route::CallAt(name.to_owned(), *endpoint, None)
        }
        _ => Route::Pass(Some(name.to_owned()), rest.to_owned()),
    }
}

/// The ends of native paths whose formats are known, the longest first.
const KNOWN: [(&str, Endpoint); 14] = [
    ("/chat/completions", Endpoint::Chat),
    ("/completions", Endpoint::Completions),
    ("/embeddings", Endpoint::Embeddings),
    ("/responses", Endpoint::Responses),
    ("/messages/count_tokens", Endpoint::CountTokens),
    ("/messages", Endpoint::Messages),
    ("/rerank", Endpoint::Rerank),
    ("/moderations", Endpoint::Moderations),
    ("/images/generations", Endpoint::ImageGenerations),
    ("/images/edits", Endpoint::ImageEdits),
    ("/images/variations", Endpoint::ImageVariations),
    ("/audio/speech", Endpoint::Speech),
    ("/audio/transcriptions", Endpoint::Transcriptions),
    ("/audio/translations", Endpoint::Translations),
];

/// Gemini's calls: `/v1beta/models/{model}:{method}` (https://ai.google.dev/api). The model may have slashes, as ours have.
fn gemini_call(path: &str) -> Option<(Endpoint, InUrl)> {
    let versions = ["/v1beta/models/", "/v1/models/", "/v1alpha/models/"];
    let named = versions.iter().find_map(|it| path.strip_prefix(it))?;
    let (model, method) = named.rsplit_once(':')?;
    let (endpoint, stream) = match method {
        "generateContent" => (Endpoint::Generate, false),
        "streamGenerateContent" => (Endpoint::Generate, true),
        "countTokens" => (Endpoint::GeminiCountTokens, false),
        "embedContent" => (Endpoint::GeminiEmbed, false),
        "batchEmbedContents" => (Endpoint::GeminiBatchEmbed, false),
        _ => return None,
    };
    let model = url::decode(model);
    Some((endpoint, InUrl { model, stream }))
}

/// The format in which a path's clients read errors.
fn dialect(path: &str) -> Format {
    if path.starts_with("/v1beta/") || path.starts_with("/v1alpha/") {
        Format::Gemini
    } else {
        Format::Chat
    }
}

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
    if path == "/v1/responses" && head.headers.contains_key(http::header::UPGRADE) {
        route = Route::NoUpgrade;
    }
    client.dialect = match &route {
        Route::Call(endpoint) | Route::CallInUrl(endpoint, _) | Route::CallAt(_, endpoint, _) => {
            endpoint.dialect()
        }
        _ => dialect(path),
    };
    match route {
        Route::Call(endpoint) => call(app, client, Call::of(endpoint)).await,
        Route::CallInUrl(endpoint, in_url) => {
            call(app, client, Call::at(None, endpoint, Some(in_url))).await;
        }
        Route::CallAt(provider, endpoint, in_url) => {
            call(app, client, Call::at(Some(provider), endpoint, in_url)).await;
        }
        Route::Pass(provider, path) => {
            let pass = Some(pass(client, path));
            let of_pass = Call::of(Endpoint::Pass);
            call(
                app,
                client,
                Call {
                    provider,
                    pass,
                    ..of_pass
                },
            )
            .await;
        }
        Route::Realtime(provider) => {
            if let Some(session) = realtime(app, client, provider).await {
                return Answered::Agreed(session);
            }
        }
        Route::NoUpgrade => no_socket(client).await,
        Route::Models => models::list(app, client).await,
        Route::Model(id) => models::one(app, client, &id).await,
        Route::Ops(page) => ops::answer(app, client, page).await,
        Route::Root => {
            let body = concat!(
                r#"{"name":"weir","version":""#,
                env!("CARGO_PKG_VERSION"),
                r#"","api":"/v1"}"#
            );
            whole(client, 200, Bytes::from_static(body.as_bytes())).await;
        }
        Route::WrongMethod(allowed) => wrong_method(client, allowed).await,
        Route::Unknown => unknown(client).await,
    }
    Answered::Http(client.after())
}

/// What a route says of a call.
struct Call {
    endpoint: Endpoint,
    in_url: Option<InUrl>,
    provider: Option<String>,
    pass: Option<Pass>,
}

impl Call {
    fn of(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            in_url: None,
            provider: None,
            pass: None,
        }
    }

    fn at(provider: Option<String>, endpoint: Endpoint, in_url: Option<InUrl>) -> Self {
        Self {
            provider,
            in_url,
            ..Self::of(endpoint)
        }
    }
}

/// What is passed on of a request, its query included.
fn pass(client: &SessionClient<'_>, mut path: String) -> Pass {
    let head = client.session.req_header();
    if let Some(query) = head.uri.query() {
        path.push('?');
        path.push_str(query);
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
    let inbound = match Inbound::new(call_id, started_at_us, endpoint, call.in_url, headers) {
        Ok(inbound) => Inbound {
            provider: call.provider.map(Arc::from),
            pass: call.pass,
            ..inbound
        },
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
    let told = Told {
        status: 404,
        kind: "invalid_request_error",
        code: Some("unknown_url".to_owned()),
        param: None,
        message: format!("Unknown request URL: {} {path}", head.method),
        retry_after: None,
        rate: None,
        side: Side::Caller,
    };
    client.tell(&told).await;
}

/// A whole JSON answer; a client that left meanwhile is no trouble.
pub(super) async fn whole(client: &mut SessionClient<'_>, status: u16, body: Bytes) {
    let head = ReplyHead {
        status,
        content_type: JSON,
        headers: Vec::new(),
    };
    let _ = client.reply(head, body).await;
}

/// A refusal of a request that is no call.
pub(super) async fn refuse(client: &mut SessionClient<'_>, refusal: Refusal) {
    client.refuse(&refusal).await;
}
