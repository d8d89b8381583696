//! Gradients as pairs of non-negative parts, `grad = plus - minus` (docs/algorithm.md section 4).
//!
//! Going back through a layer is linear in what comes from above, apart from which part it ends in: a *direct* share
//! keeps its sign, an *indirect* one (through D and L) changes it. So one function serves both arms: multiplicative
//! back-propagation calls it for each part with the targets exchanged, Adam once with the signed gradient.

use rayon::prelude::*;

use super::super::frames::Chunk;
use super::{DeepNmf, EPSILON, Estimate, Layer, Tape, power};
use crate::train::products::Gemm;

/// A gradient as two parts, flat like the parameters; non-negative when it was asked for split.
pub struct Parts {
    pub plus: Vec<f32>,
    pub minus: Vec<f32>,
    /// `1/2 sum (S - S_hat)^2`.
    pub loss: f64,
}

impl Parts {
    fn zeros(count: usize) -> Self {
        Self {
            plus: vec![0.0; count],
            minus: vec![0.0; count],
            loss: 0.0,
        }
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        let add = |to: &mut [f32], from: &[f32]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        add(&mut self.plus, &other.plus);
        add(&mut self.minus, &other.minus);
        self.loss += other.loss;
    }

    /// `plus - minus`, divided by `count`; no `minus` at all stands for zeros.
    pub fn net(&self, count: usize) -> Vec<f32> {
        let minus = self.minus.iter().copied().chain(std::iter::repeat(0.0));
        let pairs = self.plus.iter().zip(minus);
        pairs.map(|(plus, minus)| (plus - minus) / count as f32).collect()
    }
}

impl Layer {
    /// Takes `g [R, lanes]`, by this layer's output, back. Adds its share by the atoms to `direct` and `indirect`
    /// (`[R][I]`) and gives the two shares by the layer's input where `wants_input`.
    fn backward(
        &self,
        tape: &Tape,
        g: &[f32],
        lanes: usize,
        [direct, indirect]: [&mut [f32]; 2],
        wants_input: bool,
    ) -> [Vec<f32>; 2] {
        let over = |h: &[f32]| -> Vec<f32> {
            let factors = h.iter().zip(&tape.denominator);
            g.iter().zip(factors).map(|(g, (h, d))| g * h / d).collect()
        };
        let (a, b) = (over(&tape.input), over(&tape.output));
        let mut through = vec![0.0; tape.modelled.len()];
        Gemm.reconstruct(&self.atoms, self.rows, &a, &mut through, lanes);
        let modelled = tape.quotient.iter().zip(&tape.modelled);
        // x (W a) + y (W b) with x = (2 - beta) M L^(beta-3), y = (beta - 1) L^(beta-2).
        through
            .iter_mut()
            .zip(modelled)
            .for_each(|(t, (q, l))| *t *= (2.0 - self.beta) * q / l);
        Gemm.outer_add(&a, &tape.quotient, direct, lanes);
        if self.beta == 1.0 {
            // L^0 = 1: every column is the sum of b.
            for (row, b) in indirect.chunks_exact_mut(self.rows).zip(b.chunks_exact(lanes)) {
                let sum: f32 = b.iter().sum();
                row.iter_mut().for_each(|to| *to += sum);
            }
        } else {
            let levels: Vec<f32> = tape.modelled.iter().map(|l| power(*l, self.beta - 1.0)).collect();
            Gemm.outer_add(&b, &levels, indirect, lanes);
            let mut by_level = vec![0.0; tape.modelled.len()];
            Gemm.reconstruct(&self.atoms, self.rows, &b, &mut by_level, lanes);
            for ((t, by), l) in through.iter_mut().zip(&by_level).zip(&tape.modelled) {
                *t += (self.beta - 1.0) * power(*l, self.beta - 2.0) * by;
            }
        }
        Gemm.outer_add(&tape.input, &through, indirect, lanes);
        if !wants_input {
            return [Vec::new(), Vec::new()];
        }
        let ratio = tape.numerator.iter().zip(&tape.denominator);
        let direct_input = g.iter().zip(ratio).map(|(g, (n, d))| g * n / d).collect();
        let mut indirect_input = vec![0.0; g.len()];
        Gemm.correlate(&self.atoms, self.rows, &through, &mut indirect_input, lanes);
        [direct_input, indirect_input]
    }

    /// Turns parts by the unit-norm atoms into parts by the parameters: `([.]+- + w (w'[.]-+)) / norm`.
    fn through_norm(&self, plus: &mut [f32], minus: &mut [f32]) {
        let parts = plus.par_chunks_mut(self.rows).zip(minus.par_chunks_mut(self.rows));
        parts
            .zip(self.atoms.par_chunks(self.rows).zip(&self.norms))
            .for_each(|((plus, minus), (atom, norm))| {
                let project = |part: &[f32]| atom.iter().zip(part).map(|(w, g)| w * g).sum::<f32>();
                let (on_plus, on_minus) = (project(plus), project(minus));
                for ((plus, minus), w) in plus.iter_mut().zip(minus).zip(atom) {
                    *plus = (*plus + w * on_minus) / norm;
                    *minus = (*minus + w * on_plus) / norm;
                }
            });
    }
}

/// Gradient by the two reconstructions, `[F, lanes]` each.
struct ByEstimate {
    speech: Vec<f32>,
    noise: Vec<f32>,
}

/// Parts by the reconstructions: `c1 S_hat`, `c1 S`, `c2 S`, `c2 S_hat`; and the loss.
fn loss_parts(chunk: &Chunk, estimate: &Estimate) -> (ByEstimate, ByEstimate, f64) {
    let part = || ByEstimate {
        speech: Vec::with_capacity(chunk.mix.len()),
        noise: Vec::with_capacity(chunk.mix.len()),
    };
    let (mut plus, mut minus, mut loss) = (part(), part(), 0.0);
    let estimates = estimate.speech.iter().zip(&estimate.noise);
    for ((m, target), (s, n)) in chunk.mix.iter().zip(&chunk.speech).zip(estimates) {
        let total = (s + n).max(EPSILON);
        let masked = m * s / total;
        let (c1, c2) = (m * n / (total * total), m * s / (total * total));
        plus.speech.push(c1 * masked);
        minus.speech.push(c1 * target);
        plus.noise.push(c2 * target);
        minus.noise.push(c2 * masked);
        loss += 0.5 * f64::from((target - masked).powi(2));
    }
    (plus, minus, loss)
}

impl DeepNmf {
    /// Gradient of the loss by all parameters, summed over the frames; `split` keeps its non-negative parts apart,
    /// otherwise only their difference is right (at half the cost). [`Self::by_parameters`] must follow.
    pub fn gradient(&self, chunk: &Chunk, split: bool) -> Parts {
        let (tapes, estimate) = self.forward(chunk);
        let (plus, minus, loss) = loss_parts(chunk, &estimate);
        let mut parts = Parts::zeros(self.parameter_count());
        parts.loss = loss;
        let hidden = parts.plus.len() - self.readout.len();
        let h = tapes.last().map_or(&chunk.activation, |tape| &tape.output);
        if split {
            let mut up_plus = self.readout_backward(h, &plus, chunk.lanes, &mut parts.plus[hidden..]);
            let mut up_minus = self.readout_backward(h, &minus, chunk.lanes, &mut parts.minus[hidden..]);
            self.for_each_layer_back(&tapes, &mut parts, |layer, tape, plus, minus, wants_input| {
                let targets = [&mut *plus, &mut *minus];
                let [direct, indirect] = layer.backward(tape, &up_plus, chunk.lanes, targets, wants_input);
                let [other_direct, other_indirect] =
                    layer.backward(tape, &up_minus, chunk.lanes, [minus, plus], wants_input);
                up_plus = sum(&direct, &other_indirect);
                up_minus = sum(&other_direct, &indirect);
            });
        } else {
            let net = ByEstimate {
                speech: difference(&plus.speech, &minus.speech),
                noise: difference(&plus.noise, &minus.noise),
            };
            let mut up = self.readout_backward(h, &net, chunk.lanes, &mut parts.plus[hidden..]);
            self.for_each_layer_back(&tapes, &mut parts, |layer, tape, plus, minus, wants_input| {
                let [direct, indirect] = layer.backward(tape, &up, chunk.lanes, [plus, minus], wants_input);
                up = difference(&direct, &indirect);
            });
        }
        parts
    }

    /// Parts by the unit-norm hidden atoms become parts by the parameters; once, after all frames were added.
    pub fn by_parameters(&self, parts: &mut Parts) {
        let mut at = 0;
        for layer in &self.hidden {
            let own = at..at + layer.atoms.len();
            layer.through_norm(&mut parts.plus[own.clone()], &mut parts.minus[own.clone()]);
            at = own.end;
        }
    }

    /// `W <- W (([.]- + eps) / ([.]+ + eps))^rate`, eps small beside the mean of the parts.
    pub fn multiplicative_step(&mut self, parts: &Parts, rate: f32) {
        let mut parameters = self.parameters();
        let mut at = 0;
        let blocks = self.hidden.iter().map(|layer| layer.atoms.len());
        for length in blocks.chain([self.readout.len()]) {
            let own = at..at + length;
            let (plus, minus) = (&parts.plus[own.clone()], &parts.minus[own.clone()]);
            let eps = 1e-6 * (plus.iter().chain(minus).sum::<f32>() / length as f32) + f32::MIN_POSITIVE;
            parameters[own]
                .par_iter_mut()
                .zip(plus.par_iter().zip(minus))
                .for_each(|(w, (plus, minus))| *w *= ((minus + eps) / (plus + eps)).powf(rate));
            at += length;
        }
        self.set_parameters(&parameters);
    }

    fn parameter_count(&self) -> usize {
        self.hidden.iter().map(|layer| layer.atoms.len()).sum::<usize>() + self.readout.len()
    }

    /// `[dW_l] = [dS_l] H_l'` added to `target`; gives `W_l' [dS_l]`, `[R, lanes]`.
    fn readout_backward(&self, h: &[f32], by: &ByEstimate, lanes: usize, target: &mut [f32]) -> Vec<f32> {
        let (speech_atoms, noise_atoms) = self.readout.split_at(self.speech_atoms * self.bins);
        let (speech_h, noise_h) = h.split_at(self.speech_atoms * lanes);
        let (to_speech, to_noise) = target.split_at_mut(speech_atoms.len());
        Gemm.outer_add(speech_h, &by.speech, to_speech, lanes);
        Gemm.outer_add(noise_h, &by.noise, to_noise, lanes);
        let mut up = vec![0.0; h.len()];
        let (up_speech, up_noise) = up.split_at_mut(speech_h.len());
        Gemm.correlate(speech_atoms, self.bins, &by.speech, up_speech, lanes);
        Gemm.correlate(noise_atoms, self.bins, &by.noise, up_noise, lanes);
        up
    }

    /// Hidden layers from the last to the first, each with its stretch of the parts and whether its input matters.
    fn for_each_layer_back(
        &self,
        tapes: &[Tape],
        parts: &mut Parts,
        mut go: impl FnMut(&Layer, &Tape, &mut [f32], &mut [f32], bool),
    ) {
        let mut end = parts.plus.len() - self.readout.len();
        for (index, (layer, tape)) in self.hidden.iter().zip(tapes).enumerate().rev() {
            let own = end - layer.atoms.len()..end;
            end = own.start;
            let (plus, minus) = (&mut parts.plus[own.clone()], &mut parts.minus[own]);
            go(layer, tape, plus, minus, index > 0);
        }
    }
}

fn sum(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn difference(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}
