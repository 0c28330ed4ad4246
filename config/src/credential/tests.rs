use super::*;

const PEM: &str = "-----BEGIN PRIVATE KEY-----\\nhunter2\\n-----END PRIVATE KEY-----\\n";

fn error(text: &str) -> String {
    match Credential::parse(text) {
        Ok(credential) => format!("read as {}", credential.kind()),
        Err(why) => why.to_string(),
    }
}

#[test]
fn a_plain_text_is_a_key() {
    let Ok(Credential::ApiKey(key)) = Credential::parse(" sk-1\n") else {
        panic!("a key was written")
    };
    assert_eq!(key.expose(), "sk-1");
    assert_eq!(error(""), "is empty");
    assert_eq!(error("a b"), "holds spaces or characters that no key has");
}

#[test]
fn a_document_is_of_its_kind() {
    let aws = r#"{"kind": "aws", "access_key_id": "AKIDEXAMPLE", "secret_access_key": "wJal/r+x=",
                  "session_token": "", "region": "eu-central-1"}"#;
    let Ok(Credential::Aws(key)) = Credential::parse(aws) else {
        panic!("{}", error(aws))
    };
    assert_eq!(key.access_key_id, "AKIDEXAMPLE");
    assert_eq!(key.secret_access_key.expose(), "wJal/r+x=");
    assert!(key.session_token.is_none());
    assert_eq!(key.region.as_deref(), Some("eu-central-1"));

    let google = format!(
        r#"{{"type": "service_account", "project_id": "p-1", "private_key_id": "k", "private_key": "{PEM}",
            "client_email": "a@p-1.iam.gserviceaccount.com", "client_id": "1", "universe_domain": "googleapis.com",
            "token_uri": "https://oauth2.googleapis.com/token"}}"#
    );
    let Ok(Credential::ServiceAccount(account)) = Credential::parse(&google) else {
        panic!("{}", error(&google))
    };
    assert_eq!(account.client_email, "a@p-1.iam.gserviceaccount.com");
    assert!(account.private_key.expose().contains("\nhunter2\n"));
    assert_eq!(account.token_url, TokenUrl::GOOGLE);
    assert_eq!(account.project_id.as_deref(), Some("p-1"));

    let kinds = [
        (r#"{"kind": "oauth_token", "token": "t"}"#, "oauth_token"),
        (
            r#"{"kind": "endpoint_key", "endpoint": "https://m.openai.azure.com", "key": "k"}"#,
            "endpoint_key",
        ),
        (
            r#"{"kind": "entra", "tenant_id": "a-1", "client_id": "b", "client_secret": "c"}"#,
            "entra",
        ),
        (
            r#"{"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}"#,
            "authorized_user",
        ),
        (r#"{"kind": "api_key", "key": "k"}"#, "api_key"),
    ];
    for (text, kind) in kinds {
        assert_eq!(error(text), format!("read as {kind}"));
    }
}

#[test]
fn what_is_wrong_is_told_without_what_it_holds() {
    let cases = [
        ("{hunter2", "begins with `{` but is no JSON object"),
        (r#"{"key": "hunter2"}"#, "has no `kind`"),
        (
            r#"{"kind": "api_key", "key": 5}"#,
            "has a `key` that is no text",
        ),
        (
            r#"{"kind": "aws", "access_key_id": "A", "secret_access_key": "hunter2 x"}"#,
            "has a `secret_access_key` with spaces or characters that none has",
        ),
        (
            r#"{"kind": "aws", "access_key_id": "A"}"#,
            "lacks a `secret_access_key`",
        ),
        (
            r#"{"kind": "aws", "access_key_id": "A/../hunter2", "secret_access_key": "x"}"#,
            "has an `access_key_id` that is none",
        ),
        (
            r#"{"kind": "aws", "access_key_id": "A", "secret_access_key": "x", "sesion_token": "hunter2"}"#,
            "has a member that the kind `aws` does not know",
        ),
        (
            r#"{"kind": "aws", "access_key_id": "A", "secret_access_key": "x", "region": "evil.example/"}"#,
            "has a `region` that is no name of a-z, 0-9 and `-`",
        ),
        (
            r#"{"type": "service_account", "client_email": "a@b", "private_key": "hunter2"}"#,
            "has a `private_key` that is not PEM of PKCS #8",
        ),
        (
            r#"{"kind": "endpoint_key", "endpoint": "hunter2", "key": "k"}"#,
            "has an `endpoint` that is no URL",
        ),
        (
            r#"{"kind": "entra", "tenant_id": "../x", "client_id": "b", "client_secret": "c"}"#,
            "has a `tenant_id` that is none",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(error(text), expected);
    }
    assert!(error(r#"{"type": "external_account"}"#).starts_with("is of a kind that is none"));
}

#[test]
fn a_token_is_only_asked_for_at_googles() {
    for url in [
        "https://evil.example/token",
        "http://oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com.evil.example/token",
        "https://oauth2.googleapis.com/token/../x",
        "https://oauth2.googleapis.com@evil.example/token",
    ] {
        let text = format!(
            r#"{{"type": "service_account", "client_email": "a@b", "private_key": "{PEM}", "token_uri": "{url}"}}"#
        );
        assert!(
            error(&text).contains("`token_uri` that is not Google's"),
            "{url}"
        );
    }
}

#[test]
fn a_kind_suits_the_providers_that_know_it() {
    let suits = |text: &str, auth| {
        Credential::parse(text)
            .unwrap_or_else(|_| unreachable!())
            .suit(auth)
            .is_ok()
    };
    let aws = r#"{"kind": "aws", "access_key_id": "A", "secret_access_key": "x"}"#;
    assert!(suits(aws, Auth::Aws) && !suits(aws, Auth::Bearer));
    assert!(suits("sk-1", Auth::Aws) && suits("sk-1", Auth::Google) && !suits("sk-1", Auth::None));
    let own = r#"{"kind": "endpoint_key", "endpoint": "https://h.example", "key": "k"}"#;
    assert!(suits(own, Auth::Azure) && suits(own, Auth::Bearer) && !suits(own, Auth::Aws));
}

#[test]
fn an_endpoint_of_ones_own_is_on_the_internet() {
    let check = |url: &str| {
        let text = format!(r#"{{"kind": "endpoint_key", "endpoint": "{url}", "key": "k"}}"#);
        Credential::parse(&text)
            .unwrap_or_else(|_| unreachable!("{url}"))
            .check_endpoint()
    };
    assert_eq!(check("https://mine.openai.azure.com"), Ok(()));
    for url in [
        "http://mine.openai.azure.com",
        "https://127.0.0.1",
        "https://[::1]:443",
        "https://[::ffff:10.0.0.1]",
        "https://localhost:8080",
        "https://169.254.169.254/latest",
        "https://metadata.google.internal",
        "https://2130706433",
        "https://gpu-box",
    ] {
        assert!(check(url).is_err(), "{url}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\{?[\\PC\"{}:, ]{0,80}") {
        let _ = Credential::parse(&text);
    }
}
