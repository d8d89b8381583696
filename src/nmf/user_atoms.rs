//! Noise atoms learnt at run time from the user's own noise (docs/algorithm.md section 5, item 7): known spectra, each with
//! an activation of its own that follows the rule of the adaptive atoms.

use super::{ACTIVATION_RANGE, Network, State, TINY};
use crate::kernels::{dot, exp2, log2};
use crate::model::Config;

/// Spectra and activations. U = most atoms, F bands; buffers are `[rows, lanes]` as everywhere in this module.
pub struct UserAtoms {
    /// Input: `[U, F, lanes]`, unit L2 norm per atom and lane; zeros for an atom that a lane lacks.
    pub spectra: Vec<f32>,
    /// Input: atoms in use; those from here on are not computed.
    pub used: usize,
    /// `[U, lanes]`, kept from frame to frame.
    pub activation: Vec<f32>,
    /// log2(N / d) `[U, lanes]`.
    pub log_update: Vec<f32>,
    numerator: Vec<f32>,
    sum: Vec<f32>,
}

impl UserAtoms {
    /// Buffers for `config.user_atoms` atoms, none in use. Allocates.
    pub(super) fn new(config: &Config, lanes: usize) -> Self {
        let rows = vec![0.0; config.user_atoms * lanes];
        Self {
            spectra: vec![0.0; config.user_atoms * config.bands() * lanes],
            used: 0,
            activation: rows.clone(),
            log_update: rows.clone(),
            numerator: rows.clone(),
            sum: rows,
        }
    }

    /// Puts the atoms of a single lane in place, `[count][F]`; none clears them.
    pub fn set(&mut self, spectra: &[f32]) {
        let length = self.spectra.len() / self.activation.len().max(1);
        self.used = spectra.len() / length.max(1);
        self.spectra[..spectra.len()].copy_from_slice(spectra);
    }

    /// Sums of the atoms `[F, lanes]`, each weighted by its own `x [U, lanes]`.
    #[inline(always)]
    pub fn reconstruct(&self, x: &[f32], bands: &mut [f32], lanes: usize) {
        bands.fill(0.0);
        self.reconstruct_add(x, bands, lanes);
    }

    /// [`Self::reconstruct`] added to what is there.
    #[inline(always)]
    pub fn reconstruct_add(&self, x: &[f32], bands: &mut [f32], lanes: usize) {
        for (atom, x) in self.atoms(bands.len()).zip(x.chunks_exact(lanes)) {
            if let [x] = x {
                bands.iter_mut().zip(atom).for_each(|(sum, w)| *sum += x * w);
            } else {
                for (sums, weights) in bands.chunks_exact_mut(lanes).zip(atom.chunks_exact(lanes)) {
                    for ((sum, w), x) in sums.iter_mut().zip(weights).zip(x) {
                        *sum += w * x;
                    }
                }
            }
        }
    }

    /// Inner product of each atom with `bands [F, lanes]` into `out [U, lanes]`.
    #[inline(always)]
    pub fn correlate(&self, bands: &[f32], out: &mut [f32], lanes: usize) {
        for (atom, out) in self.atoms(bands.len()).zip(out.chunks_exact_mut(lanes)) {
            if let [out] = out {
                *out = dot(atom, bands);
            } else {
                out.fill(0.0);
                for (weights, xs) in atom.chunks_exact(lanes).zip(bands.chunks_exact(lanes)) {
                    for ((sum, w), x) in out.iter_mut().zip(weights).zip(xs) {
                        *sum += w * x;
                    }
                }
            }
        }
    }

    fn atoms(&self, length: usize) -> impl Iterator<Item = &[f32]> {
        self.spectra.chunks_exact(length.max(1)).take(self.used)
    }
}

/// Start of a frame: `H^0 = c + a H^K_{t-1}`, one c and one a for all, and the sum of each atom over the input rows.
#[inline(always)]
pub(super) fn start<D>(network: &Network<D>, state: &mut State) {
    let (bias, kept) = network.user_start;
    state.user.activation.iter_mut().for_each(|h| *h = bias + kept * *h);
    let mut sum = std::mem::take(&mut state.user.sum);
    state.user.correlate(&network.row_weight, &mut sum, network.lanes);
    state.user.sum = sum;
}

/// Fills `log_update` from the ratio of input to model, whose sums per band are in `band_scratch`.
#[inline(always)]
pub(super) fn update<D>(network: &Network<D>, state: &mut State, sparsity: f32) {
    let mut numerator = std::mem::take(&mut state.user.numerator);
    state.user.correlate(&state.band_scratch, &mut numerator, network.lanes);
    let rows = numerator.iter().zip(&state.user.sum);
    for (x, (n, sum)) in state.user.log_update.iter_mut().zip(rows) {
        *x = log2(n + TINY) - log2(sum + sparsity + TINY);
    }
    state.user.numerator = numerator;
}

/// Multiplies the activations by 2^(p log_update).
#[inline(always)]
pub(super) fn step(state: &mut State, exponent: f32) {
    let (low, high) = ACTIVATION_RANGE;
    for (h, x) in state.user.activation.iter_mut().zip(&state.user.log_update) {
        *h = (*h * exp2(exponent * x)).clamp(low, high);
    }
}

/// Adds the atoms to the noise estimate.
#[inline(always)]
pub(super) fn read_out<D>(network: &Network<D>, state: &mut State, scale: f32) {
    let user = &state.user;
    user.reconstruct(&user.activation, &mut state.band_scratch, network.lanes);
    for (noise, part) in state.noise.iter_mut().zip(&state.band_scratch) {
        *noise += scale * part;
    }
}
