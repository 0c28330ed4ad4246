//! `docs/CONFIGURATION.md`, made of the same declarations that settings are read by.

use std::fmt::Write;

use crate::draft::{AREAS, Area};
use crate::endpoints::{Endpoints, Quirks};
use crate::environment::{ONLY_HERE, names_of};
use crate::model_options::ModelOptionValues;
use crate::operator_key::{self, KeyValues};
use crate::path;
use crate::price_draft::{self, PriceValues};
use crate::provider_draft::{self, ProviderValues};
use crate::section::{Row, Section};

/// The reference of every setting, in Markdown. `docs/CONFIGURATION.md` is this text.
pub fn reference_markdown() -> String {
    let mut text = String::from(INTRODUCTION);
    for area in AREAS {
        add_area(&mut text, area);
    }
    add_environment(&mut text);
    add_providers(&mut text);
    text.push_str(PRICES);
    add_rows(
        &mut text,
        PriceValues::ROWS.iter().chain(price_draft::COLLECTIONS),
    );
    text.push_str(ALIASES);
    text
}

fn add_area(text: &mut String, area: &Area) {
    let title = if area.path.is_empty() {
        "Top of the file".to_owned()
    } else {
        format!("`{}`", area.path)
    };
    add(text, format_args!("\n### {title}\n\n{}\n\n", area.about));
    text.push_str("| Key | Environment | Type | Default | Meaning |\n|---|---|---|---|---|\n");
    for row in area.rows {
        let names: Vec<String> = names_of(area, row)
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let names = names.join(", ");
        add(
            text,
            format_args!(
                "| `{}` | {names} | {} | `{}` | {} |\n",
                row.name,
                row.kind,
                row.default,
                row.doc.trim()
            ),
        );
    }
}

fn add_environment(text: &mut String) {
    text.push_str(ENVIRONMENT);
    for (name, doc) in ONLY_HERE {
        add(text, format_args!("| `{name}` | {doc} |\n"));
    }
}

fn add_providers(text: &mut String) {
    text.push_str(PROVIDERS);
    add_rows(
        text,
        ProviderValues::ROWS
            .iter()
            .chain(provider_draft::COLLECTIONS),
    );
    text.push_str("\nAn entry of `keys`:\n\n");
    add_rows(
        text,
        KeyValues::ROWS.iter().chain(operator_key::COLLECTIONS),
    );
    text.push_str(DOCUMENTS);
    text.push_str("\nAn entry of `model_options`:\n\n");
    add_rows(text, ModelOptionValues::ROWS.iter());
    text.push_str("\n`quirks`:\n\n");
    add_rows(text, Quirks::ROWS.iter());
    text.push_str("\n`endpoints`:\n\n");
    add_rows(text, Endpoints::ROWS.iter());
    add_paths(text);
}

fn add_paths(text: &mut String) {
    text.push_str(PATHS);
    for (name, path) in path::PLAIN {
        add(text, format_args!("| `{name}` | `{path}` |\n"));
    }
}

fn add_rows<'a>(text: &mut String, rows: impl Iterator<Item = &'a Row>) {
    text.push_str("| Key | Type | Default | Meaning |\n|---|---|---|---|\n");
    for row in rows {
        add(
            text,
            format_args!(
                "| `{}` | {} | `{}` | {} |\n",
                row.name,
                row.kind,
                row.default,
                row.doc.trim()
            ),
        );
    }
}

fn add(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(arguments);
}

const INTRODUCTION: &str = r#"# Configuration

<!-- Made by `cargo run -p weir-config --example reference > docs/CONFIGURATION.md`; a test compares. -->

Weir runs without any configuration. What it knows comes from these sources, each over the one before:

1. built-in defaults, and the providers and prices that ship ([conf.d](../conf.d), compiled in);
2. `weir.yaml`: the file that `--config` or `WEIR_CONFIG` names, else `./weir.yaml`, else `/etc/weir/weir.yaml`;
3. the files `*.yaml` of the folder `conf.d` beside it, in name order; each may hold any section;
4. the environment, `WEIR_*`.

Maps are merged key by key; a value or a list replaces what was there. Whatever is wrong in any of them is told at once,
one error a line, and Weir does not start (exit status 64), or goes on with what it had where it was told to reload:

```text
weir.yaml:3: `server.lisen` is not a setting (did you mean `listen`?)
weir.yaml:9: `retry.max_attempts`: must be at least 1
conf.d/10-own.yaml:2: `aliases.fast`: `opnai/gpt-4o-mini` is no model of any enabled provider (did you mean `openai/gpt-4o-mini`?)
environment: WEIR_LISTEN: `8080` is not an address; write IP:port, such as 127.0.0.1:8080 or [::1]:8080
```

`weir check` reads and checks everything without starting. A key that is given twice is an error, and so are YAML
anchors, aliases and tags.

**Durations** are `250ms`, `30s`, `2m`, `1h`, or a plain number in the unit that the key ends in (`_ms`). **Sizes** are `8KiB`,
`32MiB`, `1GiB`, or a plain number of bytes. `none` switches off what can be switched off. Lists in the environment have
commas. An empty variable counts as unset.

## Settings
"#;

const ENVIRONMENT: &str = r#"
## Only in the environment

Secrets are never written into a configuration file. A `_FILE` variable names a file that holds the secret; one newline
at its end is left out. An empty secret is an error, and so is a secret that is given both ways.

A `WEIR_*` variable that is none of these is told in the log and ignored; what Kubernetes adds for a service called
`weir` (`WEIR_PORT=tcp://...`, `WEIR_SERVICE_HOST`, ...) is ignored silently.

| Variable | Meaning |
|---|---|
"#;

const PROVIDERS: &str = r#"
## `providers`

Any server that speaks OpenAI's API, in five lines:

```yaml
providers:
  myllm:
    base_url: https://llm.example.com/v1
    key_env: MYLLM_API_KEY
    models: [my-model]
```

Its models are then reached as `my-model` or `myllm/my-model`; any model it has, listed or not, as `myllm/<model>`.
[conf.d/providers.yaml](../conf.d/providers.yaml) has those that ship; a hosted one needs only its key, in the variable
that is named there, and a local one (Ollama, LM Studio, vLLM, llama.cpp) needs only to run. Change a shipped one by
writing the keys that differ:

```yaml
providers:
  ollama:
    base_url: http://gpu-box:11434/v1
  openai:
    keys:
      - {env: OPENAI_API_KEY, weight: 2}
      - {file: /run/secrets/openai-second}
    timeouts: {first_byte_ms: 10m}
  groq:
    enabled: false
```

The clouds need to know where, and take the credentials that their own SDKs read:

```yaml
providers:
  bedrock:
    region: eu-central-1
    keys: [{aws: {}}]
  vertex:
    project: my-project
    region: europe-west1
    keys: [{file_env: GOOGLE_APPLICATION_CREDENTIALS}]
  azure:
    base_url: https://my-resource.openai.azure.com
    keys: [{env: AZURE_OPENAI_API_KEY}, {entra: {}}]
    models: [my-deployment]
```

Without them they are left out in silence, unless a file or a key of theirs speaks of them. Bedrock and Vertex AI are asked for
their lists of models; Azure does not tell deployments to a key that calls them, so name them in `models`.

A provider is whatever formats it speaks, models that differ included:

```yaml
providers:
  anyllm:
    base_url: https://llm.example.com/api
    key_env: ANYLLM_API_KEY
    formats: [chat, anthropic]
    paths: {chat: /openai/chat, messages: /claude/messages, stream_messages: /claude/messages}
    drop_params: all
    model_options:
      "reasoner-*": {formats: [chat], max_output_tokens: 65536}
    quirks: {reasoning_field: reasoning_content}
    endpoints: {images: true}
```

These keys are the operator's, to be spent by whom `policy.operator_keys` lets. Users add their own with `weir key set`.

"#;

const DOCUMENTS: &str = r#"
A key is a text, or a JSON document where a text is not enough; both may stand in a variable or a file, and both can be a
user's own (`weir key set` has a `--kind`):

| Document | For | Sent as |
|---|---|---|
| `{"kind": "api_key", "key": …}` | any | the provider's `auth` says |
| `{"kind": "oauth_token", "token": …}` | all but `aws` | `Authorization: Bearer` |
| `{"kind": "endpoint_key", "endpoint": "https://…", "key": …}` | all but `aws` and `google` | the provider's `auth` says, to this endpoint alone |
| `{"kind": "aws", "access_key_id": …, "secret_access_key": …, "session_token": …, "region": …}` | `aws` | a signature (SigV4); the last two need not be there |
| a service account's file of Google Cloud (`"type": "service_account"`) | `google` | a token that it gets, as `Authorization: Bearer` |
| `application_default_credentials.json` of gcloud (`"type": "authorized_user"`) | `google` | a token that it gets, as `Authorization: Bearer` |
| `{"kind": "entra", "tenant_id": …, "client_id": …, "client_secret": …, "endpoint": …}` | `azure` | a token that it gets, as `Authorization: Bearer`; the last need not be there |
"#;

const PATHS: &str = r#"
`paths`, each below `base_url`, may have a query, and `{model}` where the model's name stands. These are the `plain` ones;
`layout` puts those of Azure, Vertex AI, Ollama or Bedrock in their place, and `other` precedes routes without a name here:

| Name | `plain` |
|---|---|
"#;

const PRICES: &str = r#"
## `prices`

US dollars per million units, as exact decimals with up to nine digits after the point. A model without a price works;
its calls are marked as unpriced. [conf.d/prices.yaml](../conf.d/prices.yaml) has what ships, with `prices.version`, which
is stored beside every cost; where a file overrides prices without a `version` of its own, `+local` is added to it.

```yaml
prices:
  version: "2026-11-01"
  myllm:
    my-model: {input: 0.25, output: 1.25, cache_read: 0.025, context_tokens: 128000}
    my-embedding: {input: 0.02, output: 0}
    "free-*": {free: true}
```

A model's own entry is used before patterns, a longer pattern before a shorter one. A dated name is not guessed from an
undated one.

"#;

const ALIASES: &str = r#"
## `aliases`

Own names for models. The targets, at most 16, are `provider/model` or a model that some provider knows, and are tried in
their order. Aliases do not nest.

```yaml
aliases:
  fast: openai/gpt-4o-mini
  smart: [openai/gpt-5.1, openrouter/openai/gpt-5.1]
```

## `fallbacks`

What is tried when a model's own targets fail: `models` by the name that was asked for, then `global`. Each entry is an
alias, `provider/model`, or a known model.

```yaml
fallbacks:
  models:
    smart: [fast]
  global: [mistral/mistral-small-latest]
```
"#;
