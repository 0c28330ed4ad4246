//! Typed settings, where they come from, and what is wrong with them.
//!
//! The sources, each over the one before: built-in defaults; the providers and prices that ship (compiled in, so that
//! the binary alone works); `weir.yaml`; the files of the `conf.d` beside it in name order; `WEIR_*` in the environment.
//! [`load`] reads them all, checks the result as a whole, and tells everything that is wrong at once.
//!
//! A setting is declared once, in a `section!`: from that come its field, its default, how it is read from files and
//! environment, and its line in `docs/CONFIGURATION.md` ([`reference_markdown`]).

mod alias;
mod amount;
mod base_url;
mod credential;
mod draft;
mod endpoints;
mod environment;
mod error;
mod file;
mod finish;
mod header;
mod kinds;
mod load;
mod model_options;
mod model_pattern;
mod operator_key;
mod path;
mod price;
mod price_draft;
mod provider;
mod provider_draft;
mod provider_finish;
mod public_address;
mod reference;
mod report;
mod secret;
mod section;
mod settings;
mod url_template;
mod yaml;

pub use base_url::BaseUrl;
pub use credential::{
    AuthorizedUser, AwsKey, BadCredential, Credential, EntraClient, ServiceAccount, TokenUrl,
};
pub use endpoints::{EmbeddingsApi, Endpoints, ModelsApi, Quirks, RerankApi};
pub use error::{ConfigError, Errors};
pub use load::{Loaded, Source, load};
pub use model_pattern::ModelPattern;
pub use path::Layout;
pub use price::{LongContext, Price, PriceTable, Rates};
pub use provider::{Auth, OperatorKey, Provider, ProviderKind};
pub use public_address::is_public;
pub use reference::reference_markdown;
pub use secret::Secret;
pub use settings::{
    Alias, Catalogue, Database, Fallbacks, Limit, Limits, Log, LogFormat, OperatorKeys, Policy,
    Retry, Server, Settings, Stream, Synchronous, Timeouts, Tls,
};
