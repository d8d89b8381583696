//! Run-time choice of the instruction set: the compiler vectorises one and the same code for each.

/// Runs `op` compiled for the best instruction set of this processor (AVX-512 or AVX2 with their companions on
/// x86-64; the baseline elsewhere, which includes NEON on 64-bit Arm). `op` and all it calls must be `inline(always)` to profit.
#[inline(always)]
pub fn dispatch<R>(op: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if let Some(v4) = pulp::x86::V4::try_new() {
        return pulp::Simd::vectorize(v4, Inlined(op));
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(v3) = pulp::x86::V3::try_new() {
        return pulp::Simd::vectorize(v3, Inlined(op));
    }
    op()
}

/// A closure whose call is inlined into the function that has the target features.
#[cfg(target_arch = "x86_64")]
struct Inlined<F>(F);

#[cfg(target_arch = "x86_64")]
impl<R, F: FnOnce() -> R> pulp::WithSimd for Inlined<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> R {
        (self.0)()
    }
}

#[cfg(test)]
mod tests {
    use super::dispatch;
    use crate::kernels::{Dictionary, Packed, Products, exp2, log2};

    #[inline(always)]
    fn products(dictionary: &Packed, x: &[f32], y: &[f32]) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let (mut l, mut n) = (vec![0.0; y.len()], vec![0.0; x.len()]);
        dictionary.reconstruct(x, &mut l, 1);
        dictionary.correlate(y, &mut n, 1);
        let powers = y.iter().map(|y| exp2(1.7 * log2(*y))).collect();
        (l, n, powers)
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let value = |i: usize| 0.01 + ((i * 7919) % 1009) as f32 / 517.0;
        let (rows, cols) = (37, 211);
        let weights: Vec<f32> = (0..rows * cols).map(value).collect();
        let dictionary = Packed::pack(&weights, cols, Products::Both);
        let x: Vec<f32> = (0..rows).map(|i| value(i + 5)).collect();
        let y: Vec<f32> = (0..cols).map(|i| value(i + 9)).collect();
        let best = dispatch(
            #[inline(always)]
            || products(&dictionary, &x, &y),
        );
        assert_eq!(best, products(&dictionary, &x, &y));
    }
}
