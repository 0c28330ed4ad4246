//! Providers: who serves models, where, and with which keys.

use std::collections::BTreeMap;

use crate::base_url::BaseUrl;
use crate::kinds::{FLAG, choice};
use crate::secret::Secret;
use crate::section::section;
use crate::settings::Timeouts;

/// A provider as the rest of Weir uses it.
pub struct Provider {
    /// Its name, the first part of `provider/model`.
    pub name: String,
    /// Where it is reached. The demo provider, which is never reached over a network, has `http://demo.invalid`.
    pub base_url: BaseUrl,
    /// How a key is sent.
    pub auth: Auth,
    /// The operator's keys; may be empty, as users may bring their own.
    pub keys: Vec<OperatorKey>,
    /// The models it is known for. Any other is still reached as `provider/model`.
    pub models: Vec<ModelPattern>,
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
    /// Not at all.
    None,
}

choice!(AUTH: Auth {
    "bearer" => Auth::Bearer,
    "api-key" => Auth::ApiKey,
    "x-api-key" => Auth::XApiKey,
    "none" => Auth::None,
});

/// What answers for a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// A server that speaks OpenAI's API.
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
    /// The key: visible ASCII, never empty.
    pub secret: Secret,
    /// Its share of the requests among the provider's keys; at least 1.
    pub weight: u32,
}

/// A model's name, or the beginning of one followed by `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPattern(String);

impl ModelPattern {
    /// Reads a pattern.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let stem = text.strip_suffix('*').unwrap_or(text);
        if text.is_empty() || stem.contains('*') || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!(
                "{} is not a model; write its name, or the beginning of one and `*`",
                crate::report::quoted(text)
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether `model` is meant.
    pub fn matches(&self, model: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => model.starts_with(beginning),
            None => self.0 == model,
        }
    }

    /// The name, where the pattern is one in full.
    pub fn exact(&self) -> Option<&str> {
        (!self.0.ends_with('*')).then_some(self.0.as_str())
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

section! {
    /// Where a provider departs from OpenAI's API.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Quirks {
        /// Whether it takes `stream_options`, by which a stream is asked for its usage.
        stream_options: bool = "true" as FLAG,
        /// The name by which it knows the output limit; `any` leaves what the client wrote.
        max_tokens_field: Option<&'static str> = "any" as MAX_TOKENS_FIELD,
    }
}

choice!(MAX_TOKENS_FIELD: Option<&'static str> {
    "any" => None,
    "max_tokens" => Some("max_tokens"),
    "max_completion_tokens" => Some("max_completion_tokens"),
});

section! {
    /// The operations a provider serves.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Endpoints {
        /// Whether it serves `/chat/completions`.
        chat: bool = "true" as FLAG,
        /// Whether it serves `/completions`.
        completions: bool = "true" as FLAG,
        /// Whether it serves `/embeddings`.
        embeddings: bool = "true" as FLAG,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_a_beginning() {
        let pattern = ModelPattern::parse("gpt-*").unwrap();
        assert!(pattern.matches("gpt-4o") && pattern.matches("gpt-"));
        assert!(!pattern.matches("o3") && pattern.exact().is_none());
        let exact = ModelPattern::parse("o3").unwrap();
        assert!(exact.matches("o3") && !exact.matches("o3-mini"));
        assert!(ModelPattern::parse("*").unwrap().matches("anything"));
        assert_eq!(
            ModelPattern::parse("gpt-*-mini").unwrap_err(),
            "`gpt-*-mini` is not a model; write its name, or the beginning of one and `*`"
        );
    }
}
