//! What people may call users, tokens and keys.

/// The longest name, in characters.
const NAME_MAX_CHARS: usize = 64;
/// The longest model pattern, in characters.
const PATTERN_MAX_CHARS: usize = 256;
/// The most model patterns one token may have.
const PATTERNS_MAX: usize = 1_000;

/// A name that cannot be taken as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {problem}")]
pub struct InvalidName {
    /// Which name, for example "the user name".
    pub what: &'static str,
    /// What is wrong with it and what is allowed.
    pub problem: &'static str,
}

/// Checks the name of a user, a token, a provider or a key: 1 to 64 characters, none of them a control character.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), InvalidName> {
    let fault = |problem| Err(InvalidName { what, problem });
    if name.trim().is_empty() {
        fault("is empty: give it 1 to 64 characters")
    } else if name.chars().nth(NAME_MAX_CHARS).is_some() {
        fault("is too long: give it 1 to 64 characters")
    } else if name.chars().any(char::is_control) {
        fault("holds a control character such as a line break: leave it out")
    } else {
        Ok(())
    }
}

/// Checks the model patterns of a token.
pub(crate) fn check_patterns(patterns: &[String]) -> Result<(), InvalidName> {
    let fault = |problem| {
        Err(InvalidName {
            what: "the list of models",
            problem,
        })
    };
    if patterns.len() > PATTERNS_MAX {
        return fault("is too long: give at most 1000 patterns");
    }
    for pattern in patterns {
        if pattern.is_empty() || pattern.chars().nth(PATTERN_MAX_CHARS).is_some() {
            return fault("holds a pattern that is empty or longer than 256 characters");
        }
        if pattern.chars().any(char::is_control) {
            return fault("holds a pattern with a control character");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_1_to_64_characters_and_no_control_characters() {
        for good in ["a", "Ada Lovelace", "日本語", &"é".repeat(64)] {
            assert_eq!(check_name("the name", good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "   ",
            "a\nb",
            "a\u{1b}[31m",
            "\u{0}",
            "a\u{85}",
            &"é".repeat(65),
        ] {
            assert!(check_name("the name", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn patterns_are_bounded() {
        assert!(check_patterns(&["gpt-4o*".to_owned(), "demo/*".to_owned()]).is_ok());
        assert!(check_patterns(&[String::new()]).is_err());
        assert!(check_patterns(&["x".repeat(257)]).is_err());
        assert!(check_patterns(&vec!["x".to_owned(); 1_001]).is_err());
    }
}
