//! What a model costs, in the words of OpenRouter's list: dollars for one token or unit, as decimal text
//! (<https://openrouter.ai/docs/api-reference/list-available-models>).

use serde_json::{Map, Value};

/// Nano-dollars per million units in one dollar per unit.
const PER_DOLLAR: i128 = 1_000_000_000_000_000;
/// Digits after the point that such a rate can have.
const DIGITS: usize = 15;
/// The same for dollars per million units, as some providers list.
const DIGITS_PER_MILLION: usize = 9;

/// One of the rates that lists name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The name in answers: OpenRouter's where it has one.
    pub name: &'static str,
    /// Nano-dollars per million units.
    pub nano_per_million: i64,
}

/// The rates that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pricing(Vec<Rate>);

/// The rates of OpenRouter's that are read.
const NAMES: [&str; 8] = [
    "prompt",
    "completion",
    "request",
    "image",
    "web_search",
    "internal_reasoning",
    "input_cache_read",
    "input_cache_write",
];

impl Pricing {
    /// Adds a rate.
    pub fn push(&mut self, name: &'static str, nano_per_million: i64) {
        self.0.push(Rate {
            name,
            nano_per_million,
        });
    }

    /// Whether no rate is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads a provider's own: OpenRouter's rates per unit in text, or Together's `input` and `output` in dollars per
    /// million tokens. What cannot be read is left out, a price below nothing (OpenRouter's "it depends") too.
    pub(super) fn read(value: &Value) -> Self {
        let mut pricing = Self::default();
        for name in NAMES {
            let rate = value.get(name).and_then(Value::as_str);
            if let Some(nano) = rate.and_then(|text| nano_dollars(text, DIGITS)) {
                pricing.push(name, nano);
            }
        }
        for (theirs, name) in [("input", "prompt"), ("output", "completion")] {
            // The number's own text is read: a float would not give the decimal that was meant.
            let rate = value.get(theirs).and_then(Value::as_number);
            let nano = rate.and_then(|rate| nano_dollars(&rate.to_string(), DIGITS_PER_MILLION));
            if let Some(nano) = nano {
                pricing.push(name, nano);
            }
        }
        pricing
    }

    /// The rates as decimal text of dollars per unit.
    pub(super) fn to_value(&self) -> Value {
        let rates = self.0.iter();
        let named = rates.map(|rate| (rate.name.to_owned(), dollars(rate.nano_per_million).into()));
        Value::Object(named.collect::<Map<_, _>>())
    }
}

/// A decimal as a whole number of its `digits`th decimal places.
fn nano_dollars(text: &str, digits: usize) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(part) {
        return None;
    }
    let part = part.get(..digits.min(part.len()))?;
    let text = format!("{whole}{part:0<digits$}");
    text.parse().ok()
}

/// Nano-dollars per million units as dollars per unit, without zeros that say nothing.
fn dollars(nano_per_million: i64) -> String {
    let nano = i128::from(nano_per_million);
    let sign = if nano < 0 { "-" } else { "" };
    let (whole, part) = (nano.abs() / PER_DOLLAR, nano.abs() % PER_DOLLAR);
    let text = format!("{sign}{whole}.{part:0DIGITS$}");
    let text = text.trim_end_matches('0');
    text.strip_suffix('.').unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rates_go_both_ways_without_a_float() {
        for (text, nano) in [
            ("0.0000025", 2_500_000_000),
            ("0.000000000000001", 1),
            ("0", 0),
            ("1", 1_000_000_000_000_000),
            ("12.5", 12_500_000_000_000_000),
        ] {
            assert_eq!(nano_dollars(text, DIGITS), Some(nano), "{text}");
            assert_eq!(dollars(nano), text);
        }
        for text in ["-1", "1e-6", "", ".5", "free", "99999999999999"] {
            assert_eq!(nano_dollars(text, DIGITS), None, "{text}");
        }
    }

    #[test]
    fn prices_per_million_are_turned_into_prices_per_token() {
        let of_together = json!({"hourly": 0, "input": 0.88, "output": 1, "base": 0});
        assert_eq!(
            Pricing::read(&of_together).to_value(),
            json!({"prompt": "0.00000088", "completion": "0.000001"})
        );
    }
}
