//! `weir models`

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use weir_filters::health::Switchboard;
use weir_filters::plan::Holder;
use weir_filters::routes::Routes;

use super::context::{CommandError, Context};
use super::output;

/// Whose models to list.
#[derive(Args)]
pub struct Arguments {
    /// The user (default: the first administrator)
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Print JSON, one model a line
    #[arg(long)]
    json: bool,
}

/// Lists the models.
pub fn run(config: Option<PathBuf>, arguments: &Arguments) -> Result<(), CommandError> {
    let context = Context::open(config)?;
    let user = match &arguments.user {
        Some(name) => context.user(name)?,
        None => {
            let users = context.store.list_users()?;
            let admin = users.into_iter().find(|user| user.admin);
            admin.ok_or_else(|| {
                CommandError::Usage(
                    "there is no administrator yet: start the gateway once".to_owned(),
                )
            })?
        }
    };
    let sealer = crate::serve::open_sealer(&context.settings)?;
    let keys = context.store.open_provider_keys(&user.id, &sealer)?;
    let routes = Routes::new(
        Arc::new(context.settings),
        1,
        Arc::new(Switchboard::default()),
    );
    let holder = Holder {
        keys: &keys,
        is_admin: user.admin,
        models: &[],
    };
    for name in routes.names_for(holder) {
        if arguments.json {
            output::json(&json!({"id": name}))?;
        } else {
            output::line(&name)?;
        }
    }
    Ok(())
}
