//! The part of the loss that is nearest to PESQ: the disturbance between the loudness of the output and that of the
//! speech, added sound counting more than lost sound (ITU-T P.862.2, made differentiable after Martín-Doñas, Gomez,
//! Gonzalez, Peinado 2018, "A Deep Learning Loss Function Based on the Perceptual Evaluation of the Speech Quality").
//!
//! Like PESQ it forgives a steady colouring of the whole example. PESQ's alignment in time and its gain by frame are left
//! out: the first has nothing to do here, the second did not bring the ranking of outputs nearer to PESQ's.

#![allow(clippy::needless_range_loop, reason = "one index runs over several buffers")]

use unfold::simd::dispatch;

use super::bark::{BarkBands, Disturbance, limited};
use super::batch::Prepared;

/// PESQ's score falls by these for each unit of symmetric and asymmetric disturbance.
const SYMMETRIC_SHARE: f32 = 0.1;
const ASYMMETRIC_SHARE: f32 = 0.0309;

/// Makes a weight of 1 the size of the other terms.
const SCALE: f32 = 0.3;

/// Frames below this power take no part in the mean spectra.
const PAUSE_POWER: f32 = 1e7;

/// Added to the mean spectra before their ratio is taken, and its limits.
const SPECTRUM_OFFSET: f32 = 1e3;
const SPECTRUM_RATIO: (f32, f32) = (0.01, 100.0);

/// Largest disturbance of a frame.
const LARGEST_DISTURBANCE: f32 = 45.0;

/// Keeps the root in a frame's norm smooth at no disturbance.
const LEAST_SQUARE: f32 = 1e-4;

/// Frames of a syllable, 0.32 s, each half of which belongs to the next one too.
const SYLLABLE_FRAMES: usize = 32;

/// Disturbances of the output of one sequence and their derivatives. T frames, K bands.
pub struct Loudness {
    bands: BarkBands,
    /// `[T][K]`: powers of the output.
    output: Vec<f32>,
    /// `[T][K]`: derivative of the loss by those, times 2 and in the mix's units.
    slope: Vec<f32>,
    /// `[T][K]`: derivative of the loss by the powers of the equalised reference.
    reference_slope: Vec<f32>,
    /// `[K]`: colouring of the reference.
    spectrum: Vec<Limited>,
    /// `[T][K]`
    disturbances: Vec<Disturbance>,
    /// `[T]`
    frames: Vec<Frame>,
}

/// A value within limits; outside of them it does not move.
#[derive(Clone, Copy)]
struct Limited {
    value: f32,
    moves: bool,
}

/// Norms of one frame over its bands.
#[derive(Clone, Copy)]
struct Frame {
    /// Root of the weighted sum of squares.
    root: f32,
    /// Values after the frame's weight and limit, and their derivatives by the norms.
    symmetric: (f32, f32),
    asymmetric: (f32, f32),
}

impl Loudness {
    /// For a window at the training rate.
    pub fn new(window_samples: usize) -> Self {
        Self {
            bands: BarkBands::new(window_samples),
            output: Vec::new(),
            slope: Vec::new(),
            reference_slope: Vec::new(),
            spectrum: Vec::new(),
            disturbances: Vec::new(),
            frames: Vec::new(),
        }
    }

    /// Starts a sequence.
    pub fn start(&mut self) {
        self.output.clear();
    }

    /// Takes the bin gains of the next frame.
    pub fn push(&mut self, mask: &[f32], mix_power: &[f32], example: &Prepared) {
        let output = &mut self.output;
        for bins in &self.bands.bins {
            let powers = mask[bins.clone()].iter().zip(&mix_power[bins.clone()]);
            output.push(powers.map(|(g, xx)| g * g * xx).sum::<f32>() * example.loudness_factor);
        }
    }

    /// `weight` times the disturbance; keeps its slopes.
    pub fn finish(&mut self, example: &Prepared, weight: f32) -> f64 {
        self.slope.clear();
        self.slope.resize(self.output.len(), 0.0);
        if example.loudness_factor == 0.0 {
            return 0.0;
        }
        self.reference_slope.clear();
        self.reference_slope.resize(self.output.len(), 0.0);
        let active = self.equalise(&example.speech_bark);
        dispatch(
            #[inline(always)]
            || self.disturb(&example.speech_bark),
        );
        let scale = weight * SCALE;
        let pick = |frame: &Frame| (frame.symmetric.0, frame.asymmetric.0);
        let (symmetric, asymmetric): (Vec<f32>, Vec<f32>) = self.frames.iter().map(pick).unzip();
        let (symmetric, by_symmetric) = over_syllables(&symmetric, scale * SYMMETRIC_SHARE);
        let (asymmetric, by_asymmetric) = over_syllables(&asymmetric, scale * ASYMMETRIC_SHARE);
        self.slopes_of_bands(&by_symmetric, &by_asymmetric);
        self.slopes_of_spectrum(&example.speech_bark, &active);
        self.slope.iter_mut().for_each(|s| *s *= 2.0 * example.loudness_factor);
        f64::from(symmetric + asymmetric)
    }

    /// Adds the derivative of frame `t` by the bin gains.
    pub fn add_gradient(&self, t: usize, mask: &[f32], mix_power: &[f32], gradient: &mut [f32]) {
        let slopes = &self.slope[t * self.bands.len()..(t + 1) * self.bands.len()];
        for (bins, slope) in self.bands.bins.iter().zip(slopes) {
            for bin in bins.clone() {
                gradient[bin] += slope * mask[bin] * mix_power[bin];
            }
        }
    }

    /// Colours the reference like the output; returns the frames whose mean that took.
    fn equalise(&mut self, speech: &[f32]) -> Vec<usize> {
        let bands = self.bands.len();
        let loud = |(_, frame): &(usize, &[f32])| frame.iter().sum::<f32>() > PAUSE_POWER;
        let frames = speech.chunks_exact(bands).enumerate();
        let active: Vec<usize> = frames.filter(loud).map(|(t, _)| t).collect();
        let mean = |powers: &[f32], k: usize| {
            active.iter().map(|t| powers[t * bands + k]).sum::<f32>() / active.len().max(1) as f32
        };
        self.spectrum.clear();
        for k in 0..bands {
            let ratio = (mean(&self.output, k) + SPECTRUM_OFFSET) / (mean(speech, k) + SPECTRUM_OFFSET);
            let (low, high) = SPECTRUM_RATIO;
            self.spectrum.push(Limited {
                value: ratio.clamp(low, high),
                moves: (low..high).contains(&ratio),
            });
        }
        active
    }

    /// Disturbances of all bands and norms of all frames.
    #[inline(always)]
    fn disturb(&mut self, speech: &[f32]) {
        let bands = self.bands.len();
        let width: f32 = self.bands.width_bark.iter().sum();
        self.disturbances.clear();
        self.disturbances.resize(self.output.len(), Disturbance::default());
        self.frames.clear();
        for t in 0..self.output.len() / bands {
            let (mut squares, mut sum, mut power) = (0.0, 0.0, 0.0);
            for k in 0..bands {
                let at = t * bands + k;
                let reference = speech[at] * self.spectrum[k].value;
                let disturbance = self.bands.disturbance(k, self.output[at], reference);
                let weighted = self.bands.width_bark[k] * disturbance.value;
                squares += weighted * weighted;
                sum += weighted * disturbance.factor;
                power += speech[at];
                self.disturbances[at] = disturbance;
            }
            let root = (squares + LEAST_SQUARE).sqrt();
            let weight = ((power + 1e5) / 1e7).powf(-0.04);
            let bend = |norm: f32| {
                let (value, slope) = limited(weight * norm, LARGEST_DISTURBANCE);
                (value, slope * weight)
            };
            self.frames.push(Frame {
                root,
                symmetric: bend(width.sqrt() * (root - LEAST_SQUARE.sqrt())),
                asymmetric: bend(sum),
            });
        }
    }

    /// From the derivatives `[T]` by the frames' values to those by the powers that were compared.
    fn slopes_of_bands(&mut self, by_symmetric: &[f32], by_asymmetric: &[f32]) {
        let bands = self.bands.len();
        let root_width = self.bands.width_bark.iter().sum::<f32>().sqrt();
        for (t, frame) in self.frames.iter().enumerate() {
            let symmetric = by_symmetric[t] * frame.symmetric.1 * root_width / frame.root;
            let asymmetric = by_asymmetric[t] * frame.asymmetric.1;
            for k in 0..bands {
                let (at, width) = (t * bands + k, self.bands.width_bark[k]);
                let d = &self.disturbances[at];
                let by_value = symmetric * width * width * d.value + asymmetric * width * d.factor;
                let by_factor = asymmetric * width * d.value;
                self.slope[at] = by_value * d.by_output + by_factor * d.factor_by_output;
                self.reference_slope[at] = by_value * d.by_reference + by_factor * d.factor_by_reference;
            }
        }
    }

    /// Through the colouring of [`Self::equalise`].
    fn slopes_of_spectrum(&mut self, speech: &[f32], active: &[usize]) {
        let bands = self.bands.len();
        let count = active.len().max(1) as f32;
        for k in (0..bands).filter(|k| self.spectrum[*k].moves) {
            let all = (0..self.frames.len()).map(|t| t * bands + k);
            let by_colour: f32 = all.map(|at| self.reference_slope[at] * speech[at]).sum();
            let mean = active.iter().map(|t| speech[t * bands + k]).sum::<f32>() / count;
            for t in active {
                self.slope[t * bands + k] += by_colour / (count * (mean + SPECTRUM_OFFSET));
            }
        }
    }
}

/// `scale` times the mean of `values [T]` as P.862 takes it, a norm of order 6 over syllables and one of order 2
/// over those, and the derivatives by the values.
fn over_syllables(values: &[f32], scale: f32) -> (f32, Vec<f32>) {
    let length = SYLLABLE_FRAMES.min(values.len());
    let starts = || (0..=values.len() - length).step_by((length / 2).max(1));
    let norms: Vec<f32> = starts()
        .map(|start| {
            let powers = values[start..start + length].iter().map(|x| (x * x * x).powi(2));
            (powers.sum::<f32>() / length as f32).powf(1.0 / 6.0)
        })
        .collect();
    let total = (norms.iter().map(|x| x * x).sum::<f32>() / norms.len() as f32).sqrt();
    let mut slopes = vec![0.0; values.len()];
    for (start, norm) in starts().zip(&norms).filter(|(_, norm)| **norm > 1e-4) {
        let by_norm = scale * norm / (norms.len() as f32 * total);
        for (slope, x) in slopes[start..start + length].iter_mut().zip(&values[start..]) {
            *slope += by_norm * (x / norm).powi(5) / length as f32;
        }
    }
    (scale * total, slopes)
}

#[cfg(test)]
mod tests;
