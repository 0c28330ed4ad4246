//! `GET /api/models/{id}/parameters`: what a request to a model may hold, as a JSON Schema.

use crate::door::app::App;
use crate::door::client::SessionClient;
use crate::door::route;

/// Answers.
pub async fn answer(app: &App, client: &mut SessionClient<'_>, model: &str) {
    let credential = client.credential();
    match app.gateway.parameters(credential.as_ref(), model).await {
        Ok(schema) => super::json(client, &schema).await,
        Err(refusal) => route::refuse(client, refusal).await,
    }
}
