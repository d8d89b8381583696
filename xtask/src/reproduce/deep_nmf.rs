//! Deep NMF as in the paper (docs/algorithm.md section 4): unfolded multiplicative updates for any beta in 1..=2, then a mask
//! from one-frame reconstructions of speech and noise. All matrices are `[rows, lanes]`, one lane per frame.

mod backward;

pub use backward::Parts;

use anyhow::{Result, ensure};

use super::frames::Chunk;
use super::plan::CONTEXT_FRAMES;
use super::stft::BINS;
use crate::train::products::Gemm;

/// Smallest reconstruction, relative to inputs of mean 1.
const EPSILON: f32 = 1e-6;
/// Activations end here and not in subnormal numbers, which are slow.
const LEAST_ACTIVATION: f32 = 1e-20;

/// One update of the activations `H^{k+1} = H^k N / D`, with `L = W H`, `N = W'(M L^(beta-2))` and
/// `D = W' L^(beta-1) + mu`.
#[derive(Clone)]
pub struct Layer {
    /// `[R][I]`: atoms, unit norm.
    atoms: Vec<f32>,
    /// I, the length of an atom.
    rows: usize,
    /// `[R]`: sum of each atom.
    sums: Vec<f32>,
    /// Norm that each atom had as a parameter.
    norms: Vec<f32>,
    beta: f32,
    sparsity: f32,
}

/// What a layer did, for its gradient.
#[derive(Default)]
pub struct Tape {
    /// `[R, lanes]`: activations before and after.
    input: Vec<f32>,
    pub output: Vec<f32>,
    /// `[I, lanes]`: L and `Q = M L^(beta-2)`.
    modelled: Vec<f32>,
    quotient: Vec<f32>,
    /// `[R, lanes]`: N and D.
    numerator: Vec<f32>,
    denominator: Vec<f32>,
}

/// `x^exponent`, without the power where it is trivial.
fn power(x: f32, exponent: f32) -> f32 {
    if exponent == 0.0 {
        1.0
    } else if exponent == 1.0 {
        x
    } else if exponent == -1.0 {
        x.recip()
    } else {
        x.powf(exponent)
    }
}

impl Layer {
    /// A layer of these atoms (`[R][rows]`), scaled to unit norm.
    pub fn new(atoms: &[f32], rows: usize, beta: f32, sparsity: f32) -> Self {
        let mut layer = Self {
            atoms: atoms.to_vec(),
            rows,
            sums: Vec::new(),
            norms: Vec::new(),
            beta,
            sparsity,
        };
        for atom in layer.atoms.chunks_exact_mut(rows) {
            let norm = atom.iter().map(|w| w * w).sum::<f32>().sqrt().max(1e-12);
            atom.iter_mut().for_each(|w| *w /= norm);
            layer.norms.push(norm);
            layer.sums.push(atom.iter().sum());
        }
        layer
    }

    /// One update from the activations `h [R, lanes]` for the input `m [I, lanes]`; the result is `tape.output`.
    pub fn forward(&self, m: &[f32], h: &[f32], lanes: usize, tape: &mut Tape) {
        tape.input.clear();
        tape.input.extend_from_slice(h);
        tape.modelled.resize(m.len(), 0.0);
        tape.numerator.resize(h.len(), 0.0);
        Gemm.reconstruct(&self.atoms, self.rows, h, &mut tape.modelled, lanes);
        tape.modelled.iter_mut().for_each(|l| *l = l.max(EPSILON));
        let exponent = self.beta - 2.0;
        tape.quotient.clear();
        if self.beta == 1.0 {
            tape.quotient.extend(m.iter().zip(&tape.modelled).map(|(m, l)| m / l));
        } else {
            let quotient = m.iter().zip(&tape.modelled).map(|(m, l)| m * power(*l, exponent));
            tape.quotient.extend(quotient);
        }
        Gemm.correlate(&self.atoms, self.rows, &tape.quotient, &mut tape.numerator, lanes);
        tape.denominator.resize(h.len(), 0.0);
        if self.beta == 1.0 {
            for (row, sum) in tape.denominator.chunks_exact_mut(lanes).zip(&self.sums) {
                row.fill(sum + self.sparsity);
            }
        } else {
            let levels: Vec<f32> = tape.modelled.iter().map(|l| power(*l, self.beta - 1.0)).collect();
            Gemm.correlate(&self.atoms, self.rows, &levels, &mut tape.denominator, lanes);
            tape.denominator.iter_mut().for_each(|d| *d += self.sparsity);
        }
        tape.output.clear();
        let ratio = tape.numerator.iter().zip(&tape.denominator);
        tape.output
            .extend(h.iter().zip(ratio).map(|(h, (n, d))| (h * n / d).max(LEAST_ACTIVATION)));
    }
}

/// The trained end of an unfolded network: C - 1 hidden layers and the reconstruction. With C = 0 the reconstruction
/// is sparse NMF's own.
#[derive(Clone)]
pub struct DeepNmf {
    hidden: Vec<Layer>,
    /// `[R][F]`: one-frame atoms, speech first.
    readout: Vec<f32>,
    speech_atoms: usize,
    bins: usize,
    beta: f32,
    sparsity: f32,
}

/// Reconstructed magnitudes, `[F, lanes]`.
pub struct Estimate {
    pub speech: Vec<f32>,
    pub noise: Vec<f32>,
}

impl DeepNmf {
    /// `trained` copies' worth of a sparse NMF dictionary `[R][T F]`, the first half of whose atoms are speech: hidden
    /// layers with all of it, then its newest frame.
    pub fn from_dictionary(atoms: &[f32], trained: usize, beta: f32, sparsity: f32) -> Self {
        let rows = CONTEXT_FRAMES * BINS;
        let newest = |atom: &[f32]| atom[rows - BINS..].to_vec();
        Self {
            hidden: vec![Layer::new(atoms, rows, beta, sparsity); trained.saturating_sub(1)],
            readout: atoms.chunks_exact(rows).flat_map(newest).collect(),
            speech_atoms: atoms.len() / rows / 2,
            bins: BINS,
            beta,
            sparsity,
        }
    }

    /// All parameters: hidden layers in order, then the reconstruction.
    pub fn parameters(&self) -> Vec<f32> {
        let hidden = self.hidden.iter().flat_map(|layer| &layer.atoms);
        hidden.chain(&self.readout).copied().collect()
    }

    /// Takes parameters in the same order; hidden atoms are used at unit norm.
    pub fn set_parameters(&mut self, parameters: &[f32]) {
        let mut rest = parameters;
        for layer in &mut self.hidden {
            let (own, others) = rest.split_at(layer.atoms.len());
            *layer = Layer::new(own, layer.rows, self.beta, self.sparsity);
            rest = others;
        }
        self.readout.copy_from_slice(rest);
    }

    /// The reconstruction atoms `[R][F]`, speech first.
    pub fn readout(&self) -> &[f32] {
        &self.readout
    }

    fn forward(&self, chunk: &Chunk) -> (Vec<Tape>, Estimate) {
        let mut tapes: Vec<Tape> = Vec::new();
        for layer in &self.hidden {
            let mut tape = Tape::default();
            let h = tapes.last().map_or(&chunk.activation, |tape| &tape.output);
            layer.forward(&chunk.stacked, h, chunk.lanes, &mut tape);
            tapes.push(tape);
        }
        let h = tapes.last().map_or(&chunk.activation, |tape| &tape.output);
        let (speech_atoms, noise_atoms) = self.readout.split_at(self.speech_atoms * self.bins);
        let (speech_h, noise_h) = h.split_at(self.speech_atoms * chunk.lanes);
        let part = |atoms: &[f32], h: &[f32]| {
            let mut out = vec![0.0; self.bins * chunk.lanes];
            Gemm.reconstruct(atoms, self.bins, h, &mut out, chunk.lanes);
            out
        };
        let estimate = Estimate {
            speech: part(speech_atoms, speech_h),
            noise: part(noise_atoms, noise_h),
        };
        (tapes, estimate)
    }

    /// The mask `S_s / (S_s + S_n)` of each frame, `[F, lanes]`.
    ///
    /// # Errors
    /// The network is not what the paper promises: a weight or an estimate is negative or not finite, or speech and
    /// noise after the mask do not add up to the input.
    pub fn mask(&self, chunk: &Chunk) -> Result<Vec<f32>> {
        let (tapes, Estimate { speech, noise }) = self.forward(chunk);
        let good = |values: &[f32]| values.iter().all(|x| x.is_finite() && *x >= 0.0);
        ensure!(
            self.hidden.iter().all(|layer| good(&layer.atoms)) && good(&self.readout),
            "a weight is negative or not finite"
        );
        ensure!(
            tapes.iter().all(|tape| good(&tape.output)),
            "an activation is negative or not finite"
        );
        ensure!(
            good(&speech) && good(&noise),
            "a source's estimate is negative or not finite"
        );
        let total = |(s, n): (&f32, &f32)| (s + n).max(EPSILON * EPSILON);
        let mask: Vec<f32> = speech.iter().zip(&noise).map(|pair| pair.0 / total(pair)).collect();
        for ((g, m), pair) in mask.iter().zip(&chunk.mix).zip(speech.iter().zip(&noise)) {
            let masked_noise = m * pair.1 / total(pair);
            ensure!(
                (g * m + masked_noise - m).abs() <= 1e-5 * m.max(EPSILON) || pair.0 + pair.1 <= EPSILON * EPSILON,
                "masked speech and masked noise do not add up to the input"
            );
        }
        Ok(mask)
    }
}

#[cfg(test)]
mod tests;
