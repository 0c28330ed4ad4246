//! Which path is answered by what.

use http::Method;
use weir_filters::ask::{Endpoint, InUrl};
use weir_wire::format::Format;
use weir_wire::url;

use super::app::{App, Entrance};
use super::ops;
use super::passed::{bare, deletion, is_plain, not_served, pass_on, passes};
use crate::api;

/// What answers a request.
pub(super) enum Route {
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

pub(super) fn route(app: &App, method: &Method, path: &str) -> Route {
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
    // Some clients end every URL so.
    match path
        .strip_suffix('/')
        .filter(|it| !it.is_empty())
        .unwrap_or(path)
    {
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
        "/v1/responses/compact" => call(Endpoint::Compact),
        "/v1/messages" => call(Endpoint::Messages),
        "/v1/messages/count_tokens" => call(Endpoint::CountTokens),
        "/v1/realtime" if method == Method::GET => Route::Realtime(None),
        "/v1/realtime" => Route::WrongMethod("GET"),
        path if is_list_of_models(path) && is_get => Route::Models,
        path if is_list_of_models(path) => Route::WrongMethod("GET, HEAD"),
        // Claude Code asks for the second, to have its connection open before it needs it.
        "/" | "/api/hello" if is_get => Route::Root,
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
            (None, None) if passes(path) => pass_on(method, None, path),
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
    let bare = bare(rest);
    if let Some((endpoint, in_url)) = gemini_call(rest).or_else(|| gemini_call(&bare))
        && method == Method::POST
    {
        return Route::Call(Call {
            in_url: Some(in_url),
            provider: Some(name.to_owned()),
            ..Call::of(endpoint)
        });
    }
    if method == Method::GET && bare.ends_with("/realtime") {
        return Route::Realtime(Some(name.to_owned()));
    }
    let known = KNOWN.iter().find(|(tail, _)| bare.ends_with(tail));
    // To fill in the middle is another operation, whose answers are chats.
    let known = known.filter(|_| !bare.ends_with("/fim/completions"));
    match known {
        Some((_, endpoint)) if method == Method::POST => Route::Call(Call {
            provider: Some(name.to_owned()),
            ..Call::of(*endpoint)
        }),
        _ => pass_on(method, Some(name), rest),
    }
}

/// The ends of native paths whose formats are known, the longest first.
const KNOWN: [(&str, Endpoint); 15] = [
    ("/chat/completions", Endpoint::Chat),
    ("/completions", Endpoint::Completions),
    ("/embeddings", Endpoint::Embeddings),
    ("/responses", Endpoint::Responses),
    ("/responses/compact", Endpoint::Compact),
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
    let in_url = InUrl {
        model,
        stream,
        // Its query says more.
        is_array: false,
    };
    Some((endpoint, in_url))
}

/// The format in which a path's clients read errors.
pub(super) fn dialect(path: &str) -> Format {
    if path.starts_with("/v1beta/") || path.starts_with("/v1alpha/") {
        Format::Gemini
    } else if path.starts_with("/v1/messages") {
        Format::Anthropic
    } else {
        Format::Chat
    }
}

/// What a route says of a call.
pub(super) struct Call {
    pub endpoint: Endpoint,
    pub in_url: Option<InUrl>,
    /// The one provider that may serve it.
    pub provider: Option<String>,
    /// The path that is passed on as it is, below the provider's base.
    pub pass: Option<String>,
}

impl Call {
    pub fn of(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            in_url: None,
            provider: None,
            pass: None,
        }
    }

    pub fn pass(provider: Option<&str>, path: &str) -> Self {
        Self {
            provider: provider.map(str::to_owned),
            pass: Some(path.to_owned()),
            ..Self::of(Endpoint::Pass)
        }
    }
}
