//! Names and ids of tools within Anthropic's limits, and back. What already fits stays; the rest is mapped so that the
//! same name always gives the same one, and two different ones never do.

use std::borrow::Cow;

use crate::neutral::{Request, Tool};

/// `^[a-zA-Z0-9_-]{1,128}$`
const MAX_BYTES: usize = 128;

/// The name or id as Anthropic takes it.
pub(super) fn fit(name: &str) -> Cow<'_, str> {
    if !name.is_empty() && name.len() <= MAX_BYTES && name.bytes().all(is_allowed) {
        return Cow::Borrowed(name);
    }
    let suffix = format!("_{:016x}", fnv1a(name.as_bytes()));
    let allowed = name
        .bytes()
        .map(|byte| if is_allowed(byte) { byte as char } else { '_' });
    let mut fitted: String = allowed.take(MAX_BYTES - suffix.len()).collect();
    fitted.push_str(&suffix);
    Cow::Owned(fitted)
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>): small, and the same everywhere and for ever.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// What the names that a model uses stand for.
#[derive(Debug, Default)]
pub(super) struct ToolNames {
    /// Fitted names, and what they were.
    renamed: Vec<(String, String)>,
    /// Tools whose input is free text.
    custom: Vec<String>,
}

impl ToolNames {
    pub fn of(request: &Request) -> Self {
        let mut names = Self::default();
        for tool in &request.tools {
            let (name, is_custom) = match tool {
                Tool::Function { name, .. } => (name, false),
                Tool::Custom { name, .. } => (name, true),
                Tool::Hosted { .. } => continue,
            };
            if let Cow::Owned(fitted) = fit(name) {
                names.renamed.push((fitted, name.clone()));
            }
            if is_custom {
                names.custom.push(name.clone());
            }
        }
        names
    }

    /// The name as the request had it.
    pub fn original<'a>(&self, name: Cow<'a, str>) -> Cow<'a, str> {
        let mut renamed = self.renamed.iter();
        match renamed.find(|(fitted, _)| *fitted == name) {
            Some((_, original)) => Cow::Owned(original.clone()),
            None => name,
        }
    }

    /// Whether a tool, by its original name, takes free text.
    pub fn is_custom(&self, original: &str) -> bool {
        self.custom.iter().any(|name| name == original)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays() {
        for name in ["get_weather", "mcp__files-read", &"a".repeat(128)] {
            assert!(matches!(fit(name), Cow::Borrowed(_)), "{name}");
        }
    }

    #[test]
    fn what_does_not_fit_is_mapped_apart() {
        let long = "a".repeat(129);
        let names = ["files.read", "files/read", "", "wetter_für_morgen", &long];
        let fitted: Vec<_> = names.iter().map(|name| fit(name)).collect();
        for (at, one) in fitted.iter().enumerate() {
            assert!(one.len() <= 128 && !one.is_empty() && one.bytes().all(is_allowed));
            assert!(!fitted.iter().skip(at + 1).any(|other| other == one));
        }
    }
}
