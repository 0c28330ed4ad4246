//! Why a form is refused.

/// A form that is not one, or that a provider could read differently. The caller's mistake: HTTP 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// Another media type.
    #[error("The Content-Type must be multipart/form-data with a boundary.")]
    NotAForm,
    /// A boundary that RFC 2046 does not allow.
    #[error(
        "The boundary in Content-Type must be 1 to 70 letters, digits or marks of RFC 2046, given once."
    )]
    BadBoundary,
    /// Text that servers may decode otherwise than it is read here.
    #[error("The `charset` in Content-Type must be a common one, such as utf-8.")]
    Charset,
    /// The body begins with something else.
    #[error("The body does not begin with the boundary that Content-Type names.")]
    NoBoundary,
    /// A boundary that is framed so that readers may differ about it.
    #[error(
        "A boundary in the body must have a line of its own that ends with CRLF, and a blank line must follow the headers \
         of each part."
    )]
    DisputableBoundary,
    /// More after the last boundary.
    #[error("The body goes on after its last boundary.")]
    AfterEnd,
    /// The body ended too early.
    #[error("The form ends without its last boundary.")]
    Incomplete,
    /// There is nothing in it.
    #[error("The form has no parts.")]
    NoParts,
    /// More than [`super::MAX_PARTS`].
    #[error("The form has more than {max} parts.")]
    TooManyParts {
        /// The most there may be.
        max: usize,
    },
    /// More than [`super::MAX_HEAD_BYTES`] in one part.
    #[error("The headers of a part have more than {max} bytes.")]
    HeadTooLong {
        /// The most there may be.
        max: usize,
    },
    /// A part's headers cannot be read.
    #[error("The headers of a part are wrong: {reason}.")]
    BadHead {
        /// What is wrong, as a clause.
        reason: &'static str,
    },
    /// A field that the gateway acts on is given twice, so that gateway and provider could read different values.
    #[error("The form gives `{name}` more than once. Send it once.")]
    RepeatedField {
        /// The field.
        name: &'static str,
    },
    /// A field that the gateway acts on comes as a file.
    #[error("`{name}` must be a field without a file name.")]
    FileAsField {
        /// The field.
        name: &'static str,
    },
    /// A field that the gateway acts on says something else.
    #[error("`{name}` must be {expected}.")]
    WrongValue {
        /// The field.
        name: &'static str,
        /// What it must be, with its article.
        expected: &'static str,
    },
}
