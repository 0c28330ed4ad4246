//! The environment: `WEIR_*` settings over what the files say, secrets, and what an orchestrator leaves behind.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::draft::{AREAS, Area, Draft};
use crate::operator_key::without_newline;
use crate::report::{Place, Report, nearest};
use crate::secret::Secret;
use crate::section::Row;

/// What our variables begin with.
const PREFIX: &str = "WEIR_";
/// Largest file with a secret.
const SECRET_MAX_BYTES: u64 = 64 * 1024;

/// Short names of common settings: the variable, the area, the setting.
pub(crate) const SHORT_NAMES: &[(&str, &str, &str)] = &[
    ("WEIR_LISTEN", "server", "listen"),
    ("WEIR_OPS_LISTEN", "server", "ops_listen"),
    ("WEIR_READY_FILE", "server", "ready_file"),
    ("WEIR_OPERATOR_KEYS", "policy", "operator_keys"),
    ("WEIR_LOG", "log", "filter"),
];

/// Variables that are no setting of a file: the variable and what it means.
pub(crate) const ONLY_HERE: &[(&str, &str)] = &[
    (
        CONFIG,
        "Path of the configuration file, where `--config` does not name one.",
    ),
    (
        MASTER_KEY,
        "Key that seals the providers' keys of users: 32 bytes in base64. Without it one is made in `data_dir`.",
    ),
    (MASTER_KEY_FILE, "File with the master key."),
    (
        ADMIN_TOKEN,
        "Token of the administrator who is created at the first start. Without it one is made and written to `data_dir`.",
    ),
    (ADMIN_TOKEN_FILE, "File with that token."),
];

pub(crate) const CONFIG: &str = "WEIR_CONFIG";
const MASTER_KEY: &str = "WEIR_MASTER_KEY";
const MASTER_KEY_FILE: &str = "WEIR_MASTER_KEY_FILE";
const ADMIN_TOKEN: &str = "WEIR_ADMIN_TOKEN";
const ADMIN_TOKEN_FILE: &str = "WEIR_ADMIN_TOKEN_FILE";

/// The variables of the process.
pub(crate) struct Environment<'a>(pub &'a BTreeMap<String, String>);

/// The secrets that only the environment gives.
#[derive(Default)]
pub(crate) struct Secrets {
    pub master_key: Option<Secret>,
    pub master_key_file: Option<PathBuf>,
    pub admin_token: Option<Secret>,
}

impl Environment<'_> {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Reads every `WEIR_*` setting over what the draft holds. An empty one counts as unset, since that is how compose
    /// files pass on what their own environment lacks.
    pub fn read(&self, draft: &mut Draft, report: &mut Report) {
        let place = Place::environment();
        for area in AREAS {
            for row in area.rows {
                let given: Vec<(String, &str)> = names_of(area, row)
                    .into_iter()
                    .filter_map(|name| self.get(&name).map(|text| (name, text)))
                    .filter(|(_, text)| !text.is_empty())
                    .collect();
                if let [(first, _), (second, _), ..] = given.as_slice() {
                    let message =
                        format!("{first} and {second} are the same setting; set one of them");
                    report.error(&place, message);
                }
                for (name, text) in given {
                    if let Err(why) = draft.set(area, row.name, text.trim(), &place) {
                        report.error(&place, format!("{name}: {why}"));
                    }
                }
            }
        }
    }

    /// The secrets of the environment.
    pub fn secrets(&self, report: &mut Report) -> Secrets {
        Secrets {
            master_key: self.secret(MASTER_KEY, MASTER_KEY_FILE, report),
            master_key_file: self
                .get(MASTER_KEY_FILE)
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
            admin_token: self.secret(ADMIN_TOKEN, ADMIN_TOKEN_FILE, report),
        }
    }

    fn secret(&self, name: &str, file_name: &str, report: &mut Report) -> Option<Secret> {
        let place = Place::environment();
        match (self.get(name), self.get(file_name)) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                report.error(
                    &place,
                    format!("{name} and {file_name} are both set; set one of them"),
                );
                None
            }
            (Some(text), None) => {
                let text = without_newline(text);
                if text.is_empty() {
                    report.error(
                        &place,
                        format!("{name} is empty; set it to the secret or unset it"),
                    );
                    return None;
                }
                Some(Secret::new(text.to_owned()))
            }
            (None, Some(path)) => match read_secret_file(Path::new(path)) {
                Ok(secret) => Some(secret),
                Err(why) => {
                    report.error(&place, format!("{file_name}: {why}"));
                    None
                }
            },
        }
    }

    /// Warns of every `WEIR_*` variable that means nothing. `of_providers` are those that providers' keys are read from.
    pub fn warn_of_unknown(&self, of_providers: &[&str], report: &mut Report) {
        let settings: Vec<String> = AREAS
            .iter()
            .flat_map(|area| area.rows.iter().flat_map(|row| names_of(area, row)))
            .chain(ONLY_HERE.iter().map(|(name, _)| (*name).to_owned()))
            .collect();
        for (name, text) in self.0 {
            let is_known = settings.contains(name) || of_providers.contains(&name.as_str());
            if !name.starts_with(PREFIX) || is_known || is_orchestrators(name, text) {
                continue;
            }
            let hint = match nearest(name, settings.iter().map(String::as_str)) {
                Some(hint) => format!(" (did you mean `{hint}`?)"),
                None => String::new(),
            };
            report.warn(format!(
                "environment: {name} is not a setting and is ignored{hint}"
            ));
        }
    }
}

/// The variables that set `row`, the long name first.
pub(crate) fn names_of(area: &Area, row: &Row) -> Vec<String> {
    let mut names = vec![long_name(area.path, row.name)];
    let short = SHORT_NAMES.iter();
    let of_row = short.filter(|(_, path, name)| *path == area.path && *name == row.name);
    names.extend(of_row.map(|(short, _, _)| (*short).to_owned()));
    names
}

fn long_name(path: &str, name: &str) -> String {
    let setting = crate::draft::join(path, name).replace('.', "_");
    format!("{PREFIX}{}", setting.to_uppercase())
}

/// Whether a variable is one that Kubernetes (and Docker links before it) makes for a service that is called `weir` or
/// `weir-something`: `WEIR_SERVICE_HOST`, `WEIR_PORT=tcp://…`, `WEIR_PORT_8080_TCP_ADDR`.
fn is_orchestrators(name: &str, text: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else {
        return false;
    };
    let rest = format!("_{rest}");
    let of_service = rest.ends_with("_SERVICE_HOST") || rest.contains("_SERVICE_PORT");
    let of_port = rest.split_once("_PORT_").is_some_and(|(_, after)| {
        let protocol = after.trim_start_matches(|c: char| c.is_ascii_digit());
        protocol.len() < after.len()
            && ["_TCP", "_UDP", "_SCTP"]
                .iter()
                .any(|it| protocol.starts_with(it))
    });
    let is_address = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    of_service || of_port || (rest.ends_with("_PORT") && is_address)
}

/// Reads a secret from a file, without the newline at its end.
pub(crate) fn read_secret_file(path: &Path) -> Result<Secret, String> {
    let shown = path.display();
    let file = std::fs::File::open(path).map_err(|why| format!("cannot read {shown}: {why}"))?;
    let mut text = zeroize::Zeroizing::new(String::new());
    file.take(SECRET_MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|why| format!("cannot read {shown}: {why}"))?;
    if text.len() as u64 > SECRET_MAX_BYTES {
        return Err(format!("{shown} is larger than {SECRET_MAX_BYTES} bytes"));
    }
    match without_newline(&text) {
        "" => Err(format!("{shown} is empty")),
        secret => Ok(Secret::new(secret.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_variable_has_one_meaning() {
        let mut names = BTreeSet::new();
        for area in AREAS {
            for row in area.rows {
                for name in names_of(area, row) {
                    assert!(names.insert(name.clone()), "{name} is there twice");
                }
            }
        }
        for (short, path, name) in SHORT_NAMES {
            let area = AREAS.iter().find(|area| area.path == *path);
            let has_row = area.is_some_and(|area| area.rows.iter().any(|row| row.name == *name));
            assert!(has_row, "{short} leads nowhere");
        }
        for expected in [
            "WEIR_SERVER_LISTEN",
            "WEIR_DATA_DIR",
            "WEIR_SERVER_TLS_CERT",
        ] {
            assert!(names.contains(expected), "{expected}");
        }
    }

    #[test]
    fn what_kubernetes_adds_is_known() {
        for (name, text) in [
            ("WEIR_PORT", "tcp://10.0.0.1:8080"),
            ("WEIR_SERVICE_HOST", "10.0.0.1"),
            ("WEIR_SERVICE_PORT", "8080"),
            ("WEIR_SERVICE_PORT_HTTP", "8080"),
            ("WEIR_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
            ("WEIR_PORT_8080_TCP_ADDR", "10.0.0.1"),
            ("WEIR_OPS_PORT_9090_TCP_PROTO", "tcp"),
            ("WEIR_OPS_PORT", "tcp://10.0.0.1:9090"),
        ] {
            assert!(is_orchestrators(name, text), "{name}");
        }
        assert!(!is_orchestrators("WEIR_PORT", "8080"));
        assert!(!is_orchestrators("WEIR_REPORT_8080", "x"));
        assert!(!is_orchestrators("WEIR_LISTEN", "tcp://127.0.0.1:8080"));
    }
}
