//! Anthropic's `usage`, both ways. `input_tokens` leaves out what a cache was read from or written to; `output_tokens`
//! has the thoughts in it, whose number only newer models tell.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::usage::{Unit, Usage};

/// No count is taken for more than this, as in [`crate::usage::from_openai`].
const MAX_COUNT: u64 = 1 << 53;

/// The numbers as reported so far. A stream tells some at its start and some, again or anew, at its end; all of them only
/// ever grow, so the larger one is the later one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reported {
    input: u64,
    cache_write: u64,
    cache_write_5m: u64,
    cache_write_1h: u64,
    cache_read: u64,
    output: u64,
    thinking: u64,
    searches: u64,
}

/// A `usage` object. Members of a type that no count has are passed over, one by one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw {
    input_tokens: Count,
    output_tokens: Count,
    cache_creation_input_tokens: Count,
    cache_read_input_tokens: Count,
    cache_creation: Option<Creation>,
    output_tokens_details: Option<Details>,
    server_tool_use: Option<ServerTools>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Creation {
    ephemeral_5m_input_tokens: Count,
    ephemeral_1h_input_tokens: Count,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    thinking_tokens: Count,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ServerTools {
    web_search_requests: Count,
}

/// A count, or zero for whatever else stands there.
#[derive(Clone, Copy, Default)]
struct Count(u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        // `as` saturates and takes negatives for zero, which is what is wanted.
        let rounded = || value.as_f64().map(|number| number as u64);
        let count = value.as_u64().or_else(rounded).unwrap_or(0);
        Ok(Self(count.min(MAX_COUNT)))
    }
}

impl Reported {
    /// Takes in a `usage` object. False if it is none, or as long as nothing was counted: some servers fill it with
    /// zeros, which must not be taken for a figure.
    pub fn merge(&mut self, usage_json: &str) -> bool {
        if !usage_json.starts_with('{') {
            return false;
        }
        let Ok(raw) = serde_json::from_str::<Raw>(usage_json) else {
            return false;
        };
        let creation = raw.cache_creation.unwrap_or_default();
        let details = raw.output_tokens_details.unwrap_or_default();
        let tools = raw.server_tool_use.unwrap_or_default();
        for (known, told) in [
            (&mut self.input, raw.input_tokens),
            (&mut self.cache_write, raw.cache_creation_input_tokens),
            (&mut self.cache_write_5m, creation.ephemeral_5m_input_tokens),
            (&mut self.cache_write_1h, creation.ephemeral_1h_input_tokens),
            (&mut self.cache_read, raw.cache_read_input_tokens),
            (&mut self.output, raw.output_tokens),
            (&mut self.thinking, details.thinking_tokens),
            (&mut self.searches, tools.web_search_requests),
        ] {
            *known = (*known).max(told.0);
        }
        *self != Self::default()
    }

    /// The same in disjoint units.
    pub fn usage(&self) -> Usage {
        // The breakdown by time may be missing, or lag behind the sum: the rest is of the default time.
        let untold = self
            .cache_write
            .saturating_sub(self.cache_write_5m)
            .saturating_sub(self.cache_write_1h);
        let mut usage = Usage::default();
        usage.set(Unit::Input, self.input);
        usage.set(Unit::CacheRead, self.cache_read);
        usage.set(Unit::CacheWrite5m, self.cache_write_5m + untold);
        usage.set(Unit::CacheWrite1h, self.cache_write_1h);
        usage.set(Unit::Output, self.output.saturating_sub(self.thinking));
        usage.set(Unit::Reasoning, self.thinking.min(self.output));
        usage.set(Unit::Searches, self.searches);
        usage
    }
}

/// Reads a `usage` object. None if it is not an object, or counts nothing.
pub(super) fn read(usage_json: &str) -> Option<Usage> {
    let mut reported = Reported::default();
    reported.merge(usage_json).then(|| reported.usage())
}

/// The `usage` object of an answer, and of the end of a stream.
pub(super) fn write(usage: &Usage) -> Value {
    let (write_5m, write_1h) = (usage.get(Unit::CacheWrite5m), usage.get(Unit::CacheWrite1h));
    let cached = write_5m + write_1h + usage.get(Unit::CacheRead);
    let mut members = Map::new();
    let mut set = |key: &str, value: Value| members.insert(key.to_owned(), value);
    set(
        "input_tokens",
        json!(usage.input_total().saturating_sub(cached)),
    );
    set("cache_creation_input_tokens", json!(write_5m + write_1h));
    set("cache_read_input_tokens", json!(usage.get(Unit::CacheRead)));
    set(
        "cache_creation",
        json!({"ephemeral_5m_input_tokens": write_5m, "ephemeral_1h_input_tokens": write_1h}),
    );
    set("output_tokens", json!(usage.output_total()));
    let thinking = usage.get(Unit::Reasoning);
    if thinking > 0 {
        set(
            "output_tokens_details",
            json!({"thinking_tokens": thinking}),
        );
    }
    let searches = usage.get(Unit::Searches);
    if searches > 0 {
        set(
            "server_tool_use",
            json!({"web_search_requests": searches, "web_fetch_requests": 0}),
        );
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(usage: Usage) -> Vec<(Unit, u64)> {
        usage.iter().collect()
    }

    #[test]
    fn cached_tokens_are_no_part_of_the_input() {
        let usage = read(
            r#"{"input_tokens":12,"cache_creation_input_tokens":300,"cache_read_input_tokens":2000,
            "cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},
            "output_tokens":50,"output_tokens_details":{"thinking_tokens":20},
            "server_tool_use":{"web_search_requests":3,"web_fetch_requests":0},"service_tier":"standard"}"#,
        );
        let expected = [
            (Unit::Input, 12),
            (Unit::CacheRead, 2000),
            (Unit::CacheWrite5m, 100),
            (Unit::CacheWrite1h, 200),
            (Unit::Output, 30),
            (Unit::Reasoning, 20),
            (Unit::Searches, 3),
        ];
        assert_eq!(units(usage.unwrap()), expected);
    }

    #[test]
    fn writes_without_a_breakdown_are_of_the_default_time() {
        let usage =
            read(r#"{"input_tokens":1,"cache_creation_input_tokens":7,"output_tokens":null}"#);
        assert_eq!(
            units(usage.unwrap()),
            [(Unit::Input, 1), (Unit::CacheWrite5m, 7)]
        );
    }

    #[test]
    fn the_end_of_a_stream_completes_its_start_and_is_not_added() {
        let mut reported = Reported::default();
        assert!(
            reported.merge(r#"{"input_tokens":472,"cache_read_input_tokens":9,"output_tokens":2}"#)
        );
        assert!(reported.merge(r#"{"input_tokens":0,"output_tokens":89}"#));
        assert_eq!(
            units(reported.usage()),
            [(Unit::Input, 472), (Unit::CacheRead, 9), (Unit::Output, 89)]
        );
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let mut usage = Usage::default();
        for (unit, quantity) in [
            (Unit::Input, 5),
            (Unit::CacheRead, 6),
            (Unit::CacheWrite5m, 7),
            (Unit::CacheWrite1h, 8),
            (Unit::Output, 9),
            (Unit::Reasoning, 10),
            (Unit::Searches, 2),
        ] {
            usage.set(unit, quantity);
        }
        assert_eq!(read(&write(&usage).to_string()), Some(usage));
    }

    #[test]
    fn nonsense_counts_nothing() {
        assert_eq!(read("[]"), None);
        assert_eq!(read("null"), None);
        assert_eq!(read(r#"{"input_tokens":0,"output_tokens":0}"#), None);
        let usage =
            read(r#"{"input_tokens":"many","output_tokens":-3,"cache_read_input_tokens":1e300}"#);
        assert_eq!(units(usage.unwrap()), [(Unit::CacheRead, MAX_COUNT)]);
    }
}
