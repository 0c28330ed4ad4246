//! The operator's keys: named in a file, read from the environment or from files of their own.

use std::path::PathBuf;

use serde_json::json;

use crate::credential::Credential;
use crate::environment::{Environment, read_secret_file};
use crate::file::{entries, read_one, read_section};
use crate::kinds::{COUNT, ENV_NAME, OPTIONAL_ENV_NAME, OPTIONAL_PATH, read_env_name};
use crate::provider::{Auth, OperatorKey};
use crate::report::{Place, Report, quoted};
use crate::secret::Secret;
use crate::section::{Row, Shape, section};
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
    /// A variable that names a file.
    FileEnv(String),
    Aws(AwsVariables),
    Entra(EntraVariables),
}

section! {
    /// An entry of `keys`.
    #[derive(Clone, Debug)]
    pub(crate) struct KeyValues {
        /// Environment variable with the key.
        env: Option<String> = "none" as OPTIONAL_ENV_NAME,
        /// File with the key.
        file: Option<PathBuf> = "none" as OPTIONAL_PATH,
        /// Environment variable with the path of a file with the key.
        file_env: Option<String> = "none" as OPTIONAL_ENV_NAME,
        /// Share of the requests among the provider's keys.
        weight: u32 = "1" as COUNT,
    }
}

/// What an entry of `keys` may hold that is no single value.
pub(crate) const COLLECTIONS: &[Row] = &[
    Row {
        name: "aws",
        kind: "map",
        shape: Shape::One,
        default: "none",
        doc: " Environment variables with the parts of an access key; `{}` is those that Amazon's SDKs read: \
              `access_key_id_env` (`AWS_ACCESS_KEY_ID`), `secret_access_key_env` (`AWS_SECRET_ACCESS_KEY`), \
              `session_token_env` (`AWS_SESSION_TOKEN`).",
    },
    Row {
        name: "entra",
        kind: "map",
        shape: Shape::One,
        default: "none",
        doc: " Environment variables with an application of Microsoft Entra; `{}` is those that Azure's SDKs read: \
              `tenant_id_env` (`AZURE_TENANT_ID`), `client_id_env` (`AZURE_CLIENT_ID`), `client_secret_env` \
              (`AZURE_CLIENT_SECRET`).",
    },
];

section! {
    /// The variables of an access key.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct AwsVariables {
        /// Its public half.
        access_key_id_env: String = "AWS_ACCESS_KEY_ID" as ENV_NAME,
        /// Its secret half.
        secret_access_key_env: String = "AWS_SECRET_ACCESS_KEY" as ENV_NAME,
        /// What comes with a temporary one.
        session_token_env: String = "AWS_SESSION_TOKEN" as ENV_NAME,
    }
}

section! {
    /// The variables of an application of Microsoft Entra.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct EntraVariables {
        /// The tenant's id or domain.
        tenant_id_env: String = "AZURE_TENANT_ID" as ENV_NAME,
        /// The application's id.
        client_id_env: String = "AZURE_CLIENT_ID" as ENV_NAME,
        /// The application's secret.
        client_secret_env: String = "AZURE_CLIENT_SECRET" as ENV_NAME,
    }
}

impl KeySource {
    /// The environment variable `name`.
    pub fn env(name: &str, weight: u32) -> Result<Self, String> {
        let origin = Origin::Env(read_env_name(name)?);
        Ok(Self { origin, weight })
    }

    /// The environment variables it reads.
    pub fn env_names(&self) -> Vec<&str> {
        match &self.origin {
            Origin::Env(name) | Origin::FileEnv(name) => vec![name],
            Origin::File(_) => Vec::new(),
            Origin::Aws(names) => vec![
                &names.access_key_id_env,
                &names.secret_access_key_env,
                &names.session_token_env,
            ],
            Origin::Entra(names) => vec![
                &names.tenant_id_env,
                &names.client_id_env,
                &names.client_secret_env,
            ],
        }
    }

    /// Whether it reads what a cloud's SDK reads, which may be there for another purpose and of a kind we do not know.
    fn is_of_an_sdk(&self) -> bool {
        !matches!(self.origin, Origin::Env(_) | Origin::File(_))
    }

    /// The variable that holds a key of this provider and of nobody else.
    pub fn own_variable(&self) -> Option<&str> {
        match &self.origin {
            Origin::Env(name) => Some(name),
            _ => None,
        }
    }

    fn id(&self) -> String {
        match &self.origin {
            Origin::Env(name) => format!("env:{name}"),
            Origin::File(path) => format!("file:{}", path.display()),
            Origin::FileEnv(name) => format!("file_env:{name}"),
            Origin::Aws(names) => format!("aws:{}", names.access_key_id_env),
            Origin::Entra(names) => format!("entra:{}", names.client_id_env),
        }
    }

    /// The key; `None` where its variable is unset or empty, as an unset one often is in a container.
    fn secret(&self, environment: &Environment<'_>) -> Result<Option<Secret>, String> {
        let set = |name: &str| environment.get(name).filter(|text| !text.is_empty());
        let need =
            |name: &str| set(name).ok_or_else(|| format!("needs the variable {name} as well"));
        let secret = match &self.origin {
            Origin::Env(name) => match set(name) {
                Some(text) => Secret::new(without_newline(text).to_owned()),
                None => return Ok(None),
            },
            Origin::File(path) => read_secret_file(path)?,
            Origin::FileEnv(name) => match set(name) {
                Some(path) => read_secret_file(path.as_ref())?,
                None => return Ok(None),
            },
            Origin::Aws(names) => match set(&names.access_key_id_env) {
                Some(id) => document(&json!({
                    "kind": "aws",
                    "access_key_id": id,
                    "secret_access_key": need(&names.secret_access_key_env)?,
                    "session_token": set(&names.session_token_env),
                })),
                None => return Ok(None),
            },
            Origin::Entra(names) => match set(&names.client_secret_env) {
                Some(secret) => document(&json!({
                    "kind": "entra",
                    "tenant_id": need(&names.tenant_id_env)?,
                    "client_id": need(&names.client_id_env)?,
                    "client_secret": secret,
                })),
                None => return Ok(None),
            },
        };
        Ok(Some(secret))
    }
}

fn document(value: &serde_json::Value) -> Secret {
    Secret::new(value.to_string())
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
    let (mut aws, mut entra) = (None, None);
    for entry in entries(item, path, file, report) {
        let path = format!("{path}.{}", entry.key);
        match entry.key.as_str() {
            "aws" => {
                let names: &mut AwsVariables = aws.get_or_insert_default();
                read_section(names, &entry.node, &path, file, report);
            }
            "entra" => {
                let names: &mut EntraVariables = entra.get_or_insert_default();
                read_section(names, &entry.node, &path, file, report);
            }
            _ => read_one(&mut values, entry, &path, file, report, COLLECTIONS),
        }
    }
    if report.errors.len() > errors_before {
        return None;
    }
    let origins = [
        values.env.map(Origin::Env),
        values.file.map(Origin::File),
        values.file_env.map(Origin::FileEnv),
        aws.map(Origin::Aws),
        entra.map(Origin::Entra),
    ];
    let mut given = origins.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(origin), None) => Some(KeySource {
            origin,
            weight: values.weight,
        }),
        _ => {
            let message = format!(
                "`{path}`: takes one of `{{env: NAME}}`, `{{file: PATH}}`, `{{file_env: NAME}}`, `{{aws: {{}}}}` and \
                 `{{entra: {{}}}}`, and a `weight`"
            );
            report.error(&file.at(item.line), message);
            None
        }
    }
}

/// Fetches the keys of a provider that sends them as `auth` says.
pub(crate) fn resolve(
    sources: &[(KeySource, Place)],
    provider: &str,
    auth: Auth,
    environment: &Environment<'_>,
    report: &mut Report,
) -> Vec<OperatorKey> {
    let mut keys = Vec::with_capacity(sources.len());
    for (source, place) in sources {
        let secret = source.secret(environment).and_then(|secret| match secret {
            Some(secret) => check(&secret, auth).map(|()| Some(secret)),
            None => Ok(None),
        });
        match secret {
            Ok(Some(secret)) => keys.push(OperatorKey {
                id: source.id(),
                secret,
                weight: source.weight,
            }),
            Ok(None) => {}
            Err(why) => {
                let id = quoted(&source.id());
                let message = format!("`providers.{provider}`: key {id}: {why}");
                if place.is_shipped() && source.is_of_an_sdk() {
                    report.warn(format!("{message}; the key is left out"));
                } else {
                    report.error(place, message);
                }
            }
        }
    }
    keys
}

fn check(secret: &Secret, auth: Auth) -> Result<(), String> {
    let credential = Credential::parse(secret.expose()).map_err(|why| why.to_string())?;
    // That a provider without keys has one is told elsewhere.
    if auth == Auth::None {
        return Ok(());
    }
    credential.suit(auth).map_err(|why| why.to_string())
}
