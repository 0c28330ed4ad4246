//! Names of tools and ids of calls, which Bedrock takes in a narrow alphabet only.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::neutral::{Request, Tool};

const MAX_BYTES: usize = 64;

/// A tool's name as Bedrock takes it: `[a-zA-Z0-9_-]{1,64}`. One that is not so is written with `_` for what does not fit
/// and ends with a hash of the whole, so that two names do not become one.
pub(super) fn tool_name(name: &str) -> Cow<'_, str> {
    fit(name, b"_-")
}

/// A call's id as Bedrock takes it: `[a-zA-Z0-9_.:-]{1,64}`.
pub(super) fn call_id(id: &str) -> Cow<'_, str> {
    fit(id, b"_-.:")
}

fn fit<'a>(text: &'a str, also: &[u8]) -> Cow<'a, str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || also.contains(&byte);
    if (1..=MAX_BYTES).contains(&text.len()) && text.bytes().all(fits) {
        return Cow::Borrowed(text);
    }
    let hash = format!("_{:08x}", hash(text));
    let plain = text.chars().map(|it| match u8::try_from(it) {
        Ok(byte) if fits(byte) => it,
        _ => '_',
    });
    let mut fitted: String = plain.take(MAX_BYTES - hash.len()).collect();
    fitted.push_str(&hash);
    Cow::Owned(fitted)
}

/// FNV-1a: it must be the same in every build, because names stand in prompts that providers cache.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// The way back: the caller's names of the tools whose names did not fit.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, String>);

impl Names {
    /// Those of a request.
    pub fn of(request: &Request) -> Self {
        let changed = request.tools.iter().filter_map(|tool| match tool {
            Tool::Function { name, .. } => match tool_name(name) {
                Cow::Owned(fitted) => Some((fitted, name.clone())),
                Cow::Borrowed(_) => None,
            },
            Tool::Custom { .. } | Tool::Hosted { .. } => None,
        });
        Self(changed.collect())
    }

    /// The caller's name of a tool.
    pub fn original<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.get(name).map_or(name, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_fit_stay() {
        assert!(matches!(
            tool_name("get_weather-2"),
            Cow::Borrowed("get_weather-2")
        ));
        assert!(matches!(
            call_id("toolu:1.a_b-C"),
            Cow::Borrowed("toolu:1.a_b-C")
        ));
    }

    #[test]
    fn others_fit_and_stay_apart() {
        let long = "x".repeat(65);
        let names = [
            "mcp.files/read",
            "mcp_files.read",
            "wetter.für.heute",
            "",
            &long,
        ];
        let fitted: Vec<_> = names.iter().map(|name| tool_name(name)).collect();
        for name in &fitted {
            assert!((1..=64).contains(&name.len()), "{name}");
            assert_eq!(tool_name(name), *name);
        }
        let mut apart = fitted.clone();
        apart.sort();
        apart.dedup();
        assert_eq!(apart.len(), names.len());
        assert!(fitted[0].starts_with("mcp_files_read_"));
    }
}
