//! The command line: mistakes are told all at once and before a port is bound, and scripts can rely on exit codes.

use weir_testkit::{Gateway, Upstream};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
/// `EX_USAGE` of sysexits.h: the configuration is wrong.
const BAD_CONFIGURATION: i32 = 64;

#[test]
fn a_good_configuration_passes_the_check() {
    let upstream = Upstream::start();
    let gateway = Gateway::builder(WEIR).provider("up", &upstream).prepare();
    gateway.cli(&["check"]).assert_success();
}

#[test]
fn all_mistakes_are_told_at_once_with_file_line_and_the_nearest_name() {
    let gateway = Gateway::builder(WEIR)
        .set("server", "lisen: 127.0.0.1:0")
        .set("retry", "max_attempts: many")
        .set("aliases", "fast: nowhere/model")
        .prepare();
    for command in ["check", "serve"] {
        let output = gateway.cli(&[command]);
        assert_eq!(
            output.status.code(),
            Some(BAD_CONFIGURATION),
            "{command}: {output:?}"
        );
        for fact in ["weir.yaml:", "lisen", "listen", "max_attempts", "nowhere"] {
            assert!(
                output.stderr.contains(fact),
                "{command} does not tell {fact}: {}",
                output.stderr
            );
        }
        assert!(!output.stderr.contains("panicked"), "{output:?}");
    }
}

#[test]
fn an_unknown_variable_only_warns() {
    let gateway = Gateway::builder(WEIR)
        .env("WEIR_PORT", "tcp://10.0.0.1:8080")
        .env("WEIR_NONSENSE", "1")
        .prepare();
    gateway.cli(&["check"]).assert_success();
}

#[test]
fn help_and_version_are_there_and_unknown_commands_are_not() {
    let gateway = Gateway::builder(WEIR).prepare();
    let help = gateway.cli(&["--help"]).assert_success().stdout;
    for command in [
        "serve", "check", "user", "token", "key", "usage", "models", "db",
    ] {
        assert!(help.contains(command), "{command} is not in the help");
        gateway.cli(&[command, "--help"]).assert_success();
    }
    assert!(!gateway.cli(&["serv"]).status.success());
}

#[test]
fn the_version_is_told() {
    let version = Gateway::builder(WEIR).prepare().cli(&["--version"]);
    let expected = concat!("weir ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(version.assert_success().stdout, expected);
}

#[test]
fn shells_are_given_a_script_that_completes_commands() {
    let gateway = Gateway::builder(WEIR).prepare();
    for shell in ["bash", "zsh", "fish"] {
        let script = gateway.cli(&["completions", shell]).assert_success().stdout;
        for word in ["weir", "serve", "token", "revoke"] {
            assert!(script.contains(word), "{shell} does not complete {word}");
        }
    }
    let unknown = gateway.cli(&["completions", "command.com"]);
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
}

#[test]
fn users_and_tokens_are_kept_and_a_token_is_shown_once() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway.add_user("ann");
    assert!(
        !gateway.cli(&["user", "add", "ann"]).status.success(),
        "a name is taken once"
    );
    let token = gateway.create_token(
        "ann",
        &["--name", "laptop", "--rpm", "5", "--expires", "30d"],
    );
    let listed = gateway.cli(&["token", "list", "--json"]).assert_success();
    let rows = listed.json_rows();
    let row = rows
        .iter()
        .find(|row| row["id"] == token.id.as_str())
        .expect("the token is listed");
    assert_eq!(row["name"], "laptop");
    assert!(!listed.stdout.contains(&token.secret));
    assert!(
        !gateway
            .cli(&["token", "create", "--user", "nobody"])
            .status
            .success()
    );
    assert!(
        !gateway
            .cli(&["token", "revoke", "nosuchtoken"])
            .status
            .success()
    );
    assert!(
        gateway
            .cli(&["user", "list"])
            .assert_success()
            .stdout
            .contains("ann")
    );
}

#[test]
fn a_backup_is_a_whole_database() {
    let upstream = Upstream::start();
    let gateway = Gateway::with_upstream(WEIR, &upstream);
    gateway.add_user("ann");
    let copy = gateway.home().join("backup.db");
    let path = copy.to_str().expect("the path is text");
    gateway.cli(&["db", "backup", path]).assert_success();
    let opened = rusqlite::Connection::open(&copy).expect("the copy opens");
    let check: String = opened
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("the check runs");
    assert_eq!(check, "ok");
    gateway.cli(&["db", "migrate"]).assert_success();
}

#[test]
fn a_second_serve_on_the_same_data_is_refused() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::with_upstream(WEIR, &upstream);
    let second = gateway.cli(&["serve"]);
    assert!(!second.status.success(), "{second:?}");
    assert!(gateway.is_running());
}
