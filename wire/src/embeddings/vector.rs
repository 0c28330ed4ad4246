//! One embedding.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The numbers of an embedding as the provider wrote them, so that none of their digits is lost on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vector {
    /// A JSON list of numbers without white space.
    json: Box<str>,
}

impl Vector {
    /// The vector that a JSON value is: a list of numbers. None if it is anything else.
    pub(super) fn from_json(value: &str) -> Option<Self> {
        let inside = value.strip_prefix('[')?.strip_suffix(']')?;
        // The value is known to be JSON. Of all that a list may hold, numbers alone are made of these bytes.
        let is_of_numbers = |byte: u8| {
            byte.is_ascii_digit() || byte.is_ascii_whitespace() || b"+-.eE,".contains(&byte)
        };
        if !inside.bytes().all(is_of_numbers) {
            return None;
        }
        // Google prints a number a line.
        let json = match inside.bytes().any(|byte| byte.is_ascii_whitespace()) {
            true => value.split_ascii_whitespace().collect::<String>().into(),
            false => value.into(),
        };
        Some(Self { json })
    }

    /// The vector that base64 of little-endian 32-bit floats is.
    pub(super) fn from_base64(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        let (floats, rest) = bytes.as_chunks::<4>();
        let floats: Vec<f32> = floats.iter().map(|it| f32::from_le_bytes(*it)).collect();
        if !rest.is_empty() || floats.iter().any(|float| !float.is_finite()) {
            return None;
        }
        let json = serde_json::to_string(&floats).ok()?.into();
        Some(Self { json })
    }

    /// The numbers as a JSON list.
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// The numbers as 32-bit floats, which is what models compute with.
    pub fn floats(&self) -> impl Iterator<Item = f32> {
        let inside = self.json.trim_start_matches('[').trim_end_matches(']');
        let numbers = inside.split(',').filter(|number| !number.is_empty());
        // Every JSON number is a float in Rust's eyes, too.
        numbers.map(|number| number.parse().unwrap_or_default())
    }

    /// Base64 of the little-endian 32-bit floats.
    pub fn to_base64(&self) -> String {
        let bytes: Vec<u8> = self.floats().flat_map(f32::to_le_bytes).collect();
        STANDARD.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digits_stay_as_they_are_and_spaces_go() {
        let text = "[0.12345678901234567890,-1E-7,3]";
        assert_eq!(Vector::from_json(text).unwrap().as_json(), text);
        let spaced = "[\n  0.5,\r\n\t-2.5e3 ]";
        let vector = Vector::from_json(spaced).unwrap();
        assert_eq!(vector.as_json(), "[0.5,-2.5e3]");
        assert_eq!(vector.floats().collect::<Vec<_>>(), [0.5, -2500.0]);
        assert_eq!(Vector::from_json("[ ]").unwrap().floats().count(), 0);
    }

    #[test]
    fn what_is_no_list_of_numbers_is_none() {
        for value in [
            "null", "{}", "1", "[null]", "[true]", "[\"1\"]", "[[1]]", "[{}]",
        ] {
            assert_eq!(Vector::from_json(value), None, "{value}");
        }
        for text in ["AAA=", "AACAfw==", "not base64"] {
            assert_eq!(Vector::from_base64(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn base64_goes_both_ways(floats in proptest::collection::vec(-1e30_f32..1e30, 0..20)) {
            let json = serde_json::to_string(&floats).unwrap();
            let vector = Vector::from_json(&json).unwrap();
            prop_assert_eq!(vector.floats().collect::<Vec<_>>(), floats);
            let back = Vector::from_base64(&vector.to_base64()).unwrap();
            prop_assert_eq!(back, vector);
        }
    }
}
