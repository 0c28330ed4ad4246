use std::collections::BTreeMap;
use std::path::PathBuf;

use weir_config::{Auth, LogFormat, OperatorKeys, Source, Synchronous};
use weir_wire::format::Format;
use weir_wire::loss::DropParams;

use crate::{Case, errors_of};

#[test]
fn later_sources_win() {
    let case = Case::new(
        &[
            (
                "weir.yaml",
                "log: {filter: one, format: human}\nretry: {max_attempts: 2}\nserver: {workers: 2}\n",
            ),
            ("conf.d/20.yaml", "log: {filter: three}\nserver: {workers: 3}\n"),
            ("conf.d/10.yml", "log: {filter: two, format: json}\n"),
            ("conf.d/.hidden.yaml", "log: {filter: hidden}\n"),
            ("conf.d/notes.txt", "log: {filter: notes}\n"),
        ],
        &[("WEIR_SERVER_WORKERS", "4")],
    )
    .unwrap();
    let settings = case.load().unwrap().settings;
    assert_eq!(settings.log.filter, "three");
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!(settings.retry.max_attempts, 2);
    assert_eq!(settings.retry.attempts_per_target, 2);
    assert_eq!(settings.server.workers, 4);
}

#[test]
fn maps_merge_and_lists_replace() {
    let case = Case::new(
        &[(
            "weir.yaml",
            "providers:\n  openai:\n    models: [only-this]\n    timeouts: {idle_ms: 5s}\n\
             timeouts: {connect_ms: 3s}\nprices:\n  openai:\n    gpt-4o: {input: 99}\n",
        )],
        &[("OPENAI_API_KEY", "sk-1")],
    )
    .unwrap();
    let settings = case.load().unwrap().settings;
    let openai = &settings.providers["openai"];
    assert_eq!(openai.base_url.host, "api.openai.com");
    assert_eq!(openai.listed_models().collect::<Vec<_>>(), ["only-this"]);
    assert_eq!(openai.keys[0].id, "env:OPENAI_API_KEY");
    assert_eq!(openai.timeouts.idle_ms, 5_000);
    // A timeout of the shared section that a later source sets holds for every provider without its own.
    assert_eq!(openai.timeouts.connect_ms, 3_000);
    let price = settings.prices.find("openai", "gpt-4o").unwrap();
    assert_eq!(price.rates.input, 99_000_000_000);
    assert_eq!(price.rates.output, 10_000_000_000);
    assert!(settings.prices.version.ends_with("+local"));
}

#[test]
fn a_version_of_ones_own_replaces_the_mark() {
    let text = "prices:\n  version: mine-1\n  demo:\n    x: {input: 1, output: 2}\n";
    let case = Case::new(&[("weir.yaml", text)], &[]).unwrap();
    assert_eq!(case.load().unwrap().settings.prices.version, "mine-1");
}

#[test]
fn a_provider_is_five_lines() {
    let text = "providers:\n  myllm:\n    base_url: https://llm.example.com/v1/\n    key_env: MYLLM_API_KEY\n    models: [my-model]\n";
    let case = Case::new(&[("weir.yaml", text)], &[("MYLLM_API_KEY", "sk-x\n")]).unwrap();
    let settings = case.load().unwrap().settings;
    let provider = &settings.providers["myllm"];
    assert_eq!(provider.base_url.path, "/v1");
    assert_eq!(provider.keys[0].secret.expose(), "sk-x");
    assert!(provider.knows("my-model") && !provider.knows("other"));
    assert_eq!(provider.auth, Auth::Bearer);
    assert!(!provider.local);
}

#[test]
fn the_options_of_models_merge_and_the_most_telling_counts() {
    let text = "providers:\n  openai:\n    drop_params: none\n    endpoints: {chat: false}\n    \
                paths: {responses: '/v2/{model}/r?v={api_version}'}\n    model_options:\n      \
                'gpt-*': {drop_params: all, max_output_tokens: 9}\n      gpt-5: {max_output_tokens: 7}\n      \
                'gpt-*-pro': {max_output_tokens: 8}\n";
    let case = Case::new(&[("weir.yaml", text)], &[]).unwrap();
    let settings = case.load().unwrap().settings;
    let openai = &settings.providers["openai"];
    assert_eq!(openai.formats_for("gpt-5"), [Format::Responses]);
    assert_eq!(openai.formats_for("o3-pro"), [Format::Responses]);
    assert_eq!(openai.drop_params("o3"), DropParams::None);
    assert_eq!(openai.drop_params("gpt-5"), DropParams::All);
    assert_eq!(openai.max_output_tokens("gpt-5"), Some(7));
    assert_eq!(openai.max_output_tokens("gpt-5-pro"), Some(8));
    assert_eq!(openai.max_output_tokens("gpt-4"), Some(9));
    assert_eq!(openai.max_output_tokens("o3"), None);
    assert_eq!(openai.path("responses", "a/b"), "/v1/v2/a%2Fb/r?v=v1");
    assert_eq!(openai.path("speech", "x"), "/v1/audio/speech");
}

#[test]
fn an_address_may_come_from_the_environment_and_older_ones_still_serve() {
    let text = "providers:\n  p:\n    base_url_env: P_URL\n  ollama:\n    base_url: http://gpu-box:11434/v1\n";
    let env = [("P_URL", "https://p.example.com/v1/")];
    let case = Case::new(&[("weir.yaml", text)], &env).unwrap();
    let providers = case.load().unwrap().settings.providers;
    assert_eq!(providers["p"].base_url.host, "p.example.com");
    assert_eq!(providers["p"].path("chat", "m"), "/v1/chat/completions");
    assert_eq!(
        providers["ollama"].path("chat", "m"),
        "/v1/chat/completions"
    );
    let without = Case::new(&[("weir.yaml", text)], &[]).unwrap();
    assert_eq!(
        without.errors(),
        ["weir.yaml:2: `providers.p` needs a `base_url`"]
    );
}

#[test]
fn an_unset_or_empty_key_is_no_key() {
    let unset = Case::new(&[], &[]).unwrap().load().unwrap();
    assert!(unset.settings.providers["openai"].keys.is_empty());
    let empty = Case::new(&[], &[("OPENAI_API_KEY", "")])
        .unwrap()
        .load()
        .unwrap();
    assert!(empty.settings.providers["openai"].keys.is_empty());
}

#[test]
fn several_keys_have_weights_and_may_be_files() {
    let case = Case::new(&[("secret", "sk-file\n")], &[("A", "sk-a")]).unwrap();
    let file = case.path("secret");
    let text = format!(
        "providers:\n  openai:\n    keys:\n      - {{env: A, weight: 2}}\n      - {{file: {}}}\n",
        file.display()
    );
    std::fs::write(case.path("weir.yaml"), text).unwrap();
    let settings = case.load().unwrap().settings;
    let keys: Vec<_> = settings.providers["openai"]
        .keys
        .iter()
        .map(|key| (key.id.clone(), key.secret.expose().to_owned(), key.weight))
        .collect();
    assert_eq!(
        keys,
        [
            ("env:A".to_owned(), "sk-a".to_owned(), 2),
            (format!("file:{}", file.display()), "sk-file".to_owned(), 1),
        ]
    );
}

#[test]
fn short_names_stand_for_long_ones() {
    let case = Case::new(
        &[],
        &[
            ("WEIR_LISTEN", "0.0.0.0:8000"),
            ("WEIR_OPS_LISTEN", "none"),
            ("WEIR_DATABASE_URL", "sqlite:///srv/weir.db"),
            ("WEIR_DATABASE_SYNCHRONOUS", "full"),
            ("WEIR_DATA_DIR", "/srv"),
            ("WEIR_LOG", "debug"),
            ("WEIR_DEFAULT_MODEL", "demo/demo"),
            ("WEIR_OPERATOR_KEYS", "everyone"),
            ("WEIR_NODE_ID", "node-1"),
            ("WEIR_RETRY_STATUSES", "500, 503"),
            ("WEIR_SERVER_MAX_BODY_BYTES", ""),
        ],
    )
    .unwrap();
    let loaded = case.load().unwrap();
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let settings = loaded.settings;
    assert_eq!(settings.server.listen.to_string(), "0.0.0.0:8000");
    assert_eq!(settings.server.ops_listen, None);
    assert_eq!(settings.database_path(), PathBuf::from("/srv/weir.db"));
    assert_eq!(settings.database.synchronous, Synchronous::Full);
    assert_eq!(settings.log.filter, "debug");
    assert_eq!(settings.default_model.as_deref(), Some("demo/demo"));
    assert_eq!(settings.policy.operator_keys, OperatorKeys::Everyone);
    assert_eq!(settings.node_id, "node-1");
    assert_eq!(settings.retry.statuses, [500, 503]);
    assert_eq!(settings.server.max_body_bytes, 32 << 20);
}

#[test]
fn a_setting_has_one_variable_at_a_time() {
    assert_eq!(
        errors_of(&[
            ("WEIR_LISTEN", "127.0.0.1:1"),
            ("WEIR_SERVER_LISTEN", "127.0.0.1:1")
        ]),
        ["environment: WEIR_SERVER_LISTEN and WEIR_LISTEN are the same setting; set one of them"]
    );
}

#[test]
fn unknown_variables_only_warn_and_the_orchestrators_do_not() {
    let case = Case::new(
        &[(
            "weir.yaml",
            "providers: {p: {base_url: 'http://h', key_env: WEIR_P_KEY}}\n",
        )],
        &[
            ("WEIR_LISTNE", "127.0.0.1:1"),
            ("WEIR_SOMETHING_ELSE", "x"),
            ("WEIR_P_KEY", "sk-p"),
            ("WEIR_CONFIG", "weir.yaml"),
            ("WEIR_PORT", "tcp://10.0.0.1:8080"),
            ("WEIR_SERVICE_HOST", "10.0.0.1"),
            ("WEIR_PORT_8080_TCP_ADDR", "10.0.0.1"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(
        case.load().unwrap().warnings,
        [
            "environment: WEIR_LISTNE is not a setting and is ignored (did you mean `WEIR_LISTEN`?)",
            "environment: WEIR_SOMETHING_ELSE is not a setting and is ignored",
        ]
    );
}

#[test]
fn the_drop_ins_are_beside_the_file() {
    let case = Case::new(&[("weir.yaml", ""), ("conf.d/a.yaml", "node_id: a\n")], &[]).unwrap();
    let explicit = Source::new(Some(case.path("weir.yaml")), BTreeMap::new());
    assert_eq!(explicit.conf_dirs, [case.path("conf.d")]);
    let named = case.path("weir.yaml").display().to_string();
    let of_env = Source::new(None, BTreeMap::from([("WEIR_CONFIG".to_owned(), named)]));
    assert_eq!(weir_config::load(&of_env).unwrap().settings.node_id, "a");
}

#[test]
fn tls_is_a_pair_of_files() {
    let text = "server:\n  tls: {cert: /c.pem, key: /k.pem}\n";
    let case = Case::new(&[("weir.yaml", text)], &[]).unwrap();
    let tls = case.load().unwrap().settings.server.tls.unwrap();
    assert_eq!((tls.cert, tls.key), ("/c.pem".into(), "/k.pem".into()));
}

#[test]
fn aliases_and_fallbacks_are_read() {
    let text = "aliases:\n  fast: gpt-4o-mini\n  smart: [openai/gpt-5.1, openrouter/openai/gpt-5.1]\n\
                fallbacks:\n  global: [fast]\n  models: {smart: [demo]}\ndefault_model: fast\n";
    let case = Case::new(&[("weir.yaml", text)], &[]).unwrap();
    let settings = case.load().unwrap().settings;
    assert_eq!(settings.aliases["fast"].targets, ["gpt-4o-mini"]);
    assert_eq!(settings.aliases["smart"].targets.len(), 2);
    assert_eq!(settings.fallbacks.global, ["fast"]);
    assert_eq!(settings.fallbacks.models["smart"], ["demo"]);
}
