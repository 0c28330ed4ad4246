//! `GET /v1/models` and `GET /v1/models/{id}`: what this caller can use now, in the shape that its client reads.

use bytes::Bytes;
use http::HeaderMap;
use weir_wire::format::Format;
use weir_wire::model_catalogue::{write_list, write_one};

use super::app::App;
use super::client::SessionClient;
use super::route;

/// The shape of models that a client reads: Anthropic's clients always send their version, Google's their own key header
/// (and ask at `/v1/models` as well).
pub fn shape(path: &str, headers: &HeaderMap) -> Format {
    let is_google_key = headers.contains_key("x-goog-api-key")
        && !headers.contains_key(http::header::AUTHORIZATION);
    match route::dialect(path) {
        Format::Gemini => Format::Gemini,
        _ if headers.contains_key("anthropic-version") => Format::Anthropic,
        _ if is_google_key => Format::Gemini,
        other => other,
    }
}

/// Answers with the list.
pub async fn list(app: &App, client: &mut SessionClient<'_>) {
    let credential = client.credential();
    match app.gateway.models(credential.as_ref()).await {
        Ok(entries) => {
            let body = write_list(client.dialect, &entries);
            route::whole(client, 200, Bytes::from(body)).await;
        }
        Err(refusal) => route::refuse(client, refusal).await,
    }
}

/// Answers with one model.
pub async fn one(app: &App, client: &mut SessionClient<'_>, id: &str) {
    let credential = client.credential();
    match app.gateway.model(credential.as_ref(), id).await {
        Ok(entry) => {
            let body = write_one(client.dialect, &entry);
            route::whole(client, 200, Bytes::from(body)).await;
        }
        Err(refusal) => route::refuse(client, refusal).await,
    }
}
