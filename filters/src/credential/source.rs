//! How a token is got: what is asked of whom, and what the answer says.

use http::HeaderValue;
use serde::Deserialize;
use weir_config::{AuthorizedUser, EntraClient, Secret, ServiceAccount, TokenUrl};

use super::{CredentialError, FetchToken, jwt, sensitive};

/// Who gives tokens to applications of Microsoft Entra.
const ENTRA_HOST: &str = "login.microsoftonline.com";
/// What an application of Microsoft Entra is let to do: all that its roles allow at Azure's AI services.
const ENTRA_SCOPE: &str = "https://cognitiveservices.azure.com/.default";
/// What a service account's request is called (RFC 7523, section 2.1).
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long a token holds whose giver does not say so.
const LIFETIME_UNKNOWN_S: u64 = 300;
/// The longest lifetime that is believed.
const LIFETIME_MAX_S: u64 = 86_400;
/// The longest word for an error that is passed on.
const CODE_MAX_CHARS: usize = 64;

/// How a token is got.
pub(crate) enum TokenSource {
    /// By a request that the account's key signs.
    ServiceAccount(ServiceAccount),
    /// By what a person agreed to.
    AuthorizedUser(AuthorizedUser),
    /// By the application's secret.
    Entra(EntraClient),
}

/// A token, and how long it holds.
pub(super) struct Granted {
    /// The header that carries it.
    pub header: HeaderValue,
    pub lifetime_s: u64,
}

impl TokenSource {
    /// Asks for a token.
    pub(super) async fn fetch(
        &self,
        now_ms: u64,
        tokens: &dyn FetchToken,
    ) -> Result<Granted, CredentialError> {
        let (host, path, form) = self.request(now_ms)?;
        let answer = tokens.post_form(host, &path, &form).await;
        let (status, body) = answer.map_err(|why| CredentialError::Unavailable {
            host: host.to_owned(),
            why: why.to_string(),
        })?;
        read(host, status, &body)
    }

    /// Who is asked, where, and with which form.
    fn request(&self, now_ms: u64) -> Result<(&'static str, String, Secret), CredentialError> {
        Ok(match self {
            Self::ServiceAccount(account) => {
                let assertion = jwt::assertion(account, now_ms)?;
                let fields = [("grant_type", JWT_BEARER), ("assertion", &assertion)];
                let TokenUrl { host, path } = account.token_url;
                (host, path.to_owned(), form(&fields))
            }
            Self::AuthorizedUser(user) => {
                let fields = [
                    ("grant_type", "refresh_token"),
                    ("client_id", &user.client_id),
                    ("client_secret", user.client_secret.expose()),
                    ("refresh_token", user.refresh_token.expose()),
                ];
                let TokenUrl { host, path } = TokenUrl::GOOGLE;
                (host, path.to_owned(), form(&fields))
            }
            Self::Entra(client) => {
                let fields = [
                    ("grant_type", "client_credentials"),
                    ("client_id", client.client_id.as_str()),
                    ("client_secret", client.client_secret.expose()),
                    ("scope", ENTRA_SCOPE),
                ];
                let path = format!("/{}/oauth2/v2.0/token", client.tenant_id);
                (ENTRA_HOST, path, form(&fields))
            }
        })
    }
}

/// `application/x-www-form-urlencoded`.
fn form(fields: &[(&str, &str)]) -> Secret {
    let mut text = String::new();
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        super::sigv4::encode(value.as_bytes(), b"", &mut text);
    }
    Secret::new(text)
}

/// An answer, in success (RFC 6749, section 5.1) and in failure (section 5.2).
#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    expires_in: Option<serde_json::Value>,
    error: Option<String>,
}

fn read(host: &str, status: u16, body: &[u8]) -> Result<Granted, CredentialError> {
    let unavailable = |why: String| CredentialError::Unavailable {
        host: host.to_owned(),
        why,
    };
    let answer: Answer =
        serde_json::from_slice(body).map_err(|_| unavailable(format!("status {status}")))?;
    if let Some(token) = answer.access_token.filter(|_| status == 200) {
        let token = Secret::new(token);
        return Ok(Granted {
            header: sensitive(&format!("Bearer {}", token.expose()))?,
            lifetime_s: lifetime_s(answer.expires_in.as_ref()),
        });
    }
    let code = answer.error.unwrap_or_default();
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let code: String = code
        .chars()
        .filter(|c| is_word(*c))
        .take(CODE_MAX_CHARS)
        .collect();
    // The giver's own trouble passes; the rest is about the key.
    match status {
        400 | 401 | 403 if code != "temporarily_unavailable" => Err(CredentialError::Refused {
            host: host.to_owned(),
            code,
        }),
        _ => Err(unavailable(format!("status {status} {code}"))),
    }
}

/// Some write the number as a text.
fn lifetime_s(value: Option<&serde_json::Value>) -> u64 {
    let number = value.and_then(|it| match it {
        serde_json::Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    });
    number.unwrap_or(LIFETIME_UNKNOWN_S).min(LIFETIME_MAX_S)
}
