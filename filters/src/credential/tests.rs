use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::*;

/// Made for these tests alone.
const TEST_KEY: &str = include_str!("test_key.pem");
const NOW_MS: u64 = 1_700_000_000_000;

/// Answers forms with what it is told to, and remembers them.
#[derive(Default)]
struct Giver {
    answers: Mutex<Vec<Result<(u16, Bytes), FetchError>>>,
    asked: Mutex<Vec<(String, String)>>,
    under_way: AtomicUsize,
}

impl Giver {
    fn with(answers: &[(u16, &str)]) -> Self {
        let giver = Self::default();
        for (status, body) in answers.iter().rev() {
            let body = Bytes::copy_from_slice(body.as_bytes());
            giver.answers.lock().push(Ok((*status, body)));
        }
        giver
    }

    fn count(&self) -> usize {
        self.asked.lock().len()
    }
}

#[async_trait]
impl FetchToken for Giver {
    async fn post_form(
        &self,
        host: &str,
        path: &str,
        form: &Secret,
    ) -> Result<(u16, Bytes), FetchError> {
        assert_eq!(
            self.under_way.fetch_add(1, Ordering::SeqCst),
            0,
            "one at a time"
        );
        self.asked
            .lock()
            .push((format!("{host}{path}"), form.expose().to_owned()));
        tokio::task::yield_now().await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        let next = self.answers.lock().pop();
        next.unwrap_or(Err(FetchError("nothing is left to answer")))
    }
}

fn service_account() -> String {
    json!({
        "type": "service_account", "client_email": "a@p.iam.gserviceaccount.com", "private_key": TEST_KEY,
        "private_key_id": "kid-1", "token_uri": "https://oauth2.googleapis.com/token",
    })
    .to_string()
}

fn entra() -> String {
    json!({"kind": "entra", "tenant_id": "t-1", "client_id": "c", "client_secret": "s/+&"})
        .to_string()
}

fn proof(text: &str, auth: Auth) -> Option<Proof> {
    let credential = Credential::parse(text).ok()?;
    Proof::new(credential, auth, Some("eu-central-1"), Arc::default)
}

fn at(now_ms: u64) -> Signing<'static> {
    Signing {
        method: "POST",
        host: "h.example",
        path_and_query: "/",
        body: b"",
        now_ms,
    }
}

async fn header(proof: &Proof, now_ms: u64, giver: &Giver) -> Result<String, CredentialError> {
    let headers = proof.headers(&at(now_ms), giver).await?;
    let (name, value) = &headers[0];
    Ok(format!("{name}: {}", value.to_str().unwrap_or_default()))
}

#[test]
fn a_key_goes_into_the_header_of_its_provider() {
    let sent = |text: &str, auth| match proof(text, auth) {
        Some(Proof::Header(name, value)) => {
            assert!(value.is_sensitive());
            format!("{name}: {}", value.to_str().unwrap_or_default())
        }
        Some(Proof::Nothing) => "nothing".to_owned(),
        _ => "none".to_owned(),
    };
    assert_eq!(sent("k", Auth::Bearer), "authorization: Bearer k");
    assert_eq!(sent("k", Auth::ApiKey), "api-key: k");
    assert_eq!(sent("k", Auth::XApiKey), "x-api-key: k");
    assert_eq!(sent("k", Auth::XGoogApiKey), "x-goog-api-key: k");
    assert_eq!(sent("k", Auth::Google), "x-goog-api-key: k");
    assert_eq!(sent("k", Auth::Azure), "api-key: k");
    assert_eq!(sent("k", Auth::Aws), "authorization: Bearer k");
    let token = r#"{"kind": "oauth_token", "token": "t"}"#;
    assert_eq!(sent(token, Auth::XApiKey), "authorization: Bearer t");
    assert_eq!(sent(&service_account(), Auth::Bearer), "none");
}

#[tokio::test]
async fn an_access_key_signs_for_the_region_of_the_host() {
    let aws = json!({"kind": "aws", "access_key_id": "AKID", "secret_access_key": "s"}).to_string();
    let proof = proof(&aws, Auth::Aws).unwrap_or_else(|| unreachable!());
    let mut request = at(NOW_MS);
    let giver = Giver::default();
    for (host, region) in [
        ("bedrock-runtime.us-west-2.amazonaws.com", "us-west-2"),
        ("proxy.example.com", "eu-central-1"),
    ] {
        request.host = host;
        let headers = proof.headers(&request, &giver).await.unwrap();
        let text = headers[0].1.to_str().unwrap();
        assert!(
            text.contains(&format!("/{region}/bedrock/aws4_request")),
            "{text}"
        );
        assert!(headers[0].1.is_sensitive());
    }
}

#[tokio::test]
async fn a_service_account_signs_for_a_token_and_keeps_it() {
    let proof = proof(&service_account(), Auth::Google).unwrap_or_else(|| unreachable!());
    let giver = Giver::with(&[
        (
            200,
            r#"{"access_token": "ya29.one", "expires_in": 3599, "token_type": "Bearer"}"#,
        ),
        (200, r#"{"access_token": "ya29.two", "expires_in": 3599}"#),
    ]);
    let one = "authorization: Bearer ya29.one";
    assert_eq!(header(&proof, NOW_MS, &giver).await.unwrap(), one);
    assert_eq!(
        header(&proof, NOW_MS + 3_000_000, &giver).await.unwrap(),
        one
    );
    assert_eq!(giver.count(), 1);
    // Renewed in its last five minutes, before anybody has to wait for it.
    let later = header(&proof, NOW_MS + 3_400_000, &giver).await.unwrap();
    assert_eq!(later, "authorization: Bearer ya29.two");
    assert_eq!(
        proof.redact(b"bad token ya29.two!").unwrap(),
        b"bad token [key]!"
    );

    let (url, form) = giver.asked.lock()[0].clone();
    assert_eq!(url, "oauth2.googleapis.com/token");
    let prefix = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    check_assertion(form.strip_prefix(prefix).unwrap());
}

fn check_assertion(jwt: &str) {
    let (text, signature) = jwt.rsplit_once('.').unwrap();
    let der = PrivatePkcs8KeyDer::from_pem_slice(TEST_KEY.as_bytes()).unwrap();
    let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public().as_ref());
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    public.verify(text.as_bytes(), &signature).unwrap();
    let parts: Vec<Value> = text
        .split('.')
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!(
        parts[0],
        json!({"alg": "RS256", "typ": "JWT", "kid": "kid-1"})
    );
    assert_eq!(
        parts[1],
        json!({
            "iss": "a@p.iam.gserviceaccount.com", "scope": "https://www.googleapis.com/auth/cloud-platform",
            "aud": "https://oauth2.googleapis.com/token", "iat": 1_700_000_000, "exp": 1_700_003_600,
        })
    );
}

#[tokio::test]
async fn many_requests_ask_for_one_token() {
    let proof = proof(&entra(), Auth::Azure).unwrap_or_else(|| unreachable!());
    let giver = Giver::with(&[(200, r#"{"access_token": "t", "expires_in": "3599"}"#)]);
    let all = (0..50).map(|_| header(&proof, NOW_MS, &giver));
    for sent in futures_util::future::join_all(all).await {
        assert_eq!(sent.unwrap(), "authorization: Bearer t");
    }
    assert_eq!(
        *giver.asked.lock(),
        [(
            "login.microsoftonline.com/t-1/oauth2/v2.0/token".to_owned(),
            "grant_type=client_credentials&client_id=c&client_secret=s%2F%2B%26&\
             scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default"
                .to_owned()
        )]
    );
}

#[tokio::test]
async fn a_failure_is_remembered_for_a_moment_and_a_token_that_holds_serves_on() {
    let proof = proof(&entra(), Auth::Azure).unwrap_or_else(|| unreachable!());
    let giver = Giver::with(&[
        (200, r#"{"access_token": "t", "expires_in": 3600}"#),
        (503, "<html>"),
        (
            400,
            r#"{"error": "invalid_client", "error_description": "hunter2"}"#,
        ),
    ]);
    let sent = "authorization: Bearer t";
    assert_eq!(header(&proof, NOW_MS, &giver).await.unwrap(), sent);
    // In its last minutes nobody renews it; it holds all the same.
    let late = NOW_MS + 3_400_000;
    assert_eq!(header(&proof, late, &giver).await.unwrap(), sent);
    assert_eq!(header(&proof, late + 1, &giver).await.unwrap(), sent);
    assert_eq!(giver.count(), 2, "the failure is remembered");
    // After its end the giver's word counts.
    let ended = NOW_MS + 3_600_000;
    let why = header(&proof, ended, &giver).await.unwrap_err();
    assert!(why.is_refusal());
    assert_eq!(
        why.to_string(),
        "login.microsoftonline.com refused the key: invalid_client"
    );
    assert_eq!(header(&proof, ended + 1, &giver).await.unwrap_err(), why);
    let away = header(&proof, ended + 60_000, &giver).await.unwrap_err();
    assert!(!away.is_refusal(), "{away}");
    assert_eq!(giver.count(), 4);
}

#[test]
fn a_private_key_that_is_none_is_told_before_it_is_used() {
    let text = service_account();
    let good = Credential::parse(&text).unwrap_or_else(|_| unreachable!());
    assert_eq!(check(&good), Ok(()));
    let broken = text.replace("MII", "AAA");
    let broken = Credential::parse(&broken).unwrap_or_else(|_| unreachable!());
    assert!(check(&broken).is_err());
}
