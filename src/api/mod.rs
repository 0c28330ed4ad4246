//! The management API's questions about models, one file per URL. All are `GET` and answer JSON.

mod catalogue;
mod parameters;
mod provider_models;

use bytes::Bytes;
use serde_json::Value;
use weir_wire::url;

use crate::door::app::App;
use crate::door::client::SessionClient;
use crate::door::route;

/// A page of the management API.
pub enum Page {
    /// `/api/catalogue`
    Catalogue,
    /// `/api/providers/{provider}/models`
    ProviderModels(String),
    /// `/api/models/{id}/parameters`
    Parameters(String),
}

/// The page of a path. Names may have slashes, encoded or not.
pub fn page(path: &str) -> Option<Page> {
    let named = |before: &str, after: &str| {
        let name = path.strip_prefix(before)?.strip_suffix(after)?;
        (!name.is_empty()).then(|| url::decode(name))
    };
    if path == "/api/catalogue" {
        return Some(Page::Catalogue);
    }
    named("/api/providers/", "/models")
        .map(Page::ProviderModels)
        .or_else(|| named("/api/models/", "/parameters").map(Page::Parameters))
}

/// Answers a page.
pub async fn answer(app: &App, client: &mut SessionClient<'_>, page: Page) {
    match page {
        Page::Catalogue => catalogue::answer(app, client).await,
        Page::ProviderModels(provider) => provider_models::answer(app, client, &provider).await,
        Page::Parameters(model) => parameters::answer(app, client, &model).await,
    }
}

async fn json(client: &mut SessionClient<'_>, value: &Value) {
    route::whole(client, 200, Bytes::from(value.to_string())).await;
}
