//! What is kept readable of a sealed secret, so that its owner knows it again.

use serde_json::Value;

/// How many last characters of a key are kept readable.
const HINT_CHARS: usize = 4;
/// A key shorter than this, in characters, gets no hint: the hint would be too much of it.
const HINT_MIN_KEY_CHARS: usize = 16;
/// The longest name of an account that is kept whole.
const NAME_MAX_CHARS: usize = 254;

/// Members of a document that are no secret, those first that say most; and then those that are.
const PUBLIC: &[&str] = &["access_key_id", "client_id"];
const SECRET: &[&str] = &["key", "token"];

/// The last characters of a key; of a document the name of its account, or the last characters of its public half.
pub(crate) fn hint(secret: &str) -> String {
    if !secret.trim_start().starts_with('{') {
        return last_chars(secret);
    }
    let Ok(document) = serde_json::from_str::<Value>(secret) else {
        return String::new();
    };
    let text = |name: &&str| document.get(name).and_then(Value::as_str);
    if let Some(name) = text(&"client_email")
        && name.contains('@')
        && name.chars().count() <= NAME_MAX_CHARS
    {
        return name.to_owned();
    }
    let known = PUBLIC.iter().chain(SECRET).find_map(text);
    known.map(last_chars).unwrap_or_default()
}

fn last_chars(text: &str) -> String {
    let chars = text.chars().count();
    if chars < HINT_MIN_KEY_CHARS {
        return String::new();
    }
    text.chars().skip(chars - HINT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_shows_the_end_of_a_key_that_is_long_enough() {
        assert_eq!(hint("sk-0123456789abcdef"), "cdef");
        assert_eq!(hint("sk-1234"), "");
    }

    #[test]
    fn a_documents_hint_is_never_of_its_secret() {
        let aws = r#"{"kind":"aws","secret_access_key":"wJalrXUtnFEMI/hunter2","access_key_id":"AKIAIOSFODNN7EXAMPLE"}"#;
        assert_eq!(hint(aws), "MPLE");
        let google = r#"{"private_key":"hunter2","type":"service_account","client_email":"a@p.iam.gserviceaccount.com"}"#;
        assert_eq!(hint(google), "a@p.iam.gserviceaccount.com");
        let entra = r#"{"client_secret":"hunter2hunter2hunter2","client_id":"11112222-3333-4444-5555-666677778888"}"#;
        assert_eq!(hint(entra), "8888");
        let own = r#"{"kind":"endpoint_key","endpoint":"https://h","key":"0123456789abcdef0123"}"#;
        assert_eq!(hint(own), "0123");
        assert_eq!(hint(r#"{"secret_access_key":"hunter2hunter2hunter2"}"#), "");
        assert_eq!(hint("{hunter2hunter2hunter2"), "");
    }
}
