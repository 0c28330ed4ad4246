//! Names of tools and ids of their calls, within what OpenAI takes.
//!
//! OpenAI wants names of `[a-zA-Z0-9_-]{1,64}` and ids of at most 40 characters; Anthropic and Gemini take longer ones, with
//! dots and colons. A name that must be changed is changed the same way each time, and found again in the answer.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::neutral::{Request, Tool};

const MAX_NAME_BYTES: usize = 64;
const MAX_ID_BYTES: usize = 40;
/// An underscore and sixteen hexadecimal digits.
const HASH_BYTES: usize = 17;

/// A tool's name as OpenAI takes it.
pub(crate) fn fit_name(name: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.len() <= MAX_NAME_BYTES && name.bytes().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let plain = name.chars().map(|letter| match u8::try_from(letter) {
        Ok(byte) if is_plain(byte) => letter,
        _ => '_',
    });
    Cow::Owned(with_hash(plain, name, MAX_NAME_BYTES))
}

/// The id of a tool call as OpenAI takes it.
pub(super) fn fit_id(id: &str) -> Cow<'_, str> {
    if id.len() <= MAX_ID_BYTES {
        return Cow::Borrowed(id);
    }
    let ascii = id.chars().map(|letter| match letter.is_ascii_graphic() {
        true => letter,
        false => '_',
    });
    Cow::Owned(with_hash(ascii, id, MAX_ID_BYTES))
}

/// The name of a user as OpenAI takes it: at most 64 characters. Claude Code's is a JSON text of some 200, and stays the
/// same for a session when it is shortened.
pub(crate) fn fit_user(user: &str) -> Cow<'_, str> {
    if user.chars().count() <= MAX_NAME_BYTES {
        return Cow::Borrowed(user);
    }
    fit_name(user)
}

/// The start of `letters`, all ASCII, and a hash of the whole, so that two names stay two.
fn with_hash(letters: impl Iterator<Item = char>, whole: &str, max: usize) -> String {
    // FNV-1a, 64 bits: a few names of one request need no more.
    let hash = whole.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut text: String = letters.take(max - HASH_BYTES).collect();
    // Writing to a string cannot fail.
    let _infallible = write!(text, "_{hash:016x}");
    text
}

/// The names that were changed in one request.
#[derive(Debug, Default)]
pub(crate) struct ChangedNames {
    /// As sent, and as the client knows it.
    names: Vec<(String, String)>,
}

impl ChangedNames {
    pub fn of(request: &Request) -> Self {
        let named = request.tools.iter().filter_map(|tool| match tool {
            Tool::Function { name, .. } | Tool::Custom { name, .. } => Some(name),
            Tool::Hosted { .. } => None,
        });
        let changed = named.filter_map(|name| match fit_name(name) {
            Cow::Owned(sent) => Some((sent, name.clone())),
            Cow::Borrowed(_) => None,
        });
        Self {
            names: changed.collect(),
        }
    }

    /// The client's name for what the provider calls `sent`.
    pub fn restore<'a>(&'a self, sent: &'a str) -> &'a str {
        let mut changed = self.names.iter();
        changed
            .find(|(one, _)| one == sent)
            .map_or(sent, |(_, name)| name)
    }
}

/// Makes ids for calls that come without one: unique in an answer, and the same each time it is read.
#[derive(Debug)]
pub(super) struct CallIds {
    stem: String,
    made: u32,
}

impl CallIds {
    pub fn new(call_id: &str) -> Self {
        Self {
            stem: call_id.replace('-', ""),
            made: 0,
        }
    }

    pub fn make(&mut self) -> String {
        let id = format!("call_{}_{}", self.stem, self.made);
        self.made += 1;
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neutral::Fields;

    #[test]
    fn plain_names_and_short_ids_stay() {
        assert!(matches!(fit_name("get_weather-2"), Cow::Borrowed(_)));
        assert!(matches!(
            fit_id("toolu_01A09q90qw90lq917835lq9"),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn only_long_users_are_changed() {
        assert_eq!(fit_user("jörg@example.com"), "jörg@example.com");
        let of_claude_code = |session: u8| {
            let device = "a".repeat(64);
            format!(r#"{{"device_id":"{device}","session_id":"{session}"}}"#)
        };
        let (one, other) = (of_claude_code(1), of_claude_code(2));
        assert_eq!(fit_user(&one).len(), MAX_NAME_BYTES);
        assert_eq!(fit_user(&one), fit_user(&one.clone()));
        assert_ne!(fit_user(&one), fit_user(&other));
    }

    #[test]
    fn changed_names_fit_differ_and_come_back() {
        let long = "mcp__".to_owned() + &"x".repeat(90);
        let names = ["a.b", "a:b", "größe", "", &long, &(long.clone() + "y")];
        let tool = |name: &&str| Tool::Function {
            name: (*name).to_owned(),
            description: None,
            parameters: None,
            strict: None,
            cache: None,
            rest: Fields::new(),
        };
        let request = Request {
            tools: names.iter().map(tool).collect(),
            ..Request::default()
        };
        let changed = ChangedNames::of(&request);
        let sent: Vec<_> = names.iter().map(|name| fit_name(name)).collect();
        for (name, sent) in names.iter().zip(&sent).filter(|(name, _)| !name.is_empty()) {
            assert!(sent.len() <= MAX_NAME_BYTES && sent.is_ascii(), "{sent}");
            assert_eq!(changed.restore(sent), *name);
        }
        assert!(
            sent.iter()
                .all(|one| sent.iter().filter(|it| *it == one).count() == 1)
        );
        assert_eq!(fit_id(&"é".repeat(60)).len(), MAX_ID_BYTES);
    }
}
