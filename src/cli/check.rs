//! `weir check`

use std::path::PathBuf;

use super::context::{self, CommandError};
use super::output;

/// Loads the configuration and says what it came to.
pub fn run(config: Option<PathBuf>) -> Result<(), CommandError> {
    let (settings, _) = context::settings(config)?;
    let with_key = settings.providers.values().filter(|it| !it.keys.is_empty());
    let names: Vec<&str> = with_key.map(|it| it.name.as_str()).collect();
    output::line(&format!(
        "the configuration is good: {} providers ({} with an operator key{}{}), {} aliases, prices of {}",
        settings.providers.len(),
        names.len(),
        if names.is_empty() { "" } else { ": " },
        names.join(", "),
        settings.aliases.len(),
        settings.prices.version,
    ))?;
    Ok(())
}
