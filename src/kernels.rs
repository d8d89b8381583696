//! Inner loops: matrix products and element-wise maths, written so that the compiler vectorises them for
//! whatever instruction set the caller dispatched to.
//!
//! Sums run in a fixed order over fixed lanes and no fused multiply-add is used, so that every processor gives
//! the same bits. All functions are `inline(always)`: they take the target features of the dispatching caller.

/// A dictionary `[rows, cols]` in the form that its inner loops want, and the two products of a layer over it.
///
/// The engine runs one lane over [`Packed`]; the trainer runs many signals side by side with a matrix-matrix product.
pub trait Dictionary {
    /// Packs row-major weights. Allocates.
    fn pack(weights: &[f32], cols: usize) -> Self;
    /// `out [cols, lanes] = dictionary' x`, x `[rows, lanes]`.
    fn reconstruct(&self, x: &[f32], out: &mut [f32], lanes: usize);
    /// `out [rows, lanes] = dictionary x`, x `[cols, lanes]`.
    fn correlate(&self, x: &[f32], out: &mut [f32], lanes: usize);
}

/// Weights as bfloat16 (the upper half of an `f32`), for matrix-vector products: one lane, no allocation, each weight
/// read once in order. The products are limited by memory bandwidth, which half the bytes halve; a model from a file
/// holds bfloat16 values anyway, so nothing is lost.
#[derive(Clone, Debug)]
pub struct Packed {
    weights: Vec<u16>,
    cols: usize,
}

impl Dictionary for Packed {
    fn pack(weights: &[f32], cols: usize) -> Self {
        let weights = weights.iter().map(|w| half::bf16::from_f32(*w).to_bits()).collect();
        Self { weights, cols }
    }

    #[inline(always)]
    fn reconstruct(&self, x: &[f32], out: &mut [f32], lanes: usize) {
        debug_assert_eq!(lanes, 1);
        let mut start = 0;
        while start + 64 <= self.cols {
            self.reconstruct_block::<64>(x, out, start);
            start += 64;
        }
        while start + 16 <= self.cols {
            self.reconstruct_block::<16>(x, out, start);
            start += 16;
        }
        if start < self.cols && self.cols >= 16 {
            // The last block overlaps the one before: the same sums again, cheaper than one column at a time.
            self.reconstruct_block::<16>(x, out, self.cols - 16);
            start = self.cols;
        }
        while start < self.cols {
            self.reconstruct_block::<1>(x, out, start);
            start += 1;
        }
    }

    #[inline(always)]
    fn correlate(&self, x: &[f32], out: &mut [f32], lanes: usize) {
        debug_assert_eq!(lanes, 1);
        for (row, y) in self.weights.chunks_exact(self.cols.max(1)).zip(out) {
            *y = dot(row, x);
        }
    }
}

impl Packed {
    /// `N` columns from `start` on, held in registers while all rows stream by.
    #[inline(always)]
    fn reconstruct_block<const N: usize>(&self, x: &[f32], out: &mut [f32], start: usize) {
        let mut sum = [0.0; N];
        for (row, &h) in self.weights.chunks_exact(self.cols).zip(x) {
            for (s, w) in sum.iter_mut().zip(&row[start..start + N]) {
                *s += h * widen(*w);
            }
        }
        out[start..start + N].copy_from_slice(&sum);
    }
}

/// A bfloat16 as `f32`.
#[inline(always)]
fn widen(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[inline(always)]
fn dot(weights: &[u16], x: &[f32]) -> f32 {
    const WIDTH: usize = 32;
    let mut sum = [0.0; WIDTH];
    let (w_body, w_tail) = weights.as_chunks::<WIDTH>();
    let (x_body, x_tail) = x.as_chunks::<WIDTH>();
    for (w, x) in w_body.iter().zip(x_body) {
        for i in 0..WIDTH {
            sum[i] += widen(w[i]) * x[i];
        }
    }
    let mut half = [0.0; 16];
    for (h, (low, high)) in half.iter_mut().zip(sum[..16].iter().zip(&sum[16..])) {
        *h = low + high;
    }
    let (w_half, w_rest) = w_tail.as_chunks::<16>();
    let (x_half, x_rest) = x_tail.as_chunks::<16>();
    for (w, x) in w_half.iter().zip(x_half) {
        for i in 0..16 {
            half[i] += widen(w[i]) * x[i];
        }
    }
    let mut total: f32 = half.iter().sum();
    for (w, x) in w_rest.iter().zip(x_rest) {
        total += widen(*w) * x;
    }
    total
}

/// Base-2 logarithm of a positive normal number; relative error below 3e-7, absolute near 1 below 1e-7.
#[inline(always)]
pub fn log2(x: f32) -> f32 {
    // Split x = 2^e * m with m in [2/3, 4/3), then ln m = 2 atanh((m - 1) / (m + 1)) as an odd series.
    let bits = x.to_bits();
    let exponent = (bits.wrapping_sub(0x3f2a_aaab) as i32) >> 23;
    let m = f32::from_bits(bits.wrapping_sub((exponent as u32) << 23));
    let t = (m - 1.0) / (m + 1.0);
    let t2 = t * t;
    let series = 1.0 + t2 * (1.0 / 3.0 + t2 * (0.2 + t2 * (1.0 / 7.0 + t2 * (1.0 / 9.0))));
    exponent as f32 + 2.0 * std::f32::consts::LOG2_E * t * series
}

/// 2 to the power of x, x clamped to +-126; relative error below 3e-7.
#[inline(always)]
pub fn exp2(x: f32) -> f32 {
    let x = x.clamp(-126.0, 126.0);
    // Adding and subtracting 1.5 * 2^23 rounds to the nearest integer.
    const ROUND: f32 = 12_582_912.0;
    let whole = (x + ROUND) - ROUND;
    let f = x - whole;
    // Taylor series of 2^f, |f| <= 0.5.
    let p = 1.0
        + f * (std::f32::consts::LN_2
            + f * (0.240_226_5
                + f * (0.055_504_11 + f * (0.009_618_129 + f * (0.001_333_355_8 + f * 0.000_154_035_3)))));
    let scale = f32::from_bits(((whole as i32 + 127) as u32) << 23);
    p * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log2_and_exp2_are_accurate_over_their_range() {
        for i in -1200..1200 {
            let x = i as f32 * 0.1;
            let exact = f64::from(x).exp2();
            assert!((f64::from(exp2(x)) / exact - 1.0).abs() < 4e-7, "exp2({x})");
            let y = exact as f32;
            assert!((f64::from(log2(y)) - f64::from(y).log2()).abs() < 1e-6_f64.max(3e-7 * f64::from(x).abs()));
        }
        assert_eq!(exp2(0.0), 1.0);
        assert_eq!(log2(1.0), 0.0);
    }

    #[test]
    fn products_match_plain_sums_at_every_size() {
        for (rows, cols) in [(1, 1), (3, 15), (5, 16), (7, 100), (4, 177)] {
            // Eighths are exact in bfloat16.
            let value = |i: usize| ((i * 7919 % 31) as f32 - 15.0) / 8.0;
            let w: Vec<f32> = (0..rows * cols).map(value).collect();
            let h: Vec<f32> = (0..rows).map(|i| value(i + 3)).collect();
            let x: Vec<f32> = (0..cols).map(|i| value(i + 11)).collect();
            let (mut l, mut n) = (vec![0.0; cols], vec![0.0; rows]);
            let packed = Packed::pack(&w, cols);
            packed.reconstruct(&h, &mut l, 1);
            packed.correlate(&x, &mut n, 1);
            for (c, got) in l.iter().enumerate() {
                let expected: f32 = (0..rows).map(|r| h[r] * w[r * cols + c]).sum();
                assert!((got - expected).abs() < 1e-4);
            }
            for (r, got) in n.iter().enumerate() {
                let expected: f32 = (0..cols).map(|c| x[c] * w[r * cols + c]).sum();
                assert!((got - expected).abs() < 1e-4);
            }
        }
    }
}
