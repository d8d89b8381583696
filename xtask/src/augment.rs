//! What a random recording chain does to a signal: equaliser, speed, room, clipping, fades and level changes.
//!
//! Everything works on 48 kHz mono signals and avoids transcendental functions per sample.

mod filters;
mod grains;
mod spectral;
mod texture;

use rand::Rng;

pub use filters::{Biquad, Cascade, band_limit};
pub use grains::Grains;
pub use spectral::Spectral;
pub use unfold::units::db_to_gain;

use crate::corpus::SAMPLE_RATE_HZ;

/// Sample rate as a float, in Hz.
pub const RATE_HZ: f32 = SAMPLE_RATE_HZ as f32;

/// Frames for level measurements: 20 ms.
const LEVEL_FRAME_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 50;

/// Grid on which slow gain curves are given: 10 ms.
pub const CONTROL_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 100;

/// Taps of the interpolator for speed changes.
const SPEED_TAPS: usize = 16;

/// Partial sums of that interpolator.
const SPEED_LANES: usize = 8;

/// Sub-sample positions at which that interpolator is tabulated; linear in between.
const SPEED_PHASES: usize = 128;

/// Uniform draw from `[low, high]`.
pub fn uniform(rng: &mut impl Rng, [low, high]: [f32; 2]) -> f32 {
    low + (high - low) * rng.random::<f32>()
}

/// Log-uniform draw from `[low, high]`, both positive.
pub fn log_uniform(rng: &mut impl Rng, [low, high]: [f32; 2]) -> f32 {
    uniform(rng, [low.ln(), high.ln()]).exp()
}

/// True with the given probability.
pub fn chance(rng: &mut impl Rng, probability: f32) -> bool {
    rng.random::<f32>() < probability
}

/// Mean power over the 20 ms frames within `range_db` of the loudest one; 0 for silence.
pub fn active_power(signal: &[f32], range_db: f32) -> f32 {
    let frame_power = |frame: &[f32]| frame.iter().map(|x| x * x).sum::<f32>() / frame.len() as f32;
    let powers: Vec<f32> = signal.chunks(LEVEL_FRAME_SAMPLES).map(frame_power).collect();
    let loudest = powers.iter().copied().fold(0.0, f32::max);
    let threshold = loudest * 10.0_f32.powf(-range_db / 10.0);
    let (mut sum, mut count) = (0.0, 0);
    for power in powers.into_iter().filter(|power| *power > 0.0 && *power >= threshold) {
        sum += power;
        count += 1;
    }
    if count == 0 { 0.0 } else { sum / count as f32 }
}

/// Scales a signal to mean power 1 over its active frames; leaves silence alone.
pub fn normalise(signal: &mut [f32], range_db: f32) {
    let power = active_power(signal, range_db);
    if power > 0.0 {
        scale(signal, power.sqrt().recip());
    }
}

/// Multiplies by a constant.
pub fn scale(signal: &mut [f32], gain: f32) {
    signal.iter_mut().for_each(|x| *x *= gain);
}

/// Largest magnitude.
pub fn peak(signal: &[f32]) -> f32 {
    signal.iter().fold(0.0, |peak, x| peak.max(x.abs()))
}

/// Random equaliser: shelves, a peak and an overall slope, each with a gain within ±`max_db`.
pub fn random_equaliser(rng: &mut impl Rng, max_db: f32) -> Cascade {
    let mut cascade = Cascade::default();
    let gain_range = [-max_db, max_db];
    if chance(rng, 0.5) {
        cascade.push(Biquad::low_shelf(
            log_uniform(rng, [80.0, 1000.0]),
            0.7,
            uniform(rng, gain_range),
        ));
    }
    if chance(rng, 0.5) {
        cascade.push(Biquad::high_shelf(
            log_uniform(rng, [1500.0, 12_000.0]),
            0.7,
            uniform(rng, gain_range),
        ));
    }
    if chance(rng, 0.5) {
        let (hz, q) = (log_uniform(rng, [100.0, 12_000.0]), log_uniform(rng, [0.4, 3.0]));
        cascade.push(Biquad::peak(hz, q, uniform(rng, gain_range)));
    }
    if chance(rng, 0.4) || cascade.is_empty() {
        // Two wide shelves turning around 1 kHz: close to a constant slope over the speech range.
        let half_db = uniform(rng, gain_range) / 2.0;
        cascade.push(Biquad::low_shelf(300.0, 0.4, -half_db));
        cascade.push(Biquad::high_shelf(3500.0, 0.4, half_db));
    }
    cascade
}

/// A speed change (pitch and tempo together) by windowed-sinc interpolation, with its table.
pub struct SpeedChange {
    speed: f32,
    table: Vec<[f32; SPEED_TAPS]>,
}

impl SpeedChange {
    /// Prepares to play `speed` times faster.
    pub fn new(speed: f32) -> Self {
        Self {
            speed,
            table: interpolator(0.94 / speed.max(1.0)),
        }
    }

    /// How many times faster it plays.
    pub fn factor(&self) -> f32 {
        self.speed
    }

    /// Input samples that [`Self::run`] needs for `length` output samples.
    pub fn input_samples(&self, length: usize) -> usize {
        (length as f32 * self.speed).ceil() as usize + SPEED_TAPS + 1
    }

    /// Plays `input`, which holds at least [`Self::input_samples`] samples.
    pub fn run(&self, input: &[f32], length: usize) -> Vec<f32> {
        let at = |index: usize| {
            let position = index as f64 * f64::from(self.speed);
            let start = position as usize;
            let phase = (position - start as f64) as f32 * SPEED_PHASES as f32;
            let row = phase as usize;
            let blend = phase - row as f32;
            let window = &input[start..start + SPEED_TAPS];
            let (now, next) = (&self.table[row], &self.table[row + 1]);
            // Separate sums let the compiler use vector instructions.
            let mut sums = [0.0; SPEED_LANES];
            for first in (0..SPEED_TAPS).step_by(SPEED_LANES) {
                for (lane, sum) in sums.iter_mut().enumerate() {
                    let tap = first + lane;
                    *sum += window[tap] * (now[tap] + blend * (next[tap] - now[tap]));
                }
            }
            sums.iter().sum()
        };
        (0..length).map(at).collect()
    }
}

/// Hann-windowed sinc for each sub-sample phase; `cutoff` is relative to half the sample rate.
fn interpolator(cutoff: f32) -> Vec<[f32; SPEED_TAPS]> {
    use std::f32::consts::PI;
    let centre = (SPEED_TAPS / 2 - 1) as f32;
    let row = |phase: usize| {
        let shift = phase as f32 / SPEED_PHASES as f32;
        let mut taps: [f32; SPEED_TAPS] = std::array::from_fn(|tap| {
            let x = tap as f32 - centre - shift;
            let sinc = if x.abs() < 1e-6 {
                1.0
            } else {
                (PI * cutoff * x).sin() / (PI * cutoff * x)
            };
            sinc * (0.5 + 0.5 * (2.0 * PI * x / (SPEED_TAPS as f32 + 1.0)).cos())
        });
        let sum: f32 = taps.iter().sum();
        taps.iter_mut().for_each(|tap| *tap /= sum);
        taps
    };
    (0..=SPEED_PHASES).map(row).collect()
}

/// Impulse response of a small room: the direct sound, then a decaying, slightly dull noise tail.
pub fn room_response(rng: &mut impl Rng, rt60_s: f32, direct_to_reverb_db: f32) -> Vec<f32> {
    let length = (rt60_s * RATE_HZ) as usize;
    let delay = (uniform(rng, [0.002, 0.012]) * RATE_HZ) as usize;
    let decay = 0.001_f32.powf(1.0 / length as f32);
    let brightness = uniform(rng, [0.3, 0.9]);
    let (mut level, mut dull) = (1.0, 0.0);
    let mut response: Vec<f32> = (0..length.max(delay + 1))
        .map(|index| {
            level *= decay;
            dull += brightness * (level * (rng.random::<f32>() - 0.5) - dull);
            if index < delay { 0.0 } else { dull }
        })
        .collect();
    let energy: f32 = response.iter().map(|x| x * x).sum();
    scale(
        &mut response,
        db_to_gain(-direct_to_reverb_db) / energy.max(1e-12).sqrt(),
    );
    response[0] = 1.0;
    response
}

/// Limits to ±`threshold`: flat for hard clipping, bending smoothly for soft clipping.
pub fn clip(signal: &mut [f32], threshold: f32, soft: bool) {
    for x in signal {
        *x = if soft {
            *x / (1.0 + (*x / threshold).powi(2)).sqrt()
        } else {
            x.clamp(-threshold, threshold)
        };
    }
}

/// Smooth random walk in -1..=1 on the control grid, with a new target every `period_s`.
pub fn wander(rng: &mut impl Rng, length: usize, period_s: f32) -> Vec<f32> {
    let step = CONTROL_SAMPLES as f32 / (period_s * RATE_HZ);
    let mut position: f32 = rng.random();
    let (mut from, mut to) = (uniform(rng, [-1.0, 1.0]), uniform(rng, [-1.0, 1.0]));
    let next = |_| {
        position += step;
        while position >= 1.0 {
            position -= 1.0;
            from = to;
            to = uniform(rng, [-1.0, 1.0]);
        }
        from + (to - from) * position * position * (3.0 - 2.0 * position)
    };
    (0..control_points(length)).map(next).collect()
}

/// Points of a control curve for a signal of `length` samples.
pub fn control_points(length: usize) -> usize {
    length / CONTROL_SAMPLES + 2
}

/// Applies a gain curve given in dB on the control grid, linear in amplitude between its points.
pub fn apply_gain_curve(signal: &mut [f32], curve_db: &[f32]) {
    let gains: Vec<f32> = curve_db.iter().map(|db| db_to_gain(*db)).collect();
    for (block, ends) in signal.chunks_mut(CONTROL_SAMPLES).zip(gains.windows(2)) {
        let slope = (ends[1] - ends[0]) / CONTROL_SAMPLES as f32;
        for (index, x) in block.iter_mut().enumerate() {
            *x *= ends[0] + slope * index as f32;
        }
    }
}

/// Silence before `start`, then a linear rise over `ramp` samples.
pub fn fade_in(signal: &mut [f32], start: usize, ramp: usize) {
    let start = start.min(signal.len());
    let (before, after) = signal.split_at_mut(start);
    before.fill(0.0);
    for (index, x) in after.iter_mut().take(ramp).enumerate() {
        *x *= (index as f32 + 0.5) / ramp as f32;
    }
}

/// A linear fall over the `ramp` samples before `end`, then silence.
pub fn fade_out(signal: &mut [f32], end: usize, ramp: usize) {
    let end = end.min(signal.len());
    signal[end..].fill(0.0);
    for (index, x) in signal[..end].iter_mut().rev().take(ramp).enumerate() {
        *x *= (index as f32 + 0.5) / ramp as f32;
    }
}

#[cfg(test)]
mod tests;
