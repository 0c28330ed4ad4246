//! Which path is answered by what.

use bytes::Bytes;
use http::{HeaderValue, Method};
use weir_filters::answer::JSON;
use weir_filters::ask::{Endpoint, Inbound};
use weir_filters::identify::Credential;
use weir_filters::refusal::Refusal;
use weir_filters::sink::{ReplyHead, Sink};
use weir_filters::told::{Side, Told};

use super::app::{After, App, Entrance};
use super::client::SessionClient;
use super::{models, ops, reply};

enum Route {
    Call(Endpoint),
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
        "/v1/models" | "/v1/models/" if is_get => Route::Models,
        "/v1/models" | "/v1/models/" => Route::WrongMethod("GET, HEAD"),
        "/" if is_get => Route::Root,
        _ => match path.strip_prefix("/v1/models/") {
            Some(id) if is_get => Route::Model(models::decode(id)),
            Some(_) => Route::WrongMethod("GET, HEAD"),
            None => Route::Unknown,
        },
    }
}

/// Answers one request; what becomes of its connection.
pub async fn answer(app: &App, client: &mut SessionClient<'_>) -> After {
    let head = client.session.req_header();
    let route = route(app, &head.method, head.uri.path());
    match route {
        Route::Call(endpoint) => call(app, client, endpoint).await,
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

async fn call(app: &App, client: &mut SessionClient<'_>, endpoint: Endpoint) {
    let gateway = &app.gateway;
    let headers = &client.session.req_header().headers;
    let inbound = Inbound::new(client.request_id, client.started_at_us, endpoint, headers);
    let credential = Credential::of(headers);
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
    let body = Bytes::from(told.to_json());
    client.tell(&told, body).await;
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
