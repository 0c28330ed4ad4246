//! What the tests of the store share: a store in a folder of its own, and calls to put into it.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use uuid::{Builder, Uuid};
use weir_store::{CallRow, EndKind, Intent, OpenOptions, Store, TakenItem, UsageItem};

/// 2026-11-21 00:00 UTC, in unix microseconds.
pub const NOW_US: i64 = 1_795_219_200_000_000;

/// A folder that holds a database, removed at the end.
pub struct Home(TempDir);

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn database(&self) -> PathBuf {
        self.path().join("weir.db")
    }

    /// Opens the database as process number `boot`, as `serve` does.
    pub fn serve(&self, boot: u128) -> Store {
        Store::open(&options(&self.database(), boot, true)).expect("the store opens")
    }

    /// Opens the database as process number `boot`, as a command does beside `serve`.
    pub fn command(&self, boot: u128) -> Store {
        Store::open(&options(&self.database(), boot, false)).expect("the store opens")
    }
}

pub fn options(path: &Path, boot: u128, exclusive: bool) -> OpenOptions {
    OpenOptions {
        path: path.to_owned(),
        synchronous_full: false,
        node_id: format!("node-{boot}"),
        boot_id: Uuid::from_u128(boot),
        exclusive,
    }
}

/// The id of call number `n`, begun at `at_us`.
pub fn call_id(at_us: i64, n: u32) -> Uuid {
    let [a, b, c, d] = n.to_be_bytes();
    let millis = u64::try_from(at_us / 1_000).expect("a time after 1970");
    Builder::from_unix_timestamp_millis(millis, &[0, 0, a, b, c, d, 0, 0, 0, 0]).into_uuid()
}

/// What [`row`] was before it was sent.
pub fn intent(n: u32) -> Intent {
    Intent {
        call_id: call_id(NOW_US, n),
        started_at_us: NOW_US,
        user_id: "user-1".into(),
        token_id: "token-1".into(),
        kind: "chat",
        asked_model: "fast".into(),
        provider: "openai".into(),
        model: "gpt-4o-mini".into(),
        streamed: true,
        hold_nanousd: 90_000,
        taken: vec![TakenItem {
            unit: "input",
            quantity: 70,
            cost_nanousd: 10_500,
        }],
        unpriced: false,
        price_version: "v1".into(),
    }
}

pub fn item(attempt: u32, unit: &'static str, quantity: u64, cost_nanousd: i64) -> UsageItem {
    UsageItem {
        attempt,
        unit,
        quantity,
        cost_nanousd,
    }
}

/// Call number `n`, done.
pub fn row(n: u32) -> CallRow {
    CallRow {
        call_id: call_id(NOW_US, n),
        started_at_us: NOW_US,
        user_id: "user-1".into(),
        token_id: "token-1".into(),
        key_id: Some("env:OPENAI_API_KEY".into()),
        kind: "chat",
        asked_model: "fast".into(),
        served_model: "gpt-4o-mini".into(),
        provider: "openai".into(),
        upstream_id: Some("chatcmpl-1".to_owned()),
        attempts: 1,
        status: 200,
        end: EndKind::Done,
        streamed: true,
        estimated: false,
        unpriced: false,
        cost_nanousd: 19_500,
        price_version: "v1".into(),
        latency_us: 812_345,
        ttft_us: Some(212_345),
        items: vec![item(1, "input", 50, 7_500), item(1, "output", 20, 12_000)],
    }
}
