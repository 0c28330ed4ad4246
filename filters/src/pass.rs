//! A request whose route nobody here interprets: identified, limited, its model checked where it names one, and passed on
//! with the caller's own key.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use weir_wire::body::{self, Head, MAX_MODEL_BYTES};
use weir_wire::url;

use crate::allow::{self, AllowError};
use crate::ask::{Admitted, Allowed, Ask, Inbound, Pass};
use crate::gateway::{Body, Client};
use crate::refusal::Refusal;
use crate::routes::Routes;
use crate::upload::{self, KEPT_BYTES, Places, Unread};

/// Reads what must be known of a request before it is passed on: a small body whole, of a large one only its length, for
/// which one without any waits on disk.
pub(crate) async fn read<C: Client>(
    admitted: Admitted,
    inbound: Inbound,
    pass: &Pass,
    client: &mut C,
    places: Places<'_>,
) -> Result<Ask, Refusal> {
    let no_head = Head::of_form(None, false, 1).map_err(crate::read::ReadError::Body)?;
    let content_type = pass.content_type.clone();
    let read = match client.body_len() {
        Some(len) if len > KEPT_BYTES as u64 => {
            Unread::Large(Box::new(upload::passing(content_type, len, &places)?))
        }
        Some(_) => Unread::Small(client.read_body().await?),
        None => upload::measure(client, content_type, places).await?,
    };
    let Body { bytes, memory } = match read {
        Unread::Small(body) => body,
        Unread::Large(upload) => {
            return Ok(Ask {
                upload: Some(upload),
                head: no_head,
                body: Bytes::new(),
                memory: None,
                admitted,
                inbound,
            });
        }
    };
    let is_json = pass
        .content_type
        .as_bytes()
        .starts_with(b"application/json");
    let head = if is_json && inbound.encoding.is_none() {
        body::parse(&bytes).unwrap_or(no_head)
    } else {
        no_head
    };
    Ok(Ask {
        admitted,
        inbound,
        head,
        upload: None,
        body: bytes,
        memory,
    })
}

/// OpenAI's routes whose body names the model that is used. Elsewhere it is in a file, in what the provider keeps, or in a
/// member of another name, and a `model` beside it means nothing.
const NAMING: [&str; 6] = [
    "/v1/responses/input_tokens",
    "/v1/realtime/sessions",
    "/v1/assistants",
    "/v1/threads",
    "/v1/fine_tuning/jobs",
    "/v1/videos",
];

/// Checks the model against the token's allow-list. A token with such a list may pass on only what names its model where
/// OpenAI's routes have it, as nobody here knows which models another request would use: a provider's own routes may name
/// one in their path, whatever the body says. Where the list lets all of a provider's models through, so is everything.
pub(crate) fn allow(routes: &Routes, ask: Ask) -> Result<Allowed, AllowError> {
    let model: Arc<str> = Arc::from(ask.head.model.as_deref().unwrap_or_default());
    let patterns = &ask.admitted.caller.known.token.models;
    let is_known = !model.is_empty() && ask.inbound.pass.as_ref().is_some_and(names_its_model);
    let is_allowed = match &ask.inbound.provider {
        Some(provider) => allow::permits_all_of(patterns, provider),
        None => patterns.is_empty() || (is_known && allow::permits(patterns, &model)),
    };
    if !is_allowed {
        return Err(match is_known {
            true => allow::not_found(routes, &ask, &model),
            false => AllowError::Unnamed,
        });
    }
    if ask.inbound.provider.is_none() && !patterns.is_empty() {
        let other = body::any_model(&ask.body, |name| allow::permits(patterns, name));
        if let Some(other) = other {
            return Err(allow::not_found(routes, &ask, &other));
        }
    }
    Ok(Allowed { ask, model })
}

fn names_its_model(pass: &Pass) -> bool {
    let path = pass.path.split('?').next().unwrap_or_default();
    let mut below = NAMING.iter().filter_map(|route| path.strip_prefix(route));
    below.any(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Pass {
    /// What of its path decides what it does: without the query.
    fn route(&self) -> &str {
        let path = self.path.split('?').next();
        path.unwrap_or_default().trim_end_matches('/')
    }

    /// Whether a usage in its answer is its own. Who only looks, or changes what is kept, gets objects that tell what they
    /// have used in their past: batches, jobs, answers that a provider has stored.
    pub(crate) fn may_tell_usage(&self) -> bool {
        const KEPT: [&str; 5] = [
            "/batches",
            "/fine_tuning",
            "/evals",
            "/chat/completions/",
            "/files",
        ];
        let route = self.route();
        let is_kept = KEPT.iter().any(|kept| route.contains(kept)) || route.ends_with("/cancel");
        self.method == Method::POST && !is_kept
    }

    /// Whether a model makes text for it: what is known of the routes of other formats than clients have here.
    pub(crate) fn generates_text(&self) -> bool {
        const ENDS: [&str; 12] = [
            // Bedrock's.
            "/converse",
            "/converse-stream",
            "/invoke",
            "/invoke-with-response-stream",
            // Ollama's.
            "/api/chat",
            "/api/generate",
            // Cohere's.
            "/v1/chat",
            "/v2/chat",
            // Google's, also of other vendors' models.
            ":generateContent",
            ":streamGenerateContent",
            ":rawPredict",
            ":streamRawPredict",
        ];
        let route = self.route();
        self.method == Method::POST && ENDS.iter().any(|end| route.ends_with(end))
    }

    /// The model that its path names, as Bedrock's, Google's and Azure's do.
    pub(crate) fn model_in_path(&self) -> Option<String> {
        let mut segments = self.route().split('/');
        while let Some(segment) = segments.next() {
            if matches!(segment, "model" | "models" | "deployments") {
                let named = url::decode(segments.next()?);
                // Google's paths have the method behind it, Amazon's names have colons of their own.
                let name = match named.rsplit_once(':') {
                    Some((name, method)) if method.bytes().all(|it| it.is_ascii_alphabetic()) => {
                        name
                    }
                    _ => &named,
                };
                let is_name = !name.is_empty() && name.len() <= MAX_MODEL_BYTES;
                return is_name.then(|| name.to_owned());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn pass(method: Method, path: &str) -> Pass {
        Pass {
            method,
            path: path.to_owned(),
            content_type: HeaderValue::from_static("application/json"),
        }
    }

    fn post(path: &str) -> Pass {
        pass(Method::POST, path)
    }

    #[test]
    fn only_what_is_done_now_may_tell_its_usage() {
        for path in [
            "/model/m/converse",
            "/v1/threads/runs?x=1",
            "/api/chat/",
            "/v1/videos",
        ] {
            assert!(post(path).may_tell_usage(), "{path}");
            assert!(!pass(Method::GET, path).may_tell_usage(), "{path}");
            assert!(!pass(Method::DELETE, path).may_tell_usage(), "{path}");
        }
        for path in [
            "/v1/chat/completions/chatcmpl-1",
            "/v1/batches",
            "/v1/messages/batches/b/cancel",
            "/v1/threads/t/runs/r/cancel",
            "/v1/fine_tuning/jobs",
        ] {
            assert!(!post(path).may_tell_usage(), "{path}");
        }
    }

    #[test]
    fn it_is_known_where_a_model_makes_text() {
        for path in [
            "/model/eu.amazon.nova-lite-v1%3A0/converse",
            "/v1/projects/p/locations/l/publishers/google/models/g:streamGenerateContent?alt=sse",
            "/api/generate",
        ] {
            assert!(post(path).generates_text(), "{path}");
        }
        for path in ["/api/show", "/v1/files", "/v1/models/g:countTokens"] {
            assert!(!post(path).generates_text(), "{path}");
        }
        assert!(!pass(Method::GET, "/api/chat").generates_text());
    }

    #[test]
    fn the_model_in_a_path_is_found() {
        let model = |path: &str| post(path).model_in_path();
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(
            model("/model/eu.amazon.nova-v1%3A0/converse"),
            named("eu.amazon.nova-v1:0")
        );
        assert_eq!(
            model("/v1/publishers/google/models/g-2:rawPredict?x=1"),
            named("g-2")
        );
        assert_eq!(model("/openai/deployments/d/chat/completions"), named("d"));
        assert_eq!(model("/v1/files/models"), None);
        assert_eq!(model("/v1/files"), None);
    }
}
