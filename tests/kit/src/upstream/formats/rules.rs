//! Rules that several vendors share, as complaints.

use serde_json::Value;

use super::super::record::Seen;

/// The elements of a list; none where there is no list.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// The text of a member, "" where there is none.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The credential after `Bearer `.
pub(super) fn bearer(seen: &Seen) -> Option<&str> {
    seen.header("authorization")?.strip_prefix("Bearer ")
}

/// Two turns that alternate, the first one the user's.
pub(super) fn alternation(turns: &[Value], answerer: &str) -> Option<String> {
    for (at, turn) in turns.iter().enumerate() {
        let expected = if at % 2 == 0 { "user" } else { answerer };
        let role = text(turn, "/role");
        if role != expected {
            return Some(format!(
                "messages.{at}: the role is {role:?}, roles must alternate, {expected:?} was expected"
            ));
        }
    }
    None
}

/// Every id of a call in one turn must be answered in the next one, and nothing else may be.
pub(super) fn pairing(turns: &[(Vec<&str>, Vec<&str>)]) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    for (at, (calls, results)) in turns.iter().enumerate() {
        let mut answered = results.clone();
        answered.sort_unstable();
        open.sort_unstable();
        if answered != open {
            return Some(format!(
                "messages.{at}: results for {answered:?}, but the calls before are {open:?}"
            ));
        }
        open.clone_from(calls);
    }
    None
}
