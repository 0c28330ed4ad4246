//! The text of a token: `sk-weir-<public id>-<secret>`.
//!
//! The public id is 10 random bytes as 16 characters of lower-case base32 (RFC 4648 section 6); it may be logged and
//! shown. The secret is 32 random bytes as 43 characters of base64url (section 5). Both have a fixed length, so that the
//! `-` that base64url may contain cannot be taken for the separator.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::entropy::{EntropyError, random_bytes};

const PREFIX: &str = "sk-weir-";
const PUBLIC_ID_CHARS: usize = 16;
const PUBLIC_ID_BYTES: usize = 10;
const SECRET_CHARS: usize = 43;
const SECRET_BYTES: usize = 32;
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The whole text of a token, given out once when it is minted. It cannot be printed by accident.
pub struct TokenSecret(Zeroizing<String>);

impl TokenSecret {
    /// The token as its holder must send it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn from_text(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

/// The parts of a token's text. It has no `Debug`, as one part is the secret.
#[derive(Clone, Copy)]
pub struct ParsedToken<'a> {
    /// Names the token; not secret.
    pub public_id: &'a str,
    /// Proves that its holder was given it.
    pub secret: &'a str,
}

/// Takes a token's text apart; `None` if it has not the form of one. Looks nothing up.
pub fn parse_token(text: &str) -> Option<ParsedToken<'_>> {
    let (public_id, rest) = text
        .strip_prefix(PREFIX)?
        .split_at_checked(PUBLIC_ID_CHARS)?;
    let secret = rest.strip_prefix('-')?;
    let is_token = secret.len() == SECRET_CHARS
        && public_id
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
        && secret
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    is_token.then_some(ParsedToken { public_id, secret })
}

/// Whether a token may be in a text, whole or in part.
pub fn may_hold_token(text: &str) -> bool {
    text.contains(PREFIX)
}

/// A new token and its public id.
pub(crate) fn new_token() -> Result<(String, TokenSecret), EntropyError> {
    let public_id = base32(random_bytes()?);
    let secret = Zeroizing::new(random_bytes::<SECRET_BYTES>()?);
    let mut text = Zeroizing::new(String::with_capacity(
        PREFIX.len() + PUBLIC_ID_CHARS + 1 + SECRET_CHARS,
    ));
    text.push_str(PREFIX);
    text.push_str(&public_id);
    text.push('-');
    URL_SAFE_NO_PAD.encode_string(secret.as_slice(), &mut text);
    Ok((public_id, TokenSecret(text)))
}

/// What is stored of a token. A plain hash is enough: the secret has 256 random bits, there is nothing to guess.
pub(crate) fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn base32(bytes: [u8; PUBLIC_ID_BYTES]) -> String {
    let number = bytes
        .iter()
        .fold(0u128, |number, byte| number << 8 | u128::from(*byte));
    let digit = |at: usize| BASE32[(number >> (5 * at)) as usize % BASE32.len()];
    (0..PUBLIC_ID_CHARS)
        .rev()
        .map(|at| char::from(digit(at)))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_minted_token_parses_into_its_parts() {
        for _ in 0..200 {
            let (public_id, token) = new_token().unwrap();
            let parsed = parse_token(token.expose()).unwrap();
            assert_eq!(parsed.public_id, public_id);
            assert_eq!(
                token.expose(),
                format!("sk-weir-{public_id}-{}", parsed.secret)
            );
            assert_eq!(
                URL_SAFE_NO_PAD.decode(parsed.secret).unwrap().len(),
                SECRET_BYTES
            );
        }
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        assert_eq!(base32(*b"foobarfoob"), "mzxw6ytbojtg633c");
        assert_eq!(base32([0; 10]), "aaaaaaaaaaaaaaaa");
        assert_eq!(base32([255; 10]), "7777777777777777");
    }

    #[test]
    fn anything_else_is_not_a_token() {
        let good = format!("sk-weir-{}-{}", "a".repeat(16), "-".repeat(43));
        assert!(parse_token(&good).is_some());
        let bad = [
            String::new(),
            "sk-proj-abc".to_owned(),
            good.to_uppercase(),
            format!("{good}A"),
            format!(" {good}"),
            good.replace("sk-weir-a", "sk-weir-1"),
            good.replace("sk-weir-a", "sk-weir-é"),
            good.replace("a-", "aa"),
            format!("sk-weir-{}-{}", "a".repeat(16), "=".repeat(43)),
        ];
        for text in bad {
            assert!(parse_token(&text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_takes_any_text(text in "(sk-weir-)?.{0,70}") {
            if let Some(token) = parse_token(&text) {
                prop_assert_eq!(format!("sk-weir-{}-{}", token.public_id, token.secret), text);
            }
        }
    }
}
