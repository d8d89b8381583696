//! Inner loops: matrix products and element-wise maths, written so that the compiler vectorises them for
//! whatever instruction set the caller dispatched to.
//!
//! Sums run in a fixed order over fixed lanes and no fused multiply-add is used, so that every processor gives
//! the same bits. All functions are `inline(always)`: they take the target features of the dispatching caller.

mod packed;

pub use packed::{BLOCK, Packed};

/// Which products a dictionary is packed for; another one is not to be asked of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Products {
    /// [`Dictionary::reconstruct`] alone.
    Reconstruct,
    /// [`Dictionary::correlate`] alone.
    Correlate,
    /// Both.
    Both,
}

/// A dictionary `[rows, cols]` in the form that its inner loops want, and the two products of a layer over it.
///
/// The engine runs one lane over [`Packed`]; the trainer runs many signals side by side with a matrix-matrix product.
pub trait Dictionary {
    /// Packs row-major weights. Allocates.
    fn pack(weights: &[f32], cols: usize, products: Products) -> Self;
    /// `out [cols, lanes] = dictionary' x`, x `[rows, lanes]`.
    fn reconstruct(&self, x: &[f32], out: &mut [f32], lanes: usize);
    /// `out [rows, lanes] = dictionary x`, x `[cols, lanes]`.
    fn correlate(&self, x: &[f32], out: &mut [f32], lanes: usize);
}

/// Inner product in a fixed order that vectorises.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    const WIDTH: usize = 16;
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<WIDTH>(), b.as_chunks::<WIDTH>());
    let mut sums = [0.0; WIDTH];
    for (a, b) in a.iter().zip(b) {
        for i in 0..WIDTH {
            sums[i] += a[i] * b[i];
        }
    }
    let tail: f32 = a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + tail
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
}
