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
use crate::upload::{self, KEPT_BYTES, Places};

/// Reads what must be known of a request before it is passed on: a small body whole, of a large one only its length.
pub(crate) async fn read<C: Client>(
    admitted: Admitted,
    inbound: Inbound,
    pass: &Pass,
    client: &mut C,
    places: Places<'_>,
) -> Result<Ask, Refusal> {
    let len = client.body_len();
    let no_head = Head::of_form(None, false, 1).map_err(crate::read::ReadError::Body)?;
    if let Some(len) = len.filter(|len| *len > KEPT_BYTES as u64) {
        let content_type = pass.content_type.clone();
        return Ok(Ask {
            upload: Some(upload::passing(content_type, len, &places)?),
            head: no_head,
            body: Bytes::new(),
            _memory: None,
            admitted,
            inbound,
        });
    }
    let Body { bytes, memory } = client.read_body().await?;
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
        _memory: memory,
    })
}

/// Checks the model against the token's allow-list. A token with such a list may pass on only what names its model where
/// OpenAI's routes have it, as nobody here knows which models another request would use: a provider's own routes may name
/// one in their path, whatever the body says. Where the list lets all of a provider's models through, so is everything.
pub(crate) fn allow(routes: &Routes, ask: Ask) -> Result<Allowed, AllowError> {
    let model: Arc<str> = Arc::from(ask.head.model.as_deref().unwrap_or_default());
    let patterns = &ask.admitted.caller.known.token.models;
    let is_allowed = match &ask.inbound.provider {
        Some(provider) => allow::permits_all_of(patterns, provider),
        None => patterns.is_empty() || (!model.is_empty() && allow::permits(patterns, &model)),
    };
    match (is_allowed, model.is_empty()) {
        (true, _) => Ok(Allowed { ask, model }),
        (false, true) => Err(AllowError::Unnamed),
        (false, false) => Err(allow::not_found(routes, &ask, &model)),
    }
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
