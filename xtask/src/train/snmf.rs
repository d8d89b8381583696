//! Sparse NMF dictionaries (docs/algorithm.md section 3): the start of the discriminative training and the paper's C = 0.

use ndarray::{Array2, ArrayView2};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Least value of the atoms that a fit starts from.
const EPSILON: f32 = 1e-6;

/// A dictionary and how much its atoms were used.
pub struct Dictionary {
    /// `[R][I]`, rows of unit L2 norm.
    pub atoms: Vec<f32>,
    /// `[R]`: mean activation.
    pub mean_activation: Vec<f32>,
}

/// Fits `atoms` non-negative atoms to the columns of `data [I, N]` (N = `frames`) under the Kullback-Leibler
/// divergence (beta = 1) plus `sparsity` times the sum of the activations, by `iterations` multiplicative updates from
/// random frames with a little noise, a better start than noise alone.
pub fn fit(data: &[f32], frames: usize, atoms: usize, sparsity: f32, iterations: usize, seed: u64) -> Dictionary {
    let rows = data.len() / frames;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut start = Array2::zeros((atoms, rows));
    for mut atom in start.rows_mut() {
        let frame = rng.random_range(0..frames);
        for (i, value) in atom.iter_mut().enumerate() {
            *value = data[i * frames + frame] + 0.1 * rng.random::<f32>() + EPSILON;
        }
    }
    let data = ArrayView2::from_shape((rows, frames), data).expect("as many values as rows times frames");
    let fitted = unfold::snmf::fit(data, start, sparsity, iterations);
    Dictionary {
        atoms: fitted.atoms.into_iter().collect(),
        mean_activation: fitted.mean_activation.to_vec(),
    }
}
