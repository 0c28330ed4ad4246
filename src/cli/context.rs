//! What every command needs: the settings, and the store behind them.

use std::io::Write;
use std::path::PathBuf;

use thiserror::Error;
use weir_config::{Errors, Settings, Source};
use weir_filters::clock::Clock;
use weir_store::{MasterKeyError, Store, StoreError, User};

use crate::serve::{self, ServeError};

/// Why a command failed.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The configuration is wrong.
    #[error("the configuration cannot be used:\n{0}")]
    Config(Errors),
    /// Serving failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key cannot be used.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The arguments make no sense together, or name something that is not there.
    #[error("{0}")]
    Usage(String),
}

/// Loads the settings; warnings go to standard error.
pub fn settings(config: Option<PathBuf>) -> Result<(Settings, Source), CommandError> {
    let source = Source::from_process(config);
    let loaded = weir_config::load(&source).map_err(CommandError::Config)?;
    for warning in &loaded.warnings {
        let _ = writeln!(std::io::stderr(), "weir: warning: {warning}");
    }
    Ok((loaded.settings, source))
}

/// A command's view of the database, beside a gateway that may be running on it.
pub struct Context {
    /// The settings.
    pub settings: Settings,
    /// The store.
    pub store: Store,
    /// Now, microseconds since the Unix epoch.
    pub now_us: i64,
}

impl Context {
    /// Loads the settings and opens the store.
    pub fn open(config: Option<PathBuf>) -> Result<Self, CommandError> {
        let (settings, _) = settings(config)?;
        let store = serve::open_store(&settings, false)?;
        Ok(Self {
            settings,
            store,
            now_us: Clock::system().now_us(),
        })
    }

    /// The user of that name.
    pub fn user(&self, name: &str) -> Result<User, CommandError> {
        let found = self.store.find_user_by_name(name)?;
        found.ok_or_else(|| {
            CommandError::Usage(format!("there is no user `{name}`: see `weir user list`"))
        })
    }
}
