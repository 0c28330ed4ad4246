//! Percent-encoding in URLs (RFC 3986, section 2.1).

pub use crate::bedrock::model_path as encode;

/// A text without its percent-encoding; what is none stays as it is.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .filter(|hex| hex.iter().all(u8::is_ascii_hexdigit))
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            (byte, _) => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A query without the parameters that `is_left_out` knows by their names and values, both decoded. Every other byte stays.
/// Some servers part parameters by semicolons as well, so whatever stands between two of them is looked at.
pub fn without(query: &str, is_left_out: impl Fn(&str, &str) -> bool) -> String {
    let parts = ['&', ';'];
    let mut kept = String::with_capacity(query.len());
    for part in query.split_inclusive(parts) {
        let pair = part.strip_suffix(parts).unwrap_or(part);
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !is_left_out(&decode_form(name), &decode_form(value)) {
            kept.push_str(part);
        }
    }
    if kept.len() < query.len() && !query.ends_with(parts) && kept.ends_with(parts) {
        kept.pop();
    }
    kept
}

/// A name or value of a query, decoded.
fn decode_form(text: &str) -> String {
    decode(&text.replace('+', " "))
}

/// The parameters of a query: each name decoded, each value decoded (a plus is a space there), and both as they stand.
pub fn parameters(query: &str) -> impl Iterator<Item = (String, String, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode_form(name), decode_form(value), pair)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slash_of_a_name_may_be_encoded() {
        assert_eq!(decode("openai%2Fgpt-4o"), "openai/gpt-4o");
        assert_eq!(decode("a/b"), "a/b");
        assert_eq!(decode("50%"), "50%");
        assert_eq!(decode("%zz%4"), "%zz%4");
        assert_eq!(decode("%+1"), "%+1");
    }

    #[test]
    fn parameters_are_left_out_by_their_decoded_names_and_no_other_byte_changes() {
        for (query, rest) in [
            ("key=x", ""),
            ("a=1&key=x", "a=1"),
            ("key=x&a=1", "a=1"),
            ("a=%2f+1&%6bey=x&&b", "a=%2f+1&&b"),
            ("a=1;key=x&b=2&", "a=1;b=2&"),
            ("keys=1&k%65y&a=key", "keys=1&a=key"),
            ("a=1&", "a=1&"),
            ("", ""),
        ] {
            assert_eq!(without(query, |name, _| name == "key"), rest, "{query}");
        }
        assert_eq!(
            without("a=s%65cret&b=1", |_, value| value == "secret"),
            "b=1"
        );
    }

    #[test]
    fn parameters_are_told_by_their_decoded_names() {
        let found: Vec<_> = parameters("mod%65l=a%2Fb&&x=1+2&y").collect();
        let expected = [
            ("model", "a/b", "mod%65l=a%2Fb"),
            ("x", "1 2", "x=1+2"),
            ("y", "", "y"),
        ];
        let expected =
            expected.map(|(name, value, pair)| (name.to_owned(), value.to_owned(), pair));
        assert_eq!(found, expected);
    }
}
