//! `weir user`

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use weir_store::{NewUser, StoredLimits};

use super::context::{CommandError, Context};
use super::output;

/// What can be done with users.
#[derive(Subcommand)]
pub enum Command {
    /// Add a user
    Add {
        /// The user's name
        name: String,
        /// Make the user an administrator (may use the operator's provider keys under the default policy)
        #[arg(long)]
        admin: bool,
        /// Requests per minute over all of the user's tokens
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        rpm: Option<u32>,
        /// Requests at the same time over all of the user's tokens
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        concurrent: Option<u32>,
    },
    /// List the users
    List {
        /// Print JSON, one user a line
        #[arg(long)]
        json: bool,
    },
    /// Disable a user: all of the user's tokens stop working within a second
    Disable {
        /// The user's name
        name: String,
    },
    /// Enable a disabled user again
    Enable {
        /// The user's name
        name: String,
    },
}

/// Runs the command.
pub fn run(config: Option<PathBuf>, command: Command) -> Result<(), CommandError> {
    let context = Context::open(config)?;
    match command {
        Command::Add {
            name,
            admin,
            rpm,
            concurrent,
        } => {
            let limits = StoredLimits {
                requests_per_minute: rpm,
                concurrent,
            };
            let store = &context.store;
            let user = store.create_user(NewUser { name, admin }, context.now_us)?;
            store.set_user_limits(&user.name, limits, context.now_us)?;
            output::line(&format!(
                "user `{}` added; give a token with: weir token create --user {}",
                user.name, user.name
            ))?;
        }
        Command::List { json } => list(&context, json)?,
        Command::Disable { name } => {
            let store = &context.store;
            store.set_user_disabled(&name, true, context.now_us)?;
            output::line(&format!("user `{name}` disabled"))?;
        }
        Command::Enable { name } => {
            let store = &context.store;
            store.set_user_disabled(&name, false, context.now_us)?;
            output::line(&format!("user `{name}` enabled"))?;
        }
    }
    Ok(())
}

fn list(context: &Context, as_json: bool) -> Result<(), CommandError> {
    let users = context.store.list_users()?;
    if as_json {
        for user in users {
            output::json(&json!({
                "id": user.id, "name": user.name, "admin": user.admin, "disabled": user.disabled,
                "requests_per_minute": user.limits.requests_per_minute,
                "concurrent": user.limits.concurrent, "created_at_us": user.created_at_us,
            }))?;
        }
        return Ok(());
    }
    let rows: Vec<Vec<String>> = users
        .into_iter()
        .map(|user| {
            let role = if user.admin { "admin" } else { "user" };
            let state = if user.disabled { "disabled" } else { "active" };
            let limit = |it: Option<u32>| it.map_or_else(|| "-".to_owned(), |it| it.to_string());
            vec![
                user.name,
                role.to_owned(),
                state.to_owned(),
                limit(user.limits.requests_per_minute),
                limit(user.limits.concurrent),
            ]
        })
        .collect();
    output::table(&["NAME", "ROLE", "STATE", "RPM", "CONCURRENT"], &rows)?;
    Ok(())
}
