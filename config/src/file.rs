//! A file's YAML -> the draft.

use crate::alias;
use crate::draft::{AREAS, Area, Draft, Reading, join};
use crate::price_draft;
use crate::provider_draft;
use crate::report::{Place, Report};
use crate::section::{Row, Section, Shape};
use crate::yaml::{self, Entry, Node, Value};

/// Keys at the top of a file that are no section of settings.
const COLLECTIONS: &[&str] = &["providers", "prices", "aliases", "fallbacks"];

/// Reads one file's text over what the draft holds.
pub(crate) fn read(text: &str, file: &Place, draft: &mut Draft, report: &mut Report) {
    match yaml::parse(text) {
        Ok(Some(root)) => read_area(&root, "", file, &mut Reading { draft, report }),
        Ok(None) => {}
        Err(faults) => {
            for fault in faults {
                report.error(&file.at(fault.line), fault.message);
            }
        }
    }
}

/// Reads the map at `path`: its settings, and the areas below it.
fn read_area(node: &Node, path: &str, file: &Place, reading: &mut Reading<'_>) {
    for entry in entries(node, path, file, reading.report) {
        let full = join(path, &entry.key);
        let area = AREAS.iter().find(|area| area.path == path);
        let row = area.and_then(|area| Some((area, row(area.rows, &entry.key)?)));
        if let Some((area, row)) = row {
            read_setting(entry, area, row, file, reading);
        } else if AREAS.iter().any(|area| is_at_or_below(area.path, &full)) {
            read_area(&entry.node, &full, file, reading);
        } else if path.is_empty() && COLLECTIONS.contains(&entry.key.as_str()) {
            read_collection(entry, file, reading);
        } else {
            let place = file.at(entry.line);
            let message = format!("`{full}` is not a setting");
            reading
                .report
                .unknown(&place, message, &entry.key, names_in(path));
        }
    }
}

fn read_collection(entry: &Entry, file: &Place, reading: &mut Reading<'_>) {
    match entry.key.as_str() {
        "providers" => provider_draft::read(&entry.node, file, reading),
        "prices" => price_draft::read(&entry.node, file, reading),
        "aliases" => alias::read_aliases(&entry.node, file, reading),
        _ => alias::read_fallbacks(&entry.node, file, reading),
    }
}

fn read_setting(entry: &Entry, area: &Area, row: &Row, file: &Place, reading: &mut Reading<'_>) {
    let path = join(area.path, row.name);
    let place = file.at(entry.line);
    let outcome = text_of(&entry.node, row.shape)
        .and_then(|text| reading.draft.set(area, row.name, &text, &place));
    if let Err(why) = outcome {
        reading.report.error(&place, format!("`{path}`: {why}"));
    }
}

/// The text of a setting's value.
pub(crate) fn text_of(node: &Node, shape: Shape) -> Result<String, String> {
    match (&node.value, shape) {
        (Value::Scalar(text), _) => Ok(text.clone()),
        (Value::Null, Shape::Optional) => Ok(crate::kinds::NONE.to_owned()),
        (Value::Null, _) => Err("has no value".to_owned()),
        (Value::List(items), Shape::List) => {
            let texts = items.iter().map(|item| match &item.value {
                Value::Scalar(text) => Ok(text.as_str()),
                _ => Err(format!("the list holds {}", item.describe())),
            });
            Ok(texts.collect::<Result<Vec<_>, _>>()?.join(","))
        }
        (_, Shape::List) => Err(format!("takes a list, not {}", node.describe())),
        (_, _) => Err(format!("takes a single value, not {}", node.describe())),
    }
}

/// The entries of a map, or none and an error. Nothing at all is an empty map.
pub(crate) fn entries<'a>(
    node: &'a Node,
    path: &str,
    file: &Place,
    report: &mut Report,
) -> &'a [Entry] {
    match &node.value {
        Value::Map(entries) => return entries,
        Value::Null => {}
        _ => {
            let what = if path.is_empty() {
                "a file".to_owned()
            } else {
                format!("`{path}`")
            };
            let message = format!("{what} takes a map, not {}", node.describe());
            report.error(&file.at(node.line), message);
        }
    }
    &[]
}

/// The row of a setting.
pub(crate) fn row<'a>(rows: &'a [Row], name: &str) -> Option<&'a Row> {
    rows.iter().find(|row| row.name == name)
}

/// Reads a map of single values into a section.
pub(crate) fn read_section<S: Section>(
    section: &mut S,
    node: &Node,
    path: &str,
    file: &Place,
    report: &mut Report,
) {
    for entry in entries(node, path, file, report) {
        let path = format!("{path}.{}", entry.key);
        read_one(section, entry, &path, file, report, &[]);
    }
}

/// Reads one entry into a section. `others` are keys that are read elsewhere, known here for the hint.
pub(crate) fn read_one<S: Section>(
    section: &mut S,
    entry: &Entry,
    path: &str,
    file: &Place,
    report: &mut Report,
    others: &[Row],
) {
    let place = file.at(entry.line);
    let Some(row) = row(S::ROWS, &entry.key) else {
        let known = S::ROWS.iter().chain(others).map(|row| row.name);
        report.unknown(
            &place,
            format!("`{path}` is not a setting"),
            &entry.key,
            known,
        );
        return;
    };
    let outcome = text_of(&entry.node, row.shape).and_then(|text| section.set(row.name, &text));
    if let Err(why) = outcome {
        report.error(&place, format!("`{path}`: {why}"));
    }
}

/// The texts of a list with their lines; one text stands for a list of itself.
pub(crate) fn texts<'a>(
    node: &'a Node,
    path: &str,
    file: &Place,
    report: &mut Report,
) -> Vec<(&'a str, usize)> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        Value::Scalar(_) => std::slice::from_ref(node),
        Value::Null => &[],
        Value::Map(_) => {
            report.error(
                &file.at(node.line),
                format!("`{path}` takes a list, not a map"),
            );
            &[]
        }
    };
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        match &item.value {
            Value::Scalar(text) => found.push((text.as_str(), item.line)),
            _ => report.error(
                &file.at(item.line),
                format!("`{path}`: the list holds {}", item.describe()),
            ),
        }
    }
    found
}

fn is_at_or_below(area: &str, path: &str) -> bool {
    area.strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Every key that may stand in the map at `path`.
fn names_in(path: &str) -> Vec<&'static str> {
    let mut names: Vec<&str> = Vec::new();
    for area in AREAS {
        if area.path == path {
            names.extend(area.rows.iter().map(|row| row.name));
        }
        let below = match area.path.strip_prefix(path) {
            Some(below) if path.is_empty() => Some(below),
            Some(below) => below.strip_prefix('.'),
            None => None,
        };
        let child = below.and_then(|below| below.split('.').next());
        names.extend(child.filter(|child| !child.is_empty()));
    }
    if path.is_empty() {
        names.extend(COLLECTIONS);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_in_a_map_are_its_settings_and_what_is_below() {
        assert_eq!(names_in("limits"), ["token", "user"]);
        assert!(names_in("server").contains(&"tls"));
        assert!(names_in("").contains(&"data_dir"));
        assert!(names_in("").contains(&"providers"));
    }
}
