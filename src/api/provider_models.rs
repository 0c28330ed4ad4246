//! `GET /api/providers/{provider}/models`: the catalogue of one provider.

use super::catalogue;
use crate::door::app::App;
use crate::door::client::SessionClient;
use crate::door::{answer, reply};

/// Answers.
pub async fn answer(app: &App, client: &mut SessionClient<'_>, provider: &str) {
    let credential = client.credential();
    let found = app.gateway.catalogue(credential.as_ref(), Some(provider));
    match found.await {
        Ok(Some(found)) => super::json(client, &catalogue::value(&found)).await,
        Ok(None) => {
            let name: String = provider.chars().take(100).collect();
            let message = match app.gateway.routes().settings.left_out.get(provider) {
                Some(why) => format!("the provider `{name}` is left out, as {why}"),
                None => format!("no provider `{name}` is configured; see GET /api/catalogue"),
            };
            let body = reply::error(&message, Some("provider_not_found"));
            answer::whole(client, 404, body).await;
        }
        Err(refusal) => answer::refuse(client, refusal).await,
    }
}
