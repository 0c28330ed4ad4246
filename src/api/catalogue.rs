//! `GET /api/catalogue`: the models of `GET /v1/models`, and what is to be said of the providers.

use serde_json::{Value, json};
use weir_filters::catalogue::Catalogue;
use weir_wire::format::Format;
use weir_wire::model_catalogue::{Source, to_value};

use crate::door::answer;
use crate::door::app::App;
use crate::door::client::SessionClient;

/// Answers.
pub async fn answer(app: &App, client: &mut SessionClient<'_>) {
    let credential = client.credential();
    match app.gateway.catalogue(credential.as_ref(), None).await {
        Ok(catalogue) => {
            let value = catalogue.as_ref().map_or(Value::Null, value);
            super::json(client, &value).await;
        }
        Err(refusal) => answer::refuse(client, refusal).await,
    }
}

/// A catalogue as JSON: a list of models as OpenAI's clients read it, with more members.
pub(super) fn value(catalogue: &Catalogue) -> Value {
    let models = catalogue.entries.iter();
    let data: Vec<_> = models.map(|it| to_value(Format::Chat, it)).collect();
    let configured = catalogue.configured.iter().map(|it| {
        let state = match (it.is_pending, &it.error) {
            (true, _) => "pending",
            (false, None) => "ok",
            (false, Some(_)) if it.is_absent => "absent",
            (false, Some(_)) => "failed",
        };
        json!({
            "name": it.name,
            "state": state,
            "models": it.models,
            "source": it.source.map(Source::as_str),
            "fetched_at": it.fetched_at_s,
            // The last list that was had is served on.
            "stale": it.error.is_some() && it.fetched_at_s.is_some(),
            "error": it.error,
            "hint": it.hint,
        })
    });
    let missing = catalogue.missing.iter();
    let missing = missing.map(|it| json!({"name": it.name, "how": it.how}));
    json!({
        "object": "list",
        "data": data,
        "configured_providers": configured.collect::<Vec<_>>(),
        "missing_providers": missing.collect::<Vec<_>>(),
        "message": catalogue.message,
    })
}
