use weir_config::Credential;

use crate::{Case, errors_of};

#[test]
fn secrets_come_from_a_variable_or_a_file() {
    let case = Case::new(&[("token", "sk-weir-a\n"), ("two", "x\n\n")], &[]).unwrap();
    let source = |name: &str, file: &str| {
        let mut source = case.source();
        let path = case.path(file).display().to_string();
        source.env.insert(name.to_owned(), path);
        source
    };
    let loaded = weir_config::load(&source("WEIR_ADMIN_TOKEN_FILE", "token")).unwrap();
    assert_eq!(loaded.settings.admin_token.unwrap().expose(), "sk-weir-a");
    // One newline is trimmed, no more.
    let loaded = weir_config::load(&source("WEIR_MASTER_KEY_FILE", "two")).unwrap();
    assert_eq!(loaded.settings.master_key.unwrap().expose(), "x\n");
    assert_eq!(loaded.settings.master_key_file, Some(case.path("two")));

    let case = Case::new(&[], &[("WEIR_MASTER_KEY", "key")]).unwrap();
    assert_eq!(
        case.load().unwrap().settings.master_key.unwrap().expose(),
        "key"
    );
}

#[test]
fn an_empty_or_doubled_secret_is_an_error() {
    assert_eq!(
        errors_of(&[
            ("WEIR_ADMIN_TOKEN", ""),
            ("WEIR_MASTER_KEY", "a"),
            ("WEIR_MASTER_KEY_FILE", "/b")
        ]),
        [
            "environment: WEIR_MASTER_KEY and WEIR_MASTER_KEY_FILE are both set; set one of them",
            "environment: WEIR_ADMIN_TOKEN is empty; set it to the secret or unset it",
        ]
    );
    let case = Case::new(&[("empty", "\n")], &[]).unwrap();
    let mut source = case.source();
    let empty = case.path("empty").display().to_string();
    source
        .env
        .insert("WEIR_ADMIN_TOKEN_FILE".into(), empty.clone());
    source
        .env
        .insert("WEIR_MASTER_KEY_FILE".into(), format!("{empty}-missing"));
    let errors = weir_config::load(&source).err().unwrap().to_string();
    let lines: Vec<_> = errors.lines().collect();
    assert!(
        lines[0].starts_with("environment: WEIR_MASTER_KEY_FILE: cannot read "),
        "{errors}"
    );
    assert_eq!(
        lines[1],
        format!("environment: WEIR_ADMIN_TOKEN_FILE: {empty} is empty")
    );
}

#[test]
fn a_key_that_could_not_be_sent_is_an_error_and_is_not_told() {
    let case = Case::new(&[], &[("OPENAI_API_KEY", "hunter2 hunter2")]).unwrap();
    let shipped = include_str!("../../../conf.d/providers.yaml").lines();
    let line = 2 + shipped.take_while(|line| *line != "  openai:").count();
    assert_eq!(
        case.errors(),
        [format!(
            "built-in conf.d/providers.yaml:{}: `providers.openai`: key `env:OPENAI_API_KEY`: holds spaces or \
             characters that no key has",
            line + 1
        )]
    );
}

#[test]
fn a_missing_key_file_is_an_error() {
    let text = "providers:\n  openai:\n    keys: [{file: /nowhere/key}]\n";
    let case = Case::new(&[("weir.yaml", text)], &[]).unwrap();
    let errors = case.errors();
    assert!(
        errors[0].starts_with(
            "weir.yaml:3: `providers.openai`: key `file:/nowhere/key`: cannot read /nowhere/key: "
        ),
        "{errors:?}"
    );
}

#[test]
fn the_clouds_take_what_their_own_sdks_read() {
    let case = Case::new(
        &[(
            "google.json",
            r#"{"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}"#,
        )],
        &[],
    )
    .unwrap();
    let mut source = case.source();
    let google = case.path("google.json").display().to_string();
    for (name, value) in [
        ("AWS_REGION", "us-east-1"),
        ("AWS_BEARER_TOKEN_BEDROCK", "bedrock-key"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "sec\"ret"),
        ("AWS_SESSION_TOKEN", "session"),
        ("GOOGLE_CLOUD_PROJECT", "p"),
        ("GOOGLE_APPLICATION_CREDENTIALS", google.as_str()),
        ("AZURE_OPENAI_ENDPOINT", "https://x.openai.azure.com"),
        ("AZURE_TENANT_ID", "t"),
        ("AZURE_CLIENT_ID", "c"),
        ("AZURE_CLIENT_SECRET", "s"),
    ] {
        source.env.insert(name.into(), value.into());
    }
    let providers = weir_config::load(&source).unwrap().settings.providers;
    let keys = |name: &str| -> Vec<(String, &str)> {
        let keys = providers[name].keys.iter();
        keys.map(|key| {
            let credential =
                Credential::parse(key.secret.expose()).unwrap_or_else(|_| unreachable!());
            (key.id.clone(), credential.kind())
        })
        .collect()
    };
    assert_eq!(
        keys("bedrock"),
        [
            ("env:AWS_BEARER_TOKEN_BEDROCK".into(), "api_key"),
            ("aws:AWS_ACCESS_KEY_ID".into(), "aws")
        ]
    );
    assert_eq!(
        keys("vertex"),
        [(
            "file_env:GOOGLE_APPLICATION_CREDENTIALS".into(),
            "authorized_user"
        )]
    );
    assert_eq!(keys("azure"), [("entra:AZURE_CLIENT_ID".into(), "entra")]);
    let Ok(Credential::Aws(key)) = Credential::parse(providers["bedrock"].keys[1].secret.expose())
    else {
        panic!("an access key was given")
    };
    assert_eq!(key.secret_access_key.expose(), "sec\"ret");
}

#[test]
fn half_a_credential_or_one_of_another_kind_is_an_error() {
    let text = "providers:\n  bedrock:\n    region: us-east-1\n    keys: [{aws: {access_key_id_env: ID}}]\n  openai:\n    \
                keys: [{env: DOC}]\n";
    let document = r#"{"kind": "aws", "access_key_id": "A", "secret_access_key": "hunter2"}"#;
    let case = Case::new(&[("weir.yaml", text)], &[("ID", "A"), ("DOC", document)]).unwrap();
    assert_eq!(
        case.errors(),
        [
            "weir.yaml:4: `providers.bedrock`: key `aws:ID`: needs the variable AWS_SECRET_ACCESS_KEY as well",
            "weir.yaml:6: `providers.openai`: key `env:DOC`: is of the kind `aws`, which this provider does not take",
        ]
    );
}

#[test]
fn what_an_sdk_left_behind_is_no_error() {
    let case = Case::new(&[("google.json", r#"{"type": "external_account"}"#)], &[]).unwrap();
    let mut source = case.source();
    let google = case.path("google.json").display().to_string();
    source.env.insert("GOOGLE_CLOUD_PROJECT".into(), "p".into());
    source
        .env
        .insert("GOOGLE_APPLICATION_CREDENTIALS".into(), google);
    let loaded = weir_config::load(&source).unwrap();
    assert!(loaded.settings.providers["vertex"].keys.is_empty());
    assert!(
        loaded.warnings[0].contains("is of a kind that is none"),
        "{:?}",
        loaded.warnings
    );
}
