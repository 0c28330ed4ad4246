//! `weir serve`

use std::path::PathBuf;

use super::context::{self, CommandError};

/// Runs the gateway.
pub fn run(config: Option<PathBuf>) -> Result<(), CommandError> {
    let (settings, source) = context::settings(config)?;
    crate::logs::start(&settings.log);
    Ok(crate::serve::serve(settings, source)?)
}
