//! Logs: for people on a terminal, JSON otherwise. No body and no key is ever given to them.

use std::fmt::{self, Debug};
use std::io::IsTerminal;

use tracing::Level;
use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};
use weir_config::{Log, LogFormat};

/// Crates that write raw heads of requests, keys included, below `warn`: whatever the filter says, they stay above.
const CAPPED: [&str; 4] = ["pingora", "h2", "hyper", "rustls"];

/// Writes one field of an event for people. What callers have a hand in (models, names, errors) must neither begin a line
/// of its own nor reach the terminal as a command, so control characters are shown, and marks that turn text around too.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    if field.name() != "message" {
        write!(writer, "{}=", field.name())?;
    }
    for c in format!("{value:?}").chars() {
        if c.is_control() || is_turning(c) {
            write!(writer, "{}", c.escape_default())?;
        } else {
            writer.write_char(c)?;
        }
    }
    Ok(())
}

/// Whether a character changes the direction of the text around it (Unicode's annex 9, section 2).
fn is_turning(c: char) -> bool {
    matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Starts logging to standard error. A filter that cannot be read falls back to `info`, and says so.
pub fn start(log: &Log) {
    let (filter, is_bad) = match EnvFilter::try_new(&log.filter) {
        Ok(filter) => (filter, false),
        Err(_) => (EnvFilter::new("info"), true),
    };
    // Both must agree: a directive for a part of a capped crate cannot lift the cap.
    let filter = filter.and(filter_fn(|event| {
        *event.level() <= Level::WARN || !CAPPED.iter().any(|it| event.target().starts_with(it))
    }));
    let is_terminal = std::io::stderr().is_terminal();
    let is_json = match log.format {
        LogFormat::Json => true,
        LogFormat::Human => false,
        LogFormat::Auto => !is_terminal,
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = if is_json {
        layer.json().flatten_event(true).with_filter(filter).boxed()
    } else {
        let human = layer.with_ansi(is_terminal).with_target(false);
        let fields = debug_fn(write_field).delimited(" ");
        human.fmt_fields(fields).with_filter(filter).boxed()
    };
    let started = tracing_subscriber::registry().with(layer).try_init();
    if started.is_ok() && is_bad {
        tracing::warn!(filter = %log.filter, "the log filter cannot be read; using `info`");
    }
}
