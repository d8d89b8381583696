//! Matrix-matrix products for many lanes at once, behind the same trait as the engine's matrix-vector ones.

use unfold::kernels::{Dictionary, Products};

/// A dictionary as it is, for many lanes.
pub struct Dense {
    weights: Vec<f32>,
    cols: usize,
}

impl Dictionary for Dense {
    fn pack(weights: &[f32], cols: usize, _: Products) -> Self {
        Self {
            weights: weights.to_vec(),
            cols,
        }
    }

    fn reconstruct(&self, x: &[f32], out: &mut [f32], lanes: usize) {
        Gemm.reconstruct(&self.weights, self.cols, x, out, lanes);
    }

    fn correlate(&self, x: &[f32], out: &mut [f32], lanes: usize) {
        Gemm.correlate(&self.weights, self.cols, x, out, lanes);
    }
}

/// Products through the `gemm` crate; every call runs on the calling thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gemm;

impl Gemm {
    /// `out [cols, lanes] = dictionary' x`, x `[rows, lanes]`.
    pub fn reconstruct(&self, dictionary: &[f32], cols: usize, x: &[f32], out: &mut [f32], lanes: usize) {
        let rows = dictionary.len() / cols;
        product(cols, lanes, rows, (dictionary, 1, cols), (x, lanes, 1), out, 0.0);
    }

    /// `out [rows, lanes] = dictionary x`, x `[cols, lanes]`.
    pub fn correlate(&self, dictionary: &[f32], cols: usize, x: &[f32], out: &mut [f32], lanes: usize) {
        let rows = dictionary.len() / cols;
        product(rows, lanes, cols, (dictionary, cols, 1), (x, lanes, 1), out, 0.0);
    }

    /// `out [rows, cols] += x y'`, x `[rows, lanes]`, y `[cols, lanes]`.
    pub fn outer_add(&self, x: &[f32], y: &[f32], out: &mut [f32], lanes: usize) {
        let (rows, cols) = (x.len() / lanes, y.len() / lanes);
        product(rows, cols, lanes, (x, lanes, 1), (y, 1, lanes), out, 1.0);
    }

    /// `out [rows, lanes] += dictionary x`.
    pub fn correlate_add(&self, dictionary: &[f32], cols: usize, x: &[f32], out: &mut [f32], lanes: usize) {
        let rows = dictionary.len() / cols;
        product(rows, lanes, cols, (dictionary, cols, 1), (x, lanes, 1), out, 1.0);
    }
}

/// A matrix with its row and column strides.
type Strided<'a> = (&'a [f32], usize, usize);

/// `out [m, n] = keep * out + a [m, k] b [k, n]`, out row-major.
#[allow(unsafe_code)]
fn product(m: usize, n: usize, k: usize, a: Strided, b: Strided, out: &mut [f32], keep: f32) {
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    assert!((m - 1) * a.1 + (k - 1) * a.2 < a.0.len(), "left matrix is too short");
    assert!((k - 1) * b.1 + (n - 1) * b.2 < b.0.len(), "right matrix is too short");
    assert!(m * n <= out.len(), "output is too short");
    // SAFETY: the assertions above keep every element that gemm reads or writes inside its slice, and `out` is
    // borrowed exclusively, so it overlaps neither input.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            keep != 0.0,
            a.0.as_ptr(),
            a.2 as isize,
            a.1 as isize,
            b.0.as_ptr(),
            b.2 as isize,
            b.1 as isize,
            keep,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_match_plain_sums() {
        let (rows, cols, lanes) = (5, 7, 3);
        let value = |i: usize| ((i * 7919 % 101) as f32 - 50.0) / 50.0;
        let fill = |n: usize, o: usize| (0..n).map(|i| value(i + o)).collect::<Vec<f32>>();
        let (w, h, x) = (fill(rows * cols, 0), fill(rows * lanes, 3), fill(cols * lanes, 5));
        let mut l = vec![9.0; cols * lanes];
        Gemm.reconstruct(&w, cols, &h, &mut l, lanes);
        let mut n = vec![9.0; rows * lanes];
        Gemm.correlate(&w, cols, &x, &mut n, lanes);
        let mut outer = vec![1.0; rows * cols];
        Gemm.outer_add(&h, &x, &mut outer, lanes);
        for b in 0..lanes {
            for c in 0..cols {
                let sum: f32 = (0..rows).map(|r| w[r * cols + c] * h[r * lanes + b]).sum();
                assert!((l[c * lanes + b] - sum).abs() < 1e-5);
            }
            for r in 0..rows {
                let sum: f32 = (0..cols).map(|c| w[r * cols + c] * x[c * lanes + b]).sum();
                assert!((n[r * lanes + b] - sum).abs() < 1e-5);
            }
        }
        for r in 0..rows {
            for c in 0..cols {
                let sum: f32 = (0..lanes).map(|b| h[r * lanes + b] * x[c * lanes + b]).sum();
                assert!((outer[r * cols + c] - 1.0 - sum).abs() < 1e-5);
            }
        }
        let before = n.clone();
        Gemm.correlate_add(&w, cols, &x, &mut n, lanes);
        assert!(n.iter().zip(&before).all(|(a, b)| (a - 2.0 * b).abs() < 1e-5));
    }
}
