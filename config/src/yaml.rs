//! YAML text -> a tree that remembers lines and keeps scalars as they were written.
//!
//! Scalars stay text because what they mean depends on the setting: `2.50` is an exact price, never a float, and
//! `0800` is never an octal number. Anchors, aliases and tags are refused: a configuration that is read by people and
//! bounded in size has no need of them.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// Levels of nesting; the deepest setting is at five.
const MAX_DEPTH: usize = 16;

/// A value and the line it begins on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub line: usize,
    pub value: Value,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One `key: value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub key: String,
    pub line: usize,
    pub node: Node,
}

/// What is wrong with the YAML itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub line: usize,
    pub message: String,
}

impl Node {
    /// What the node is, for messages.
    pub fn describe(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// Reads one document; `None` where the text holds none. Never both a tree and faults.
pub(crate) fn parse(text: &str) -> Result<Option<Node>, Vec<Fault>> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => {
                if !builder.take(event, span.start.line()) {
                    break;
                }
            }
            Err(error) => {
                let message = format!("this is not YAML: {}", error.info());
                builder.fault(error.marker().line(), message);
                break;
            }
        }
    }
    if builder.faults.is_empty() {
        Ok(builder.root)
    } else {
        Err(builder.faults)
    }
}

/// A list or map that is still open.
enum Open {
    List {
        line: usize,
        items: Vec<Node>,
    },
    Map {
        line: usize,
        entries: Vec<Entry>,
        key: Option<(String, usize)>,
    },
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    faults: Vec<Fault>,
}

impl Builder {
    fn fault(&mut self, line: usize, message: impl Into<String>) {
        self.faults.push(Fault {
            line,
            message: message.into(),
        });
    }

    /// Takes one event; false where reading on makes no sense.
    fn take(&mut self, event: Event<'_>, line: usize) -> bool {
        if is_marked(&event) {
            self.fault(
                line,
                "anchors, aliases and tags are not supported; write the value out",
            );
        }
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.fault(
                        line,
                        "a second YAML document; put it into a file of its own",
                    );
                    return false;
                }
            }
            Event::Alias(_) => self.place(line, Value::Null),
            Event::Scalar(text, style, ..) => self.scalar(&text, style, line),
            Event::SequenceStart(..) => {
                let items = Vec::new();
                return self.begin(Open::List { line, items });
            }
            Event::MappingStart(..) => {
                let (entries, key) = (Vec::new(), None);
                return self.begin(Open::Map { line, entries, key });
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
        true
    }

    fn begin(&mut self, open: Open) -> bool {
        let line = match &open {
            Open::List { line, .. } | Open::Map { line, .. } => *line,
        };
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            self.fault(line, "a key must be plain text");
            return false;
        }
        if self.open.len() == MAX_DEPTH {
            self.fault(line, format!("nested deeper than {MAX_DEPTH} levels"));
            return false;
        }
        self.open.push(open);
        true
    }

    fn end(&mut self) {
        match self.open.pop() {
            Some(Open::List { line, items }) => self.place(line, Value::List(items)),
            Some(Open::Map { line, entries, .. }) => self.place(line, Value::Map(entries)),
            None => {}
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, line: usize) {
        if let Some(Open::Map { key, entries, .. }) = self.open.last_mut()
            && key.is_none()
        {
            let first = entries.iter().find(|entry| entry.key == text);
            let first_line = first.map(|entry| entry.line);
            *key = Some((text.to_owned(), line));
            if let Some(first_line) = first_line {
                let message = format!("`{text}` is given twice, first on line {first_line}");
                self.fault(line, message);
            }
            return;
        }
        let is_null = style == ScalarStyle::Plain && matches!(text, "" | "~" | "null");
        let value = if is_null {
            Value::Null
        } else {
            Value::Scalar(text.to_owned())
        };
        self.place(line, value);
    }

    /// Puts a finished value where it belongs.
    fn place(&mut self, line: usize, value: Value) {
        let node = Node { line, value };
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => {
                // Without a key this is an alias that stands as one, which was refused already.
                if let Some((key, line)) = key.take() {
                    entries.push(Entry { key, line, node });
                }
            }
        }
    }
}

/// Whether a node has an anchor or a tag, or stands for one that has.
fn is_marked(event: &Event<'_>) -> bool {
    match event {
        Event::Alias(_) => true,
        Event::Scalar(_, _, anchor, tag)
        | Event::SequenceStart(anchor, tag)
        | Event::MappingStart(anchor, tag) => *anchor != 0 || tag.is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<(usize, String)> {
        let faults = parse(text).unwrap_err();
        faults.into_iter().map(|f| (f.line, f.message)).collect()
    }

    fn map(node: &Node) -> &[Entry] {
        match &node.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    #[test]
    fn scalars_keep_their_text_and_line() {
        let root = parse("a: 2.50\nb:\n  - 0800\n  - \"null\"\n  - ~\n")
            .unwrap()
            .unwrap();
        let entries = map(&root);
        assert_eq!(entries[0].key, "a");
        assert_eq!(entries[0].node.value, Value::Scalar("2.50".into()));
        assert_eq!((entries[1].line, entries[1].node.line), (2, 3));
        let Value::List(items) = &entries[1].node.value else {
            unreachable!("a list was written")
        };
        assert_eq!(items[0].value, Value::Scalar("0800".into()));
        assert_eq!(items[1].value, Value::Scalar("null".into()));
        assert_eq!(items[2].value, Value::Null);
        assert_eq!(items[2].line, 5);
    }

    #[test]
    fn an_empty_text_holds_nothing() {
        assert_eq!(parse("").unwrap(), None);
        assert_eq!(parse("# only a comment\n").unwrap(), None);
    }

    #[test]
    fn every_duplicate_key_is_told() {
        assert_eq!(
            faults("a: 1\nb: {c: 1, c: 2}\na: 3\n"),
            [
                (2, "`c` is given twice, first on line 2".into()),
                (3, "`a` is given twice, first on line 1".into()),
            ]
        );
    }

    #[test]
    fn anchors_aliases_and_tags_are_refused() {
        let refused = "anchors, aliases and tags are not supported; write the value out";
        let lines = faults("a: &x 1\nb: *x\nc: !!int 3\n");
        assert_eq!(lines, [1, 2, 3].map(|line| (line, refused.to_owned())));
    }

    #[test]
    fn depth_and_documents_are_bounded() {
        let deep = format!("a: {}{}", "[".repeat(40), "]".repeat(40));
        assert_eq!(faults(&deep), [(1, "nested deeper than 16 levels".into())]);
        let two = faults("a: 1\n---\nb: 2\n");
        assert_eq!(
            two[0].1,
            "a second YAML document; put it into a file of its own"
        );
    }

    #[test]
    fn a_syntax_error_names_its_line() {
        let found = faults("a: 1\nb: [1, 2\nc: 3\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].1.starts_with("this is not YAML: "), "{found:?}");
        assert!(found[0].0 >= 2);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ -~\n\t&*!{}\\[\\]:#-]{0,200}") {
            let _ = parse(&text);
        }
    }
}
