//! Caller x Ask: the model's name, and whether this token may use it.

use std::sync::Arc;

use thiserror::Error;
use weir_wire::body;

use crate::ask::{Allowed, Ask};
use crate::routes::Routes;
use crate::weigh;

/// The name that asks for the configured default.
pub(crate) const AUTO: &str = "auto";

/// Why an ask may not go on.
#[derive(Debug, Error)]
pub enum AllowError {
    /// No model was named and no default is configured.
    #[error(
        "no model was named, and no default is configured: name one in `model`, or set `default_model`"
    )]
    NoModel,
    /// A token of some models asks for what names none.
    #[error(
        "this token is for some models only, and the request does not say which it uses: use a token without such a \
         list, or one that allows all of the provider's models (`<provider>/*`)"
    )]
    Unnamed,
    /// The model is unknown, or not this token's: callers are not told which.
    #[error("the model `{model}` does not exist or is not available to you{}", nearest_text(.nearest))]
    NotFound {
        /// The name as asked for, shortened.
        model: String,
        /// The nearest names this caller may use.
        nearest: Vec<String>,
    },
}

fn nearest_text(nearest: &[String]) -> String {
    if nearest.is_empty() {
        "; see GET /v1/models".to_owned()
    } else {
        format!("; did you mean {}?", nearest.join(", "))
    }
}

/// Checks the model's name against the token's allow-list.
pub fn allow(routes: &Routes, ask: Ask) -> Result<Allowed, AllowError> {
    let named = ask.head.model.as_deref().filter(|name| *name != AUTO);
    let model: Arc<str> = match (named, &ask.inbound.provider) {
        (Some(name), Some(provider)) => pinned(name, provider),
        (Some(name), None) => Arc::from(name),
        (None, None) => routes.default_model().ok_or(AllowError::NoModel)?,
        // The default may be anybody's, and the URL names the one provider that is wanted.
        (None, Some(_)) => return Err(AllowError::NoModel),
    };
    let known = &ask.admitted.caller.known;
    if !permits(&known.token.models, &model) {
        return Err(not_found(routes, &ask, &model));
    }
    if let Some(other) = other_model(&ask, &model) {
        return Err(not_found(routes, &ask, &other));
    }
    Ok(Allowed { ask, model })
}

/// A model that the body names beside `model`, as what a provider may turn to by itself, and that this token may not use.
fn other_model(ask: &Ask, model: &str) -> Option<String> {
    let patterns = &ask.admitted.caller.known.token.models;
    if patterns.is_empty() {
        return None;
    }
    // There it is named as the provider knows it.
    let provider = model.split_once('/').map(|(provider, _)| provider);
    let is_allowed = |name: &str| {
        let is_whole = permits(patterns, name);
        is_whole || provider.is_some_and(|it| permits(patterns, &format!("{it}/{name}")))
    };
    weigh::aside(ask.body.len(), || body::other_model(&ask.body, is_allowed))
}

/// The name of a model at the one provider that the URL names.
fn pinned(name: &str, provider: &str) -> Arc<str> {
    let is_pinned = name
        .split_once('/')
        .is_some_and(|(first, _)| first == provider);
    if is_pinned {
        Arc::from(name)
    } else {
        Arc::from(format!("{provider}/{name}"))
    }
}

/// The error for a model this caller cannot have.
pub(crate) fn not_found(routes: &Routes, ask: &Ask, model: &str) -> AllowError {
    AllowError::NotFound {
        model: model.chars().take(200).collect(),
        nearest: routes.nearest(ask.admitted.caller.known.holder(), model),
    }
}

/// Whether an allow-list lets a name through: an empty list lets everything, `*` at the end matches any rest.
pub fn permits(patterns: &[String], model: &str) -> bool {
    patterns.is_empty()
        || patterns
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => model.starts_with(prefix),
                None => pattern == model,
            })
}

/// Whether an allow-list lets every model of a provider through.
pub(crate) fn permits_all_of(patterns: &[String], provider: &str) -> bool {
    let all = format!("{provider}/");
    let prefixes = patterns.iter().filter_map(|it| it.strip_suffix('*'));
    patterns.is_empty() || prefixes.into_iter().any(|prefix| all.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allow_list_lets_only_its_names_through() {
        let list = ["openai/*".to_owned(), "fast".to_owned()];
        assert!(permits(&[], "anything"));
        assert!(permits(&list, "openai/gpt-4o") && permits(&list, "fast"));
        assert!(!permits(&list, "faster") && !permits(&list, "groq/llama"));
    }

    #[test]
    fn all_of_a_provider_is_more_than_many_of_its_models() {
        let all_of = |pattern: &str| permits_all_of(&[pattern.to_owned()], "up");
        assert!(permits_all_of(&[], "up") && all_of("*") && all_of("up/*") && all_of("u*"));
        assert!(!all_of("up/gpt-*") && !all_of("up/") && !all_of("upper/*"));
    }
}
