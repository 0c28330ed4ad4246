//! Web searches of the provider's own, which are paid for beside the tokens (<https://platform.openai.com/docs/pricing>,
//! built-in tools): one for every search, and nothing for opening a page that it found or looking into it.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

use crate::lenient::text;
use crate::usage::{Unit, Usage};

/// What an item of an answer tells of itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow, rename = "type", deserialize_with = "text")]
    kind: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    status: Cow<'a, str>,
    #[serde(borrow)]
    action: Option<Action<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Action<'a> {
    #[serde(borrow, rename = "type", deserialize_with = "text")]
    kind: Cow<'a, str>,
}

/// Adds the searches among some items to what an answer used.
pub(in crate::responses) fn add<'de, D: Deserializer<'de>>(
    items: impl Iterator<Item = D>,
    usage: Option<Usage>,
) -> Option<Usage> {
    let mut usage = usage?;
    let items = items.filter_map(|item| Item::deserialize(item).ok());
    usage.add(Unit::Searches, items.filter(is_search).count() as u64);
    Some(usage)
}

fn is_search(item: &Item<'_>) -> bool {
    let is_search = item.action.as_ref().is_none_or(|it| it.kind == "search");
    item.kind == "web_search_call" && is_search && item.status != "failed"
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn searches_are_counted_and_what_follows_from_them_is_not() {
        let items = [
            json!({"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}}),
            json!({"type": "web_search_call", "status": "completed", "action": {"type": "open_page", "url": "u"}}),
            json!({"type": "web_search_call", "status": "failed", "action": {"type": "search"}}),
            json!({"type": "web_search_call", "status": "completed"}),
            json!({"type": "message", "action": {"type": "search"}}),
            json!({"type": 7, "action": []}),
            Value::Null,
        ];
        let used = add(items.iter(), Some(Usage::default())).unwrap();
        assert_eq!(used.iter().collect::<Vec<_>>(), [(Unit::Searches, 2)]);
        assert_eq!(add(items.iter(), None), None);
    }
}
