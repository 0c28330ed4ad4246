//! The paths of a provider's API below its address: presets, and what the configuration puts in their place.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::base_url::BaseUrl;
use crate::endpoints::ModelsApi;
use crate::kinds::choice;
use crate::report::quoted;

/// Where a model's name stands in a path.
const MODEL: &str = "{model}";
/// The longest path.
const PATH_MAX_BYTES: usize = 1024;
/// The first dated version of Azure's API with `/openai/responses`.
const AZURE_RESPONSES_SINCE: &str = "2025-03-01";

/// A preset of paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// OpenAI's, and beside them those of each other format's vendor.
    Plain,
    /// Azure OpenAI's and Microsoft Foundry's.
    Azure,
    /// Google Vertex AI's.
    Vertex,
    /// Ollama's.
    Ollama,
    /// Amazon Bedrock's.
    Bedrock,
}

choice!(LAYOUT: Layout {
    "plain" => Layout::Plain,
    "azure" => Layout::Azure,
    "vertex" => Layout::Vertex,
    "ollama" => Layout::Ollama,
    "bedrock" => Layout::Bedrock,
});

/// Every path by its name, with what it is in the `plain` layout. `other` is what precedes a route of OpenAI's that has no
/// name here, such as `/files`.
pub(crate) const PLAIN: &[(&str, &str)] = &[
    ("chat", "/chat/completions"),
    ("completions", "/completions"),
    ("embeddings", "/embeddings"),
    ("responses", "/responses"),
    ("compact", "/responses/compact"),
    ("messages", "/messages"),
    ("stream_messages", "/messages"),
    ("count_tokens", "/messages/count_tokens"),
    ("generate", "/models/{model}:generateContent"),
    (
        "stream_generate",
        "/models/{model}:streamGenerateContent?alt=sse",
    ),
    ("count_gemini", "/models/{model}:countTokens"),
    ("embed_gemini", "/models/{model}:batchEmbedContents"),
    ("embed_content", "/models/{model}:embedContent"),
    ("predict", "/models/{model}:predict"),
    ("converse", "/model/{model}/converse"),
    ("converse_stream", "/model/{model}/converse-stream"),
    ("invoke", "/model/{model}/invoke"),
    ("ollama_chat", "/api/chat"),
    ("ollama_embed", "/api/embed"),
    ("cohere_chat", "/chat"),
    ("cohere_embed", "/embed"),
    ("rerank", "/rerank"),
    ("images_generations", "/images/generations"),
    ("images_edits", "/images/edits"),
    ("images_variations", "/images/variations"),
    ("speech", "/audio/speech"),
    ("transcriptions", "/audio/transcriptions"),
    ("translations", "/audio/translations"),
    ("moderations", "/moderations"),
    ("models", "/models"),
    ("realtime", "/realtime"),
    ("other", ""),
];

/// Paths of Azure's that have a deployment in them where the version is a date
/// (<https://learn.microsoft.com/azure/ai-services/openai/reference>).
const OF_DEPLOYMENTS: &[&str] = &[
    "chat",
    "completions",
    "embeddings",
    "images_generations",
    "images_edits",
    "images_variations",
    "speech",
    "transcriptions",
    "translations",
];

/// Paths that belong to OpenAI's API, and so move with its base.
fn is_openai(name: &str) -> bool {
    OF_DEPLOYMENTS.contains(&name)
        || [
            "responses",
            "compact",
            "moderations",
            "models",
            "realtime",
            "other",
        ]
        .contains(&name)
}

impl Layout {
    /// The path `name`, with `{model}` where the model's name stands; none where there is no path of this name.
    fn template(self, name: &str, api_version: &str) -> Option<String> {
        let (_, plain) = PLAIN.iter().find(|(other, _)| *other == name)?;
        Some(match self {
            Self::Plain => (*plain).to_owned(),
            Self::Azure => azure(name, plain, api_version),
            Self::Vertex => vertex(name, plain).to_owned(),
            Self::Ollama if is_openai(name) => format!("/v1{plain}"),
            Self::Ollama => (*plain).to_owned(),
            Self::Bedrock => match name {
                "rerank" => "/model/{model}/invoke".to_owned(),
                _ if is_openai(name) => format!("/openai/v1{plain}"),
                _ => (*plain).to_owned(),
            },
        })
    }

    /// The region where none is named.
    pub(crate) fn default_region(self) -> Option<&'static str> {
        (self == Self::Vertex).then_some("global")
    }

    /// How a provider of this layout lists its models, where no quirk says otherwise. Azure's list is of what could be
    /// deployed, and deployments are not told to a key that calls them.
    pub(crate) fn models_api(self) -> ModelsApi {
        match self {
            Self::Plain | Self::Ollama => ModelsApi::Plain,
            Self::Azure => ModelsApi::None,
            Self::Vertex => ModelsApi::Vertex,
            Self::Bedrock => ModelsApi::Bedrock,
        }
    }

    /// An address without what it is often given with although the paths of this layout have it already.
    pub fn without_surplus(self, mut url: BaseUrl) -> BaseUrl {
        let surplus: &[&str] = match self {
            Self::Azure => &["/openai/v1", "/openai"],
            Self::Ollama => &["/v1", "/api"],
            Self::Plain | Self::Vertex | Self::Bedrock => &[],
        };
        let mut bare = surplus.iter().filter_map(|end| url.path.strip_suffix(end));
        if let Some(path) = bare.next() {
            url.path = path.to_owned();
        }
        url
    }
}

/// The v1 API names the model in the body; a dated one has the deployment in the path
/// (<https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle>).
fn azure(name: &str, plain: &str, api_version: &str) -> String {
    let is_dated = api_version != "v1";
    match name {
        "messages" | "stream_messages" | "count_tokens" => format!("/anthropic/v1{plain}"),
        _ if !is_openai(name) => plain.to_owned(),
        _ if is_dated && OF_DEPLOYMENTS.contains(&name) => {
            format!("/openai/deployments/{MODEL}{plain}?api-version={api_version}")
        }
        "realtime" if is_dated => {
            format!("/openai/realtime?api-version={api_version}&deployment={MODEL}")
        }
        "responses" | "compact" if is_dated && api_version >= AZURE_RESPONSES_SINCE => {
            format!("/openai{plain}?api-version={api_version}")
        }
        _ => format!("/openai/v1{plain}"),
    }
}

/// Below `…/projects/{project}/locations/{region}`
/// (<https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest>).
fn vertex<'a>(name: &str, plain: &'a str) -> &'a str {
    match name {
        "generate" => "/publishers/google/models/{model}:generateContent",
        "stream_generate" => "/publishers/google/models/{model}:streamGenerateContent?alt=sse",
        "count_gemini" => "/publishers/google/models/{model}:countTokens",
        "predict" => "/publishers/google/models/{model}:predict",
        "embed_gemini" | "embed_content" => "/publishers/google/models/{model}:embedContent",
        "messages" => "/publishers/anthropic/models/{model}:rawPredict",
        "stream_messages" => "/publishers/anthropic/models/{model}:streamRawPredict",
        "count_tokens" => "/publishers/anthropic/models/count-tokens:rawPredict",
        "chat" => "/endpoints/openapi/chat/completions",
        _ => plain,
    }
}

/// The paths of one provider.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths(BTreeMap<&'static str, String>);

impl Paths {
    /// Those of a layout, with a provider's own in their place.
    pub fn new(
        layout: Layout,
        api_version: &str,
        own: &BTreeMap<&'static str, String>,
        fill: impl Fn(&str) -> String,
    ) -> Self {
        let all = PLAIN.iter().filter_map(|(name, _)| {
            let template = match own.get(name) {
                Some(path) => path.replace("{api_version}", api_version),
                None => layout.template(name, api_version)?,
            };
            Some((*name, fill(&template)))
        });
        Self(all.collect())
    }

    /// The path `name` for a model, below `base`.
    pub fn path(&self, base: &str, name: &str, model: &str) -> String {
        let template = self.0.get(name).map_or("", String::as_str);
        debug_assert!(self.0.contains_key(name), "`{name}` is no path");
        if template.contains(MODEL) {
            format!("{base}{}", template.replace(MODEL, &as_segment(model)))
        } else {
            format!("{base}{template}")
        }
    }
}

/// A model's name as one segment of a path, and never as more: percent-encoded but for what is unreserved (RFC 3986,
/// section 2.3) and `@`, which Vertex AI has in names. Amazon signs the path as it is sent, so this suits Bedrock too.
fn as_segment(model: &str) -> String {
    // A segment of dots would be taken for a step in the tree, encoded ones as well.
    if matches!(model, "." | "..") {
        return model.replace('.', "%252E");
    }
    let mut segment = String::with_capacity(model.len());
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'@') {
            segment.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(segment, "%{byte:02X}");
        }
    }
    segment
}

/// Checks a path that the configuration gives.
pub(crate) fn check(name: &str, path: &str) -> Result<(), String> {
    let bare = ["{model}", "{api_version}", "{region}", "{project}"]
        .iter()
        .fold(path.to_owned(), |path, word| path.replace(word, "x"));
    if let Some(at) = bare.find(['{', '}']) {
        return Err(format!(
            "{} has a placeholder that is none; there are {{model}}, {{api_version}}, {{region}} and {{project}}",
            quoted(bare.get(at..).unwrap_or(path))
        ));
    }
    let is_nothing = bare.is_empty() && name == "other";
    if !is_nothing && !bare.starts_with('/') {
        return Err(format!("{} must begin with `/`", quoted(path)));
    }
    let is_plain = bare.bytes().all(|byte| byte.is_ascii_graphic());
    if path.len() > PATH_MAX_BYTES || !is_plain || bare.contains('#') {
        return Err(format!(
            "{} must be plain ASCII without spaces and `#`",
            quoted(path)
        ));
    }
    let steps = bare.split(['/', '?']).any(|it| matches!(it, "." | ".."));
    if steps {
        return Err(format!("{} must not have `.` or `..` in it", quoted(path)));
    }
    Ok(())
}

/// The name of a path as it is declared.
pub(crate) fn known(name: &str) -> Option<&'static str> {
    let mut names = PLAIN.iter().map(|(name, _)| *name);
    names.find(|it| *it == name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(layout: Layout, api_version: &str, name: &str, model: &str) -> String {
        let paths = Paths::new(layout, api_version, &BTreeMap::new(), str::to_owned);
        paths.path("/base", name, model)
    }

    #[test]
    fn azure_has_the_deployment_in_the_path_where_the_version_is_a_date() {
        let old = |name| path(Layout::Azure, "2024-10-21", name, "my gpt");
        assert_eq!(
            old("chat"),
            "/base/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"
        );
        assert_eq!(
            old("speech"),
            "/base/openai/deployments/my%20gpt/audio/speech?api-version=2024-10-21"
        );
        assert_eq!(old("responses"), "/base/openai/v1/responses");
        let preview = path(Layout::Azure, "2025-04-01-preview", "responses", "m");
        assert_eq!(
            preview,
            "/base/openai/responses?api-version=2025-04-01-preview"
        );
        let new = |name| path(Layout::Azure, "v1", name, "m");
        assert_eq!(new("chat"), "/base/openai/v1/chat/completions");
        assert_eq!(new("embeddings"), "/base/openai/v1/embeddings");
        assert_eq!(new("messages"), "/base/anthropic/v1/messages");
        assert_eq!(new("other"), "/base/openai/v1");
    }

    #[test]
    fn each_layout_has_its_vendors_paths() {
        let vertex = |name, model| path(Layout::Vertex, "v1", name, model);
        assert_eq!(
            vertex("stream_generate", "gemini-3-pro"),
            "/base/publishers/google/models/gemini-3-pro:streamGenerateContent?alt=sse"
        );
        assert_eq!(
            vertex("stream_messages", "claude-sonnet-4@20250514"),
            "/base/publishers/anthropic/models/claude-sonnet-4@20250514:streamRawPredict"
        );
        assert_eq!(
            vertex("chat", "meta/llama"),
            "/base/endpoints/openapi/chat/completions"
        );
        let ollama = |name| path(Layout::Ollama, "v1", name, "m");
        assert_eq!(ollama("chat"), "/base/v1/chat/completions");
        assert_eq!(ollama("ollama_chat"), "/base/api/chat");
        let bedrock = |name, model| path(Layout::Bedrock, "v1", name, model);
        assert_eq!(
            bedrock("converse_stream", "us.anthropic.claude-v1:0"),
            "/base/model/us.anthropic.claude-v1%3A0/converse-stream"
        );
        assert_eq!(
            bedrock(
                "converse",
                "arn:aws:bedrock:eu-west-1:1:inference-profile/x"
            ),
            "/base/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Fx/converse"
        );
        assert_eq!(path(Layout::Plain, "v1", "cohere_chat", "m"), "/base/chat");
    }

    #[test]
    fn a_models_name_stays_in_its_segment() {
        let of = |model| path(Layout::Azure, "2024-10-21", "chat", model);
        let around = |segment: &str| {
            format!("/base/openai/deployments/{segment}/chat/completions?api-version=2024-10-21")
        };
        assert_eq!(of("../../x?y#z"), around("..%2F..%2Fx%3Fy%23z"));
        assert_eq!(of(".."), around("%252E%252E"));
        assert_eq!(of("a\r\nb"), around("a%0D%0Ab"));
        assert_eq!(of("{model}"), around("%7Bmodel%7D"));
    }

    #[test]
    fn own_paths_are_checked() {
        assert_eq!(check("chat", "/v2/{model}/chat?x={api_version}"), Ok(()));
        assert_eq!(check("other", ""), Ok(()));
        let error = |path| check("chat", path).unwrap_err();
        assert_eq!(error("chat"), "`chat` must begin with `/`");
        assert_eq!(
            error("/a/../b"),
            "`/a/../b` must not have `.` or `..` in it"
        );
        assert_eq!(
            error("/a#b"),
            "`/a#b` must be plain ASCII without spaces and `#`"
        );
        assert!(error("/{modle}").contains("has a placeholder that is none"));
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_segment(model in "\\PC{1,20}") {
            let segment = as_segment(&model);
            prop_assert!(segment != "." && segment != "..");
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@%".contains(&byte);
            prop_assert!(segment.bytes().all(is_plain));
        }
    }
}
