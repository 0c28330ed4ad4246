//! Nothing half-done is committed: no notes to self, no debug macros, no lint silenced for good.

use super::Finding;
use crate::repository::{File, Repository};

/// A text that must not appear, and what to do instead. Written in two halves, so that this table does not find itself.
struct Leftover {
    halves: (&'static str, &'static str),
    rust_only: bool,
    instead: &'static str,
}

const LEFTOVERS: [Leftover; 6] = [
    Leftover {
        halves: ("TO", "DO"),
        rust_only: false,
        instead: "do it now, or file an issue",
    },
    Leftover {
        halves: ("FIX", "ME"),
        rust_only: false,
        instead: "fix it now, or file an issue",
    },
    Leftover {
        halves: ("dbg", "!("),
        rust_only: true,
        instead: "remove it, or log with tracing",
    },
    Leftover {
        halves: ("todo", "!("),
        rust_only: true,
        instead: "write it",
    },
    Leftover {
        halves: ("unimplemented", "!("),
        rust_only: true,
        instead: "write it, or return an error",
    },
    Leftover {
        halves: ("[al", "low("),
        rust_only: true,
        instead: "use #[expect(.., reason = \"..\")]: it tells when it is no longer needed",
    },
];

const CODE: [&str; 11] = [
    "rs", "ts", "js", "mjs", "svelte", "py", "sh", "sql", "yaml", "yml", "toml",
];
const CODE_WITHOUT_EXTENSION: [&str; 3] = ["Makefile", "Dockerfile", "run"];

pub fn check(repository: &Repository) -> Vec<Finding> {
    repository
        .files()
        .iter()
        .filter(|file| is_code(file))
        .flat_map(leftovers_in)
        .collect()
}

fn is_code(file: &File) -> bool {
    CODE.contains(&file.extension()) || CODE_WITHOUT_EXTENSION.contains(&file.name())
}

fn leftovers_in(file: &File) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, line) in file.text().unwrap_or_default().lines().enumerate() {
        for leftover in &LEFTOVERS {
            if leftover.rust_only && file.extension() != "rs" {
                continue;
            }
            let needle = format!("{}{}", leftover.halves.0, leftover.halves.1);
            if has_word(line, &needle) {
                let message = format!("`{needle}` is left over: {}", leftover.instead);
                found.push(Finding::at_line(&file.path, at + 1, message));
            }
        }
    }
    found
}

/// Whether `needle` stands in `line` as a word of its own, not as a part of a longer one.
fn has_word(line: &str, needle: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(needle).any(|(at, _)| {
        let before = line.get(..at).unwrap_or_default();
        let after = line.get(at + needle.len()..).unwrap_or_default();
        let begins = !before.ends_with(in_word);
        let ends = !needle.ends_with(in_word) || !after.starts_with(in_word);
        begins && ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        check(&Repository::of(&[(path, text)]))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn every_leftover_is_found_with_its_line() {
        for leftover in &LEFTOVERS {
            let needle = format!("{}{}", leftover.halves.0, leftover.halves.1);
            let found = messages("src/a.rs", &format!("fn a() {{}}\n// {needle} x"));
            assert_eq!(found.len(), 1, "{needle}");
            assert!(found[0].starts_with("src/a.rs:2: "), "{found:?}");
        }
    }

    #[test]
    fn words_that_only_contain_one_are_left_alone() {
        let note = format!("{}{}", "TO", "DO");
        assert!(messages("src/a.rs", &format!("let MY{note} = 1; // {note}S")).is_empty());
        assert!(messages("README.md", &note).is_empty());
        assert_eq!(messages("Makefile", &format!("# {note}: x")).len(), 1);
    }
}
