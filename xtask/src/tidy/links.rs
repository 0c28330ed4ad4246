//! Every relative link of every Markdown file leads to a file of the repository, and every `#anchor` to a heading.

use super::Finding;
use super::markdown::{anchors, links};
use crate::repository::{File, Repository};

pub fn check(repository: &Repository) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in repository
        .files()
        .iter()
        .filter(|file| file.extension() == "md")
    {
        for link in links(file.text().unwrap_or_default()) {
            if let Some(problem) = problem(repository, file, &link.target) {
                found.push(Finding::at_line(&file.path, link.line, problem));
            }
        }
    }
    found
}

/// What is wrong with a link; nothing where it resolves, or leads out to the web.
fn problem(repository: &Repository, from: &File, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (target, None),
    };
    let resolved = if path.is_empty() {
        Some(from.path.clone())
    } else {
        resolve(&from.path, path)
    };
    let Some(path) = resolved.filter(|path| repository.has(path)) else {
        return Some(format!("`{target}` leads to no file of the repository"));
    };
    let text = repository
        .file(&path)
        .filter(|file| file.extension() == "md")
        .and_then(File::text)?;
    let anchor = anchor?;
    let known = anchors(text);
    if known.iter().any(|known| known == anchor) {
        return None;
    }
    Some(format!(
        "`{path}` has no heading `#{anchor}`; it has {}",
        known.join(", ")
    ))
}

/// The path from the root, for a link as written in the file `from`; `None` where it leaves the repository.
fn resolve(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = match link.starts_with('/') {
        true => Vec::new(),
        false => from
            .rsplit_once('/')
            .map(|(folder, _)| folder.split('/').collect())
            .unwrap_or_default(),
    };
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let files = [
            ("docs/a.md", text),
            ("README.md", "# Start here\n"),
            ("src/main.rs", ""),
        ];
        check(&Repository::of(&files))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn links_that_resolve_are_fine() {
        let text = "# Top\n[1](../README.md#start-here) [2](#top) [3](../src) [4](/README.md) [5](https://example.com/x) [6](./a.md)";
        assert!(findings(text).is_empty(), "{:?}", findings(text));
    }

    #[test]
    fn links_that_do_not_resolve_are_named_with_their_line() {
        assert!(findings("\n[1](b.md)")[0].starts_with("docs/a.md:2: `b.md` leads to no file"));
        assert!(findings("[1](../../etc/passwd)")[0].contains("leads to no file"));
        assert!(
            findings("[1](../README.md#gone)")[0]
                .ends_with("no heading `#gone`; it has start-here")
        );
    }
}
