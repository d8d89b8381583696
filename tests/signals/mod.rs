//! Test signals and measures shared by the tests of the core.
#![allow(dead_code, reason = "each test file uses some of them")]

/// Uniform noise in -amplitude..amplitude from a fixed sequence.
pub fn noise(samples: usize, amplitude: f32, mut seed: u32) -> Vec<f32> {
    (0..samples)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            amplitude * ((seed >> 8) as f32 / (1 << 23) as f32 - 1.0)
        })
        .collect()
}

/// Syllables of a harmonic voice: 110..160 Hz, four a second.
pub fn voice(samples: usize, amplitude: f32, sample_rate_hz: f64) -> Vec<f32> {
    let mut phase = 0.0_f64;
    (0..samples)
        .map(|n| {
            let t = n as f64 / sample_rate_hz;
            phase += std::f64::consts::TAU * (135.0 + 25.0 * (5.0 * t).sin()) / sample_rate_hz;
            let envelope = (std::f64::consts::TAU * 2.0 * t).sin().max(0.0);
            let harmonics: f64 = (1..=12).map(|k| (phase * f64::from(k)).sin() / f64::from(k)).sum();
            amplitude * (envelope * harmonics) as f32
        })
        .collect()
}

/// Sum of two signals of one length.
pub fn add(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// Index of the largest magnitude.
pub fn loudest(signal: &[f32]) -> usize {
    (0..signal.len())
        .max_by(|&a, &b| signal[a].abs().total_cmp(&signal[b].abs()))
        .unwrap()
}

/// RMS level in dB re full scale.
pub fn level_db(signal: &[f32]) -> f64 {
    let power = signal.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / signal.len() as f64;
    10.0 * power.max(1e-30).log10()
}

/// Level of the difference in dB re full scale.
pub fn difference_db(a: &[f32], b: &[f32]) -> f64 {
    let difference: Vec<f32> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    level_db(&difference)
}
