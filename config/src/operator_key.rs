//! The operator's keys: named in a file, read from the environment or from files of their own.

use std::path::PathBuf;

use crate::environment::{Environment, read_secret_file};
use crate::file::read_section;
use crate::kinds::{COUNT, OPTIONAL_PATH, OPTIONAL_TEXT, read_env_name};
use crate::provider::OperatorKey;
use crate::report::{Place, Report, quoted};
use crate::secret::Secret;
use crate::section::section;
use crate::yaml::{Node, Value};

/// Where a key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeySource {
    origin: Origin,
    weight: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    Env(String),
    File(PathBuf),
}

section! {
    /// An entry of `keys`.
    #[derive(Clone, Debug)]
    pub(crate) struct KeyValues {
        /// Environment variable with the key.
        env: Option<String> = "none" as OPTIONAL_TEXT,
        /// File with the key.
        file: Option<PathBuf> = "none" as OPTIONAL_PATH,
        /// Share of the requests among the provider's keys.
        weight: u32 = "1" as COUNT,
    }
}

impl KeySource {
    /// The environment variable `name`.
    pub fn env(name: &str, weight: u32) -> Result<Self, String> {
        let origin = Origin::Env(read_env_name(name)?);
        Ok(Self { origin, weight })
    }

    /// The environment variable, where it is one.
    pub fn env_name(&self) -> Option<&str> {
        match &self.origin {
            Origin::Env(name) => Some(name),
            Origin::File(_) => None,
        }
    }

    fn id(&self) -> String {
        match &self.origin {
            Origin::Env(name) => format!("env:{name}"),
            Origin::File(path) => format!("file:{}", path.display()),
        }
    }

    /// The key; `None` where its variable is unset or empty, as an unset one often is in a container.
    fn secret(&self, environment: &Environment<'_>) -> Result<Option<Secret>, String> {
        let secret = match &self.origin {
            Origin::Env(name) => match environment.get(name) {
                Some(text) if !text.is_empty() => Secret::new(without_newline(text).to_owned()),
                _ => return Ok(None),
            },
            Origin::File(path) => read_secret_file(path)?,
        };
        // Anything else could not be sent in a header.
        if !secret.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("holds spaces or characters that no key has".into());
        }
        Ok(Some(secret))
    }
}

/// Secrets are often written by `echo`, which adds a newline.
pub(crate) fn without_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// Reads a `keys` list.
pub(crate) fn read_list(
    node: &Node,
    path: &str,
    file: &Place,
    report: &mut Report,
) -> Vec<(KeySource, Place)> {
    let Value::List(items) = &node.value else {
        let message = format!(
            "`{path}` takes a list such as `[{{env: NAME}}]`, not {}",
            node.describe()
        );
        report.error(&file.at(node.line), message);
        return Vec::new();
    };
    let mut found: Vec<(KeySource, Place)> = Vec::new();
    for item in items {
        let place = file.at(item.line);
        let Some(source) = read_item(item, path, file, report) else {
            continue;
        };
        if found.iter().any(|(other, _)| other.origin == source.origin) {
            report.error(
                &place,
                format!("`{path}`: `{}` is given twice", source.id()),
            );
        }
        found.push((source, place));
    }
    found
}

fn read_item(item: &Node, path: &str, file: &Place, report: &mut Report) -> Option<KeySource> {
    let errors_before = report.errors.len();
    let mut values = KeyValues::default();
    read_section(&mut values, item, path, file, report);
    let source = match (values.env, values.file) {
        (Some(name), None) => KeySource::env(&name, values.weight),
        (None, Some(path)) => Ok(KeySource {
            origin: Origin::File(path),
            weight: values.weight,
        }),
        _ => Err("takes `{env: NAME}` or `{file: PATH}`, and a `weight`".into()),
    };
    match source {
        Ok(source) => (report.errors.len() == errors_before).then_some(source),
        Err(why) => {
            if report.errors.len() == errors_before {
                report.error(&file.at(item.line), format!("`{path}`: {why}"));
            }
            None
        }
    }
}

/// Fetches the keys.
pub(crate) fn resolve(
    sources: &[(KeySource, Place)],
    provider: &str,
    environment: &Environment<'_>,
    report: &mut Report,
) -> Vec<OperatorKey> {
    let mut keys = Vec::with_capacity(sources.len());
    for (source, place) in sources {
        match source.secret(environment) {
            Ok(Some(secret)) => keys.push(OperatorKey {
                id: source.id(),
                secret,
                weight: source.weight,
            }),
            Ok(None) => {}
            Err(why) => {
                let id = quoted(&source.id());
                report.error(place, format!("`providers.{provider}`: key {id}: {why}"));
            }
        }
    }
    keys
}
