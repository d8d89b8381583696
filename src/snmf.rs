//! Sparse NMF under the Kullback-Leibler divergence (docs/algorithm.md section 3, beta = 1): dictionaries from data. Allocates;
//! not for the audio thread.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// Keeps quotients finite.
const EPSILON: f32 = 1e-6;

/// A dictionary and how much its atoms were used.
pub struct Dictionary {
    /// `[R, I]`, rows of unit L2 norm.
    pub atoms: Array2<f32>,
    /// `[R]`: mean activation.
    pub mean_activation: Array1<f32>,
}

/// Fits non-negative atoms to the columns of `data [I, N]`, starting from `start [R, I]`: the divergence plus `sparsity`
/// times the sum of the activations falls with each of `iterations` multiplicative updates.
pub fn fit(data: ArrayView2<f32>, start: Array2<f32>, sparsity: f32, iterations: usize) -> Dictionary {
    let mut run = Run {
        activations: Array2::ones((start.nrows(), data.ncols())),
        ratio: Array2::zeros(data.dim()),
        numerator: Array2::zeros((start.nrows(), data.ncols())),
        positive: Array2::zeros(start.dim()),
        atoms: start,
        data,
        sparsity,
    };
    run.normalise();
    for _ in 0..iterations {
        run.update_activations();
        run.update_atoms();
    }
    run.update_activations();
    let frames = data.ncols().max(1) as f32;
    Dictionary {
        mean_activation: run.activations.sum_axis(Axis(1)) / frames,
        atoms: run.atoms,
    }
}

struct Run<'a> {
    data: ArrayView2<'a, f32>,
    sparsity: f32,
    /// `[R, I]`
    atoms: Array2<f32>,
    /// `[R, N]`
    activations: Array2<f32>,
    /// `[I, N]`
    ratio: Array2<f32>,
    numerator: Array2<f32>,
    positive: Array2<f32>,
}

impl Run<'_> {
    /// V / L.
    fn divide(&mut self) {
        general_mat_mul(1.0, &self.atoms.t(), &self.activations, 0.0, &mut self.ratio);
        self.ratio.zip_mut_with(&self.data, |l, v| *l = v / l.max(EPSILON));
    }

    fn update_activations(&mut self) {
        self.divide();
        general_mat_mul(1.0, &self.atoms, &self.ratio, 0.0, &mut self.numerator);
        let rows = self.activations.rows_mut().into_iter().zip(self.numerator.rows());
        for ((mut h, n), atom) in rows.zip(self.atoms.rows()) {
            let scale = 1.0 / (atom.sum() + self.sparsity);
            h.zip_mut_with(&n, |h, n| *h = (*h * n * scale).max(EPSILON));
        }
    }

    /// The update that keeps unit norms inside the cost: the gradient's two parts exchange their projections.
    fn update_atoms(&mut self) {
        self.divide();
        general_mat_mul(1.0, &self.activations, &self.ratio.t(), 0.0, &mut self.positive);
        let rows = self.atoms.rows_mut().into_iter().zip(self.positive.rows());
        for ((mut atom, p), h) in rows.zip(self.activations.rows()) {
            let q = h.sum();
            let (q_projection, p_projection) = (q * atom.sum(), atom.dot(&p));
            atom.zip_mut_with(&p, |w, p| {
                *w = (*w * (p + *w * q_projection) / (q + *w * p_projection).max(EPSILON)).max(EPSILON);
            });
        }
        self.normalise();
    }

    fn normalise(&mut self) {
        for mut atom in self.atoms.rows_mut() {
            let norm = atom.dot(&atom).sqrt().max(EPSILON);
            atom /= norm;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Divergence plus sparsity, with activations fitted to given atoms.
    fn cost(data: &Array2<f32>, atoms: &Array2<f32>, sparsity: f32) -> f64 {
        let mut run = Run {
            activations: Array2::ones((atoms.nrows(), data.ncols())),
            ratio: Array2::zeros(data.dim()),
            numerator: Array2::zeros((atoms.nrows(), data.ncols())),
            positive: Array2::zeros(atoms.dim()),
            atoms: atoms.clone(),
            data: data.view(),
            sparsity,
        };
        for _ in 0..200 {
            run.update_activations();
        }
        let modelled = atoms.t().dot(&run.activations);
        let divergence: f64 = data
            .iter()
            .zip(&modelled)
            .map(|(v, l)| f64::from(v * ((v + 1e-9) / (l + 1e-9)).ln() - v + l))
            .sum();
        divergence + f64::from(sparsity * run.activations.sum())
    }

    #[test]
    fn finds_the_atoms_of_an_exact_factorisation_and_descends() {
        let truth = |r: usize, i: usize| if i / 4 == r { 1.0 } else { 0.05 };
        let gain = |r: usize, n: usize| ((n * (r + 3) * 7) % 11) as f32 / 11.0 + 0.01;
        let data = Array2::from_shape_fn((12, 60), |(i, n)| (0..3).map(|r| truth(r, i) * gain(r, n)).sum());
        let start = Array2::from_shape_fn((3, 12), |(r, i)| {
            data[[i, 7 * r + 2]] + 0.02 * ((i * (r + 5)) % 7) as f32
        });
        let found = |iterations| fit(data.view(), start.clone(), 1e-3, iterations).atoms;
        let costs: Vec<f64> = [1, 5, 20, 200]
            .iter()
            .map(|&iterations| cost(&data, &found(iterations), 1e-3))
            .collect();
        assert!(costs.windows(2).all(|pair| pair[1] <= pair[0] * 1.0001), "{costs:?}");
        assert!(costs[3] < 0.5 * costs[0], "{costs:?}");
        for atom in found(200).rows() {
            assert!((atom.dot(&atom) - 1.0).abs() < 1e-4 && atom.iter().all(|w| *w >= 0.0));
        }
    }
}
