//! Citations of web pages as OpenAI's `annotations` and back (<https://platform.claude.com/docs/en/build-with-claude/citations>).
//! Anthropic's stand at a whole block of text, OpenAI's at a stretch of characters.

use serde_json::{Value, json};

use crate::format::Format;
use crate::neutral::Signature;

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

/// The blocks of a text with these annotations, cut so that each citation stands at what it is of.
pub(super) fn cited_blocks(text: &str, annotations: &[Value]) -> Vec<Value> {
    let mut blocks = Vec::new();
    let mut rest = text;
    let mut at = 0;
    let mut same_stretch = None;
    for annotation in annotations {
        let Some(stretch) = stretch_of(annotation) else {
            continue;
        };
        if same_stretch != Some(stretch) {
            let Some((before, cited, after)) = cut_at(rest, at, stretch) else {
                return vec![whole_block(text, annotations)];
            };
            push_uncited(before, &mut blocks);
            blocks.push(block(cited, Vec::new()));
            (rest, at, same_stretch) = (after, stretch.1, Some(stretch));
        }
        let last = blocks.last_mut();
        if let Some(cited) = last.and_then(|block| block["citations"].as_array_mut()) {
            cited.extend(citation(annotation));
        }
    }
    push_uncited(rest, &mut blocks);
    for block in &mut blocks {
        finish_block(block);
    }
    blocks
}

/// Appends a text without citations. One of white space alone is refused as a block, so it goes to the block before it.
fn push_uncited(text: &str, blocks: &mut Vec<Value>) {
    match blocks.last_mut() {
        Some(last) if text.trim().is_empty() => {
            let joined = [last["text"].as_str().unwrap_or_default(), text].concat();
            last["text"] = joined.into();
        }
        _ if text.is_empty() => {}
        _ => blocks.push(block(text, Vec::new())),
    }
}

/// What is cited is told in each citation; a block without any has no list of them.
fn finish_block(block: &mut Value) {
    let text = block["text"].clone();
    match block["citations"].as_array_mut() {
        Some(citations) if !citations.is_empty() => {
            for citation in citations {
                citation["cited_text"] = text.clone();
            }
        }
        _ => {
            if let Some(members) = block.as_object_mut() {
                members.shift_remove("citations");
            }
        }
    }
}

/// A block whose citations overlap, or tell no place: all of them are of all of it.
fn whole_block(text: &str, annotations: &[Value]) -> Value {
    let citations = annotations.iter().filter_map(citation);
    block(text, citations.collect())
}

fn block(text: &str, citations: Vec<Value>) -> Value {
    json!({"type": "text", "text": text, "citations": citations})
}

/// The characters that an annotation of an address is of; none if it has no address.
fn stretch_of(annotation: &Value) -> Option<(usize, usize)> {
    let cited = annotation.get("url_citation")?;
    cited.get("url")?.as_str()?;
    let count = |key: &str| {
        let count = cited.get(key).and_then(Value::as_u64);
        usize::try_from(count.unwrap_or(0)).unwrap_or(usize::MAX)
    };
    Some((count("start_index"), count("end_index")))
}

/// What stands before, in and after a stretch, of a text that begins at the character `at`.
fn cut_at(text: &str, at: usize, (start, end): (usize, usize)) -> Option<(&str, &str, &str)> {
    let (before, rest) = split_after(text, start.checked_sub(at)?)?;
    let (cited, after) = split_after(rest, end.checked_sub(start)?)?;
    let is_text =
        !cited.trim().is_empty() && (at > 0 || before.is_empty() || !before.trim().is_empty());
    is_text.then_some((before, cited, after))
}

/// The text up to so many characters, and the rest; none if it has fewer.
fn split_after(text: &str, count: usize) -> Option<(&str, &str)> {
    let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    text.split_at_checked(ends.nth(count)?)
}

/// A citation as clients read it. Its index is marked as not Anthropic's: with it, it would be refused there.
pub(super) fn citation(annotation: &Value) -> Option<Value> {
    let cited = annotation.get("url_citation")?;
    let url = cited.get("url")?.as_str()?;
    let title = cited.get("title").and_then(Value::as_str);
    let index = Signature::new(Format::Chat, "").write(Format::Anthropic);
    Some(json!({
        "type": "web_search_result_location",
        "url": url,
        "title": title,
        "cited_text": "",
        "encrypted_index": index,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cite(url: &str, start: usize, end: usize) -> Value {
        json!({"type": "url_citation",
            "url_citation": {"url": url, "title": "T", "start_index": start, "end_index": end}})
    }

    fn gist(blocks: &[Value]) -> Vec<(&str, usize)> {
        let count = |block: &Value| block["citations"].as_array().map_or(0, Vec::len);
        let gist = blocks
            .iter()
            .map(|it| (it["text"].as_str().unwrap(), count(it)));
        gist.collect()
    }

    #[test]
    fn each_citation_stands_at_what_it_is_of() {
        let text = "Größe: 3 m. Öl!";
        let annotations = [cite("a", 0, 5), cite("b", 12, 14), cite("c", 12, 14)];
        let blocks = cited_blocks(text, &annotations);
        assert_eq!(
            gist(&blocks),
            [("Größe", 1), (": 3 m. ", 0), ("Öl", 2), ("!", 0)]
        );
        let cited = &blocks[2]["citations"][1];
        assert_eq!(
            (&cited["url"], &cited["cited_text"]),
            (&json!("c"), &json!("Öl"))
        );
        assert!(blocks[1].get("citations").is_none());
    }

    #[test]
    fn no_block_is_white_space_alone() {
        let annotations = [cite("a", 0, 1), cite("b", 2, 3)];
        let blocks = cited_blocks("a b\n", &annotations);
        assert_eq!(gist(&blocks), [("a ", 1), ("b\n", 1)]);
        let blocks = cited_blocks(" ab", &[cite("a", 1, 2)]);
        assert_eq!(gist(&blocks), [(" ab", 1)]);
    }

    #[test]
    fn what_cannot_be_cut_is_cited_as_a_whole() {
        let text = "abcdef";
        for annotations in [
            [cite("a", 0, 4), cite("b", 2, 6)],
            [cite("a", 3, 4), cite("b", 0, 1)],
            [cite("a", 0, 1), cite("b", 4, 99)],
            [cite("a", 0, 0), cite("b", 0, 0)],
        ] {
            let blocks = cited_blocks(text, &annotations);
            assert_eq!(gist(&blocks), [(text, 2)], "{annotations:?}");
        }
        let of_file = [json!({"type": "file_citation"})];
        assert_eq!(
            cited_blocks(text, &of_file),
            [json!({"type": "text", "text": text})]
        );
    }
}
