//! Caps on the length of files and functions, with a list of exceptions that may only shrink.

use super::functions::functions;
use super::test_code::{is_test_file, lines_outside_tests};
use super::{Finding, Report};
use crate::repository::{File, Repository};

const FILE_LINES_MAX: usize = 800;
const FILE_LINES_SOFT: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

const ALLOW_LIST: &str = "xtask/tidy-allow.txt";
const CAPPED: [&str; 4] = ["rs", "ts", "py", "sh"];

/// Something with a length: a file, or a function named `path::function`.
struct Measured {
    name: String,
    path: String,
    line: Option<usize>,
    lines: usize,
    cap: usize,
}

pub fn check(repository: &Repository) -> Report {
    let allow_list = repository
        .file(ALLOW_LIST)
        .and_then(File::text)
        .unwrap_or_default();
    let mut report = Report::default();
    let mut exceptions = parse_allow_list(allow_list, &mut report.findings);
    for measured in repository
        .files()
        .iter()
        .filter(|file| CAPPED.contains(&file.extension()))
        .flat_map(measure)
    {
        if measured.lines > measured.cap {
            judge(&measured, &mut exceptions, &mut report.findings);
        } else if measured.line.is_none() && measured.lines > FILE_LINES_SOFT {
            let message = format!(
                "{} lines; aim for {FILE_LINES_SOFT}, split by subject",
                measured.lines
            );
            report
                .warnings
                .push(Finding::in_file(&measured.path, message));
        }
    }
    for stale in exceptions.iter().filter(|exception| !exception.used) {
        let message = format!("`{}` is within its cap now: remove this line", stale.name);
        report
            .findings
            .push(Finding::at_line(ALLOW_LIST, stale.line, message));
    }
    report
}

fn measure(file: &File) -> Vec<Measured> {
    let Some(text) = file.text() else {
        return Vec::new();
    };
    let mut measured = Vec::new();
    if !is_test_file(&file.path) {
        measured.push(Measured {
            name: file.path.clone(),
            path: file.path.clone(),
            line: None,
            lines: if file.extension() == "rs" {
                lines_outside_tests(text)
            } else {
                text.lines().count()
            },
            cap: FILE_LINES_MAX,
        });
    }
    if file.extension() == "rs" {
        measured.extend(functions(text).into_iter().map(|function| Measured {
            name: format!("{}::{}", file.path, function.name),
            path: file.path.clone(),
            line: Some(function.line),
            lines: function.lines,
            cap: FUNCTION_LINES_MAX,
        }));
    }
    measured
}

/// One line of the list: what may be longer than its cap, and how long at the most.
struct Exception {
    name: String,
    lines_max: usize,
    line: usize,
    used: bool,
}

/// Reads `<path>[::<function>] <lines>` a line; `#` begins a comment.
fn parse_allow_list(text: &str, findings: &mut Vec<Finding>) -> Vec<Exception> {
    let mut exceptions = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let entry = line.split('#').next().unwrap_or_default().trim();
        if entry.is_empty() {
            continue;
        }
        let parsed = entry
            .rsplit_once(' ')
            .and_then(|(name, lines)| Some((name.trim(), lines.parse().ok()?)));
        match parsed {
            Some((name, lines_max)) => {
                exceptions.push(Exception {
                    name: name.to_owned(),
                    lines_max,
                    line: at + 1,
                    used: false,
                });
            }
            None => findings.push(Finding::at_line(
                ALLOW_LIST,
                at + 1,
                "write `path 912` or `path::function 85`",
            )),
        }
    }
    exceptions
}

/// Decides about something over its cap: an exception lets it stay as long as it is, and not a line longer.
fn judge(measured: &Measured, exceptions: &mut [Exception], findings: &mut Vec<Finding>) {
    let Measured {
        name,
        path,
        line,
        lines,
        cap,
    } = measured;
    let exception = exceptions
        .iter_mut()
        .find(|exception| exception.name == *name);
    match exception {
        None => {
            let what = if line.is_some() {
                format!("`{name}` has")
            } else {
                "the file has".to_owned()
            };
            let message = format!("{what} {lines} lines, the cap is {cap}: split it by subject");
            findings.push(Finding {
                path: path.clone(),
                line: *line,
                message,
            });
        }
        Some(exception) => {
            exception.used = true;
            let (allowed, at) = (exception.lines_max, exception.line);
            if *lines > allowed {
                let message =
                    format!("`{name}` grew to {lines} lines, {allowed} are allowed: shorten it");
                findings.push(Finding {
                    path: path.clone(),
                    line: *line,
                    message,
                });
            } else if *lines < allowed {
                let message = format!("`{name}` shrank to {lines} lines: write {lines} here");
                findings.push(Finding::at_line(ALLOW_LIST, at, message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of(lines: usize) -> String {
        "let a = 1;\n".repeat(lines)
    }

    fn function_of(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    a();\n".repeat(lines - 2))
    }

    fn findings(files: &[(&str, &str)]) -> Vec<String> {
        check(&Repository::of(files))
            .findings
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn files_and_functions_are_capped() {
        let (file, function) = (file_of(801), function_of(71));
        let found = findings(&[
            ("a.rs", &file),
            ("b.rs", &function),
            ("c.py", &file),
            ("tests/d.rs", &file),
        ]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("a.rs: the file has 801 lines"));
        assert!(found[1].starts_with("b.rs:1: `b.rs::long` has 71 lines"));
        assert!(findings(&[("a.rs", &file_of(800)), ("b.rs", &function_of(70))]).is_empty());
    }

    #[test]
    fn a_file_over_the_soft_cap_is_a_warning() {
        let report = check(&Repository::of(&[
            ("a.ts", &file_of(401)),
            ("b.ts", &file_of(400)),
        ]));
        assert!(report.findings.is_empty());
        assert_eq!(report.warnings.len(), 1);
    }

    #[test]
    fn an_exception_may_only_shrink() {
        let function = function_of(85);
        let with = |list: &str| findings(&[("a.rs", &function), (ALLOW_LIST, list)]);
        assert!(with("# why\na.rs::long 85 # a table\n").is_empty());
        assert!(with("a.rs::long 84")[0].contains("grew to 85"));
        assert!(with("a.rs::long 86")[0].contains("write 85 here"));
        assert!(
            with("a.rs::long 85\nb.rs 900")[0]
                .starts_with("xtask/tidy-allow.txt:2: `b.rs` is within its cap")
        );
        assert!(with("a.rs::long 85\nnonsense")[0].contains("write `path 912`"));
    }
}
