//! The loss of a sequence and its derivative by the band masks: compressed magnitudes plus the logarithm of the
//! error's share of the speech energy (docs/algorithm.md section 5), on full-resolution bins, plus the correlation of
//! envelopes and, if wanted, the disturbance of loudness.

#![allow(clippy::needless_range_loop, reason = "one index runs over several buffers")]

use serde::{Deserialize, Serialize};
use unfold::bands::Bands;
use unfold::kernels::{exp2, log2};
use unfold::model::Config;
use unfold::simd::dispatch;
use unfold::units::bin_to_hz;

use super::batch::{COMPRESSION, Prepared, TRAINING_RATE_HZ, loss_bins};
use super::envelope::{ENVELOPES, Envelopes, third_octaves};
use super::loudness::Loudness;

/// Weights of the loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// Weight of the compressed-magnitude error.
    pub magnitude_weight: f32,
    /// Weight of the logarithm of the relative error.
    pub log_error_weight: f32,
    /// Relative error below which the logarithm flattens.
    pub log_error_knee: f32,
    /// Bins count in the magnitude error as 1 / (1 + f / this).
    pub magnitude_corner_hz: f32,
    /// Weight of the envelopes' lack of correlation.
    pub envelope_weight: f32,
    /// Weight of the disturbance of loudness; 0 leaves it out altogether.
    pub loudness_weight: f32,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            magnitude_weight: 6.0,
            log_error_weight: 0.5,
            log_error_knee: 0.01,
            magnitude_corner_hz: 2000.0,
            envelope_weight: 4.0,
            loudness_weight: 0.2,
        }
    }
}

/// Loss of one sequence.
#[derive(Clone, Copy, Debug, Default)]
pub struct Score {
    pub total: f64,
    /// Mean squared compressed-magnitude error.
    pub magnitude: f64,
    /// Speech energy over error energy in dB, after and before.
    pub sdr_db: f64,
    pub input_sdr_db: f64,
}

/// Keeps every power and derivative finite at a mask of 0.
const LEAST_MASK: f32 = 1e-3;

/// Share of the mix energy that pure noise counts as its speech energy.
const SPEECHLESS_SHARE: f32 = 0.01;

/// Computes losses; holds scratch for one thread.
pub struct Loss {
    config: LossConfig,
    bands: Bands,
    /// `[B]`, sum 1.
    weight: Vec<f32>,
    bin_mask: Vec<f32>,
    bin_gradient: Vec<f32>,
    all_bins: Vec<f32>,
    band_gradient: Vec<f32>,
    third_octaves: [std::ops::Range<usize>; ENVELOPES],
    envelopes: Envelopes,
    /// `None` at weight 0.
    loudness: Option<Loudness>,
}

impl Loss {
    /// For the bands of a model.
    pub fn new(config: &LossConfig, model: &Config) -> Self {
        let window = model.window_hops * unfold::units::hop_samples(TRAINING_RATE_HZ);
        let bands = Bands::new(&model.band_centres_hz, window, TRAINING_RATE_HZ);
        let bins = loss_bins(window);
        let raw = |bin: usize| {
            let frequency_hz = bin_to_hz(bin, window, TRAINING_RATE_HZ) as f32;
            1.0 / (1.0 + frequency_hz / config.magnitude_corner_hz)
        };
        let sum: f32 = (0..bins).map(raw).sum();
        Self {
            config: config.clone(),
            weight: (0..bins).map(|bin| raw(bin) / sum).collect(),
            bin_mask: vec![0.0; bands.bins()],
            bin_gradient: vec![0.0; bins],
            all_bins: vec![0.0; bands.bins()],
            band_gradient: vec![0.0; bands.bands()],
            third_octaves: third_octaves(window),
            envelopes: Envelopes::default(),
            loudness: (config.loudness_weight != 0.0).then(|| Loudness::new(window)),
            bands,
        }
    }

    /// Loss of `mask [T][F]` on an example; writes its derivative into `gradient [T][F]`.
    pub fn run(&mut self, example: &Prepared, mask: &[f32], gradient: &mut [f32]) -> Score {
        let bins = self.weight.len();
        let bands = self.bands.bands();
        // The relative error is known only at the end of the sequence, so a first pass adds it up.
        let mut error = f64::from(example.speech_energy);
        self.envelopes.start(example.frames);
        if let Some(loudness) = &mut self.loudness {
            loudness.start();
        }
        for t in 0..example.frames {
            self.bands
                .interpolate_into(&mask[t * bands..(t + 1) * bands], &mut self.bin_mask);
            let range = t * bins..(t + 1) * bins;
            self.envelopes
                .push(&self.third_octaves, &self.bin_mask, &example.mix_power[range.clone()]);
            if let Some(loudness) = &mut self.loudness {
                loudness.push(&self.bin_mask, &example.mix_power[range.clone()], example);
            }
            let powers = example.mix_power[range.clone()].iter().zip(&example.cross_power[range]);
            let sum: f32 = self
                .bin_mask
                .iter()
                .zip(powers)
                .map(|(g, (xx, xs))| g * (g * xx - 2.0 * xs))
                .sum();
            error += f64::from(sum);
        }
        let envelopes = self.envelopes.finish(example, self.config.envelope_weight);
        let loudness_weight = self.config.loudness_weight;
        let loudness = self.loudness.as_mut();
        let loudness = loudness.map_or(0.0, |term| term.finish(example, loudness_weight));
        let error = error.max(0.0);
        let energy = f64::from(example.speech_energy.max(SPEECHLESS_SHARE * example.mix_energy)).max(1e-9);
        let knee = f64::from(self.config.log_error_knee);
        let relative = error / energy;
        // d/d error of weight * ln(knee + error / energy)
        let log_slope = (f64::from(self.config.log_error_weight) / (energy * (knee + relative))) as f32;
        let magnitude_scale = self.config.magnitude_weight / example.frames as f32;
        let mut magnitude = 0.0;
        for t in 0..example.frames {
            self.bands
                .interpolate_into(&mask[t * bands..(t + 1) * bands], &mut self.bin_mask);
            let range = t * bins..(t + 1) * bins;
            magnitude += f64::from(dispatch(
                #[inline(always)]
                || {
                    let bins = Bins {
                        mask: &self.bin_mask,
                        weight: &self.weight,
                        mix_compressed: &example.mix_compressed[range.clone()],
                        speech_compressed: &example.speech_compressed[range.clone()],
                        mix_power: &example.mix_power[range.clone()],
                        cross_power: &example.cross_power[range.clone()],
                    };
                    bin_gradient(&bins, (magnitude_scale, log_slope), &mut self.bin_gradient)
                },
            ));
            let mix_power = &example.mix_power[range];
            let gradient_by_bin = &mut self.bin_gradient;
            self.envelopes
                .add_gradient(t, &self.third_octaves, &self.bin_mask, mix_power, gradient_by_bin);
            if let Some(loudness) = &self.loudness {
                loudness.add_gradient(t, &self.bin_mask, mix_power, gradient_by_bin);
            }
            self.all_bins[..bins].copy_from_slice(&self.bin_gradient);
            self.band_gradient.fill(0.0);
            self.bands
                .interpolate_transposed_add(&self.all_bins, &mut self.band_gradient);
            gradient[t * bands..(t + 1) * bands].copy_from_slice(&self.band_gradient);
        }
        let magnitude = magnitude / example.frames as f64;
        let input_error = f64::from(example.mix_energy - 2.0 * example.cross_power.iter().sum::<f32>()) / energy
            + f64::from(example.speech_energy) / energy;
        Score {
            total: f64::from(self.config.magnitude_weight) * magnitude
                + f64::from(self.config.log_error_weight) * (knee + relative).ln()
                + envelopes
                + loudness,
            magnitude,
            sdr_db: -10.0 * relative.max(1e-4).log10(),
            input_sdr_db: -10.0 * input_error.max(1e-4).log10(),
        }
    }
}

/// One frame: returns its weighted magnitude error and writes the derivative of the whole loss by each bin's mask.
#[inline(always)]
fn bin_gradient(bins: &Bins, scales: (f32, f32), gradient: &mut [f32]) -> f32 {
    const WIDTH: usize = 16;
    let body = gradient.len() / WIDTH * WIDTH;
    let mut sum = [0.0; WIDTH];
    for start in (0..body).step_by(WIDTH) {
        let errors = bins.block::<WIDTH>(start, scales, &mut gradient[start..start + WIDTH]);
        sum.iter_mut().zip(errors).for_each(|(sum, error)| *sum += error);
    }
    for start in body..gradient.len() {
        sum[0] += bins.block::<1>(start, scales, &mut gradient[start..start + 1])[0];
    }
    sum.iter().sum()
}

/// What [`bin_gradient`] reads of a frame, each `[B]`.
struct Bins<'a> {
    mask: &'a [f32],
    weight: &'a [f32],
    mix_compressed: &'a [f32],
    speech_compressed: &'a [f32],
    mix_power: &'a [f32],
    cross_power: &'a [f32],
}

impl Bins<'_> {
    /// The bins from `start` on, a fixed number, so that the compiler vectorises; returns their magnitude errors.
    #[inline(always)]
    fn block<const N: usize>(
        &self,
        start: usize,
        (magnitude_scale, log_slope): (f32, f32),
        gradient: &mut [f32],
    ) -> [f32; N] {
        let part = |all: &[f32]| -> [f32; N] {
            let part = &all[start..start + N];
            std::array::from_fn(|i| part[i])
        };
        let (mask, weight) = (part(self.mask), part(self.weight));
        let (mix, speech) = (part(self.mix_compressed), part(self.speech_compressed));
        let (mix_power, cross_power) = (part(self.mix_power), part(self.cross_power));
        let mut errors = [0.0; N];
        let mut slopes = [0.0; N];
        for i in 0..N {
            let g = mask[i] + LEAST_MASK;
            let compressed = exp2(COMPRESSION * log2(g));
            let difference = compressed * mix[i] - speech[i];
            errors[i] = weight[i] * difference * difference;
            let by_mask = 2.0 * COMPRESSION * weight[i] * difference * compressed / g * mix[i];
            slopes[i] = magnitude_scale * by_mask + log_slope * 2.0 * (mask[i] * mix_power[i] - cross_power[i]);
        }
        gradient.copy_from_slice(&slopes);
        errors
    }
}
