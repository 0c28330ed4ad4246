//! What JSON weighs in memory when it is taken apart, which may be a hundred times what it weighs as text.

use crate::json::string_end;

/// What one value comes to, as a tree, in what it is translated to, and as text again. Measured with bodies of tens of
/// megabytes of small values: 130 bytes for numbers and empty lists, 440 for short messages.
const VALUE_BYTES: usize = 256;

/// About how many bytes a text takes beside its own when it is translated. It need not be valid.
pub fn tree_bytes(json: &[u8]) -> usize {
    let (mut at, mut values) = (0, 0_usize);
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => {
                at = string_end(json, at);
                continue;
            }
            b'{' | b'[' | b',' | b':' => values += 1,
            _ => {}
        }
        at += 1;
    }
    values.saturating_mul(VALUE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_values_weigh_more_than_long_ones() {
        let long = format!(r#"{{"a":"{}"}}"#, "[,".repeat(10_000));
        assert_eq!(tree_bytes(long.as_bytes()), 2 * VALUE_BYTES);
        let many = format!("[{}0]", "0,".repeat(10_000));
        assert_eq!(tree_bytes(many.as_bytes()), 10_001 * VALUE_BYTES);
        assert_eq!(tree_bytes(b"\"open"), 0);
    }
}
