//! Writing a finished call and its items.

use rusqlite::{Connection, Statement, ToSql};
use uuid::Uuid;

use super::intent::{StoredIntent, TakenItem};
use super::{CallRow, EndKind, INPUT_UNITS, OUTPUT_UNITS, UsageItem};
use crate::sql::prepare;

/// The longest text of a call that is stored, in bytes. Clients and providers choose some of them.
const TEXT_MAX_BYTES: usize = 256;

/// The largest quantity and the largest cost of a call that are stored: 10^12 units, and a million dollars in nano-dollars.
/// No real call comes near. Providers name quantities, and without a bound two absurd ones would overflow the sums of
/// every report from then on.
const QUANTITY_MAX: u64 = 1_000_000_000_000;
const COST_MAX_NANOUSD: i64 = 1_000_000_000_000_000;

const INSERT_CALL: &str = "INSERT INTO calls (id, started_at_us, node_id, user_id, token_id, key_id, kind, asked_model, \
     served_model, provider, upstream_id, attempts, status, end_kind, streamed, estimated, unpriced, input_tokens, \
     output_tokens, cost_nanousd, price_version, latency_us, ttft_us) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23) \
     ON CONFLICT (id) DO NOTHING";
const REPLACE_INTERRUPTED: &str = "UPDATE calls SET started_at_us = $2, node_id = $3, user_id = $4, token_id = $5, \
     key_id = $6, kind = $7, asked_model = $8, served_model = $9, provider = $10, upstream_id = $11, attempts = $12, \
     status = $13, end_kind = $14, streamed = $15, estimated = $16, unpriced = $17, input_tokens = $18, \
     output_tokens = $19, cost_nanousd = $20, price_version = $21, latency_us = $22, ttft_us = $23 \
     WHERE id = $1 AND end_kind = 'interrupted'";
const DELETE_ITEMS: &str = "DELETE FROM usage_items WHERE call_id = $1";
/// An item named twice in one call is added up, so that nothing that was handed in is lost.
const INSERT_ITEM: &str = "INSERT INTO usage_items (call_id, attempt, unit, quantity, cost_nanousd) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (call_id, attempt, unit) DO UPDATE SET \
     quantity = usage_items.quantity + excluded.quantity, \
     cost_nanousd = usage_items.cost_nanousd + excluded.cost_nanousd";

/// What became of a call that was to be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// It has its row now.
    Written,
    /// It had one already; nothing changed.
    Known,
}

/// The statements of the hot path, prepared once per connection.
pub(crate) struct CallStatements<'c> {
    insert_call: Statement<'c>,
    replace_interrupted: Statement<'c>,
    delete_items: Statement<'c>,
    insert_item: Statement<'c>,
}

impl<'c> CallStatements<'c> {
    pub(crate) fn prepare(conn: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            insert_call: prepare(conn, INSERT_CALL)?,
            replace_interrupted: prepare(conn, REPLACE_INTERRUPTED)?,
            delete_items: prepare(conn, DELETE_ITEMS)?,
            insert_item: prepare(conn, INSERT_ITEM)?,
        })
    }

    /// Records a finished call, in place of an interrupted one if there is one.
    pub(crate) fn finish(&mut self, node_id: &str, call: &CallRow) -> rusqlite::Result<Recorded> {
        let mut buffer = Uuid::encode_buffer();
        let id: &str = call.call_id.hyphenated().encode_lower(&mut buffer);
        bind_call(&mut self.insert_call, id, node_id, &call.into())?;
        if self.insert_call.raw_execute()? == 0 {
            bind_call(&mut self.replace_interrupted, id, node_id, &call.into())?;
            if self.replace_interrupted.raw_execute()? == 0 {
                return Ok(Recorded::Known);
            }
            self.delete_items.execute([id])?;
        }
        self.insert_items(id, &call.items)?;
        Ok(Recorded::Written)
    }

    /// Records a call that was begun and not finished, unless it has a row: it is taken to have used what its intent says.
    pub(crate) fn interrupt(
        &mut self,
        node_id: &str,
        intent: &StoredIntent<'_>,
    ) -> rusqlite::Result<Recorded> {
        let mut buffer = Uuid::encode_buffer();
        let id: &str = intent.call_id.hyphenated().encode_lower(&mut buffer);
        bind_call(&mut self.insert_call, id, node_id, &intent.into())?;
        if self.insert_call.raw_execute()? == 0 {
            return Ok(Recorded::Known);
        }
        for item in &intent.hold.taken {
            self.insert_item(id, 1, item)?;
        }
        Ok(Recorded::Written)
    }

    fn insert_items(&mut self, id: &str, items: &[UsageItem]) -> rusqlite::Result<()> {
        for item in items {
            let used = TakenItem {
                unit: item.unit,
                quantity: item.quantity,
                cost_nanousd: item.cost_nanousd,
            };
            self.insert_item(id, item.attempt, &used)?;
        }
        Ok(())
    }

    fn insert_item(
        &mut self,
        id: &str,
        attempt: u32,
        item: &TakenItem<&str>,
    ) -> rusqlite::Result<()> {
        let insert = &mut self.insert_item;
        insert.raw_bind_parameter(1, id)?;
        insert.raw_bind_parameter(2, attempt)?;
        insert.raw_bind_parameter(3, cut(item.unit))?;
        insert.raw_bind_parameter(4, quantity(item.quantity))?;
        insert.raw_bind_parameter(5, cost(item.cost_nanousd))?;
        insert.raw_execute()?;
        Ok(())
    }
}

/// A row of `calls`, borrowed from where it comes from.
struct Columns<'a> {
    started_at_us: i64,
    user_id: &'a str,
    token_id: &'a str,
    key_id: Option<&'a str>,
    kind: &'a str,
    asked_model: &'a str,
    served_model: &'a str,
    provider: &'a str,
    upstream_id: Option<&'a str>,
    attempts: u32,
    status: u16,
    end: EndKind,
    streamed: bool,
    estimated: bool,
    unpriced: bool,
    input_tokens: u64,
    output_tokens: u64,
    cost_nanousd: i64,
    price_version: &'a str,
    latency_us: i64,
    ttft_us: Option<i64>,
}

impl<'a> From<&'a CallRow> for Columns<'a> {
    fn from(call: &'a CallRow) -> Self {
        let items = || call.items.iter().map(|item| (item.unit, item.quantity));
        Self {
            started_at_us: call.started_at_us,
            user_id: &call.user_id,
            token_id: &call.token_id,
            key_id: call.key_id.as_deref(),
            kind: call.kind,
            asked_model: &call.asked_model,
            served_model: &call.served_model,
            provider: &call.provider,
            upstream_id: call.upstream_id.as_deref(),
            attempts: call.attempts,
            status: call.status,
            end: call.end,
            streamed: call.streamed,
            estimated: call.estimated,
            unpriced: call.unpriced,
            input_tokens: total(items(), &INPUT_UNITS),
            output_tokens: total(items(), &OUTPUT_UNITS),
            cost_nanousd: call.cost_nanousd,
            price_version: &call.price_version,
            latency_us: call.latency_us,
            ttft_us: call.ttft_us,
        }
    }
}

impl<'a> From<&'a StoredIntent<'a>> for Columns<'a> {
    fn from(intent: &'a StoredIntent<'a>) -> Self {
        let taken = &intent.hold.taken;
        let total =
            |units: &[&str]| total(taken.iter().map(|item| (item.unit, item.quantity)), units);
        Self {
            started_at_us: intent.started_at_us,
            user_id: intent.user_id,
            token_id: intent.token_id,
            key_id: None,
            kind: intent.kind,
            asked_model: intent.asked_model,
            served_model: intent.model,
            provider: intent.provider,
            upstream_id: None,
            attempts: 1,
            status: 0,
            end: EndKind::Interrupted,
            streamed: intent.streamed,
            estimated: true,
            unpriced: intent.hold.unpriced,
            input_tokens: total(&INPUT_UNITS),
            output_tokens: total(&OUTPUT_UNITS),
            cost_nanousd: taken
                .iter()
                .fold(0, |sum, item| item.cost_nanousd.saturating_add(sum)),
            price_version: intent.price_version,
            latency_us: 0,
            ttft_us: None,
        }
    }
}

/// Binds $1 to $23 of both statements that write a call.
fn bind_call(
    statement: &mut Statement<'_>,
    id: &str,
    node_id: &str,
    call: &Columns<'_>,
) -> rusqlite::Result<()> {
    let mut index = 0;
    let mut bind = |value: &dyn ToSql| {
        index += 1;
        statement.raw_bind_parameter(index, value)
    };
    bind(&id)?;
    bind(&call.started_at_us)?;
    bind(&node_id)?;
    bind(&cut(call.user_id))?;
    bind(&cut(call.token_id))?;
    bind(&call.key_id.map(cut))?;
    bind(&cut(call.kind))?;
    bind(&cut(call.asked_model))?;
    bind(&cut(call.served_model))?;
    bind(&cut(call.provider))?;
    bind(&call.upstream_id.map(cut))?;
    bind(&call.attempts)?;
    bind(&call.status)?;
    bind(&call.end.as_str())?;
    bind(&call.streamed)?;
    bind(&call.estimated)?;
    bind(&call.unpriced)?;
    bind(&quantity(call.input_tokens))?;
    bind(&quantity(call.output_tokens))?;
    bind(&cost(call.cost_nanousd))?;
    bind(&cut(call.price_version))?;
    bind(&call.latency_us)?;
    bind(&call.ttft_us)
}

fn total<'a>(items: impl Iterator<Item = (&'a str, u64)>, units: &[&str]) -> u64 {
    let counted = items.filter(|(unit, _)| units.contains(unit));
    counted.fold(0, |sum, (_, quantity)| sum.saturating_add(quantity))
}

fn quantity(count: u64) -> i64 {
    i64::try_from(count.min(QUANTITY_MAX)).unwrap_or(i64::MAX)
}

fn cost(nanousd: i64) -> i64 {
    nanousd.clamp(-COST_MAX_NANOUSD, COST_MAX_NANOUSD)
}

/// The text, or the longest start of it that may be stored.
pub(crate) fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_MAX_BYTES))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"a".repeat(300)), "a".repeat(256));
        assert_eq!(
            cut(&format!("a{}", "é".repeat(200))),
            format!("a{}", "é".repeat(127))
        );
    }
}
