//! `GET /v1/models` and `GET /v1/models/{id}`: what this caller can use now, straight from memory.

use bytes::Bytes;
use weir_filters::identify::Credential;
use weir_wire::models_list::{self, ModelEntry};

use super::app::App;
use super::client::SessionClient;
use super::route;

/// The moment models say they were created: OpenAI's shape wants one, and no configuration knows it.
const CREATED: u64 = 1_767_225_600;

/// Answers with the list.
pub async fn list(app: &App, client: &mut SessionClient<'_>) {
    let credential = Credential::of(&client.session.req_header().headers);
    match app.gateway.models(credential.as_ref()).await {
        Ok(names) => {
            let entries = names.iter().map(|name| entry(app, name));
            let body = models_list::render_list(entries.collect::<Vec<_>>());
            route::whole(client, 200, Bytes::from(body)).await;
        }
        Err(refusal) => route::refuse(client, refusal).await,
    }
}

/// Answers with one model.
pub async fn one(app: &App, client: &mut SessionClient<'_>, id: &str) {
    let credential = Credential::of(&client.session.req_header().headers);
    match app.gateway.model(credential.as_ref(), id).await {
        Ok(()) => {
            let body = models_list::render_one(entry(app, id));
            route::whole(client, 200, Bytes::from(body)).await;
        }
        Err(refusal) => route::refuse(client, refusal).await,
    }
}

fn entry<'a>(app: &App, name: &'a str) -> ModelEntry<'a> {
    let routes = app.gateway.routes();
    let (provider, model) = name.split_once('/').unwrap_or(("weir", name));
    let price = routes.settings.prices.find(provider, model);
    ModelEntry {
        id: name,
        owned_by: provider,
        created: CREATED,
        context_tokens: price.and_then(|it| it.context_tokens),
        max_output_tokens: price.and_then(|it| it.max_output_tokens),
    }
}
