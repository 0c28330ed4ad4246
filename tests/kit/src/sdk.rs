//! Runs the official SDKs' suites in `tests/python` and `tests/node` against a gateway.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::wait_until;

/// How long one suite may take, all tests together, on a machine that does much else. The test runner gives up later.
const SUITE_LIMIT: Duration = Duration::from_secs(540);

/// How long what an ended suite said may still be on its way.
const READ_LIMIT: Duration = Duration::from_secs(5);

/// Where a suite finds what it tests.
pub struct Target {
    /// The base URL an SDK is given.
    pub base_url: String,
    /// The credential.
    pub api_key: String,
    /// What stands before the upstream's name of a model, such as `up/`.
    pub model_prefix: String,
    /// The scripted upstream's own pages, `http://127.0.0.1:PORT`.
    pub upstream_url: String,
}

/// The interpreter of the virtual environment that `make test-deps` makes.
pub fn python() -> PathBuf {
    let environment = from_environment("WEIR_TEST_VENV", "venv");
    installed(environment.join("bin/python"))
}

/// The folder with the `node_modules` that `make test-deps` makes.
pub fn node_folder() -> PathBuf {
    let folder = from_environment("WEIR_TEST_NODE_MODULES", "node");
    installed(folder.join("node_modules/openai"));
    folder
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own environment, not the gateway's configuration"
)]
fn from_environment(variable: &str, folder: &str) -> PathBuf {
    let home = || std::env::var_os("HOME").expect("HOME is set");
    std::env::var_os(variable).map_or_else(
        || PathBuf::from(home()).join(".cache/weir").join(folder),
        PathBuf::from,
    )
}

fn installed(path: PathBuf) -> PathBuf {
    assert!(
        path.exists(),
        "{} is missing: run `make test-deps`",
        path.display()
    );
    path
}

/// Runs pytest on the suite at `path`, a folder or a file; fails the test with pytest's output if a test failed or the suite took too long.
pub fn run_python(path: &Path, target: &Target) {
    let mut command = Command::new(python());
    command
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no"])
        // A test that hangs says where, before the suite is ended.
        .args(["-o", "faulthandler_timeout=240"])
        .arg(path);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    run(command, target);
}

/// Runs `node --test` on the suite in `folder`, with the modules from [`node_folder`].
pub fn run_node(folder: &Path, target: &Target) {
    let modules = node_folder();
    // Node looks for modules from the real path of the importing file upwards, so the suite is copied to where they are.
    let work = tempfile::Builder::new()
        .prefix("suite-")
        .tempdir_in(&modules)
        .expect("the node folder can be written to");
    for entry in std::fs::read_dir(folder)
        .expect("the suite is there")
        .flatten()
    {
        let name = entry.file_name();
        if name.to_string_lossy().ends_with(".mjs") {
            std::fs::copy(entry.path(), work.path().join(name)).expect("the suite can be copied");
        }
    }
    let mut command = Command::new("node");
    command
        .arg("--test")
        .arg("--test-reporter=spec")
        .current_dir(work.path());
    run(command, target);
}

fn run(mut command: Command, target: &Target) {
    let log = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    let output = || Stdio::from(log.reopen().expect("the log opens"));
    command
        .env("WEIR_BASE_URL", &target.base_url)
        .env("WEIR_API_KEY", &target.api_key)
        .env("WEIR_MODEL_PREFIX", &target.model_prefix)
        .env("WEIR_UPSTREAM_URL", &target.upstream_url)
        .stdin(Stdio::null())
        .stdout(output());
    let child = command.stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|problem| panic!("{command:?} cannot be run: {problem}"));
    let mut errors = child.stderr.take().expect("standard error is a pipe");
    let reader =
        std::thread::spawn(move || std::io::read_to_string(&mut errors).unwrap_or_default());
    let status = wait_until(SUITE_LIMIT, || {
        child.try_wait().expect("the suite can be waited for")
    });
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let said = std::fs::read_to_string(log.path()).unwrap_or_default();
    // What a killed suite has started may still hold the pipe open.
    let is_read = wait_until(READ_LIMIT, || reader.is_finished().then_some(())).is_some();
    let errors = if is_read {
        reader.join().unwrap_or_default()
    } else {
        String::new()
    };
    match status {
        None => panic!("the suite did not end in {SUITE_LIMIT:?}:\n{said}\n{errors}"),
        Some(status) => assert!(
            status.success(),
            "the suite failed ({status}):\n{said}\n{errors}"
        ),
    }
}
