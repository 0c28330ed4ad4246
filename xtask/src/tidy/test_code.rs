//! What is a test: caps on a file's length hold for the product, and tests may be as long as what they promise.

/// Whether the whole file is a test: in a `tests` folder, or named as one. `tests/kit/src` is a crate like any other.
pub fn is_test_file(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let nearest = folders
        .rsplit('/')
        .find(|folder| ["src", "tests"].contains(folder));
    let stem = name.split('.').next().unwrap_or(name);
    nearest == Some("tests") || stem == "tests" || stem.ends_with("_tests")
}

/// The lines of Rust code outside `#[cfg(test)] mod … { … }`.
pub fn lines_outside_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let mut count = 0;
    let mut at = 0;
    while at < lines.len() {
        match test_module_end(&lines, at) {
            Some(end) => at = end + 1,
            None => {
                count += 1;
                at += 1;
            }
        }
    }
    count
}

/// Where line `at` opens a test module: the line that closes it. rustfmt puts the brace under the attribute.
fn test_module_end(lines: &[&str], at: usize) -> Option<usize> {
    let indent = lines.get(at)?.strip_suffix("#[cfg(test)]")?;
    let opens = lines
        .iter()
        .skip(at)
        .position(|line| !line.trim_start().starts_with("#["))?;
    let module = lines
        .get(at + opens)?
        .trim_start()
        .trim_start_matches("pub ");
    if !module.starts_with("mod ") || !module.ends_with('{') {
        return None;
    }
    let close = format!("{indent}}}");
    lines
        .iter()
        .skip(at)
        .position(|line| *line == close)
        .map(|after| at + after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_from_the_product() {
        for path in [
            "tests/chat.rs",
            "tests/python/test_chat.py",
            "wire/src/sse/tests.rs",
            "store/src/ledger_tests.rs",
        ] {
            assert!(is_test_file(path), "{path}");
        }
        for path in [
            "src/main.rs",
            "tests/kit/src/upstream.rs",
            "wire/src/testing.rs",
            "bench/run.sh",
        ] {
            assert!(!is_test_file(path), "{path}");
        }
    }

    #[test]
    fn a_test_module_does_not_count() {
        let module = "#[cfg(test)]\nmod tests {\n    fn a() {\n    }\n}\n";
        assert_eq!(lines_outside_tests(&format!("fn a() {{}}\n\n{module}")), 2);
        assert_eq!(
            lines_outside_tests(&format!("{module}fn after() {{}}\n")),
            1
        );
    }

    #[test]
    fn a_test_module_in_a_file_of_its_own_is_one_declaration() {
        assert_eq!(
            lines_outside_tests("#[cfg(test)]\nmod tests;\nfn a() {\n}\n"),
            4
        );
    }
}
