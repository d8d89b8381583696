//! The paper's front end: 16 kHz, 25 ms square-root Hann window, 10 ms hop (docs/algorithm.md section 4).

use realfft::RealFftPlanner;
use realfft::num_complex::Complex32;

/// Sample rate, in Hz.
pub const RATE_HZ: u32 = 16_000;
const WINDOW_SAMPLES: usize = 400;
const HOP_SAMPLES: usize = 160;
/// Bins of a frame.
pub const BINS: usize = WINDOW_SAMPLES / 2 + 1;
/// Zeros before the signal, so that its first sample lies in as many windows as the others.
const LEAD_SAMPLES: usize = WINDOW_SAMPLES - HOP_SAMPLES;

/// Square root of the periodic Hann window.
fn window() -> Vec<f32> {
    let sine = |n: usize| (std::f64::consts::PI * n as f64 / WINDOW_SAMPLES as f64).sin() as f32;
    (0..WINDOW_SAMPLES).map(sine).collect()
}

fn frame_count(length: usize) -> usize {
    (length + LEAD_SAMPLES).div_ceil(HOP_SAMPLES)
}

/// Spectra of a mono signal at 16 kHz, `[frame][BINS]`.
pub fn analyse(signal: &[f32]) -> Vec<Complex32> {
    let transform = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW_SAMPLES);
    let window = window();
    let mut frame = transform.make_input_vec();
    let mut spectrum = transform.make_output_vec();
    let mut spectra = Vec::with_capacity(frame_count(signal.len()) * BINS);
    for index in 0..frame_count(signal.len()) {
        for (n, (slot, w)) in frame.iter_mut().zip(&window).enumerate() {
            let at = (index * HOP_SAMPLES + n).checked_sub(LEAD_SAMPLES);
            *slot = at.and_then(|at| signal.get(at)).map_or(0.0, |x| w * x);
        }
        transform
            .process(&mut frame, &mut spectrum)
            .expect("buffers made by this plan");
        spectra.extend_from_slice(&spectrum);
    }
    spectra
}

/// The signal of `length` samples whose spectra are nearest to `spectra` (least squares): overlapping windows are
/// added and divided by the sum of their squares, because a hop of 10 ms does not divide a window of 25 ms.
pub fn synthesise(spectra: &[Complex32], length: usize) -> Vec<f32> {
    let transform = RealFftPlanner::<f32>::new().plan_fft_inverse(WINDOW_SAMPLES);
    let window = window();
    let mut frame = transform.make_output_vec();
    let mut spectrum = transform.make_input_vec();
    let total = length + LEAD_SAMPLES + WINDOW_SAMPLES;
    let (mut sum, mut weight) = (vec![0.0_f32; total], vec![0.0_f32; total]);
    for (index, source) in spectra.chunks_exact(BINS).enumerate() {
        spectrum.copy_from_slice(source);
        // Real by construction.
        spectrum[0].im = 0.0;
        spectrum[BINS - 1].im = 0.0;
        transform
            .process(&mut spectrum, &mut frame)
            .expect("buffers made by this plan");
        for (n, (x, w)) in frame.iter().zip(&window).enumerate() {
            sum[index * HOP_SAMPLES + n] += w * x / WINDOW_SAMPLES as f32;
            weight[index * HOP_SAMPLES + n] += w * w;
        }
    }
    let inside = LEAD_SAMPLES..LEAD_SAMPLES + length;
    let ratio = |(sum, weight): (&f32, &f32)| sum / weight.max(1e-6);
    sum[inside.clone()].iter().zip(&weight[inside]).map(ratio).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unchanged_spectra_give_the_signal_back() {
        for length in [1, 160, 399, 5003] {
            let signal: Vec<f32> = (0..length).map(|n| ((n * 7919) % 997) as f32 / 997.0 - 0.5).collect();
            let back = synthesise(&analyse(&signal), length);
            assert_eq!(back.len(), length);
            let worst = back.iter().zip(&signal).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "{length} samples: off by {worst}");
        }
    }
}
