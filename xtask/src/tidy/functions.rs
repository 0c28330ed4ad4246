//! Finds the functions of a Rust file and how long they are, by the layout that rustfmt gives them: the closing brace
//! stands under the first letter of the signature. A parser would find the same, and be a dependency.

/// A function with a body.
#[derive(Debug, PartialEq)]
pub struct Function<'a> {
    pub name: &'a str,
    /// The line of its signature, counted from 1.
    pub line: usize,
    /// From the signature to the closing brace, both counted.
    pub lines: usize,
}

/// Every function of `text`, nested ones too.
pub fn functions(text: &str) -> Vec<Function<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| {
            let name = signature_name(line)?;
            let lines = body_end(lines.get(at..)?)? + 1;
            Some(Function {
                name,
                line: at + 1,
                lines,
            })
        })
        .collect()
}

/// The name where `line` begins a signature.
fn signature_name(line: &str) -> Option<&str> {
    let is_qualifier = |word: &str| {
        ["pub", "const", "async", "unsafe", "default", "extern"].contains(&word)
            || word.starts_with("pub(")
            || word.starts_with('"')
    };
    let mut words = line
        .split_whitespace()
        .skip_while(|word| is_qualifier(word));
    if words.next() != Some("fn") {
        return None;
    }
    let name = words.next()?.split(['(', '<']).next()?;
    Some(name)
}

/// How many lines after the signature's first the body ends; `None` for a declaration, which has no body.
fn body_end(lines: &[&str]) -> Option<usize> {
    let first = lines.first()?;
    let indent: String = first.chars().take_while(|c| c.is_whitespace()).collect();
    let close = format!("{indent}}}");
    let mut in_body = false;
    for (after, line) in lines.iter().enumerate() {
        if in_body {
            if *line == close {
                return Some(after);
            }
        } else if line.ends_with('}') {
            return Some(after);
        } else if line.ends_with(';') {
            return None;
        } else {
            in_body = line.ends_with('{');
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(text: &str) -> Vec<(&str, usize)> {
        functions(text)
            .iter()
            .map(|function| (function.name, function.lines))
            .collect()
    }

    #[test]
    fn signatures_of_every_kind_are_found() {
        let text = "\
fn one() {}
pub(crate) async fn two<T>(
    a: T,
) -> T
where
    T: Copy,
{
    a
}
impl X {
    pub const unsafe extern \"C\" fn three() {
        if true {
        }
    }
}
";
        assert_eq!(sizes(text), [("one", 1), ("two", 8), ("three", 4)]);
    }

    #[test]
    fn declarations_and_function_types_have_no_body() {
        let text = "\
trait T {
    fn short(&self);
    fn long(
        &self,
    ) -> u8;
    fn given(&self) {
    }
}
type F = fn(u8) -> u8;
const G: fn() = given;
";
        assert_eq!(sizes(text), [("given", 2)]);
    }
}
