//! What a provider knows a caller by: a key alone, or a JSON document of one of a few kinds.
//!
//! One text holds either, so that variables, files and sealed rows need not know the kinds. Nothing here tells what a text
//! holds, not even where it is wrong.

mod fields;
mod kinds;

use crate::base_url::BaseUrl;
use crate::provider::Auth;
use crate::public_address::is_public_host;
use crate::secret::Secret;

use fields::Fields;

/// The longest document.
const DOCUMENT_MAX_BYTES: usize = 64 * 1024;

/// A credential, read and checked as far as that goes without the provider. Neither `Debug` nor `Display`.
pub enum Credential {
    /// A key, sent as the provider's `auth` says.
    ApiKey(Secret),
    /// A token, sent as `Authorization: Bearer` whatever `auth` says.
    OauthToken(Secret),
    /// A key for an endpoint of its owner's own, and for no other.
    EndpointKey {
        /// Where the key is sent to.
        endpoint: BaseUrl,
        /// The key.
        key: Secret,
    },
    /// An access key of Amazon's.
    Aws(AwsKey),
    /// A service account of Google Cloud.
    ServiceAccount(ServiceAccount),
    /// A person's authorisation of an application, as `gcloud auth application-default login` writes it.
    AuthorizedUser(AuthorizedUser),
    /// An application of Microsoft Entra.
    Entra(EntraClient),
}

/// An access key of Amazon's
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>).
pub struct AwsKey {
    /// Its public half.
    pub access_key_id: String,
    /// Its secret half, which is never sent.
    pub secret_access_key: Secret,
    /// What comes with a temporary one.
    pub session_token: Option<Secret>,
    /// The region it is to be used in, where that is another than the provider's.
    pub region: Option<String>,
}

/// A service account's key (<https://developers.google.com/identity/protocols/oauth2/service-account>).
pub struct ServiceAccount {
    /// The account's name.
    pub client_email: String,
    /// The key in PEM (PKCS #8), which is never sent.
    pub private_key: Secret,
    /// The key's name.
    pub private_key_id: Option<String>,
    /// Where a token is got.
    pub token_url: TokenUrl,
    /// The project it belongs to, where that is another than the provider's.
    pub project_id: Option<String>,
}

/// What a person let an application do (<https://developers.google.com/identity/protocols/oauth2>).
pub struct AuthorizedUser {
    /// The application's name.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: Secret,
    /// What a token is got for.
    pub refresh_token: Secret,
}

/// An application of Microsoft Entra
/// (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>).
pub struct EntraClient {
    /// The tenant's id or domain.
    pub tenant_id: String,
    /// The application's id.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: Secret,
    /// An endpoint of its owner's own.
    pub endpoint: Option<BaseUrl>,
}

/// Where a token is got: one of the few addresses that are known, always over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenUrl {
    /// The host.
    pub host: &'static str,
    /// The path.
    pub path: &'static str,
}

/// Google's token endpoints, the present one first.
const GOOGLE_TOKEN_URLS: &[TokenUrl] = &[
    TokenUrl {
        host: "oauth2.googleapis.com",
        path: "/token",
    },
    TokenUrl {
        host: "accounts.google.com",
        path: "/o/oauth2/token",
    },
    TokenUrl {
        host: "www.googleapis.com",
        path: "/oauth2/v4/token",
    },
];

impl TokenUrl {
    /// Google's token endpoint.
    pub const GOOGLE: Self = Self {
        host: "oauth2.googleapis.com",
        path: "/token",
    };
}

/// What is wrong with a credential; never what it holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCredential(String);

impl BadCredential {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl Credential {
    /// Reads a key, or a document: a JSON object with a `kind`, or one of Google's own files with a `type`.
    ///
    /// # Errors
    /// If it could not be sent, or lacks what its kind needs.
    pub fn parse(text: &str) -> Result<Self, BadCredential> {
        let text = text.trim();
        if text.len() > DOCUMENT_MAX_BYTES {
            return Err(BadCredential::new("is too long"));
        }
        if !text.starts_with('{') {
            return fields::key(text).map(Self::ApiKey);
        }
        let mut fields = Fields::parse(text)?;
        let kind = match fields.take_text("kind")? {
            Some(kind) => kind,
            None => fields
                .take_text("type")?
                .ok_or_else(|| BadCredential::new("has no `kind`"))?,
        };
        kinds::read(&kind, fields)
    }

    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ApiKey(_) => "api_key",
            Self::OauthToken(_) => "oauth_token",
            Self::EndpointKey { .. } => "endpoint_key",
            Self::Aws(_) => "aws",
            Self::ServiceAccount(_) => "service_account",
            Self::AuthorizedUser(_) => "authorized_user",
            Self::Entra(_) => "entra",
        }
    }

    /// Checks that a provider with this `auth` takes it.
    ///
    /// # Errors
    /// If it does not.
    pub fn suit(&self, auth: Auth) -> Result<(), BadCredential> {
        let is_taken = match self {
            Self::ApiKey(_) => auth != Auth::None,
            Self::OauthToken(_) => !matches!(auth, Auth::None | Auth::Aws),
            Self::EndpointKey { .. } => !matches!(auth, Auth::None | Auth::Aws | Auth::Google),
            Self::Aws(_) => auth == Auth::Aws,
            Self::ServiceAccount(_) | Self::AuthorizedUser(_) => auth == Auth::Google,
            Self::Entra(_) => auth == Auth::Azure,
        };
        if is_taken {
            return Ok(());
        }
        if auth == Auth::None {
            return Err(BadCredential::new("is for a provider that takes none"));
        }
        Err(BadCredential::new(format!(
            "is of the kind `{}`, which this provider does not take",
            self.kind()
        )))
    }

    /// The endpoint it brings.
    pub fn endpoint(&self) -> Option<&BaseUrl> {
        match self {
            Self::EndpointKey { endpoint, .. } => Some(endpoint),
            Self::Entra(client) => client.endpoint.as_ref(),
            _ => None,
        }
    }

    /// Checks that the endpoint it brings, if any, is on the Internet and spoken to over TLS: whoever names it is not to
    /// reach what only this machine does. What its name resolves to must be checked as well, by [`is_public`].
    ///
    /// # Errors
    /// If it is not.
    ///
    /// [`is_public`]: crate::is_public
    pub fn check_endpoint(&self) -> Result<(), BadCredential> {
        let Some(endpoint) = self.endpoint() else {
            return Ok(());
        };
        if !endpoint.tls {
            return Err(BadCredential::new(
                "brings an endpoint without https; `policy.private_endpoints` allows it",
            ));
        }
        if !is_public_host(&endpoint.host) {
            return Err(BadCredential::new(
                "brings an endpoint in a private network; `policy.private_endpoints` allows it",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
