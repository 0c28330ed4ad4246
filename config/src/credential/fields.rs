//! The members of a document, taken one by one. A JSON reader's own messages quote what they stumble over, so none of
//! them is passed on.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::BadCredential;
use crate::secret::Secret;

/// What is left of a document.
pub(super) struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    /// The members of a JSON object.
    pub fn parse(text: &'a str) -> Result<Self, BadCredential> {
        serde_json::from_str(text)
            .map(Self)
            .map_err(|_| BadCredential::new("begins with `{` but is no JSON object"))
    }

    /// Takes a text that need not be there; an empty one, or null, is as good as none.
    pub fn take(&mut self, name: &str) -> Result<Option<Secret>, BadCredential> {
        let Some(raw) = self.0.remove(name).filter(|raw| raw.get() != "null") else {
            return Ok(None);
        };
        let text: String = serde_json::from_str(raw.get())
            .map_err(|_| BadCredential::new(format!("has a `{name}` that is no text")))?;
        let text = Secret::new(text);
        Ok((!text.expose().trim().is_empty()).then_some(text))
    }

    /// As [`Fields::take`], of what is no secret.
    pub fn take_text(&mut self, name: &str) -> Result<Option<String>, BadCredential> {
        let text = self.take(name)?;
        let text = text.map(|text| text.expose().trim().to_owned());
        if text.as_deref().is_some_and(|text| !is_plain(text)) {
            return Err(unprintable(name));
        }
        Ok(text)
    }

    /// Takes a text that must be there.
    pub fn need(&mut self, name: &str) -> Result<Secret, BadCredential> {
        let text = self.take(name)?;
        text.ok_or_else(|| BadCredential::new(format!("lacks a `{name}`")))
    }

    /// As [`Fields::need`], of what is no secret.
    pub fn need_text(&mut self, name: &str) -> Result<String, BadCredential> {
        let text = self.take_text(name)?;
        text.ok_or_else(|| BadCredential::new(format!("lacks a `{name}`")))
    }

    /// Takes a key or token, which must be there and fit a header.
    pub fn need_key(&mut self, name: &str) -> Result<Secret, BadCredential> {
        let text = self.need(name)?;
        key(text.expose()).map_err(|_| unprintable(name))
    }

    /// Checks that nothing is left: what is misspelt would be missed later, where it is harder to see.
    pub fn end(self, kind: &str) -> Result<(), BadCredential> {
        match self.0.into_keys().next() {
            None => Ok(()),
            // Not quoted: a name may be a secret that stands in the wrong place.
            Some(_) => Err(BadCredential::new(format!(
                "has a member that the kind `{kind}` does not know"
            ))),
        }
    }
}

/// A key or token that fits a header.
pub(super) fn key(text: &str) -> Result<Secret, BadCredential> {
    let text = text.trim();
    if text.is_empty() {
        return Err(BadCredential::new("is empty"));
    }
    if !is_plain(text) {
        return Err(BadCredential::new(
            "holds spaces or characters that no key has",
        ));
    }
    Ok(Secret::new(text.to_owned()))
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn unprintable(name: &str) -> BadCredential {
    BadCredential::new(format!(
        "has a `{name}` with spaces or characters that none has"
    ))
}
