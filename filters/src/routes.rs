//! Which providers serve which names: the configuration as the way uses it, swapped whole at a reload.

use std::collections::BTreeMap;
use std::sync::Arc;

use weir_config::Settings;

use crate::health::Switchboard;
use crate::plan::{self, Holder};
use crate::provider::Upstream;

/// Names offered when a model is not found.
const NEAREST_MAX: usize = 3;

/// One place a name may lead to.
#[derive(Clone)]
pub struct Candidate {
    /// The provider.
    pub upstream: Arc<Upstream>,
    /// The provider's own name of the model.
    pub model: Arc<str>,
}

/// The routing part of one generation of the configuration.
pub struct Routes {
    /// Counts the generations, so that what was planned by an older one is not used.
    pub generation: u64,
    /// The settings it was made of.
    pub settings: Arc<Settings>,
    pub(crate) switchboard: Arc<Switchboard>,
    pub(crate) price_version: Arc<str>,
    upstreams: BTreeMap<Arc<str>, Arc<Upstream>>,
}

impl Routes {
    /// The routes of `settings`.
    pub fn new(settings: Arc<Settings>, generation: u64, switchboard: Arc<Switchboard>) -> Self {
        let upstreams = settings
            .providers
            .keys()
            .filter_map(|name| Upstream::new(&settings, name, &switchboard))
            .map(|upstream| (Arc::clone(&upstream.name), Arc::new(upstream)))
            .collect();
        Self {
            generation,
            price_version: Arc::from(settings.prices.version.as_str()),
            settings,
            switchboard,
            upstreams,
        }
    }

    /// The model that `auto` or no name at all means.
    pub fn default_model(&self) -> Option<Arc<str>> {
        self.settings.default_model.as_deref().map(Arc::from)
    }

    /// The providers, by name.
    pub(crate) fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.upstreams.values()
    }

    /// Everything a name may lead to, the best first: an alias's targets in order, or one provider's model, or every
    /// provider that knows a plain name; then the fallbacks of the name, then the global ones.
    pub fn candidates(&self, asked: &str) -> Vec<Candidate> {
        let mut found = Vec::new();
        match self.settings.aliases.get(asked) {
            Some(alias) => {
                for target in &alias.targets {
                    self.add_named(target, &mut found);
                }
            }
            None => self.add_named(asked, &mut found),
        }
        if found.is_empty() {
            return found;
        }
        let fallbacks = &self.settings.fallbacks;
        let of_first = format!("{}/{}", found[0].upstream.name, found[0].model);
        let of_name = fallbacks
            .models
            .get(asked)
            .or_else(|| fallbacks.models.get(&of_first));
        for target in of_name.into_iter().flatten().chain(&fallbacks.global) {
            match self.settings.aliases.get(target) {
                Some(alias) => {
                    for target in &alias.targets {
                        self.add_named(target, &mut found);
                    }
                }
                None => self.add_named(target, &mut found),
            }
        }
        found
    }

    /// The providers that a request may be passed on to as it is: the one that is named, else those that keep files.
    pub(crate) fn pass_candidates(&self, named: Option<&str>) -> Vec<&Arc<Upstream>> {
        let all = self.upstreams.values();
        all.filter(|upstream| match named {
            Some(named) => *upstream.name == *named && !upstream.is_demo(),
            None => upstream.provider().endpoints.files,
        })
        .collect()
    }

    fn add_named(&self, name: &str, found: &mut Vec<Candidate>) {
        if let Some((provider, model)) = name.split_once('/')
            && let Some(upstream) = self.upstreams.get(provider)
        {
            add(upstream, model, found);
            return;
        }
        for upstream in self.upstreams.values() {
            if upstream.provider().knows(name) {
                add(upstream, name, found);
            }
        }
    }

    /// The names this caller can use: aliases, and the models the providers are known for.
    pub fn names_for(&self, holder: Holder<'_>) -> Vec<String> {
        let mut names = Vec::new();
        for alias in self.settings.aliases.keys() {
            if self.is_usable(holder, alias) {
                names.push(alias.clone());
            }
        }
        for upstream in self.upstreams.values() {
            for model in upstream.provider().listed_models() {
                let name = format!("{}/{model}", upstream.name);
                if self.is_usable(holder, &name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// Whether a plan could be made of this name for this caller.
    pub fn is_usable(&self, holder: Holder<'_>, name: &str) -> bool {
        plan::build(self, holder, name).is_ok()
    }

    /// The names nearest to `asked` among those this caller can use.
    pub fn nearest(&self, holder: Holder<'_>, asked: &str) -> Vec<String> {
        let wanted = asked.to_lowercase();
        let mut scored: Vec<(f64, String)> = self
            .names_for(holder)
            .into_iter()
            .map(|name| {
                let bare = name.rsplit('/').next().unwrap_or(&name).to_lowercase();
                let whole = strsim::jaro_winkler(&name.to_lowercase(), &wanted);
                (whole.max(strsim::jaro_winkler(&bare, &wanted)), name)
            })
            .filter(|(score, _)| *score > 0.7)
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        scored.truncate(NEAREST_MAX);
        scored.into_iter().map(|(_, name)| name).collect()
    }
}

fn add(upstream: &Arc<Upstream>, model: &str, found: &mut Vec<Candidate>) {
    let is_there = found
        .iter()
        .any(|one| one.upstream.name == upstream.name && &*one.model == model);
    if !is_there && !model.is_empty() {
        found.push(Candidate {
            upstream: Arc::clone(upstream),
            model: Arc::from(model),
        });
    }
}
