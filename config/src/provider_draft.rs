//! The `providers` section: YAML -> drafts, and drafts -> providers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::base_url::BaseUrl;
use crate::draft::Reading;
use crate::environment::Environment;
use crate::file::{entries, row, text_of};
use crate::header;
use crate::kinds::{FLAG, OPTIONAL_PATH};
use crate::operator_key::{self, KeySource};
use crate::provider::{
    AUTH, Auth, Endpoints, ModelPattern, PROVIDER_KIND, Provider, ProviderKind, Quirks,
};
use crate::report::{Place, Report, quoted};
use crate::section::{Kind, Row, Section, Shape, section};
use crate::settings::Timeouts;
use crate::yaml::{Entry, Node, Value};

section! {
    /// The settings of a provider that are single values.
    #[derive(Clone, Debug)]
    pub(crate) struct ProviderValues {
        /// Address of the API, up to what precedes `/chat/completions`. Required, except for the demo.
        base_url: Option<BaseUrl> = "none" as OPTIONAL_URL,
        /// Unix socket to connect to instead of the address's host.
        unix_socket: Option<PathBuf> = "none" as OPTIONAL_PATH,
        /// How the key is sent: `Authorization: Bearer`, `api-key`, `x-api-key`, or not at all, which needs no key.
        auth: Auth = "bearer" as AUTH,
        /// `openai` is a server that speaks OpenAI's API; `demo` is answered by Weir itself, offline.
        kind: ProviderKind = "openai" as PROVIDER_KIND,
        /// `false` takes the provider away, as if it were not configured.
        enabled: bool = "true" as FLAG,
    }
}

const OPTIONAL_URL: Kind<Option<BaseUrl>> = Kind {
    name: "URL",
    shape: Shape::Optional,
    read: |text| match text {
        crate::kinds::NONE => Ok(None),
        _ => BaseUrl::parse(text).map(Some),
    },
};

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
        doc: " Several keys instead of `key_env`: `{env: NAME}` or `{file: /run/secrets/x}`, each with a `weight` (1).",
    },
    Row {
        name: "models",
        kind: "list",
        shape: Shape::List,
        default: "none",
        doc: " Models it is known for, each a name or the beginning of one and `*`. Any other is reached as `provider/model`.",
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
    headers: BTreeMap<String, String>,
    quirks: Quirks,
    endpoints: Endpoints,
    /// Timeouts of its own as text: what they differ from is known only when every source has been read.
    timeouts: BTreeMap<&'static str, (String, Place)>,
    /// Where the provider was mentioned last.
    place: Option<Place>,
    /// Whether an error was told already, so that none follows from it.
    is_wrong: bool,
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

    /// Where the provider was mentioned last.
    pub fn place(&self) -> Place {
        self.place.clone().unwrap_or_else(Place::built_in)
    }

    /// The finished provider; `None` where it is disabled.
    pub fn finish(
        self,
        name: &str,
        shared_timeouts: &Timeouts,
        environment: &Environment<'_>,
        report: &mut Report,
    ) -> Option<Provider> {
        if !self.values.enabled {
            return None;
        }
        let place = self.place();
        let timeouts = self.own_timeouts(name, shared_timeouts, report);
        let is_without = self.values.base_url.is_none();
        if is_without && self.values.kind == ProviderKind::Openai && !self.is_wrong {
            report.error(&place, format!("`providers.{name}` needs a `base_url`"));
        }
        let base_url = self.values.base_url.unwrap_or_else(nowhere);
        let is_keyless = self.values.auth == Auth::None;
        if let (true, Some((_, place))) = (is_keyless, self.keys.first()) {
            report.error(
                place,
                format!(
                    "`providers.{name}` has a key but `auth: none`; set `auth: bearer` to send it"
                ),
            );
        }
        Some(Provider {
            name: name.to_owned(),
            base_url: BaseUrl {
                unix_socket: self.values.unix_socket,
                ..base_url
            },
            auth: self.values.auth,
            keys: operator_key::resolve(&self.keys, name, environment, report),
            models: self.models,
            quirks: self.quirks,
            timeouts,
            headers: self.headers,
            kind: self.values.kind,
            endpoints: self.endpoints,
            local: is_keyless,
        })
    }

    fn own_timeouts(&self, name: &str, shared: &Timeouts, report: &mut Report) -> Timeouts {
        let mut timeouts = shared.clone();
        for (key, (text, place)) in &self.timeouts {
            if let Err(why) = timeouts.set(key, text) {
                report.error(place, format!("`providers.{name}.timeouts.{key}`: {why}"));
            }
        }
        if let Some((_, place)) = self.timeouts.values().next_back()
            && timeouts.total_ms < timeouts.connect_ms
        {
            let message = format!(
                "`providers.{name}.timeouts`: `total_ms` ({}) is less than `connect_ms` ({})",
                timeouts.total_ms, timeouts.connect_ms
            );
            report.error(place, message);
        }
        timeouts
    }
}

/// Stands where a URL must stand and none is needed, as for the demo; `.invalid` never resolves (RFC 6761).
fn nowhere() -> BaseUrl {
    BaseUrl {
        tls: false,
        host: "demo.invalid".into(),
        port: 80,
        path: String::new(),
        unix_socket: None,
    }
}

/// Reads a map of single values into a section.
pub(crate) fn read_section<S: Section>(
    section: &mut S,
    node: &Node,
    path: &str,
    file: &Place,
    report: &mut Report,
) {
    for entry in entries(node, path, file, report) {
        let path = format!("{path}.{}", entry.key);
        read_one(section, entry, &path, file, report, &[]);
    }
}

/// Reads one entry into a section. `others` are keys that are read elsewhere, known here for the hint.
pub(crate) fn read_one<S: Section>(
    section: &mut S,
    entry: &Entry,
    path: &str,
    file: &Place,
    report: &mut Report,
    others: &[Row],
) {
    let place = file.at(entry.line);
    let Some(row) = row(S::ROWS, &entry.key) else {
        let known = S::ROWS.iter().chain(others).map(|row| row.name);
        report.unknown(
            &place,
            format!("`{path}` is not a setting"),
            &entry.key,
            known,
        );
        return;
    };
    let outcome = text_of(&entry.node, row.shape).and_then(|text| section.set(row.name, &text));
    if let Err(why) = outcome {
        report.error(&place, format!("`{path}`: {why}"));
    }
}

/// The texts of a list with their lines; one text stands for a list of itself.
pub(crate) fn texts<'a>(
    node: &'a Node,
    path: &str,
    file: &Place,
    report: &mut Report,
) -> Vec<(&'a str, usize)> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        Value::Scalar(_) => std::slice::from_ref(node),
        Value::Null => &[],
        Value::Map(_) => {
            report.error(
                &file.at(node.line),
                format!("`{path}` takes a list, not a map"),
            );
            &[]
        }
    };
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        match &item.value {
            Value::Scalar(text) => found.push((text.as_str(), item.line)),
            _ => report.error(
                &file.at(item.line),
                format!("`{path}`: the list holds {}", item.describe()),
            ),
        }
    }
    found
}
