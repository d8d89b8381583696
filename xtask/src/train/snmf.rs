//! Sparse NMF dictionaries (algorithm.md section 3): the start of the discriminative training and the paper's C = 0.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::products::Gemm;

/// Keeps quotients finite.
const EPSILON: f32 = 1e-6;

/// A dictionary and how much its atoms were used.
pub struct Dictionary {
    /// `[R][I]`, rows of unit L2 norm.
    pub atoms: Vec<f32>,
    /// `[R]`: mean activation.
    pub mean_activation: Vec<f32>,
}

/// Fits `atoms` non-negative atoms to the columns of `data [I, N]` (N = `frames`) under the Kullback-Leibler
/// divergence (beta = 1) plus `sparsity` times the sum of the activations, by `iterations` multiplicative updates.
pub fn fit(data: &[f32], frames: usize, atoms: usize, sparsity: f32, iterations: usize, seed: u64) -> Dictionary {
    let rows = data.len() / frames;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // Random frames with a little noise are a better start than noise alone.
    let mut w = vec![0.0; atoms * rows];
    for atom in w.chunks_exact_mut(rows) {
        let frame = rng.random_range(0..frames);
        for (i, value) in atom.iter_mut().enumerate() {
            *value = data[i * frames + frame] + 0.1 * rng.random::<f32>() + EPSILON;
        }
    }
    normalise(&mut w, rows);
    let mut h = vec![1.0; atoms * frames];
    let mut scratch = Scratch {
        modelled: vec![0.0; rows * frames],
        numerator: vec![0.0; atoms * frames],
        positive: vec![0.0; atoms * rows],
    };
    for _ in 0..iterations {
        update_activations(data, &w, &mut h, frames, sparsity, &mut scratch);
        update_atoms(data, &mut w, &h, frames, &mut scratch);
    }
    update_activations(data, &w, &mut h, frames, sparsity, &mut scratch);
    let mean = |row: &[f32]| row.iter().sum::<f32>() / frames as f32;
    Dictionary {
        atoms: w,
        mean_activation: h.chunks_exact(frames).map(mean).collect(),
    }
}

struct Scratch {
    modelled: Vec<f32>,
    numerator: Vec<f32>,
    positive: Vec<f32>,
}

/// V / L in `scratch.modelled`.
fn ratio(data: &[f32], w: &[f32], h: &[f32], frames: usize, scratch: &mut Scratch) {
    let rows = data.len() / frames;
    Gemm.reconstruct(w, rows, h, &mut scratch.modelled, frames);
    for (l, v) in scratch.modelled.iter_mut().zip(data) {
        *l = v / l.max(EPSILON);
    }
}

fn update_activations(data: &[f32], w: &[f32], h: &mut [f32], frames: usize, sparsity: f32, scratch: &mut Scratch) {
    let rows = data.len() / frames;
    ratio(data, w, h, frames, scratch);
    Gemm.correlate(w, rows, &scratch.modelled, &mut scratch.numerator, frames);
    for (r, row) in h.chunks_exact_mut(frames).enumerate() {
        let denominator = w[r * rows..(r + 1) * rows].iter().sum::<f32>() + sparsity;
        for (h, n) in row.iter_mut().zip(&scratch.numerator[r * frames..]) {
            *h = (*h * n / denominator).max(EPSILON);
        }
    }
}

/// The update that keeps unit norms inside the cost: the gradient's two parts exchange their projections.
fn update_atoms(data: &[f32], w: &mut [f32], h: &[f32], frames: usize, scratch: &mut Scratch) {
    let rows = data.len() / frames;
    ratio(data, w, h, frames, scratch);
    scratch.positive.fill(0.0);
    Gemm.outer_add(h, &scratch.modelled, &mut scratch.positive, frames);
    for (r, atom) in w.chunks_exact_mut(rows).enumerate() {
        let p = &scratch.positive[r * rows..(r + 1) * rows];
        let q: f32 = h[r * frames..(r + 1) * frames].iter().sum();
        let q_projection: f32 = atom.iter().map(|w| q * w).sum();
        let p_projection: f32 = atom.iter().zip(p).map(|(w, p)| w * p).sum();
        for (w, p) in atom.iter_mut().zip(p) {
            *w = (*w * (p + *w * q_projection) / (q + *w * p_projection).max(EPSILON)).max(EPSILON);
        }
    }
    normalise(w, rows);
}

fn normalise(w: &mut [f32], rows: usize) {
    for atom in w.chunks_exact_mut(rows) {
        let norm = atom.iter().map(|w| w * w).sum::<f32>().sqrt().max(EPSILON);
        atom.iter_mut().for_each(|w| *w /= norm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kullback-Leibler divergence plus sparsity.
    fn cost(data: &[f32], d: &Dictionary, frames: usize, sparsity: f32) -> f64 {
        let rows = data.len() / frames;
        let atoms = d.mean_activation.len();
        let mut h = vec![1.0; atoms * frames];
        let mut scratch = Scratch {
            modelled: vec![0.0; rows * frames],
            numerator: vec![0.0; atoms * frames],
            positive: vec![],
        };
        for _ in 0..200 {
            update_activations(data, &d.atoms, &mut h, frames, sparsity, &mut scratch);
        }
        Gemm.reconstruct(&d.atoms, rows, &h, &mut scratch.modelled, frames);
        let divergence: f64 = data
            .iter()
            .zip(&scratch.modelled)
            .map(|(v, l)| f64::from(v * ((v + 1e-9) / (l + 1e-9)).ln() - v + l))
            .sum();
        divergence + f64::from(sparsity * h.iter().sum::<f32>())
    }

    #[test]
    fn finds_the_atoms_of_an_exact_factorisation_and_descends() {
        let (rows, frames) = (12, 60);
        let truth = |r: usize, i: usize| if i / 4 == r { 1.0 } else { 0.05 };
        let gain = |r: usize, n: usize| ((n * (r + 3) * 7) % 11) as f32 / 11.0 + 0.01;
        let data: Vec<f32> = (0..rows)
            .flat_map(|i| (0..frames).map(move |n| (0..3).map(|r| truth(r, i) * gain(r, n)).sum()))
            .collect();
        let costs: Vec<f64> = [1, 5, 20, 200]
            .iter()
            .map(|&iterations| cost(&data, &fit(&data, frames, 3, 1e-3, iterations, 5), frames, 1e-3))
            .collect();
        assert!(costs.windows(2).all(|pair| pair[1] <= pair[0] * 1.0001), "{costs:?}");
        assert!(costs[3] < 0.5 * costs[0], "{costs:?}");
        let found = fit(&data, frames, 3, 1e-3, 200, 5);
        for atom in found.atoms.chunks_exact(rows) {
            let norm: f32 = atom.iter().map(|w| w * w).sum();
            assert!((norm - 1.0).abs() < 1e-4 && atom.iter().all(|w| *w >= 0.0));
        }
    }
}
