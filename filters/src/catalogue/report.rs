//! What is said of the providers beside their models, for people who wonder why one is missing.

use weir_config::Auth;
use weir_wire::model_catalogue::{Entry, Source};

use super::Asked;
use super::assemble::Offer;

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
    /// Where most of what is told of it comes from.
    pub source: Source,
    /// When its own list was fetched, seconds since the Unix epoch; none where there is none.
    pub fetched_at_s: Option<i64>,
    /// Why its list could not be fetched the last time.
    pub error: Option<String>,
    /// Whether it is still being asked for the first time.
    pub is_pending: bool,
    /// Whether the error is a server on this machine that is not running.
    pub is_absent: bool,
    needs_key: bool,
}

/// A provider for which the caller has no key.
pub struct Missing {
    /// Its name.
    pub name: String,
    /// How that is mended.
    pub how: String,
}

/// Says it.
pub(super) fn report(asked: &Asked, entries: Vec<Entry>, offers: Vec<Offer>) -> Catalogue {
    let user = &asked.known.token.user.name;
    let (with_key, without): (Vec<_>, Vec<_>) = offers.into_iter().partition(|it| it.has_key);
    let missing: Vec<_> = without
        .into_iter()
        .map(|offer| Missing {
            how: format!("weir key set {} --user {user}", offer.upstream.name),
            name: offer.upstream.name.to_string(),
        })
        .collect();
    let configured: Vec<_> = with_key.iter().map(|it| state(it, &entries)).collect();
    Catalogue {
        message: message(&configured, &missing, asked.routes.settings.catalogue.fetch),
        configured,
        missing,
        entries,
    }
}

fn state(offer: &Offer, entries: &[Entry]) -> ProviderState {
    let provider = offer.upstream.provider();
    let list = offer.list.clone().unwrap_or_default();
    let has_list = list.models.is_some();
    let of_this = |entry: &&Entry| *entry.provider == *offer.upstream.name;
    ProviderState {
        name: offer.upstream.name.to_string(),
        models: entries.iter().filter(of_this).count(),
        source: match (
            has_list || offer.upstream.is_demo(),
            provider.has_shipped_models,
        ) {
            (true, _) => Source::Provider,
            (false, true) => Source::Shipped,
            (false, false) => Source::Configured,
        },
        fetched_at_s: has_list.then_some(list.fetched_us / 1_000_000),
        is_absent: provider.local && list.error.as_ref().is_some_and(|it| it.is_absence()),
        error: list.error.map(|error| error.to_string()),
        is_pending: offer.list.is_some() && list.is_pending,
        needs_key: provider.auth != Auth::None,
    }
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
    let (pending, well): (Vec<_>, Vec<_>) = others.into_iter().partition(|it| it.is_pending);
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
    message
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
            source: Source::Provider,
            fetched_at_s: None,
            error: error.map(str::to_owned),
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
        assert!(message(&all[..1], &[], false).contains("catalogue.fetch"));
    }
}
