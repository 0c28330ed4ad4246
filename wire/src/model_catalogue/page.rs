//! A page of a list: where its entries are, and how the next page is asked for.

use super::LIST_MAX_BYTES;
use crate::json::{self, Member};

/// The longest mark of a next page.
const MARK_MAX_BYTES: usize = 2_048;

/// Why a list cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// It is too large.
    #[error("the list of models is larger than {LIST_MAX_BYTES} bytes")]
    TooLarge,
    /// It is of no shape that is known.
    #[error("the answer is not a list of models")]
    NotAList,
}

/// How the next page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Anthropic: after the model of this id.
    After(String),
    /// The others: by this token.
    Token(String),
}

/// A page.
pub(super) struct Page<'a> {
    /// The JSON of its list.
    pub entries: &'a str,
    pub next: Option<Next>,
}

impl<'a> Page<'a> {
    /// The page whose list is the first of these members that is there, or the whole body.
    pub fn of(body: &'a [u8], lists: &[&str]) -> Result<Self, ListError> {
        if body.len() > LIST_MAX_BYTES {
            return Err(ListError::TooLarge);
        }
        let text = std::str::from_utf8(body).map_err(|_| ListError::NotAList)?;
        let text = text.trim_ascii();
        if text.starts_with('[') {
            return Ok(Self {
                entries: text,
                next: None,
            });
        }
        let mut found: Vec<Option<&str>> = vec![None; lists.len()];
        let (mut has_more, mut last_id, mut token) = (false, None, None);
        let visit = |Member { key, value, .. }: Member<'a>| match &*key {
            "has_more" => has_more = value == "true",
            "last_id" => last_id = json::string(value),
            "nextPageToken" | "next_page_token" | "nextToken" => token = json::string(value),
            key => {
                let places = found.iter_mut().zip(lists);
                for (place, _) in places.filter(|(_, list)| **list == key) {
                    *place = Some(value);
                }
            }
        };
        json::members(text, visit).map_err(|_| ListError::NotAList)?;
        let list = found.into_iter().flatten().next();
        let list = list.filter(|list| list.starts_with('['));
        let after = last_id.filter(|_| has_more).map(Next::After);
        let next = after.or(token.map(Next::Token));
        Ok(Self {
            entries: list.ok_or(ListError::NotAList)?,
            next: next.filter(|next| {
                let (Next::After(mark) | Next::Token(mark)) = next;
                (1..=MARK_MAX_BYTES).contains(&mark.len())
            }),
        })
    }
}
