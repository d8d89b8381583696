//! The frames of many mixes in memory, gathered into batches as the products want them.

use rayon::prelude::*;

use super::data::Mix;
use super::deep_nmf::{Layer, Tape};
use super::plan::CONTEXT_FRAMES;
use super::stft::{BINS, analyse};

/// Frames that go through the products together on one thread.
pub const CHUNK_FRAMES: usize = 256;

/// Magnitudes below this share of a mix's mean count as silence for the logarithm.
const LOG_FLOOR: f32 = 1e-3;

/// All frames of some mixes, one after the other. Each mix is scaled to a mean magnitude of 1.
pub struct Frames {
    /// `[N][F]` magnitudes of the mix, of the speech in it and of the noise in it.
    pub mix: Vec<f32>,
    pub speech: Vec<f32>,
    pub noise: Vec<f32>,
    /// `[N][F]`: logarithm of the mix.
    log_mix: Vec<f32>,
    /// For each frame, the first one of its mix.
    first: Vec<usize>,
    /// `[N][R]`: activations after the layers that all systems share, while needed.
    activations: Vec<f32>,
}

/// Frames gathered for the products: one column each, `lanes` columns.
pub struct Chunk {
    pub lanes: usize,
    /// `[T F, lanes]`: the stacked input, oldest frame first.
    pub stacked: Vec<f32>,
    /// `[R, lanes]`: activations after the shared layers.
    pub activation: Vec<f32>,
    /// `[F, lanes]`
    pub mix: Vec<f32>,
    pub speech: Vec<f32>,
}

impl Frames {
    /// Analyses the mixes.
    pub fn new(mixes: &[Mix]) -> Self {
        let magnitude =
            |signal: &[f32], scale: f32| -> Vec<f32> { analyse(signal).iter().map(|bin| scale * bin.norm()).collect() };
        let parts: Vec<[Vec<f32>; 3]> = mixes
            .par_iter()
            .map(|mix| {
                let noisy = magnitude(&mix.noisy, 1.0);
                let scale = noisy.len() as f32 / noisy.iter().sum::<f32>().max(1e-9);
                let noise: Vec<f32> = mix.noisy.iter().zip(&mix.clean).map(|(x, s)| x - s).collect();
                [
                    noisy.iter().map(|x| scale * x).collect(),
                    magnitude(&mix.clean, scale),
                    magnitude(&noise, scale),
                ]
            })
            .collect();
        let mut first = Vec::new();
        for [mix, ..] in &parts {
            let start = first.len();
            first.extend(std::iter::repeat_n(start, mix.len() / BINS));
        }
        let join = |part: usize| parts.iter().flat_map(|parts| parts[part].iter().copied()).collect();
        let mix: Vec<f32> = join(0);
        Self {
            log_mix: mix.iter().map(|x| x.max(LOG_FLOOR).ln()).collect(),
            mix,
            speech: join(1),
            noise: join(2),
            first,
            activations: Vec::new(),
        }
    }

    /// Number N of frames.
    pub fn len(&self) -> usize {
        self.first.len()
    }

    /// Frames of the `index`-th mix, given the number of frames before it.
    pub fn of_mix(&self, start: usize) -> std::ops::Range<usize> {
        let count = self.first[start..].iter().take_while(|first| **first == start).count();
        start..start + count
    }

    /// Stacked columns `[T F, lanes]` of a `[N][F]` signal; frames before a mix repeat its first one.
    pub fn stack(&self, signal: &[f32], indices: &[usize]) -> Vec<f32> {
        let lanes = indices.len();
        let mut out = vec![0.0; CONTEXT_FRAMES * BINS * lanes];
        for (age, rows) in out.chunks_exact_mut(BINS * lanes).rev().enumerate() {
            for (lane, &index) in indices.iter().enumerate() {
                let frame = index.saturating_sub(age).max(self.first[index]);
                for (row, value) in signal[frame * BINS..(frame + 1) * BINS].iter().enumerate() {
                    rows[row * lanes + lane] = *value;
                }
            }
        }
        out
    }

    /// A batch for unfolded networks: magnitudes, and the activations after the shared layers.
    pub fn magnitudes(&self, indices: &[usize]) -> Chunk {
        Chunk {
            stacked: self.stack(&self.mix, indices),
            activation: columns(&self.activations, self.activations.len() / self.len(), indices),
            ..self.targets(indices)
        }
    }

    /// A batch for feed-forward networks: log-magnitudes.
    pub fn log_magnitudes(&self, indices: &[usize]) -> Chunk {
        Chunk {
            stacked: self.stack(&self.log_mix, indices),
            ..self.targets(indices)
        }
    }

    fn targets(&self, indices: &[usize]) -> Chunk {
        Chunk {
            lanes: indices.len(),
            stacked: Vec::new(),
            activation: Vec::new(),
            mix: columns(&self.mix, BINS, indices),
            speech: columns(&self.speech, BINS, indices),
        }
    }

    /// Mean and standard deviation of the log-magnitudes in each bin.
    pub fn log_statistics(&self) -> (Vec<f32>, Vec<f32>) {
        let count = self.len() as f64;
        let (mut sum, mut squares) = (vec![0.0_f64; BINS], vec![0.0_f64; BINS]);
        for frame in self.log_mix.chunks_exact(BINS) {
            for ((sum, squares), x) in sum.iter_mut().zip(&mut squares).zip(frame) {
                *sum += f64::from(*x);
                *squares += f64::from(*x).powi(2);
            }
        }
        let mean = sum.iter().map(|sum| (sum / count) as f32).collect();
        let spread = |(sum, squares): (&f64, &f64)| ((squares / count - (sum / count).powi(2)).max(1e-6)).sqrt() as f32;
        (mean, sum.iter().zip(&squares).map(spread).collect())
    }

    /// Starts the shared layers: every activation 1.
    pub fn reset_activations(&mut self, atoms: usize) {
        self.activations = vec![1.0; self.len() * atoms];
    }

    /// Sends all frames through the shared `layer` `times` times.
    pub fn advance(&mut self, layer: &Layer, times: usize) {
        if times == 0 {
            return;
        }
        let atoms = self.activations.len() / self.len();
        let mut activations = std::mem::take(&mut self.activations);
        activations
            .par_chunks_mut(CHUNK_FRAMES * atoms)
            .enumerate()
            .for_each(|(chunk, values)| {
                let lanes = values.len() / atoms;
                let first = chunk * CHUNK_FRAMES;
                let indices: Vec<usize> = (first..first + lanes).collect();
                let stacked = self.stack(&self.mix, &indices);
                let mut h = columns(values, atoms, &(0..lanes).collect::<Vec<_>>());
                let mut tape = Tape::default();
                for _ in 0..times {
                    layer.forward(&stacked, &h, lanes, &mut tape);
                    std::mem::swap(&mut h, &mut tape.output);
                }
                for (lane, column) in values.chunks_exact_mut(atoms).enumerate() {
                    for (r, value) in column.iter_mut().enumerate() {
                        *value = h[r * lanes + lane];
                    }
                }
            });
        self.activations = activations;
    }
}

/// `[rows, lanes]` of the chosen columns of a `[N][rows]` signal.
fn columns(signal: &[f32], rows: usize, indices: &[usize]) -> Vec<f32> {
    let lanes = indices.len();
    let mut out = vec![0.0; rows * lanes];
    for (lane, &index) in indices.iter().enumerate() {
        for (row, value) in signal[index * rows..(index + 1) * rows].iter().enumerate() {
            out[row * lanes + lane] = *value;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_ends_with_the_current_frame_and_never_crosses_into_another_mix() {
        let tone = |step: f32| -> Vec<f32> { (0..2000).map(|n| (n as f32 * step).sin()).collect() };
        let mix = |step: f32| Mix {
            noisy: tone(step),
            clean: tone(step),
        };
        let frames = Frames::new(&[mix(0.3), mix(1.0)]);
        let second = frames.of_mix(0).end;
        assert_eq!(frames.of_mix(second).end, frames.len());
        let mean: f32 = frames.mix[..second * BINS].iter().sum::<f32>() / (second * BINS) as f32;
        assert!((mean - 1.0).abs() < 1e-3);
        let indices = [3, second + 1];
        let stacked = frames.stack(&frames.mix, &indices);
        for (lane, expected) in [
            // Oldest first; ages beyond the mix's start repeat its first frame.
            (0, [0, 0, 0, 0, 0, 0, 0, 1, 2, 3]),
            (
                1,
                [
                    second,
                    second,
                    second,
                    second,
                    second,
                    second,
                    second,
                    second,
                    second,
                    second + 1,
                ],
            ),
        ] {
            for (slot, frame) in expected.into_iter().enumerate() {
                for bin in 0..BINS {
                    let value = stacked[(slot * BINS + bin) * 2 + lane];
                    assert_eq!(value, frames.mix[frame * BINS + bin], "lane {lane}, slot {slot}");
                }
            }
        }
    }
}
