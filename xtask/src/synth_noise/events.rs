//! Noises made of single events.

use rand::Rng;

use crate::augment::{Biquad, RATE_HZ, chance, db_to_gain, log_uniform, scale, uniform};

/// Decaying bursts of one random object: noise pulses through a few of its resonances.
pub fn clicks(rng: &mut impl Rng, length: usize) -> Vec<f32> {
    let period_samples = RATE_HZ / log_uniform(rng, [1.0, 14.0]);
    let jitter = if chance(rng, 0.4) { 0.02 } else { 0.9 };
    let pulse_samples = log_uniform(rng, [0.0005, 0.015]) * RATE_HZ;
    let mut excitation = vec![0.0_f32; length];
    // The first event falls inside the signal, whatever its length.
    let mut at = uniform(rng, [0.0, period_samples.min(length as f32 / 2.0)]);
    while (at as usize) < length {
        let decay = 0.001_f32.powf(1.0 / (pulse_samples * uniform(rng, [0.6, 1.6])).max(8.0));
        let mut level = db_to_gain(uniform(rng, [-18.0, 0.0]));
        let end = length.min(at as usize + 2 * pulse_samples as usize + 16);
        for x in &mut excitation[at as usize..end] {
            *x += level * (rng.random::<f32>() - 0.5);
            level *= decay;
        }
        at += (period_samples * (1.0 + jitter * uniform(rng, [-1.0, 1.0]))).max(200.0);
    }
    let dry_gain = uniform(rng, [0.05, 1.0]);
    let mut noise = excitation.clone();
    scale(&mut noise, dry_gain);
    for _ in 0..rng.random_range(1..=3) {
        let mut ringing = excitation.clone();
        let hz = log_uniform(rng, [150.0, 9000.0]);
        // The decay time sets the bandwidth: T60 = 2.2 q / f.
        let ring_s = log_uniform(rng, [0.004, 0.12]);
        let q = (hz * ring_s / 2.2).max(0.7);
        Biquad::band_pass(hz, q).run(&mut ringing);
        // A narrow band passes little of the pulse's energy; the root evens this out.
        let gain = uniform(rng, [0.3, 2.0]) * q.sqrt();
        noise.iter_mut().zip(&ringing).for_each(|(x, y)| *x += gain * y);
    }
    noise
}

/// Impulses at random times with heavy-tailed levels, lightly smoothed.
pub fn crackle(rng: &mut impl Rng, length: usize) -> Vec<f32> {
    let mean_gap_samples = RATE_HZ / log_uniform(rng, [8.0, 4000.0]);
    let mut noise = vec![0.0_f32; length];
    let mut at = rng.random::<f32>() * mean_gap_samples.min(length as f32 / 2.0);
    while (at as usize) < length {
        let level = db_to_gain(uniform(rng, [-30.0, 0.0]));
        noise[at as usize] += if chance(rng, 0.5) { level } else { -level };
        at += 1.0 - mean_gap_samples * rng.random::<f32>().max(1e-6).ln();
    }
    let (hz, q) = (log_uniform(rng, [800.0, 16_000.0]), uniform(rng, [0.4, 1.5]));
    Biquad::low_pass(hz, q).run(&mut noise);
    noise
}
