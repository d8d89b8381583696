//! Bands defined in Hz, shared by all sample rates: bins -> band powers and band gains -> bin gains.
//!
//! Triangles between neighbouring centres: every bin belongs to at most two bands with weights that add up
//! to one, and the same weights interpolate the gains back (docs/algorithm.md section 5.1).

use std::ops::Range;

use crate::meters::{DISPLAY_BANDS, display_band_hz};
use crate::units::bin_to_hz;

/// Band centres in Hz, ascending: steps of `linear_step_hz` at first, then `growth` times the frequency, to `last_hz`.
pub fn layout_hz(linear_step_hz: f32, growth: f32, last_hz: f32) -> Vec<f32> {
    let mut centres_hz = vec![linear_step_hz];
    while let Some(&centre_hz) = centres_hz.last() {
        let next_hz = centre_hz + (centre_hz * growth).max(linear_step_hz);
        if next_hz > last_hz {
            break;
        }
        centres_hz.push(next_hz);
    }
    centres_hz
}

/// Map between the bins of one sample rate and the bands.
pub struct Bands {
    bands: usize,
    /// Per pair of neighbouring bands: the bins between their centres (below the first and above the last: the clamped
    /// ones, too). Together all bins, in order.
    between: Vec<Range<usize>>,
    /// Per bin: the weight of the upper band of its pair.
    upper_weight: Vec<f32>,
    /// Bins that count in the analysis; those above lie beyond the last band and only receive its gain.
    analysed_bins: usize,
    /// Per band: 1 / sum of its weights, 0 for a band without bins (above the Nyquist frequency).
    inverse_weight: Vec<f32>,
}

impl Bands {
    /// Maps `centres_hz` (ascending, at least two) to the bins of a window at a sample rate. Allocates.
    pub fn new(centres_hz: &[f32], window_samples: usize, sample_rate_hz: f64) -> Self {
        let bands = centres_hz.len();
        let bins = window_samples / 2 + 1;
        let last_step_hz = centres_hz[bands - 1] - centres_hz[bands - 2];
        let end_hz = centres_hz[bands - 1] + last_step_hz;
        let mut map = Self {
            bands,
            between: vec![0..0; bands - 1],
            upper_weight: Vec::with_capacity(bins),
            analysed_bins: 0,
            inverse_weight: vec![0.0; bands],
        };
        for bin in 0..bins {
            let frequency_hz = bin_to_hz(bin, window_samples, sample_rate_hz) as f32;
            let (lower, upper_weight) = position(centres_hz, frequency_hz);
            if map.between[lower].is_empty() {
                map.between[lower].start = bin;
            }
            map.between[lower].end = bin + 1;
            map.upper_weight.push(upper_weight);
            if frequency_hz <= end_hz {
                map.analysed_bins = bin + 1;
                map.inverse_weight[lower] += 1.0 - upper_weight;
                map.inverse_weight[lower + 1] += upper_weight;
            }
        }
        for weight in &mut map.inverse_weight {
            // A band just under the Nyquist frequency with only the edge of a bin would be noise.
            *weight = if *weight > 0.05 { 1.0 / *weight } else { 0.0 };
        }
        map
    }

    /// Number of bands.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// Number of bins.
    pub fn bins(&self) -> usize {
        self.upper_weight.len()
    }

    /// Mean power `[bands]` of the bin powers `[bins]` in each band; 0 for bands above the Nyquist frequency.
    #[inline(always)]
    pub fn mean_power_into(&self, bin_power: &[f32], band_power: &mut [f32]) {
        band_power.fill(0.0);
        for (lower, bins) in self.between.iter().enumerate() {
            let bins = bins.start..bins.end.min(self.analysed_bins).max(bins.start);
            let (lower_sum, upper_sum) = shared_sums(&bin_power[bins.clone()], &self.upper_weight[bins]);
            band_power[lower] += lower_sum;
            band_power[lower + 1] += upper_sum;
        }
        for (power, weight) in band_power.iter_mut().zip(&self.inverse_weight) {
            *power *= weight;
        }
    }

    /// Gains `[bins]` interpolated between the gains `[bands]`.
    #[inline(always)]
    pub fn interpolate_into(&self, band_gain: &[f32], bin_gain: &mut [f32]) {
        for (bins, gains) in self.between.iter().zip(band_gain.windows(2)) {
            let (lower, step) = (gains[0], gains[1] - gains[0]);
            let weights = &self.upper_weight[bins.clone()];
            for (gain, weight) in bin_gain[bins.clone()].iter_mut().zip(weights) {
                *gain = lower + weight * step;
            }
        }
    }

    /// Transpose of [`Self::interpolate_into`]: adds the gradient by bin gains `[bins]` to that by band gains `[bands]`.
    pub fn interpolate_transposed_add(&self, bin_gradient: &[f32], band_gradient: &mut [f32]) {
        for (lower, bins) in self.between.iter().enumerate() {
            let (lower_sum, upper_sum) = shared_sums(&bin_gradient[bins.clone()], &self.upper_weight[bins.clone()]);
            band_gradient[lower] += lower_sum;
            band_gradient[lower + 1] += upper_sum;
        }
    }
}

/// Sums of values shared between a lower and an upper band, whose weights are given; in a fixed order over fixed lanes.
#[inline(always)]
pub(crate) fn shared_sums(values: &[f32], upper_weights: &[f32]) -> (f32, f32) {
    const LANES: usize = 8;
    if values.len() < LANES {
        // Most bands at low frequencies: one or two bins, for which lanes would be all overhead.
        let pairs = || values.iter().zip(upper_weights);
        let lower = pairs().map(|(value, weight)| value - weight * value).sum();
        return (lower, pairs().map(|(value, weight)| weight * value).sum());
    }
    let (mut lower, mut upper) = ([0.0; LANES], [0.0; LANES]);
    let mut add = |lane: usize, value: f32, weight: f32| {
        lower[lane] += value - weight * value;
        upper[lane] += weight * value;
    };
    let (chunks, rest) = values.as_chunks::<LANES>();
    let (weight_chunks, weight_rest) = upper_weights.as_chunks::<LANES>();
    for (values, weights) in chunks.iter().zip(weight_chunks) {
        for lane in 0..LANES {
            add(lane, values[lane], weights[lane]);
        }
    }
    for (lane, (value, weight)) in rest.iter().zip(weight_rest).enumerate() {
        add(lane, *value, *weight);
    }
    (lower.iter().sum(), upper.iter().sum())
}

/// Lower neighbour of a frequency among ascending centres and the weight of the upper one; clamped at both ends.
pub(crate) fn position(centres_hz: &[f32], frequency_hz: f32) -> (usize, f32) {
    let above = centres_hz.partition_point(|&centre| centre <= frequency_hz);
    let lower = above.saturating_sub(1).min(centres_hz.len() - 2);
    let weight = (frequency_hz - centres_hz[lower]) / (centres_hz[lower + 1] - centres_hz[lower]);
    (lower, weight.clamp(0.0, 1.0))
}

/// A spectrum over bands at `centres_hz` as it is shown: interpolated to the display bands, peak 1.
pub(crate) fn display_shape(centres_hz: &[f32], spectrum: &[f32], out: &mut [f32; DISPLAY_BANDS]) {
    for (index, value) in out.iter_mut().enumerate() {
        let (lower, weight) = position(centres_hz, display_band_hz(index));
        *value = (1.0 - weight) * spectrum[lower] + weight * spectrum[lower + 1];
    }
    let peak = out.iter().fold(f32::MIN_POSITIVE, |a, b| a.max(*b));
    out.iter_mut().for_each(|value| *value /= peak);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_is_linear_then_geometric() {
        let centres = layout_hz(50.0, 0.035, 20_000.0);
        assert_eq!(&centres[..3], &[50.0, 100.0, 150.0]);
        let top = centres.len() - 1;
        assert!((centres[top] / centres[top - 1] - 1.035).abs() < 1e-4);
        assert!(centres[top] <= 20_000.0);
    }

    #[test]
    fn flat_stays_flat_in_both_directions() {
        let centres = layout_hz(50.0, 0.035, 20_000.0);
        for rate_hz in [11_025.0, 44_100.0, 48_000.0, 192_000.0] {
            let window = 2 * crate::units::hop_samples(rate_hz);
            let bands = Bands::new(&centres, window, rate_hz);
            let mut power = vec![0.0; bands.bands()];
            bands.mean_power_into(&vec![3.0; bands.bins()], &mut power);
            for (p, centre) in power.iter().zip(&centres) {
                let below_nyquist = f64::from(*centre) < rate_hz / 2.0 - 50.0;
                assert!(if below_nyquist {
                    (p - 3.0).abs() < 1e-4
                } else {
                    *p == 0.0 || (p - 3.0).abs() < 1e-4
                });
            }
            let mut gain = vec![0.0; bands.bins()];
            bands.interpolate_into(&vec![0.25; bands.bands()], &mut gain);
            assert!(gain.iter().all(|g| *g == 0.25));
        }
    }

    #[test]
    fn transpose_is_the_adjoint() {
        let bands = Bands::new(&layout_hz(50.0, 0.04, 20_000.0), 960, 48_000.0);
        let x: Vec<f32> = (0..bands.bands()).map(|i| (i as f32).sin()).collect();
        let y: Vec<f32> = (0..bands.bins()).map(|i| (i as f32 * 0.7).cos()).collect();
        let mut ax = vec![0.0; bands.bins()];
        bands.interpolate_into(&x, &mut ax);
        let mut aty = vec![0.0; bands.bands()];
        bands.interpolate_transposed_add(&y, &mut aty);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        assert!((dot(&ax, &y) - dot(&x, &aty)).abs() < 1e-3);
    }
}
