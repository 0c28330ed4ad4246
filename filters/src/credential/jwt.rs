//! A service account's signed request for a token (RFC 7523, section 2.1; RFC 7515), with RS256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::json;
use weir_config::ServiceAccount;

use super::CredentialError;

/// What the token is to allow: Vertex AI has no narrower scope.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// How long the request holds; Google allows an hour at the most.
const LIFETIME_S: u64 = 3_600;

/// The signed request.
pub(super) fn assertion(account: &ServiceAccount, now_ms: u64) -> Result<String, CredentialError> {
    let now_s = now_ms / 1_000;
    let url = account.token_url;
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": account.private_key_id});
    let claims = json!({
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": format!("https://{}{}", url.host, url.path),
        "iat": now_s,
        "exp": now_s + LIFETIME_S,
    });
    let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(header), encode(claims));
    let key = private_key(account.private_key.expose())?;
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        text.as_bytes(),
        &mut signature,
    )
    .map_err(|_| CredentialError::Unusable("its private key does not sign"))?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Checks that a private key is one that can sign.
pub(super) fn check(pem: &str) -> Result<(), CredentialError> {
    private_key(pem).map(|_| ())
}

fn private_key(pem: &str) -> Result<RsaKeyPair, CredentialError> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| CredentialError::Unusable("its private key is not PEM of PKCS #8"))?;
    RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| {
        CredentialError::Unusable("its private key is not an RSA key of 2048 bits or more")
    })
}
