//! Which path is answered by what.

use bytes::Bytes;
use http::{HeaderValue, Method};
use weir_filters::answer::JSON;
use weir_filters::ask::{Endpoint, InUrl, Inbound};
use weir_filters::identify::Credential;
use weir_filters::refusal::Refusal;
use weir_filters::sink::{ReplyHead, Sink};
use weir_filters::told::{Side, Told};
use weir_wire::format::Format;

use super::app::{After, App, Entrance};
use super::client::SessionClient;
use super::{models, ops, reply};

enum Route {
    Call(Endpoint),
    CallInUrl(Endpoint, InUrl),
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
        "/v1/models" | "/v1/models/" if is_get => Route::Models,
        "/v1/models" | "/v1/models/" => Route::WrongMethod("GET, HEAD"),
        "/" if is_get => Route::Root,
        _ => match (gemini_call(path), path.strip_prefix("/v1/models/")) {
            (Some((endpoint, in_url)), _) if is_post => Route::CallInUrl(endpoint, in_url),
            (Some(_), _) => Route::WrongMethod("POST"),
            (None, Some(id)) if is_get => Route::Model(models::decode(id)),
            (None, Some(_)) => Route::WrongMethod("GET, HEAD"),
            (None, None) => Route::Unknown,
        },
    }
}

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
    let model = models::decode(model);
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

/// Answers one request; what becomes of its connection.
pub async fn answer(app: &App, client: &mut SessionClient<'_>) -> After {
    let head = client.session.req_header();
    let path = head.uri.path();
    let mut route = route(app, &head.method, path);
    if path == "/v1/responses" && head.headers.contains_key(http::header::UPGRADE) {
        route = Route::NoUpgrade;
    }
    client.dialect = match &route {
        Route::Call(endpoint) | Route::CallInUrl(endpoint, _) => endpoint.dialect(),
        _ => dialect(path),
    };
    match route {
        Route::Call(endpoint) => call(app, client, endpoint, None).await,
        Route::CallInUrl(endpoint, in_url) => call(app, client, endpoint, Some(in_url)).await,
        Route::NoUpgrade => {
            // Codex asks for a WebSocket first, and only this status makes it go on over HTTP at once.
            let message = "this URL has no WebSocket: send a POST request";
            let body = reply::error(message, Some("upgrade_not_supported"));
            client.answer_early(426, Vec::new(), body).await;
        }
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
        Route::WrongMethod(allowed) => {
            let message = format!("this URL is for {allowed} requests");
            let body = reply::error(&message, Some("method_not_allowed"));
            let headers = vec![(http::header::ALLOW, HeaderValue::from_static(allowed))];
            client.answer_early(405, headers, body).await;
        }
        Route::Unknown => unknown(client).await,
    }
    client.after()
}

async fn call(
    app: &App,
    client: &mut SessionClient<'_>,
    endpoint: Endpoint,
    in_url: Option<InUrl>,
) {
    let gateway = &app.gateway;
    let headers = &client.session.req_header().headers;
    let credential = Credential::of(headers);
    let (call_id, started_at_us) = (client.request_id, client.started_at_us);
    let inbound = match Inbound::new(call_id, started_at_us, endpoint, in_url, headers) {
        Ok(inbound) => inbound,
        Err(why) => return client.refuse(&Refusal::DropParams(why)).await,
    };
    // Boxed: the future of the whole way is large, and an idle connection need not carry it.
    let carried = Box::pin(gateway.carry(inbound, credential.as_ref(), client)).await;
    if let Err(refusal) = carried {
        client.refuse(&refusal).await;
    }
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
