//! Deep NMF inference: the iterations of sparse NMF unfolded into layers (paper section on NMF; algorithm.md
//! sections 4 and 5). One [`forward`] serves the plugin, the commands and the trainer.
//!
//! Buffers are `[rows, lanes]`, row-major: lane b of row r is at `r * lanes + b`. A lane is an independent
//! signal; the engine uses one, the trainer many. R atoms, J adaptive atoms, F bands, I input rows.

mod state;

use crate::kernels::{Dictionary, exp2, log2};
use crate::model::{Config, Model};
use crate::simd::dispatch;

use self::state::group_means;
pub use state::State;

/// Activations stay inside these bounds, far outside what normalised input causes.
pub const ACTIVATION_RANGE: (f32, f32) = (1e-8, 1e4);

/// Added to a numerator before its logarithm is taken.
pub const TINY: f32 = 1e-20;

/// A model made ready to run: dictionaries packed for their inner loops, the rest repeated over the lanes.
pub struct Network<D> {
    config: Config,
    lanes: usize,
    /// `[R, lanes]`: c.
    bias: Vec<f32>,
    /// A; none when not recurrent.
    recurrence: Option<D>,
    adaptive_bias: Vec<f32>,
    adaptive_recurrence: Vec<f32>,
    layers: Vec<NetworkLayer<D>>,
    layer_of_iteration: Vec<usize>,
    readouts: Vec<NetworkReadout<D>>,
    /// Adaptive windows: per band the lower window and the weight of the next one.
    window: Vec<(usize, f32)>,
}

struct NetworkLayer<D> {
    decoder: D,
    /// None: the decoder serves.
    encoder: Option<D>,
    /// `[R, lanes]`: log2(rowsum(E) + mu).
    log_denominator: Vec<f32>,
    /// `[R, lanes]`: p.
    exponent: Vec<f32>,
    adaptive_sparsity: Vec<f32>,
    adaptive_exponent: Vec<f32>,
}

struct NetworkReadout<D> {
    speech: D,
    noise: D,
    adaptive_scale: Vec<f32>,
    mask_exponent: Vec<f32>,
}

impl<D: Dictionary> Network<D> {
    /// Prepares a valid model for `lanes` lanes. Allocates.
    pub fn new(model: &Model, lanes: usize) -> Self {
        let config = &model.config;
        let warm = &model.warm_start;
        let repeat = |values: &[f32]| {
            values
                .iter()
                .flat_map(|&value| std::iter::repeat_n(value, lanes))
                .collect()
        };
        let rows = config.input_rows();
        let layers = model.layers.iter().map(|layer| {
            let encoder = if config.untied_encoder {
                &layer.encoder
            } else {
                &layer.decoder
            };
            let denominator = encoder
                .rows()
                .into_iter()
                .zip(&layer.sparsity)
                .map(|(row, mu)| row.sum() + mu);
            NetworkLayer {
                decoder: D::pack(flat(&layer.decoder), rows),
                encoder: config.untied_encoder.then(|| D::pack(flat(&layer.encoder), rows)),
                log_denominator: repeat(&denominator.map(|d| log2(d + TINY)).collect::<Vec<f32>>()),
                exponent: repeat(&layer.exponent.to_vec()),
                adaptive_sparsity: layer.adaptive_sparsity.to_vec(),
                adaptive_exponent: layer.adaptive_exponent.to_vec(),
            }
        });
        let readouts = model.readouts.iter().map(|readout| {
            let bands = config.bands();
            let (speech, noise) = flat(&readout.dictionary).split_at(config.speech_atoms * bands);
            NetworkReadout {
                speech: D::pack(speech, bands),
                noise: D::pack(noise, bands),
                adaptive_scale: readout.adaptive_scale.to_vec(),
                mask_exponent: readout.mask_exponent.to_vec(),
            }
        });
        Self {
            lanes,
            bias: repeat(&warm.bias.to_vec()),
            recurrence: config
                .recurrent
                .then(|| D::pack(flat(&warm.recurrence), config.atoms())),
            adaptive_bias: warm.adaptive_bias.to_vec(),
            adaptive_recurrence: warm.adaptive_recurrence.to_vec(),
            layers: layers.collect(),
            layer_of_iteration: (0..config.layers).map(|k| model.layer_index(k)).collect(),
            readouts: readouts.collect(),
            window: adaptive_windows(config),
            config: config.clone(),
        }
    }

    /// log2(rowsum(E) + mu) of a layer `[R, lanes]`.
    pub fn log_denominator(&self, layer: usize) -> &[f32] {
        &self.layers[layer].log_denominator
    }
}

// Arrays of a model are always in standard layout.
fn flat(a: &ndarray::Array2<f32>) -> &[f32] {
    a.as_slice().unwrap_or_default()
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

/// `H^0_t = c + A H^K_{t-1}`, and the sums of the adaptive atoms.
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
    state.floor_sum.fill(0.0);
    if network.config.adaptive_atoms > 0 {
        state.ratio.fill(1.0);
        collect(network, &state.ratio, &mut state.band_scratch);
        for (sum, floor) in state.band_scratch.iter_mut().zip(&state.floor) {
            *sum *= floor;
        }
        spread(network, &state.band_scratch, &mut state.floor_sum);
    }
}

/// Adds per-band values `[F, lanes]` into the adaptive windows they lie in `[J, lanes]`.
#[inline(always)]
pub fn spread<D>(network: &Network<D>, bands: &[f32], windows: &mut [f32]) {
    let lanes = network.lanes;
    for (&(lower, weight), values) in network.window.iter().zip(bands.chunks_exact(lanes)) {
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
pub fn gather<D>(network: &Network<D>, windows: &[f32], bands: &mut [f32]) {
    let lanes = network.lanes;
    for (&(lower, weight), values) in network.window.iter().zip(bands.chunks_exact_mut(lanes)) {
        for (b, value) in values.iter_mut().enumerate() {
            *value = (1.0 - weight) * windows[lower * lanes + b];
            if weight > 0.0 {
                *value += weight * windows[(lower + 1) * lanes + b];
            }
        }
    }
}

/// Adds per-band values `[F, lanes]` to the input rows `[I, lanes]`: as they are to the current frame, as group means to
/// every block of context.
#[inline(always)]
pub fn distribute_add<D>(network: &Network<D>, bands: &[f32], scratch: &mut [f32], rows: &mut [f32]) {
    let (context, current) = rows.split_at_mut(rows.len() - bands.len());
    current.iter_mut().zip(bands).for_each(|(row, x)| *row += x);
    if !context.is_empty() {
        group_means(bands, network.config.context_group, network.lanes, scratch);
        for block in context.chunks_exact_mut(scratch.len()) {
            block.iter_mut().zip(scratch.iter()).for_each(|(row, x)| *row += x);
        }
    }
}

/// Transpose of [`distribute_add`]: per-band sums `[F, lanes]` of the input rows `[I, lanes]`.
#[inline(always)]
pub fn collect<D>(network: &Network<D>, rows: &[f32], bands: &mut [f32]) {
    let (lanes, group) = (network.lanes, network.config.context_group);
    let (context, current) = rows.split_at(rows.len() - bands.len());
    bands.copy_from_slice(current);
    for block in context.chunks_exact(network.config.groups() * lanes) {
        for (rows, mean) in bands.chunks_mut(group * lanes).zip(block.chunks_exact(lanes)) {
            let share = lanes as f32 / rows.len() as f32;
            for row in rows.chunks_exact_mut(lanes) {
                row.iter_mut().zip(mean).for_each(|(x, m)| *x += share * m);
            }
        }
    }
}

/// One layer.
#[inline(always)]
fn iterate<D: Dictionary, T: Tape>(network: &Network<D>, state: &mut State, k: usize, tape: &mut T) {
    let lanes = network.lanes;
    let layer = &network.layers[network.layer_of_iteration[k]];
    let adaptive = network.config.adaptive_atoms > 0;

    layer.decoder.reconstruct(&state.activation, &mut state.modelled, lanes);
    if adaptive {
        gather(network, &state.adaptive_activation, &mut state.band_scratch);
        for (part, floor) in state.band_scratch.iter_mut().zip(&state.floor) {
            *part *= floor;
        }
        distribute_add(
            network,
            &state.band_scratch,
            &mut state.group_scratch,
            &mut state.modelled,
        );
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
    if adaptive {
        adaptive_update(network, state, &layer.adaptive_sparsity);
    }
    tape.layer(k, state);

    let (low, high) = ACTIVATION_RANGE;
    for ((h, x), p) in state.activation.iter_mut().zip(&state.log_update).zip(&layer.exponent) {
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
fn adaptive_update<D>(network: &Network<D>, state: &mut State, sparsity: &[f32]) {
    let lanes = network.lanes;
    collect(network, &state.ratio, &mut state.band_scratch);
    for (sum, floor) in state.band_scratch.iter_mut().zip(&state.floor) {
        *sum *= floor;
    }
    state.adaptive_numerator.fill(0.0);
    spread(network, &state.band_scratch, &mut state.adaptive_numerator);
    for (j, mu) in sparsity.iter().enumerate() {
        for b in j * lanes..(j + 1) * lanes {
            let denominator = state.floor_sum[b] + mu + TINY;
            state.adaptive_log_update[b] = log2(state.adaptive_numerator[b] + TINY) - log2(denominator);
        }
    }
}

/// S_s, S_n and the mask `g = S_s^q / (S_s^q + S_n^q)` (section 5, item 4).
#[inline(always)]
fn read_out<D: Dictionary>(network: &Network<D>, state: &mut State, depth: usize) {
    let lanes = network.lanes;
    let readout = &network.readouts[if network.config.readout_per_depth { depth - 1 } else { 0 }];
    let (speech_h, noise_h) = state.activation.split_at(network.config.speech_atoms * lanes);
    readout.speech.reconstruct(speech_h, &mut state.speech, lanes);
    readout.noise.reconstruct(noise_h, &mut state.noise, lanes);
    if network.config.adaptive_atoms > 0 {
        // adaptive_numerator serves as scratch for the scaled activations.
        let scaled = state.adaptive_numerator.chunks_exact_mut(lanes);
        for ((out, h), scale) in scaled
            .zip(state.adaptive_activation.chunks_exact(lanes))
            .zip(&readout.adaptive_scale)
        {
            for (out, h) in out.iter_mut().zip(h) {
                *out = scale * h;
            }
        }
        gather(network, &state.adaptive_numerator, &mut state.band_scratch);
        for ((noise, part), floor) in state.noise.iter_mut().zip(&state.band_scratch).zip(&state.floor) {
            *noise += part * floor;
        }
    }
    let epsilon = network.config.epsilon;
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
