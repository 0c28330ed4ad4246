//! A call that has ended, as it is handed in and as it is read back.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};
use uuid::Uuid;

use crate::sql::cached;
use crate::{Store, StoreError};

/// The units that count as input tokens; named as in weir-wire's `Unit`.
pub(crate) const INPUT_UNITS: [&str; 6] = [
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "audio_input",
    "image_input",
];
/// The units that count as output tokens.
pub(crate) const OUTPUT_UNITS: [&str; 4] = ["output", "reasoning", "audio_output", "image_output"];

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndKind {
    /// The client got the whole answer.
    Done,
    /// An error was the answer, or cut it off.
    Failed,
    /// Its owner went away.
    Cancelled,
    /// The process died; reconciled from the intent.
    Interrupted,
}

impl EndKind {
    /// The name used in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        [Self::Done, Self::Failed, Self::Cancelled, Self::Interrupted]
            .into_iter()
            .find(|end| end.as_str() == text)
    }
}

/// A quantity of one unit that one attempt of a call used, and its price. Units are disjoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageItem {
    /// Which attempt, counted from 1.
    pub attempt: u32,
    /// The unit's name, such as "input".
    pub unit: &'static str,
    /// How many of the unit.
    pub quantity: u64,
    /// What they cost, in nano-dollars.
    pub cost_nanousd: i64,
}

/// A call that has ended. Texts longer than 256 bytes are cut when they are stored.
#[derive(Debug, Clone)]
pub struct CallRow {
    /// A UUIDv7 made when the call began: reports find calls by the time in it.
    pub call_id: Uuid,
    /// Unix microseconds.
    pub started_at_us: i64,
    /// The caller's user.
    pub user_id: Arc<str>,
    /// The public id of the caller's token.
    pub token_id: Arc<str>,
    /// The provider key used: its id, or the name of an operator's key.
    pub key_id: Option<Arc<str>>,
    /// The endpoint, such as "chat".
    pub kind: &'static str,
    /// The model as the client named it.
    pub asked_model: Arc<str>,
    /// The model that answered.
    pub served_model: Arc<str>,
    /// The provider that answered.
    pub provider: Arc<str>,
    /// The provider's own id of the call.
    pub upstream_id: Option<String>,
    /// How many attempts were made.
    pub attempts: u32,
    /// The HTTP status given to the client.
    pub status: u16,
    /// How it ended.
    pub end: EndKind,
    /// The answer was streamed.
    pub streamed: bool,
    /// The quantities are estimates.
    pub estimated: bool,
    /// There was no price for the model.
    pub unpriced: bool,
    /// What the call cost in all, in nano-dollars.
    pub cost_nanousd: i64,
    /// The version of the price table it was priced with.
    pub price_version: Arc<str>,
    /// From the start to the end.
    pub latency_us: i64,
    /// From the start to the first output.
    pub ttft_us: Option<i64>,
    /// What was used.
    pub items: Vec<UsageItem>,
}

/// A call as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of CallRow")]
pub struct CallRecord {
    pub call_id: Uuid,
    pub started_at_us: i64,
    pub node_id: String,
    pub user_id: String,
    pub token_id: String,
    pub key_id: Option<String>,
    pub kind: String,
    pub asked_model: String,
    pub served_model: String,
    pub provider: String,
    pub upstream_id: Option<String>,
    pub attempts: u32,
    pub status: u16,
    pub end: EndKind,
    pub streamed: bool,
    pub estimated: bool,
    pub unpriced: bool,
    pub cost_nanousd: i64,
    pub price_version: String,
    pub latency_us: i64,
    pub ttft_us: Option<i64>,
    /// Sorted by attempt and unit.
    pub items: Vec<RecordedItem>,
}

/// An item of a call as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of UsageItem")]
pub struct RecordedItem {
    pub attempt: u32,
    pub unit: String,
    pub quantity: u64,
    pub cost_nanousd: i64,
}

impl Store {
    /// The call of this id, if it has ended and is committed.
    pub fn find_call(&self, call_id: Uuid) -> Result<Option<CallRecord>, StoreError> {
        self.read(|conn| {
            let Some(mut call) = read_call(conn, call_id)? else {
                return Ok(None);
            };
            call.items = read_items(conn, call_id)?;
            Ok(Some(call))
        })
    }
}

pub(super) fn read_call(
    conn: &Connection,
    call_id: Uuid,
) -> Result<Option<CallRecord>, StoreError> {
    let columns = "started_at_us, node_id, user_id, token_id, key_id, kind, asked_model, served_model, provider, \
                   upstream_id, attempts, status, end_kind, streamed, estimated, unpriced, cost_nanousd, \
                   price_version, latency_us, ttft_us";
    let mut query = cached(conn, &format!("SELECT {columns} FROM calls WHERE id = $1"))?;
    let found = query.query_row([call_id.to_string()], |row| {
        let end: String = row.get(12)?;
        let call = CallRecord {
            call_id,
            started_at_us: row.get(0)?,
            node_id: row.get(1)?,
            user_id: row.get(2)?,
            token_id: row.get(3)?,
            key_id: row.get(4)?,
            kind: row.get(5)?,
            asked_model: row.get(6)?,
            served_model: row.get(7)?,
            provider: row.get(8)?,
            upstream_id: row.get(9)?,
            attempts: row.get(10)?,
            status: row.get(11)?,
            end: EndKind::Interrupted,
            streamed: row.get(13)?,
            estimated: row.get(14)?,
            unpriced: row.get(15)?,
            cost_nanousd: row.get(16)?,
            price_version: row.get(17)?,
            latency_us: row.get(18)?,
            ttft_us: row.get(19)?,
            items: Vec::new(),
        };
        Ok((call, end))
    });
    let Some((mut call, end)) = found.optional()? else {
        return Ok(None);
    };
    let unknown = || StoreError::Unreadable {
        what: "call",
        reason: format!("unknown end `{end}`"),
    };
    call.end = EndKind::from_text(&end).ok_or_else(unknown)?;
    Ok(Some(call))
}

pub(super) fn read_items(
    conn: &Connection,
    call_id: Uuid,
) -> Result<Vec<RecordedItem>, StoreError> {
    let mut query = cached(
        conn,
        "SELECT attempt, unit, quantity, cost_nanousd FROM usage_items WHERE call_id = $1 ORDER BY attempt, unit",
    )?;
    let items = query.query_map([call_id.to_string()], |row| {
        Ok(RecordedItem {
            attempt: row.get(0)?,
            unit: row.get(1)?,
            quantity: row.get(2)?,
            cost_nanousd: row.get(3)?,
        })
    })?;
    Ok(items.collect::<Result<_, _>>()?)
}
