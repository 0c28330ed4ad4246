//! The answer of `:countTokens`.

/// The body that tells how many tokens a prompt has (<https://ai.google.dev/api/tokens>).
pub fn count_tokens_reply(total: u64) -> Vec<u8> {
    format!(r#"{{"totalTokens":{total}}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_told() {
        assert_eq!(count_tokens_reply(31), br#"{"totalTokens":31}"#);
    }
}
