//! Credential -> Caller. One path for every header a client may put its key into.

use std::sync::Arc;

use http::HeaderMap;
use thiserror::Error;
use weir_wire::url;

use crate::ask::Caller;
use crate::clock::Clock;
use crate::directory::{Directory, Known, LookupError};
use crate::tunnel::credential_in_protocols;

/// Why a credential did not make a caller.
#[derive(Debug, Error)]
pub enum IdentifyError {
    /// No header carries a key.
    #[error(
        "no API key was given: send your Weir token as `Authorization: Bearer sk-weir-...` (or in `x-api-key`, `api-key` or `x-goog-api-key`)"
    )]
    Missing,
    /// The key is malformed, unknown, revoked, or its user is disabled. Callers are not told which.
    #[error(
        "the API key is not valid: it is unknown, revoked or expired; ask your administrator for a new one"
    )]
    Invalid,
    /// The caller may be right, but nobody can tell now.
    #[error("API keys cannot be checked at the moment; try again shortly")]
    Unavailable,
}

/// The credential a request presented. It has neither `Debug` nor `Display`.
pub struct Credential(String);

impl Credential {
    /// The credential in a request's headers, whichever of them it is in.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        credential(headers).map(|text| Self(text.to_owned()))
    }

    /// The credential of a WebSocket's handshake: in a header, or among the subprotocols where a browser has to put it.
    pub fn of_handshake(headers: &HeaderMap) -> Option<Self> {
        let is_token = |text: &&str| weir_store::parse_token(text).is_some();
        let in_header = credential(headers);
        let found = in_header
            .filter(is_token)
            .or_else(|| credential_in_protocols(headers))
            .or(in_header);
        found.map(|text| Self(text.to_owned()))
    }
}

/// Parameters in which APIs take a credential from a URL, in lower case and without signs: Google's (https://cloud.google.com/apis/docs/system-parameters),
/// Azure's, and what others call theirs.
const SECRET_PARAMETERS: [&str; 9] = [
    "key",
    "apikey",
    "xapikey",
    "xgoogapikey",
    "subscriptionkey",
    "accesstoken",
    "oauthtoken",
    "authtoken",
    "authorization",
];

/// A query as it may travel to a provider: without what a client shows, or may take for, its credential. Nothing of it is
/// looked at to find out who calls, as URLs end up in logs.
pub fn without_credentials(query: &str) -> String {
    url::without(query, |name, value| {
        let plain = |text: &str| -> String {
            let letters = text.chars().filter(char::is_ascii_alphanumeric);
            letters.map(|it| it.to_ascii_lowercase()).collect()
        };
        let holds_token = |text| weir_store::may_hold_token(text);
        SECRET_PARAMETERS.contains(&&*plain(name)) || holds_token(name) || holds_token(value)
    })
}

/// Finds the caller behind a request's credential.
pub async fn identify(
    directory: &Arc<Directory>,
    clock: &Clock,
    credential: Option<&Credential>,
) -> Result<Caller, IdentifyError> {
    let Credential(presented) = credential.ok_or(IdentifyError::Missing)?;
    let token = weir_store::parse_token(presented).ok_or(IdentifyError::Invalid)?;
    let known = directory
        .find(token.public_id)
        .await
        .map_err(|LookupError::Unavailable| IdentifyError::Unavailable)?
        .ok_or(IdentifyError::Invalid)?;
    // The secret is compared before anything about the token is looked at, so that timing tells nothing of its state.
    if !known.token.matches(presented) || !is_in_force(&known, clock) {
        return Err(IdentifyError::Invalid);
    }
    Ok(Caller { known })
}

/// Whether a token that is known is neither revoked nor expired, nor its user disabled.
fn is_in_force(known: &Known, clock: &Clock) -> bool {
    let record = &known.token;
    let is_expired = record.expires_at_us.is_some_and(|at| at <= clock.now_us());
    !record.revoked && !record.user.disabled && !is_expired
}

/// Whether a caller that was identified some time ago would still be. Where nobody can tell now, it is believed.
pub(crate) async fn is_still_known(
    directory: &Arc<Directory>,
    clock: &Clock,
    public_id: &str,
) -> bool {
    match directory.find(public_id).await {
        Ok(Some(known)) => is_in_force(&known, clock),
        Ok(None) => false,
        Err(LookupError::Unavailable) => true,
    }
}

/// The first header that carries something that looks like one of our tokens; else the first that carries anything, so
/// that a client which sends a placeholder in one header and its token in another still works.
fn credential(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers
        .get(http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .map(strip_scheme);
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let candidates = [
        bearer,
        text("x-api-key"),
        text("api-key"),
        text("x-goog-api-key"),
    ];
    let mut given = candidates
        .into_iter()
        .flatten()
        .map(str::trim)
        .filter(|key| !key.is_empty());
    let first = given.next()?;
    if weir_store::parse_token(first).is_some() {
        return Some(first);
    }
    given
        .find(|key| weir_store::parse_token(key).is_some())
        .or(Some(first))
}

fn strip_scheme(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const TOKEN: &str = "sk-weir-abcdefghijklmnop-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn every_form_of_credential_is_read_alike() {
        let bearer = format!("Bearer {TOKEN}");
        let lower = format!("bearer  {TOKEN}");
        for pairs in [
            [("authorization", bearer.as_str())],
            [("authorization", lower.as_str())],
            [("x-api-key", TOKEN)],
            [("api-key", TOKEN)],
            [("x-goog-api-key", TOKEN)],
        ] {
            assert_eq!(credential(&headers(&pairs)), Some(TOKEN));
        }
        assert_eq!(credential(&headers(&[])), None);
        assert_eq!(credential(&headers(&[("x-api-key", "  ")])), None);
    }

    #[test]
    fn no_credential_stays_in_a_query() {
        let token = format!("after={TOKEN}");
        for secret in [
            "key=x",
            "%6Bey=x",
            "API-Key=x",
            "api_key=x",
            "%24key=x",
            "access_token=x",
            "access%5Ftoken=x",
            "+key=x",
            &token,
            TOKEN,
            "after=sk%2Dweir%2Dabc",
        ] {
            assert_eq!(without_credentials(secret), "", "{secret}");
            let among = format!("limit=2&{secret}&order=desc");
            assert_eq!(without_credentials(&among), "limit=2&order=desc");
        }
        for harmless in ["pageToken=x", "keys=1", "max_tokens=5", "a=key", "q=%6bey"] {
            assert_eq!(without_credentials(harmless), harmless);
        }
    }

    #[test]
    fn a_placeholder_in_one_header_does_not_hide_the_token_in_another() {
        let both = headers(&[("authorization", "Bearer dummy"), ("x-api-key", TOKEN)]);
        assert_eq!(credential(&both), Some(TOKEN));
    }
}
