//! Granular rearrangement: a sound cut into short grains that come in another order, direction, pitch and level.

use rand::Rng;

use super::{RATE_HZ, SpeedChange, chance, db_to_gain, log_uniform, uniform};

/// Cross-fade between grains, in seconds.
const FADE_S: [f32; 2] = [0.005, 0.010];

/// Chance that grains differ in speed; otherwise all keep the original one.
const OWN_SPEEDS_CHANCE: f32 = 0.5;

/// Different speeds in one rearrangement: each costs an interpolation table.
const SPEEDS: usize = 4;

/// Chance that a grain plays backwards.
const REVERSE_CHANCE: f32 = 0.3;

/// What grains look like; pairs are `[lowest, highest]`.
pub struct Grains {
    /// Length of a grain, in seconds.
    pub length_s: [f32; 2],
    /// Speed factors of grains that have one.
    pub speed: [f32; 2],
    /// Level differences, in dB: within ± this.
    pub gain_db: f32,
}

impl Grains {
    /// `length` samples of cross-faded grains. `fetch` fills a slice with the source from a place of its choice.
    pub fn render<R: Rng>(&self, rng: &mut R, length: usize, mut fetch: impl FnMut(&mut R, &mut [f32])) -> Vec<f32> {
        let own_speeds = chance(rng, OWN_SPEEDS_CHANCE);
        let speeds: Vec<SpeedChange> = (0..if own_speeds { SPEEDS } else { 0 })
            .map(|_| SpeedChange::new(log_uniform(rng, self.speed)))
            .collect();
        let fade = (uniform(rng, FADE_S) * RATE_HZ) as usize;
        let mut sum = vec![0.0; length];
        let mut at = 0;
        while at < length {
            // At least two fades long, so that no more than two grains overlap.
            let grain_samples = ((log_uniform(rng, self.length_s) * RATE_HZ) as usize).max(2 * fade);
            let mut grain = match speeds.len() {
                0 => {
                    let mut grain = vec![0.0; grain_samples];
                    fetch(rng, &mut grain);
                    grain
                }
                count => {
                    let speed = &speeds[rng.random_range(0..count)];
                    let mut raw = vec![0.0; speed.input_samples(grain_samples)];
                    fetch(rng, &mut raw);
                    speed.run(&raw, grain_samples)
                }
            };
            if chance(rng, REVERSE_CHANCE) {
                grain.reverse();
            }
            let gain = db_to_gain(uniform(rng, [-self.gain_db, self.gain_db]));
            for (index, x) in grain.iter().enumerate().take(length - at) {
                // Constant power, as the grains know nothing of each other; the first begins at once.
                let rise = if at == 0 { fade } else { index };
                let edge = rise.min(grain_samples - 1 - index);
                let share = ((edge as f32 + 0.5) / fade as f32).min(1.0);
                sum[at + index] += gain * share.sqrt() * x;
            }
            at += grain_samples - fade;
        }
        sum
    }
}
