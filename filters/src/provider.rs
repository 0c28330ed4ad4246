//! A provider at run time: its settings beside its keys, and where each of them is sent.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use weir_config::{Auth, BaseUrl, Credential, Policy, Provider, Settings};
use weir_store::OpenKey;

use crate::clock::Clock;
use crate::credential::{CredentialError, FetchToken, Proof, Signing};
use crate::health::{Switch, Switchboard};
use crate::site::Site;
pub use crate::site::{Address, Location, ResolveError};

/// Headers that are ours to set.
const RESERVED: [HeaderName; 6] = [
    http::header::HOST,
    http::header::CONTENT_LENGTH,
    http::header::CONTENT_TYPE,
    http::header::TRANSFER_ENCODING,
    http::header::CONNECTION,
    http::header::ACCEPT_ENCODING,
];

/// Whose provider key it is; the answer to "who must mend it".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOwner {
    /// The caller's own.
    Caller,
    /// The operator's, from the configuration.
    Operator,
    /// The provider needs none.
    Nobody,
}

/// A provider key as it travels. It has neither `Debug` nor `Display`.
pub struct UpstreamKey {
    /// The key's name in rows and messages; never the secret.
    pub id: Arc<str>,
    /// Whose it is.
    pub owner: KeyOwner,
    /// Its share among the keys of one target.
    pub weight: u32,
    /// Where it is to be sent instead of to the provider's address, and nowhere else: an endpoint of its owner's own, or the
    /// provider's in the region and project that the key belongs to.
    pub site: Option<Site>,
    /// Whether that place is of the caller's choosing: nothing of the operator's goes there but the request.
    is_elsewhere: bool,
    proof: Proof,
    pub(crate) switch: Arc<Switch>,
}

impl UpstreamKey {
    /// A key for a provider that needs none.
    fn nobodys(switchboard: &Switchboard) -> Self {
        Self {
            id: Arc::from("none"),
            owner: KeyOwner::Nobody,
            weight: 1,
            site: None,
            is_elsewhere: false,
            proof: Proof::Nothing,
            switch: switchboard.switch("key:none".to_owned()),
        }
    }

    /// A key from its text; `None` where it does not suit the provider, or would be sent where `policy` does not let it.
    fn new(
        id: &str,
        owner: KeyOwner,
        weight: u32,
        provider: &Provider,
        policy: &Policy,
        secret: &str,
        switchboard: &Switchboard,
    ) -> Option<Self> {
        let credential = Credential::parse(secret).ok()?;
        let may_be_private = owner == KeyOwner::Operator || policy.private_endpoints;
        if !may_be_private && credential.check_endpoint().is_err() {
            return None;
        }
        let site = match own_address(provider, owner, &credential) {
            None => None,
            Some(url) if may_be_private || credential.endpoint().is_none() => Some(Site::new(url)?),
            Some(url) => Some(Site::named_by_others(url)?),
        };
        let is_elsewhere = owner == KeyOwner::Caller && credential.endpoint().is_some();
        // A replaced secret is another key: it must not inherit what the old one was set aside for.
        let name = format!("key:{id}:{:x}", fingerprint(secret));
        let region = provider.region.as_deref();
        let cell = || switchboard.tokens.cell(name.clone());
        Some(Self {
            id: Arc::from(id),
            owner,
            weight: weight.max(1),
            site,
            is_elsewhere,
            proof: Proof::new(credential, provider.auth, region, cell)?,
            switch: switchboard.switch(name),
        })
    }

    /// The headers that prove the key for a request that is about to be sent.
    ///
    /// # Errors
    /// If it needs a token that cannot be had, or cannot sign.
    pub async fn authorize(
        &self,
        request: &Signing<'_>,
        tokens: &dyn FetchToken,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, CredentialError> {
        self.proof.headers(request, tokens).await
    }

    /// The header of a key that is sent in the same one always, so that [`UpstreamKey::authorize`] need not be called.
    pub(crate) fn static_header(&self) -> Option<(&HeaderName, &HeaderValue)> {
        match &self.proof {
            Proof::Header(name, value) => Some((name, value)),
            _ => None,
        }
    }

    /// Whether it is sent to an endpoint that its owner, a caller, has named.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.is_elsewhere
    }

    /// Whether each request must be authorised on its own.
    pub fn is_dynamic(&self) -> bool {
        matches!(self.proof, Proof::Aws { .. } | Proof::Token { .. })
    }

    /// A provider's message without the key, should it quote it.
    pub(crate) fn redact(&self, message: &str) -> String {
        match self.proof.redact(message.as_bytes()) {
            Some(clean) => String::from_utf8_lossy(&clean).into_owned(),
            None => message.to_owned(),
        }
    }

    /// The same of bytes, which mostly quote nothing and then stay as they are.
    pub(crate) fn redact_bytes(&self, said: Bytes) -> Bytes {
        self.proof.redact(&said).map_or(said, Bytes::from)
    }

    /// Whether somebody quotes the key.
    pub(crate) fn is_quoted_in(&self, said: &[u8]) -> bool {
        self.proof.redact(said).is_some()
    }
}

/// Where a key is to be sent, if not to the provider's address. A service account that an operator gives may belong to
/// another project than the one it works in, so only a caller's own says which.
fn own_address(provider: &Provider, owner: KeyOwner, credential: &Credential) -> Option<BaseUrl> {
    match credential {
        Credential::Aws(key) => provider.address_in(key.region.as_deref(), None),
        Credential::ServiceAccount(account) if owner == KeyOwner::Caller => {
            provider.address_in(None, account.project_id.as_deref())
        }
        _ => {
            let endpoint = credential.endpoint()?.clone();
            Some(provider.layout.without_surplus(endpoint))
        }
    }
}

/// Tells secrets of this process's memory apart, and nothing about them.
fn fingerprint(secret: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    secret.hash(&mut hasher);
    hasher.finish()
}

/// A provider and what is needed to reach it.
pub struct Upstream {
    /// The provider's name.
    pub name: Arc<str>,
    /// The operator's keys.
    pub operator_keys: Vec<Arc<UpstreamKey>>,
    /// The value of the `Host` header, of keys without a site of their own.
    pub host: HeaderValue,
    /// Headers that the operator adds to requests.
    headers: Vec<(HeaderName, HeaderValue)>,
    settings: Arc<Settings>,
    site: Site,
}

impl Upstream {
    /// The provider `name` of these settings.
    pub fn new(settings: &Arc<Settings>, name: &str, switchboard: &Switchboard) -> Option<Self> {
        let provider = settings.providers.get(name)?;
        let keys = provider.keys.iter().filter_map(|key| {
            UpstreamKey::new(
                &key.id,
                KeyOwner::Operator,
                key.weight,
                provider,
                &settings.policy,
                key.secret.expose(),
                switchboard,
            )
            .map(Arc::new)
        });
        let mut operator_keys: Vec<_> = keys.collect();
        if provider.local || provider.auth == Auth::None {
            operator_keys.push(Arc::new(UpstreamKey::nobodys(switchboard)));
        }
        let site = Site::new(provider.base_url.clone())?;
        Some(Self {
            name: Arc::from(name),
            host: site.host.clone(),
            headers: own_headers(provider),
            operator_keys,
            settings: Arc::clone(settings),
            site,
        })
    }

    /// The provider's settings.
    pub fn provider(&self) -> &Provider {
        // The name was found in these very settings by `new`, and settings never change.
        &self.settings.providers[&*self.name]
    }

    /// A caller's own key for this provider; `None` where it does not suit it.
    pub fn own_key(&self, key: &OpenKey, switchboard: &Switchboard) -> Option<UpstreamKey> {
        UpstreamKey::new(
            &key.id,
            KeyOwner::Caller,
            key.weight,
            self.provider(),
            &self.settings.policy,
            key.secret.expose(),
            switchboard,
        )
    }

    /// Whether the provider answers from within this process.
    pub fn is_demo(&self) -> bool {
        self.provider().kind == weir_config::ProviderKind::Demo
    }

    /// Where a key is sent to: its own site, else the provider's.
    pub fn site<'a>(&'a self, key: &'a UpstreamKey) -> &'a Site {
        key.site.as_ref().unwrap_or(&self.site)
    }

    /// The operator's own headers for a request with this key: they may hold secrets of the operator's, so an endpoint that
    /// a caller has named gets none of them.
    pub fn headers(&self, key: &UpstreamKey) -> &[(HeaderName, HeaderValue)] {
        if key.is_elsewhere { &[] } else { &self.headers }
    }

    /// The address to talk to. After a failed connect `turn` moves on to the next address.
    pub async fn address(&self, clock: &Clock, turn: usize) -> Result<Arc<Address>, ResolveError> {
        let timeouts = &self.provider().timeouts;
        self.site.address(timeouts, clock, turn).await
    }

    /// As [`Upstream::address`], for a key that may have a site of its own.
    pub async fn address_for(
        &self,
        key: &UpstreamKey,
        clock: &Clock,
        turn: usize,
    ) -> Result<Arc<Address>, ResolveError> {
        let timeouts = &self.provider().timeouts;
        self.site(key).address(timeouts, clock, turn).await
    }

    /// The path and query of one of the provider's operations, where a key is sent to.
    pub fn path_for(&self, key: &UpstreamKey, name: &str, model: &str) -> String {
        self.provider()
            .path_at(&self.site(key).base_url, name, model)
    }
}

/// The operator's headers, as the configuration has checked them; what stands for a header of ours is left out.
fn own_headers(provider: &Provider) -> Vec<(HeaderName, HeaderValue)> {
    let pairs = provider.headers.iter();
    pairs
        .filter_map(|(name, value)| {
            let name = HeaderName::try_from(name).ok()?;
            Some((name, HeaderValue::try_from(value).ok()?))
        })
        .filter(|(name, _)| !RESERVED.contains(name))
        .collect()
}

#[cfg(test)]
mod tests;
