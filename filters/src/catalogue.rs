//! Which models there are for a caller: what the configuration names, and the providers' own lists, fetched with the keys
//! that this caller may use. Nothing is fetched but when a caller asks for models.

mod assemble;
mod describe;
mod fetch;
mod lists;
mod parameters;
mod place;
mod report;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use weir_wire::body::MAX_MODEL_BYTES;
use weir_wire::model_catalogue::Entry;

use crate::allow::{AUTO, AllowError};
use crate::directory::Known;
use crate::gateway::Gateway;
use crate::identify::{self, Credential};
use crate::plan::{self, Holder, Plan, PlanError, Unplannable};
use crate::provider::Upstream;
use crate::refusal::Refusal;
use crate::routes::Routes;

use assemble::Offer;
pub(crate) use lists::Lists;
pub use report::{Catalogue, Missing, ProviderState};

/// How long a list of models waits for providers that were never asked: Claude Code gives up after 3 s.
const WAIT: Duration = Duration::from_secs(1);
/// The same where somebody wants to know what is wrong with a provider.
const WAIT_FOR_REPORT: Duration = Duration::from_secs(5);

impl Gateway {
    /// The models a caller can use now, for `GET /v1/models`. Takes no request from the caller's limits, so that a client's
    /// model menu cannot use them up.
    pub async fn models(
        self: &Arc<Self>,
        credential: Option<&Credential>,
    ) -> Result<Vec<Entry>, Refusal> {
        let asked = Asked::new(self, credential).await?;
        let offers = asked.offers(self, |_| true, WAIT).await;
        Ok(assemble::entries(&asked.routes, asked.holder(), &offers))
    }

    /// One model, for `GET /v1/models/{id}`, if this caller can use it.
    pub async fn model(
        self: &Arc<Self>,
        credential: Option<&Credential>,
        name: &str,
    ) -> Result<Entry, Refusal> {
        let asked = Asked::new(self, credential).await?;
        asked.plan(name)?;
        let meant = asked.meant(name);
        let first = assemble::first_of(&asked.routes, &meant);
        let leads_there = |upstream: &Upstream| {
            let first = first.as_ref();
            first.is_some_and(|it| it.upstream.name == upstream.name)
        };
        let offers = asked.offers(self, leads_there, WAIT).await;
        let mut entry = assemble::entry(&asked.routes, &offers, &meant);
        name.clone_into(&mut entry.id);
        Ok(entry)
    }

    /// The models and what is to be said of the providers, for `GET /api/catalogue`; of one provider alone where `only`
    /// names it. None where there is no provider of that name.
    pub async fn catalogue(
        self: &Arc<Self>,
        credential: Option<&Credential>,
        only: Option<&str>,
    ) -> Result<Option<Catalogue>, Refusal> {
        let asked = Asked::new(self, credential).await?;
        let is_meant = |upstream: &Upstream| only.is_none_or(|only| *upstream.name == *only);
        if only.is_some() && !asked.routes.upstreams().any(|it| is_meant(it)) {
            return Ok(None);
        }
        let offers = asked.offers(self, is_meant, WAIT_FOR_REPORT).await;
        let mut entries = assemble::entries(&asked.routes, asked.holder(), &offers);
        if let Some(only) = only {
            entries.retain(|entry| entry.provider == only);
        }
        Ok(Some(report::report(&asked, entries, offers, only)))
    }
}

/// Who asks, and the routes of now.
struct Asked {
    known: Arc<Known>,
    routes: Arc<Routes>,
}

impl Asked {
    async fn new(gateway: &Gateway, credential: Option<&Credential>) -> Result<Self, Refusal> {
        let caller = identify::identify(&gateway.directory, &gateway.clock, credential).await?;
        Ok(Self {
            known: caller.known,
            routes: gateway.routes(),
        })
    }

    fn holder(&self) -> Holder<'_> {
        self.known.holder()
    }

    /// The name that is meant: the default's where `auto` is asked for.
    fn meant(&self, name: &str) -> Arc<str> {
        let default = self.routes.default_model().filter(|_| name == AUTO);
        default.unwrap_or_else(|| Arc::from(name))
    }

    /// The plan of a name, or why a call to it would be refused.
    fn plan(&self, name: &str) -> Result<Plan, Refusal> {
        if !is_name(name) {
            return Err(self.not_found(name));
        }
        let built = plan::build(&self.routes, self.holder(), &self.meant(name));
        built.map_err(|why| match why {
            Unplannable::NotFound => self.not_found(name),
            Unplannable::NoKey(provider) => {
                Refusal::Plan(PlanError::without_key(self.holder(), provider))
            }
        })
    }

    /// What the providers that are meant, and that this caller may reach, offer: fetched where that is due, and waited for
    /// where nothing is known yet.
    async fn offers(
        &self,
        gateway: &Arc<Gateway>,
        is_meant: impl Fn(&Upstream) -> bool,
        wait: Duration,
    ) -> Vec<Offer> {
        let until = Instant::now() + wait;
        let holder = self.holder();
        let now_us = gateway.clock.now_us();
        let mut asked = Vec::new();
        for upstream in self.routes.upstreams() {
            if !is_meant(upstream) || !assemble::may_reach(&self.routes, holder, upstream) {
                continue;
            }
            let keys = plan::usable_keys(&self.routes, holder, upstream);
            let rested = keys.iter().find(|key| !key.switch.is_open(now_us));
            let slot = rested
                .or(keys.first())
                .filter(|_| self.routes.settings.catalogue.fetch && place::has_list(upstream))
                .map(|key| gateway.lists.of(gateway, upstream, key));
            asked.push((Arc::clone(upstream), !keys.is_empty(), slot));
        }
        let mut offers = Vec::with_capacity(asked.len());
        for (upstream, has_key, slot) in asked {
            if let Some(slot) = &slot {
                slot.wait(until).await;
            }
            offers.push(Offer {
                upstream,
                has_key,
                list: slot.map(|slot| slot.seen()),
            });
        }
        offers
    }

    fn not_found(&self, name: &str) -> Refusal {
        let nearest = if is_name(name) {
            self.routes.nearest(self.holder(), name)
        } else {
            Vec::new()
        };
        Refusal::Allow(AllowError::NotFound {
            model: name.chars().take(200).collect(),
            nearest,
        })
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_MODEL_BYTES
}
