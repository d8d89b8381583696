//! Frame-synchronous short-time Fourier transform of one channel: square-root Hann window, half overlap.
//!
//! The window is periodic and applied at analysis and synthesis, so that its square adds up to exactly one
//! at every hop length. A window is two hops; the transform has no state besides its scratch.

use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// Transform between frames of `window_samples` samples and `bins` complex bins. All scratch is preallocated.
pub struct Stft {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    window: Vec<f32>,
    frame: Vec<f32>,
    scratch: Vec<Complex32>,
}

impl Stft {
    /// Plans the transform for a hop of `hop_samples` (window: twice that). Allocates.
    ///
    /// # Panics
    /// If `hop_samples` is 0.
    pub fn new(hop_samples: usize) -> Self {
        assert!(hop_samples > 0, "a hop has at least one sample");
        let window_samples = 2 * hop_samples;
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(window_samples);
        let inverse = planner.plan_fft_inverse(window_samples);
        let scratch_len = forward.get_scratch_len().max(inverse.get_scratch_len());
        // sqrt(Hann) is a half period of a sine; computed in f64 so that its squares add up to 1 in f32.
        let window = (0..window_samples)
            .map(|n| (std::f64::consts::PI * n as f64 / window_samples as f64).sin() as f32)
            .collect();
        Self {
            forward,
            inverse,
            window,
            frame: vec![0.0; window_samples],
            scratch: vec![Complex32::default(); scratch_len],
        }
    }

    /// Samples in a window: two hops.
    pub fn window_samples(&self) -> usize {
        self.window.len()
    }

    /// Bins of one frame: window / 2 + 1.
    pub fn bins(&self) -> usize {
        self.window.len() / 2 + 1
    }

    /// Factor on |X|^2 that makes a bin's power independent of the sample rate: a full-scale sine in the
    /// middle of a bin gives about 0.1.
    pub fn power_scale(&self) -> f32 {
        1.0 / (self.window.len() as f32).powi(2)
    }

    /// Spectrum `[bins]` of the frame made of `older` and `newer`, one hop each.
    pub fn analyse(&mut self, older: &[f32], newer: &[f32], spectrum: &mut [Complex32]) {
        let hop = self.window.len() / 2;
        for ((f, x), w) in self.frame[..hop].iter_mut().zip(older).zip(&self.window[..hop]) {
            *f = x * w;
        }
        for ((f, x), w) in self.frame[hop..].iter_mut().zip(newer).zip(&self.window[hop..]) {
            *f = x * w;
        }
        // The lengths are ours, fixed at construction: this cannot fail.
        let done = self
            .forward
            .process_with_scratch(&mut self.frame, spectrum, &mut self.scratch);
        debug_assert!(done.is_ok());
    }

    /// Overlap-adds the frame of `spectrum` (overwritten): its first half completes `overlap` into `output`
    /// (one hop), its second half is left in `overlap`.
    pub fn synthesise(&mut self, spectrum: &mut [Complex32], overlap: &mut [f32], output: &mut [f32]) {
        let hop = self.window.len() / 2;
        // A real signal has real first and last bins.
        spectrum[0].im = 0.0;
        spectrum[hop].im = 0.0;
        let done = self
            .inverse
            .process_with_scratch(spectrum, &mut self.frame, &mut self.scratch);
        debug_assert!(done.is_ok());
        let scale = 1.0 / self.window.len() as f32;
        for (((y, o), f), w) in output
            .iter_mut()
            .zip(overlap.iter())
            .zip(&self.frame[..hop])
            .zip(&self.window[..hop])
        {
            *y = o + f * w * scale;
        }
        for ((o, f), w) in overlap.iter_mut().zip(&self.frame[hop..]).zip(&self.window[hop..]) {
            *o = f * w * scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::hop_samples;

    #[test]
    fn reconstructs_exactly_at_every_host_rate() {
        for rate_hz in [
            8e3, 11_025.0, 16e3, 22_050.0, 44_100.0, 48e3, 88_200.0, 96e3, 176_400.0, 192e3,
        ] {
            let hop = hop_samples(rate_hz);
            let mut stft = Stft::new(hop);
            let signal: Vec<f32> = (0..hop * 6).map(|n| ((n * n) as f32 * 0.37).sin()).collect();
            let mut spectrum = vec![Complex32::default(); stft.bins()];
            let (mut overlap, mut output) = (vec![0.0; hop], vec![0.0; hop]);
            for k in 1..6 {
                stft.analyse(
                    &signal[(k - 1) * hop..k * hop],
                    &signal[k * hop..(k + 1) * hop],
                    &mut spectrum,
                );
                stft.synthesise(&mut spectrum, &mut overlap, &mut output);
                if k > 1 {
                    let worst = output
                        .iter()
                        .zip(&signal[(k - 1) * hop..])
                        .map(|(a, b)| (a - b).abs())
                        .fold(0.0, f32::max);
                    assert!(worst < 1e-6, "rate {rate_hz}: error {worst}");
                }
            }
        }
    }

    #[test]
    fn power_does_not_depend_on_the_rate() {
        let power = |rate_hz: f64| {
            let hop = hop_samples(rate_hz);
            let mut stft = Stft::new(hop);
            let sine: Vec<f32> = (0..2 * hop)
                .map(|n| (2.0 * std::f64::consts::PI * 1000.0 * n as f64 / rate_hz).cos() as f32)
                .collect();
            let mut spectrum = vec![Complex32::default(); stft.bins()];
            stft.analyse(&sine[..hop], &sine[hop..], &mut spectrum);
            spectrum[20].norm_sqr() * stft.power_scale()
        };
        assert!((power(48e3) / power(16e3) - 1.0).abs() < 1e-2);
        assert!((power(48e3) / power(44.1e3) - 1.0).abs() < 1e-2);
    }
}
