//! The `providers` section: YAML -> drafts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use weir_wire::format::Format;
use weir_wire::loss::DropParams;

use crate::draft::Reading;
use crate::endpoints::{Endpoints, Quirks};
use crate::file::{entries, read_one, read_section, row, text_of, texts};
use crate::header;
use crate::kinds::{
    API_VERSION, DROP_PARAMS, ENV_NAMES, FORMATS, OPTIONAL_ENV_NAME, OPTIONAL_PATH, OPTIONAL_PLACE,
    choice,
};
use crate::model_options::{self, ModelOptionDrafts};
use crate::model_pattern::ModelPattern;
use crate::operator_key::{self, KeySource};
use crate::path::{self, LAYOUT, Layout};
use crate::provider::{AUTH, Auth, PROVIDER_KIND, ProviderKind};
use crate::report::{Place, Report, quoted};
use crate::section::{Row, Section, Shape, section};
use crate::settings::Timeouts;
use crate::url_template::{OPTIONAL_URL, UrlTemplate};
use crate::yaml::{Entry, Node, Value};

section! {
    /// The settings of a provider that are single values.
    #[derive(Clone, Debug)]
    pub(crate) struct ProviderValues {
        /// Address of the API, up to what precedes `/chat/completions`; `{region}` and `{project}` stand for those settings. Required, except for the demo.
        base_url: Option<UrlTemplate> = "none" as OPTIONAL_URL,
        /// Environment variable with the address, where `base_url` is not given.
        base_url_env: Option<String> = "none" as OPTIONAL_ENV_NAME,
        /// Unix socket to connect to instead of the address's host.
        unix_socket: Option<PathBuf> = "none" as OPTIONAL_PATH,
        /// Region of a cloud, for the address and for signatures.
        region: Option<String> = "none" as OPTIONAL_PLACE,
        /// Environment variables with the region, where `region` is not given; the first that is set counts.
        region_env: Vec<String> = "none" as ENV_NAMES,
        /// Project of a cloud, for the address.
        project: Option<String> = "none" as OPTIONAL_PLACE,
        /// Environment variables with the project, where `project` is not given; the first that is set counts.
        project_env: Vec<String> = "none" as ENV_NAMES,
        /// Preset of the API's paths; `paths` changes single ones.
        layout: Layout = "plain" as LAYOUT,
        /// Azure's version: `v1`, with the model in the body, or a date, with the deployment in the path.
        api_version: String = "v1" as API_VERSION,
        /// How the key is sent: `Authorization: Bearer`, `api-key`, `x-api-key`, `x-goog-api-key`, the clouds' own ways, or not at all, which needs no key.
        auth: Auth = "bearer" as AUTH,
        /// `openai` is a server, in whatever formats it speaks; `demo` is answered by Weir itself, offline.
        kind: ProviderKind = "openai" as PROVIDER_KIND,
        /// The formats its API offers: `chat`, `completions`, `responses`, `anthropic`, `gemini`, `bedrock`, `ollama`, `cohere`. A client's own is used where it is among them.
        formats: Vec<Format> = "chat, completions" as FORMATS,
        /// What may be left out of a request that its format cannot carry: `hints`, which change no meaning, `all`, or `none`, so that it is refused.
        drop_params: DropParams = "hints" as DROP_PARAMS,
        /// `false` takes the provider away, as if it were not configured; `auto` does where its address is not known in full.
        enabled: Enabled = "true" as ENABLED,
    }
}

/// Whether a provider is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enabled {
    Yes,
    No,
    /// Where its address is known.
    Auto,
}

choice!(ENABLED: Enabled { "true" => Enabled::Yes, "false" => Enabled::No, "auto" => Enabled::Auto });

/// The settings of a provider that are more than single values.
pub(crate) const COLLECTIONS: &[Row] = &[
    Row {
        name: "key_env",
        kind: "name",
        shape: Shape::One,
        default: "none",
        doc: " Environment variable with the operator's key. An unset one is no error: there is no operator's key then.",
    },
    Row {
        name: "keys",
        kind: "list",
        shape: Shape::List,
        default: "none",
        doc: " Several keys instead of `key_env`: `{env: NAME}`, `{file: /run/secrets/x}` and more, each with a `weight` (1); see below.",
    },
    Row {
        name: "models",
        kind: "list",
        shape: Shape::List,
        default: "none",
        doc: " Models it is known for, each a name or the beginning of one and `*`. Any other is reached as `provider/model`.",
    },
    Row {
        name: "model_options",
        kind: "map",
        shape: Shape::One,
        default: "none",
        doc: " What is different about some models, by their name with `*` for anything; see below.",
    },
    Row {
        name: "paths",
        kind: "map",
        shape: Shape::One,
        default: "none",
        doc: " Paths below the address that differ from those of the `layout`; see below.",
    },
    Row {
        name: "headers",
        kind: "map",
        shape: Shape::One,
        default: "none",
        doc: " Headers added to every request. Keys do not belong here.",
    },
    Row {
        name: "timeouts",
        kind: "map",
        shape: Shape::One,
        default: "none",
        doc: " Settings of the `timeouts` section that are different for this provider.",
    },
    Row {
        name: "quirks",
        kind: "map",
        shape: Shape::One,
        default: "none",
        doc: " Where it departs from OpenAI's API; see below.",
    },
    Row {
        name: "endpoints",
        kind: "map",
        shape: Shape::One,
        default: "none",
        doc: " The operations it serves; see below.",
    },
];

/// A provider under construction.
#[derive(Default)]
pub(crate) struct ProviderDraft {
    pub values: ProviderValues,
    pub keys: Vec<(KeySource, Place)>,
    pub models: Vec<ModelPattern>,
    /// Whether nobody but the shipped configuration has named the models.
    pub has_shipped_models: bool,
    pub model_options: ModelOptionDrafts,
    pub paths: BTreeMap<&'static str, String>,
    pub headers: BTreeMap<String, String>,
    pub quirks: Quirks,
    pub endpoints: Endpoints,
    /// Timeouts of its own as text: what they differ from is known only when every source has been read.
    pub timeouts: BTreeMap<&'static str, (String, Place)>,
    /// Where the provider was mentioned last.
    pub place: Option<Place>,
    /// Whether an error was told already, so that none follows from it.
    pub is_wrong: bool,
}

/// Reads a `providers` section over what the draft holds.
pub(crate) fn read(node: &Node, file: &Place, reading: &mut Reading<'_>) {
    for entry in entries(node, "providers", file, reading.report) {
        let place = file.at(entry.line);
        if let Err(why) = check_name(&entry.key) {
            reading.report.error(&place, why);
            continue;
        }
        let draft = reading
            .draft
            .providers
            .entry(entry.key.clone())
            .or_default();
        draft.place = Some(place);
        let errors_before = reading.report.errors.len();
        draft.read(&entry.key, &entry.node, file, reading.report);
        draft.is_wrong |= reading.report.errors.len() > errors_before;
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins_well || name.len() > 64 || !name.chars().all(is_plain) {
        return Err(format!(
            "{} is not a provider's name; use up to 64 of a-z, 0-9, `.`, `_` and `-`",
            quoted(name)
        ));
    }
    if name == crate::price_draft::VERSION {
        return Err("a provider cannot be called `version`, as `prices.version` is taken".into());
    }
    Ok(())
}

impl ProviderDraft {
    fn read(&mut self, name: &str, node: &Node, file: &Place, report: &mut Report) {
        let path = format!("providers.{name}");
        let all = entries(node, &path, file, report);
        let has = |key: &str| all.iter().any(|entry| entry.key == key);
        if has("key_env") && has("keys") {
            let message = format!("`{path}` has both `key_env` and `keys`; give one of them");
            report.error(&file.at(node.line), message);
        }
        for entry in all {
            let path = format!("{path}.{}", entry.key);
            match entry.key.as_str() {
                "key_env" => self.read_key_env(entry, &path, file, report),
                "keys" => self.keys = operator_key::read_list(&entry.node, &path, file, report),
                "models" => self.read_models(&entry.node, &path, file, report),
                "headers" => {
                    self.headers = header::read(&entry.node, &path, file, report);
                }
                "model_options" => {
                    let drafts = &mut self.model_options;
                    model_options::read(&entry.node, &path, file, report, drafts);
                }
                "paths" => self.read_paths(&entry.node, &path, file, report),
                "timeouts" => self.read_timeouts(&entry.node, &path, file, report),
                "quirks" => read_section(&mut self.quirks, &entry.node, &path, file, report),
                "endpoints" => read_section(&mut self.endpoints, &entry.node, &path, file, report),
                "key" | "api_key" | "apikey" | "token" => report.error(
                    &file.at(entry.line),
                    format!(
                        "`{path}`: a key does not belong in this file; name an environment variable with `key_env`, \
                         a file with `keys: [{{file: ...}}]`, or use `weir key set {name}`"
                    ),
                ),
                _ => read_one(&mut self.values, entry, &path, file, report, COLLECTIONS),
            }
        }
    }

    fn read_key_env(&mut self, entry: &Entry, path: &str, file: &Place, report: &mut Report) {
        let place = file.at(entry.line);
        let source = text_of(&entry.node, Shape::One).and_then(|text| KeySource::env(&text, 1));
        match source {
            Ok(source) => self.keys = vec![(source, place)],
            Err(why) => report.error(&place, format!("`{path}`: {why}")),
        }
    }

    fn read_models(&mut self, node: &Node, path: &str, file: &Place, report: &mut Report) {
        self.models.clear();
        self.has_shipped_models = file.is_shipped();
        for (text, line) in texts(node, path, file, report) {
            match ModelPattern::parse(text) {
                Ok(pattern) => self.models.push(pattern),
                Err(why) => report.error(&file.at(line), format!("`{path}`: {why}")),
            }
        }
    }

    fn read_timeouts(&mut self, node: &Node, path: &str, file: &Place, report: &mut Report) {
        for entry in entries(node, path, file, report) {
            // Read into a scratch section first, so that what is wrong is told at its own line.
            let errors_before = report.errors.len();
            let path = format!("{path}.{}", entry.key);
            read_one(&mut Timeouts::default(), entry, &path, file, report, &[]);
            let row = row(Timeouts::ROWS, &entry.key);
            if let (Some(row), Value::Scalar(text)) = (row, &entry.node.value)
                && report.errors.len() == errors_before
            {
                let value = (text.clone(), file.at(entry.line));
                self.timeouts.insert(row.name, value);
            }
        }
    }

    fn read_paths(&mut self, node: &Node, path: &str, file: &Place, report: &mut Report) {
        for entry in entries(node, path, file, report) {
            let place = file.at(entry.line);
            let path = format!("{path}.{}", entry.key);
            let Some(name) = path::known(&entry.key) else {
                let known = path::PLAIN.iter().map(|(name, _)| *name);
                let message = format!("`{path}` is not a setting");
                report.unknown(&place, message, &entry.key, known);
                continue;
            };
            let text = text_of(&entry.node, Shape::One);
            match text.and_then(|text| path::check(name, &text).map(|()| text)) {
                Ok(text) => {
                    self.paths.insert(name, text);
                }
                Err(why) => report.error(&place, format!("`{path}`: {why}")),
            }
        }
    }
}
