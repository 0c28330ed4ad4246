//! How commands print: tables for people, JSON and CSV for programs.

use std::io::{self, Write};

/// Prints rows under headings, each column as wide as it needs. Control characters are shown, not sent to the terminal:
/// names come from users.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let mut widths: Vec<usize> = headings.iter().map(|it| it.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(clean(cell).chars().count());
        }
    }
    let mut out = io::stdout().lock();
    let headings: Vec<String> = headings.iter().map(|it| (*it).to_owned()).collect();
    for row in std::iter::once(&headings).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{:width$}  ", clean(cell)));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn clean(cell: &str) -> String {
    cell.chars()
        .flat_map(|it| {
            let escape = it.is_control();
            it.escape_default()
                .filter(move |_| escape)
                .chain((!escape).then_some(it))
        })
        .collect()
}

/// Prints rows as CSV (RFC 4180), control characters shown as in tables: it may be a terminal that reads it.
pub fn csv(headings: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", headings.join(","))?;
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| quote(&clean(cell))).collect();
        writeln!(out, "{}", cells.join(","))?;
    }
    Ok(())
}

fn quote(cell: &str) -> String {
    // A cell that begins like a formula is run by spreadsheets; the apostrophe keeps it text.
    let is_formula = cell.starts_with(['=', '+', '@', '\t', '\r'])
        || (cell.starts_with('-') && cell.parse::<f64>().is_err());
    let cell = if is_formula {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

/// Prints one line.
pub fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Prints a JSON value on one line.
pub fn json(value: &serde_json::Value) -> io::Result<()> {
    line(&value.to_string())
}

/// Nano-dollars as dollars, exactly: `1234567890` is `1.23456789`.
pub fn dollars(nanousd: i64) -> String {
    let sign = if nanousd < 0 { "-" } else { "" };
    let whole = nanousd.unsigned_abs() / 1_000_000_000;
    let rest = format!("{:09}", nanousd.unsigned_abs() % 1_000_000_000);
    let rest = rest.trim_end_matches('0');
    let rest = if rest.len() < 2 {
        format!("{rest:0<2}")
    } else {
        rest.to_owned()
    };
    format!("{sign}{whole}.{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_printed_exactly() {
        assert_eq!(dollars(1_234_567_890), "1.23456789");
        assert_eq!(dollars(0), "0.00");
        assert_eq!(dollars(5), "0.000000005");
        assert_eq!(dollars(-1_500_000_000), "-1.50");
    }

    #[test]
    fn a_name_can_neither_steer_a_terminal_nor_a_spreadsheet() {
        assert_eq!(clean("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(quote("=cmd()"), "'=cmd()");
        assert_eq!(quote("-1.5"), "-1.5");
        assert_eq!(quote("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
