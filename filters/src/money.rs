//! What a call costs: integers only. Prices are nano-dollars per million units; the products are summed in i128 and
//! rounded once per call, half up.

use weir_config::Price;
use weir_wire::usage::{Unit, Usage};

/// The units a price is for.
const PER: i128 = 1_000_000;

/// What one unit of a call used and cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The attempt that used it, from 1.
    pub attempt: u32,
    /// The unit.
    pub unit: Unit,
    /// How much.
    pub quantity: u64,
    /// Its part of the call's cost, nano-dollars. The parts of a call sum to its cost exactly.
    pub cost_nanousd: i64,
}

/// A running bill: costs are summed unrounded, and each line gets the difference its product makes to the rounded sum.
#[derive(Default)]
pub struct Bill {
    sum: i128,
    /// The lines so far.
    pub lines: Vec<Line>,
    /// Whether something on it has no price.
    pub unpriced: bool,
}

impl Bill {
    /// Adds what an attempt used, at a price, if one is known; what it used before of the same unit is on the same line.
    pub fn add(&mut self, attempt: u32, usage: &Usage, price: Option<&Price>) {
        // A long prompt may put the whole request into a dearer tier.
        let rates = price.map(|price| price.at(usage.input_total()));
        for (unit, quantity) in usage.iter() {
            let before = rounded(self.sum);
            match rates.and_then(|rates| rates.per_million(unit)) {
                Some(per_million) => {
                    let product = i128::from(per_million) * i128::from(quantity);
                    self.sum = self.sum.saturating_add(product);
                }
                None => self.unpriced = true,
            }
            let cost_nanousd = clamp(rounded(self.sum) - before);
            let mut lines = self.lines.iter_mut();
            match lines.find(|line| (line.attempt, line.unit) == (attempt, unit)) {
                Some(line) => {
                    line.quantity = line.quantity.saturating_add(quantity);
                    line.cost_nanousd = line.cost_nanousd.saturating_add(cost_nanousd);
                }
                None => self.lines.push(Line {
                    attempt,
                    unit,
                    quantity,
                    cost_nanousd,
                }),
            }
        }
    }

    /// The cost of everything on the bill, nano-dollars.
    pub fn total_nanousd(&self) -> i64 {
        clamp(rounded(self.sum))
    }
}

/// The most that some usage may cost, for a hold: every unit at the dearest of the prices it may fall under. None where
/// one of them has no price.
pub fn most_nanousd(price: &Price, usage: &Usage) -> Option<i64> {
    let rates = price.at(usage.input_total());
    let mut sum = 0_i128;
    for (unit, quantity) in usage.iter() {
        // What goes in may be written to a cache, and of what comes out nobody knows yet what it will be.
        let may_be: &[Unit] = match unit {
            Unit::Input => &[Unit::Input, Unit::CacheWrite5m, Unit::CacheWrite1h],
            Unit::Output => &[
                Unit::Output,
                Unit::Reasoning,
                Unit::AudioOutput,
                Unit::ImageOutput,
            ],
            _ => &[unit],
        };
        let prices = may_be.iter().filter_map(|unit| rates.per_million(*unit));
        let product = i128::from(prices.max()?) * i128::from(quantity);
        sum = sum.saturating_add(product);
    }
    Some(clamp(rounded(sum)))
}

fn rounded(sum: i128) -> i128 {
    sum.saturating_add(PER / 2).div_euclid(PER)
}

fn clamp(nanousd: i128) -> i64 {
    i64::try_from(nanousd).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn price(input: i64, output: i64) -> Price {
        Price::flat(input, output)
    }

    #[test]
    fn it_is_rounded_once_per_call_and_half_up() {
        let mut usage = Usage::default();
        usage.set(Unit::Input, 1);
        usage.set(Unit::Output, 1);
        let mut bill = Bill::default();
        // 0.3 + 0.2 nano-dollars are half a nano-dollar together; rounded apart they would be nothing.
        bill.add(1, &usage, Some(&price(300_000, 200_000)));
        assert_eq!(bill.total_nanousd(), 1);
    }

    #[test]
    fn usage_without_a_price_is_counted_and_flagged() {
        let mut usage = Usage::default();
        usage.set(Unit::Output, 7);
        let mut bill = Bill::default();
        bill.add(1, &usage, None);
        assert!(bill.unpriced);
        assert_eq!((bill.lines.len(), bill.total_nanousd()), (1, 0));
    }

    #[test]
    fn an_item_without_a_rate_flags_the_bill_and_the_rest_is_charged() {
        let mut usage = Usage::default();
        usage.set(Unit::Input, 2_000_000);
        usage.set(Unit::Images, 3);
        let mut bill = Bill::default();
        bill.add(1, &usage, Some(&price(5, 7)));
        assert!(bill.unpriced);
        assert_eq!((bill.lines.len(), bill.total_nanousd()), (2, 10));
    }

    #[test]
    fn images_seconds_and_searches_have_prices_of_their_own() {
        let mut price = price(0, 0);
        price.rates.images = Some(40_000_000 * 1_000_000);
        let mut usage = Usage::default();
        usage.set(Unit::Images, 3);
        assert_eq!(most_nanousd(&price, &usage), Some(120_000_000));
        let mut bill = Bill::default();
        bill.add(1, &usage, Some(&price));
        assert_eq!((bill.unpriced, bill.total_nanousd()), (false, 120_000_000));
    }

    #[test]
    fn a_hold_is_at_the_dearest_price_that_may_come() {
        let mut price = price(1_000_000, 5_000_000);
        price.rates.cache_write_1h = 2_000_000;
        price.rates.audio_output = 9_000_000;
        let mut usage = Usage::default();
        usage.set(Unit::Input, 10);
        usage.set(Unit::Output, 3);
        assert_eq!(most_nanousd(&price, &usage), Some(10 * 2 + 3 * 9));
        usage.set(Unit::Seconds, 1);
        assert_eq!(most_nanousd(&price, &usage), None);
    }

    #[test]
    fn absurd_quantities_are_cut_and_never_turn_round() {
        let mut usage = Usage::default();
        usage.set(Unit::Input, u64::MAX);
        usage.set(Unit::Output, u64::MAX);
        let dear = price(i64::MAX, i64::MAX);
        assert_eq!(most_nanousd(&dear, &usage), Some(i64::MAX));
        let mut bill = Bill::default();
        for _ in 0..3 {
            bill.add(1, &usage, Some(&dear));
        }
        assert_eq!(bill.total_nanousd(), i64::MAX);
        assert!(bill.lines.iter().all(|line| line.cost_nanousd >= 0));
    }

    #[test]
    fn what_comes_bit_by_bit_is_one_line_for_each_unit() {
        let mut usage = Usage::default();
        usage.set(Unit::Output, 1);
        let mut bill = Bill::default();
        for _ in 0..3 {
            bill.add(1, &usage, Some(&price(0, 400_000)));
        }
        bill.add(2, &usage, Some(&price(0, 400_000)));
        let lines: Vec<_> = bill
            .lines
            .iter()
            .map(|it| (it.attempt, it.quantity, it.cost_nanousd))
            .collect();
        assert_eq!(lines, [(1, 3, 1), (2, 1, 1)]);
        assert_eq!(bill.total_nanousd(), 2);
    }

    proptest! {
        #[test]
        fn the_lines_sum_to_the_total(
            quantities in proptest::collection::vec(0_u64..10_000_000, 9),
            input in 0_i64..100_000_000_000,
            output in 0_i64..100_000_000_000,
        ) {
            let mut usage = Usage::default();
            for (unit, quantity) in Unit::ALL.iter().zip(&quantities) {
                usage.set(*unit, *quantity);
            }
            let mut bill = Bill::default();
            bill.add(1, &usage, Some(&price(input, output)));
            bill.add(2, &usage, Some(&price(output, input)));
            let sum: i64 = bill.lines.iter().map(|line| line.cost_nanousd).sum();
            prop_assert_eq!(sum, bill.total_nanousd());
            prop_assert!(bill.lines.iter().all(|line| line.cost_nanousd >= 0));
        }
    }
}
