//! `bench-load`: sends requests and says how they fared.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use weir_bench::load::{Plan, Request, run};
use weir_bench::process::Process;

/// Sends one POST over and over: in a closed loop, or with --rate at a fixed rate, where latency counts
/// from the time a request should have left. With --events the answers are read as the mock's streams.
/// Exits with 1 if anything went wrong with any request.
#[derive(Parser)]
struct Arguments {
    /// Where to send: http://HOST:PORT/PATH.
    url: String,
    /// The JSON to send.
    #[arg(long)]
    body: PathBuf,
    /// A further header, as `Name: value`; may be repeated.
    #[arg(long = "header", short = 'H')]
    headers: Vec<String>,
    /// Connections: kept busy in a closed loop, the most to open at a fixed rate.
    #[arg(long, short, default_value_t = 32)]
    connections: usize,
    /// Requests to begin each second, however long answers take.
    #[arg(long, short, value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// Seconds to measure.
    #[arg(long, short, default_value = "5.0", value_parser = seconds)]
    seconds: Duration,
    /// Seconds to send before measuring.
    #[arg(long, default_value = "0.5", value_parser = seconds)]
    warmup: Duration,
    /// Seconds to wait for answers when the time is over.
    #[arg(long, default_value = "30.0", value_parser = seconds)]
    patience: Duration,
    /// Stop after so many requests.
    #[arg(long)]
    requests: Option<u64>,
    /// Answers are streams of this many events, of which none may be lost or out of order.
    #[arg(long)]
    events: Option<u64>,
    /// The gateway's process, whose CPU time and memory are told too.
    #[arg(long)]
    watch_pid: Option<u32>,
    /// A word for the outcome, as name=value; may be repeated.
    #[arg(long = "label", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Print the outcome as a line of JSON, and the line for people to standard error.
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    Duration::try_from_secs_f64(value).map_err(|error| error.to_string())
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not of the form name=value")?;
    Ok((name.into(), value.into()))
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let is_json = arguments.json;
    let (outcome, first_fault) = run(plan(arguments)?)?;
    if is_json {
        writeln!(io::stderr(), "{outcome}")?;
        writeln!(io::stdout(), "{}", serde_json::to_string(&outcome)?)?;
    } else {
        writeln!(io::stdout(), "{outcome}")?;
    }
    if let Some(fault) = first_fault {
        writeln!(
            io::stderr(),
            "FAULTS: {:?}; the first: {fault}",
            outcome.faults
        )?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(arguments: Arguments) -> Result<Plan, Box<dyn Error>> {
    let body = fs::read(&arguments.body)
        .map_err(|error| format!("{}: {error}", arguments.body.display()))?;
    Ok(Plan {
        request: Request::post(&arguments.url, &arguments.headers, &body)?,
        connections: arguments.connections.max(1),
        rate: arguments.rate,
        warmup: arguments.warmup,
        measured: arguments.seconds,
        patience: arguments.patience,
        requests_max: arguments.requests,
        events: arguments.events,
        watched: arguments.watch_pid.map(Process::new),
        labels: BTreeMap::from_iter(arguments.labels),
    })
}
