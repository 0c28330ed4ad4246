//! The configuration and the providers' lists, put together into what one caller is told.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use weir_wire::model_catalogue::{Entry, Listed, Source};

use super::describe::describe;
use super::lists::Seen;
use crate::allow;
use crate::plan::Holder;
use crate::provider::Upstream;
use crate::routes::{Candidate, Routes};

/// Who serves an alias, as clients are told.
const ALIAS_OWNER: &str = "weir";

/// What one provider offers this caller.
pub(super) struct Offer {
    pub upstream: Arc<Upstream>,
    /// Whether the caller may use a key there, or needs none.
    pub has_key: bool,
    /// What is known of its own list; none where none is fetched.
    pub list: Option<Seen>,
}

impl Offer {
    /// The provider's own models, if its list is known. An empty one tells nothing.
    fn listed(&self) -> Option<&[Listed]> {
        let models = self.list.as_ref()?.models.as_deref()?;
        (!models.is_empty()).then_some(models)
    }

    fn find(&self, model: &str) -> Option<&Listed> {
        self.listed()?.iter().find(|one| one.id == model)
    }

    /// Where a name of the configuration comes from; none where the provider's own list says that it has no such model any
    /// more: what ships only stands in for a list that could not be had.
    fn source(&self, is_listed: bool) -> Option<Source> {
        let provider = self.upstream.provider();
        if self.upstream.is_demo() {
            // The demo's models are Weir's own.
            return Some(Source::Provider);
        }
        match (
            provider.has_shipped_models,
            self.listed().is_some(),
            is_listed,
        ) {
            (false, _, _) => Some(Source::Configured),
            (true, true, true) => Some(Source::Provider),
            (true, true, false) => None,
            (true, false, _) => Some(Source::Shipped),
        }
    }
}

/// Everything a caller can use: aliases, the models that are configured, and what else the providers list.
pub(super) fn entries(routes: &Routes, holder: Holder<'_>, offers: &[Offer]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for alias in routes.settings.aliases.keys() {
        if routes.is_usable(holder, alias) {
            entries.push(entry(routes, offers, alias));
        }
    }
    for offer in offers {
        of_provider(routes, holder, offer, &mut entries);
    }
    entries
}

fn of_provider(routes: &Routes, holder: Holder<'_>, offer: &Offer, entries: &mut Vec<Entry>) {
    let upstream = &offer.upstream;
    let listed = offer.listed().unwrap_or_default();
    let by_id: HashMap<&str, &Listed> = listed.iter().map(|one| (one.id.as_str(), one)).collect();
    let mut named = HashSet::new();
    let mut add = |model: &str, source, listed| {
        entries.push(Entry {
            id: format!("{}/{model}", upstream.name),
            provider: upstream.name.to_string(),
            source,
            model: describe(&routes.settings, upstream, model, listed),
        });
    };
    for model in upstream.provider().listed_models() {
        let listed = by_id.get(model).copied();
        let Some(source) = offer.source(listed.is_some()) else {
            continue;
        };
        let name = format!("{}/{model}", upstream.name);
        if named.insert(model) && routes.is_usable(holder, &name) {
            add(model, source, listed);
        }
    }
    if !offer.has_key {
        return;
    }
    for one in listed {
        let name = format!("{}/{}", upstream.name, one.id);
        if named.insert(&one.id) && allow::permits(holder.models, &name) {
            add(&one.id, Source::Provider, Some(one));
        }
    }
}

/// What is told of a name that can be used. Of an alias: what its first target is.
pub(super) fn entry(routes: &Routes, offers: &[Offer], name: &str) -> Entry {
    let is_alias = routes.settings.aliases.contains_key(name);
    let of_nothing = || Entry {
        id: name.to_owned(),
        provider: ALIAS_OWNER.to_owned(),
        source: Source::Configured,
        model: Listed::default(),
    };
    let Some(Candidate { upstream, model }) = first_of(routes, name) else {
        return of_nothing();
    };
    let offer = offers.iter().find(|it| it.upstream.name == upstream.name);
    let listed = offer.and_then(|offer| offer.find(&model));
    let mut known = describe(&routes.settings, &upstream, &model, listed);
    if is_alias {
        known.display_name = None;
        known.owned_by = None;
        return Entry {
            model: known,
            ..of_nothing()
        };
    }
    let mut configured = upstream.provider().listed_models();
    let source = match offer {
        Some(offer) if configured.any(|one| *one == *model) => offer.source(listed.is_some()),
        _ => None,
    };
    Entry {
        provider: upstream.name.to_string(),
        // A name that nobody lists reaches the provider all the same.
        source: source.unwrap_or(Source::Provider),
        model: known,
        ..of_nothing()
    }
}

/// The first place a name leads to.
pub(super) fn first_of(routes: &Routes, name: &str) -> Option<Candidate> {
    routes.candidates(name).into_iter().next()
}

/// Whether a token's allow-list leads to any model of a provider, so that the others are neither asked nor told of.
pub(super) fn may_reach(routes: &Routes, holder: Holder<'_>, upstream: &Upstream) -> bool {
    let leads_there = |name: &str| {
        let candidates = routes.candidates(name);
        candidates
            .iter()
            .any(|it| it.upstream.name == upstream.name)
    };
    let own = format!("{}/", upstream.name);
    holder.models.is_empty()
        || holder.models.iter().any(|pattern| {
            let beginning = pattern.strip_suffix('*');
            let aliases = || routes.settings.aliases.keys();
            pattern.starts_with(&own)
                || beginning.is_some_and(|it| own.starts_with(it))
                || beginning.is_none() && leads_there(pattern)
                || beginning.is_some_and(|it| {
                    aliases().any(|alias| alias.starts_with(it) && leads_there(alias))
                })
        })
}
