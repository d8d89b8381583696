//! Deep NMF inference: the iterations of sparse NMF unfolded into layers (paper section on NMF; algorithm.md
//! sections 4 and 5). One [`forward`] serves the plugin, the commands and the trainer.
//!
//! Buffers are `[rows, lanes]`, row-major: lane b of row r is at `r * lanes + b`. A lane is an independent
//! signal; the engine uses one, the trainer many. R atoms, J adaptive atoms, F bands, I input rows.

mod state;

use crate::kernels::{Products, exp2, log2};
use crate::model::{Config, Model};

pub use state::State;

/// Activations stay inside these bounds, far outside what normalised input causes.
pub const ACTIVATION_RANGE: (f32, f32) = (1e-8, 1e4);

/// Added to a numerator before its logarithm is taken.
pub const TINY: f32 = 1e-20;

/// Numbers derived from the weights once, and repeated over the lanes.
pub struct Constants {
    /// Per layer `[R, lanes]`: log2(rowsum(E) + mu).
    log_denominator: Vec<Vec<f32>>,
    /// Per layer `[R, lanes]`: p.
    exponent: Vec<Vec<f32>>,
    /// `[R, lanes]`.
    bias: Vec<f32>,
    /// Adaptive windows: per band the lower window and the weight of the next one.
    window: Vec<(usize, f32)>,
    lanes: usize,
}

impl Constants {
    /// Prepares a valid model for `lanes` lanes. Allocates.
    pub fn new(model: &Model, lanes: usize) -> Self {
        let repeat = |values: Vec<f32>| -> Vec<f32> {
            values
                .into_iter()
                .flat_map(|value| std::iter::repeat_n(value, lanes))
                .collect()
        };
        let log_denominator = model.layers.iter().map(|layer| {
            let encoder = if model.config.untied_encoder {
                &layer.encoder
            } else {
                &layer.decoder
            };
            let sums = encoder.rows().into_iter().zip(&layer.sparsity);
            repeat(sums.map(|(row, mu)| log2(row.sum() + mu + TINY)).collect())
        });
        Self {
            log_denominator: log_denominator.collect(),
            exponent: model
                .layers
                .iter()
                .map(|layer| repeat(layer.exponent.to_vec()))
                .collect(),
            bias: repeat(model.warm_start.bias.to_vec()),
            window: adaptive_windows(&model.config),
            lanes,
        }
    }

    /// log2(rowsum(E) + mu) of a layer `[R, lanes]`.
    pub fn log_denominator(&self, layer: usize) -> &[f32] {
        &self.log_denominator[layer]
    }
}

/// Overlapping triangles over the bands, one per adaptive atom, that add up to one.
fn adaptive_windows(config: &Config) -> Vec<(usize, f32)> {
    let last = config.adaptive_atoms.saturating_sub(1);
    let position = |band: usize| band as f32 * last as f32 / (config.bands() - 1) as f32;
    let lower = |band: usize| (position(band) as usize).min(last.saturating_sub(1));
    (0..config.bands())
        .map(|band| (lower(band), position(band) - lower(band) as f32))
        .collect()
}

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
/// speech, noise and mask. `adapt` false leaves the adaptive atoms out. No allocation with [`crate::kernels::MatVec`].
pub fn forward<P: Products, T: Tape>(
    model: &Model,
    constants: &Constants,
    products: &P,
    state: &mut State,
    depth: usize,
    adapt: bool,
    tape: &mut T,
) {
    let depth = depth.clamp(1, model.config.layers);
    state.arch.dispatch(
        #[inline(always)]
        || {
            if !adapt {
                state.floor.fill(0.0);
            }
            start(model, constants, products, state);
            for k in 0..depth {
                iterate(model, constants, products, state, k, tape);
            }
            read_out(model, constants, products, state, depth);
            tape.readout(state);
        },
    );
}

/// `H^0_t = c + A H^K_{t-1}`, and the sums of the adaptive atoms.
#[inline(always)]
fn start<P: Products>(model: &Model, constants: &Constants, products: &P, state: &mut State) {
    let lanes = constants.lanes;
    let warm = &model.warm_start;
    let atoms = model.config.atoms();
    if model.config.recurrent {
        let recurrence = warm.recurrence.as_slice().unwrap_or_default();
        products.correlate(recurrence, atoms, &state.activation, &mut state.start, lanes);
        for ((h, c), a) in state.activation.iter_mut().zip(&constants.bias).zip(&state.start) {
            *h = c + a;
        }
    } else {
        state.activation.copy_from_slice(&constants.bias);
    }
    for (j, h) in state.adaptive_activation.chunks_exact_mut(lanes).enumerate() {
        let kept = if model.config.recurrent {
            warm.adaptive_recurrence[j]
        } else {
            0.0
        };
        h.iter_mut().for_each(|h| *h = warm.adaptive_bias[j] + kept * *h);
    }
    state.floor_sum.fill(0.0);
    if model.config.adaptive_atoms > 0 {
        spread(constants, &state.floor, &mut state.floor_sum);
        let frames = model.config.stacked_frames() as f32;
        state.floor_sum.iter_mut().for_each(|sum| *sum *= frames);
    }
}

/// Adds per-band values `[F, lanes]` into the adaptive windows they lie in `[J, lanes]`.
#[inline(always)]
pub fn spread(constants: &Constants, bands: &[f32], windows: &mut [f32]) {
    let lanes = constants.lanes;
    for (&(lower, weight), values) in constants.window.iter().zip(bands.chunks_exact(lanes)) {
        for (b, value) in values.iter().enumerate() {
            windows[lower * lanes + b] += (1.0 - weight) * value;
            if weight > 0.0 {
                windows[(lower + 1) * lanes + b] += weight * value;
            }
        }
    }
}

/// Transpose of [`spread`]: per-band values `[F, lanes]` interpolated between the windows `[J, lanes]`.
#[inline(always)]
pub fn gather(constants: &Constants, windows: &[f32], bands: &mut [f32]) {
    let lanes = constants.lanes;
    for (&(lower, weight), values) in constants.window.iter().zip(bands.chunks_exact_mut(lanes)) {
        for (b, value) in values.iter_mut().enumerate() {
            *value = (1.0 - weight) * windows[lower * lanes + b];
            if weight > 0.0 {
                *value += weight * windows[(lower + 1) * lanes + b];
            }
        }
    }
}

/// One layer.
#[inline(always)]
fn iterate<P: Products, T: Tape>(
    model: &Model,
    constants: &Constants,
    products: &P,
    state: &mut State,
    k: usize,
    tape: &mut T,
) {
    let lanes = constants.lanes;
    let index = model.layer_index(k);
    let layer = &model.layers[index];
    let rows = model.config.input_rows();
    let decoder = layer.decoder.as_slice().unwrap_or_default();
    let encoder = if model.config.untied_encoder {
        layer.encoder.as_slice().unwrap_or_default()
    } else {
        decoder
    };

    products.reconstruct(decoder, rows, &state.activation, &mut state.modelled, lanes);
    let adaptive = model.config.adaptive_atoms > 0;
    if adaptive {
        gather(constants, &state.adaptive_activation, &mut state.band_scratch);
        for (part, floor) in state.band_scratch.iter_mut().zip(&state.floor) {
            *part *= floor;
        }
        for frame in state.modelled.chunks_exact_mut(state.band_scratch.len()) {
            for (l, part) in frame.iter_mut().zip(&state.band_scratch) {
                *l += part;
            }
        }
    }
    let epsilon = model.config.epsilon;
    for ((ratio, l), m) in state.ratio.iter_mut().zip(&mut state.modelled).zip(&state.input) {
        *l += epsilon;
        *ratio = m / *l;
    }
    products.correlate(encoder, rows, &state.ratio, &mut state.log_update, lanes);
    for (n, d) in state.log_update.iter_mut().zip(&constants.log_denominator[index]) {
        *n = log2(*n + TINY) - d;
    }
    if adaptive {
        adaptive_update(constants, state, layer.adaptive_sparsity.as_slice().unwrap_or_default());
    }
    tape.layer(k, state);

    let (low, high) = ACTIVATION_RANGE;
    for ((h, x), p) in state
        .activation
        .iter_mut()
        .zip(&state.log_update)
        .zip(&constants.exponent[index])
    {
        *h = (*h * exp2(p * x)).clamp(low, high);
    }
    let adaptive_rows = state
        .adaptive_activation
        .chunks_exact_mut(lanes)
        .zip(&layer.adaptive_exponent);
    for ((h, p), x) in adaptive_rows.zip(state.adaptive_log_update.chunks_exact(lanes)) {
        for (h, x) in h.iter_mut().zip(x) {
            *h = (*h * exp2(p * x)).clamp(low, high);
        }
    }
}

/// The same update for the atoms that are windows of the noise floor.
#[inline(always)]
fn adaptive_update(constants: &Constants, state: &mut State, sparsity: &[f32]) {
    let lanes = constants.lanes;
    state.band_scratch.fill(0.0);
    for frame in state.ratio.chunks_exact(state.band_scratch.len()) {
        for (sum, ratio) in state.band_scratch.iter_mut().zip(frame) {
            *sum += ratio;
        }
    }
    for (sum, floor) in state.band_scratch.iter_mut().zip(&state.floor) {
        *sum *= floor;
    }
    state.adaptive_numerator.fill(0.0);
    spread(constants, &state.band_scratch, &mut state.adaptive_numerator);
    for (j, mu) in sparsity.iter().enumerate() {
        for b in j * lanes..(j + 1) * lanes {
            let denominator = state.floor_sum[b] + mu + TINY;
            state.adaptive_log_update[b] = log2(state.adaptive_numerator[b] + TINY) - log2(denominator);
        }
    }
}

/// S_s, S_n and the mask `g = S_s^q / (S_s^q + S_n^q)` (section 5, item 4).
#[inline(always)]
fn read_out<P: Products>(model: &Model, constants: &Constants, products: &P, state: &mut State, depth: usize) {
    let lanes = constants.lanes;
    let readout = &model.readouts[model.readout_index(depth)];
    let bands = model.config.bands();
    let (speech_rows, noise_rows) = readout
        .dictionary
        .as_slice()
        .unwrap_or_default()
        .split_at(model.config.speech_atoms * bands);
    let (speech_h, noise_h) = state.activation.split_at(model.config.speech_atoms * lanes);
    products.reconstruct(speech_rows, bands, speech_h, &mut state.speech, lanes);
    products.reconstruct(noise_rows, bands, noise_h, &mut state.noise, lanes);
    if model.config.adaptive_atoms > 0 {
        // adaptive_numerator serves as scratch for the scaled activations.
        let scaled = state
            .adaptive_numerator
            .chunks_exact_mut(lanes)
            .zip(state.adaptive_activation.chunks_exact(lanes));
        for ((out, h), scale) in scaled.zip(&readout.adaptive_scale) {
            for (out, h) in out.iter_mut().zip(h) {
                *out = scale * h;
            }
        }
        gather(constants, &state.adaptive_numerator, &mut state.band_scratch);
        for ((noise, part), floor) in state.noise.iter_mut().zip(&state.band_scratch).zip(&state.floor) {
            *noise += part * floor;
        }
    }
    let epsilon = model.config.epsilon;
    let estimates = state
        .speech
        .chunks_exact_mut(lanes)
        .zip(state.noise.chunks_exact_mut(lanes));
    for ((mask, (speech, noise)), q) in state
        .mask
        .chunks_exact_mut(lanes)
        .zip(estimates)
        .zip(&readout.mask_exponent)
    {
        for ((g, s), n) in mask.iter_mut().zip(speech).zip(noise) {
            *s += epsilon;
            *n += epsilon;
            *g = 1.0 / (1.0 + exp2(q * (log2(*n) - log2(*s))));
        }
    }
}
