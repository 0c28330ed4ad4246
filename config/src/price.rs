//! What models cost.

use std::collections::BTreeMap;

use weir_wire::usage::Unit;

/// Prices of models by provider.
#[derive(Clone, Debug, Default)]
pub struct PriceTable {
    /// The table's own version, stored beside every cost; `+local` is added where a file overrides prices without
    /// giving a version of its own.
    pub version: String,
    pub(crate) providers: BTreeMap<String, ProviderPrices>,
}

/// The prices of one provider.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProviderPrices {
    exact: BTreeMap<String, Price>,
    /// Beginnings of names, the longest first, so that the most specific pattern is found first.
    beginnings: Vec<(String, Price)>,
}

impl ProviderPrices {
    /// Adds the price of a model, or of all whose names begin with what precedes a trailing `*`.
    pub(crate) fn insert(&mut self, pattern: &str, price: Price) {
        match pattern.strip_suffix('*') {
            None => {
                self.exact.insert(pattern.to_owned(), price);
            }
            Some(beginning) => {
                let longer = |(other, _): &(String, Price)| other.len() >= beginning.len();
                let at = self.beginnings.partition_point(longer);
                self.beginnings.insert(at, (beginning.to_owned(), price));
            }
        }
    }
}

impl PriceTable {
    /// The price of `model` at `provider`: its own, else that of the longest pattern that matches. A model without
    /// either has no known price, which must be told and never taken for free.
    pub fn find(&self, provider: &str, model: &str) -> Option<&Price> {
        let prices = self.providers.get(provider)?;
        prices.exact.get(model).or_else(|| {
            let mut beginnings = prices.beginnings.iter();
            beginnings
                .find(|(beginning, _)| model.starts_with(beginning.as_str()))
                .map(|(_, price)| price)
        })
    }
}

/// What one model costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// The rates of an ordinary request.
    pub rates: Rates,
    /// The rates of a request with a long prompt, where they differ.
    pub long_context: Option<LongContext>,
    /// Tokens of prompt and answer together.
    pub context_tokens: Option<u64>,
    /// Tokens of the longest answer.
    pub max_output_tokens: Option<u64>,
    /// Whether it costs nothing; all rates are 0 then.
    pub free: bool,
}

/// Rates that hold for the whole request once its prompt is long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongContext {
    /// The rates hold for prompts of more tokens than this.
    pub above_input_tokens: u64,
    /// The rates.
    pub rates: Rates,
}

impl Price {
    /// A price with one rate for all input and one for all output, in nano-dollars per million units.
    pub const fn flat(input: i64, output: i64) -> Self {
        Self {
            rates: Rates {
                input,
                cache_read: input,
                cache_write_5m: input,
                cache_write_1h: input,
                audio_input: input,
                image_input: input,
                output,
                reasoning: output,
                audio_output: output,
                image_output: output,
                is_per_token: true,
                images: None,
                seconds: None,
                characters: None,
                searches: None,
            },
            long_context: None,
            context_tokens: None,
            max_output_tokens: None,
            free: false,
        }
    }

    /// The rate of `unit` in an ordinary request, in nano-dollars per million units; none where it has no price.
    pub fn per_million(&self, unit: Unit) -> Option<i64> {
        self.rates.per_million(unit)
    }

    /// The rates of a request whose prompt has `input_tokens` tokens, cached ones included.
    pub fn at(&self, input_tokens: u64) -> &Rates {
        match &self.long_context {
            Some(long) if input_tokens > long.above_input_tokens => &long.rates,
            _ => &self.rates,
        }
    }
}

/// Nano-dollars per million units, for every unit of usage. What a table leaves out costs what it is a part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Tokens of the prompt that came from no cache.
    pub input: i64,
    /// Tokens read from the provider's cache; as `input` where not given.
    pub cache_read: i64,
    /// Tokens written to the cache for minutes; as `input` where not given.
    pub cache_write_5m: i64,
    /// Tokens written to the cache for an hour; as `cache_write_5m` where not given.
    pub cache_write_1h: i64,
    /// Tokens of audio in the prompt; as `input` where not given.
    pub audio_input: i64,
    /// Tokens of images in the prompt; as `input` where not given.
    pub image_input: i64,
    /// Tokens of the visible answer.
    pub output: i64,
    /// Tokens of reasoning; as `output` where not given.
    pub reasoning: i64,
    /// Tokens of audio in the answer; as `output` where not given.
    pub audio_output: i64,
    /// Tokens of images in the answer; as `output` where not given.
    pub image_output: i64,
    /// Whether tokens have a price at all. Where not, all rates above are 0 and mean nothing.
    pub is_per_token: bool,
    /// Images, where they are not paid by their tokens.
    pub images: Option<i64>,
    /// Seconds of audio or video.
    pub seconds: Option<i64>,
    /// Characters spoken.
    pub characters: Option<i64>,
    /// Searches.
    pub searches: Option<i64>,
}

impl Rates {
    /// The rates of what is free.
    pub(crate) const FREE: Self = Self {
        images: Some(0),
        seconds: Some(0),
        characters: Some(0),
        searches: Some(0),
        ..Price::flat(0, 0).rates
    };

    /// The rate of `unit`; none where it has no price, which must be told and never taken for free.
    pub fn per_million(&self, unit: Unit) -> Option<i64> {
        let of_tokens = match unit {
            Unit::Input => self.input,
            Unit::CacheRead => self.cache_read,
            Unit::CacheWrite5m => self.cache_write_5m,
            Unit::CacheWrite1h => self.cache_write_1h,
            Unit::AudioInput => self.audio_input,
            Unit::ImageInput => self.image_input,
            Unit::Output => self.output,
            Unit::Reasoning => self.reasoning,
            Unit::AudioOutput => self.audio_output,
            Unit::ImageOutput => self.image_output,
            Unit::Images => return self.images,
            Unit::Seconds => return self.seconds,
            Unit::Characters => return self.characters,
            Unit::Searches => return self.searches,
        };
        self.is_per_token.then_some(of_tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(prices: &[(&str, i64)]) -> PriceTable {
        let mut table = PriceTable::default();
        let of_provider = table.providers.entry("p".into()).or_default();
        for (pattern, input) in prices {
            of_provider.insert(pattern, Price::flat(*input, 0));
        }
        table
    }

    #[test]
    fn a_name_beats_patterns_and_a_long_pattern_a_short_one() {
        let table = table(&[("*", 1), ("a-*", 2), ("a-b-*", 3), ("a-b-c", 4)]);
        let input = |model| {
            table
                .find("p", model)
                .and_then(|price| price.per_million(Unit::Input))
        };
        assert_eq!(input("z"), Some(1));
        assert_eq!(input("a-z"), Some(2));
        assert_eq!(input("a-b-z"), Some(3));
        assert_eq!(input("a-b-c"), Some(4));
        assert_eq!(table.find("other", "z"), None);
    }

    #[test]
    fn a_dated_name_is_not_guessed() {
        assert_eq!(table(&[("gpt", 1)]).find("p", "gpt-2026-01-01"), None);
    }

    #[test]
    fn what_has_no_price_is_told_and_not_given_away() {
        let of_tokens = Price::flat(7, 3);
        assert_eq!(of_tokens.per_million(Unit::ImageOutput), Some(3));
        assert_eq!(of_tokens.per_million(Unit::Images), None);
        let of_images = Rates {
            images: Some(9),
            ..Rates::default()
        };
        assert_eq!(of_images.per_million(Unit::Images), Some(9));
        assert_eq!(of_images.per_million(Unit::Output), None);
        for unit in Unit::ALL {
            assert_eq!(Rates::FREE.per_million(unit), Some(0));
        }
    }

    #[test]
    fn a_long_prompt_has_its_own_rates() {
        let price = Price {
            long_context: Some(LongContext {
                above_input_tokens: 100,
                rates: Price::flat(9, 9).rates,
            }),
            ..Price::flat(5, 5)
        };
        assert_eq!(price.at(100).input, 5);
        assert_eq!(price.at(101).input, 9);
    }
}
