//! Logs: for people on a terminal, JSON otherwise. No body and no key is ever given to them.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use weir_config::{Log, LogFormat};

/// Pingora writes raw heads of requests, keys included, below `warn`: whatever the filter says, it stays above.
const PINGORA_TARGETS: [&str; 9] = [
    "pingora=warn",
    "pingora_core=warn",
    "pingora_proxy=warn",
    "pingora_pool=warn",
    "pingora_http=warn",
    "pingora_error=warn",
    "pingora_rustls=warn",
    "h2=warn",
    "rustls=warn",
];

/// Starts logging to standard error. A filter that cannot be read falls back to `info`, and says so.
pub fn start(log: &Log) {
    let (filter, is_bad) = match EnvFilter::try_new(&log.filter) {
        Ok(filter) => (filter, false),
        Err(_) => (EnvFilter::new("info"), true),
    };
    let filter = PINGORA_TARGETS.iter().fold(filter, |filter, target| {
        // The directives are constants of the form target=level, which parse.
        match target.parse() {
            Ok(directive) => filter.add_directive(directive),
            Err(_) => filter,
        }
    });
    let is_json = match log.format {
        LogFormat::Json => true,
        LogFormat::Human => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = if is_json {
        builder.json().flatten_event(true).try_init()
    } else {
        let ansi = std::io::stderr().is_terminal();
        builder.with_ansi(ansi).with_target(false).try_init()
    };
    if started.is_ok() && is_bad {
        tracing::warn!(filter = %log.filter, "the log filter cannot be read; using `info`");
    }
}
