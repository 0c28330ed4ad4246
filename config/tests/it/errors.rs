use crate::{Case, errors_in, errors_of};

#[test]
fn everything_wrong_is_told_at_once_with_file_and_line() {
    let case = Case::new(
        &[
            (
                "weir.yaml",
                "server:\n  workers: 2\n  lisen: 0.0.0.0:80\n\n\n\n\nretry:\n  max_attempts: 0\n",
            ),
            (
                "conf.d/10-own.yaml",
                "aliases:\n  fast: opnai/gpt-4o-mini\n",
            ),
        ],
        &[("WEIR_LISTEN", "8080")],
    )
    .unwrap();
    let errors = case.errors();
    assert_eq!(
        errors,
        [
            "weir.yaml:3: `server.lisen` is not a setting (did you mean `listen`?)",
            "weir.yaml:9: `retry.max_attempts`: must be at least 1",
            "conf.d/10-own.yaml:2: `aliases.fast`: `opnai/gpt-4o-mini` is no model of any enabled provider \
             (did you mean `openai/gpt-4o-mini`?)",
            "environment: WEIR_LISTEN: `8080` is not an address; write IP:port, such as 127.0.0.1:8080 or [::1]:8080",
        ]
    );
    // The reference shows these very lines.
    let reference = weir_config::reference_markdown();
    for error in errors {
        assert!(reference.contains(&error), "{error}");
    }
}

#[test]
fn a_value_that_is_overridden_is_still_checked() {
    let case = Case::new(
        &[
            ("weir.yaml", "log:\n  format: colourful\n"),
            ("conf.d/a.yaml", "log: {format: json}\n"),
        ],
        &[],
    )
    .unwrap();
    assert_eq!(
        case.errors(),
        ["weir.yaml:2: `log.format`: `colourful` is none of `auto`, `human`, `json`"]
    );
}

#[test]
fn unknown_keys_name_the_nearest_known_one() {
    assert_eq!(
        errors_in(
            "sever: {}\nlimits:\n  tokens: {}\nprices:\n  opneai: {}\nfallbacks:\n  model: {}\n"
        ),
        [
            "weir.yaml:1: `sever` is not a setting (did you mean `server`?)",
            "weir.yaml:3: `limits.tokens` is not a setting (did you mean `token`?)",
            "weir.yaml:5: `prices.opneai`: there is no provider of this name (did you mean `openai`?)",
            "weir.yaml:7: `fallbacks.model` is not a setting (did you mean `models`?)",
        ]
    );
    assert_eq!(
        errors_in("colour: blue\n"),
        ["weir.yaml:1: `colour` is not a setting"]
    );
}

#[test]
fn each_kind_of_setting_says_what_it_takes() {
    assert_eq!(
        errors_in(
            "data_dir: ''\nnode_id: a b\nserver:\n  ops_on_main: yes\n  workers: -1\n  grace_period_ms: 1.5s\n  \
             header_timeout_ms: 0\n  max_body_bytes: 32 megabytes\n  keepalive_idle_ms: 8d\n  listen:\n  \
             h2_max_streams: [1]\n  idle: {}\nretry:\n  statuses: [500, 200]\nlimits: 5\nstream:\n  hold_bytes: 0\n\
             timeouts:\n  idle_ms: 900h\n"
        ),
        [
            "weir.yaml:1: `data_dir`: must not be empty",
            "weir.yaml:2: `node_id`: `a b` is not a node's name; use up to 64 letters, digits, `.`, `_` and `-`",
            "weir.yaml:4: `server.ops_on_main`: `yes` is neither true nor false",
            "weir.yaml:5: `server.workers`: `-1` is not a whole number from 0 to 4294967295",
            "weir.yaml:6: `server.grace_period_ms`: `1.5s` is not a duration; write 250ms, 30s, 2m or 1h",
            "weir.yaml:7: `server.header_timeout_ms`: must be more than 0",
            "weir.yaml:8: `server.max_body_bytes`: `32 megabytes` is not a size; write 8KiB, 32MiB or 1GiB",
            "weir.yaml:9: `server.keepalive_idle_ms`: `8d` is not a duration; write 250ms, 30s, 2m or 1h",
            "weir.yaml:10: `server.listen`: has no value",
            "weir.yaml:11: `server.h2_max_streams`: takes a single value, not a list",
            "weir.yaml:12: `server.idle` is not a setting",
            "weir.yaml:14: `retry.statuses`: `200` is not a status from 400 to 599",
            "weir.yaml:15: `limits` takes a map, not a single value",
            "weir.yaml:17: `stream.hold_bytes`: must be more than 0",
            "weir.yaml:19: `timeouts.idle_ms`: `900h` is more than 7 days",
        ]
    );
}

#[test]
fn what_does_not_fit_together_is_told() {
    assert_eq!(
        errors_in(
            "server:\n  listen: 0.0.0.0:9090\n  max_body_bytes: 1GiB\n  tls:\n    cert: /c.pem\nretry:\n  \
             backoff_base_ms: 10s\ntimeouts:\n  connect_ms: 1m\n  total_ms: 30s\n"
        ),
        [
            "weir.yaml:2: `server.ops_listen` (127.0.0.1:9090) collides with `server.listen` (0.0.0.0:9090); choose \
             another port, or `none` with `ops_on_main: true`",
            "weir.yaml:3: `server.max_bodies_memory_bytes` (536870912) is less than `server.max_body_bytes` (1073741824)",
            "weir.yaml:5: `server.tls.cert` is set without `server.tls.key`",
            "weir.yaml:7: `retry.backoff_max_ms` (8000) is less than `retry.backoff_base_ms` (10000)",
            "weir.yaml:10: `timeouts.total_ms` (30000) is less than `timeouts.connect_ms` (60000)",
        ]
    );
    assert_eq!(
        errors_of(&[("WEIR_SERVER_TLS_KEY", "/k.pem")]),
        ["environment: `server.tls.key` is set without `server.tls.cert`"]
    );
}

#[test]
fn a_provider_says_what_it_needs() {
    assert_eq!(
        errors_in(
            "providers:\n  Mine: {}\n  version: {}\n  empty: {}\n  url:\n    base_url: https://u:hunter2@h/v1\n  inline:\n    \
             base_url: https://h/v1\n    key: sk-secret\n  both:\n    base_url: https://h/v1\n    key_env: A\n    \
             keys: [{env: B}]\n  none:\n    base_url: http://h\n    auth: none\n    key_env: A\n  \
             typo:\n    base_url: http://h\n    model: [x]\n    quirks: {stream_option: false}\n    \
             models: ['a*b']\n    timeouts: {connect_ms: 20m}\n"
        ),
        [
            "weir.yaml:2: `Mine` is not a provider's name; use up to 64 of a-z, 0-9, `.`, `_` and `-`",
            "weir.yaml:3: a provider cannot be called `version`, as `prices.version` is taken",
            "weir.yaml:4: `providers.empty` needs a `base_url`",
            "weir.yaml:6: `providers.url.base_url`: must not hold a user or password; give the key with `key_env` or `keys`",
            "weir.yaml:9: `providers.inline.key`: a key does not belong in this file; name an environment variable with \
             `key_env`, a file with `keys: [{file: ...}]`, or use `weir key set inline`",
            "weir.yaml:11: `providers.both` has both `key_env` and `keys`; give one of them",
            "weir.yaml:17: `providers.none` has a key but `auth: none`; set `auth: bearer` to send it",
            "weir.yaml:20: `providers.typo.model` is not a setting (did you mean `models`?)",
            "weir.yaml:21: `providers.typo.quirks.stream_option` is not a setting (did you mean `stream_options`?)",
            "weir.yaml:22: `providers.typo.models`: `a*b` is not a model; write its name, or the beginning of one and `*`",
            "weir.yaml:23: `providers.typo.timeouts`: `total_ms` (900000) is less than `connect_ms` (1200000)",
        ]
    );
}

#[test]
fn what_a_provider_speaks_and_where_is_checked() {
    assert_eq!(
        errors_in(
            "providers:\n  p:\n    base_url: https://{regoin}.h\n    formats: [chat, open-ai]\n    region: a/b\n    \
             paths:\n      chta: /x\n      chat: x\n    layout: azur\n    drop_params: some\n    \
             model_options:\n      'a b': {}\n      a*: {format: chat, formats: [x]}\n    endpoints: {image: true}\n    \
             region_env: [A B]\n  q:\n    base_url: https://{region}.h\n  r:\n    base_url: https://h\n    \
             api_version: 1&x\n"
        ),
        [
            "weir.yaml:3: `providers.p.base_url`: `{regoin}.h` is not a host name; write it in ASCII, an IPv6 address in \
             brackets",
            "weir.yaml:4: `providers.p.formats`: `open-ai` is no format; the formats are `chat`, `completions`, `responses`, \
             `anthropic`, `gemini`, `bedrock`, `ollama`, `cohere`",
            "weir.yaml:5: `providers.p.region`: `a/b` is not a name of a-z, 0-9 and `-`",
            "weir.yaml:7: `providers.p.paths.chta` is not a setting (did you mean `chat`?)",
            "weir.yaml:8: `providers.p.paths.chat`: `x` must begin with `/`",
            "weir.yaml:9: `providers.p.layout`: `azur` is none of `plain`, `azure`, `vertex`, `ollama`, `bedrock`",
            "weir.yaml:10: `providers.p.drop_params`: `some` is none of `hints`, `all`, `none`",
            "weir.yaml:12: `providers.p.model_options.a b`: `a b` is not a model; write its name, with `*` for what may be \
             anything",
            "weir.yaml:13: `providers.p.model_options.a*.format` is not a setting (did you mean `formats`?)",
            "weir.yaml:13: `providers.p.model_options.a*.formats`: `x` is no format; the formats are `chat`, `completions`, \
             `responses`, `anthropic`, `gemini`, `bedrock`, `ollama`, `cohere`",
            "weir.yaml:14: `providers.p.endpoints.image` is not a setting (did you mean `images`?)",
            "weir.yaml:15: `providers.p.region_env`: is not the name of an environment variable; write the name, not the key",
            "weir.yaml:16: `providers.q` needs a `region`",
            "weir.yaml:20: `providers.r.api_version`: `1&x` is not a version; write v1 or a date, such as 2024-10-21 or \
             2025-04-01-preview",
        ]
    );
}

fn warnings(files: &[(&str, &str)], env: &[(&str, &str)]) -> Vec<String> {
    let case = match Case::new(files, env) {
        Ok(case) => case,
        Err(why) => return vec![why.to_string()],
    };
    let folder = format!("{}/", case.folder.path().display());
    let warnings = match case.load() {
        Ok(loaded) => loaded.warnings,
        Err(why) => vec![why.to_string()],
    };
    warnings.iter().map(|it| it.replace(&folder, "")).collect()
}

#[test]
fn a_provider_that_is_left_out_is_told_where_somebody_spoke_of_it() {
    let needs = "`providers.bedrock` is left out, as it needs a `region`: set AWS_REGION or AWS_DEFAULT_REGION";
    assert_eq!(
        warnings(
            &[("weir.yaml", "providers:\n  bedrock:\n    models: [mine]\n")],
            &[]
        ),
        [format!("weir.yaml:2: {needs}")]
    );
    assert_eq!(
        warnings(&[], &[("AWS_BEARER_TOKEN_BEDROCK", "key")]),
        [format!("AWS_BEARER_TOKEN_BEDROCK is set, but {needs}")]
    );
    assert_eq!(
        errors_of(&[("AWS_REGION", "eu/central")]).len(),
        1,
        "a region that could lead elsewhere"
    );
}

#[test]
fn nothing_is_said_of_a_provider_that_only_ships() {
    const SHIPPED: &str = include_str!("../../../conf.d/providers.yaml");
    assert!(warnings(&[], &[]).is_empty());
    // What many SDKs read speaks of a cloud, and not of its models.
    let of_a_cloud = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "s")];
    assert!(warnings(&[], &of_a_cloud).is_empty());
    // A checkout's own folder is read as drop-ins are.
    let copy = ("conf.d/providers.yaml", SHIPPED);
    assert!(warnings(&[copy], &[]).is_empty());
    let left_out = Case::new(&[copy], &[]).unwrap().load().unwrap();
    let left_out = left_out.settings.left_out;
    let names: Vec<_> = left_out.keys().map(String::as_str).collect();
    assert_eq!(names, ["azure", "bedrock", "vertex"]);
    assert_eq!(
        left_out["azure"],
        "it needs a `base_url`: set AZURE_OPENAI_ENDPOINT"
    );
}

#[test]
fn a_copy_of_what_ships_undoes_nothing() {
    const SHIPPED: &str = include_str!("../../../conf.d/providers.yaml");
    let own = "providers:\n  openai: {base_url: \"https://proxy.example/v1\"}\n";
    let files = [
        ("conf.d/10-own.yaml", own),
        ("conf.d/providers.yaml", SHIPPED),
    ];
    let settings = Case::new(&files, &[]).unwrap().load().unwrap().settings;
    assert_eq!(settings.providers["openai"].base_url.host, "proxy.example");
    assert!(settings.providers["openai"].has_shipped_models);
}

#[test]
fn keys_and_headers_are_checked_without_repeating_them() {
    let errors = errors_in(
        "providers:\n  p:\n    base_url: http://h\n    keys:\n      - {env: sk-hunter2}\n      - {key: sk-hunter2}\n      \
         - {env: A, file: /a}\n      - {env: A}\n      - {env: A}\n      - {env: B, weight: 0}\n    headers:\n      \
         Authorization: Bearer hunter2\n      Host: x\n      X-Team: \"a\\tb\"\n      x y: z\n  q:\n    \
         base_url: http://h\n    keys: A\n",
    );
    assert_eq!(
        errors,
        [
            "weir.yaml:5: `providers.p.keys.env`: is not the name of an environment variable; write the name, not the key",
            "weir.yaml:6: `providers.p.keys.key` is not a setting",
            "weir.yaml:7: `providers.p.keys`: takes one of `{env: NAME}`, `{file: PATH}`, `{file_env: NAME}`, `{aws: {}}` and \
             `{entra: {}}`, and a `weight`",
            "weir.yaml:9: `providers.p.keys`: `env:A` is given twice",
            "weir.yaml:10: `providers.p.keys.weight`: must be at least 1",
            "weir.yaml:12: `providers.p.headers.Authorization`: carries a key; give the key with `key_env` or `keys`, and its \
             header with `auth`",
            "weir.yaml:13: `providers.p.headers.Host`: is set by Weir itself",
            "weir.yaml:14: `providers.p.headers.X-Team`: must be plain ASCII on one line, without spaces around it",
            "weir.yaml:15: `providers.p.headers.x y`: `x y` is not a header's name",
            "weir.yaml:18: `providers.q.keys` takes a list such as `[{env: NAME}]`, not a single value",
        ]
    );
    assert!(!errors.join("\n").contains("hunter2"));
}

#[test]
fn prices_are_exact_and_whole() {
    assert_eq!(
        errors_in(
            "prices:\n  version: ''\n  demo:\n    a: {input: -1, output: 1}\n    b: {input: 0.0000000001, output: 1}\n    \
             c: {input: 1e-6, output: 1}\n    d: {input: 1}\n    e: {input: 1, output: 1, cost: 2}\n    \
             f: {input: 1, output: 1, long_context: {input: 2}}\n    g: {input: 1, output: 1, max_output_tokens: 0}\n    \
             h: {per_image: 9223372036}\n    i: {input: 1, per_image: 1}\n    j: {per_image: 0.04}\n"
        ),
        [
            "weir.yaml:2: `prices.version`: `` is not a version; write a date",
            "weir.yaml:4: `prices.demo.a.input`: `-1` is negative; a price is 0 or more",
            "weir.yaml:5: `prices.demo.b.input`: `0.0000000001` has more than 9 digits after the point",
            "weir.yaml:6: `prices.demo.c.input`: `1e-6` is not a price; write US dollars as a decimal, such as 2.50",
            "weir.yaml:7: `prices.demo.d` needs `input` and `output` (`output: 0` for embeddings), or one of the `per_` keys, or `free: true`",
            "weir.yaml:8: `prices.demo.e.cost` is not a setting",
            "weir.yaml:9: `prices.demo.f.long_context` needs `above_input_tokens`",
            "weir.yaml:10: `prices.demo.g.max_output_tokens`: must be at least 1",
            "weir.yaml:11: `prices.demo.h.per_image` is too large for a price",
            "weir.yaml:12: `prices.demo.i` needs `input` and `output` (`output: 0` for embeddings), or one of the `per_` keys, or `free: true`",
        ]
    );
}

#[test]
fn names_of_models_lead_somewhere() {
    assert_eq!(
        errors_in(
            "default_model: gtp-4o\naliases:\n  fast: openai/gpt-4o-mini\n  faster: [fast]\n  none: []\n  odd: {a: b}\n  \
             'a b': demo/demo\n  gone: groq/x\nproviders: {groq: {enabled: false}}\nfallbacks:\n  global: [fast, nowhere]\n  \
             models:\n    fats: [demo]\n    fast: [demo, openai/]\n"
        ),
        [
            "weir.yaml:1: `default_model`: `gtp-4o` is no model of any enabled provider (did you mean `gpt-4o`?)",
            "weir.yaml:4: `aliases.faster`: `fast` is an alias itself; aliases do not nest",
            "weir.yaml:5: `aliases.none` needs a model, or a list of them",
            "weir.yaml:6: `aliases.odd` takes a list, not a map",
            "weir.yaml:7: `a b` is not an alias; write it without spaces and `*`",
            "weir.yaml:8: `aliases.gone`: `groq/x` is no model of any enabled provider",
            "weir.yaml:11: `fallbacks.global`: `nowhere` is no model of any enabled provider",
            "weir.yaml:13: `fallbacks.models`: `fats` is no model of any enabled provider (did you mean `fast`?)",
            "weir.yaml:14: `fallbacks.models.fast`: `openai/` is no model of any enabled provider (did you mean `openai/o3`?)",
        ]
    );
}

#[test]
fn only_sqlite_is_in_this_release() {
    let errors = errors_of(&[("WEIR_DATABASE_URL", "postgres://weir:hunter2@db/weir")]);
    assert_eq!(
        errors,
        [
            "environment: WEIR_DATABASE_URL: PostgreSQL is not in this release; use a SQLite file, such as \
          sqlite:///var/lib/weir/weir.db"
        ]
    );
}

#[test]
fn yaml_itself_is_checked() {
    assert_eq!(
        errors_in("log:\n  filter: a\n  filter: b\nlog: {}\n"),
        [
            "weir.yaml:3: `filter` is given twice, first on line 2",
            "weir.yaml:4: `log` is given twice, first on line 1",
        ]
    );
    assert_eq!(
        errors_in("- a\n"),
        ["weir.yaml:1: a file takes a map, not a list"]
    );
    assert_eq!(errors_in("").len(), 0);
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let case = Case::new(&[], &[]).unwrap();
    let mut source = case.source();
    source.config_file = Some(case.path("missing.yaml"));
    let error = weir_config::load(&source).err().unwrap().to_string();
    assert!(
        error.contains("missing.yaml: cannot read the file: "),
        "{error}"
    );
}

#[test]
fn files_of_other_systems_are_read() {
    assert_eq!(
        errors_in("\u{feff}log:\r\n  format: json\r\n"),
        Vec::<String>::new()
    );
    assert_eq!(
        errors_in("log:\r\n  format: jsn\r\n"),
        ["weir.yaml:2: `log.format`: `jsn` is none of `auto`, `human`, `json`"]
    );
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(48))]
    #[test]
    fn no_slip_of_the_keyboard_makes_it_panic(at in 0usize..4_000, cut in 0usize..8, slip in "[ -~\n\t]{0,4}") {
        let shipped = include_str!("../../../conf.d/providers.yaml");
        let start = at.min(shipped.len());
        let before: String = shipped.chars().take(start).collect();
        let after: String = shipped.chars().skip(start + cut).collect();
        errors_in(&format!("{before}{slip}{after}"));
    }
}
