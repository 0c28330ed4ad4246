//! What is said of the providers beside their models, for people who wonder why one is missing.

use weir_config::{Auth, Layout, ModelsApi, OperatorKeys};
use weir_wire::model_catalogue::{Entry, Source};

use super::Asked;
use super::assemble::Offer;
use crate::provider::Upstream;

/// Providers that a sentence names.
const NAMED_MAX: usize = 5;

/// The models and what is to be said of the providers.
pub struct Catalogue {
    /// The models.
    pub entries: Vec<Entry>,
    /// The providers this caller can use.
    pub configured: Vec<ProviderState>,
    /// Those for which the caller has no key.
    pub missing: Vec<Missing>,
    /// A sentence about all that.
    pub message: String,
}

/// How a provider's list is doing.
pub struct ProviderState {
    /// Its name.
    pub name: String,
    /// How many of the models are its.
    pub models: usize,
    /// Where most of what is told of it comes from; none where nothing is.
    pub source: Option<Source>,
    /// When its own list was fetched, seconds since the Unix epoch; none where there is none.
    pub fetched_at_s: Option<i64>,
    /// Why its list could not be fetched the last time.
    pub error: Option<String>,
    /// What can be done about what is not listed.
    pub hint: Option<String>,
    /// Whether it is still being asked for the first time.
    pub is_pending: bool,
    /// Whether the error is a server on this machine that is not running.
    pub is_absent: bool,
    needs_key: bool,
}

/// A provider for which the caller has no key, or that is left out; the latter is told to administrators.
pub struct Missing {
    /// Its name.
    pub name: String,
    /// How that is mended.
    pub how: String,
}

/// Says it, of all providers or of one.
pub(super) fn report(
    asked: &Asked,
    entries: Vec<Entry>,
    offers: Vec<Offer>,
    only: Option<&str>,
) -> Catalogue {
    let (with_key, without): (Vec<_>, Vec<_>) = offers.into_iter().partition(|it| it.has_key);
    let without = without.iter().map(|offer| Missing {
        name: offer.upstream.name.to_string(),
        how: how(asked, &offer.upstream),
    });
    let mut missing: Vec<_> = without.collect();
    let configured: Vec<_> = with_key.iter().map(|it| state(it, &entries)).collect();
    let settings = &asked.routes.settings;
    let message = match only {
        Some(_) => message_of_one(&configured, &missing),
        None => message(&configured, &missing, settings.catalogue.fetch),
    };
    let holder = asked.holder();
    if only.is_none() && holder.is_admin && holder.models.is_empty() {
        missing.extend(settings.left_out.iter().map(|(name, why)| Missing {
            name: name.clone(),
            how: why.clone(),
        }));
    }
    Catalogue {
        message,
        configured,
        missing,
        entries,
    }
}

/// How a caller gets a key.
fn how(asked: &Asked, upstream: &Upstream) -> String {
    let user = &asked.known.token.user.name;
    let mut how = format!("weir key set {} --user {user}", upstream.name);
    let variables = &upstream.provider().key_variables;
    let may_spend = asked.routes.settings.policy.operator_keys != OperatorKeys::Never;
    if asked.holder().is_admin && may_spend && !variables.is_empty() {
        how.push_str(&format!(
            ", or start the gateway with {}",
            variables.join(" or ")
        ));
    }
    how
}

fn state(offer: &Offer, entries: &[Entry]) -> ProviderState {
    let provider = offer.upstream.provider();
    let list = offer.list.clone().unwrap_or_default();
    let has_list = list.models.is_some();
    let of_this = |entry: &&Entry| *entry.provider == *offer.upstream.name;
    let models = entries.iter().filter(of_this).count();
    let source = match (
        has_list || offer.upstream.is_demo(),
        provider.has_shipped_models,
    ) {
        (true, _) => Some(Source::Provider),
        (false, _) if models == 0 => None,
        (false, true) => Some(Source::Shipped),
        (false, false) => Some(Source::Configured),
    };
    ProviderState {
        name: offer.upstream.name.to_string(),
        models,
        source,
        fetched_at_s: has_list.then_some(list.fetched_us / 1_000_000),
        is_absent: provider.local && list.error.as_ref().is_some_and(|it| it.is_absence()),
        hint: hint(offer),
        error: list.error.map(|error| error.to_string()),
        is_pending: offer.list.is_some() && list.is_pending,
        needs_key: provider.auth != Auth::None,
    }
}

/// What can be done where a provider does not tell its models.
fn hint(offer: &Offer) -> Option<String> {
    let provider = offer.upstream.provider();
    let error = offer.list.as_ref().and_then(|list| list.error.as_ref());
    let is_refused = error.is_some_and(|error| error.is_refusal());
    match provider.models_api() {
        ModelsApi::Bedrock if is_refused => Some(
            "its lists need the permissions `bedrock:ListFoundationModels` and `bedrock:ListInferenceProfiles`".to_owned(),
        ),
        // The header with the project needs more than calls do.
        ModelsApi::Vertex if is_refused => Some(format!(
            "its list needs the permission `serviceusage.services.use` on the project; its models are called as `{}/<model>` all the same",
            provider.name
        )),
        ModelsApi::None if !offer.upstream.is_demo() => {
            let name = &provider.name;
            let (what, one) = match provider.layout {
                Layout::Azure => ("deployments", "deployment"),
                _ => ("models", "model"),
            };
            Some(format!(
                "its {what} cannot be listed with a key: name them in `providers.{name}.models`, or call one as `{name}/<{one}>`"
            ))
        }
        _ => None,
    }
}

fn message_of_one(configured: &[ProviderState], missing: &[Missing]) -> String {
    let Some(state) = configured.first() else {
        let how = missing.first().map_or("", |it| it.how.as_str());
        return format!("You have no key for this provider: {how}");
    };
    let name = &state.name;
    let mut message = match &state.error {
        _ if state.is_pending => format!("`{name}` is still being asked."),
        Some(why) if state.is_absent => format!("`{name}` is not running: {why}."),
        Some(why) => format!("`{name}` did not give its list: {why}."),
        None if state.fetched_at_s.is_some() => format!("`{name}` answers."),
        None => format!("`{name}` can be used."),
    };
    if let Some(hint) = &state.hint {
        message.push_str(&format!(" Of {name}: {hint}."));
    }
    message
}

fn message(configured: &[ProviderState], missing: &[Missing], is_fetching: bool) -> String {
    if let Some(first) = missing.first()
        && !configured.iter().any(|it| it.needs_key)
    {
        return format!(
            "No provider key yet: add one, for example with `{}`. Models of servers on this machine and of the demo need none.",
            first.how
        );
    }
    if !is_fetching {
        return format!(
            "{} can be used. Their own lists are not fetched (`catalogue.fetch` is off).",
            counted(configured.len())
        );
    }
    let present = configured.iter().filter(|it| !it.is_absent);
    let (failed, others): (Vec<_>, Vec<_>) = present.partition(|it| it.error.is_some());
    let (pending, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|it| it.is_pending);
    let (silent, well): (Vec<_>, Vec<_>) = others.into_iter().partition(|it| it.is_silent());
    let verb = if well.len() == 1 { "answers" } else { "answer" };
    let mut message = format!("{} {verb}", counted(well.len()));
    if !failed.is_empty() {
        let told = failed.iter().take(NAMED_MAX).map(|it| {
            let why = it.error.as_deref().unwrap_or_default();
            format!("{} ({why})", it.name)
        });
        let told = told.collect::<Vec<_>>().join(", ");
        message.push_str(&format!(", {} failed: {told}", failed.len()));
    }
    if !pending.is_empty() {
        message.push_str(&format!(", {} still being asked", pending.len()));
    }
    message.push('.');
    for state in failed.into_iter().chain(silent).take(NAMED_MAX) {
        if let Some(hint) = &state.hint {
            message.push_str(&format!(" Of {}: {hint}.", state.name));
        }
    }
    message
}

impl ProviderState {
    /// Whether it can be used and shows nothing that could be.
    fn is_silent(&self) -> bool {
        self.models == 0 && self.hint.is_some()
    }
}

fn counted(providers: usize) -> String {
    let noun = if providers == 1 {
        "provider"
    } else {
        "providers"
    };
    format!("{providers} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(name: &str, error: Option<&str>) -> ProviderState {
        ProviderState {
            name: name.to_owned(),
            models: 1,
            source: Some(Source::Provider),
            fetched_at_s: None,
            error: error.map(str::to_owned),
            hint: None,
            is_pending: false,
            is_absent: false,
            needs_key: true,
        }
    }

    #[test]
    fn the_message_says_what_to_do_or_who_failed() {
        let missing = [Missing {
            name: "groq".to_owned(),
            how: "weir key set groq --user ann".to_owned(),
        }];
        let demo = ProviderState {
            needs_key: false,
            ..state("demo", None)
        };
        let none = message(&[demo], &missing, true);
        assert!(none.starts_with("No provider key yet") && none.contains("set groq --user ann"));
        let pending = ProviderState {
            is_pending: true,
            ..state("d", None)
        };
        let absent = ProviderState {
            is_absent: true,
            ..state("ollama", Some("it cannot be reached: connection refused"))
        };
        let all = [
            state("a", None),
            state("b", None),
            state("c", Some("it answered 500")),
            pending,
            absent,
        ];
        assert_eq!(
            message(&all, &missing, true),
            "2 providers answer, 1 failed: c (it answered 500), 1 still being asked."
        );
        assert_eq!(message(&all[..1], &[], true), "1 provider answers.");
        let silent = ProviderState {
            models: 0,
            hint: Some("name its deployments".to_owned()),
            ..state("azure", None)
        };
        assert_eq!(
            message(&[state("a", None), silent], &[], true),
            "1 provider answers. Of azure: name its deployments."
        );
        assert!(message(&all[..1], &[], false).contains("catalogue.fetch"));
    }
}
