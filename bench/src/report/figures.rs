//! Several rounds in one cell of a table.

/// Whether more is better.
#[derive(Clone, Copy, PartialEq)]
pub enum Better {
    /// As of requests per second.
    Higher,
    /// As of latency.
    Lower,
}

/// The middle of `figures`; the mean of the two in the middle where their number is even.
pub fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*sorted.get(middle.checked_sub(1)?)?, upper))
}

/// The best of `figures`.
pub fn best(figures: &[f64], better: Better) -> Option<f64> {
    let figures = figures.iter().copied();
    match better {
        Better::Higher => figures.reduce(f64::max),
        Better::Lower => figures.reduce(f64::min),
    }
}

/// `best (median)` with so many decimals; a dash where nothing was measured.
pub fn cell(figures: &[f64], better: Better, decimals: usize) -> String {
    match (best(figures, better), median(figures)) {
        (Some(best), Some(median)) => {
            format!("{} ({})", number(best, decimals), number(median, decimals))
        }
        _ => "-".into(),
    }
}

/// A number with so many decimals and a comma between thousands.
pub fn number(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if decimals > 0 {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    let is_negative = value < 0.0 && text.contains(|digit: char| ('1'..='9').contains(&digit));
    if is_negative {
        format!("-{grouped}")
    } else {
        grouped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn a_cell_has_the_best_and_the_median() {
        assert_eq!(
            cell(&[1000.0, 72_619.4, 2000.0], Better::Higher, 0),
            "72,619 (2,000)"
        );
        assert_eq!(cell(&[0.5, 0.25, 1.0], Better::Lower, 2), "0.25 (0.50)");
        assert_eq!(cell(&[], Better::Lower, 2), "-");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(1_234_567.0, 0), "1,234,567");
        assert_eq!(number(-1500.25, 2), "-1,500.25");
        assert_eq!(number(-0.001, 1), "0.0");
    }
}
