//! The real binary, running in a directory of its own.

mod builder;
mod cli;
mod formats;
mod settings;

pub use builder::{GatewayBuilder, operator_key};
pub use cli::{CliOutput, Token};
pub use formats::provider_formats;

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::upstream::Upstream;
use crate::wait_until;
use settings::SettingsText;

/// The first administrator's token in every test's gateway.
pub const ADMIN_TOKEN: &str =
    "sk-weir-testkitadmin2345-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/// How long the binary may take to bind: process start on a loaded machine, migrations included.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How much of the log a failing test shows.
const LOG_TAIL_BYTES: usize = 8 * 1024;

struct Addresses {
    listen: SocketAddr,
    ops: Option<SocketAddr>,
}

/// A gateway; dropping it kills the process and removes its directory.
pub struct Gateway {
    binary: PathBuf,
    home: TempDir,
    environment: BTreeMap<String, String>,
    settings: SettingsText,
    child: Option<Child>,
    addresses: Option<Addresses>,
    starts: usize,
}

impl Gateway {
    /// Begins to describe a gateway that runs `binary`, which a test has from `env!("CARGO_BIN_EXE_weir")`.
    pub fn builder(binary: &str) -> GatewayBuilder {
        GatewayBuilder::new(binary)
    }

    /// A gateway with `upstream` as the provider `up`, and nothing special.
    pub fn with_upstream(binary: &str, upstream: &Upstream) -> Gateway {
        Self::builder(binary).provider("up", upstream).start()
    }

    /// Starts the process in the same directory, after it has ended.
    pub fn start_again(&mut self) {
        self.reap();
        self.starts += 1;
        let ready = self
            .home
            .path()
            .join(format!("ready-{}.jsonl", self.starts));
        let mut command = self.command();
        command.arg("serve").env("WEIR_READY_FILE", &ready);
        command
            .stdin(Stdio::null())
            .stdout(self.log_file("stdout.log"))
            .stderr(self.log_file("stderr.log"));
        self.child = Some(command.spawn().expect("the gateway's binary can be run"));
        let addresses = wait_until(START_LIMIT, || {
            if let Some(status) = self.try_exit() {
                panic!(
                    "the gateway ended at its start ({status}):\n{}",
                    self.log_tail()
                );
            }
            read_ready(&ready)
        });
        self.addresses = Some(addresses.unwrap_or_else(|| {
            panic!(
                "the gateway did not bind in {START_LIMIT:?}:\n{}",
                self.log_tail()
            )
        }));
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.addresses
            .as_ref()
            .expect("the gateway was started")
            .listen
    }

    /// The base URL that an SDK is given.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address())
    }

    /// A client with the administrator's token.
    pub fn client(&self) -> Client {
        self.client_with(ADMIN_TOKEN)
    }

    /// A client with this token.
    pub fn client_with(&self, token: &str) -> Client {
        self.anonymous().bearer(token)
    }

    /// A client with no credential.
    pub fn anonymous(&self) -> Client {
        Client::new(self.address())
    }

    /// A client of the second listener: metrics and health.
    pub fn ops(&self) -> Client {
        let address = self.addresses.as_ref().and_then(|bound| bound.ops);
        Client::new(address.expect("the gateway bound its second listener"))
    }

    /// The directory it runs in; `weir.yaml` and its data are there.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the gateway was started").id()
    }

    /// The memory it has in RAM, in bytes (`VmRSS`).
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .expect("the gateway runs");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap_or_default();
        line.split_whitespace()
            .nth(1)
            .and_then(|kib| kib.parse::<u64>().ok())
            .unwrap_or(0)
            * 1024
    }

    /// How many file descriptors it has open.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid()))
            .expect("the gateway runs")
            .count()
    }

    /// How many files without a name it has open: bodies that wait on disk.
    pub fn open_spools(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid()))
            .expect("the gateway runs")
            .flatten()
            .filter_map(|entry| std::fs::read_link(entry.path()).ok())
            .filter(|target| target.to_string_lossy().ends_with(" (deleted)"))
            .count()
    }

    /// Ends the process with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().expect("the test's own child can be killed");
        }
        self.reap();
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends SIGHUP.
    pub fn hang_up(&self) {
        self.signal("HUP");
    }

    /// Waits for the process to end by itself.
    pub fn wait_for_exit(&mut self, limit: Duration) -> Option<ExitStatus> {
        wait_until(limit, || self.try_exit())
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.is_some() && self.try_exit().is_none()
    }

    /// Changes a section's line in `weir.yaml` of the running gateway; it takes effect with a reload.
    pub fn change_setting(&mut self, section: &str, line: &str) {
        self.settings.set(section, line);
        self.write_settings();
    }

    /// Changes a provider's line in `weir.yaml`; it takes effect with a reload.
    pub fn change_provider(&mut self, name: &str, line: &str) {
        self.settings.set_in_provider(name, line);
        self.write_settings();
    }

    /// Writes a file beside `weir.yaml`.
    pub fn write_file(&self, path: &str, text: &str) {
        let path = self.home.path().join(path);
        let folder = path.parent().expect("a file in the home has a folder");
        std::fs::create_dir_all(folder).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }

    /// Everything it wrote to standard output and standard error, over all starts.
    pub fn logs(&self) -> String {
        let read = |name| std::fs::read(self.home.path().join(name)).unwrap_or_default();
        let both = [read("stdout.log"), read("stderr.log")].concat();
        String::from_utf8_lossy(&both).into_owned()
    }

    /// The page of metrics.
    pub fn metrics(&self) -> String {
        self.ops().get("/metrics").assert_status(200).text()
    }

    fn write_settings(&self) {
        self.write_file("weir.yaml", &self.settings.to_yaml());
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .current_dir(self.home.path())
            .env_clear()
            .envs(&self.environment);
        command.env("HOME", self.home.path());
        command
    }

    fn log_file(&self, name: &str) -> File {
        let path = self.home.path().join(name);
        File::options()
            .create(true)
            .append(true)
            .open(path)
            .expect("a log file can be opened")
    }

    fn log_tail(&self) -> String {
        let logs = self.logs();
        let mut from = logs.len().saturating_sub(LOG_TAIL_BYTES);
        while !logs.is_char_boundary(from) {
            from += 1;
        }
        logs.get(from..).unwrap_or_default().to_owned()
    }

    fn signal(&self, name: &str) {
        // The shell's own `kill`: a signal needs no unsafe code that way, and no program that may be missing.
        let status = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -{name} {}", self.pid()))
            .status();
        assert!(
            status.expect("a shell runs").success(),
            "the gateway can be sent SIG{name}"
        );
    }

    fn try_exit(&mut self) -> Option<ExitStatus> {
        self.child
            .as_mut()?
            .try_wait()
            .expect("the test's own child can be waited for")
    }

    fn reap(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Gateway {
    #[expect(
        clippy::print_stderr,
        reason = "a failing test shows the gateway's log beside its own message"
    )]
    fn drop(&mut self) {
        self.reap();
        if std::thread::panicking() {
            eprintln!(
                "--- the gateway's log ---\n{}\n--- end ---",
                self.log_tail()
            );
        }
    }
}

/// The addresses in the ready file, once a whole line with `listen` is there.
fn read_ready(path: &Path) -> Option<Addresses> {
    let text = std::fs::read_to_string(path).ok()?;
    let complete = text.get(..=text.rfind('\n')?)?;
    let mut addresses = Addresses {
        listen: SocketAddr::from(([0, 0, 0, 0], 0)),
        ops: None,
    };
    for line in complete.lines() {
        let bound: Value = serde_json::from_str(line).ok()?;
        let address = |key: &str| {
            bound
                .get(key)
                .and_then(Value::as_str)
                .and_then(|text| text.parse().ok())
        };
        if let Some(listen) = address("listen") {
            addresses.listen = listen;
        }
        addresses.ops = address("ops").or(addresses.ops);
    }
    (addresses.listen.port() != 0).then_some(addresses)
}
