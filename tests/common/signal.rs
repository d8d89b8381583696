//! Test signals and measures.

/// Reproducible noise in -1..1 (xorshift), one independent stream per `seed`.
pub fn noise(seed: u32, samples: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    (0..samples)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (f64::from(state) / f64::from(u32::MAX) * 2.0 - 1.0) as f32
        })
        .collect()
}

/// Noise with a tone in it that comes and goes: something for the mask to work on.
pub fn busy(seed: u32, samples: usize, sample_rate_hz: f64) -> Vec<f32> {
    let noise = noise(seed, samples);
    noise
        .iter()
        .enumerate()
        .map(|(index, noise)| {
            let seconds = index as f64 / sample_rate_hz;
            let envelope = (std::f64::consts::TAU * 3.0 * seconds).sin().max(0.0);
            let tone = (std::f64::consts::TAU * 440.0 * seconds).sin();
            (0.3 * envelope * tone) as f32 + 0.1 * noise
        })
        .collect()
}

/// `signal` delayed by `delay_samples`, same length.
pub fn delayed(signal: &[f32], delay_samples: usize) -> Vec<f32> {
    let silence = std::iter::repeat_n(0.0, delay_samples);
    silence.chain(signal.iter().copied()).take(signal.len()).collect()
}

/// How long after `end` a sample other than exactly 0 is found in any channel, in samples.
pub fn sounds_on_samples(channels: &[Vec<f32>], end: usize) -> usize {
    let last_sound = |channel: &Vec<f32>| channel.iter().rposition(|&sample| sample != 0.0);
    let sound_end = channels.iter().filter_map(last_sound).max().map_or(0, |last| last + 1);
    sound_end.saturating_sub(end)
}

/// Energy of `a - b` relative to the energy of `b`, in dB.
pub fn difference_db(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let energy = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let difference = energy(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    let reference = energy(&mut b.iter().map(|value| f64::from(*value)));
    10.0 * (difference / reference).log10()
}
