//! Hearing as the wideband PESQ models it (ITU-T P.862 and P.862.2, with formulas for its tables): critical bands,
//! loudness and the disturbance between two loudnesses. Powers are in units of the threshold of hearing, 10^(SPL / 10).

use std::ops::Range;

use unfold::kernels::{exp2, log2};
use unfold::units::bin_to_hz;

use super::batch::TRAINING_RATE_HZ;

/// Lower end of the first band and upper end of the last one.
const FIRST_HZ: f64 = 75.0;
const LAST_HZ: f64 = 8000.0;

/// Width of a band where the bins allow it: about that of PESQ's.
const WIDTH_BARK: f64 = 0.5;

/// Power of speech while it lasts, summed over the bands: about 87 dB, what PESQ's level of 10^7 (its input's mean
/// square) makes of speech with a third of pauses.
const SPEECH_POWER: f32 = 5e8;

/// Frames of less than this share of the loudest frame's power are pauses when the level is measured.
const PAUSE_SHARE: f32 = 1e-3;

/// Below this multiple of the mix's mean power per bin the loudest frame of the speech, all bands together, is lost in the
/// mix (some 25 dB under it): what would be heard of it then is noise, and its slopes are without bounds.
const SPEECHLESS_SHARE: f32 = 1.0;

/// PESQ's calibration of loudness (Sl), sone per Bark.
const LOUDNESS_SCALE: f32 = 0.186_605_5;

/// Exponent of Zwicker's law.
const EXPONENT: f64 = 0.23;

/// Loudness, in sone per Bark, over which the thresholds of hearing and of masking are rounded.
const ROUNDING: f32 = 0.02;

/// Share of the smaller loudness that masks a difference.
const MASKING: f32 = 0.25;

/// Added to both powers before they are compared, exponent of their ratio, and its largest value.
const RATIO_OFFSET: f32 = 50.0;
const RATIO_EXPONENT: f32 = 1.2;
const LARGEST_RATIO: f32 = 12.0;

/// The raised ratio counts fully above the second value and not at all below the first: PESQ jumps at 3.
const RATIO_RAMP: (f32, f32) = (2.0, 4.0);

/// Critical bands over the bins of one window length.
pub struct BarkBands {
    pub bins: Vec<Range<usize>>,
    /// `[K]`, in Bark.
    pub width_bark: Vec<f32>,
    /// `[K]`: 1 / power at the threshold in quiet.
    inverse_threshold: Vec<f32>,
    /// `[K]`: exponent of the loudness, a little higher in the lowest bands.
    exponent: Vec<f32>,
    /// `[K]`: loudness that the law's bracket is multiplied with.
    scale: Vec<f32>,
}

/// Critical-band rate of a frequency, after Traunmüller 1990.
fn bark(frequency_hz: f64) -> f64 {
    26.81 * frequency_hz / (1960.0 + frequency_hz) - 0.53
}

/// Threshold of hearing in quiet in dB, after Terhardt 1979.
fn threshold_db(frequency_hz: f64) -> f64 {
    let khz = frequency_hz / 1000.0;
    3.64 * khz.powf(-0.8) - 6.5 * (-0.6 * (khz - 3.3).powi(2)).exp() + 1e-3 * khz.powi(4)
}

impl BarkBands {
    /// For a window at the training rate.
    pub fn new(window_samples: usize) -> Self {
        let hz = |bin: f64| bin * bin_to_hz(1, window_samples, TRAINING_RATE_HZ);
        let end = (LAST_HZ / hz(1.0)).floor() as usize + 1;
        let mut bands = Self {
            bins: Vec::new(),
            width_bark: Vec::new(),
            inverse_threshold: Vec::new(),
            exponent: Vec::new(),
            scale: Vec::new(),
        };
        let mut first = (FIRST_HZ / hz(1.0)).ceil() as usize;
        while first < end {
            // A bin reaches half a bin to either side.
            let low_bark = bark(hz(first as f64 - 0.5));
            let wide = |past: &usize| bark(hz(*past as f64)) >= low_bark + WIDTH_BARK;
            let past = (first + 1..end).find(wide).unwrap_or(end);
            let high_bark = bark(hz(past as f64 - 0.5));
            let centre_hz = hz((first + past - 1) as f64 / 2.0);
            bands.push(first..past, high_bark - low_bark, centre_hz);
            first = past;
        }
        bands
    }

    fn push(&mut self, bins: Range<usize>, width_bark: f64, centre_hz: f64) {
        let threshold = 10.0_f64.powf(threshold_db(centre_hz) / 10.0);
        let raised = (6.0 / (bark(centre_hz).max(0.0) + 2.0)).clamp(1.0, 2.0).powf(0.15);
        let exponent = EXPONENT * raised;
        self.bins.push(bins);
        self.width_bark.push(width_bark as f32);
        self.inverse_threshold.push((1.0 / threshold) as f32);
        self.exponent.push(exponent as f32);
        self.scale
            .push(LOUDNESS_SCALE * (threshold / 0.5).powf(exponent) as f32);
    }

    /// Number of bands, K.
    pub fn len(&self) -> usize {
        self.bins.len()
    }

    /// Sums `power [B]` over each band.
    pub fn sums<'a>(&'a self, power: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        self.bins.iter().map(|bins| power[bins.clone()].iter().sum())
    }

    /// Brings the band powers `speech [T][K]`, in units of the mix's mean power per bin, to the level at which PESQ
    /// listens; returns the factor. 0 if there is no speech.
    pub fn calibrate(&self, speech: &mut [f32]) -> f32 {
        let totals: Vec<f32> = speech
            .chunks_exact(self.len())
            .map(|frame| frame.iter().sum())
            .collect();
        let loudest = totals.iter().copied().fold(0.0, f32::max);
        let active = totals.iter().filter(|total| **total > PAUSE_SHARE * loudest);
        let (count, sum) = active.fold((0.0, 0.0), |(count, sum), total| (count + 1.0, sum + total));
        let factor = if loudest > SPEECHLESS_SHARE {
            SPEECH_POWER * count / sum
        } else {
            0.0
        };
        speech.iter_mut().for_each(|power| *power *= factor);
        factor
    }

    /// Disturbance of band `k` between the powers of output and reference.
    #[inline(always)]
    pub fn disturbance(&self, k: usize, output: f32, reference: f32) -> Disturbance {
        let (loud_output, by_output) = self.loudness(k, output);
        let (loud_reference, by_reference) = self.loudness(k, reference);
        let difference = loud_output - loud_reference;
        let masked = MASKING * loud_output.min(loud_reference);
        let (value, slope) = above_zero(difference.abs() - masked);
        // The smaller loudness moves the difference and the masking, the larger one only the difference.
        let (of_output, of_reference) = if difference < 0.0 {
            (-1.0 - MASKING, 1.0)
        } else {
            (1.0, -1.0 - MASKING)
        };
        let (factor, by_log_ratio) = asymmetry(output, reference);
        Disturbance {
            value,
            by_output: slope * of_output * by_output,
            by_reference: slope * of_reference * by_reference,
            factor,
            factor_by_output: by_log_ratio / (output + RATIO_OFFSET),
            factor_by_reference: -by_log_ratio / (reference + RATIO_OFFSET),
        }
    }

    /// Zwicker's law: loudness of a power in sone per Bark, and its derivative.
    #[inline(always)]
    fn loudness(&self, k: usize, power: f32) -> (f32, f32) {
        let base = 0.5 + 0.5 * power * self.inverse_threshold[k];
        let raised = exp2(self.exponent[k] * log2(base));
        let (loudness, slope) = above_zero(self.scale[k] * (raised - 1.0));
        let derivative = self.scale[k] * self.exponent[k] * raised / base * 0.5 * self.inverse_threshold[k];
        (loudness, slope * derivative)
    }
}

/// Disturbance of one band in one frame, with its derivatives by the powers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disturbance {
    /// Audible difference of loudness, at least 0.
    pub value: f32,
    pub by_output: f32,
    pub by_reference: f32,
    /// What the difference counts as added sound: 0 where nothing was added, at most 12.
    pub factor: f32,
    pub factor_by_output: f32,
    pub factor_by_reference: f32,
}

/// The positive part of `value`, rounded at 0, and its derivative.
#[inline(always)]
fn above_zero(value: f32) -> (f32, f32) {
    let positive = value.max(0.0);
    let shifted = positive + ROUNDING;
    (
        positive * positive / shifted,
        positive * (positive + 2.0 * ROUNDING) / (shifted * shifted),
    )
}

/// `value` (at least 0), bent so that it stays below `limit`, and the derivative: 1 far below the limit.
#[inline(always)]
pub fn limited(value: f32, limit: f32) -> (f32, f32) {
    let share = value / limit;
    let square = share * share;
    let excess = 1.0 + square * square;
    let shrink = 1.0 / excess.sqrt().sqrt();
    (value * shrink, shrink / excess)
}

/// PESQ's factor of asymmetry and its derivative by the logarithm of the ratio of powers.
#[inline(always)]
fn asymmetry(output: f32, reference: f32) -> (f32, f32) {
    let log_ratio = log2(output + RATIO_OFFSET) - log2(reference + RATIO_OFFSET);
    let ratio = exp2(RATIO_EXPONENT * log_ratio).min(1e4);
    let (start, end) = RATIO_RAMP;
    let along = ((ratio - start) / (end - start)).clamp(0.0, 1.0);
    let gate = along * along * (3.0 - 2.0 * along);
    let gate_slope = 6.0 * along * (1.0 - along) / (end - start);
    let (value, slope) = limited(ratio * gate, LARGEST_RATIO);
    (value, slope * (gate + ratio * gate_slope) * RATIO_EXPONENT * ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_contiguous_and_as_many_as_pesq_has() {
        for window in [960, 1920] {
            let bands = BarkBands::new(window);
            assert!((36..=49).contains(&bands.len()), "{}", bands.len());
            assert!(bands.bins.windows(2).all(|pair| pair[0].end == pair[1].start));
            let last_hz = bin_to_hz(bands.bins[bands.len() - 1].end - 1, window, TRAINING_RATE_HZ);
            assert_eq!(last_hz, 8000.0);
            let sum: f32 = bands.width_bark.iter().sum();
            assert!((sum - 20.6).abs() < 0.6, "{sum} Bark");
        }
    }

    #[test]
    fn a_tone_of_40_db_at_1_khz_has_a_loudness_of_about_one_sone_per_bark() {
        let bands = BarkBands::new(960);
        let k = bands.bins.iter().position(|bins| bins.contains(&20)).unwrap();
        let loudness = bands.loudness(k, 1e4).0;
        assert!((0.7..1.4).contains(&loudness), "{loudness}");
        assert_eq!(bands.loudness(k, 1.0).0, 0.0);
    }

    #[test]
    fn derivatives_match_finite_differences() {
        let bands = BarkBands::new(960);
        for (output, reference) in [
            (3e5, 1e5),
            (1e5, 3e6),
            (2e3, 10.0),
            (0.0, 1e4),
            (1.3e4, 1e4),
            (1e8, 1e4),
        ] {
            let at = |output: f32, reference: f32| bands.disturbance(12, output, reference);
            let exact = at(output, reference);
            let check = |name: &str, slope: f32, of: &dyn Fn(f32) -> f32, x: f32| {
                let step = (0.02 * x).max(0.2);
                let numeric = (of(x + step) - of((x - step).max(0.0))) / (x + step - (x - step).max(0.0));
                let tolerance = 0.03 * slope.abs().max(numeric.abs()) + 2e-6 / step;
                assert!(
                    (slope - numeric).abs() <= tolerance,
                    "{name} {output} {reference}: {slope} {numeric}"
                );
            };
            check("value by output", exact.by_output, &|x| at(x, reference).value, output);
            check(
                "value by reference",
                exact.by_reference,
                &|x| at(output, x).value,
                reference,
            );
            check(
                "factor by output",
                exact.factor_by_output,
                &|x| at(x, reference).factor,
                output,
            );
            check(
                "factor by reference",
                exact.factor_by_reference,
                &|x| at(output, x).factor,
                reference,
            );
        }
    }
}
