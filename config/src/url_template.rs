//! Addresses in which settings stand: `https://bedrock-runtime.{region}.amazonaws.com`.

use crate::base_url::BaseUrl;
use crate::kinds::NONE;
use crate::path::Layout;
use crate::section::{Kind, Shape};

const REGION: &str = "{region}";
const PROJECT: &str = "{project}";

/// An address as it is written, checked but for its placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlTemplate(String);

pub(crate) const OPTIONAL_URL: Kind<Option<UrlTemplate>> = Kind {
    name: "URL",
    shape: Shape::Optional,
    read: |text| match text {
        NONE => Ok(None),
        _ => UrlTemplate::parse(text).map(Some),
    },
};

impl UrlTemplate {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, String> {
        let sample = text.replace(REGION, "region").replace(PROJECT, "project");
        if BaseUrl::parse(&sample)?.path.contains(['{', '}']) {
            return Err(format!(
                "has a placeholder that is none; there are `{REGION}` and `{PROJECT}`"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether the region is a part of it.
    pub fn has_region(&self) -> bool {
        self.0.contains(REGION)
    }

    /// Whether the project is a part of it.
    pub fn has_project(&self) -> bool {
        self.0.contains(PROJECT)
    }

    /// The address with its placeholders filled. Both are names of a-z, 0-9 and `-`, and so cannot lead elsewhere.
    pub fn fill(
        &self,
        layout: Layout,
        region: Option<&str>,
        project: Option<&str>,
    ) -> Result<BaseUrl, String> {
        let mut text = self.0.clone();
        if layout == Layout::Vertex
            && let Some(host) = region.and_then(vertex_host)
        {
            text = text.replace("{region}-aiplatform.googleapis.com", &host);
        }
        for (placeholder, value) in [(REGION, region), (PROJECT, project)] {
            text = text.replace(placeholder, value.unwrap_or_default());
        }
        Ok(layout.without_surplus(BaseUrl::parse(&text)?))
    }
}

/// The hosts of Vertex AI's locations that are no single region
/// (<https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations>).
fn vertex_host(region: &str) -> Option<String> {
    match region {
        "global" => Some("aiplatform.googleapis.com".to_owned()),
        "us" | "eu" => Some(format!("aiplatform.{region}.rep.googleapis.com")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERTEX: &str =
        "https://{region}-aiplatform.googleapis.com/v1/projects/{project}/locations/{region}";

    fn fill(text: &str, layout: Layout, region: &str) -> (String, String) {
        let template = UrlTemplate::parse(text).unwrap();
        let url = template.fill(layout, Some(region), Some("mine")).unwrap();
        (url.host, url.path)
    }

    #[test]
    fn placeholders_are_filled() {
        let filled = |region| fill(VERTEX, Layout::Vertex, region);
        let path = |region| format!("/v1/projects/mine/locations/{region}");
        assert_eq!(
            filled("us-east5"),
            (
                "us-east5-aiplatform.googleapis.com".into(),
                path("us-east5")
            )
        );
        assert_eq!(
            filled("global"),
            ("aiplatform.googleapis.com".into(), path("global"))
        );
        assert_eq!(
            filled("eu"),
            ("aiplatform.eu.rep.googleapis.com".into(), path("eu"))
        );
    }

    #[test]
    fn what_the_paths_of_a_layout_add_is_not_doubled() {
        let path = |text, layout| fill(text, layout, "x").1;
        assert_eq!(path("http://127.0.0.1:11434/v1", Layout::Ollama), "");
        assert_eq!(path("http://h/api", Layout::Ollama), "");
        assert_eq!(
            path("https://x.openai.azure.com/openai/v1/", Layout::Azure),
            ""
        );
        assert_eq!(path("https://x.openai.azure.com/openai", Layout::Azure), "");
        assert_eq!(path("https://h/v1", Layout::Plain), "/v1");
    }

    #[test]
    fn an_unknown_placeholder_is_an_error() {
        assert!(UrlTemplate::parse("https://{regoin}.example.com").is_err());
        assert!(UrlTemplate::parse("https://example.com/{regoin}").is_err());
    }
}
