//! `weir completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::context::CommandError;

/// The shell to complete for.
#[derive(Args)]
pub struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
#[expect(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub fn run(arguments: &Arguments) -> Result<(), CommandError> {
    let mut command = super::Arguments::command();
    clap_complete::generate(
        arguments.shell,
        &mut command,
        "weir",
        &mut std::io::stdout(),
    );
    Ok(())
}
