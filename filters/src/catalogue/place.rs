//! Where a provider's own list of models is, and how its pages are asked for.

use http::{HeaderName, HeaderValue};
use weir_config::{BaseUrl, ModelsApi};
use weir_wire::format::Format;
use weir_wire::model_catalogue::{Next, Shape};

use crate::provider::{Upstream, UpstreamKey};
use crate::site::Site;

/// The publishers on Vertex AI whose models are served without a deployment.
const PUBLISHERS: [&str; 2] = ["google", "anthropic"];
/// The project that Google Cloud counts a question against that names none itself.
const QUOTA_PROJECT: HeaderName = HeaderName::from_static("x-goog-user-project");
/// Amazon's own domains: there a region's control plane is beside what answers calls.
const AMAZON: [&str; 3] = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"];

/// A list, or a part of one, that is read page by page.
pub(super) struct Part {
    pub shape: Shape,
    path: String,
    /// What the path gets besides: as many models as there may be.
    size: Option<&'static str>,
    /// The name of the mark of a further page.
    mark: &'static str,
}

impl Part {
    /// The path and query of a page.
    pub fn page(&self, next: Option<&Next>) -> String {
        let mark = next.map(|next| match next {
            Next::After(id) => format!("after_id={}", encode(id)),
            Next::Token(token) => format!("{}={}", self.mark, encode(token)),
        });
        let mut path = self.path.clone();
        for part in self.size.map(str::to_owned).into_iter().chain(mark) {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(&part);
        }
        path
    }
}

/// Whether a provider has a list that tells what can be called there.
pub(super) fn has_list(upstream: &Upstream) -> bool {
    upstream.provider().models_api() != ModelsApi::None && !upstream.is_demo()
}

/// The parts of the list, in the order in which they are to be read.
pub(super) fn parts(upstream: &Upstream, key: &UpstreamKey) -> Vec<Part> {
    let base = &upstream.site(key).base_url.path;
    match upstream.provider().models_api() {
        ModelsApi::None => Vec::new(),
        ModelsApi::Plain => vec![plain(upstream, key)],
        ModelsApi::Bedrock => vec![
            Part {
                shape: Shape::BedrockModels,
                path: format!("{base}/foundation-models"),
                size: None,
                mark: "nextToken",
            },
            Part {
                shape: Shape::BedrockProfiles,
                path: format!("{base}/inference-profiles"),
                size: Some("maxResults=1000&type=SYSTEM_DEFINED"),
                mark: "nextToken",
            },
        ],
        ModelsApi::Vertex => {
            let root = vertex_root(base);
            let part = |publisher| Part {
                shape: Shape::VertexModels,
                path: format!("{root}/v1beta1/publishers/{publisher}/models"),
                size: Some("pageSize=100"),
                mark: "pageToken",
            };
            PUBLISHERS.map(part).into()
        }
    }
}

fn plain(upstream: &Upstream, key: &UpstreamKey) -> Part {
    let path = upstream.path_for(key, "models", "");
    let format = format(upstream);
    Part {
        shape: Shape::Models,
        // Cohere lists its models in the first version of its API only.
        path: match (format, path.strip_suffix("/v2/models")) {
            (Format::Cohere, Some(root)) => format!("{root}/v1/models"),
            _ => path,
        },
        size: match format {
            Format::Anthropic => Some("limit=1000"),
            Format::Gemini => Some("pageSize=1000"),
            Format::Cohere => Some("page_size=1000"),
            _ => None,
        },
        mark: match format {
            Format::Cohere => "page_token",
            _ => "pageToken",
        },
    }
}

/// The vendor whose list it is: the one of the provider's first format.
pub(super) fn format(upstream: &Upstream) -> Format {
    let formats = &upstream.provider().formats;
    formats.first().copied().unwrap_or(Format::Chat)
}

/// The site of the list where it is not the key's own: of Bedrock, the control plane of the same region.
pub(super) fn other_site(upstream: &Upstream, key: &UpstreamKey) -> Option<Site> {
    let site = upstream.site(key);
    let is_bedrock = upstream.provider().models_api() == ModelsApi::Bedrock;
    let host = is_bedrock.then(|| control_plane(&site.base_url.host))??;
    site.beside(BaseUrl {
        host,
        ..site.base_url.clone()
    })
}

/// The control plane beside one of Amazon's hosts that answer calls. Any other host stands for all of them, as whoever named
/// it has not named another.
fn control_plane(host: &str) -> Option<String> {
    let rest = host.strip_prefix("bedrock-runtime")?;
    let is_amazons = AMAZON.iter().any(|domain| rest.ends_with(domain));
    is_amazons.then(|| format!("bedrock{rest}"))
}

/// What precedes the version in the path of a Vertex AI address: `/v1/projects/mine/locations/global`.
fn vertex_root(path: &str) -> &str {
    let before = path.split_once("/projects/").map_or(path, |(it, _)| it);
    let version = before
        .strip_suffix("/v1")
        .or(before.strip_suffix("/v1beta1"));
    version.unwrap_or(before)
}

/// The header that goes with the question: on Vertex AI the project, since the path of the list has none.
pub(super) fn header(upstream: &Upstream, site: &Site) -> Option<(HeaderName, HeaderValue)> {
    let provider = upstream.provider();
    if provider.models_api() != ModelsApi::Vertex {
        return None;
    }
    let path = &site.base_url.path;
    let of_path = path.split_once("/projects/").map(|(_, rest)| rest);
    let of_path = of_path.and_then(|rest| rest.split('/').next());
    let project = of_path.or(provider.project.as_deref())?;
    Some((QUOTA_PROJECT, HeaderValue::try_from(project).ok()?))
}

/// The address of the list, by which it is known in memory.
pub(super) fn address(upstream: &Upstream, key: &UpstreamKey) -> String {
    let authority = upstream.site(key).base_url.authority();
    let parts = parts(upstream, key);
    let path = parts.first().map_or("", |part| part.path.as_str());
    format!("{authority}{path}")
}

/// Percent-encodes all but what is unreserved (RFC 3986, section 2.3).
fn encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(path: &str, size: Option<&'static str>, mark: &'static str) -> Part {
        Part {
            shape: Shape::Models,
            path: path.to_owned(),
            size,
            mark,
        }
    }

    #[test]
    fn pages_are_asked_for_as_each_vendor_wants() {
        let after = Next::After("a/b".to_owned());
        let token = Next::Token("t=".to_owned());
        assert_eq!(part("/v1/models", None, "x").page(None), "/v1/models");
        assert_eq!(
            part("/v1/models", Some("limit=1000"), "x").page(Some(&after)),
            "/v1/models?limit=1000&after_id=a%2Fb"
        );
        assert_eq!(
            part("/models?v=1", Some("pageSize=9"), "pageToken").page(Some(&token)),
            "/models?v=1&pageSize=9&pageToken=t%3D"
        );
    }

    #[test]
    fn only_amazons_own_hosts_have_a_control_plane_beside_them() {
        for (host, expected) in [
            (
                "bedrock-runtime.eu-central-1.amazonaws.com",
                Some("bedrock.eu-central-1.amazonaws.com"),
            ),
            (
                "bedrock-runtime-fips.us-east-1.amazonaws.com",
                Some("bedrock-fips.us-east-1.amazonaws.com"),
            ),
            (
                "bedrock-runtime.cn-north-1.amazonaws.com.cn",
                Some("bedrock.cn-north-1.amazonaws.com.cn"),
            ),
            ("bedrock-runtime.example.com", None),
            ("bedrock-runtime.amazonaws.com.example.com", None),
            ("127.0.0.1", None),
        ] {
            assert_eq!(control_plane(host).as_deref(), expected, "{host}");
        }
    }

    #[test]
    fn vertex_lists_are_at_the_root_of_its_api() {
        assert_eq!(vertex_root("/v1/projects/p/locations/global"), "");
        assert_eq!(
            vertex_root("/google/v1beta1/projects/p/locations/x"),
            "/google"
        );
        assert_eq!(vertex_root("/v1"), "");
        assert_eq!(vertex_root("/google"), "/google");
    }
}
