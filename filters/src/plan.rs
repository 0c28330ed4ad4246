//! Ask -> Plan: the ordered targets a call may be sent to, each with the keys this caller may use there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::HeaderValue;
use thiserror::Error;
use weir_config::{OperatorKeys, Price};
use weir_store::OpenKey;
use weir_wire::format::Format;

use crate::allow::{self, AllowError};
use crate::ask::{Allowed, Endpoint};
use crate::health::Switch;
use crate::provider::{KeyOwner, Upstream, UpstreamKey};
use crate::routes::{Candidate, Routes};
use crate::way::Way;

/// Targets of one plan; what a configuration names beyond is not tried.
const TARGETS_MAX: usize = 16;

/// Where a call may go, in order. Remembered per token and model, so that planning costs a look-up.
pub struct Plan {
    /// At least one target.
    pub targets: Vec<Target>,
}

/// A provider's model and the keys for it.
pub struct Target {
    /// The provider.
    pub upstream: Arc<Upstream>,
    /// The provider's own name of the model.
    pub model: Arc<str>,
    /// What it costs; `None` where no price is known.
    pub price: Option<Price>,
    /// The formats in which the provider serves this model.
    pub formats: Vec<Format>,
    pub(crate) keys: Vec<Arc<UpstreamKey>>,
    pub(crate) switch: Arc<Switch>,
    /// The names as the client is told them.
    pub(crate) provider_header: HeaderValue,
    pub(crate) model_header: HeaderValue,
    turn: AtomicUsize,
}

impl Target {
    /// The most tokens the model can answer with, as the configuration or its price says.
    pub(crate) fn output_limit(&self) -> Option<u64> {
        let configured = self.upstream.provider().max_output_tokens(&self.model);
        configured.or_else(|| self.price.as_ref()?.max_output_tokens)
    }

    /// The keys to try, the next in turn first: a weighted round, so that every key gets its share without chance.
    pub(crate) fn keys_in_turn(&self) -> impl Iterator<Item = &Arc<UpstreamKey>> {
        let first = if self.keys.len() < 2 {
            0
        } else {
            let total: usize = self.keys.iter().map(|key| key.weight as usize).sum();
            let mut at = self.turn.fetch_add(1, Ordering::Relaxed) % total;
            self.keys
                .iter()
                .position(|key| {
                    let weight = key.weight as usize;
                    let is_here = at < weight;
                    at = at.saturating_sub(weight);
                    is_here
                })
                .unwrap_or(0)
        };
        self.keys.iter().cycle().skip(first).take(self.keys.len())
    }
}

/// What of a caller decides which targets it may use.
#[derive(Clone, Copy)]
pub struct Holder<'a> {
    /// The user's own provider keys.
    pub keys: &'a [OpenKey],
    /// Whether the user is an administrator.
    pub is_admin: bool,
    /// The token's model allow-list; empty for all.
    pub models: &'a [String],
}

/// An ask with its plan: made by `plan` alone.
pub struct Planned {
    pub(crate) allowed: Allowed,
    pub(crate) plan: Arc<Plan>,
    pub(crate) routes: Arc<Routes>,
}

/// Why no plan could be made.
#[derive(Debug, Error)]
pub enum PlanError {
    /// The model is unknown or not this caller's.
    #[error(transparent)]
    NotFound(#[from] AllowError),
    /// There is a provider for the model, but no key this caller may use there.
    #[error(
        "no API key for provider `{provider}` is yours to use: add one with `weir key set {provider} --user <you>`, or ask your administrator"
    )]
    NoKey {
        /// The provider without a key.
        provider: Arc<str>,
    },
    /// The caller's own key does not suit the provider's settings, or may not be sent where it wants to be.
    #[error(
        "your own key for provider `{provider}` cannot be used: it does not suit the provider, or its endpoint is not allowed \
         here; replace it with `weir key set {provider} --user <you>`, or remove it"
    )]
    UnusableKey {
        /// The provider whose key it is.
        provider: Arc<str>,
    },
    /// What a provider keeps belongs to its key's account, and the caller has none there.
    #[error(
        "this route reaches what provider `{provider}` keeps for the owner of a key, so it needs a key of your own: add one with `weir key set {provider} --user <you>`"
    )]
    NoOwnKey {
        /// The provider without a key.
        provider: Arc<str>,
    },
    /// The provider takes no keys, so what it keeps and runs is everybody's.
    #[error(
        "provider `{provider}` takes no keys, so only administrators may use its own routes: they could change what everybody uses"
    )]
    Shared {
        /// The provider.
        provider: Arc<str>,
    },
    /// Nobody passes such requests on.
    #[error("no provider is configured for this route (`{provider}` was asked for)")]
    NoPass {
        /// The provider that the URL named.
        provider: String,
    },
    /// Nobody knows what could be done with the model here.
    #[error(
        "no operation of this gateway is known for the model `{model}` of `{provider}`; the provider's own API is reached at `/providers/{provider}/`"
    )]
    NoOperation {
        /// The model.
        model: Arc<str>,
        /// The provider.
        provider: Arc<str>,
    },
    /// The provider does not serve this operation.
    #[error("the model `{model}` is not served at this endpoint by `{provider}`")]
    Endpoint {
        /// The model asked for.
        model: Arc<str>,
        /// The provider.
        provider: Arc<str>,
    },
}

/// Plans the call.
pub fn plan(routes: &Arc<Routes>, allowed: Allowed) -> Result<Planned, PlanError> {
    let known = &allowed.ask.admitted.caller.known;
    let pinned = allowed.ask.inbound.provider.as_deref();
    let name = match pinned {
        Some(provider) => Arc::from(format!("{provider}\0{}", allowed.model)),
        None => Arc::clone(&allowed.model),
    };
    let plan = match known.plans.get(routes.generation, &name) {
        Some(plan) => plan,
        None => {
            let built = build(routes, known.holder(), &allowed.model);
            let built = built.and_then(|plan| at(plan, pinned));
            let plan = Arc::new(built.map_err(|why| why.into_error(routes, &allowed))?);
            known.plans.put(routes.generation, name, Arc::clone(&plan));
            plan
        }
    };
    let endpoint = allowed.ask.inbound.endpoint;
    // Where nobody counts tokens they are estimated here.
    let is_served = endpoint.counts() || plan.targets.iter().any(|it| serves(it, endpoint));
    if !is_served {
        return Err(PlanError::Endpoint {
            model: Arc::clone(&allowed.model),
            provider: Arc::clone(&plan.targets[0].upstream.name),
        });
    }
    Ok(Planned {
        allowed,
        plan,
        routes: Arc::clone(routes),
    })
}

/// Plans a request that is passed on as it is. Files, batches and whatever else a provider keeps belong to the account of
/// the key: only the caller's own keys are used, and the operator's for administrators, so that nobody reaches what another
/// user has left there. The same holds where no key is needed: a local engine's own routes load and delete models.
pub(crate) fn plan_pass(routes: &Arc<Routes>, allowed: Allowed) -> Result<Planned, PlanError> {
    let known = &allowed.ask.admitted.caller.known;
    let holder = known.holder();
    let pinned = allowed.ask.inbound.provider.as_deref();
    let mut without_key = None;
    for upstream in routes.pass_candidates(pinned) {
        let mut keys = usable_keys(routes, holder, upstream);
        let is_shared = keys.iter().any(|key| key.owner == KeyOwner::Nobody);
        keys.retain(|key| key.owner == KeyOwner::Caller || holder.is_admin);
        if keys.is_empty() {
            without_key.get_or_insert((Arc::clone(&upstream.name), is_shared));
            continue;
        }
        let candidate = Candidate {
            upstream: Arc::clone(upstream),
            model: passed_model(&allowed),
        };
        let name = format!("{}/{}", upstream.name, candidate.model);
        let plan = Arc::new(Plan {
            targets: vec![target(routes, candidate, keys, &name)],
        });
        return Ok(Planned {
            allowed,
            plan,
            routes: Arc::clone(routes),
        });
    }
    Err(match without_key {
        Some((provider, true)) => PlanError::Shared { provider },
        Some((provider, false)) => PlanError::NoOwnKey { provider },
        None => PlanError::NoPass {
            provider: pinned.unwrap_or("any").to_owned(),
        },
    })
}

/// The model that a passed request is for: as its body says, else its path.
fn passed_model(allowed: &Allowed) -> Arc<str> {
    let pass = allowed.ask.inbound.pass.as_ref();
    match pass.filter(|_| allowed.model.is_empty()) {
        Some(pass) => Arc::from(pass.model_in_path().unwrap_or_default()),
        None => Arc::clone(&allowed.model),
    }
}

/// Whether a target's provider serves an operation.
pub(crate) fn serves(target: &Target, endpoint: Endpoint) -> bool {
    Way::of(target, endpoint).is_some()
}

/// Why [`build`] found no target.
pub(crate) enum Unplannable {
    NotFound,
    NoKey(Arc<str>),
}

impl Unplannable {
    fn into_error(self, routes: &Routes, allowed: &Allowed) -> PlanError {
        match self {
            Self::NotFound => {
                PlanError::NotFound(allow::not_found(routes, &allowed.ask, &allowed.model))
            }
            Self::NoKey(provider) => {
                PlanError::without_key(allowed.ask.admitted.caller.known.holder(), provider)
            }
        }
    }
}

impl PlanError {
    /// Why a caller has no key to use at a provider.
    pub(crate) fn without_key(holder: Holder<'_>, provider: Arc<str>) -> Self {
        match holder.keys.iter().any(|key| key.provider == *provider) {
            true => Self::UnusableKey { provider },
            false => Self::NoKey { provider },
        }
    }
}

/// The plan of one name for one caller.
pub(crate) fn build(routes: &Routes, holder: Holder<'_>, asked: &str) -> Result<Plan, Unplannable> {
    let patterns = holder.models;
    let is_whole = allow::permits(patterns, asked);
    let mut targets = Vec::new();
    let mut without_key = None;
    for candidate in routes.candidates(asked) {
        let name = format!("{}/{}", candidate.upstream.name, candidate.model);
        if !is_whole && !allow::permits(patterns, &name) {
            continue;
        }
        let keys = usable_keys(routes, holder, &candidate.upstream);
        if keys.is_empty() {
            without_key.get_or_insert(Arc::clone(&candidate.upstream.name));
        } else if targets.len() < TARGETS_MAX {
            targets.push(target(routes, candidate, keys, &name));
        }
    }
    match (targets.is_empty(), without_key) {
        (false, _) => Ok(Plan { targets }),
        (true, Some(provider)) => Err(Unplannable::NoKey(provider)),
        (true, None) => Err(Unplannable::NotFound),
    }
}

/// What of a plan is at the one provider that the URL names: whoever names it wants no other, fallbacks included.
fn at(mut plan: Plan, pinned: Option<&str>) -> Result<Plan, Unplannable> {
    let Some(provider) = pinned else {
        return Ok(plan);
    };
    plan.targets.retain(|it| *it.upstream.name == *provider);
    if plan.targets.is_empty() {
        return Err(Unplannable::NoKey(Arc::from(provider)));
    }
    Ok(plan)
}

fn target(
    routes: &Routes,
    candidate: Candidate,
    keys: Vec<Arc<UpstreamKey>>,
    name: &str,
) -> Target {
    let prices = &routes.settings.prices;
    // A caller's own endpoint says nothing about the provider's: its failures must not rest the target for everybody.
    let elsewhere = keys.iter().find(|key| key.is_elsewhere());
    let switch = match elsewhere {
        Some(key) => format!("target:{name}@{}", key.id),
        None => format!("target:{name}"),
    };
    let price = prices.find(&candidate.upstream.name, &candidate.model);
    Target {
        price: price.cloned(),
        formats: candidate.upstream.provider().formats_for(&candidate.model),
        switch: routes.switchboard.switch(switch),
        keys,
        turn: AtomicUsize::new(0),
        provider_header: as_header(&candidate.upstream.name),
        model_header: as_header(&candidate.model),
        upstream: candidate.upstream,
        model: candidate.model,
    }
}

/// A name in a header; one that cannot stand there is left out rather than refused.
fn as_header(name: &str) -> HeaderValue {
    HeaderValue::from_str(name).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The caller's own keys for the provider; where there are none, the operator's if the policy lets this caller use them.
pub(crate) fn usable_keys(
    routes: &Routes,
    holder: Holder<'_>,
    upstream: &Upstream,
) -> Vec<Arc<UpstreamKey>> {
    let own: Vec<_> = holder
        .keys
        .iter()
        .filter(|key| key.provider == *upstream.name)
        .filter_map(|key| upstream.own_key(key, &routes.switchboard))
        .map(Arc::new)
        .collect();
    // Who has a key of their own there means it to be used: one that cannot be is no reason to spend the operator's.
    if holder.keys.iter().any(|key| key.provider == *upstream.name) {
        return own;
    }
    let may_spend = match routes.settings.policy.operator_keys {
        OperatorKeys::Everyone => true,
        OperatorKeys::Admins => holder.is_admin,
        OperatorKeys::Never => false,
    };
    let operator = upstream.operator_keys.iter();
    operator
        .filter(|key| may_spend || key.owner == KeyOwner::Nobody)
        .cloned()
        .collect()
}
