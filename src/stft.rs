//! Frame-synchronous short-time Fourier transform of one channel: a long window to look through, a short one to speak through.
//!
//! The analysis window spans several hops and leans towards the newest: it rises as a quarter of a sine over all hops but
//! the last and falls as a quarter of a cosine over that one. The synthesis window lives on the last two hops alone, so the
//! latency is two hops however far back a frame looks (D. Mauler, R. Martin, "A low delay, variable resolution, perfect
//! reconstruction spectral analysis-synthesis system for speech enhancement", 2007). Their product is a Hann window, which
//! adds up to exactly one at every hop. With two hops both are the square root of that.
//!
//! The newer hop of a frame is heard only after the next frame is known, so its mask may be revised in the meantime.

use std::f64::consts::FRAC_PI_2;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// Hops that the output of a frame spans, and so the latency.
pub const SYNTHESIS_HOPS: usize = 2;

/// Transform between frames of `window_samples` samples and `bins` complex bins. All scratch is preallocated.
pub struct Stft {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    hop_samples: usize,
    /// `[window_samples]`
    analysis: Vec<f32>,
    /// `[SYNTHESIS_HOPS * hop_samples]`, the inverse transform's factor included.
    synthesis: Vec<f32>,
    /// `[hop_samples]`: share of the revised frame, 0 at first and 1 from a quarter of the hop on.
    revision: Vec<f32>,
    frame: Vec<f32>,
    scratch: Vec<Complex32>,
}

impl Stft {
    /// Plans the transform for a hop of `hop_samples` and an analysis window of `window_hops` hops. Allocates.
    ///
    /// # Panics
    /// If `hop_samples` is 0 or `window_hops` is less than [`SYNTHESIS_HOPS`].
    pub fn new(hop_samples: usize, window_hops: usize) -> Self {
        assert!(hop_samples > 0, "a hop has at least one sample");
        assert!(window_hops >= SYNTHESIS_HOPS, "a window has at least two hops");
        let window_samples = window_hops * hop_samples;
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(window_samples);
        let inverse = planner.plan_fft_inverse(window_samples);
        let scratch_len = forward.get_scratch_len().max(inverse.get_scratch_len());
        let rise = window_samples - hop_samples;
        // In f64, so that the products add up to 1 in f32.
        let quarter = |n: usize, of: usize| FRAC_PI_2 * n as f64 / of as f64;
        let analysis: Vec<f64> = (0..window_samples)
            .map(|n| {
                if n < rise {
                    quarter(n, rise).sin()
                } else {
                    quarter(n - rise, hop_samples).cos()
                }
            })
            .collect();
        let spoken = window_samples - SYNTHESIS_HOPS * hop_samples;
        let synthesis = analysis[spoken..].iter().enumerate().map(|(n, seen)| {
            let hann = quarter(n, hop_samples).sin().powi(2);
            (if *seen > 0.0 { hann / seen } else { 0.0 } / window_samples as f64) as f32
        });
        Self {
            forward,
            inverse,
            hop_samples,
            synthesis: synthesis.collect(),
            revision: (0..hop_samples)
                .map(|n| quarter(4 * n.min(hop_samples / 4), hop_samples).sin().powi(2) as f32)
                .collect(),
            analysis: analysis.iter().map(|w| *w as f32).collect(),
            frame: vec![0.0; window_samples],
            scratch: vec![Complex32::default(); scratch_len],
        }
    }

    /// Samples from one frame to the next.
    pub fn hop_samples(&self) -> usize {
        self.hop_samples
    }

    /// Samples that a frame looks at.
    pub fn window_samples(&self) -> usize {
        self.analysis.len()
    }

    /// Delay from the input to the complete output, in samples: [`SYNTHESIS_HOPS`] hops.
    pub fn latency_samples(&self) -> usize {
        self.synthesis.len()
    }

    /// Bins of one frame: window / 2 + 1.
    pub fn bins(&self) -> usize {
        self.window_samples() / 2 + 1
    }

    /// Factor on |X|^2 that makes a bin's power independent of the sample rate: a full-scale sine in the
    /// middle of a bin gives about 0.1.
    pub fn power_scale(&self) -> f32 {
        1.0 / (self.window_samples() as f32).powi(2)
    }

    /// Spectrum `[bins]` of `samples` `[window_samples]`, oldest first.
    #[inline(always)]
    pub fn analyse(&mut self, samples: &[f32], spectrum: &mut [Complex32]) {
        for ((f, x), w) in self.frame.iter_mut().zip(samples).zip(&self.analysis) {
            *f = x * w;
        }
        // The lengths are ours, fixed at construction: this cannot fail.
        let done = self
            .forward
            .process_with_scratch(&mut self.frame, spectrum, &mut self.scratch);
        debug_assert!(done.is_ok());
    }

    /// Overlap-adds the frame of `spectrum` (overwritten): the last but one of its hops completes `overlap` into `output`
    /// (one hop), the last is left in `overlap`.
    #[inline(always)]
    pub fn synthesise(&mut self, spectrum: &mut [Complex32], overlap: &mut [f32], output: &mut [f32]) {
        self.invert(spectrum);
        let spoken = &self.frame[self.frame.len() - self.synthesis.len()..];
        let (older, newer) = spoken.split_at(self.hop_samples);
        let (rising, falling) = self.synthesis.split_at(self.hop_samples);
        for (((y, o), f), w) in output.iter_mut().zip(overlap.iter()).zip(older).zip(rising) {
            *y = o + f * w;
        }
        for ((o, f), w) in overlap.iter_mut().zip(newer).zip(falling) {
            *o = f * w;
        }
    }

    /// Changes what [`Self::synthesise`] left in `overlap` to the same hop of `spectrum` (overwritten): the same frame under
    /// another mask, made when the next frame was known. Within a quarter of the hop the one fades into the other, so that
    /// nothing jumps.
    #[inline(always)]
    pub fn revise(&mut self, spectrum: &mut [Complex32], overlap: &mut [f32]) {
        self.invert(spectrum);
        let newer = &self.frame[self.frame.len() - self.hop_samples..];
        let falling = &self.synthesis[self.hop_samples..];
        for (((o, f), w), share) in overlap.iter_mut().zip(newer).zip(falling).zip(&self.revision) {
            *o += share * (f * w - *o);
        }
    }

    /// Inverse transform of `spectrum` (overwritten) into `frame`.
    #[inline(always)]
    fn invert(&mut self, spectrum: &mut [Complex32]) {
        // A real signal has a real first bin, and a real last one if its length is even.
        spectrum[0].im = 0.0;
        if self.window_samples().is_multiple_of(2) {
            spectrum[self.window_samples() / 2].im = 0.0;
        }
        // The lengths are ours, fixed at construction: this cannot fail.
        let done = self
            .inverse
            .process_with_scratch(spectrum, &mut self.frame, &mut self.scratch);
        debug_assert!(done.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::hop_samples;

    #[test]
    fn reconstructs_exactly_at_every_host_rate() {
        let rates_hz = [
            8e3, 11_025.0, 16e3, 22_050.0, 44_100.0, 48e3, 88_200.0, 96e3, 176_400.0, 192e3,
        ];
        for (rate_hz, window_hops) in rates_hz.iter().flat_map(|rate| [2, 3, 4].map(|hops| (*rate, hops))) {
            let hop = hop_samples(rate_hz);
            let mut stft = Stft::new(hop, window_hops);
            let signal: Vec<f32> = (0..hop * 8).map(|n| ((n * n) as f32 * 0.37).sin()).collect();
            let mut spectrum = vec![Complex32::default(); stft.bins()];
            let (mut overlap, mut output) = (vec![0.0; hop], vec![0.0; hop]);
            for (k, frame) in signal.windows(stft.window_samples()).step_by(hop).enumerate() {
                stft.analyse(frame, &mut spectrum);
                stft.synthesise(&mut spectrum, &mut overlap, &mut output);
                if k > 0 {
                    let spoken = &signal[(k + window_hops - SYNTHESIS_HOPS) * hop..];
                    let errors = output.iter().zip(spoken).map(|(a, b)| (a - b).abs());
                    let worst = errors.fold(0.0, f32::max);
                    assert!(worst < 2e-6, "rate {rate_hz}, {window_hops} hops: error {worst}");
                }
            }
        }
    }

    #[test]
    fn a_revised_hop_begins_as_it_was_and_ends_as_revised() {
        let (hop, window_hops) = (480, 4);
        let mut stft = Stft::new(hop, window_hops);
        let signal: Vec<f32> = (0..hop * window_hops).map(|n| ((n * n) as f32 * 0.37).sin()).collect();
        let mut spectrum = vec![Complex32::default(); stft.bins()];
        stft.analyse(&signal, &mut spectrum);
        let masked = |gain: f32| spectrum.iter().map(|x| x * gain).collect::<Vec<Complex32>>();
        let (mut first, mut output) = (vec![0.0; hop], vec![0.0; hop]);
        stft.synthesise(&mut masked(1.0), &mut first, &mut output);
        let mut revised = first.clone();
        stft.revise(&mut masked(1.0), &mut revised);
        assert_eq!(revised, first, "the same mask again changes nothing");
        stft.revise(&mut masked(0.5), &mut revised);
        assert_eq!(revised[0], first[0]);
        for n in hop / 4..hop {
            assert!((revised[n] - 0.5 * first[n]).abs() < 1e-6, "sample {n}");
        }
        let share = |n: usize| (first[n] - revised[n]) / (0.5 * first[n]);
        for n in (0..hop / 4).filter(|n| first[*n].abs() > 0.1) {
            let expected = (std::f32::consts::FRAC_PI_2 * n as f32 / (hop / 4) as f32)
                .sin()
                .powi(2);
            assert!((share(n) - expected).abs() < 1e-3, "sample {n}: {}", share(n));
        }
    }

    #[test]
    fn power_does_not_depend_on_the_rate() {
        let power = |rate_hz: f64, window_hops: usize| {
            let mut stft = Stft::new(hop_samples(rate_hz), window_hops);
            let sine: Vec<f32> = (0..stft.window_samples())
                .map(|n| (2.0 * std::f64::consts::PI * 1000.0 * n as f64 / rate_hz).cos() as f32)
                .collect();
            let mut spectrum = vec![Complex32::default(); stft.bins()];
            stft.analyse(&sine, &mut spectrum);
            spectrum[10 * window_hops].norm_sqr() * stft.power_scale()
        };
        for hops in [2, 4] {
            assert!((power(48e3, hops) / power(16e3, hops) - 1.0).abs() < 1e-2);
            assert!((power(48e3, hops) / power(44.1e3, hops) - 1.0).abs() < 1e-2);
            assert!((power(48e3, hops) / 0.1 - 1.0).abs() < 0.1);
        }
    }
}
