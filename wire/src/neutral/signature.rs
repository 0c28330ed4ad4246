//! Proofs of thoughts, and how they travel in other formats' members.

use crate::format::Format;

/// A provider's opaque proof, good where its maker's models are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The format of its maker: Claude's proofs are Anthropic's on whatever platform they were made.
    pub origin: Format,
    /// The proof as it came.
    pub value: String,
}

/// What stands before a signature that travels in another format's member: `weir.<format>.<value>`.
const FOREIGN: &str = "weir.";

impl Signature {
    /// A signature of this format.
    pub fn new(origin: Format, value: impl Into<String>) -> Self {
        Self {
            origin,
            value: value.into(),
        }
    }

    /// How it is written into a member of `carrier`, so that [`Self::read`] finds its origin again.
    pub fn write(&self, carrier: Format) -> String {
        if self.origin == carrier {
            self.value.clone()
        } else {
            format!("{FOREIGN}{}.{}", self.origin.as_str(), self.value)
        }
    }

    /// Reads what stands in a member of `carrier`.
    pub fn read(text: &str, carrier: Format) -> Self {
        let foreign = text
            .strip_prefix(FOREIGN)
            .and_then(|rest| rest.split_once('.'))
            .and_then(|(name, value)| Some((name.parse().ok()?, value)));
        match foreign {
            Some((origin, value)) => Self::new(origin, value),
            None => Self::new(carrier, text),
        }
    }

    /// The value, if a provider of `target` made it.
    pub fn for_target(&self, target: Format) -> Option<&str> {
        (self.origin == target).then_some(self.value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_keeps_its_origin_in_any_carrier() {
        let signature = Signature::new(Format::Gemini, "ab.c=");
        for carrier in Format::ALL {
            let written = signature.write(carrier);
            assert_eq!(Signature::read(&written, carrier), signature);
        }
        assert_eq!(signature.for_target(Format::Anthropic), None);
    }
}
