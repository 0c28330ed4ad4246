//! As much of Markdown as links need: what is linked, and what can be linked to.

use std::collections::HashMap;

/// A link or an image, with the line it is on, counted from 1.
#[derive(Debug, PartialEq)]
pub struct Link {
    pub target: String,
    pub line: usize,
}

/// Every link, image, reference definition and HTML `href`/`src` outside code.
pub fn links(text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for (line, content) in prose_lines(text) {
        let content = without_code_spans(content);
        let mut push = |target: &str| {
            links.push(Link {
                target: target.to_owned(),
                line,
            })
        };
        for (at, _) in content.match_indices("](") {
            if let Some(target) = content.get(at + 2..).and_then(inline_target) {
                push(target);
            }
        }
        for attribute in ["href=\"", "src=\""] {
            for piece in content.split(attribute).skip(1) {
                piece.split('"').next().into_iter().for_each(&mut push);
            }
        }
        if let Some((label, target)) = content.split_once("]: ")
            && label.starts_with('[')
        {
            target
                .split_whitespace()
                .next()
                .into_iter()
                .for_each(&mut push);
        }
    }
    links
}

/// The anchors a link may name: GitHub's of the headings, and explicit `id`s.
pub fn anchors(text: &str) -> Vec<String> {
    let mut anchors = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (_, line) in prose_lines(text) {
        for attribute in ["id=\"", "name=\""] {
            let ids = line
                .split(attribute)
                .skip(1)
                .filter_map(|piece| piece.split('"').next());
            anchors.extend(ids.map(str::to_owned));
        }
        let Some(heading) = heading(line) else {
            continue;
        };
        let slug = slug(heading);
        let times = seen.entry(slug.clone()).or_default();
        anchors.push(if *times == 0 {
            slug
        } else {
            format!("{slug}-{times}")
        });
        *times += 1;
    }
    anchors
}

/// The lines outside fenced code, with their numbers.
fn prose_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, Some(opened)) => fence = Some(opened),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => return Some((at + 1, line)),
            _ => {}
        }
        None
    })
}

/// The line with the content of `code` blanked: what is in there is no link.
fn without_code_spans(line: &str) -> String {
    line.split('`')
        .enumerate()
        .map(|(at, piece)| if at % 2 == 0 { piece } else { "code" })
        .collect()
}

/// The target of `target)` or `<target> "title")`.
fn inline_target(rest: &str) -> Option<&str> {
    let mut depth = 1_usize;
    let close = rest.find(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    })?;
    let target = rest.get(..close)?.split_whitespace().next()?;
    Some(target.trim_start_matches('<').trim_end_matches('>'))
}

fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    ((1..=6).contains(&level) && text.starts_with(' '))
        .then(|| text.trim().trim_end_matches('#').trim_end())
}

/// GitHub's anchor of a heading: lower case, punctuation dropped, spaces turned to hyphens.
fn slug(heading: &str) -> String {
    let mut shown = heading.to_owned();
    // Of `[text](target)` only the text is shown.
    while let Some(from) = shown.find("](") {
        let to = shown
            .get(from..)
            .and_then(|rest| rest.find(')'))
            .map_or(shown.len(), |at| from + at + 1);
        shown.replace_range(from..to, "");
    }
    shown
        .chars()
        .flat_map(char::to_lowercase)
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(text: &str) -> Vec<String> {
        links(text).into_iter().map(|link| link.target).collect()
    }

    #[test]
    fn links_of_every_form_are_found() {
        let text = "[a](one.md) ![b](<two.png> \"title\") [c](three(1).md)\n\n[d]: four.md\n<img src=\"five.svg\">";
        assert_eq!(
            targets(text),
            ["one.md", "two.png", "three(1).md", "four.md", "five.svg"]
        );
    }

    #[test]
    fn code_holds_no_links() {
        assert!(
            targets("```\n[a](one.md)\n```\n`[b](two.md)`\n~~~sh\n```\n[c](x.md)\n~~~").is_empty()
        );
    }

    #[test]
    fn headings_become_githubs_anchors() {
        let text = "# The `weir` way, end to end!\n## Keys\n### Keys\n```\n# no heading\n```\n#no heading\n## [Link](x.md) & more";
        assert_eq!(
            anchors(text),
            ["the-weir-way-end-to-end", "keys", "keys-1", "link--more"]
        );
    }

    #[test]
    fn explicit_anchors_count() {
        assert_eq!(anchors("<a id=\"here\"></a>"), ["here"]);
    }
}
