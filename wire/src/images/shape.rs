//! Sizes in pixels as those know them who think in ratios.

/// The shape that comes closest to a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Such as `16:9`.
    pub ratio: &'static str,
    /// `1K`, `2K` or `4K`.
    pub scale: &'static str,
    /// Whether whoever asked for the size would take it for that size.
    pub is_close: bool,
}

/// How far a ratio may be from the one asked for, as a factor.
const CLOSE: f64 = 1.03;
/// The edge of a square image of the scale `1K`.
const ONE_K: f64 = 1024.0;

/// The shape that comes closest to `width` times `height`, of those with one of the `ratios`.
pub(super) fn closest(
    (width, height): (u32, u32),
    ratios: &'static [(&'static str, f64)],
) -> Option<Shape> {
    let asked = f64::from(width.max(1)) / f64::from(height.max(1));
    // The factor between two ratios, whichever is larger.
    let factor = |ratio: f64| (ratio / asked).max(asked / ratio);
    let &(ratio, value) = ratios
        .iter()
        .min_by(|(_, one), (_, other)| factor(*one).total_cmp(&factor(*other)))?;
    let edge = (f64::from(width) * f64::from(height)).sqrt() / ONE_K;
    Some(Shape {
        ratio,
        scale: match edge {
            ..1.4 => "1K",
            ..2.8 => "2K",
            _ => "4K",
        },
        is_close: factor(value) <= CLOSE && (0.7..=5.6).contains(&edge),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATIOS: &[(&str, f64)] = &[("1:1", 1.0), ("3:2", 1.5), ("9:16", 9.0 / 16.0)];

    #[test]
    fn the_closest_shape_is_found() {
        let cases = [
            ((1024, 1024), ("1:1", "1K", true)),
            ((1536, 1024), ("3:2", "1K", true)),
            ((1024, 1792), ("9:16", "1K", true)),
            ((2048, 2048), ("1:1", "2K", true)),
            ((2160, 3840), ("9:16", "4K", true)),
            ((256, 256), ("1:1", "1K", false)),
            ((3000, 1000), ("3:2", "2K", false)),
            ((0, 0), ("1:1", "1K", false)),
        ];
        for (size, (ratio, scale, is_close)) in cases {
            let expected = Shape {
                ratio,
                scale,
                is_close,
            };
            assert_eq!(closest(size, RATIOS), Some(expected), "{size:?}");
        }
    }
}
