//! Reverse mode through a speech-presence field over a sequence, one signal at a time. F bands, T frames.

#![allow(clippy::needless_range_loop, reason = "one index runs over several buffers")]

use unfold::field::{LARGEST_EVIDENCE, Presence, PresenceState, Tape, sigmoid};
use unfold::model::{FieldInference, SpeechField};

use super::general::transfer_slopes;

/// What one frame leaves for the way back.
#[derive(Default)]
struct Frame {
    /// `[F]`: ln (S_s / S_n).
    log_ratio: Vec<f32>,
    /// `[F]`: ln of the mask as it came.
    ln_mask: Vec<f32>,
    /// `[F]`: ln of the refined mask.
    ln_refined: Vec<f32>,
    /// q - 1/2 `[F]` before each iteration, and at last after all of them.
    centred: Vec<Vec<f32>>,
    /// `[F]`: log-ratio messages from below and from above (belief propagation).
    told: [Vec<f32>; 2],
}

impl Tape for Frame {
    fn values(&mut self, _: usize, values: &[f32]) {
        self.centred.push(values[1..values.len() - 1].to_vec());
    }
}

/// The engine's field over sequences, with its derivatives.
pub struct PresenceLearner {
    state: PresenceState,
    frames: Vec<Frame>,
    /// Derivatives by the field's weights, added up since the last [`Self::clear`].
    pub gradient: SpeechField,
}

impl PresenceLearner {
    /// For fields of this one's sizes.
    pub fn new(field: &SpeechField) -> Self {
        let mut learner = Self {
            state: Presence::new(field).state(),
            frames: Vec::new(),
            gradient: field.clone(),
        };
        learner.clear();
        learner
    }

    /// Forgets the derivatives.
    pub fn clear(&mut self) {
        self.gradient.blocks_mut().into_iter().for_each(|block| block.fill(0.0));
    }

    /// Refines `mask [T][F]` in place, given S_s and S_n `[T][F]`.
    pub fn forward(&mut self, presence: &Presence, speech: &[f32], noise: &[f32], mask: &mut [f32], depth: usize) {
        self.state.reset();
        self.frames.clear();
        let bands = self.state.centred_posterior().len();
        let estimates = speech.chunks_exact(bands).zip(noise.chunks_exact(bands));
        for (mask, (speech, noise)) in mask.chunks_exact_mut(bands).zip(estimates) {
            let ln = |values: &[f32]| values.iter().map(|g| g.max(1e-20).ln()).collect();
            let mut frame = Frame {
                ln_mask: ln(mask),
                ..Frame::default()
            };
            presence.refine(speech, noise, mask, depth, &mut self.state, &mut frame);
            frame.centred.push(self.state.centred_posterior().to_vec());
            let scaled = self.state.log_ratio().iter().map(|x| x * std::f32::consts::LN_2);
            frame.log_ratio = scaled.collect();
            frame.ln_refined = ln(mask);
            frame.told = [ln(&self.state.chain.from_below), ln(&self.state.chain.from_above)];
            self.frames.push(frame);
        }
    }

    /// Goes back through the last [`Self::forward`] from the derivative by the refined mask `[T][F]`.
    pub fn backward(&mut self, field: &SpeechField, by_mask: &[f32]) {
        let bands = self.state.centred_posterior().len();
        let frames = std::mem::take(&mut self.frames);
        let mut by_posterior = vec![0.0; bands];
        for (frame, by_mask) in frames.iter().zip(by_mask.chunks_exact(bands)).rev() {
            self.gains_backward(field, frame, by_mask, &mut by_posterior);
            by_posterior = match field.inference {
                FieldInference::MeanField => self.iterations_backward(field, frame, by_posterior),
                FieldInference::BeliefPropagation => self.sweeps_backward(field, frame, &by_posterior),
            };
        }
        self.frames = frames;
    }

    /// `ln G = q ln max(g, g_1) + (1 - q) ln g_min`.
    fn gains_backward(&mut self, field: &SpeechField, frame: &Frame, by_mask: &[f32], by_posterior: &mut [f32]) {
        let posterior = &frame.centred[frame.centred.len() - 1];
        for b in 0..by_mask.len() {
            let by_ln = by_mask[b] * frame.ln_refined[b].exp();
            let (q, present, absent) = (posterior[b] + 0.5, field.present_ln_gain[b], field.absent_ln_gain[b]);
            by_posterior[b] += by_ln * (frame.ln_mask[b].max(present) - absent);
            self.gradient.absent_ln_gain[b] += by_ln * (1.0 - q);
            if frame.ln_mask[b] < present {
                self.gradient.present_ln_gain[b] += by_ln * q;
            }
        }
    }

    /// Through the unary and time terms of a layer; adds the derivative by the frame before to `by_before`.
    fn evidence_backward(
        &mut self,
        field: &SpeechField,
        index: usize,
        frame: &Frame,
        by_z: &[f32],
        by_before: &mut [f32],
    ) {
        let (layer, into) = (&field.layers[index], &mut self.gradient.layers[index]);
        for b in 0..by_z.len() {
            if evidence(field, index, frame, b).abs() < LARGEST_EVIDENCE {
                into.unary_slope[b] += by_z[b] * frame.log_ratio[b];
                into.unary_bias[b] += by_z[b];
            }
            into.time_coupling[b] += by_z[b] * frame.centred[0][b];
            by_before[b] += by_z[b] * layer.time_coupling[b];
        }
    }

    /// Mean field: returns the derivative by the posterior of the frame before, where the iterations start.
    fn iterations_backward(&mut self, field: &SpeechField, frame: &Frame, by_posterior: Vec<f32>) -> Vec<f32> {
        let bands = by_posterior.len();
        let mut by_before = vec![0.0; bands];
        let mut by_q = by_posterior;
        for k in (0..frame.centred.len() - 1).rev() {
            let index = field.layer_index(k);
            let layer = &field.layers[index];
            let here = &frame.centred[k];
            let step = layer.step[0];
            let mut by_here: Vec<f32> = by_q.iter().map(|d| d * (1.0 - step)).collect();
            let mut by_z = vec![0.0; bands];
            for b in 0..bands {
                let mut z = clamped_evidence(field, index, frame, b);
                if b > 0 {
                    z += layer.band_coupling[b - 1] * here[b - 1];
                }
                if b + 1 < bands {
                    z += layer.band_coupling[b] * here[b + 1];
                }
                let aim = sigmoid(z);
                self.gradient.layers[index].step[0] += by_q[b] * (aim - 0.5 - here[b]);
                by_z[b] = by_q[b] * step * aim * (1.0 - aim);
            }
            for edge in 0..bands - 1 {
                self.gradient.layers[index].band_coupling[edge] +=
                    by_z[edge] * here[edge + 1] + by_z[edge + 1] * here[edge];
                by_here[edge] += by_z[edge + 1] * layer.band_coupling[edge];
                by_here[edge + 1] += by_z[edge] * layer.band_coupling[edge];
            }
            self.evidence_backward(field, index, frame, &by_z, &mut by_before);
            by_q = by_here;
        }
        by_before
            .iter_mut()
            .zip(&by_q)
            .for_each(|(before, start)| *before += start);
        by_before
    }

    /// Belief propagation: returns the derivative by the posterior of the frame before.
    fn sweeps_backward(&mut self, field: &SpeechField, frame: &Frame, by_posterior: &[f32]) -> Vec<f32> {
        let bands = by_posterior.len();
        let [from_below, from_above] = &frame.told;
        let posterior = &frame.centred[1];
        let mut by_unary: Vec<f32> = (0..bands)
            .map(|b| by_posterior[b] * (0.25 - posterior[b] * posterior[b]))
            .collect();
        let (mut by_below, mut by_above) = (by_unary.clone(), by_unary.clone());
        let unary: Vec<f32> = (0..bands).map(|b| clamped_evidence(field, 0, frame, b)).collect();
        let coupling = &field.layers[0].band_coupling;
        let into = &mut self.gradient.layers[0].band_coupling;
        // The last message of each sweep first.
        for edge in (0..bands - 1).rev() {
            let (by_coupling, by_x) = transfer_slopes(coupling[edge], unary[edge] + from_below[edge]);
            into[edge] += by_below[edge + 1] * by_coupling;
            by_unary[edge] += by_below[edge + 1] * by_x;
            by_below[edge] += by_below[edge + 1] * by_x;
        }
        for edge in 0..bands - 1 {
            let (by_coupling, by_x) = transfer_slopes(coupling[edge], unary[edge + 1] + from_above[edge + 1]);
            into[edge] += by_above[edge] * by_coupling;
            by_unary[edge + 1] += by_above[edge] * by_x;
            by_above[edge + 1] += by_above[edge] * by_x;
        }
        let mut by_before = vec![0.0; bands];
        self.evidence_backward(field, 0, frame, &by_unary, &mut by_before);
        by_before
    }
}

/// `s ln (S_s / S_n) + c`, not yet clamped.
fn evidence(field: &SpeechField, index: usize, frame: &Frame, b: usize) -> f32 {
    let layer = &field.layers[index];
    layer.unary_slope[b] * frame.log_ratio[b] + layer.unary_bias[b]
}

/// The same clamped, and the pull of the frame before.
fn clamped_evidence(field: &SpeechField, index: usize, frame: &Frame, b: usize) -> f32 {
    let unary = evidence(field, index, frame, b).clamp(-LARGEST_EVIDENCE, LARGEST_EVIDENCE);
    unary + field.layers[index].time_coupling[b] * frame.centred[0][b]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const BANDS: usize = 6;
    const FRAMES: usize = 5;

    /// Reverse mode over time, bands and layers against differences, for every weight.
    fn check(inference: FieldInference, iterations: usize, layers: usize, depth: usize) {
        let mut rng = ChaCha8Rng::seed_from_u64(layers as u64);
        let mut field = SpeechField::neutral(inference, BANDS, iterations, layers);
        for block in field.blocks_mut() {
            block.iter_mut().for_each(|w| *w *= rng.random_range(0.4..1.1));
        }
        for layer in &mut field.layers {
            layer.unary_bias.iter_mut().for_each(|c| *c -= 1.5);
            layer.band_coupling[1] *= -3.0;
        }
        // Some masks below g_1 and some above.
        field.present_ln_gain.fill(-1.2);
        let mut many =
            |low: f32, high: f32| -> Vec<f32> { (0..FRAMES * BANDS).map(|_| rng.random_range(low..high)).collect() };
        let (speech, noise, mask, slope) = (many(0.1, 3.0), many(0.1, 3.0), many(0.05, 1.0), many(-1.0, 1.0));
        let loss = |field: &SpeechField| -> f64 {
            let mut mask = mask.clone();
            PresenceLearner::new(field).forward(&Presence::new(field), &speech, &noise, &mut mask, depth);
            mask.iter().zip(&slope).map(|(g, s)| f64::from(g * s)).sum()
        };
        let mut learner = PresenceLearner::new(&field);
        learner.forward(&Presence::new(&field), &speech, &noise, &mut mask.clone(), depth);
        learner.backward(&field, &slope);
        let blocks = field.blocks().len();
        for block in 0..blocks {
            let mut largest = 0.0_f32;
            for at in 0..field.blocks()[block].len() {
                const STEP: f32 = 5e-3;
                let moved = |by: f32| {
                    let mut field = field.clone();
                    field.blocks_mut()[block][at] += by;
                    loss(&field)
                };
                let difference = ((moved(STEP) - moved(-STEP)) / f64::from(2.0 * STEP)) as f32;
                let got = learner.gradient.blocks()[block][at];
                largest = largest.max(difference.abs());
                assert!(
                    (difference - got).abs() < 3e-4 + 5e-3 * difference.abs(),
                    "{inference:?}, block {block}, weight {at}: {got} by reverse mode, {difference} by differences"
                );
            }
            let unused = inference == FieldInference::BeliefPropagation && block == 4;
            assert!(
                largest > 1e-3 || unused || block / 5 >= depth,
                "block {block} was not checked"
            );
        }
    }

    #[test]
    fn gradients_match_finite_differences() {
        check(FieldInference::MeanField, 3, 1, 3);
        check(FieldInference::MeanField, 3, 3, 3);
        check(FieldInference::MeanField, 3, 3, 2);
        check(FieldInference::BeliefPropagation, 1, 1, 1);
    }
}
