//! Token counts in disjoint units. Providers count overlapping things under similar names; here every token is in
//! exactly one unit, so that a price can be put on each and nothing is charged twice.

mod modalities;
mod openai;

use std::str::FromStr;

pub use modalities::from_modalities;
pub(crate) use modalities::whole_seconds;
pub use openai::from_openai;
pub(crate) use openai::{MAX_COUNT, count};

/// What is counted. No token is in two units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Text tokens of the prompt that came from no cache.
    Input,
    /// Prompt tokens read from the provider's cache.
    CacheRead,
    /// Prompt tokens written to a cache that keeps them for 5 minutes (or for an unstated time).
    CacheWrite5m,
    /// Prompt tokens written to a cache that keeps them for an hour.
    CacheWrite1h,
    /// Audio tokens of the prompt.
    AudioInput,
    /// Image tokens of the prompt, where the provider tells them apart.
    ImageInput,
    /// Tokens of the visible answer, text and tool calls.
    Output,
    /// Tokens the model thought with, shown or not.
    Reasoning,
    /// Audio tokens of the answer.
    AudioOutput,
    /// Image tokens of the answer.
    ImageOutput,
    /// Images made, where a provider counts images and not tokens.
    Images,
    /// Seconds of audio heard or made, begun ones counted whole.
    Seconds,
    /// Characters spoken.
    Characters,
    /// Searches: a rerank of up to 100 documents, a web search of a provider's.
    Searches,
}

impl Unit {
    /// All units, in the order of their declaration.
    pub const ALL: [Unit; 14] = [
        Unit::Input,
        Unit::CacheRead,
        Unit::CacheWrite5m,
        Unit::CacheWrite1h,
        Unit::AudioInput,
        Unit::ImageInput,
        Unit::Output,
        Unit::Reasoning,
        Unit::AudioOutput,
        Unit::ImageOutput,
        Unit::Images,
        Unit::Seconds,
        Unit::Characters,
        Unit::Searches,
    ];

    /// The unit's name in configuration, database and API.
    pub fn as_str(self) -> &'static str {
        match self {
            Unit::Input => "input",
            Unit::CacheRead => "cache_read",
            Unit::CacheWrite5m => "cache_write_5m",
            Unit::CacheWrite1h => "cache_write_1h",
            Unit::AudioInput => "audio_input",
            Unit::ImageInput => "image_input",
            Unit::Output => "output",
            Unit::Reasoning => "reasoning",
            Unit::AudioOutput => "audio_output",
            Unit::ImageOutput => "image_output",
            Unit::Images => "images",
            Unit::Seconds => "seconds",
            Unit::Characters => "characters",
            Unit::Searches => "searches",
        }
    }

    /// Whether it counts tokens of the prompt.
    pub fn is_input(self) -> bool {
        self <= Unit::ImageInput
    }

    /// Whether it counts tokens of the answer.
    pub fn is_output(self) -> bool {
        matches!(
            self,
            Unit::Output | Unit::Reasoning | Unit::AudioOutput | Unit::ImageOutput
        )
    }
}

/// A name that is no unit's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a unit of usage. The units are {}.", Unit::ALL.map(Unit::as_str).join(", "))]
pub struct UnknownUnit {
    name: String,
}

impl FromStr for Unit {
    type Err = UnknownUnit;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Unit::ALL
            .into_iter()
            .find(|unit| unit.as_str() == name)
            .ok_or_else(|| UnknownUnit {
                name: name.to_owned(),
            })
    }
}

/// How much of each unit was used. Sums saturate instead of overflowing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage([u64; Unit::ALL.len()]);

impl Usage {
    // Indexing cannot fail: there are as many quantities as units, and a unit's number is its place in the declaration.

    /// The quantity of one unit.
    pub fn get(&self, unit: Unit) -> u64 {
        self.0[unit as usize]
    }

    /// Sets the quantity of one unit.
    pub fn set(&mut self, unit: Unit, quantity: u64) {
        self.0[unit as usize] = quantity;
    }

    /// Adds to the quantity of one unit.
    pub fn add(&mut self, unit: Unit, quantity: u64) {
        self.set(unit, self.get(unit).saturating_add(quantity));
    }

    /// Whether nothing was used.
    pub fn is_zero(&self) -> bool {
        self.0 == [0; Unit::ALL.len()]
    }

    /// The tokens that went into the model.
    pub fn input_total(&self) -> u64 {
        self.total(Unit::is_input)
    }

    /// The tokens that came out of it, thoughts included.
    pub fn output_total(&self) -> u64 {
        self.total(Unit::is_output)
    }

    /// The units of which something was used.
    pub fn iter(&self) -> impl Iterator<Item = (Unit, u64)> + '_ {
        Unit::ALL
            .into_iter()
            .map(|unit| (unit, self.get(unit)))
            .filter(|&(_, quantity)| quantity > 0)
    }

    fn total(&self, belongs: impl Fn(Unit) -> bool) -> u64 {
        self.iter()
            .filter(|&(unit, _)| belongs(unit))
            .fold(0, |sum, (_, quantity)| sum.saturating_add(quantity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for unit in Unit::ALL {
            assert_eq!(unit.as_str().parse(), Ok(unit));
        }
        let error = "tokens".parse::<Unit>().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`tokens` is not a unit of usage. The units are input,")
        );
    }

    #[test]
    fn totals_split_at_the_answer_and_saturate() {
        let mut usage = Usage::default();
        assert!(usage.is_zero());
        for (quantity, unit) in (1..).zip(Unit::ALL) {
            usage.add(unit, quantity);
        }
        assert_eq!(usage.input_total(), 1 + 2 + 3 + 4 + 5 + 6);
        assert_eq!(usage.output_total(), 7 + 8 + 9 + 10);
        usage.add(Unit::Input, u64::MAX);
        assert_eq!(usage.get(Unit::Input), u64::MAX);
        assert_eq!(usage.input_total(), u64::MAX);
    }

    #[test]
    fn only_what_was_used_is_listed() {
        let mut usage = Usage::default();
        usage.set(Unit::Reasoning, 4);
        usage.set(Unit::CacheRead, 2);
        assert_eq!(
            usage.iter().collect::<Vec<_>>(),
            [(Unit::CacheRead, 2), (Unit::Reasoning, 4)]
        );
    }
}
