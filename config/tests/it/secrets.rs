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
