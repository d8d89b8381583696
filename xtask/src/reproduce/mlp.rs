//! The conventional network of the comparison: a feed-forward one with ReLU layers and a sigmoid mask, on the same
//! error. All matrices are `[rows, lanes]`, one lane per frame.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::deep_nmf::Parts;
use super::frames::{Chunk, Frames};
use super::plan::CONTEXT_FRAMES;
use super::stft::BINS;
use crate::train::products::Gemm;

/// Feed-forward mask estimator.
#[derive(Clone)]
pub struct Mlp {
    /// Inputs, hidden widths, outputs.
    widths: Vec<usize>,
    /// For each layer `[in][out]` weights, then `[out]` biases.
    parameters: Vec<f32>,
    /// `[in]`: mean and 1 / deviation of the log-magnitudes.
    input_mean: Vec<f32>,
    input_scale: Vec<f32>,
}

fn widths(hidden: &[usize]) -> Vec<usize> {
    let mut widths = vec![CONTEXT_FRAMES * BINS];
    widths.extend_from_slice(hidden);
    widths.push(BINS);
    widths
}

fn count(widths: &[usize]) -> usize {
    widths.windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum()
}

/// Weights and biases of a network with these hidden layers.
pub fn parameter_count(hidden: &[usize]) -> usize {
    count(&widths(hidden))
}

impl Mlp {
    /// Random weights (uniform, variance 2 / inputs), zero biases, inputs normalised by the statistics of `frames`.
    pub fn new(hidden: &[usize], seed: u64, frames: &Frames) -> Self {
        let (mean, deviation) = frames.log_statistics();
        let inverse: Vec<f32> = deviation.iter().map(|d| d.recip()).collect();
        Self::with_widths(
            widths(hidden),
            seed,
            mean.repeat(CONTEXT_FRAMES),
            inverse.repeat(CONTEXT_FRAMES),
        )
    }

    fn with_widths(widths: Vec<usize>, seed: u64, input_mean: Vec<f32>, input_scale: Vec<f32>) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut parameters = Vec::with_capacity(count(&widths));
        for pair in widths.windows(2) {
            let bound = (6.0 / pair[0] as f32).sqrt();
            parameters.extend((0..pair[0] * pair[1]).map(|_| bound * (2.0 * rng.random::<f32>() - 1.0)));
            parameters.extend(std::iter::repeat_n(0.0, pair[1]));
        }
        Self {
            widths,
            parameters,
            input_mean,
            input_scale,
        }
    }

    /// All parameters.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// Takes parameters in the same order.
    pub fn set_parameters(&mut self, parameters: &[f32]) {
        self.parameters.copy_from_slice(parameters);
    }

    /// Input of every layer, and the mask last.
    fn forward(&self, chunk: &Chunk) -> Vec<Vec<f32>> {
        let lanes = chunk.lanes;
        let statistics = self.input_mean.iter().zip(&self.input_scale);
        let input = chunk
            .stacked
            .chunks_exact(lanes)
            .zip(statistics)
            .flat_map(|(row, (mean, scale))| row.iter().map(move |x| (x - mean) * scale));
        let mut values = vec![input.collect::<Vec<f32>>()];
        let mut rest = &self.parameters[..];
        for (index, pair) in self.widths.windows(2).enumerate() {
            let (weights, others) = rest.split_at(pair[0] * pair[1]);
            let (bias, others) = others.split_at(pair[1]);
            rest = others;
            let mut out = vec![0.0; pair[1] * lanes];
            Gemm.reconstruct(weights, pair[1], &values[index], &mut out, lanes);
            let is_last = index + 2 == self.widths.len();
            for (row, bias) in out.chunks_exact_mut(lanes).zip(bias) {
                for x in row {
                    let z = *x + bias;
                    *x = if is_last { 1.0 / (1.0 + (-z).exp()) } else { z.max(0.0) };
                }
            }
            values.push(out);
        }
        values
    }

    /// The mask of each frame, `[F, lanes]`, from log-magnitudes.
    pub fn mask(&self, chunk: &Chunk) -> Vec<f32> {
        self.forward(chunk).pop().unwrap_or_default()
    }

    /// Gradient of `1/2 sum (S - g m)^2` by all parameters, summed over the frames; in `plus` alone.
    pub fn gradient(&self, chunk: &Chunk) -> Parts {
        let lanes = chunk.lanes;
        let values = self.forward(chunk);
        let mut loss = 0.0;
        let mask = values.last().map_or(&[][..], Vec::as_slice);
        let mut up: Vec<f32> = mask
            .iter()
            .zip(chunk.mix.iter().zip(&chunk.speech))
            .map(|(g, (m, target))| {
                let error = g * m - target;
                loss += 0.5 * f64::from(error * error);
                error * m * g * (1.0 - g)
            })
            .collect();
        let mut gradient = vec![0.0; self.parameters.len()];
        let mut end = gradient.len();
        for (index, pair) in self.widths.windows(2).enumerate().rev() {
            let begin = end - (pair[0] + 1) * pair[1];
            let (to_weights, to_bias) = gradient[begin..end].split_at_mut(pair[0] * pair[1]);
            Gemm.outer_add(&values[index], &up, to_weights, lanes);
            for (to, row) in to_bias.iter_mut().zip(up.chunks_exact(lanes)) {
                *to = row.iter().sum();
            }
            if index > 0 {
                let mut down = vec![0.0; pair[0] * lanes];
                let weights = &self.parameters[begin..begin + pair[0] * pair[1]];
                Gemm.correlate(weights, pair[1], &up, &mut down, lanes);
                // A ReLU passes where its output is positive.
                for (d, value) in down.iter_mut().zip(&values[index]) {
                    *d *= f32::from(u8::from(*value > 0.0));
                }
                up = down;
            }
            end = begin;
        }
        Parts {
            plus: gradient,
            minus: Vec::new(),
            loss,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_numeric_one() {
        let (inputs, bins, lanes) = (6, 3, 5);
        let wave = |count: usize, step: f32| -> Vec<f32> { (0..count).map(|n| (n as f32 * step).sin()).collect() };
        let mut network = Mlp::with_widths(vec![inputs, 7, 4, bins], 3, vec![0.1; inputs], vec![1.7; inputs]);
        let chunk = Chunk {
            lanes,
            stacked: wave(inputs * lanes, 1.3),
            activation: Vec::new(),
            mix: wave(bins * lanes, 0.7).iter().map(|x| x.abs() + 0.5).collect(),
            speech: wave(bins * lanes, 2.1).iter().map(|x| x.abs()).collect(),
        };
        let analytic = network.gradient(&chunk).plus;
        let start = network.parameters().to_vec();
        let largest = analytic.iter().fold(0.0_f32, |most, g| most.max(g.abs()));
        for (index, expected) in analytic.iter().enumerate() {
            let step = 2e-3;
            let mut at = |change: f32| {
                let mut moved = start.clone();
                moved[index] += change;
                network.set_parameters(&moved);
                network.gradient(&chunk).loss
            };
            let numeric = ((at(step) - at(-step)) / f64::from(2.0 * step)) as f32;
            assert!(
                (numeric - expected).abs() < 5e-3 * largest,
                "parameter {index}: {expected} for {numeric}"
            );
        }
    }
}
