//! A text that cannot be printed.

use zeroize::Zeroizing;

/// A key or token: neither `Debug` nor `Display`, wiped from memory when dropped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the one place that sends or compares it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
