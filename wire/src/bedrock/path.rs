//! Where a model is asked.

use std::fmt::Write as _;

/// A model's id or ARN as one segment of a path: everything but RFC 3986's unreserved characters percent-encoded once,
/// which is also how AWS's signature wants to see it. `us.anthropic.claude-sonnet-4-5-20250929-v1:0` becomes
/// `us.anthropic.claude-sonnet-4-5-20250929-v1%3A0`.
pub fn model_path(model: &str) -> String {
    let mut path = String::with_capacity(model.len() + 16);
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _always_ok = write!(path, "%{byte:02X}");
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_arns_are_one_segment() {
        for (model, path) in [
            (
                "anthropic.claude-3-haiku-20240307-v1:0",
                "anthropic.claude-3-haiku-20240307-v1%3A0",
            ),
            (
                "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.meta.llama4_1~x",
                "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.meta.llama4_1~x",
            ),
            ("100%/../é", "100%25%2F..%2F%C3%A9"),
        ] {
            assert_eq!(model_path(model), path);
        }
    }
}
