//! What proves thoughts. Claude's proofs are good on every platform that serves it
//! (<https://platform.claude.com/docs/en/build-with-claude/extended-thinking>), so they are told as Anthropic's own, and
//! Anthropic's are taken: a conversation may go on at either in the middle of a tool's call. Those of other models are good
//! at Bedrock alone.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::family::Family;
use crate::format::Format;
use crate::neutral::Signature;

/// The proof beside thoughts that are shown.
pub(super) fn of_shown(family: Family, signature: impl Into<String>) -> Signature {
    let origin = if family.may_be_claude() {
        Format::Anthropic
    } else {
        Format::Bedrock
    };
    Signature::new(origin, signature)
}

/// Thoughts that are hidden. Bedrock's member holds bytes in base64, and Anthropic's text stands in it as those bytes.
pub(super) fn of_hidden(family: Family, base64: impl Into<String>) -> Signature {
    let base64 = base64.into();
    let decoded = || String::from_utf8(STANDARD.decode(&base64).ok()?).ok();
    let data = family.may_be_claude().then(decoded).flatten();
    // What is no text, or could not be told from one of ours, goes back to Bedrock as it came.
    let is_opaque =
        |data: &String| !data.is_empty() && data.bytes().all(|it| it.is_ascii_graphic());
    match data.filter(is_opaque) {
        Some(data) => Signature::new(Format::Anthropic, data),
        None => Signature::new(Format::Bedrock, base64),
    }
}

/// What stands in Bedrock's member for a proof; none if the model would not take it.
pub(super) fn write(
    signature: &Signature,
    is_hidden: bool,
    family: Family,
) -> Option<Cow<'_, str>> {
    let value = &signature.value;
    match signature.origin {
        Format::Bedrock => Some(Cow::Borrowed(value)),
        Format::Anthropic if !family.may_be_claude() => None,
        Format::Anthropic if is_hidden => Some(Cow::Owned(STANDARD.encode(value))),
        Format::Anthropic => Some(Cow::Borrowed(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAUDE: Family = Family::Claude((4, 5));

    #[test]
    fn claudes_proofs_are_anthropics_and_come_back() {
        for family in [CLAUDE, Family::Hidden] {
            let shown = of_shown(family, "EqQB");
            assert_eq!(shown, Signature::new(Format::Anthropic, "EqQB"));
            assert_eq!(write(&shown, false, family).as_deref(), Some("EqQB"));
            // As recorded: base64 of base64.
            let hidden = of_hidden(family, "RXRNRkNrZ0k=");
            assert_eq!(hidden, Signature::new(Format::Anthropic, "EtMFCkgI"));
            let back = write(&hidden, true, family);
            assert_eq!(back.as_deref(), Some("RXRNRkNrZ0k="));
        }
    }

    #[test]
    fn what_is_no_text_of_anthropics_stays_as_it_came() {
        for base64 in ["/w==", "", "not base64!", "YSBi"] {
            let hidden = of_hidden(CLAUDE, base64);
            assert_eq!(hidden, Signature::new(Format::Bedrock, base64));
            assert_eq!(write(&hidden, true, CLAUDE).as_deref(), Some(base64));
        }
    }

    #[test]
    fn other_models_have_proofs_of_their_own() {
        let shown = of_shown(Family::Nova2, "c2ln");
        assert_eq!(shown, Signature::new(Format::Bedrock, "c2ln"));
        assert_eq!(
            of_hidden(Family::GptOss, "RXRNRkNrZ0k=").origin,
            Format::Bedrock
        );
        let claudes = Signature::new(Format::Anthropic, "EqQB");
        assert_eq!(write(&claudes, false, Family::Nova2), None);
        let googles = Signature::new(Format::Gemini, "CsQB");
        assert_eq!(write(&googles, false, CLAUDE), None);
    }
}
