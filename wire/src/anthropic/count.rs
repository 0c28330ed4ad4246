//! The answer of `/v1/messages/count_tokens`.

/// How many tokens a request's prompt has (<https://platform.claude.com/docs/en/api/messages-count-tokens>).
pub fn count_tokens_reply(input_tokens: u64) -> Vec<u8> {
    format!("{{\"input_tokens\":{input_tokens}}}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_stands_alone() {
        assert_eq!(count_tokens_reply(2_095), br#"{"input_tokens":2095}"#);
    }
}
