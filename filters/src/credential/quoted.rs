//! A secret in what somebody else says: as it is, or with some of its characters escaped as JSON and URLs escape them.

/// What stands in its place.
const INSTEAD: &[u8] = b"[key]";

/// The shortest key that is worth hiding. What is shorter is put where no key is needed, and is a part of other words.
const SHORTEST_BYTES: usize = 4;

/// What was said without the secret; none if it does not quote it.
pub(super) fn without(secret: &[u8], said: &[u8]) -> Option<Vec<u8>> {
    if secret.len() < SHORTEST_BYTES {
        return None;
    }
    let (mut clean, mut kept, mut at) = (Vec::new(), 0, 0);
    while let Some(rest) = said.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(length) = quoted_length(secret, rest) else {
            at += 1;
            continue;
        };
        clean.extend_from_slice(said.get(kept..at).unwrap_or_default());
        clean.extend_from_slice(INSTEAD);
        at += length;
        kept = at;
    }
    if kept == 0 {
        return None;
    }
    clean.extend_from_slice(said.get(kept..).unwrap_or_default());
    Some(clean)
}

/// The length of the secret as it is quoted at the very start of a text.
fn quoted_length(secret: &[u8], text: &[u8]) -> Option<usize> {
    let mut length = 0;
    for byte in secret {
        length += escaped_length(*byte, text.get(length..)?)?;
    }
    Some(length)
}

/// The length of one byte of the secret at the start of a text: `/`, `\/`, `\u002f` or `%2F`.
fn escaped_length(byte: u8, text: &[u8]) -> Option<usize> {
    let is_hex = |high: u8, low: u8| {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        digit(high)
            .zip(digit(low))
            .map(|(high, low)| high * 16 + low)
            == Some(u32::from(byte))
    };
    match *text {
        [b'\\', b'u', b'0', b'0', high, low, ..] if is_hex(high, low) => Some(6),
        [b'%', high, low, ..] if is_hex(high, low) => Some(3),
        [b'\\', escaped, ..] if escaped == byte => Some(2),
        [first, ..] if first == byte => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(secret: &str, said: &str) -> Option<String> {
        let clean = without(secret.as_bytes(), said.as_bytes())?;
        Some(String::from_utf8(clean).unwrap())
    }

    #[test]
    fn a_secret_is_known_in_every_way_of_quoting_it() {
        for said in [
            "sk/a+b=",
            r"sk\/a+b=",
            r"sk\u002Fa\u002bb\u003d",
            "sk%2Fa%2bb%3D",
        ] {
            let told = clean("sk/a+b=", &format!("no: {said}, {said}!"));
            assert_eq!(told.as_deref(), Some("no: [key], [key]!"), "{said}");
        }
        assert_eq!(clean(r"a\bc", r"<a\\bc>").as_deref(), Some("<[key]>"));
    }

    #[test]
    fn what_quotes_no_secret_is_left_alone() {
        for said in ["", "sk/a+b", "sk/a+c=", r"sk\u002", "%2", "SK/A+B="] {
            assert_eq!(clean("sk/a+b=", said), None, "{said}");
        }
        assert_eq!(clean("", "anything"), None);
        assert_eq!(clean("no", "there is none"), None);
    }

    #[test]
    fn bytes_that_are_no_text_are_cleaned_as_well() {
        assert_eq!(without(b"key1", b"\xFFkey1\xFE").unwrap(), b"\xFF[key]\xFE");
    }
}
