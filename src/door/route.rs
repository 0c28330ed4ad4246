//! Which path is answered by what.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method};
use weir_filters::answer::JSON;
use weir_filters::ask::{Endpoint, InUrl, Inbound, Pass};
use weir_filters::identify::Credential;
use weir_filters::refusal::Refusal;
use weir_filters::sink::{ReplyHead, Sink};
use weir_filters::told::{Side, Told};
use weir_wire::format::Format;

use super::app::{After, App, Entrance};
use super::client::SessionClient;
use super::{models, ops, reply};
use crate::api;

enum Route {
    Call(Call),
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
            (None, Some(id)) if is_get => Route::Model(models::decode(id)),
            (None, Some(_)) => Route::WrongMethod("GET, HEAD"),
            (None, None) if passes(path) => pass_on(method, None, path),
            (None, None) => native(method, path),
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

/// Methods that are passed on. `TRACE` is not: it is answered with the request's own head, the provider's key in it.
const PASSED_METHODS: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// A path that is passed on as it is, if it is a plain one.
fn pass_on(method: &Method, provider: Option<&str>, path: &str) -> Route {
    if !is_plain(path) {
        Route::Unknown
    } else if PASSED_METHODS.contains(method) {
        Route::Call(Call::pass(provider, path))
    } else {
        Route::WrongMethod("GET, HEAD, POST, PUT, PATCH, DELETE")
    }
}

/// Whether a path stays where it seems to lead. A segment of dots could leave the provider's base, however often it is
/// encoded, behind whichever slash, and with parameters behind it.
fn is_plain(path: &str) -> bool {
    let steps = |path: &str| {
        let mut segments = path.split(['/', '\\']);
        segments.any(|it| matches!(it.split(';').next(), Some("." | "..")))
    };
    let mut path = path.to_owned();
    for _ in 0..DECODINGS_MAX {
        if steps(&path) {
            return false;
        }
        let decoded = models::decode(&path);
        if decoded == path {
            return true;
        }
        path = decoded;
    }
    false
}

/// How often a path may be encoded.
const DECODINGS_MAX: usize = 3;

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
    let known = KNOWN.iter().find(|(tail, _)| rest.ends_with(tail));
    match known {
        Some((_, endpoint)) if method == Method::POST => Route::Call(Call {
            provider: Some(name.to_owned()),
            ..Call::of(*endpoint)
        }),
        _ => pass_on(method, Some(name), rest),
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
    let model = models::decode(model);
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

/// Answers one request; what becomes of its connection.
pub async fn answer(app: &App, client: &mut SessionClient<'_>) -> After {
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
        Route::NoUpgrade => {
            // Codex asks for a WebSocket first, and only this status makes it go on over HTTP at once.
            let message = "this URL has no WebSocket: send a POST request";
            let body = reply::error(message, Some("upgrade_not_supported"));
            client.answer_early(426, Vec::new(), body).await;
        }
        Route::Models => models::list(app, client).await,
        Route::Model(id) => models::one(app, client, &id).await,
        Route::Api(page) => api::answer(app, client, page).await,
        Route::Ops(page) => ops::answer(app, client, page).await,
        Route::Root => whole(client, 200, Bytes::from_static(ROOT.as_bytes())).await,
        Route::WrongMethod(allowed) => {
            let message = format!("this URL is for {allowed} requests");
            let body = reply::error(&message, Some("method_not_allowed"));
            let headers = vec![(http::header::ALLOW, HeaderValue::from_static(allowed))];
            client.answer_early(405, headers, body).await;
        }
        Route::Unknown => unknown(client).await,
    }
    client.after().await
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
        Ok(mut inbound) => {
            if pass.is_some() {
                Pass::forward(headers, &mut inbound.forwarded);
            }
            Inbound {
                provider: call.provider.map(Arc::from),
                pass,
                ..inbound
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_could_lead_elsewhere_is_not_plain() {
        for path in [
            "/v1/files/../models",
            "/v1/files/%2e%2e/models",
            "/v1/files/%252e%252e%252fmodels",
            "/v1/files/..%5cmodels",
            "/v1/files/.\\x",
            "/v1/files/..;x=1/models",
            "/v1/files/%25252525252e",
        ] {
            assert!(!is_plain(path), "{path}");
        }
        for path in [
            "/v1/files/a..b",
            "/v1/files/a%2Fb",
            "/v1/files/50%",
            "/v1/x/...",
            "/",
        ] {
            assert!(is_plain(path), "{path}");
        }
    }

    #[test]
    fn only_plain_paths_and_harmless_methods_are_passed_on() {
        let is_passed =
            |method: &Method, path: &str| matches!(pass_on(method, None, path), Route::Call(_));
        assert!(is_passed(&Method::DELETE, "/v1/files/file-1"));
        assert!(!is_passed(&Method::GET, "/v1/files/../models"));
        for method in [Method::TRACE, Method::CONNECT, Method::OPTIONS] {
            assert!(!is_passed(&method, "/v1/files/file-1"));
        }
    }
}
