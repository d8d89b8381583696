//! Conversions between the units of audio work. The only place where these formulas exist.

/// Hop length in seconds: one network step.
pub const HOP_S: f64 = 0.010;

/// Amplitude gain of a level in decibels; negative infinity gives 0.
pub fn db_to_gain(level_db: f32) -> f32 {
    10.0_f32.powf(level_db / 20.0)
}

/// Level in decibels of an amplitude gain; 0 gives negative infinity.
pub fn gain_to_db(gain: f32) -> f32 {
    20.0 * gain.log10()
}

/// Level in decibels of a power (squared amplitude); 0 gives negative infinity.
pub fn power_to_db(power: f32) -> f32 {
    10.0 * power.log10()
}

/// Samples in one hop (10 ms, rounded to whole samples) at a sample rate.
pub fn hop_samples(sample_rate_hz: f64) -> usize {
    (sample_rate_hz * HOP_S).round() as usize
}

/// Frequency of a bin of a real FFT of `window_samples` points.
pub fn bin_to_hz(bin: usize, window_samples: usize, sample_rate_hz: f64) -> f64 {
    bin as f64 * sample_rate_hz / window_samples as f64
}

/// Samples in a duration, rounded to whole samples.
pub fn ms_to_samples(duration_ms: f64, sample_rate_hz: f64) -> usize {
    (duration_ms * 1e-3 * sample_rate_hz).round() as usize
}

/// Per-hop coefficient of a one-pole smoother with the given time constant.
pub fn time_constant_to_coefficient(time_constant_ms: f32) -> f32 {
    1.0 - (-(HOP_S as f32) * 1e3 / time_constant_ms).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_and_gains_are_inverse() {
        assert!((db_to_gain(-20.0) - 0.1).abs() < 1e-7);
        assert!((gain_to_db(10.0) - 20.0).abs() < 1e-5);
        assert_eq!(db_to_gain(f32::NEG_INFINITY), 0.0);
        assert_eq!(gain_to_db(0.0), f32::NEG_INFINITY);
        assert!((power_to_db(100.0) - 20.0).abs() < 1e-5);
    }

    #[test]
    fn hops_are_ten_milliseconds() {
        assert_eq!(hop_samples(44_100.0), 441);
        assert_eq!(hop_samples(48_000.0), 480);
        assert_eq!(hop_samples(11_025.0), 110);
        assert_eq!(bin_to_hz(10, 960, 48_000.0), 500.0);
        assert_eq!(ms_to_samples(20.0, 48_000.0), 960);
    }
}
