//! Bootstrap intervals over test excerpts. Mixes of one excerpt at several ratios are not independent, so excerpts are
//! drawn, each with all its ratios.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const RESAMPLES: usize = 4000;

/// A mean with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

/// Mean of `values` (one for each excerpt) and its percentile interval. The same draws of excerpts serve every call with
/// the same number of values.
pub fn interval(values: &[f64]) -> Interval {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let count = values.len();
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| (0..count).map(|_| values[rng.random_range(0..count)]).sum::<f64>() / count as f64)
        .collect();
    means.sort_by(f64::total_cmp);
    let quantile = |share: f64| means[(share * (RESAMPLES - 1) as f64).round() as usize];
    Interval {
        mean: values.iter().sum::<f64>() / count as f64,
        low: quantile(0.025),
        high: quantile(0.975),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_normal_values_is_the_textbook_one() {
        // Sums of twelve uniform draws: nearly normal, deviation 1.
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let values: Vec<f64> = (0..200)
            .map(|_| (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0)
            .collect();
        let found = interval(&values);
        let mean = values.iter().sum::<f64>() / 200.0;
        let deviation = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 199.0).sqrt();
        let half = 1.96 * deviation / 200.0_f64.sqrt();
        assert!((found.mean - mean).abs() < 1e-12);
        assert!((found.low - (mean - half)).abs() < 0.15 * half, "{found:?}");
        assert!((found.high - (mean + half)).abs() < 0.15 * half, "{found:?}");
    }

    #[test]
    fn equal_values_leave_no_doubt() {
        let found = interval(&[2.5; 7]);
        assert_eq!((found.mean, found.low, found.high), (2.5, 2.5, 2.5));
    }
}
