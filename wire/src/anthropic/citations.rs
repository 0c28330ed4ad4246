//! Citations of web pages as OpenAI's `annotations` (<https://platform.claude.com/docs/en/build-with-claude/citations>).

use serde_json::{Value, json};

/// The annotations of a text that stands from the character `start` to `end` of the answer. Citations of documents in the
/// request have no address, and so no counterpart.
pub(super) fn annotations<'a>(
    citations: impl Iterator<Item = &'a Value>,
    start: usize,
    end: usize,
) -> Vec<Value> {
    let annotation = |citation: &Value| {
        let url = citation.get("url")?.as_str()?;
        let title = citation.get("title").and_then(Value::as_str);
        Some(json!({
            "type": "url_citation",
            "url_citation": {
                "url": url,
                "title": title.unwrap_or_default(),
                "start_index": start,
                "end_index": end,
            },
        }))
    };
    citations.filter_map(annotation).collect()
}
