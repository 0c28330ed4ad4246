//! `weir usage`

use std::collections::HashMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use weir_store::{CallRecord, GroupBy, UsageQuery, UsageRow};

use super::context::{CommandError, Context};
use super::output;
use super::token::parse_span_us;

/// What to show of the ledger.
#[derive(Args)]
pub struct Arguments {
    /// How far back to look, such as 12h, 30d
    #[arg(long, default_value = "30d", value_name = "TIME", value_parser = parse_span_us)]
    since: i64,
    /// Only this user's
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// What to sum up by
    #[arg(long, value_enum, value_delimiter = ',', default_value = "day,model")]
    by: Vec<By>,
    /// List single calls instead of sums, the latest last
    #[arg(long, conflicts_with_all = ["by", "csv"])]
    calls: bool,
    /// The most calls to list
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// Print JSON, one row a line; money in nano-dollars
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV
    #[arg(long)]
    csv: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    Day,
    User,
    Token,
    Model,
    Provider,
}

impl By {
    fn group(self) -> GroupBy {
        match self {
            Self::Day => GroupBy::Day,
            Self::User => GroupBy::User,
            Self::Token => GroupBy::Token,
            Self::Model => GroupBy::Model,
            Self::Provider => GroupBy::Provider,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::User => "user",
            Self::Token => "token",
            Self::Model => "model",
            Self::Provider => "provider",
        }
    }
}

/// Shows usage.
pub fn run(config: Option<PathBuf>, arguments: &Arguments) -> Result<(), CommandError> {
    let context = Context::open(config)?;
    let user = arguments.user.as_ref();
    let user = user.map(|name| context.user(name)).transpose()?;
    let names: HashMap<String, String> = context
        .store
        .list_users()?
        .into_iter()
        .map(|user| (user.id, user.name))
        .collect();
    let query = UsageQuery {
        from_us: context.now_us - arguments.since,
        to_us: i64::MAX,
        user: user.map(|user| user.id),
        group_by: arguments.by.iter().map(|by| by.group()).collect(),
    };
    if arguments.calls {
        let calls = context.store.calls(&query, arguments.limit as usize)?;
        return print_calls(&calls, &names, arguments.json);
    }
    let rows = context.store.usage(&query)?;
    print_sums(&rows, &names, arguments)
}

fn print_sums(
    rows: &[UsageRow],
    names: &HashMap<String, String>,
    arguments: &Arguments,
) -> Result<(), CommandError> {
    let key = |row: &UsageRow, by: By| {
        let text = match by {
            By::Day => row.day.clone(),
            By::User => row
                .user
                .as_ref()
                .map(|id| names.get(id).unwrap_or(id).clone()),
            By::Token => row.token.clone(),
            By::Model => row.model.clone(),
            By::Provider => row.provider.clone(),
        };
        text.unwrap_or_default()
    };
    if arguments.json {
        for row in rows {
            let mut object = Map::new();
            for by in &arguments.by {
                object.insert(by.name().to_owned(), Value::String(key(row, *by)));
            }
            let sums = json!({
                "calls": row.calls, "failed": row.failed, "input_tokens": row.input_tokens,
                "output_tokens": row.output_tokens, "cost_nanousd": row.cost_nanousd,
                "estimated": row.estimated, "unpriced": row.unpriced,
            });
            if let Value::Object(sums) = sums {
                object.extend(sums);
            }
            output::json(&Value::Object(object))?;
        }
        return Ok(());
    }
    let mut headings: Vec<&str> = arguments.by.iter().map(|by| by.name()).collect();
    headings.extend([
        "calls",
        "failed",
        "input_tokens",
        "output_tokens",
        "cost_usd",
        "estimated",
        "unpriced",
    ]);
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let mut cells: Vec<String> = arguments.by.iter().map(|by| key(row, *by)).collect();
            cells.extend([
                row.calls.to_string(),
                row.failed.to_string(),
                row.input_tokens.to_string(),
                row.output_tokens.to_string(),
                output::dollars(row.cost_nanousd),
                row.estimated.to_string(),
                row.unpriced.to_string(),
            ]);
            cells
        })
        .collect();
    if arguments.csv {
        return Ok(output::csv(&headings, &cells)?);
    }
    let headings: Vec<String> = headings.iter().map(|it| it.to_uppercase()).collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    Ok(output::table(&headings, &cells)?)
}

fn print_calls(
    calls: &[CallRecord],
    names: &HashMap<String, String>,
    as_json: bool,
) -> Result<(), CommandError> {
    let name_of = |id: &str| names.get(id).cloned().unwrap_or_else(|| id.to_owned());
    if as_json {
        for call in calls {
            output::json(&call_json(call, &name_of(&call.user_id)))?;
        }
        return Ok(());
    }
    let rows: Vec<Vec<String>> = calls
        .iter()
        .map(|call| {
            vec![
                call.call_id.to_string(),
                name_of(&call.user_id),
                format!("{}/{}", call.provider, call.served_model),
                call.end.as_str().to_owned(),
                call.status.to_string(),
                call.attempts.to_string(),
                format!("{} ms", call.latency_us / 1_000),
                output::dollars(call.cost_nanousd),
            ]
        })
        .collect();
    let headings = [
        "CALL", "USER", "MODEL", "END", "STATUS", "ATTEMPTS", "LATENCY", "COST_USD",
    ];
    Ok(output::table(&headings, &rows)?)
}

fn call_json(call: &CallRecord, user: &str) -> Value {
    let items: Vec<Value> = call
        .items
        .iter()
        .map(|item| {
            json!({"attempt": item.attempt, "unit": item.unit, "quantity": item.quantity,
                "cost_nanousd": item.cost_nanousd})
        })
        .collect();
    json!({
        "id": call.call_id.to_string(), "started_at_us": call.started_at_us, "node": call.node_id,
        "user": user, "token": call.token_id, "key": call.key_id, "kind": call.kind,
        "asked_model": call.asked_model, "served_model": call.served_model,
        "provider": call.provider, "upstream_id": call.upstream_id, "attempts": call.attempts,
        "status": call.status, "end": call.end.as_str(), "streamed": call.streamed,
        "estimated": call.estimated, "unpriced": call.unpriced,
        "cost_nanousd": call.cost_nanousd, "price_version": call.price_version,
        "latency_us": call.latency_us, "ttft_us": call.ttft_us, "items": items,
    })
}
