//! Why a body is refused.

/// Why a body was refused. Every one is the caller's mistake: HTTP 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// Nothing, or nothing but white space.
    #[error("The request has no body. Send a JSON object.")]
    Empty,
    /// Not UTF-8 from byte `at` on (counted from 0).
    #[error(
        "The body is not UTF-8: byte {at} is not part of a valid character. JSON must be sent as UTF-8."
    )]
    NotUtf8 {
        /// The index of the first bad byte.
        at: usize,
    },
    /// A UTF-8 byte order mark, which RFC 8259 section 8.1 forbids.
    #[error(
        "The body starts with a byte order mark, which JSON does not allow. Save or send it as UTF-8 without BOM."
    )]
    Bom,
    /// Brackets nest deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    #[error("The body nests arrays and objects more than {max} deep. Flatten it.")]
    TooDeep {
        /// The deepest nesting that is taken.
        max: usize,
    },
    /// Not JSON, found out at `line` and `column` (counted from 1).
    #[error("The body is not valid JSON: {reason} at line {line}, column {column}.")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1; 0 if the mistake is the line's end.
        column: usize,
        /// What the parser missed or met.
        reason: String,
    },
    /// JSON, but not an object.
    #[error("The body must be a JSON object, but it is {found}.")]
    NotObject {
        /// What it is instead, with its article.
        found: &'static str,
    },
    /// A key that the gateway acts on is given twice, so that gateway and provider could read different values.
    #[error("The body gives `{key}` more than once. Send it once.")]
    DuplicateKey {
        /// The key.
        key: &'static str,
    },
    /// A key that the gateway acts on is given in other capitals: it means nothing here, and the same to some providers.
    #[error(
        "The body gives `{key}` in other capitals, which some servers take for the same. Write it as `{key}`."
    )]
    OtherCapitals {
        /// The key.
        key: &'static str,
    },
    /// A value that the gateway acts on is of another type.
    #[error("`{key}` must be {expected}.")]
    WrongType {
        /// The key.
        key: &'static str,
        /// What it must be, with its article.
        expected: &'static str,
    },
}
