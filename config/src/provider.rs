//! Providers: who serves models, where, and with which keys.

use std::collections::BTreeMap;

use weir_wire::format::Format;
use weir_wire::loss::DropParams;
use weir_wire::model_catalogue::Abilities;

use crate::base_url::BaseUrl;
use crate::endpoints::{EmbeddingsApi, Endpoints, ModelsApi, Quirks};
use crate::kinds::choice;
use crate::model_options::ModelOptions;
use crate::model_pattern::ModelPattern;
use crate::path::{Layout, Paths};
use crate::secret::Secret;
use crate::settings::Timeouts;
use crate::url_template::UrlTemplate;

/// A provider as the rest of Weir uses it.
pub struct Provider {
    /// Its name, the first part of `provider/model`.
    pub name: String,
    /// Where it is reached. The demo provider, which is never reached over a network, has `http://demo.invalid`.
    pub base_url: BaseUrl,
    /// The preset of its paths.
    pub layout: Layout,
    /// The region that is addressed, where its address or its signatures name one.
    pub region: Option<String>,
    /// The project that is addressed, where its address names one.
    pub project: Option<String>,
    /// How a key is sent.
    pub auth: Auth,
    /// The formats its API offers, those first that were written first. See [`Provider::formats_for`] for one model.
    pub formats: Vec<Format>,
    /// The operator's keys; may be empty, as users may bring their own.
    pub keys: Vec<OperatorKey>,
    /// The variables that would give the operator a key, the first of each source.
    pub key_variables: Vec<String>,
    /// The models it is known for. Any other is still reached as `provider/model`.
    pub models: Vec<ModelPattern>,
    /// Whether `models` is the list that ships, and so may be older than what the provider has.
    pub has_shipped_models: bool,
    /// Where it departs from OpenAI's API.
    pub quirks: Quirks,
    /// Its timeouts: its own, else those of the `timeouts` section.
    pub timeouts: Timeouts,
    /// Headers added to every request, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// What answers.
    pub kind: ProviderKind,
    /// The operations it serves.
    pub endpoints: Endpoints,
    /// Whether it needs no key (`auth: none`).
    pub local: bool,
    pub(crate) drop_params: DropParams,
    pub(crate) model_options: ModelOptions,
    pub(crate) paths: Paths,
    /// Its address before the placeholders were filled; none for the demo.
    pub(crate) template: Option<UrlTemplate>,
}

impl Provider {
    /// Whether one of its patterns matches `model`.
    pub fn knows(&self, model: &str) -> bool {
        self.models.iter().any(|pattern| pattern.matches(model))
    }

    /// The models that can be listed: those named in full.
    pub fn listed_models(&self) -> impl Iterator<Item = &str> {
        self.models.iter().filter_map(ModelPattern::exact)
    }

    /// The formats in which it serves `model`: the model's own, else all of the provider's.
    pub fn formats_for(&self, model: &str) -> Vec<Format> {
        let own = self
            .model_options
            .find(model, |options| options.formats.as_ref());
        own.unwrap_or(&self.formats).clone()
    }

    /// What may be left out of a request to `model` that cannot be carried whole.
    pub fn drop_params(&self, model: &str) -> DropParams {
        let own = self
            .model_options
            .find(model, |options| options.drop_params);
        own.unwrap_or(self.drop_params)
    }

    /// The most tokens `model` can answer with, as far as the configuration of the provider says so. A price may too.
    pub fn max_output_tokens(&self, model: &str) -> Option<u64> {
        self.model_options
            .find(model, |options| options.max_output_tokens)
    }

    /// How it takes embeddings of `model`.
    pub fn embeddings_api(&self, model: &str) -> EmbeddingsApi {
        let own = self
            .model_options
            .find(model, |options| options.embeddings_api);
        own.unwrap_or(self.quirks.embeddings_api)
    }

    /// What the configuration says that `model` can do.
    pub fn abilities(&self, model: &str) -> Abilities {
        let own = self.model_options.find(model, |options| options.abilities);
        own.unwrap_or_default()
    }

    /// How it lists its models. A cloud's own kind of key elsewhere than at the cloud's own layout leads to a part of its API
    /// that has no list.
    pub fn models_api(&self) -> ModelsApi {
        let is_clouds = matches!(self.auth, Auth::Aws | Auth::Google | Auth::Azure);
        let of_layout = match self.layout.models_api() {
            ModelsApi::Plain if is_clouds => ModelsApi::None,
            of_layout => of_layout,
        };
        self.quirks.models_api.unwrap_or(of_layout)
    }

    /// The path (and query) of one of its operations, below its address; the names are those of the setting `paths`.
    /// A model's name is encoded so that it cannot leave its segment.
    pub fn path(&self, name: &str, model: &str) -> String {
        self.path_at(&self.base_url, name, model)
    }

    /// As [`Provider::path`], below another address, as a key may bring one.
    pub fn path_at(&self, base_url: &BaseUrl, name: &str, model: &str) -> String {
        self.paths.path(&base_url.path, name, model)
    }

    /// The address with another region or project in the operator's own URL, for a key that belongs there; none where
    /// that changes nothing, or the names could lead elsewhere.
    pub fn address_in(&self, region: Option<&str>, project: Option<&str>) -> Option<BaseUrl> {
        let is_name = |name: &&str| (crate::kinds::OPTIONAL_PLACE.read)(name).is_ok();
        let region = region.filter(is_name).or(self.region.as_deref());
        let project = project.filter(is_name).or(self.project.as_deref());
        let mut url = self
            .template
            .as_ref()?
            .fill(self.layout, region, project)
            .ok()?;
        url.unix_socket.clone_from(&self.base_url.unix_socket);
        (url != self.base_url).then_some(url)
    }
}

/// How a key is sent to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer <key>` (RFC 6750).
    Bearer,
    /// `api-key: <key>`, as Azure does.
    ApiKey,
    /// `x-api-key: <key>`, as Anthropic does.
    XApiKey,
    /// `x-goog-api-key: <key>`, as the Gemini API does.
    XGoogApiKey,
    /// Amazon's: a signature (SigV4) by an access key, or a Bedrock API key as `Authorization: Bearer`.
    Aws,
    /// Google Cloud's: a token that a service account gets, as `Authorization: Bearer`; or an API key.
    Google,
    /// Azure's: `api-key`, or a token of Microsoft Entra as `Authorization: Bearer`.
    Azure,
    /// Not at all.
    None,
}

choice!(AUTH: Auth {
    "bearer" => Auth::Bearer,
    "api-key" => Auth::ApiKey,
    "x-api-key" => Auth::XApiKey,
    "x-goog-api-key" => Auth::XGoogApiKey,
    "aws" => Auth::Aws,
    "google" => Auth::Google,
    "azure" => Auth::Azure,
    "none" => Auth::None,
});

/// What answers for a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// A server, in whatever formats it speaks.
    Openai,
    /// Weir itself, offline.
    Demo,
}

choice!(PROVIDER_KIND: ProviderKind {
    "openai" => ProviderKind::Openai,
    "demo" => ProviderKind::Demo,
});

/// A key of the operator's. It has neither `Debug` nor `Display`.
pub struct OperatorKey {
    /// Where it came from, such as `env:OPENAI_API_KEY`; names the key without telling it.
    pub id: String,
    /// The key, or a document that [`crate::Credential::parse`] reads; it suits the provider's `auth`.
    pub secret: Secret,
    /// Its share of the requests among the provider's keys; at least 1.
    pub weight: u32,
}
