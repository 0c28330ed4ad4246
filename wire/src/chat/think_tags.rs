//! Thoughts between `<think>` and `</think>` at the beginning of an answer's text, where a server leaves the model's own
//! tags in. Only the beginning is looked at: further on the tags are what the model talks about.

const OPENING: &str = "<think>";
const CLOSING: &str = "</think>";
/// White space before the opening tag that is waited through.
const MAX_LEAD_BYTES: usize = 64;

/// What a piece of the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Thought,
    Text,
}

/// Tells the thoughts from the text, however it is cut into pieces.
#[derive(Debug, Default)]
pub(super) struct ThinkTags {
    state: State,
    /// What may be a part of a tag.
    held: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Everything is text.
    #[default]
    Over,
    /// The opening tag may come.
    Begun,
    /// Behind it; `true` until something but white space comes.
    Inside(bool),
    /// Behind the closing tag, before the text.
    Closed,
}

impl ThinkTags {
    /// For the answer of a server that leaves tags in, or of any other.
    pub fn new(is_tagged: bool) -> Self {
        Self {
            state: if is_tagged { State::Begun } else { State::Over },
            held: String::new(),
        }
    }

    /// Whether all that follows is text.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Takes a piece, and tells what is certain.
    pub fn feed(&mut self, piece: &str, tell: &mut dyn FnMut(Side, &str)) {
        let mut joined = std::mem::take(&mut self.held);
        joined.push_str(piece);
        let mut rest = joined.as_str();
        while !rest.is_empty() {
            rest = match self.state {
                State::Over => {
                    tell(Side::Text, rest);
                    ""
                }
                State::Begun => self.begin(rest),
                State::Inside(is_fresh) => self.think(rest, is_fresh, tell),
                State::Closed => {
                    let text = rest.trim_start();
                    if !text.is_empty() {
                        self.state = State::Over;
                    }
                    text
                }
            };
        }
    }

    /// Looks for the opening tag; what is left is still to be looked at.
    fn begin<'a>(&mut self, rest: &'a str) -> &'a str {
        let told = rest.trim_start();
        if let Some(thoughts) = told.strip_prefix(OPENING) {
            self.state = State::Inside(true);
            return thoughts;
        }
        if OPENING.starts_with(told) && rest.len() <= MAX_LEAD_BYTES {
            rest.clone_into(&mut self.held);
            return "";
        }
        self.state = State::Over;
        rest
    }

    /// Tells thoughts up to the closing tag, or to what may be the beginning of one.
    fn think<'a>(
        &mut self,
        rest: &'a str,
        is_fresh: bool,
        tell: &mut dyn FnMut(Side, &str),
    ) -> &'a str {
        let rest = if is_fresh { rest.trim_start() } else { rest };
        if let Some((thoughts, text)) = rest.split_once(CLOSING) {
            self.state = State::Closed;
            if !thoughts.is_empty() {
                tell(Side::Thought, thoughts);
            }
            return text;
        }
        let is_part = |length: &usize| CLOSING.get(..*length).is_some_and(|it| rest.ends_with(it));
        let held = (1..CLOSING.len()).rev().find(is_part).unwrap_or(0);
        let (thoughts, part) = rest
            .split_at_checked(rest.len() - held)
            .unwrap_or((rest, ""));
        if !thoughts.is_empty() {
            self.state = State::Inside(false);
            tell(Side::Thought, thoughts);
        }
        part.clone_into(&mut self.held);
        ""
    }

    /// No more text follows here: what was held back was no tag.
    pub fn finish(&mut self, tell: &mut dyn FnMut(Side, &str)) {
        let side = match std::mem::take(&mut self.state) {
            State::Inside(_) => Side::Thought,
            _ => Side::Text,
        };
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            tell(side, &held);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(pieces: &[&str]) -> (String, String) {
        let mut tags = ThinkTags::new(true);
        let (mut thoughts, mut text) = (String::new(), String::new());
        let mut tell = |side, piece: &str| match side {
            Side::Thought => thoughts.push_str(piece),
            Side::Text => text.push_str(piece),
        };
        pieces.iter().for_each(|piece| tags.feed(piece, &mut tell));
        tags.finish(&mut tell);
        (thoughts, text)
    }

    #[test]
    fn only_tags_at_the_beginning_are_tags() {
        for (answer, thoughts, text) in [
            ("<think>\nHm.\n</think>\n\nSo.", "Hm.\n", "So."),
            (
                " \n<think>a < b </thin> c</think>So <think>.",
                "a < b </thin> c",
                "So <think>.",
            ),
            ("<think></think>So.", "", "So."),
            ("<think>cut of", "cut of", ""),
            ("<think>cut of</thi", "cut of</thi", ""),
            ("So. <think>no</think>", "", "So. <think>no</think>"),
            ("<thin", "", "<thin"),
            ("<thinking>x", "", "<thinking>x"),
            ("  So.", "", "  So."),
            ("", "", ""),
        ] {
            assert_eq!(
                told(&[answer]),
                (thoughts.to_owned(), text.to_owned()),
                "{answer}"
            );
        }
        let space = " ".repeat(MAX_LEAD_BYTES + 1);
        assert_eq!(told(&[&space, "x"]).1, format!("{space}x"));
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_same_is_told(
            answer in "[ \n]{0,2}(<think>)?[a-c</think> é]{0,20}(</think>)?[ \n]{0,2}[a-c<]{0,4}",
            sizes in prop::collection::vec(1_usize..5, 1..8),
        ) {
            let mut pieces = Vec::new();
            let mut rest = answer.as_str();
            for size in sizes.iter().cycle() {
                let at = rest.char_indices().nth(*size).map_or(rest.len(), |(at, _)| at);
                let (piece, after) = rest.split_at(at);
                pieces.push(piece);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(told(&pieces), told(&[&answer]));
        }
    }
}
