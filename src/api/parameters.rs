//! `GET /api/models/{id}/parameters`: what a request to a model may hold, as a JSON Schema.

use crate::door::answer;
use crate::door::app::App;
use crate::door::client::SessionClient;

/// Answers.
pub async fn answer(app: &App, client: &mut SessionClient<'_>, model: &str) {
    let credential = client.credential();
    match app.gateway.parameters(credential.as_ref(), model).await {
        Ok(schema) => super::json(client, &schema).await,
        Err(refusal) => answer::refuse(client, refusal).await,
    }
}
