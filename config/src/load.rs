//! The sources in their order, read and checked as a whole.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::draft::Draft;
use crate::environment::{CONFIG, Environment};
use crate::error::{ConfigError, Errors};
use crate::file;
use crate::finish;
use crate::report::{Place, Report};
use crate::settings::Settings;

/// The configuration that ships: its name, as it appears in messages, and its text.
const SHIPPED: &[(&str, &str)] = &[
    (
        "built-in conf.d/providers.yaml",
        include_str!("../../conf.d/providers.yaml"),
    ),
    (
        "built-in conf.d/prices.yaml",
        include_str!("../../conf.d/prices.yaml"),
    ),
];
/// Where `weir.yaml` is looked for when none is named.
const FILES: &[&str] = &["./weir.yaml", "/etc/weir/weir.yaml"];
/// The folder of drop-in files, beside `weir.yaml`.
const DROP_INS: &str = "conf.d";
/// Largest configuration file.
const FILE_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Files that one folder of drop-ins may hold.
const DROP_INS_MAX: usize = 256;

/// Where the configuration is read from, besides what is built in.
pub struct Source {
    /// `weir.yaml`; a missing one is an error.
    pub config_file: Option<PathBuf>,
    /// Folders of drop-in files, `*.yaml` and `*.yml`, each read in name order; a missing folder is an empty one.
    pub conf_dirs: Vec<PathBuf>,
    /// The environment.
    pub env: BTreeMap<String, String>,
}

impl Source {
    /// The process's own environment, and the files it leads to: `explicit` (from `--config`), else `WEIR_CONFIG`, else
    /// `./weir.yaml`, else `/etc/weir/weir.yaml`; and the `conf.d` beside it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the environment is read"
    )]
    pub fn from_process(explicit: Option<PathBuf>) -> Self {
        // Variables that are not UTF-8 cannot be ours.
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::new(explicit, env)
    }

    /// As [`Source::from_process`], with the environment given.
    pub fn new(explicit: Option<PathBuf>, env: BTreeMap<String, String>) -> Self {
        let named = explicit.or_else(|| {
            let of_env = env.get(CONFIG).filter(|path| !path.is_empty());
            of_env.map(PathBuf::from)
        });
        let found = || FILES.iter().map(PathBuf::from).find(|path| path.exists());
        let config_file = named.or_else(found);
        let folders: Vec<&Path> = match &config_file {
            Some(file) => file.parent().into_iter().collect(),
            // Drop-ins alone are a configuration too.
            None => FILES
                .iter()
                .filter_map(|file| Path::new(file).parent())
                .collect(),
        };
        let drop_ins = folders.iter().map(|folder| folder.join(DROP_INS));
        let conf_dirs = drop_ins.filter(|folder| folder.is_dir()).take(1).collect();
        Self {
            config_file,
            conf_dirs,
            env,
        }
    }
}

/// The settings, and what is odd about them but no error.
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// One sentence each, to be logged.
    pub warnings: Vec<String>,
}

/// Reads all sources and checks the result as a whole.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load(source: &Source) -> Result<Loaded, Errors> {
    let mut draft = Draft::default();
    let mut report = Report::default();
    for (name, text) in SHIPPED {
        file::read(text, &Place::file(Path::new(name)), &mut draft, &mut report);
    }
    let files = files(source, &mut report);
    for path in &files {
        let place = Place::file(path);
        match read_file(path) {
            // A copy of what is built in, as in a checkout's own folder, says nothing new: it is not the operator's word on
            // any provider, and it must not undo what a file before it has said.
            Ok(text) if SHIPPED.iter().any(|(_, shipped)| *shipped == text) => {}
            Ok(text) => file::read(&text, &place, &mut draft, &mut report),
            Err(why) => report.error(&place, why),
        }
    }
    let environment = Environment(&source.env);
    environment.read(&mut draft, &mut report);
    let settings = finish::finish(draft, &environment, &mut report);
    if report.errors.is_empty() {
        Ok(Loaded {
            settings,
            warnings: report.warnings,
        })
    } else {
        Err(Errors(in_order(report.errors, &files)))
    }
}

/// The errors file by file in the order of reading, each file from its top, and then those of the environment.
fn in_order(mut errors: Vec<ConfigError>, files: &[PathBuf]) -> Vec<ConfigError> {
    let names: Vec<String> = files.iter().map(|it| it.display().to_string()).collect();
    errors.sort_by_key(|error| {
        let is_environment = error.file == Place::environment().file.as_ref();
        let file = names.iter().position(|name| *name == error.file);
        (is_environment, file, error.line)
    });
    errors
}

/// The files in the order in which they are read.
fn files(source: &Source, report: &mut Report) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = source.config_file.iter().cloned().collect();
    for folder in &source.conf_dirs {
        match drop_ins(folder) {
            Ok(found) => files.extend(found),
            Err(why) => report.error(&Place::file(folder), why),
        }
    }
    files
}

fn drop_ins(folder: &Path) -> Result<Vec<PathBuf>, String> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let cannot_read = |why| format!("cannot read the folder: {why}");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot_read)? {
        let path = entry.map_err(cannot_read)?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let is_yaml = path
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml");
        if is_yaml && !is_hidden {
            found.push(path);
        }
        if found.len() > DROP_INS_MAX {
            return Err(format!("holds more than {DROP_INS_MAX} files"));
        }
    }
    found.sort();
    Ok(found)
}

fn read_file(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|why| format!("cannot read the file: {why}"))?;
    let mut text = String::new();
    file.take(FILE_MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|why| format!("cannot read the file: {why}"))?;
    if text.len() as u64 > FILE_MAX_BYTES {
        return Err(format!("is larger than {FILE_MAX_BYTES} bytes"));
    }
    Ok(text)
}
