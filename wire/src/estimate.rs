//! Token counts where nobody reported any. Weir has no tokenizer for most models and needs none: what is held before a
//! call must only be enough, and what is estimated after a broken call is marked as estimated.

/// Bytes of text per token, as a rule of thumb for English prose and source code.
const BYTES_PER_TOKEN: u64 = 4;

/// More tokens than the text of a request body of `body_len` bytes can have, to hold money by. Every tokenizer in use
/// falls back to one token per byte at worst, and the few tokens a chat template adds to a message are fewer than the
/// bytes of JSON around it. What a body only links to, such as an image by its URL, is not covered.
pub fn prompt_tokens_upper(body_len: usize) -> u64 {
    body_len as u64
}

/// The likely number of tokens in `n` bytes of text: a quarter, rounded up.
pub fn tokens_of_bytes(n: u64) -> u64 {
    n.div_ceil(BYTES_PER_TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_at_least_one_token() {
        let counts = [0, 1, 4, 5, u64::MAX].map(tokens_of_bytes);
        assert_eq!(counts, [0, 1, 1, 2, 1 << 62]);
    }

    #[test]
    fn a_hold_is_never_below_the_estimate() {
        for bytes in [0, 1, 3, 1024, 32 << 20] {
            assert!(prompt_tokens_upper(bytes) >= tokens_of_bytes(bytes as u64));
        }
    }
}
