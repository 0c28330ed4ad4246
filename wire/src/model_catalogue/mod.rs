//! Lists of models: read from providers in any of their shapes, written for clients in the three that clients read.
//!
//! - [`Reader`]: a provider's lists, page by page; [`read()`]: a page in any of the shapes that most providers have
//! - [`Entry`]: a model as a client is told of it; [`write_list`] and [`write_one`] say it in OpenAI's, Anthropic's or
//!   Gemini's shape

mod ability;
mod bedrock;
pub(crate) mod date;
mod page;
mod pricing;
mod read;
mod reader;
mod vertex;
mod write;

pub use ability::{Abilities, Ability};
pub use page::{ListError, Next};
pub use pricing::{Pricing, Rate};
pub use read::read;
pub use reader::{Reader, Shape};
pub use write::{to_value, write_list, write_one};

/// The largest page of a provider's list that is read.
pub const LIST_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Models of one provider that are kept.
pub const MODELS_MAX: usize = 5_000;

/// A model as a provider lists it. What the provider does not say is none or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The provider's own name, as requests have it.
    pub id: String,
    /// A name for people.
    pub display_name: Option<String>,
    /// Who made it.
    pub owned_by: Option<String>,
    /// Seconds since the Unix epoch.
    pub created_s: Option<u64>,
    /// Tokens of prompt and answer together.
    pub context_tokens: Option<u64>,
    /// Tokens of the longest answer.
    pub max_output_tokens: Option<u64>,
    /// What the provider says it can do.
    pub abilities: Abilities,
    /// What the provider says it costs.
    pub pricing: Pricing,
}

/// Where a name in the catalogue comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The operator's configuration names it.
    Configured,
    /// The provider lists it.
    Provider,
    /// Only the list that ships with Weir has it, as the provider's own could not be had.
    Shipped,
}

impl Source {
    /// The name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Provider => "provider",
            Self::Shipped => "shipped",
        }
    }
}

/// A model as a client is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name to put in a request.
    pub id: String,
    /// Who serves it; `weir` for an alias.
    pub provider: String,
    /// Where the name comes from.
    pub source: Source,
    /// What is known of it; its `id` is the provider's.
    pub model: Listed,
}

#[cfg(test)]
mod tests;
