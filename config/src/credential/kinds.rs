//! The kinds of documents, each with what it needs.

use super::fields::Fields;
use super::{
    AuthorizedUser, AwsKey, BadCredential, Credential, EntraClient, GOOGLE_TOKEN_URLS,
    ServiceAccount, TokenUrl,
};
use crate::base_url::BaseUrl;
use crate::kinds::OPTIONAL_PLACE;

/// Reads the document of a kind.
pub(super) fn read(kind: &str, mut fields: Fields<'_>) -> Result<Credential, BadCredential> {
    let credential = match kind {
        "api_key" => Credential::ApiKey(fields.need_key("key")?),
        "oauth_token" => Credential::OauthToken(fields.need_key("token")?),
        "endpoint_key" => {
            let endpoint = endpoint(&mut fields)?;
            Credential::EndpointKey {
                endpoint: endpoint.ok_or_else(|| BadCredential::new("lacks an `endpoint`"))?,
                key: fields.need_key("key")?,
            }
        }
        "aws" => Credential::Aws(aws(&mut fields)?),
        "entra" => Credential::Entra(entra(&mut fields)?),
        // Google's files have members that matter to nobody here, and may get more.
        "service_account" => return service_account(fields).map(Credential::ServiceAccount),
        "authorized_user" => return authorized_user(fields).map(Credential::AuthorizedUser),
        _ => {
            return Err(BadCredential::new(
                "is of a kind that is none; there are `api_key`, `endpoint_key`, `oauth_token`, `aws`, `service_account`, \
                 `authorized_user` and `entra`",
            ));
        }
    };
    fields.end(kind)?;
    Ok(credential)
}

fn aws(fields: &mut Fields<'_>) -> Result<AwsKey, BadCredential> {
    let access_key_id = fields.need_text("access_key_id")?;
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if access_key_id.len() > 128 || !access_key_id.bytes().all(is_id) {
        return Err(BadCredential::new("has an `access_key_id` that is none"));
    }
    let session_token = match fields.take("session_token")? {
        Some(token) => Some(super::fields::key(token.expose())?),
        None => None,
    };
    Ok(AwsKey {
        access_key_id,
        secret_access_key: fields.need_key("secret_access_key")?,
        session_token,
        region: place(fields, "region")?,
    })
}

fn service_account(mut fields: Fields<'_>) -> Result<ServiceAccount, BadCredential> {
    let private_key = fields.need("private_key")?;
    if !private_key.expose().contains("-----BEGIN PRIVATE KEY-----") {
        return Err(BadCredential::new(
            "has a `private_key` that is not PEM of PKCS #8",
        ));
    }
    Ok(ServiceAccount {
        client_email: fields.need_text("client_email")?,
        private_key,
        private_key_id: fields.take_text("private_key_id")?,
        token_url: google_token_url(&mut fields)?,
        // One of the old form `domain:name` cannot stand in an address; the provider's own serves then.
        project_id: (fields.take_text("project_id")?)
            .filter(|name| (OPTIONAL_PLACE.read)(name).is_ok()),
    })
}

fn authorized_user(mut fields: Fields<'_>) -> Result<AuthorizedUser, BadCredential> {
    Ok(AuthorizedUser {
        client_id: fields.need_text("client_id")?,
        client_secret: fields.need_key("client_secret")?,
        refresh_token: fields.need_key("refresh_token")?,
    })
}

fn entra(fields: &mut Fields<'_>) -> Result<EntraClient, BadCredential> {
    let tenant_id = fields.need_text("tenant_id")?;
    // It stands in a path, and must not lead out of it.
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if tenant_id.len() > 253 || tenant_id.starts_with('.') || !tenant_id.bytes().all(is_name) {
        return Err(BadCredential::new("has a `tenant_id` that is none"));
    }
    Ok(EntraClient {
        tenant_id,
        client_id: fields.need_text("client_id")?,
        client_secret: fields.need_key("client_secret")?,
        endpoint: endpoint(fields)?,
    })
}

/// Only addresses of Google's: the file says where the signed request for a token goes, and may be anybody's.
fn google_token_url(fields: &mut Fields<'_>) -> Result<TokenUrl, BadCredential> {
    let Some(text) = fields.take_text("token_uri")? else {
        return Ok(TokenUrl::GOOGLE);
    };
    let mut known = GOOGLE_TOKEN_URLS.iter().copied();
    known
        .find(|url| {
            text.strip_prefix("https://")
                .and_then(|it| it.strip_prefix(url.host))
                == Some(url.path)
        })
        .ok_or_else(|| {
            BadCredential::new(
                "has a `token_uri` that is not Google's; it is https://oauth2.googleapis.com/token",
            )
        })
}

fn endpoint(fields: &mut Fields<'_>) -> Result<Option<BaseUrl>, BadCredential> {
    let text = fields.take_text("endpoint")?;
    // The reason may quote what was written, and a key may stand in its place.
    let read = |text: String| {
        BaseUrl::parse(&text).map_err(|_| BadCredential::new("has an `endpoint` that is no URL"))
    };
    text.map(read).transpose()
}

fn place(fields: &mut Fields<'_>, name: &str) -> Result<Option<String>, BadCredential> {
    let text = fields.take_text(name)?;
    let read = |text: String| {
        let read = (OPTIONAL_PLACE.read)(&text);
        read.map_err(|_| {
            BadCredential::new(format!(
                "has a `{name}` that is no name of a-z, 0-9 and `-`"
            ))
        })
    };
    Ok(text.map(read).transpose()?.flatten())
}
