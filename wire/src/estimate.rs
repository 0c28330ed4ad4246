//! Token counts where nobody reported any. Weir has no tokenizer for most models and needs none: what is held before a
//! call must only be enough, and what is estimated after a broken call is marked as estimated.

use memchr::memchr;

use crate::json::string_end;

/// Bytes of text per token, as a rule of thumb for English prose and source code.
const BYTES_PER_TOKEN: u64 = 4;
/// Strings from this length on may be images, sounds or documents in base64.
const MEDIA_BYTES_MIN: usize = 4 * 1024;
/// How much of a string is looked at to tell base64 from words.
const SAMPLE_BYTES: usize = 1024;
/// More tokens than an image in a prompt has, however many bytes it takes: models see it in a size of their own. The most are
/// some 48,000, of small models that count an image many times over.
const IMAGE_TOKENS_UPPER: u64 = 49_152;
/// About as many tokens as an image in a prompt has.
const IMAGE_TOKENS_LIKELY: u64 = 1_600;
/// Bytes of base64 per token of a sound, a film or a document, roughly.
const MEDIA_BYTES_PER_TOKEN: u64 = 64;

/// The tokens of a request's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PromptTokens {
    /// More than it can have, to hold money by. Every tokenizer in use falls back to one token per byte at worst, and the few
    /// tokens a chat template adds to a message are fewer than the bytes of JSON around it. What a body only links to, such
    /// as an image by its URL, is not covered.
    pub upper: u64,
    /// About as many as it has.
    pub likely: u64,
}

impl PromptTokens {
    /// Those of a JSON body. Images in it are not counted by their bytes, which have nothing to do with their tokens.
    pub fn of_json(body: &[u8]) -> Self {
        let mut text_bytes = body.len() as u64;
        let mut media = Self::default();
        // Most bodies are too small for a file, and are not looked at.
        let mut at = if body.len() < MEDIA_BYTES_MIN {
            body.len()
        } else {
            0
        };
        while let Some(found) = body.get(at..).and_then(|rest| memchr(b'"', rest)) {
            let start = at + found + 1;
            at = string_end(body, start - 1);
            let string = body.get(start..at.saturating_sub(1)).unwrap_or_default();
            if string.len() < MEDIA_BYTES_MIN {
                continue;
            }
            if let Some(tokens) = of_media(string) {
                text_bytes -= string.len() as u64;
                media.upper += tokens.upper;
                media.likely += tokens.likely;
            }
        }
        Self {
            upper: text_bytes + media.upper,
            likely: tokens_of_bytes(text_bytes) + media.likely,
        }
    }
}

/// The tokens of a string that is a file in base64; none if it is words.
fn of_media(string: &[u8]) -> Option<PromptTokens> {
    let sample = string.get(..SAMPLE_BYTES).unwrap_or(string);
    let data = match memchr(b',', sample) {
        Some(comma) if string.starts_with(b"data:") => string.get(comma + 1..)?,
        _ => string,
    };
    let sample = data.get(..SAMPLE_BYTES).unwrap_or(data);
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte);
    if !sample.iter().all(is_base64) {
        return None;
    }
    // The first bytes of PNG, JPEG and GIF; WebP is RIFF, as WAV is, and has its name behind the length.
    let magics: [&[u8]; 3] = [b"iVBORw0KGgo", b"/9j/", b"R0lGOD"];
    let is_webp = data.starts_with(b"UklGR") && data.get(12..16) == Some(b"RUJQ");
    let is_image = is_webp || magics.iter().any(|magic| data.starts_with(magic));
    let bytes = string.len() as u64;
    Some(if is_image {
        PromptTokens {
            upper: bytes.min(IMAGE_TOKENS_UPPER),
            likely: IMAGE_TOKENS_LIKELY,
        }
    } else {
        PromptTokens {
            upper: bytes,
            likely: bytes.div_ceil(MEDIA_BYTES_PER_TOKEN),
        }
    })
}

/// More tokens than `n` bytes of text can have.
pub fn prompt_tokens_upper(n: usize) -> u64 {
    n as u64
}

/// The likely number of tokens in `n` bytes of text: a quarter, rounded up.
pub fn tokens_of_bytes(n: u64) -> u64 {
    n.div_ceil(BYTES_PER_TOKEN)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn of(body: &serde_json::Value) -> PromptTokens {
        PromptTokens::of_json(body.to_string().as_bytes())
    }

    #[test]
    fn any_text_is_at_least_one_token() {
        let counts = [0, 1, 4, 5, u64::MAX].map(tokens_of_bytes);
        assert_eq!(counts, [0, 1, 1, 2, 1 << 62]);
    }

    #[test]
    fn words_are_counted_by_their_bytes_however_many() {
        for text in ["hi".to_owned(), "as long as a book ".repeat(10_000)] {
            let body = json!({"model": "m", "messages": [{"content": text}]});
            let bytes = body.to_string().len() as u64;
            assert_eq!(of(&body).upper, bytes);
            assert_eq!(of(&body).likely, bytes.div_ceil(4));
        }
    }

    #[test]
    fn an_image_is_not_counted_by_its_bytes() {
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        file.resize(3_000_000, 7);
        let base64 = STANDARD.encode(&file);
        for string in [base64.clone(), format!("data:image/png;base64,{base64}")] {
            let tokens = of(&json!({"messages": [{"content": [{"data": string}]}]}));
            assert!(tokens.upper < 50_000, "{tokens:?}");
            assert!(tokens.likely < 2_000, "{tokens:?}");
        }
        let small = of(&json!({"data": STANDARD.encode(&file[..4_000])}));
        assert!(small.upper < 6_000, "{small:?}");
    }

    #[test]
    fn other_files_are_likely_far_fewer_tokens_than_bytes() {
        for magic in [
            b"%PDF-1.7".as_slice(),
            b"RIFF\x24\x08\x01\0WAVEfmt ",
            b"ID3\x04",
        ] {
            let mut file = magic.to_vec();
            file.resize(600_000, 7);
            let body = json!({"data": STANDARD.encode(&file)});
            assert_eq!(of(&body).upper, body.to_string().len() as u64);
            assert!(of(&body).likely < 13_000, "{:?}", of(&body));
        }
        let mut webp = b"RIFF\x24\x08\x01\0WEBPVP8 ".to_vec();
        webp.resize(600_000, 7);
        assert!(of(&json!({"data": STANDARD.encode(&webp)})).upper < 50_000);
    }

    proptest! {
        #[test]
        fn a_hold_is_never_below_the_estimate(
            body in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..9000),
                "(\"|\\\\|iVBORw0KGgo|[a-z]{0,200}|data:,){0,90}".prop_map(String::into_bytes),
            ],
        ) {
            let tokens = PromptTokens::of_json(&body);
            prop_assert!(tokens.upper >= tokens.likely, "{:?}", tokens);
        }
    }
}
