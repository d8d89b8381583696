//! A causal field of speech presence over time and bands, whose posterior refines the network's mask
//! (algorithm.md section 6). F bands, one signal; the frame before acts through its posterior.

use std::f32::consts::LN_2;

use super::{Chain, Tape, link, sigmoid};
use crate::kernels::{exp2, log2};
use crate::model::{FieldInference, SpeechField};
use crate::simd::dispatch;

/// Unary terms act within +- this.
pub const LARGEST_EVIDENCE: f32 = 8.0;

/// Masks are taken as at least this before their logarithm: far below any gain of a field.
const TINY: f32 = 1e-20;

/// A [`SpeechField`] made ready to run.
pub struct Presence {
    inference: FieldInference,
    iterations: usize,
    layers: Vec<PackedLayer>,
    /// `[F]`, base 2.
    present_log2: Vec<f32>,
    /// `[F]`, base 2.
    absent_log2: Vec<f32>,
}

struct PackedLayer {
    /// `[F]`: by the base-2 logarithm of the ratio.
    slope: Vec<f32>,
    bias: Vec<f32>,
    time: Vec<f32>,
    /// `[F + 1]`: J between bands, 0 at both ends.
    coupling: Vec<f32>,
    /// `[F - 1]`: see [`link`].
    links: Vec<f32>,
    step: f32,
}

/// Memory and buffers of one signal.
pub struct PresenceState {
    /// `[F]`: `log2 (S_s / S_n)` of the last frame.
    pub log_ratio: Vec<f32>,
    /// The two sweeps of the last frame (belief propagation).
    pub chain: Chain,
    /// `[F + 2]`: q - 1/2 between two zeros; kept from frame to frame.
    centred: Vec<f32>,
    next: Vec<f32>,
    /// `[F]`: q - 1/2 of the frame before.
    before: Vec<f32>,
    /// `[F]`
    unary: Vec<f32>,
    /// `[F]`
    posterior: Vec<f32>,
}

impl Presence {
    /// Prepares a valid field. Allocates.
    pub fn new(field: &SpeechField) -> Self {
        let to_log2 = |ln: &[f32]| ln.iter().map(|x| x / LN_2).collect();
        let layers = field.layers.iter().map(|layer| PackedLayer {
            slope: layer.unary_slope.iter().map(|s| s * LN_2).collect(),
            bias: layer.unary_bias.clone(),
            time: layer.time_coupling.clone(),
            coupling: [&[0.0], &layer.band_coupling[..], &[0.0]].concat(),
            links: layer.band_coupling.iter().map(|j| link(*j)).collect(),
            step: layer.step[0],
        });
        Self {
            inference: field.inference,
            iterations: field.iterations,
            layers: layers.collect(),
            present_log2: to_log2(&field.present_ln_gain),
            absent_log2: to_log2(&field.absent_ln_gain),
        }
    }

    /// Memory for this field, of a past that is unknown. Allocates everything.
    pub fn state(&self) -> PresenceState {
        let bands = self.present_log2.len();
        PresenceState {
            log_ratio: vec![0.0; bands],
            chain: Chain::new(bands),
            centred: vec![0.0; bands + 2],
            next: vec![0.0; bands + 2],
            before: vec![0.0; bands],
            unary: vec![0.0; bands],
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
                for ((x, s), n) in state.log_ratio.iter_mut().zip(speech).zip(noise) {
                    *x = log2(*s) - log2(*n);
                }
                let bands = state.before.len();
                state.before.copy_from_slice(&state.centred[1..=bands]);
                match self.inference {
                    FieldInference::MeanField => {
                        for k in 0..depth.clamp(1, self.iterations) {
                            tape.values(k, &state.centred);
                            iterate(&self.layers[k.min(self.layers.len() - 1)], state);
                        }
                    }
                    FieldInference::BeliefPropagation => {
                        tape.values(0, &state.centred);
                        sweep(&self.layers[0], state);
                    }
                }
                apply(&self.present_log2, &self.absent_log2, &state.centred, mask);
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
        &self.centred[1..=self.before.len()]
    }
}

/// `clamp(s ln (S_s / S_n) + c) + V (q_{t-1} - 1/2)` of one band.
#[inline(always)]
fn evidence(layer: &PackedLayer, b: usize, log_ratio: f32, before: f32) -> f32 {
    let unary = layer.slope[b] * log_ratio + layer.bias[b];
    unary.clamp(-LARGEST_EVIDENCE, LARGEST_EVIDENCE) + layer.time[b] * before
}

/// One iteration of mean field: `q <- q + step (sigma(evidence + J (q_{b-1} - 1/2) + J (q_{b+1} - 1/2)) - q)`.
#[inline(always)]
fn iterate(layer: &PackedLayer, state: &mut PresenceState) {
    let bands = state.before.len();
    // Slices of one known length each, so that the loop needs no bounds checks and is vectorised.
    let (below, here, above) = (
        &state.centred[..bands],
        &state.centred[1..=bands],
        &state.centred[2..bands + 2],
    );
    let (from_below, from_above) = (&layer.coupling[..bands], &layer.coupling[1..=bands]);
    let (log_ratio, before) = (&state.log_ratio[..bands], &state.before[..bands]);
    let out = &mut state.next[1..=bands];
    for b in 0..bands {
        let z = evidence(layer, b, log_ratio[b], before[b]) + from_below[b] * below[b] + from_above[b] * above[b];
        out[b] = here[b] + layer.step * (sigmoid(z) - 0.5 - here[b]);
    }
    std::mem::swap(&mut state.centred, &mut state.next);
}

/// Exact posterior of the chain over the bands.
#[inline(always)]
fn sweep(layer: &PackedLayer, state: &mut PresenceState) {
    for (b, unary) in state.unary.iter_mut().enumerate() {
        *unary = evidence(layer, b, state.log_ratio[b], state.before[b]);
    }
    state
        .chain
        .posterior_into(&state.unary, &layer.links, &mut state.posterior);
    for (centred, q) in state.centred[1..].iter_mut().zip(&state.posterior) {
        *centred = q - 0.5;
    }
}

#[inline(always)]
fn apply(present_log2: &[f32], absent_log2: &[f32], centred: &[f32], mask: &mut [f32]) {
    let gains = present_log2.iter().zip(absent_log2);
    for ((g, centred), (present, absent)) in mask.iter_mut().zip(&centred[1..]).zip(gains) {
        let log_mask = log2(g.max(TINY)).max(*present);
        *g = exp2(absent + (centred + 0.5) * (log_mask - absent));
    }
}

#[cfg(test)]
mod tests;
