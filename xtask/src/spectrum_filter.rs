//! Filtering of whole signals by any frequency response, zero-phase ones included.

use realfft::RealFftPlanner;
use realfft::num_complex::Complex64;

/// Silence appended before the transform, so that a response that reaches back in time does not wrap around.
const TAIL_S: f64 = 0.5;

/// Speech recordings are cut below this, without phase shift: some carry more rumble than voice there, and no denoiser
/// should be punished for taking it out.
const RUMBLE_HZ: std::ops::Range<f64> = 40.0..60.0;

/// `signal` filtered by `response(frequency in Hz)`; same length, no delay but that of the response.
pub fn filter(signal: &[f32], rate_hz: u32, response: impl Fn(f64) -> Complex64) -> Vec<f32> {
    let tail = (TAIL_S * f64::from(rate_hz)) as usize;
    let length = (signal.len() + tail).next_power_of_two();
    let mut planner = RealFftPlanner::<f64>::new();
    let (forward, inverse) = (planner.plan_fft_forward(length), planner.plan_fft_inverse(length));
    let mut samples = forward.make_input_vec();
    for (slot, &sample) in samples.iter_mut().zip(signal) {
        *slot = f64::from(sample);
    }
    let mut bins = forward.make_output_vec();
    forward
        .process(&mut samples, &mut bins)
        .expect("buffers made by this plan");
    for (index, bin) in bins.iter_mut().enumerate() {
        *bin *= response(index as f64 * f64::from(rate_hz) / length as f64);
    }
    // A real signal has real first and last bins.
    bins[0].im = 0.0;
    bins[length / 2].im = 0.0;
    inverse
        .process(&mut bins, &mut samples)
        .expect("buffers made by this plan");
    samples[..signal.len()]
        .iter()
        .map(|x| (x / length as f64) as f32)
        .collect()
}

/// Speech without what lies below the voice, zero-phase.
pub fn without_rumble(samples: Vec<f32>, rate_hz: u32) -> Vec<f32> {
    let gain = |hz: f64| ((hz - RUMBLE_HZ.start) / (RUMBLE_HZ.end - RUMBLE_HZ.start)).clamp(0.0, 1.0);
    filter(&samples, rate_hz, |hz| Complex64::from(gain(hz)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_phase_low_cut_keeps_the_rest_in_place() {
        let tone = |hz: f32, n: usize| (std::f32::consts::TAU * hz * n as f32 / 16_000.0).sin();
        let both: Vec<f32> = (0..16_000).map(|n| tone(20.0, n) + tone(300.0, n)).collect();
        let kept = filter(&both, 16_000, |hz| Complex64::from(if hz < 100.0 { 0.0 } else { 1.0 }));
        let worst = (4000..12_000)
            .map(|n| (kept[n] - tone(300.0, n)).abs())
            .fold(0.0, f32::max);
        assert!(worst < 0.02, "off by {worst}");
    }
}
