//! Names of functions: Google takes fewer than other formats do.

use std::borrow::Cow;

use crate::neutral::{Request, Tool};

/// The longest name (the reference of `FunctionDeclaration.name`).
const MAX_BYTES: usize = 128;

/// The name as Google takes it: it starts with a letter or an underscore and has letters, digits and `_.:-`.
pub(super) fn to_google(name: &str) -> Cow<'_, str> {
    let starts_well = name
        .bytes()
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    if starts_well && name.len() <= MAX_BYTES && name.chars().all(is_taken) {
        return Cow::Borrowed(name);
    }
    let mut written = String::from("_");
    // What is replaced or cut away would make different names the same; the hash keeps them apart.
    let hash = format!("_{:016x}", fnv1a(name.as_bytes()));
    for letter in name.chars().take(MAX_BYTES - hash.len() - 1) {
        written.push(if is_taken(letter) { letter } else { '_' });
    }
    written.push_str(&hash);
    Cow::Owned(written)
}

fn is_taken(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | ':' | '-')
}

/// FNV-1a of 64 bits: stable over versions, as a conversation lasts longer than a process.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The tools whose names Google was told otherwise, so that their calls get the caller's names again.
#[derive(Debug)]
pub(super) struct Renamed(Vec<(String, String)>);

impl Renamed {
    /// The renamed tools of a request.
    pub fn of(request: &Request) -> Self {
        let names = request.tools.iter().filter_map(|tool| match tool {
            Tool::Function { name, .. } => match to_google(name) {
                Cow::Owned(told) => Some((told, name.clone())),
                Cow::Borrowed(_) => None,
            },
            Tool::Custom { .. } | Tool::Hosted { .. } => None,
        });
        Self(names.collect())
    }

    /// The caller's name for a tool.
    pub fn original<'a>(&'a self, name: &'a str) -> &'a str {
        let mut renamed = self.0.iter();
        renamed
            .find(|(told, _)| told == name)
            .map_or(name, |(_, original)| original)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_stay_and_others_become_good_and_stay_apart() {
        assert_eq!(to_google("mcp__fs__read-file.v2"), "mcp__fs__read-file.v2");
        let long = "x".repeat(MAX_BYTES + 1);
        let longer = "x".repeat(MAX_BYTES + 2);
        for name in ["2fa", "-x", "größe", "a b", "", &long] {
            let told = to_google(name).into_owned();
            assert!(matches!(to_google(&told), Cow::Borrowed(_)), "{told}");
        }
        assert_ne!(to_google("a b"), to_google("a\u{e4}b"));
        assert_ne!(to_google(&long), to_google(&longer));
    }
}
