//! A request whose route nobody here interprets: identified, limited, its model checked where it names one, and passed on
//! with the caller's own key.

use std::sync::Arc;

use bytes::Bytes;
use weir_wire::body::{self, Head};

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
                upload: Some(*upload),
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
