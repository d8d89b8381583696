//! SDR of BSS-eval version 3: the estimate is projected on 512 shifts of the reference, so that a short
//! linear filter (an equaliser, a delay) does not count as distortion. Never below SI-SDR, never mixed with it.
//!
//! E. Vincent, R. Gribonval, C. Févotte, "Performance measurement in blind audio source separation", 2006.

use realfft::RealFftPlanner;
use realfft::num_complex::Complex;

/// Taps of the permitted distortion filter.
const FILTER_TAPS: usize = 512;

/// Relative rounding error of the energies: caps the ratio at 140 dB.
const ROUNDING: f64 = 1e-14;

/// A reference signal: its half of the work is shared by all estimates scored against it.
pub struct SdrReference {
    length: usize,
    spectrum: Vec<Complex<f64>>,
    /// Autocorrelation at lags 0..FILTER_TAPS: first column of the Toeplitz matrix of inner products.
    autocorrelation: Vec<f64>,
}

impl SdrReference {
    /// Prepares `reference`.
    pub fn new(reference: &[f32]) -> Self {
        let spectrum = spectrum(reference, fft_length(reference.len()));
        let autocorrelation = correlation(&spectrum, &spectrum, fft_length(reference.len()));
        Self {
            length: reference.len(),
            spectrum,
            autocorrelation,
        }
    }

    /// SDR of BSS-eval v3 in dB of `estimate` (cut or zero-padded to the reference's length): no mean removal, at most
    /// 140 dB, NaN when a signal is silent.
    pub fn sdr_db(&self, estimate: &[f32]) -> f64 {
        let estimate = &estimate[..estimate.len().min(self.length)];
        let cross = correlation(
            &spectrum(estimate, fft_length(self.length)),
            &self.spectrum,
            fft_length(self.length),
        );
        let filter = solve_toeplitz(&self.autocorrelation, &cross);
        let energy: f64 = estimate.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        // Energy of the projection; the filter is the solution, so filter' G filter = filter' cross.
        let target: f64 = filter.iter().zip(&cross).map(|(h, c)| h * c).sum();
        let distortion = (energy - target).max(energy * ROUNDING);
        10.0 * (target / distortion).log10()
    }
}

fn fft_length(signal_length: usize) -> usize {
    (signal_length + FILTER_TAPS).next_power_of_two()
}

fn spectrum(signal: &[f32], length: usize) -> Vec<Complex<f64>> {
    let fft = RealFftPlanner::new().plan_fft_forward(length);
    let mut padded = fft.make_input_vec();
    for (slot, &sample) in padded.iter_mut().zip(signal) {
        *slot = f64::from(sample);
    }
    let mut bins = fft.make_output_vec();
    fft.process(&mut padded, &mut bins).expect("buffers made by this plan");
    bins
}

/// `sum_n a[n] b[n - lag]` for lags 0..FILTER_TAPS.
fn correlation(a: &[Complex<f64>], b: &[Complex<f64>], length: usize) -> Vec<f64> {
    let inverse = RealFftPlanner::new().plan_fft_inverse(length);
    let mut product: Vec<_> = a.iter().zip(b).map(|(a, b)| a * b.conj()).collect();
    // Real by construction; rounding noise there is an error for the inverse transform.
    product[0].im = 0.0;
    product[length / 2].im = 0.0;
    let mut lags = inverse.make_output_vec();
    inverse
        .process(&mut product, &mut lags)
        .expect("buffers made by this plan");
    lags[..FILTER_TAPS].iter().map(|x| x / length as f64).collect()
}

/// Levinson-Durbin recursion for the symmetric Toeplitz system with first column `column`.
fn solve_toeplitz(column: &[f64], right_side: &[f64]) -> Vec<f64> {
    let mut predictor = vec![1.0];
    let mut error = column[0];
    let mut solution = vec![right_side[0] / column[0]];
    for order in 1..column.len() {
        let dot = |v: &[f64]| v.iter().enumerate().map(|(i, x)| x * column[order - i]).sum::<f64>();
        let reflection = -dot(&predictor) / error;
        predictor.push(0.0);
        let reversed: Vec<f64> = predictor.iter().rev().copied().collect();
        for (p, r) in predictor.iter_mut().zip(&reversed) {
            *p += reflection * r;
        }
        error *= 1.0 - reflection * reflection;
        let step = (right_side[order] - dot(&solution)) / error;
        solution.push(0.0);
        for (s, p) in solution.iter_mut().zip(predictor.iter().rev()) {
            *s += step * p;
        }
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_filter_is_no_distortion() {
        let mut state = 1_u32;
        let noise: Vec<f32> = (0..8000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect();
        // The noise ends early, so that the filter's tail fits.
        let noise: Vec<f32> = noise[..7000].iter().copied().chain([0.0; 1000]).collect();
        let echo = |n: usize| if n < 300 { 0.0 } else { noise[n - 300] };
        let filtered: Vec<f32> = (0..noise.len()).map(|n| 0.5 * noise[n] - 0.3 * echo(n)).collect();
        assert!(SdrReference::new(&noise).sdr_db(&filtered) > 120.0);
        assert!(super::super::si_sdr_db(&filtered, &noise) < 6.0);
    }
}
