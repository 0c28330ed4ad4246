//! The command line, run beside the serving process in the same directory.

use std::io::Write;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::Gateway;
use crate::wait_until;

/// What a command gave back.
#[derive(Debug)]
pub struct CliOutput {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl CliOutput {
    /// Fails the test unless the command succeeded.
    #[track_caller]
    pub fn assert_success(self) -> Self {
        assert!(self.status.success(), "the command failed: {self:?}");
        self
    }

    /// Standard output as JSON; fails the test if it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|problem| panic!("no JSON ({problem}): {self:?}"))
    }

    /// Standard output as JSON objects, one a line or all in one array.
    #[track_caller]
    pub fn json_rows(&self) -> Vec<Value> {
        if let Ok(Value::Array(rows)) = serde_json::from_str(&self.stdout) {
            return rows;
        }
        let parse = |line| {
            serde_json::from_str(line)
                .unwrap_or_else(|problem| panic!("no JSON ({problem}): {self:?}"))
        };
        self.stdout
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(parse)
            .collect()
    }
}

/// A token as `weir token create` prints it, once.
#[derive(Clone, Debug)]
pub struct Token {
    /// The public id, which `weir token revoke` takes.
    pub id: String,
    /// The whole token, the credential itself.
    pub secret: String,
}

impl Gateway {
    /// Runs `weir` with these arguments.
    pub fn cli(&self, arguments: &[&str]) -> CliOutput {
        self.cli_with_input(arguments, "")
    }

    /// Runs `weir` with these arguments and this standard input.
    pub fn cli_with_input(&self, arguments: &[&str], input: &str) -> CliOutput {
        let mut command = self.command();
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the gateway's binary can be run");
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        // A command that does not read its input closes the pipe early; that is not this test's concern.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("the command ends");
        CliOutput {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Adds a user who is no administrator.
    pub fn add_user(&self, name: &str) {
        self.cli(&["user", "add", name]).assert_success();
    }

    /// Makes a token for a user, with more arguments such as `["--rpm", "3"]`.
    pub fn create_token(&self, user: &str, arguments: &[&str]) -> Token {
        let all = [&["token", "create", "--user", user, "--json"], arguments].concat();
        let made = self.cli(&all).assert_success().json();
        let field = |name: &str| {
            made.get(name)
                .and_then(Value::as_str)
                .expect("a token has this field")
                .to_owned()
        };
        Token {
            id: field("id"),
            secret: field("token"),
        }
    }

    /// Every call row there is.
    pub fn calls(&self) -> Vec<Value> {
        self.cli(&["usage", "--calls", "--json", "--limit", "1000000"])
            .assert_success()
            .json_rows()
    }

    /// Waits until there are `count` call rows and gives them; fails the test if they do not come. More than `count` are given
    /// as they are: that they are too many is for the test to see.
    pub fn wait_for_calls(&self, count: usize) -> Vec<Value> {
        let enough = || Some(self.calls()).filter(|rows| rows.len() >= count);
        wait_until(Duration::from_secs(15), enough).unwrap_or_else(|| {
            panic!(
                "{count} call rows were expected, there are: {:?}",
                self.calls()
            )
        })
    }
}
