//! `weir key`

mod credential;

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use self::credential::Parts;
use super::context::{CommandError, Context};
use super::output;

/// What can be done with provider keys.
#[derive(Subcommand)]
pub enum Command {
    /// Set a user's key for a provider; the key is read from standard input or a file, so that no shell history keeps it
    Set {
        /// The provider, as in the configuration
        provider: String,
        /// The user it belongs to
        #[arg(long, value_name = "NAME")]
        user: String,
        /// A label; a key of the same provider and label is replaced
        #[arg(long, default_value = "default")]
        label: String,
        #[command(flatten)]
        parts: Parts,
    },
    /// List provider keys (never the keys themselves)
    List {
        /// Only this user's
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Print JSON, one key a line
        #[arg(long)]
        json: bool,
    },
    /// Remove a provider key
    Remove {
        /// The key's id, as `weir key list` shows it
        id: String,
    },
}

/// Runs the command.
pub fn run(config: Option<PathBuf>, command: Command) -> Result<(), CommandError> {
    let context = Context::open(config)?;
    match command {
        Command::Set {
            provider,
            user,
            label,
            parts,
        } => set(&context, &provider, &user, &label, &parts),
        Command::List { user, json } => list(&context, user.as_deref(), json),
        Command::Remove { id } => {
            context.store.remove_provider_key(&id, context.now_us)?;
            Ok(output::line(&format!("key `{id}` removed"))?)
        }
    }
}

fn set(
    context: &Context,
    provider: &str,
    user: &str,
    label: &str,
    parts: &Parts,
) -> Result<(), CommandError> {
    if let Some(why) = context.settings.left_out.get(provider) {
        return Err(CommandError::Usage(format!(
            "the provider `{provider}` is left out, as {why}"
        )));
    }
    let Some(settings) = context.settings.providers.get(provider) else {
        let known: Vec<&str> = context
            .settings
            .providers
            .keys()
            .map(String::as_str)
            .collect();
        return Err(CommandError::Usage(format!(
            "there is no provider `{provider}`; the configuration has {}",
            known.join(", ")
        )));
    };
    let user = context.user(user)?;
    let secret = parts.read(settings, &context.settings.policy)?;
    let sealer = crate::serve::open_sealer(&context.settings)?;
    context.store.check_master_key(&sealer)?;
    let record = context.store.set_provider_key(
        &user.id,
        provider,
        label,
        secret.expose(),
        &sealer,
        context.now_us,
    )?;
    output::line(&format!(
        "key `{}` of user `{}` for `{provider}` set",
        record.id, user.name
    ))?;
    Ok(())
}

fn list(context: &Context, user: Option<&str>, as_json: bool) -> Result<(), CommandError> {
    let user = user.map(|name| context.user(name)).transpose()?;
    let keys = context
        .store
        .list_provider_keys(user.as_ref().map(|user| user.id.as_str()))?;
    let names: std::collections::HashMap<String, String> = context
        .store
        .list_users()?
        .into_iter()
        .map(|user| (user.id, user.name))
        .collect();
    let name_of = |id: &str| names.get(id).cloned().unwrap_or_else(|| id.to_owned());
    if as_json {
        for key in &keys {
            output::json(&json!({
                "id": key.id, "user": name_of(&key.user_id), "provider": key.provider,
                "label": key.label, "hint": key.hint, "created_at_us": key.created_at_us,
            }))?;
        }
        return Ok(());
    }
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            vec![
                key.id.clone(),
                name_of(&key.user_id),
                key.provider.clone(),
                key.label.clone(),
                shown(&key.hint),
            ]
        })
        .collect();
    output::table(&["ID", "USER", "PROVIDER", "LABEL", "KEY"], &rows)?;
    Ok(())
}

/// A hint as it is listed: the name of an account whole, else the end of a key.
fn shown(hint: &str) -> String {
    if hint.contains('@') {
        hint.to_owned()
    } else {
        format!("...{hint}")
    }
}
