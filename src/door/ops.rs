//! What the operator's tools ask: `/livez`, `/readyz`, `/metrics`.

use bytes::Bytes;
use weir_filters::sink::{ReplyHead, Sink};

use super::answer;
use super::app::App;
use super::client::SessionClient;

/// A page of the operator's listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The process lives.
    Live,
    /// The process can take requests.
    Ready,
    /// Prometheus text format.
    Metrics,
}

/// The page of a path.
pub fn page(path: &str) -> Option<Page> {
    match path {
        "/livez" => Some(Page::Live),
        "/readyz" => Some(Page::Ready),
        "/metrics" => Some(Page::Metrics),
        _ => None,
    }
}

/// Answers a page.
pub async fn answer(app: &App, client: &mut SessionClient<'_>, page: Page) {
    match page {
        Page::Live => {
            answer::whole(client, 200, Bytes::from_static(br#"{"status":"live"}"#)).await;
        }
        Page::Ready => ready(app, client).await,
        Page::Metrics => {
            let head = ReplyHead {
                status: 200,
                content_type: http::HeaderValue::from_static(
                    "text/plain; version=0.0.4; charset=utf-8",
                ),
                headers: Vec::new(),
            };
            let body = app.gateway.metrics.render(app.gateway.levels());
            let _ = client.reply(head, Bytes::from(body)).await;
        }
    }
}

/// Ready unless the process is stopping or the ledger refuses intents: without it nothing may be sent to a provider.
async fn ready(app: &App, client: &mut SessionClient<'_>) {
    let levels = app.gateway.levels();
    let is_stopping = app.gateway.is_stopping();
    let is_writable = app.gateway.ledger.is_healthy();
    let status = match (is_stopping, is_writable) {
        (true, _) => "stopping",
        (false, false) => "degraded",
        (false, true) => "ready",
    };
    let body = serde_json::json!({
        "status": status,
        "ledger_queue": levels.ledger_depth,
        "unrecorded_usage": levels.unrecorded,
        "set_aside": levels.cooling,
    });
    let code = if status == "ready" { 200 } else { 503 };
    answer::whole(client, code, Bytes::from(body.to_string())).await;
}
