//! Thought signatures. In Google's types the member holds bytes, in base64, and its SDKs decode it: a signature of another
//! provider must be base64 here, too.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::format::Format;
use crate::neutral::Signature;

/// What stands in for a signature that a history of another model lacks; Google documents that it is not checked.
pub(crate) const SKIP: &str = "skip_thought_signature_validator";

/// Marks thoughts that are hidden, before the signature's own mark of its origin.
const REDACTED: &str = "weir.redacted.";

/// How every wrapped signature begins: `weir.`, as far as it fills whole letters of base64.
const WRAPPED: &str = "d2Vpci";

/// SDKs write bytes back in the URL's alphabet or in the standard one, with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The `thoughtSignature` for a signature of any provider.
pub(super) fn write(signature: &Signature, is_redacted: bool) -> Cow<'_, str> {
    if signature.origin == Format::Gemini {
        return Cow::Borrowed(&signature.value);
    }
    let mark = if is_redacted { REDACTED } else { "" };
    let wrapped = format!("{mark}{}", signature.write(Format::Gemini));
    Cow::Owned(LENIENT.encode(wrapped))
}

/// Reads a `thoughtSignature`, and whether the thoughts it belongs to are hidden.
pub(super) fn read(text: &str) -> (Signature, bool) {
    unwrap(text).unwrap_or_else(|| (Signature::new(Format::Gemini, text), false))
}

/// Whether a `thoughtSignature` is another provider's.
pub(crate) fn is_foreign_signature(text: &str) -> bool {
    unwrap(text).is_some()
}

fn unwrap(text: &str) -> Option<(Signature, bool)> {
    if !text.starts_with(WRAPPED) {
        return None;
    }
    let decoded = LENIENT.decode(to_standard(text).as_ref()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let hidden = decoded.strip_prefix(REDACTED);
    let signature = Signature::read(hidden.unwrap_or(&decoded), Format::Gemini);
    (signature.origin != Format::Gemini).then_some((signature, hidden.is_some()))
}

/// Base64 in the standard alphabet, of base64 in either.
pub(super) fn to_standard(base64: &str) -> Cow<'_, str> {
    if memchr::memchr2(b'-', b'_', base64.as_bytes()).is_none() {
        return Cow::Borrowed(base64);
    }
    Cow::Owned(base64.replace('-', "+").replace('_', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_of_any_provider_survive_an_sdk() {
        for (signature, is_redacted) in [
            (Signature::new(Format::Gemini, "CsQBAb/8+A=="), false),
            (Signature::new(Format::Anthropic, "ErUB???>>>+/="), false),
            (Signature::new(Format::Anthropic, "Eo\u{fc}"), true),
            (Signature::new(Format::Responses, "gAAAA"), true),
        ] {
            let written = write(&signature, is_redacted).into_owned();
            let sdk = base64::engine::general_purpose::STANDARD
                .decode(&written)
                .unwrap();
            let sent_back = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sdk);
            for text in [&written, &sent_back] {
                let (read_back, redacted) = read(text);
                if signature.origin == Format::Gemini {
                    assert_eq!(read_back.origin, Format::Gemini);
                } else {
                    assert_eq!((read_back, redacted), (signature.clone(), is_redacted));
                }
            }
        }
        assert_eq!(read(SKIP).0.for_target(Format::Gemini), Some(SKIP));
    }
}
