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
use crate::api;

enum Route {
    Call(Call),
    /// Known, and not served: the code and the reason.
    NotServed(&'static str, &'static str),
    /// Becomes a WebSocket, to the provider of this name if there is one.
    Realtime(Option<String>),
    /// A WebSocket is asked for where there is none.
    NoUpgrade,
    Models,
    Model(String),
    Api(api::Page),
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
            Route::Call(Call::of(endpoint))
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
        // The list of those that the provider has stored.
        "/v1/chat/completions" if is_get => Route::Call(Call::pass(None, path)),
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
        path if is_list_of_models(path) && is_get => Route::Models,
        path if is_list_of_models(path) => Route::WrongMethod("GET, HEAD"),
        "/" if is_get => Route::Root,
        path if path.starts_with("/api/") => match api::page(path) {
            Some(page) if is_get => Route::Api(page),
            Some(_) => Route::WrongMethod("GET, HEAD"),
            None => Route::Unknown,
        },
        _ => match (gemini_call(path), model_of(path)) {
            (Some((endpoint, in_url)), _) if is_post => Route::Call(Call {
                in_url: Some(in_url),
                ..Call::of(endpoint)
            }),
            (Some(_), _) => Route::WrongMethod("POST"),
            (None, Some(id)) if is_get => Route::Model(url::decode(id)),
            (None, Some(_)) if method == Method::DELETE => deletion(app, path),
            (None, Some(_)) => Route::WrongMethod("GET, HEAD, DELETE"),
            (None, None) if passes(path) => Route::Call(Call::pass(None, path)),
            (None, None) => not_served(path).unwrap_or_else(|| native(method, path)),
        },
    }
}

/// Where OpenAI's, Anthropic's and Gemini's clients ask for models.
const MODELS: [&str; 3] = ["/v1/models", "/v1beta/models", "/v1alpha/models"];

fn is_list_of_models(path: &str) -> bool {
    MODELS.contains(&path.strip_suffix('/').unwrap_or(path))
}

/// The model in a path that asks for one.
fn model_of(path: &str) -> Option<&str> {
    let mut below = MODELS.iter().filter_map(|list| path.strip_prefix(list));
    below.find_map(|rest| rest.strip_prefix('/'))
}

/// OpenAI's routes that are passed on, each with what is below it: what they keep and do is the provider's affair
/// (https://platform.openai.com/docs/api-reference).
const PASSED: [&str; 22] = [
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
    "/v1/skills",
    "/v1/chatkit",
    "/v1/content_provenance_checks",
    "/v1/audio/voices",
    "/v1/audio/voice_consents",
    "/v1/realtime/calls",
    "/v1/realtime/client_secrets",
    "/v1/realtime/sessions",
    "/v1/realtime/transcription_sessions",
    // Of responses, what keeps nothing; of chat completions, those that the provider has stored.
    "/v1/responses/compact",
    "/v1/responses/input_tokens",
    "/v1/chat/completions",
];

fn passes(path: &str) -> bool {
    PASSED.iter().any(|route| is_within(path, route)) && is_plain(path)
}

fn is_within(path: &str, route: &str) -> bool {
    let rest = path.strip_prefix(route);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether no segment is made of dots: one that is could leave the provider's base, or the routes that are passed on.
fn is_plain(path: &str) -> bool {
    let decoded = url::decode(path);
    !decoded.split('/').any(|it| it == "." || it == "..")
}

/// `DELETE /v1/models/{model}`: only fine-tuned models can be deleted, and those belong to the account of a key. The name may
/// begin with its provider's, as models are listed here.
fn deletion(app: &App, path: &str) -> Route {
    let Some(id) = path.strip_prefix("/v1/models/").filter(|id| is_plain(id)) else {
        return Route::Unknown;
    };
    let providers = &app.gateway.routes().settings.providers;
    let mut slashes = ["/", "%2F", "%2f"].into_iter();
    let named = slashes.find_map(|slash| id.split_once(slash));
    Route::Call(match named {
        Some((provider, model)) if providers.contains_key(provider) => {
            Call::pass(Some(provider), &format!("/v1/models/{model}"))
        }
        _ => Call::pass(None, path),
    })
}

/// OpenAI's routes that are refused, and why: a client is told so, instead of that the URL is unknown.
const NOT_SERVED: [(&str, &str, &str); 4] = [
    ("/v1/responses", "conversations_not_kept", NOT_KEPT),
    ("/v1/conversations", "conversations_not_kept", NOT_KEPT),
    ("/v1/organization", "administration_not_passed", NOT_PASSED),
    ("/v1/projects", "administration_not_passed", NOT_PASSED),
];
const NOT_KEPT: &str = "Conversations are not kept here yet: a response is answered once and then forgotten. Send the whole \
                        conversation in `input` of POST /v1/responses.";
const NOT_PASSED: &str = "The administration of a provider's organization is not passed on: send this to the provider itself, \
                          with its administrator's key.";

fn not_served(path: &str) -> Option<Route> {
    let mut refused = NOT_SERVED.iter();
    let (_, code, why) = refused.find(|(route, ..)| is_within(path, route))?;
    Some(Route::NotServed(code, why))
}

/// `/providers/{name}/…`: what is known is carried like any call, the rest is passed on.
fn native(method: &Method, path: &str) -> Route {
    let named = path.strip_prefix("/providers/");
    let Some((name, _)) = named.and_then(|rest| rest.split_once('/')) else {
        return Route::Unknown;
    };
    let rest = path
        .get("/providers/".len() + name.len()..)
        .unwrap_or_default();
    if name.is_empty() || !is_plain(rest) {
        return Route::Unknown;
    }
    if let Some((endpoint, in_url)) = gemini_call(rest)
        && method == Method::POST
    {
        return Route::Call(Call {
            in_url: Some(in_url),
            provider: Some(name.to_owned()),
            ..Call::of(endpoint)
        });
    }
    if method == Method::GET && rest.ends_with("/realtime") {
        return Route::Realtime(Some(name.to_owned()));
    }
    let known = KNOWN.iter().find(|(tail, _)| rest.ends_with(tail));
    match known {
        Some((_, endpoint)) if method == Method::POST => Route::Call(Call {
            provider: Some(name.to_owned()),
            ..Call::of(*endpoint)
        }),
        _ => Route::Call(Call::pass(Some(name), rest)),
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
pub(super) fn dialect(path: &str) -> Format {
    if path.starts_with("/v1beta/") || path.starts_with("/v1alpha/") {
        Format::Gemini
    } else {
        Format::Chat
    }
}

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
    if path == "/v1/responses" && head.headers.contains_key(http::header::UPGRADE) {
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
    Answered::Http(client.after())
}

/// What a route says of a call.
struct Call {
    endpoint: Endpoint,
    in_url: Option<InUrl>,
    /// The one provider that may serve it.
    provider: Option<String>,
    /// The path that is passed on as it is, below the provider's base.
    pass: Option<String>,
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

    fn pass(provider: Option<&str>, path: &str) -> Self {
        Self {
            provider: provider.map(str::to_owned),
            pass: Some(path.to_owned()),
            ..Self::of(Endpoint::Pass)
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
    let pass = call.pass.map(|path| pass(client, path));
    let inbound = match Inbound::new(call_id, started_at_us, endpoint, call.in_url, headers) {
        Ok(inbound) => Inbound {
            provider: call.provider.map(Arc::from),
            pass,
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
    let message = format!("Unknown request URL: {} {path}", head.method);
    not_found(client, "unknown_url", message).await;
}

async fn not_found(client: &mut SessionClient<'_>, code: &str, message: String) {
    let told = Told {
        status: 404,
        kind: "invalid_request_error",
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
