//! One provider for each format, all of them the same scripted upstream.

use super::{Gateway, GatewayBuilder};
use crate::upstream::Upstream;

/// A format and the settings of a provider that speaks it alone: the address below the upstream's, and lines of YAML.
const PROVIDERS: [(&str, &str, &[&str]); 7] = [
    ("chat", "/v1", &["formats: [chat]"]),
    ("responses", "/v1", &["formats: [responses]"]),
    (
        "anthropic",
        "/v1",
        &["formats: [anthropic]", "auth: x-api-key"],
    ),
    (
        "gemini",
        "/v1beta",
        &[
            "formats: [gemini]",
            "auth: x-goog-api-key",
            "quirks: {embeddings_api: gemini}",
        ],
    ),
    (
        "bedrock",
        "",
        &["formats: [bedrock]", "layout: bedrock", "auth: bearer"],
    ),
    (
        "ollama",
        "",
        &[
            "formats: [ollama]",
            "layout: ollama",
            "auth: none",
            "keys: []",
        ],
    ),
    ("cohere", "/v2", &["formats: [cohere]"]),
];

/// The formats that providers speak, by the names they have in configuration; the provider of each is `p-` and its name.
pub fn provider_formats() -> impl Iterator<Item = &'static str> {
    PROVIDERS.iter().map(|(format, ..)| *format)
}

impl Gateway {
    /// Begins a gateway with a provider for every format over `upstream`: `p-chat`, `p-responses`, `p-anthropic`,
    /// `p-gemini`, `p-bedrock`, `p-ollama` and `p-cohere`. Each request is tried once.
    pub fn with_every_format(binary: &str, upstream: &Upstream) -> GatewayBuilder {
        let mut builder = Self::builder(binary).set("retry", "max_attempts: 1");
        for (format, path, lines) in PROVIDERS {
            let name = format!("p-{format}");
            builder = builder.provider_at(&name, &format!("{}{path}", upstream.root_url()));
            // Every model is asked for by its provider's name.
            builder = builder.provider_setting(&name, "models: []");
            for line in lines {
                builder = builder.provider_setting(&name, line);
            }
        }
        builder
    }
}
