//! Speed of the training's matrix products, beside a plain single-threaded product of the same shapes.

use std::time::Instant;

use ndarray::Array2;
use ndarray::linalg::general_mat_mul;
use rayon::prelude::*;

use crate::report::table;
use crate::train::products::Gemm;

/// Time spent on one figure, in seconds.
const MEASURED_S: f64 = 0.4;

/// What one call computes with a dictionary `[rows][cols]` and `lanes` frames.
#[derive(Clone, Copy)]
enum Product {
    /// `L = W H`: `[cols, lanes]` from `[rows, lanes]`.
    Reconstruct,
    /// `N = W' Q`: `[rows, lanes]` from `[cols, lanes]`.
    Correlate,
    /// `dW += A Q'`: `[rows, cols]`.
    Outer,
}

struct Shape {
    name: &'static str,
    product: Product,
    rows: usize,
    cols: usize,
    lanes: usize,
}

/// The shapes of `cargo xtask reproduce`: 256 frames of ten times 201 bins; 200 or 500 atoms, or 1024 units.
const SHAPES: [Shape; 6] = [
    shape("deep NMF, W H, R=200", Product::Reconstruct, 200, 2010),
    shape("deep NMF, W' Q, R=200", Product::Correlate, 200, 2010),
    shape("deep NMF, A Q', R=200", Product::Outer, 200, 2010),
    shape("deep NMF, W H, R=500", Product::Reconstruct, 500, 2010),
    shape("deep NMF, W' Q, R=500", Product::Correlate, 500, 2010),
    shape("DNN, 1024 to 1024 units", Product::Reconstruct, 1024, 1024),
];

const fn shape(name: &'static str, product: Product, rows: usize, cols: usize) -> Shape {
    Shape {
        name,
        product,
        rows,
        cols,
        lanes: 256,
    }
}

impl Shape {
    fn flops(&self) -> f64 {
        2.0 * (self.rows * self.cols * self.lanes) as f64
    }

    /// Sizes of the two factors and of the result.
    fn sizes(&self) -> [(usize, usize); 3] {
        let (r, c, n) = (self.rows, self.cols, self.lanes);
        match self.product {
            Product::Reconstruct => [(r, c), (r, n), (c, n)],
            Product::Correlate => [(r, c), (c, n), (r, n)],
            Product::Outer => [(r, n), (c, n), (r, c)],
        }
    }

    fn matrices(&self) -> [Array2<f32>; 3] {
        self.sizes()
            .map(|size| Array2::from_shape_fn(size, |(i, j)| ((i * 31 + j * 17) % 101) as f32 / 101.0 + 0.1))
    }

    /// One call of the trainer's product.
    fn ours(&self, [a, b, out]: &mut [Array2<f32>; 3]) {
        let slices = (a.as_slice(), b.as_slice(), out.as_slice_mut());
        let (Some(a), Some(b), Some(out)) = slices else {
            unreachable!("matrices made row-major");
        };
        match self.product {
            Product::Reconstruct => Gemm.reconstruct(a, self.cols, b, out, self.lanes),
            Product::Correlate => Gemm.correlate(a, self.cols, b, out, self.lanes),
            Product::Outer => Gemm.outer_add(a, b, out, self.lanes),
        }
    }

    /// The same by the `matrixmultiply` crate, through ndarray.
    fn plain(&self, [a, b, out]: &mut [Array2<f32>; 3]) {
        match self.product {
            Product::Reconstruct => general_mat_mul(1.0, &a.t(), b, 0.0, out),
            Product::Correlate => general_mat_mul(1.0, a, b, 0.0, out),
            Product::Outer => general_mat_mul(1.0, a, &b.t(), 1.0, out),
        }
    }

    /// GFLOP/s of the trainer's product on all threads, each with a batch of its own; of the same on one thread; and
    /// of matrixmultiply on one thread.
    fn speeds(&self) -> [f64; 3] {
        let threads = rayon::current_num_threads();
        let mut all: Vec<[Array2<f32>; 3]> = (0..threads).map(|_| self.matrices()).collect();
        let mut one = self.matrices();
        let side_by_side = self.flops() * threads as f64
            / seconds_per_call(|| all.par_iter_mut().for_each(|matrices| self.ours(matrices)));
        let alone = self.flops() / seconds_per_call(|| self.ours(&mut one));
        let plain = self.flops() / seconds_per_call(|| self.plain(&mut one));
        [side_by_side, alone, plain].map(|flops| flops / 1e9)
    }
}

/// Median over many calls; the first one is not counted.
fn seconds_per_call(mut call: impl FnMut()) -> f64 {
    call();
    let begin = Instant::now();
    let mut times = Vec::new();
    while begin.elapsed().as_secs_f64() < MEASURED_S {
        let start = Instant::now();
        call();
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The table, as Markdown.
pub fn section() -> String {
    let threads = rayon::current_num_threads();
    let header = [
        "product, 256 frames".to_owned(),
        format!("batches on {threads} threads (GFLOP/s)"),
        "one thread (GFLOP/s)".to_owned(),
        "matrixmultiply, one thread (GFLOP/s)".to_owned(),
    ];
    let row = |shape: &Shape| {
        let speeds = shape.speeds().map(|speed| format!("{speed:.0}"));
        std::iter::once(shape.name.to_owned()).chain(speeds).collect()
    };
    format!(
        "\nMatrix products of the training (`cargo xtask reproduce`), single precision; the `gemm` crate, beside plain \
         `matrixmultiply` on the same matrices:\n\n{}",
        table(&header, &SHAPES.iter().map(row).collect::<Vec<_>>())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_libraries_compute_the_same_product() {
        for product in [Product::Reconstruct, Product::Correlate, Product::Outer] {
            let shape = Shape {
                lanes: 7,
                ..shape("", product, 5, 11)
            };
            let (mut ours, mut plain) = (shape.matrices(), shape.matrices());
            shape.ours(&mut ours);
            shape.plain(&mut plain);
            let pairs = ours[2].iter().zip(&plain[2]);
            assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-4 && *a > 0.0));
        }
    }
}
