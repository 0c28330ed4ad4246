//! `weir db`

use std::path::PathBuf;

use clap::Subcommand;

use super::context::{CommandError, Context};
use super::output;

/// What can be done with the database.
#[derive(Subcommand)]
pub enum Command {
    /// Bring the database to this version's schema (a starting gateway does so by itself)
    Migrate,
    /// Copy the database to a file while the gateway runs, and check the copy
    Backup {
        /// The file to write; it must not exist
        to: PathBuf,
    },
}

/// Runs the command.
pub fn run(config: Option<PathBuf>, command: Command) -> Result<(), CommandError> {
    let context = Context::open(config)?;
    match command {
        Command::Migrate => {
            let report = context.store.migration_report();
            output::line(&format!(
                "the database has schema version {}",
                report.version
            ))?;
        }
        Command::Backup { to } => {
            context.store.backup(&to)?;
            output::line(&format!(
                "backed up to {}; provider keys in it can be opened only with the master key, which is not in it",
                to.display()
            ))?;
        }
    }
    Ok(())
}
