//! The typed settings, as the rest of Weir uses them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::kinds::{
    ADDRESS, BYTES, BYTES_PER_SECOND, CORES, COUNT, COUNT_OR_NEVER, DATABASE_URL, ERROR_STATUSES,
    FLAG, LARGE_COUNT, MILLIS, NODE_ID, OPTIONAL_ADDRESS, OPTIONAL_COUNT, OPTIONAL_PATH,
    OPTIONAL_TEXT, PATH, TEXT, choice,
};
use crate::price::PriceTable;
use crate::provider::Provider;
use crate::secret::Secret;
use crate::section::section;

/// Everything that can be configured, checked as a whole.
pub struct Settings {
    /// Listeners and what they bound.
    pub server: Server,
    /// Where state is kept.
    pub database: Database,
    /// The folder for everything Weir keeps on disk.
    pub data_dir: PathBuf,
    /// What is allowed to whom.
    pub policy: Policy,
    /// The model that `auto`, or no model at all, means.
    pub default_model: Option<String>,
    /// Own names for models.
    pub aliases: BTreeMap<String, Alias>,
    /// What to try when a model's own targets fail.
    pub fallbacks: Fallbacks,
    /// Limits of tokens and users that have none of their own.
    pub limits: Limits,
    /// When and how a failed attempt is repeated.
    pub retry: Retry,
    /// How answers are streamed.
    pub stream: Stream,
    /// Timeouts towards providers that have none of their own.
    pub timeouts: Timeouts,
    /// What is known of the providers' models.
    pub catalogue: Catalogue,
    /// What is logged.
    pub log: Log,
    /// The enabled providers by name.
    pub providers: BTreeMap<String, Provider>,
    /// The providers that are only there where their address is known, and what each needs for that: "it needs a …".
    pub left_out: BTreeMap<String, String>,
    /// What models cost.
    pub prices: PriceTable,
    /// The key that seals providers' keys, where the environment gives one.
    pub master_key: Option<Secret>,
    /// The file that `master_key` was read from, where it was a file.
    pub master_key_file: Option<PathBuf>,
    /// The first administrator's token, where the environment gives one.
    pub admin_token: Option<Secret>,
    /// This process's name among the nodes that share a database.
    pub node_id: String,
}

impl Settings {
    /// The path of the SQLite database: `database.url` without its scheme, else `weir.db` in the data folder.
    pub fn database_path(&self) -> PathBuf {
        match self.database.url.as_deref() {
            Some(url) => PathBuf::from(url.strip_prefix("sqlite://").unwrap_or(url)),
            None => self.data_dir.join("weir.db"),
        }
    }
}

section! {
    /// Settings that stand at the top of a file.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct General {
        /// Folder for the database, the master key and the first administrator's token.
        data_dir: PathBuf = "./data" as PATH,
        /// Model that `auto`, or no model at all, means: an alias, `provider/model`, or a model some provider knows.
        default_model: Option<String> = "none" as OPTIONAL_TEXT,
        /// Name of this process among the nodes that share a database.
        node_id: String = "local" as NODE_ID,
    }
}

section! {
    /// Listeners and what they bound.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Server {
        /// Address of the API. Use `0.0.0.0:8080` to be reachable from other machines.
        listen: SocketAddr = "127.0.0.1:8080" as ADDRESS,
        /// Unix socket that serves the API as well.
        unix_socket: Option<PathBuf> = "none" as OPTIONAL_PATH,
        /// Address of `/metrics`, `/livez` and `/readyz`; `none` closes it.
        ops_listen: Option<SocketAddr> = "127.0.0.1:9090" as OPTIONAL_ADDRESS,
        /// Whether `/metrics`, `/livez` and `/readyz` are served at the API's address as well.
        ops_on_main: bool = "false" as FLAG,
        /// File into which the bound addresses and the process id are written as JSON once the listeners are bound.
        ready_file: Option<PathBuf> = "none" as OPTIONAL_PATH,
        /// Worker threads; `0` is one per core.
        workers: usize = "0" as CORES,
        /// How long streams in flight may go on after SIGTERM.
        grace_period_ms: u64 = "30s" as MILLIS,
        /// How long a client may take to send a whole request head.
        header_timeout_ms: u64 = "15s" as MILLIS,
        /// How long a request's body may be slow before `min_body_rate_bytes_s` is enforced.
        body_timeout_floor_ms: u64 = "10s" as MILLIS,
        /// Slowest rate at which a client may send a body.
        min_body_rate_bytes_s: u32 = "1KiB" as BYTES_PER_SECOND,
        /// Largest body of a request, also after decompression.
        max_body_bytes: usize = "32MiB" as BYTES,
        /// Largest size of all bodies in memory together, of requests and whole answers, with what large ones take while they
        /// are translated.
        max_bodies_memory_bytes: usize = "512MiB" as BYTES,
        /// Largest form with files (audio, images). It passes by on its way to the provider, or waits on disk.
        max_upload_bytes: usize = "512MiB" as BYTES,
        /// Largest size of all forms that wait on disk, in `data_dir`, together.
        max_spool_bytes: usize = "2GiB" as BYTES,
        /// How long an idle client connection is kept open.
        keepalive_idle_ms: u64 = "75s" as MILLIS,
        /// Requests after which a client connection is closed.
        requests_per_connection: u32 = "10000" as COUNT,
        /// Connections that one IP address may have open.
        connections_per_ip: usize = "4096" as LARGE_COUNT,
        /// Connections that may be open in all.
        max_connections: usize = "16384" as LARGE_COUNT,
        /// Streams that one HTTP/2 connection may have open.
        h2_max_streams: u32 = "100" as COUNT,
        /// How long an HTTP/2 connection without a stream is kept open.
        h2_idle_ms: u64 = "2m" as MILLIS,
        /// How long a client may take to accept a piece of the answer (64 KiB at the most).
        write_timeout_ms: u64 = "30s" as MILLIS,
        ..
        /// The API's certificate; without it the API speaks plain HTTP.
        tls: Option<Tls>,
    }
}

section! {
    /// The files of the API's TLS; both or none.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct TlsFiles {
        /// File with the certificate chain in PEM; with it the API speaks TLS (HTTP/1.1, and HTTP/2 by ALPN).
        cert: Option<PathBuf> = "none" as OPTIONAL_PATH,
        /// File with the certificate's private key in PEM.
        key: Option<PathBuf> = "none" as OPTIONAL_PATH,
    }
}

/// A certificate and its private key, both PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

section! {
    /// Where state is kept.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Database {
        /// SQLite file, as a path or a `sqlite://` URL; `none` is `weir.db` in `data_dir`.
        url: Option<String> = "none" as DATABASE_URL,
        /// `normal` survives the death of the process; `full` also a power failure, at one disk flush per commit.
        synchronous: Synchronous = "normal" as SYNCHRONOUS,
    }
}

/// What a commit waits for (SQLite's `PRAGMA synchronous`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// Safe against the death of the process.
    Normal,
    /// Safe against a power failure as well.
    Full,
}

choice!(SYNCHRONOUS: Synchronous { "normal" => Synchronous::Normal, "full" => Synchronous::Full });

section! {
    /// What is allowed to whom.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Policy {
        /// Who may spend the providers' keys of this configuration when they have none of their own.
        operator_keys: OperatorKeys = "admins" as OPERATOR_KEYS,
        /// Whether an endpoint that comes with a user's own key may be without TLS or in a private network.
        private_endpoints: bool = "false" as FLAG,
    }
}

/// Who may use the operator's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorKeys {
    /// Nobody: everyone brings their own.
    Never,
    /// Administrators.
    Admins,
    /// Every user.
    Everyone,
}

choice!(OPERATOR_KEYS: OperatorKeys {
    "never" => OperatorKeys::Never,
    "admins" => OperatorKeys::Admins,
    "everyone" => OperatorKeys::Everyone,
});

/// An own name for models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// `provider/model` or a model that some provider knows, in the order to be tried. At least one.
    pub targets: Vec<String>,
}

/// What to try when a model's own targets fail. Every entry is an alias, `provider/model`, or a known model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fallbacks {
    /// For every model, after its own.
    pub global: Vec<String>,
    /// For one model, by the name that is asked for.
    pub models: BTreeMap<String, Vec<String>>,
}

/// Limits of those that have none of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// For each token.
    pub token: Limit,
    /// For each user, over all of their tokens.
    pub user: Limit,
}

section! {
    /// How much may be asked; `None` is unlimited.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Limit {
        /// Requests in a minute.
        requests_per_minute: Option<u32> = "none" as OPTIONAL_COUNT,
        /// Requests at the same time.
        concurrent: Option<u32> = "none" as OPTIONAL_COUNT,
    }
}

section! {
    /// When and how a failed attempt is repeated, as long as no output has reached the client.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Retry {
        /// Attempts of one call over all targets.
        max_attempts: u32 = "6" as COUNT,
        /// How often all targets of a call are gone through.
        attempts_per_target: u32 = "2" as COUNT,
        /// Wait before the second attempt at a target; it doubles from then on, with jitter.
        backoff_base_ms: u64 = "250ms" as MILLIS,
        /// Longest such wait.
        backoff_max_ms: u64 = "8s" as MILLIS,
        /// Longest `Retry-After` that is waited for; with a longer one a call is not tried again.
        retry_after_max_ms: u64 = "1m" as MILLIS,
        /// How long a target that keeps failing is left alone before one request tries it again.
        cooldown_ms: u64 = "30s" as MILLIS,
        /// Failures in a row that make a target cool down; `0` for never.
        cooldown_after_failures: u32 = "3" as COUNT_OR_NEVER,
        /// Whether a request is sent again at once when a kept connection turns out to be closed.
        replay_dead_connection: bool = "true" as FLAG,
        /// Statuses of a provider that are worth another attempt.
        statuses: Vec<u16> = "408,409,425,429,500,502,503,504,529" as ERROR_STATUSES,
    }
}

section! {
    /// How answers are streamed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Stream {
        /// Silence after which a comment keeps a committed stream alive.
        keepalive_ms: u64 = "15s" as MILLIS,
        /// Wait after which an answer is begun although there is no output yet; a failure then is an error event.
        early_commit_after_ms: u64 = "1m" as MILLIS,
        /// Events held back until the first real output.
        hold_events: usize = "64" as LARGE_COUNT,
        /// Bytes held back until the first real output.
        hold_bytes: usize = "256KiB" as BYTES,
    }
}

section! {
    /// Timeouts towards a provider.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Timeouts {
        /// Until the connection stands, TLS included.
        connect_ms: u64 = "10s" as MILLIS,
        /// Until the answer's first byte; models that reason take minutes.
        first_byte_ms: u64 = "5m" as MILLIS,
        /// Between two pieces of the answer.
        idle_ms: u64 = "2m" as MILLIS,
        /// For a call as a whole, all attempts together; of several targets the longest counts.
        total_ms: u64 = "15m" as MILLIS,
    }
}

section! {
    /// The list of models that callers are given.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Catalogue {
        /// Whether the providers' own lists are fetched, with the caller's keys, when a caller asks for models.
        fetch: bool = "true" as FLAG,
        /// Age at which a provider's list is fetched again; the old one is served meanwhile.
        ttl_ms: u64 = "10m" as MILLIS,
    }
}

section! {
    /// What is logged.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Log {
        /// Levels, as `tracing` filters are written: `info`, `debug`, `info,weir_filters=debug`.
        filter: String = "info" as TEXT,
        /// `human` is for a terminal, `json` for a collector, `auto` looks whether there is a terminal.
        format: LogFormat = "auto" as LOG_FORMAT,
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `Human` on a terminal, else `Json`.
    Auto,
    /// For reading.
    Human,
    /// One JSON object a line.
    Json,
}

choice!(LOG_FORMAT: LogFormat {
    "auto" => LogFormat::Auto,
    "human" => LogFormat::Human,
    "json" => LogFormat::Json,
});
