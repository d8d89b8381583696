//! Sines with moving pitch and level, added in short steps: no sine is evaluated per sample.

use std::f32::consts::TAU;

use crate::augment::RATE_HZ;

/// Samples between updates of pitch and level.
pub const STEP_SAMPLES: usize = 32;

/// Partials stay below this frequency, in Hz.
const HIGHEST_HZ: f32 = 0.45 * RATE_HZ;

/// Level at which a decaying partial ends: -60 dB.
const END_LEVEL: f32 = 0.001;

/// A decaying sine.
#[derive(Clone, Copy)]
pub struct Ring {
    /// Pitch at its start, in Hz.
    pub hz: f32,
    /// Factor of the pitch after one second (1 for a steady one), reached exponentially.
    pub rise_per_s: f32,
    /// Time in which it falls by 60 dB, in seconds.
    pub decay_s: f32,
    /// Amplitude at its start.
    pub gain: f32,
}

impl Ring {
    /// Adds the sine to `out`, starting at phase 0 at sample 0, until it has decayed or `out` ends.
    pub fn add_to(&self, out: &mut [f32]) {
        let decay_samples = (self.decay_s * RATE_HZ).max(1.0);
        let decay = END_LEVEL.powf(1.0 / decay_samples);
        let rise = self.rise_per_s.powf(STEP_SAMPLES as f32 / RATE_HZ);
        let mut hz = self.hz;
        let (mut re, mut im) = (self.gain, 0.0);
        let length = out.len().min(decay_samples as usize);
        for step in out[..length].chunks_mut(STEP_SAMPLES) {
            if hz > HIGHEST_HZ {
                break;
            }
            let (sin, cos) = (TAU * hz / RATE_HZ).sin_cos();
            let (sin, cos) = (decay * sin, decay * cos);
            for x in step {
                *x += im;
                (re, im) = (cos * re - sin * im, sin * re + cos * im);
            }
            hz *= rise;
        }
    }
}

/// Adds a tone of several harmonics (amplitudes `harmonic_gain`) whose pitch in Hz and level follow functions of
/// the relative time 0..=1.
pub fn add_tone(out: &mut [f32], harmonic_gain: &[f32], hz_at: impl Fn(f32) -> f32, level_at: impl Fn(f32) -> f32) {
    let length = out.len().max(1) as f32;
    let (mut re, mut im) = (1.0_f32, 0.0_f32);
    let mut level = level_at(0.0);
    for (index, step) in out.chunks_mut(STEP_SAMPLES).enumerate() {
        let start = (index * STEP_SAMPLES) as f32 / length;
        let end = ((index + 1) * STEP_SAMPLES) as f32 / length;
        let hz = hz_at(start).clamp(1.0, HIGHEST_HZ);
        let audible = ((HIGHEST_HZ / hz) as usize).clamp(1, harmonic_gain.len());
        let slope = (level_at(end.min(1.0)) - level) / STEP_SAMPLES as f32;
        let (sin, cos) = (TAU * hz / RATE_HZ).sin_cos();
        for x in step {
            let (mut harmonic_re, mut harmonic_im) = (re, im);
            let mut sum = 0.0;
            for gain in &harmonic_gain[..audible] {
                sum += gain * harmonic_im;
                (harmonic_re, harmonic_im) = (re * harmonic_re - im * harmonic_im, im * harmonic_re + re * harmonic_im);
            }
            *x += level * sum;
            level += slope;
            (re, im) = (cos * re - sin * im, sin * re + cos * im);
        }
        // Rounding would let the rotating pointer shrink or grow.
        let size = (re * re + im * im).sqrt().recip();
        (re, im) = (re * size, im * size);
    }
}
