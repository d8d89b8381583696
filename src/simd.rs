//! Run-time choice of the instruction set: the compiler vectorises one and the same code for each.

/// Runs `op` compiled for the best instruction set of this processor (AVX2 and its companions on x86-64; the
/// baseline elsewhere, which includes NEON on 64-bit Arm). `op` and all it calls must be `inline(always)` to profit.
#[inline(always)]
pub fn dispatch<R>(op: impl FnOnce() -> R) -> R {
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
    #[test]
    fn the_result_comes_back() {
        let numbers = [1.0_f32, 2.0, 3.0];
        assert_eq!(
            super::dispatch(
                #[inline(always)]
                || numbers.iter().sum::<f32>()
            ),
            6.0
        );
    }
}
