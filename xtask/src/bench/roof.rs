//! What this processor can do at most: reading numbers in a stream, and multiplying and adding them. Measured in the
//! same process as the engine, on one core, with the instruction set that the engine itself would choose.

use std::hint::black_box;
use std::time::Instant;

use serde::Serialize;
use unfold::simd::dispatch;

/// Far beyond every cache.
const MEMORY_BYTES: usize = 256 << 20;
/// Runs of each kernel; the fastest counts, since a roof is what is possible.
const RUNS: usize = 15;
/// Independent sums of the reading kernel, so that no addition waits for the one before.
const READ_SUMS: usize = 64;
const ARITHMETIC_ROUNDS: usize = 200_000;

/// The roofs.
#[derive(Serialize)]
pub struct Roof {
    /// Bytes of the buffer that stands for the weights.
    pub weights_bytes: usize,
    /// Streaming read of a buffer as large as the engine's weights, again and again: what the caches give.
    pub cache_gb_per_s: f64,
    /// Streaming read of a buffer beyond every cache: what the memory gives.
    pub memory_gb_per_s: f64,
    /// Multiplications and additions of `f32` in registers, without fusing them, as the engine computes.
    pub separate_gflop_per_s: f64,
    /// The same with fused multiply-add, which the engine leaves alone so that every processor gives the same bits.
    pub fused_gflop_per_s: f64,
}

impl Roof {
    /// Measures all. Takes a second or two.
    pub fn measure(weights_bytes: usize) -> Self {
        // A small buffer is read often enough for the clock.
        let repeats = (64 << 20) / weights_bytes.max(1) + 1;
        Self {
            weights_bytes,
            cache_gb_per_s: read_gb_per_s(weights_bytes, repeats),
            memory_gb_per_s: read_gb_per_s(MEMORY_BYTES, 1),
            separate_gflop_per_s: best_gflop_per_s(|sum, factor| sum * factor + 0.5),
            fused_gflop_per_s: best_gflop_per_s(|sum, factor| sum.mul_add(factor, 0.5)),
        }
    }
}

fn fastest_s(mut run: impl FnMut()) -> f64 {
    let time_s = |_| {
        let begin = Instant::now();
        run();
        begin.elapsed().as_secs_f64()
    };
    (0..RUNS).map(time_s).fold(f64::INFINITY, f64::min)
}

fn read_gb_per_s(bytes: usize, repeats: usize) -> f64 {
    let buffer: Vec<u32> = (0..bytes as u32 / 4).collect();
    let time_s = fastest_s(|| {
        for _ in 0..repeats {
            black_box(dispatch(
                #[inline(always)]
                || sum_of(black_box(&buffer)),
            ));
        }
    });
    (bytes * repeats) as f64 / time_s / 1e9
}

#[inline(always)]
fn sum_of(buffer: &[u32]) -> u32 {
    let mut sums = [0_u32; READ_SUMS];
    for chunk in buffer.as_chunks::<READ_SUMS>().0 {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum = sum.wrapping_add(*x);
        }
    }
    sums.iter().fold(0, |a, b| a.wrapping_add(*b))
}

/// The better of two numbers of independent sums: the first fills the registers of AVX2, the second those of AVX-512.
fn best_gflop_per_s(step: impl Fn(f32, f32) -> f32 + Copy) -> f64 {
    gflop_per_s::<96>(step).max(gflop_per_s::<256>(step))
}

/// `step` is one multiplication and one addition.
fn gflop_per_s<const SUMS: usize>(step: impl Fn(f32, f32) -> f32 + Copy) -> f64 {
    let factor = black_box(0.999_f32);
    let time_s = fastest_s(|| {
        let sums = dispatch(
            #[inline(always)]
            || {
                let mut sums = [1.0_f32; SUMS];
                for _ in 0..ARITHMETIC_ROUNDS {
                    for sum in &mut sums {
                        *sum = step(*sum, factor);
                    }
                }
                sums
            },
        );
        black_box(sums);
    });
    (2 * SUMS * ARITHMETIC_ROUNDS) as f64 / time_s / 1e9
}
