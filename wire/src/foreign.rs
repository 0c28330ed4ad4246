//! A client's own format, with proofs of thoughts in it that another provider gave: [`Signature::write`] put them there, and
//! a vendor refuses what it did not sign. Thoughts with such proofs are taken out of a history, and so are citations of what
//! another provider found; every other byte stays.

use crate::format::Format;
use crate::gemini;
use crate::json;
use crate::neutral::Signature;

/// What becomes of an element of a list.
enum Fate {
    Kept,
    Gone,
    Changed(String),
}

/// The body for a provider of the client's own format; none where nothing in it is foreign, which is told without a look
/// at its structure.
pub fn without_foreign_thoughts(format: Format, body: &[u8]) -> Option<Vec<u8>> {
    let marks: &[&[u8]] = match format {
        // Beside other providers' proofs, thoughts of those that give none: Anthropic's own always have one.
        Format::Anthropic => &[b"\"weir.", b"\"signature\":\"\"", b"\"signature\": \"\""],
        Format::Responses => &[b"\"weir."],
        Format::Gemini => &[b"\"d2Vpci"],
        _ => return None,
    };
    let is_marked = |mark: &&[u8]| memchr::memmem::find(body, mark).is_some();
    if !marks.iter().any(is_marked) {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?;
    let changed = match format {
        Format::Anthropic => with_member(text, "messages", |turns| {
            with_elements(turns, |turn| inner_list(turn, "content", fate_of_block))
        }),
        Format::Responses => with_member(text, "input", |items| with_elements(items, fate_of_item)),
        _ => with_member(text, "contents", |turns| {
            with_elements(turns, |turn| inner_list(turn, "parts", fate_of_part))
        }),
    };
    changed.map(String::into_bytes)
}

/// A turn without some elements of one of its lists; a turn with nothing left goes with them.
fn inner_list(turn: &str, key: &str, fate: impl Fn(&str) -> Fate) -> Fate {
    match with_member(turn, key, |list| with_elements(list, fate)) {
        None => Fate::Kept,
        Some(changed) if member(&changed, key).is_some_and(|list| !json::is_filled(list)) => {
            Fate::Gone
        }
        Some(changed) => Fate::Changed(changed),
    }
}

/// Anthropic's blocks of thoughts.
fn fate_of_block(block: &str) -> Fate {
    let proof = match text_member(block, "type").as_deref() {
        Some("thinking") => text_member(block, "signature"),
        Some("redacted_thinking") => text_member(block, "data"),
        Some("text") => return fate_of_text(block),
        _ => return Fate::Kept,
    };
    match proof.filter(|proof| !proof.is_empty()) {
        Some(proof) if is_own(&proof, Format::Anthropic) => Fate::Kept,
        _ => Fate::Gone,
    }
}

/// A text, whose citations may be of pages that another provider found.
fn fate_of_text(block: &str) -> Fate {
    let fate_of_citation = |citation: &str| match text_member(citation, "encrypted_index") {
        Some(index) if !is_own(&index, Format::Anthropic) => Fate::Gone,
        _ => Fate::Kept,
    };
    let changed = with_member(block, "citations", |list| {
        with_elements(list, fate_of_citation)
    });
    changed.map_or(Fate::Kept, Fate::Changed)
}

/// Reasoning items of OpenAI's Responses.
fn fate_of_item(item: &str) -> Fate {
    match text_member(item, "encrypted_content") {
        Some(proof) if !is_own(&proof, Format::Responses) => Fate::Gone,
        _ => Fate::Kept,
    }
}

/// Gemini's parts. A call must have a proof, for which Google takes a word that it does not check.
fn fate_of_part(part: &str) -> Fate {
    for key in ["thoughtSignature", "thought_signature"] {
        let proof = text_member(part, key);
        if !proof.is_some_and(|proof| gemini::is_foreign_signature(&proof)) {
            continue;
        }
        if member(part, "thought") == Some("true") {
            return Fate::Gone;
        }
        let unchecked = format!("\"{}\"", gemini::UNCHECKED_SIGNATURE);
        return with_member(part, key, |_| Some(unchecked)).map_or(Fate::Kept, Fate::Changed);
    }
    Fate::Kept
}

fn is_own(proof: &str, format: Format) -> bool {
    Signature::read(proof, format).origin == format
}

/// A member's value as it is written.
fn member<'a>(object: &'a str, key: &str) -> Option<&'a str> {
    let mut found = None;
    // What is no object has no members.
    let _not_an_object = json::members(object, |member| {
        if member.key == key {
            found = Some(member.value);
        }
    });
    found
}

fn text_member(object: &str, key: &str) -> Option<String> {
    member(object, key).and_then(json::string)
}

/// The object with another value for a member; none where it stays as it is.
fn with_member(
    object: &str,
    key: &str,
    change: impl FnOnce(&str) -> Option<String>,
) -> Option<String> {
    let value = member(object, key)?;
    let changed = change(value)?;
    // The value is a slice of the object's own text.
    let start = (value.as_ptr() as usize).checked_sub(object.as_ptr() as usize)?;
    let before = object.get(..start)?;
    let after = object.get(start + value.len()..)?;
    Some([before, &changed, after].concat())
}

/// The array without the elements that go; none where it stays as it is.
fn with_elements(array: &str, fate: impl Fn(&str) -> Fate) -> Option<String> {
    let mut is_same = true;
    let mut kept = Vec::new();
    for element in json::elements(array) {
        match fate(element) {
            Fate::Kept => kept.push(element.to_owned()),
            Fate::Gone => is_same = false,
            Fate::Changed(text) => {
                is_same = false;
                kept.push(text);
            }
        }
    }
    (!is_same).then(|| format!("[{}]", kept.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(format: Format, body: &str) -> Option<String> {
        without_foreign_thoughts(format, body.as_bytes())
            .map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn anthropic_gets_back_only_what_it_signed() {
        let body = r#"{"model":"m","exact":1.10, "messages":[{"role":"user","content":"\"weir. is a name"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"weir.gemini.AAA="},
             {"type":"thinking","thinking":"b","signature":"Own"},{"type":"text","text":"c"}]},
            {"role":"assistant","content":[{"type":"redacted_thinking","data":"weir.responses.X"}]},
            {"role":"assistant","content":[{"type":"thinking","thinking":"d","signature":""},{"type":"text","text":"e"}]}],"z":[]}"#;
        let expected = r#"{"model":"m","exact":1.10, "messages":[{"role":"user","content":"\"weir. is a name"},{"role":"assistant","content":[{"type":"thinking","thinking":"b","signature":"Own"},{"type":"text","text":"c"}]},{"role":"assistant","content":[{"type":"text","text":"e"}]}],"z":[]}"#;
        assert_eq!(stripped(Format::Anthropic, body).as_deref(), Some(expected));
    }

    #[test]
    fn anthropic_gets_back_only_what_it_cited() {
        let body = r#"{"messages":[{"role":"assistant","content":[{"type":"text","text":"a","citations":[{"url":"x","encrypted_index":"weir.chat."},{"url":"y","encrypted_index":"Eo8B"}]},{"type":"text","text":"\"weir."}]}]}"#;
        let expected = r#"{"messages":[{"role":"assistant","content":[{"type":"text","text":"a","citations":[{"url":"y","encrypted_index":"Eo8B"}]},{"type":"text","text":"\"weir."}]}]}"#;
        assert_eq!(stripped(Format::Anthropic, body).as_deref(), Some(expected));
    }

    #[test]
    fn openai_gets_back_only_what_it_encrypted() {
        let body = r#"{"input":[{"type":"reasoning","id":"rs_1","encrypted_content":"weir.bedrock.S"},{"type":"reasoning","id":"rs_2","encrypted_content":"gAAA"},{"role":"user","content":"x"}]}"#;
        let expected = r#"{"input":[{"type":"reasoning","id":"rs_2","encrypted_content":"gAAA"},{"role":"user","content":"x"}]}"#;
        assert_eq!(stripped(Format::Responses, body).as_deref(), Some(expected));
    }

    #[test]
    fn google_gets_a_word_it_does_not_check_where_a_proof_must_be() {
        // base64 of `weir.anthropic.Sig`
        let foreign = "d2Vpci5hbnRocm9waWMuU2ln";
        let body = format!(
            r#"{{"contents":[{{"role":"model","parts":[{{"text":"a","thought":true,"thoughtSignature":"{foreign}"}},{{"functionCall":{{"name":"f","args":{{}}}},"thoughtSignature":"{foreign}"}},{{"text":"b","thoughtSignature":"T3du"}}]}}]}}"#
        );
        let expected = r#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{}},"thoughtSignature":"skip_thought_signature_validator"},{"text":"b","thoughtSignature":"T3du"}]}]}"#;
        assert_eq!(stripped(Format::Gemini, &body).as_deref(), Some(expected));
    }

    #[test]
    fn what_only_looks_foreign_stays_as_it_is() {
        let body = r#"{"messages":[{"role":"user","content":"weir."},{"role":"user","content":[{"type":"text","text":"weir.gemini.x"}]}],"metadata":"weir.x.y"}"#;
        assert_eq!(stripped(Format::Anthropic, body), None);
        assert_eq!(stripped(Format::Responses, body), None);
        assert_eq!(stripped(Format::Chat, body), None);
        assert_eq!(stripped(Format::Anthropic, r#"["weir."#), None);
    }
}
