//! The one difference between the SQL of this crate and SQLite's: how a parameter is written.
//!
//! Statements are written with PostgreSQL's `$1` to `$n`. To SQLite `$1` is a *named* parameter, numbered by first
//! appearance, so that out-of-order or repeated use would bind the wrong values; `?1` is the numbered one.

use rusqlite::{CachedStatement, Connection, Statement};

/// Rewrites `$n` to `?n` outside of literals, quoted names and comments.
pub(crate) fn for_sqlite(sql: &str) -> String {
    let mut rewritten = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some((before, from)) = rest
        .find(['$', '\'', '"', '-', '/'])
        .and_then(|at| rest.split_at_checked(at))
    {
        rewritten.push_str(before);
        let (kept, after) = from
            .split_at_checked(verbatim_len(from))
            .unwrap_or((from, ""));
        rewritten.push_str(kept);
        rest = match after.strip_prefix('$') {
            Some(number) if kept.is_empty() => {
                rewritten.push('?');
                number
            }
            _ => after,
        };
    }
    rewritten.push_str(rest);
    rewritten
}

/// How many bytes at the start of `text` stay as they are; 0 if it starts with a parameter.
fn verbatim_len(text: &str) -> usize {
    let through = |end: Option<usize>, len: usize| end.map_or(text.len(), |at| at + len);
    let body = text.get(1..).unwrap_or("");
    match text.as_bytes() {
        // A doubled quote inside a literal reads as two literals in a row, which comes to the same.
        [b'\'', ..] => through(body.find('\''), 2),
        [b'"', ..] => through(body.find('"'), 2),
        [b'-', b'-', ..] => through(text.find('\n'), 1),
        [b'/', b'*', ..] => through(text.find("*/"), 2),
        [b'$', digit, ..] if digit.is_ascii_digit() => 0,
        _ => 1,
    }
}

/// Prepares a statement that lives as long as its connection, for those that run per call.
pub(crate) fn prepare<'c>(conn: &'c Connection, sql: &str) -> rusqlite::Result<Statement<'c>> {
    conn.prepare(&for_sqlite(sql))
}

/// Prepares a statement, or takes it from the connection's cache.
pub(crate) fn cached<'c>(conn: &'c Connection, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
    conn.prepare_cached(&for_sqlite(sql))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::params;

    use super::*;

    #[test]
    fn parameters_are_rewritten_and_nothing_else() {
        for (written, expected) in [
            ("SELECT $1", "SELECT ?1"),
            ("$12,$1 $2", "?12,?1 ?2"),
            ("SELECT '$1', $1", "SELECT '$1', ?1"),
            ("SELECT 'it''s $1', $2", "SELECT 'it''s $1', ?2"),
            (r#"SELECT "a$1" = $1"#, r#"SELECT "a$1" = ?1"#),
            ("SELECT $1 -- not $2\n, $3", "SELECT ?1 -- not $2\n, ?3"),
            (
                "SELECT /* $1 */ $2 - $3 / $4",
                "SELECT /* $1 */ ?2 - ?3 / ?4",
            ),
            ("SELECT 'é$1', $1 || 'ü'", "SELECT 'é$1', ?1 || 'ü'"),
            ("SELECT a$ , $x", "SELECT a$ , $x"),
            ("'open $1", "'open $1"),
            ("", ""),
        ] {
            assert_eq!(for_sqlite(written), expected);
        }
    }

    #[test]
    fn out_of_order_and_repeated_parameters_bind_by_number() {
        let conn = Connection::open_in_memory().unwrap();
        let text: String = cached(&conn, "SELECT $3 || $1 || $2 || $1 || '$2'")
            .unwrap()
            .query_row(params!["a", "b", "c"], |row| row.get(0))
            .unwrap();
        assert_eq!(text, "caba$2");
    }

    proptest! {
        #[test]
        fn rewriting_never_changes_the_length_and_is_idempotent(text in ".{0,80}") {
            let once = for_sqlite(&text);
            prop_assert_eq!(once.len(), text.len());
            prop_assert_eq!(for_sqlite(&once), once);
        }
    }
}
