//! A causal field of speech presence over time and bands, whose posterior refines the network's mask
//! (docs/algorithm.md section 6). F bands, one signal; the frame before acts through its posterior.
//!
//! Loops over bands run over P of them, F rounded up to whole vectors: the rest of a loop, band by band, would cost more
//! than the loop. The bands beyond F hear nothing and stay undecided.

use std::f32::consts::{LN_2, LOG2_E};

use super::{Chain, Tape, link, sigmoid};
use crate::kernels::{exp2, log2};
use crate::model::{FieldInference, SpeechField};
use crate::simd::dispatch;

/// Unary terms act within +- this.
pub const LARGEST_EVIDENCE: f32 = 8.0;

/// Masks are taken as at least this before their logarithm: far below any gain of a field.
const TINY: f32 = 1e-20;

/// Bands are rounded up to a multiple of this.
const WIDTH: usize = 16;

/// A [`SpeechField`] made ready to run.
pub struct Presence {
    bands: usize,
    inference: FieldInference,
    iterations: usize,
    layers: Vec<PackedLayer>,
    /// `[P]`, base 2.
    present_log2: Vec<f32>,
    /// `[P]`, base 2.
    absent_log2: Vec<f32>,
}

struct PackedLayer {
    /// `[P]`: by the base-2 logarithm of the ratio.
    slope: Vec<f32>,
    /// `[P]`
    bias: Vec<f32>,
    /// `[P]`
    time: Vec<f32>,
    /// `[P + 1]`: J between bands, 0 before the first and from the last on.
    coupling: Vec<f32>,
    /// `[F - 1]`: see [`link`].
    links: Vec<f32>,
    step: f32,
}

/// Memory and buffers of one signal.
pub struct PresenceState {
    bands: usize,
    /// The two sweeps of the last frame (belief propagation).
    pub chain: Chain,
    /// `[P]`: `log2 (S_s / S_n)` of the last frame.
    log_ratio: Vec<f32>,
    /// `[P + 2]`: q - 1/2, after a zero; kept from frame to frame.
    centred: Vec<f32>,
    next: Vec<f32>,
    /// `[P]`: q - 1/2 of the frame before.
    before: Vec<f32>,
    /// `[P]`
    unary: Vec<f32>,
    /// `[P]`
    gain: Vec<f32>,
    /// `[F]`
    posterior: Vec<f32>,
}

impl Presence {
    /// Prepares a valid field. Allocates.
    pub fn new(field: &SpeechField) -> Self {
        let bands = field.present_ln_gain.len();
        let width = bands.next_multiple_of(WIDTH);
        let padded = |values: &[f32], scale: f32| {
            let mut padded: Vec<f32> = values.iter().map(|x| x * scale).collect();
            padded.resize(width, 0.0);
            padded
        };
        let layers = field.layers.iter().map(|layer| PackedLayer {
            slope: padded(&layer.unary_slope, LN_2),
            bias: padded(&layer.unary_bias, 1.0),
            time: padded(&layer.time_coupling, 1.0),
            coupling: [&[0.0], &padded(&layer.band_coupling, 1.0)[..]].concat(),
            links: layer.band_coupling.iter().map(|j| link(*j)).collect(),
            step: layer.step[0],
        });
        Self {
            bands,
            inference: field.inference,
            iterations: field.iterations,
            layers: layers.collect(),
            present_log2: padded(&field.present_ln_gain, LOG2_E),
            absent_log2: padded(&field.absent_ln_gain, LOG2_E),
        }
    }

    /// Memory for this field, of a past that is unknown. Allocates everything.
    pub fn state(&self) -> PresenceState {
        let (bands, width) = (self.bands, self.present_log2.len());
        PresenceState {
            bands,
            chain: Chain::new(bands),
            log_ratio: vec![0.0; width],
            centred: vec![0.0; width + 2],
            next: vec![0.0; width + 2],
            before: vec![0.0; width],
            unary: vec![0.0; width],
            gain: vec![0.0; width],
            posterior: vec![0.0; bands],
        }
    }

    /// One frame: from the network's estimates S_s and S_n (positive) and mask `[F]` to the refined mask
    /// `ln G = q ln max(g, g_1) + (1 - q) ln g_min`, in place. Mean field runs at most `depth` iterations; the sweeps of
    /// belief propagation are always whole. No allocation.
    pub fn refine(
        &self,
        speech: &[f32],
        noise: &[f32],
        mask: &mut [f32],
        depth: usize,
        state: &mut PresenceState,
        tape: &mut impl Tape,
    ) {
        dispatch(
            #[inline(always)]
            || {
                for ((x, s), n) in state.unary.iter_mut().zip(speech).zip(noise) {
                    *x = s / n;
                }
                for (x, ratio) in state.log_ratio.iter_mut().zip(&state.unary) {
                    *x = log2(ratio.max(TINY));
                }
                let width = state.before.len();
                state.before.copy_from_slice(&state.centred[1..=width]);
                match self.inference {
                    FieldInference::MeanField => {
                        for k in 0..depth.clamp(1, self.iterations) {
                            tape.values(k, &state.centred[..self.bands + 2]);
                            // Tied layers hear the same evidence in every iteration.
                            if let Some(layer) = self.layers.get(k) {
                                evidence(layer, &state.log_ratio, &state.before, &mut state.unary);
                            }
                            iterate(&self.layers[k.min(self.layers.len() - 1)], state);
                        }
                    }
                    FieldInference::BeliefPropagation => {
                        tape.values(0, &state.centred[..self.bands + 2]);
                        evidence(&self.layers[0], &state.log_ratio, &state.before, &mut state.unary);
                        sweep(&self.layers[0], state);
                    }
                }
                state.gain[..self.bands].copy_from_slice(&mask[..self.bands]);
                apply(&self.present_log2, &self.absent_log2, &state.centred, &mut state.gain);
                mask[..self.bands].copy_from_slice(&state.gain[..self.bands]);
            },
        );
    }
}

impl PresenceState {
    /// Forgets the past.
    pub fn reset(&mut self) {
        self.centred.fill(0.0);
    }

    /// Takes over the memory of another state of the same field, without allocating.
    pub fn copy_from(&mut self, other: &Self) {
        self.centred.copy_from_slice(&other.centred);
    }

    /// q `[F]` of the last frame, less 1/2.
    pub fn centred_posterior(&self) -> &[f32] {
        &self.centred[1..=self.bands]
    }

    /// `log2 (S_s / S_n)` `[F]` of the last frame.
    pub fn log_ratio(&self) -> &[f32] {
        &self.log_ratio[..self.bands]
    }
}

/// `clamp(s ln (S_s / S_n) + c) + V (q_{t-1} - 1/2)` of each band.
#[inline(always)]
fn evidence(layer: &PackedLayer, log_ratio: &[f32], before: &[f32], out: &mut [f32]) {
    // Slices of one known length each, so that the loop needs no bounds checks and is vectorised.
    let bands = out.len();
    let (slope, bias, time) = (&layer.slope[..bands], &layer.bias[..bands], &layer.time[..bands]);
    let (log_ratio, before) = (&log_ratio[..bands], &before[..bands]);
    for b in 0..bands {
        let unary = (slope[b] * log_ratio[b] + bias[b]).clamp(-LARGEST_EVIDENCE, LARGEST_EVIDENCE);
        out[b] = unary + time[b] * before[b];
    }
}

/// One iteration of mean field: `q <- q + step (sigma(evidence + J (q_{b-1} - 1/2) + J (q_{b+1} - 1/2)) - q)`.
#[inline(always)]
fn iterate(layer: &PackedLayer, state: &mut PresenceState) {
    let bands = state.before.len();
    let (below, here, above) = (
        &state.centred[..bands],
        &state.centred[1..=bands],
        &state.centred[2..bands + 2],
    );
    let (from_below, from_above) = (&layer.coupling[..bands], &layer.coupling[1..=bands]);
    let unary = &state.unary[..bands];
    let out = &mut state.next[1..=bands];
    for b in 0..bands {
        let z = unary[b] + from_below[b] * below[b] + from_above[b] * above[b];
        out[b] = here[b] + layer.step * (sigmoid(z) - 0.5 - here[b]);
    }
    std::mem::swap(&mut state.centred, &mut state.next);
}

/// Exact posterior of the chain over the bands.
#[inline(always)]
fn sweep(layer: &PackedLayer, state: &mut PresenceState) {
    state
        .chain
        .posterior_into(&state.unary[..state.bands], &layer.links, &mut state.posterior);
    for (centred, q) in state.centred[1..].iter_mut().zip(&state.posterior) {
        *centred = q - 0.5;
    }
}

/// `ln G = q ln max(g, g_1) + (1 - q) ln g_min`, in place.
#[inline(always)]
fn apply(present_log2: &[f32], absent_log2: &[f32], centred: &[f32], gain: &mut [f32]) {
    let gains = present_log2.iter().zip(absent_log2);
    for ((g, centred), (present, absent)) in gain.iter_mut().zip(&centred[1..]).zip(gains) {
        let log_mask = log2(g.max(TINY)).max(*present);
        *g = exp2(absent + (centred + 0.5) * (log_mask - absent));
    }
}

#[cfg(test)]
mod tests;
