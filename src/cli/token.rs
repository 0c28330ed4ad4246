//! `weir token`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use weir_store::{NewToken, StoredLimits, TokenRecord, TokenSecret};

use super::context::{CommandError, Context};
use super::output;

/// What can be done with tokens.
#[derive(Subcommand)]
pub enum Command {
    /// Create a token; it is shown this once
    Create(Create),
    /// List tokens (never their secrets)
    List {
        /// Only this user's
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Print JSON, one token a line
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token; it stops working within a second
    Revoke {
        /// The token's public id, as `weir token list` shows it
        id: String,
    },
    /// Replace a token: the old one stops working, the new one is shown this once
    Rotate {
        /// The token's public id
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// A token to be created.
#[derive(Args)]
pub struct Create {
    /// The user it is for
    #[arg(long, value_name = "NAME")]
    user: String,
    /// A name to know it by
    #[arg(long, default_value = "default")]
    name: String,
    /// Requests per minute
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rpm: Option<u32>,
    /// Requests at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    concurrent: Option<u32>,
    /// Models it may use, by comma; `*` at the end of one matches any rest (default: all)
    #[arg(long, value_delimiter = ',', value_name = "MODEL")]
    models: Vec<String>,
    /// When it expires, such as 12h, 30d (default: never)
    #[arg(long, value_name = "TIME", value_parser = parse_span_us)]
    expires: Option<i64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(config: Option<PathBuf>, command: Command) -> Result<(), CommandError> {
    let context = Context::open(config)?;
    match command {
        Command::Create(create) => run_create(&context, create),
        Command::List { user, json } => list(&context, user.as_deref(), json),
        Command::Revoke { id } => {
            context.store.revoke_token(&id, context.now_us)?;
            Ok(output::line(&format!("token `{id}` revoked"))?)
        }
        Command::Rotate { id, json } => {
            let (record, secret) = context.store.rotate_token(&id, context.now_us)?;
            show(&record, &secret, json)
        }
    }
}

fn run_create(context: &Context, create: Create) -> Result<(), CommandError> {
    let user = context.user(&create.user)?;
    let new = NewToken {
        user_id: user.id,
        name: create.name,
        limits: StoredLimits {
            requests_per_minute: create.rpm,
            concurrent: create.concurrent,
        },
        models: create.models,
        expires_at_us: create.expires.map(|span| context.now_us + span),
    };
    let (record, secret) = context.store.mint_token(new, context.now_us)?;
    show(&record, &secret, create.json)
}

/// Shows a new token: the one moment at which its secret exists outside its owner's hands.
fn show(record: &TokenRecord, secret: &TokenSecret, as_json: bool) -> Result<(), CommandError> {
    if as_json {
        let value = json!({"id": record.public_id, "name": record.name, "token": secret.expose()});
        return Ok(output::json(&value)?);
    }
    output::line(secret.expose())?;
    Ok(())
}

fn list(context: &Context, user: Option<&str>, as_json: bool) -> Result<(), CommandError> {
    let user = user.map(|name| context.user(name)).transpose()?;
    let tokens = context
        .store
        .list_tokens(user.as_ref().map(|user| user.id.as_str()))?;
    if as_json {
        for token in &tokens {
            output::json(&json!({
                "id": token.public_id, "name": token.name, "user": token.user.name,
                "state": state(token, context.now_us), "models": token.models,
                "requests_per_minute": token.limits.requests_per_minute,
                "concurrent": token.limits.concurrent, "expires_at_us": token.expires_at_us,
                "created_at_us": token.created_at_us,
            }))?;
        }
        return Ok(());
    }
    let rows: Vec<Vec<String>> = tokens
        .iter()
        .map(|token| {
            let models = if token.models.is_empty() {
                "all".to_owned()
            } else {
                token.models.join(",")
            };
            vec![
                token.public_id.clone(),
                token.user.name.clone(),
                token.name.clone(),
                state(token, context.now_us).to_owned(),
                models,
            ]
        })
        .collect();
    output::table(&["ID", "USER", "NAME", "STATE", "MODELS"], &rows)?;
    Ok(())
}

fn state(token: &TokenRecord, now_us: i64) -> &'static str {
    if token.revoked {
        "revoked"
    } else if token.expires_at_us.is_some_and(|at| at <= now_us) {
        "expired"
    } else if token.user.disabled {
        "user disabled"
    } else {
        "active"
    }
}

/// A span such as `90m`, `12h`, `30d`, in microseconds.
pub fn parse_span_us(text: &str) -> Result<i64, String> {
    const SECOND_US: i64 = 1_000_000;
    let wrong = || format!("`{text}` is no span of time: write it as 90m, 12h or 30d");
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let found = units
        .iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)));
    let (number, seconds) = found.ok_or_else(wrong)?;
    let number: i64 = number.parse().map_err(|_| wrong())?;
    let span = number
        .checked_mul(seconds)
        .and_then(|it| it.checked_mul(SECOND_US));
    span.filter(|it| *it > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_are_read() {
        assert_eq!(parse_span_us("2m"), Ok(120_000_000));
        assert_eq!(parse_span_us("1d"), Ok(86_400_000_000));
        for wrong in [
            "",
            "d",
            "0d",
            "-1h",
            "12",
            "1y",
            "99999999999999d",
            "3\u{e9}",
        ] {
            assert!(parse_span_us(wrong).is_err(), "{wrong}");
        }
    }
}
