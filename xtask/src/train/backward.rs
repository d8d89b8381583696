//! Exact gradients of the recurrent deep NMF through time (docs/algorithm.md section 4, differentiated as a whole
//! rather than in positive and negative parts).
//!
//! Shapes as in `unfold::nmf`: `[rows, lanes]`, R atoms, J adaptive atoms, U user atoms, F bands, I input rows.

#![allow(clippy::needless_range_loop, reason = "one index runs over several buffers")]

use unfold::kernels::{dot, exp2, log2};
use unfold::model::{Layer, Model};
use unfold::nmf::{ACTIVATION_RANGE, Network, TINY, UserAtoms, adaptive_sums, collect, distribute_add, gather, spread};
use unfold::simd::dispatch;

use super::products::{Dense, Gemm};
use super::tape::{FrameRecord, LayerRecord, Record};
use super::user_backward::UserBackward;

/// Buffers of the backward pass for one batch of lanes.
pub struct Backward {
    lanes: usize,
    /// dE/dH of the activations after the layer at hand `[R, lanes]`.
    activation: Vec<f32>,
    /// The same for the adaptive atoms `[J, lanes]`.
    adaptive: Vec<f32>,
    user: UserBackward,
    /// `[R, lanes]`: by N.
    numerator: Vec<f32>,
    /// `[J, lanes]`.
    adaptive_numerator: Vec<f32>,
    /// `[I, lanes]`: by M / L, then by L.
    rows: Vec<f32>,
    speech: Vec<f32>,
    noise: Vec<f32>,
    band_scratch: Vec<f32>,
    group_scratch: Vec<f32>,
    window_scratch: Vec<f32>,
}

impl Backward {
    /// Buffers for a model's sizes.
    pub fn new(model: &Model, lanes: usize) -> Self {
        let c = &model.config;
        let rows = |rows: usize| vec![0.0; rows * lanes];
        Self {
            lanes,
            activation: rows(c.atoms()),
            adaptive: rows(c.adaptive_atoms),
            user: UserBackward::new(c.user_atoms * lanes),
            numerator: rows(c.atoms()),
            adaptive_numerator: rows(c.adaptive_atoms),
            rows: rows(c.input_rows()),
            speech: rows(c.bands()),
            noise: rows(c.bands()),
            band_scratch: rows(c.bands()),
            group_scratch: rows(c.groups()),
            window_scratch: rows(c.adaptive_atoms),
        }
    }

    /// Adds to `gradient` (a model-shaped container) the gradient of a loss whose derivative by the masks is
    /// `mask_gradient [frames][F, lanes]`; `atoms` as they were in the forward pass.
    #[allow(clippy::too_many_arguments)]
    pub fn run(
        &mut self,
        model: &Model,
        network: &Network<Dense>,
        record: &Record,
        atoms: &UserAtoms,
        depth: usize,
        mask_gradient: &[Vec<f32>],
        gradient: &mut Model,
    ) {
        self.activation.fill(0.0);
        self.adaptive.fill(0.0);
        self.user.start(network, atoms);
        for t in (0..record.used).rev() {
            let frame = &record.frames[t];
            let before = if t > 0 { Some(&record.frames[t - 1]) } else { None };
            dispatch(
                #[inline(always)]
                || {
                    self.readout(model, network, frame, depth, &mask_gradient[t], gradient);
                    let index = model.config.readout_index(depth);
                    let scale = &mut gradient.readouts[index].user_scale;
                    self.user
                        .readout(atoms, &model.readouts[index].user_scale, &self.noise, frame, scale);
                    for k in (0..depth).rev() {
                        let after = match frame.layers.get(k + 1) {
                            Some(next) if k + 1 < depth => {
                                [&next.activation, &next.adaptive_activation, &next.user_activation]
                            }
                            _ => [&frame.activation, &frame.adaptive_activation, &frame.user_activation],
                        };
                        self.layer(
                            model,
                            network,
                            &frame.layers[k],
                            after,
                            &frame.floor,
                            atoms,
                            k,
                            gradient,
                        );
                    }
                    self.warm_start(model, before, gradient);
                },
            );
        }
    }

    /// Through the mask and the reconstruction into the last activations.
    #[inline(always)]
    fn readout(
        &mut self,
        model: &Model,
        network: &Network<Dense>,
        frame: &FrameRecord,
        depth: usize,
        mask_gradient: &[f32],
        gradient: &mut Model,
    ) {
        let lanes = self.lanes;
        let index = model.config.readout_index(depth);
        let readout = &model.readouts[index];
        let into = &mut gradient.readouts[index];
        for (f, q) in readout.mask_exponent.iter().enumerate() {
            let range = f * lanes..(f + 1) * lanes;
            let (by_speech, by_noise) = (&mut self.speech[range.clone()], &mut self.noise[range.clone()]);
            let (speech, noise) = (&frame.speech[range.clone()], &frame.noise[range.clone()]);
            // By q log2(S_s / S_n) first, then by S_s and S_n.
            let masks = frame.mask[range.clone()].iter().zip(&mask_gradient[range]);
            for (slope, (g, d)) in by_speech.iter_mut().zip(masks) {
                *slope = d * g * (1.0 - g);
            }
            for (log_ratio, (s, n)) in by_noise.iter_mut().zip(speech.iter().zip(noise)) {
                *log_ratio = log2(*s) - log2(*n);
            }
            into.mask_exponent[f] += dot(by_speech, by_noise) * std::f32::consts::LN_2;
            let estimates = speech.iter().zip(noise);
            for ((by_s, by_n), (s, n)) in by_speech.iter_mut().zip(by_noise).zip(estimates) {
                let slope = *by_s * q;
                (*by_s, *by_n) = (slope / s, -slope / n);
            }
        }
        let bands = model.config.bands();
        let split = model.config.speech_atoms;
        let (speech_w, noise_w) = slice(&readout.dictionary).split_at(split * bands);
        let (speech_dw, noise_dw) = slice_mut(&mut into.dictionary).split_at_mut(split * bands);
        let (speech_h, noise_h) = frame.activation.split_at(split * lanes);
        let (speech_dh, noise_dh) = self.activation.split_at_mut(split * lanes);
        Gemm.outer_add(speech_h, &self.speech, speech_dw, lanes);
        Gemm.outer_add(noise_h, &self.noise, noise_dw, lanes);
        Gemm.correlate_add(speech_w, bands, &self.speech, speech_dh, lanes);
        Gemm.correlate_add(noise_w, bands, &self.noise, noise_dh, lanes);
        if model.config.adaptive_atoms > 0 {
            for ((out, dn), floor) in self.band_scratch.iter_mut().zip(&self.noise).zip(&frame.floor) {
                *out = dn * floor;
            }
            self.window_scratch.fill(0.0);
            spread(network, &self.band_scratch, &mut self.window_scratch);
            for (j, scale) in readout.adaptive_scale.iter().enumerate() {
                for i in j * lanes..(j + 1) * lanes {
                    into.adaptive_scale[j] += self.window_scratch[i] * frame.adaptive_activation[i];
                    self.adaptive[i] += self.window_scratch[i] * scale;
                }
            }
        }
    }

    /// Through one iteration: from the gradient by its output activations to that by its input activations.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn layer(
        &mut self,
        model: &Model,
        network: &Network<Dense>,
        record: &LayerRecord,
        after: [&Vec<f32>; 3],
        floor: &[f32],
        atoms: &UserAtoms,
        k: usize,
        gradient: &mut Model,
    ) {
        let lanes = self.lanes;
        let index = model.layer_index(k);
        let layer = &model.layers[index];
        let into = &mut gradient.layers[index];
        let rows = model.config.input_rows();
        self.through_update(layer, network.log_denominator(index), record, after[0], into);
        let untied = model.config.untied_encoder;
        let encoder = slice(if untied { &layer.encoder } else { &layer.decoder });
        Gemm.reconstruct(encoder, rows, &self.numerator, &mut self.rows, lanes);
        let encoder_gradient = slice_mut(if untied { &mut into.encoder } else { &mut into.decoder });
        Gemm.outer_add(&self.numerator, &record.ratio, encoder_gradient, lanes);
        let adaptive = model.config.adaptive_atoms > 0;
        if adaptive {
            self.through_adaptive_update(model, network, record, after[1], floor, index, gradient);
        }
        if atoms.used > 0 {
            let into = &mut gradient.layers[index];
            self.user
                .through_update(atoms, layer, record, after[2], into, &mut self.band_scratch);
            distribute_add(network, &self.band_scratch, &mut self.group_scratch, &mut self.rows);
        }
        for ((d, ratio), modelled) in self.rows.iter_mut().zip(&record.ratio).zip(&record.modelled) {
            *d *= -ratio / modelled;
        }
        let into = &mut gradient.layers[index];
        Gemm.outer_add(&record.activation, &self.rows, slice_mut(&mut into.decoder), lanes);
        Gemm.correlate_add(slice(&layer.decoder), rows, &self.rows, &mut self.activation, lanes);
        if adaptive {
            collect(network, &self.rows, &mut self.group_scratch, &mut self.band_scratch);
            for (sum, floor) in self.band_scratch.iter_mut().zip(floor) {
                *sum *= floor;
            }
            spread(network, &self.band_scratch, &mut self.adaptive);
        }
        if atoms.used > 0 {
            collect(network, &self.rows, &mut self.group_scratch, &mut self.band_scratch);
            self.user.add_model_gradient(atoms, &self.band_scratch);
        }
    }

    /// `H+ = H (N / d)^p`: fills `numerator` with the gradient by N, turns `activation` into that by H, and adds those
    /// by p, mu and the encoder's row sums.
    #[inline(always)]
    fn through_update(
        &mut self,
        layer: &Layer,
        log_denominator: &[f32],
        record: &LayerRecord,
        after: &[f32],
        into: &mut Layer,
    ) {
        let lanes = self.lanes;
        let untied = !into.encoder.is_empty();
        for (r, p) in layer.exponent.iter().enumerate() {
            let range = r * lanes..(r + 1) * lanes;
            let (by_h, numerator) = (&mut self.activation[range.clone()], &mut self.numerator[range.clone()]);
            let (update, before) = (&record.log_update[range.clone()], &record.activation[range.clone()]);
            // By ln H+; nothing passes where the range of activations ended the step.
            for (d, h) in by_h.iter_mut().zip(&after[range]) {
                let inside = *h > ACTIVATION_RANGE.0 && *h < ACTIVATION_RANGE.1;
                *d = if inside { *d * h } else { 0.0 };
            }
            into.exponent[r] += dot(by_h, update) * std::f32::consts::LN_2;
            let log_denominator = log_denominator[r * lanes];
            for ((n, d), x) in numerator.iter_mut().zip(by_h.iter()).zip(update) {
                *n = d * p * exp2(-(x + log_denominator));
            }
            let by_denominator = -sum(by_h) * p * exp2(-log_denominator);
            into.sparsity[r] += by_denominator;
            let encoder = if untied { &mut into.encoder } else { &mut into.decoder };
            encoder.row_mut(r).iter_mut().for_each(|w| *w += by_denominator);
            for (d, h) in by_h.iter_mut().zip(before) {
                *d /= h;
            }
        }
    }

    /// The same for the adaptive atoms; adds the gradient by M / L to `rows`.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn through_adaptive_update(
        &mut self,
        model: &Model,
        network: &Network<Dense>,
        record: &LayerRecord,
        after: &[f32],
        floor: &[f32],
        index: usize,
        gradient: &mut Model,
    ) {
        let lanes = self.lanes;
        let layer = &model.layers[index];
        let into = &mut gradient.layers[index];
        let (low, high) = ACTIVATION_RANGE;
        adaptive_sums(network, floor, &mut self.band_scratch, &mut self.window_scratch);
        for (j, (p, mu)) in layer.adaptive_exponent.iter().zip(&layer.adaptive_sparsity).enumerate() {
            for i in j * lanes..(j + 1) * lanes {
                let inside = after[i] > low && after[i] < high;
                let u = if inside { self.adaptive[i] * after[i] } else { 0.0 };
                let x = record.adaptive_log_update[i];
                let denominator = self.window_scratch[i] + mu + TINY;
                into.adaptive_exponent[j] += u * x * std::f32::consts::LN_2;
                into.adaptive_sparsity[j] -= u * p / denominator;
                self.adaptive_numerator[i] = u * p * exp2(-x) / denominator;
                self.adaptive[i] = u / record.adaptive_activation[i];
            }
        }
        gather(network, &self.adaptive_numerator, &mut self.band_scratch);
        for (d, floor) in self.band_scratch.iter_mut().zip(floor) {
            *d *= floor;
        }
        distribute_add(network, &self.band_scratch, &mut self.group_scratch, &mut self.rows);
    }

    /// Through `H^0_t = c + A H^K_{t-1}` into the frame before.
    #[inline(always)]
    fn warm_start(&mut self, model: &Model, before: Option<&FrameRecord>, gradient: &mut Model) {
        let lanes = self.lanes;
        let warm = &model.warm_start;
        let into = &mut gradient.warm_start;
        for (r, d) in self.activation.chunks_exact(lanes).enumerate() {
            into.bias[r] += d.iter().sum::<f32>();
        }
        for (j, d) in self.adaptive.chunks_exact(lanes).enumerate() {
            into.adaptive_bias[j] += d.iter().sum::<f32>();
        }
        self.user.warm_start(warm, before, into);
        let (Some(before), true) = (before, model.config.recurrent) else {
            self.activation.fill(0.0);
            self.adaptive.fill(0.0);
            return;
        };
        Gemm.outer_add(
            &self.activation,
            &before.activation,
            slice_mut(&mut into.recurrence),
            lanes,
        );
        self.numerator.copy_from_slice(&self.activation);
        let atoms = model.config.atoms();
        Gemm.reconstruct(
            slice(&warm.recurrence),
            atoms,
            &self.numerator,
            &mut self.activation,
            lanes,
        );
        for (j, kept) in warm.adaptive_recurrence.iter().enumerate() {
            for i in j * lanes..(j + 1) * lanes {
                into.adaptive_recurrence[j] += self.adaptive[i] * before.adaptive_activation[i];
                self.adaptive[i] *= kept;
            }
        }
    }
}

/// Sum in a fixed order that vectorises.
#[inline(always)]
fn sum(values: &[f32]) -> f32 {
    let (body, tail) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for values in body {
        sums.iter_mut().zip(values).for_each(|(sum, x)| *sum += x);
    }
    sums.iter().sum::<f32>() + tail.iter().sum::<f32>()
}

// Arrays of a model are always in standard layout.
fn slice(a: &ndarray::Array2<f32>) -> &[f32] {
    a.as_slice().unwrap_or_default()
}

fn slice_mut(a: &mut ndarray::Array2<f32>) -> &mut [f32] {
    a.as_slice_mut().unwrap_or_default()
}
