//! Deep NMF inference: the iterations of sparse NMF unfolded into layers (paper section on NMF; docs/algorithm.md
//! sections 4 and 5). One [`forward`] serves the plugin, the commands and the trainer.
//!
//! Buffers are `[rows, lanes]`, row-major: lane b of row r is at `r * lanes + b`. A lane is an independent
//! signal; the engine uses one, the trainer many. R atoms, J adaptive atoms, U user atoms, F bands, I input rows.

mod network;
mod rows;
mod state;
mod user_atoms;

use crate::kernels::{Dictionary, exp2, log2};
use crate::simd::dispatch;

pub use network::Network;
pub use rows::{adaptive_sums, collect, distribute_add, gather, spread};
pub use state::State;
pub use user_atoms::UserAtoms;

/// Activations stay inside these bounds, far outside what normalised input causes.
pub const ACTIVATION_RANGE: (f32, f32) = (1e-8, 1e4);

/// Added to a numerator before its logarithm is taken.
pub const TINY: f32 = 1e-20;

/// What a trainer keeps of a forward pass. `()` keeps nothing.
pub trait Tape {
    /// Before iteration `k` multiplies the activations by 2^(p log_update).
    fn layer(&mut self, k: usize, state: &State);
    /// After the mask was made.
    fn readout(&mut self, state: &State);
}

impl Tape for () {
    #[inline(always)]
    fn layer(&mut self, _: usize, _: &State) {}
    #[inline(always)]
    fn readout(&mut self, _: &State) {}
}

/// One frame: starts the activations from the last frame's, runs `depth` layers (clamped to 1..=K) and makes
/// speech, noise and mask. `adapt` false leaves the adaptive atoms out. No allocation over [`crate::kernels::Packed`].
pub fn forward<D: Dictionary, T: Tape>(
    network: &Network<D>,
    state: &mut State,
    depth: usize,
    adapt: bool,
    tape: &mut T,
) {
    let depth = depth.clamp(1, network.config.layers);
    dispatch(
        #[inline(always)]
        || {
            if !adapt {
                state.floor.fill(0.0);
            }
            start(network, state);
            for k in 0..depth {
                iterate(network, state, k, tape);
            }
            read_out(network, state, depth);
            tape.readout(state);
        },
    );
}

/// `H^0_t = c + A H^K_{t-1}`, and the sums of the adaptive and the user atoms.
#[inline(always)]
fn start<D: Dictionary>(network: &Network<D>, state: &mut State) {
    let lanes = network.lanes;
    if let Some(recurrence) = &network.recurrence {
        recurrence.correlate(&state.activation, &mut state.start, lanes);
        for ((h, c), a) in state.activation.iter_mut().zip(&network.bias).zip(&state.start) {
            *h = c + a;
        }
    } else {
        state.activation.copy_from_slice(&network.bias);
    }
    for (j, h) in state.adaptive_activation.chunks_exact_mut(lanes).enumerate() {
        let kept = network.adaptive_recurrence.get(j).copied().unwrap_or(0.0);
        h.iter_mut().for_each(|h| *h = network.adaptive_bias[j] + kept * *h);
    }
    if network.config.adaptive_atoms > 0 {
        adaptive_sums(network, &state.floor, &mut state.band_scratch, &mut state.floor_sum);
    }
    if state.user.used > 0 {
        user_atoms::start(network, state);
    }
}

/// One layer.
#[inline(always)]
fn iterate<D: Dictionary, T: Tape>(network: &Network<D>, state: &mut State, k: usize, tape: &mut T) {
    let lanes = network.lanes;
    let layer = &network.layers[network.layer_of_iteration[k]];
    let adaptive = network.config.adaptive_atoms > 0;

    layer.decoder.reconstruct(&state.activation, &mut state.modelled, lanes);
    if adaptive || state.user.used > 0 {
        add_runtime_atoms(network, state);
    }
    let epsilon = network.config.epsilon;
    for ((ratio, l), m) in state.ratio.iter_mut().zip(&mut state.modelled).zip(&state.input) {
        *l += epsilon;
        *ratio = m / *l;
    }
    let encoder = layer.encoder.as_ref().unwrap_or(&layer.decoder);
    encoder.correlate(&state.ratio, &mut state.log_update, lanes);
    for (n, d) in state.log_update.iter_mut().zip(&layer.log_denominator) {
        *n = log2(*n + TINY) - d;
    }
    if adaptive || state.user.used > 0 {
        collect(network, &state.ratio, &mut state.group_scratch, &mut state.band_scratch);
    }
    if state.user.used > 0 {
        user_atoms::update(network, state, layer.user_sparsity);
    }
    if adaptive {
        adaptive_update(network, state, &layer.adaptive_sparsity);
    }
    tape.layer(k, state);

    let (low, high) = ACTIVATION_RANGE;
    for ((h, x), p) in state.activation.iter_mut().zip(&state.log_update).zip(&layer.exponent) {
        *h = (*h * exp2(p * x)).clamp(low, high);
    }
    let adaptive_atoms = state.adaptive_activation.iter_mut().zip(&state.adaptive_log_update);
    for ((h, x), p) in adaptive_atoms.zip(&layer.adaptive_exponent) {
        *h = (*h * exp2(p * x)).clamp(low, high);
    }
    if state.user.used > 0 {
        user_atoms::step(state, layer.user_exponent);
    }
}

/// Adds the atoms that are known at run time alone, adaptive and user's, to the modelled input.
#[inline(always)]
fn add_runtime_atoms<D>(network: &Network<D>, state: &mut State) {
    if network.config.adaptive_atoms > 0 {
        gather(network, &state.adaptive_activation, &mut state.band_scratch);
        for (part, floor) in state.band_scratch.iter_mut().zip(&state.floor) {
            *part *= floor;
        }
    } else {
        state.band_scratch.fill(0.0);
    }
    let user = &state.user;
    user.reconstruct_add(&user.activation, &mut state.band_scratch, network.lanes);
    distribute_add(
        network,
        &state.band_scratch,
        &mut state.group_scratch,
        &mut state.modelled,
    );
}

/// The same update for the atoms that are windows of the noise floor. The ratio's sums per band are in `band_scratch`.
#[inline(always)]
fn adaptive_update<D>(network: &Network<D>, state: &mut State, sparsity: &[f32]) {
    for (sum, floor) in state.band_scratch.iter_mut().zip(&state.floor) {
        *sum *= floor;
    }
    state.adaptive_numerator.fill(0.0);
    spread(network, &state.band_scratch, &mut state.adaptive_numerator);
    let sums = state.adaptive_numerator.iter().zip(&state.floor_sum).zip(sparsity);
    for (x, ((numerator, floor_sum), mu)) in state.adaptive_log_update.iter_mut().zip(sums) {
        *x = log2(numerator + TINY) - log2(floor_sum + mu + TINY);
    }
}

/// S_s, S_n and the mask `g = S_s^q / (S_s^q + S_n^q)` (section 5, item 4).
#[inline(always)]
fn read_out<D: Dictionary>(network: &Network<D>, state: &mut State, depth: usize) {
    let lanes = network.lanes;
    let readout = &network.readouts[network.config.readout_index(depth)];
    let (speech_h, noise_h) = state.activation.split_at(network.config.speech_atoms * lanes);
    readout.speech.reconstruct(speech_h, &mut state.speech, lanes);
    readout.noise.reconstruct(noise_h, &mut state.noise, lanes);
    if network.config.adaptive_atoms > 0 {
        // adaptive_numerator serves as scratch for the scaled activations.
        let scaled = state.adaptive_numerator.iter_mut().zip(&state.adaptive_activation);
        for ((out, h), scale) in scaled.zip(&readout.adaptive_scale) {
            *out = scale * h;
        }
        gather(network, &state.adaptive_numerator, &mut state.band_scratch);
        for ((noise, part), floor) in state.noise.iter_mut().zip(&state.band_scratch).zip(&state.floor) {
            *noise += part * floor;
        }
    }
    if state.user.used > 0 {
        user_atoms::read_out(network, state, readout.user_scale);
    }
    let epsilon = network.config.epsilon;
    let estimates = state.speech.iter_mut().zip(&mut state.noise);
    for ((g, (s, n)), q) in state.mask.iter_mut().zip(estimates).zip(&readout.mask_exponent) {
        *s += epsilon;
        *n += epsilon;
        *g = 1.0 / (1.0 + exp2(q * (log2(*n) - log2(*s))));
    }
}

#[cfg(test)]
mod tests;
