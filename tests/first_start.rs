//! The first start on an empty folder: an administrator is made, and only the owner of the machine learns the token.

use std::path::{Path, PathBuf};

use weir_testkit::{Gateway, Upstream, chat_body};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

fn file_with_token(folder: &Path) -> Option<(PathBuf, String)> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    entries.map(|entry| entry.path()).find_map(|path| {
        let text = std::fs::read_to_string(&path).ok()?;
        text.starts_with("sk-weir-")
            .then(|| (path, text.trim().to_owned()))
    })
}

#[test]
fn the_token_of_the_first_administrator_is_in_a_file_and_not_in_the_log() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .without_admin_token()
        .start();
    let (path, token) =
        file_with_token(&gateway.home().join("data")).expect("the token was written to a file");
    gateway
        .client_with(&token)
        .chat(&chat_body("up/ok"))
        .assert_status(200);
    assert!(
        !gateway.logs().contains(&token),
        "standard output is no terminal here"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path)
            .expect("the file is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    gateway.kill();
    gateway.start_again();
    let (_, same) = file_with_token(&gateway.home().join("data")).expect("the file stays");
    assert_eq!(
        same,
        token,
        "a second start makes no second administrator at {}",
        path.display()
    );
    gateway
        .client_with(&token)
        .chat(&chat_body("up/ok"))
        .assert_status(200);
}

#[test]
fn a_token_from_the_environment_is_the_first_administrators() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway
        .client()
        .chat(&chat_body("up/ok"))
        .assert_status(200);
    assert_eq!(file_with_token(&gateway.home().join("data")), None);
}

#[test]
fn a_lone_binary_in_an_empty_folder_serves() {
    let gateway = Gateway::builder(WEIR).start();
    gateway.client().get("/v1/models").assert_status(200);
}

#[test]
fn a_provider_that_only_ships_is_no_reason_to_warn_and_a_stored_key_is() {
    let key_set = ["key", "set", "bedrock", "--user", "ann"];
    let mut gateway = Gateway::builder(WEIR)
        .env("AWS_REGION", "eu-central-1")
        .start();
    gateway.add_user("ann");
    gateway
        .cli_with_input(&key_set, "bedrock-api-key")
        .assert_success();
    assert!(!gateway.logs().contains("left out"), "{}", gateway.logs());

    let region_less = Gateway::builder(WEIR).start();
    assert!(!region_less.logs().contains("left out"));
    region_less.add_user("ann");
    let refused = region_less.cli_with_input(&key_set, "bedrock-api-key");
    assert!(
        refused
            .stderr
            .contains("it needs a `region`: set AWS_REGION"),
        "{}",
        refused.stderr
    );

    gateway.kill();
    gateway.write_file(
        "conf.d/90-no-region.yaml",
        "providers: {bedrock: {region_env: [NOWHERE]}}\n",
    );
    gateway.start_again();
    let logs = gateway.logs();
    assert!(logs.contains("users' keys are of no use"), "{logs}");
}
