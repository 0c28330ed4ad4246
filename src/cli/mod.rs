//! The command line: one file per command.

mod backup;
mod check;
mod completions;
mod context;
mod health;
mod key;
mod models;
mod output;
mod serve;
mod token;
mod usage;
mod user;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use context::CommandError;

/// An OpenAI-compatible gateway for language models.
#[derive(Parser)]
#[command(name = "weir", version, about, propagate_version = true, after_help = EXIT_CODES)]
pub struct Arguments {
    /// The configuration file (default: ./weir.yaml, then /etc/weir/weir.yaml, if there is one)
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 the command failed; 2 the arguments are wrong; 64 the configuration is wrong.\n\
    Every setting is described in docs/CONFIGURATION.md.";

#[derive(Subcommand)]
enum Command {
    /// Run the gateway
    Serve,
    /// Check the configuration without starting anything
    Check,
    /// Add, list and disable users
    #[command(subcommand)]
    User(user::Command),
    /// Create, list, revoke and rotate the tokens that clients call with
    #[command(subcommand)]
    Token(token::Command),
    /// Set, list and remove users' own provider keys (sealed at rest)
    #[command(subcommand)]
    Key(key::Command),
    /// Show what was used and what it cost
    Usage(usage::Arguments),
    /// List the models a user can call
    Models(models::Arguments),
    /// Migrate and back up the database
    #[command(subcommand)]
    Db(backup::Command),
    /// Ask a running gateway whether it lives (for container health checks)
    Health,
    /// Print a completion script for a shell
    Completions(completions::Arguments),
}

/// The exit code for a configuration that cannot be used (`EX_USAGE` of sysexits.h).
const EXIT_CONFIG: u8 = 64;

/// Parses the arguments and runs the command.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    match dispatch(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "weir: {error}");
            match error {
                CommandError::Config(_) => ExitCode::from(EXIT_CONFIG),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn dispatch(arguments: Arguments) -> Result<(), CommandError> {
    let config = arguments.config;
    match arguments.command {
        Command::Serve => serve::run(config),
        Command::Check => check::run(config),
        Command::User(command) => user::run(config, command),
        Command::Token(command) => token::run(config, command),
        Command::Key(command) => key::run(config, command),
        Command::Usage(arguments) => usage::run(config, &arguments),
        Command::Models(arguments) => models::run(config, &arguments),
        Command::Db(command) => backup::run(config, command),
        Command::Health => health::run(config),
        Command::Completions(arguments) => completions::run(&arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
