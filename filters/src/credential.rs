//! How a key proves itself to a provider: a header that never changes, a signature over the request, or a token that is
//! fetched and renewed.
//!
//! Most keys are the first kind and cost nothing here. What a key needs beyond that is decided once, when it is made.

mod date;
mod fetch;
mod jwt;
mod quoted;
mod sigv4;
mod source;
mod token;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use thiserror::Error;
use weir_config::{Auth, AwsKey, Credential, Secret};

use source::TokenSource;
use token::TokenCell;
pub(crate) use token::TokenCells;

/// The name by which Amazon's signatures know Bedrock.
const AWS_SERVICE: &str = "bedrock";
/// The region that is signed for where neither host nor settings name one.
const AWS_REGION: &str = "us-east-1";

/// A request as it is to be sent, as far as a signature covers it.
#[derive(Clone, Copy)]
pub struct Signing<'a> {
    /// The method.
    pub method: &'a str,
    /// The value of the `Host` header.
    pub host: &'a str,
    /// The path and query, encoded as they are sent.
    pub path_and_query: &'a str,
    /// The body.
    pub body: &'a [u8],
    /// The time, milliseconds since the Unix epoch.
    pub now_ms: u64,
}

/// Fetches what a token is made of.
#[async_trait]
pub trait FetchToken: Send + Sync {
    /// Posts a form to `https://{host}{path}` and gives the answer's status and body, bounded in size and time.
    async fn post_form(
        &self,
        host: &str,
        path: &str,
        form: &Secret,
    ) -> Result<(u16, Bytes), FetchError>;
}

/// Why there is no answer to a form.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct FetchError(pub &'static str);

/// Why a key cannot prove itself now.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CredentialError {
    /// The key cannot be used at all.
    #[error("the key cannot be used: {0}")]
    Unusable(&'static str),
    /// Whoever gives tokens refused this key.
    #[error("{host} refused the key: {code}")]
    Refused {
        /// Who refused it.
        host: String,
        /// Its own word for why (RFC 6749, section 5.2).
        code: String,
    },
    /// Whoever gives tokens cannot be asked now.
    #[error("no token from {host}: {why}")]
    Unavailable {
        /// Who was asked.
        host: String,
        /// Why it did not answer.
        why: String,
    },
}

impl CredentialError {
    /// Whether the key is at fault, so that another try with it is in vain.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Unavailable { .. })
    }
}

/// How a key proves itself.
pub(crate) enum Proof {
    /// It needs not to.
    Nothing,
    /// By a header that is always the same.
    Header(HeaderName, HeaderValue),
    /// By a signature.
    Aws {
        /// The key.
        key: AwsKey,
        /// The region, as the key or else the provider has it.
        region: Option<String>,
    },
    /// By a token.
    Token {
        /// How a token is got.
        source: TokenSource,
        /// The token of now, shared by all that hold this key.
        cell: Arc<TokenCell>,
    },
}

impl Proof {
    /// The proof of a credential at a provider that takes keys as `auth` says; `None` where the two do not fit. `cell` is
    /// asked for only where a token is needed.
    pub fn new(
        credential: Credential,
        auth: Auth,
        region: Option<&str>,
        cell: impl FnOnce() -> Arc<TokenCell>,
    ) -> Option<Self> {
        credential.suit(auth).ok()?;
        let token = |source| Self::Token {
            source,
            cell: cell(),
        };
        match credential {
            Credential::ApiKey(key) | Credential::EndpointKey { key, .. } => of_key(&key, auth),
            Credential::OauthToken(token) => bearer(&token),
            Credential::Aws(key) => Some(Self::Aws {
                region: key.region.clone().or_else(|| region.map(str::to_owned)),
                key,
            }),
            Credential::ServiceAccount(account) => {
                Some(token(TokenSource::ServiceAccount(account)))
            }
            Credential::AuthorizedUser(user) => Some(token(TokenSource::AuthorizedUser(user))),
            Credential::Entra(client) => Some(token(TokenSource::Entra(client))),
        }
    }

    /// The headers that prove the key for one request.
    pub async fn headers(
        &self,
        request: &Signing<'_>,
        tokens: &dyn FetchToken,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, CredentialError> {
        match self {
            Self::Nothing => Ok(Vec::new()),
            Self::Header(name, value) => Ok(vec![(name.clone(), value.clone())]),
            Self::Aws { key, region } => {
                let region = sigv4::region_of(request.host).or(region.as_deref());
                sigv4::sign(key, region.unwrap_or(AWS_REGION), AWS_SERVICE, request)
            }
            Self::Token { source, cell } => {
                let value = cell.header(source, request.now_ms, tokens).await?;
                Ok(vec![(AUTHORIZATION, value)])
            }
        }
    }

    /// What a provider says, without what proves the key; none if it does not quote it.
    pub fn redact(&self, said: &[u8]) -> Option<Vec<u8>> {
        let clean = |secret: &[u8]| quoted::without(secret, said);
        let clean_header = |value: &HeaderValue| {
            let value = value.as_bytes();
            clean(value.strip_prefix(b"Bearer ").unwrap_or(value))
        };
        match self {
            Self::Nothing => None,
            Self::Header(_, value) => clean_header(value),
            Self::Token { cell, .. } => clean_header(&cell.known()?),
            // Of an access key only the token travels.
            Self::Aws { key, .. } => clean(key.session_token.as_ref()?.expose().as_bytes()),
        }
    }
}

/// A key in the header in which the provider wants it.
fn of_key(key: &Secret, auth: Auth) -> Option<Proof> {
    let name = match auth {
        Auth::Bearer | Auth::Aws => return bearer(key),
        Auth::ApiKey | Auth::Azure => "api-key",
        Auth::XApiKey => "x-api-key",
        Auth::XGoogApiKey | Auth::Google => "x-goog-api-key",
        Auth::None => return Some(Proof::Nothing),
    };
    let value = sensitive(key.expose()).ok()?;
    Some(Proof::Header(HeaderName::from_static(name), value))
}

fn bearer(token: &Secret) -> Option<Proof> {
    let value = sensitive(&format!("Bearer {}", token.expose())).ok()?;
    Some(Proof::Header(AUTHORIZATION, value))
}

/// A value that is not shown where headers are.
fn sensitive(text: &str) -> Result<HeaderValue, CredentialError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| CredentialError::Unusable("it cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Checks what shows of a credential only when it is used: whether its private key is one.
///
/// # Errors
/// If it is not.
pub fn check(credential: &Credential) -> Result<(), CredentialError> {
    match credential {
        Credential::ServiceAccount(account) => jwt::check(account.private_key.expose()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
