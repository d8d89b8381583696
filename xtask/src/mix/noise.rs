//! The noise of an example: one or several sounds, recorded or synthetic.

use rand::Rng;

use super::{Mixer, NOISE_RANGE_DB, pick_speed, pick_stretch};
use crate::augment::{
    RATE_HZ, Spectral, active_power, chance, change_speed, db_to_gain, fade_in, fade_out, normalise, random_equaliser,
    scale, speed_input_samples, uniform,
};
use crate::corpus::Clip;
use crate::synth_noise::generate;

/// Cross-fade where a short noise recording is repeated: 50 ms.
const LOOP_FADE_SAMPLES: usize = 2400;

impl Mixer<'_> {
    /// Sum of `count` noises; level arbitrary.
    pub(super) fn noise(&self, rng: &mut impl Rng, length: usize, count: usize, spectral: &mut Spectral) -> Vec<f32> {
        let config = &self.config;
        let mut sum = vec![0.0; length];
        for index in 0..count {
            let mut noise = if chance(rng, config.recorded_noise_share) {
                self.recorded(rng, length)
            } else {
                generate(self.kinds.pick(rng), length, rng, spectral)
            };
            if chance(rng, config.noise_eq_chance) {
                random_equaliser(rng, config.noise_eq_db).run(&mut noise);
            }
            if chance(rng, config.noise_fade_chance) {
                self.start_or_stop(rng, &mut noise);
            }
            normalise(&mut noise, NOISE_RANGE_DB);
            let gain = if index == 0 {
                1.0
            } else {
                db_to_gain(uniform(rng, config.noise_relative_db))
            };
            sum.iter_mut().zip(&noise).for_each(|(x, y)| *x += gain * y);
        }
        sum
    }

    fn recorded(&self, rng: &mut impl Rng, length: usize) -> Vec<f32> {
        let speed = pick_speed(rng, self.config.noise_speed_chance, self.config.noise_speed);
        let raw_length = speed.map_or(length, |speed| speed_input_samples(length, speed));
        let (clip, start) = pick_stretch(rng, &self.recorded_noise, raw_length, NOISE_RANGE_DB, 0.05);
        let mut noise = if clip.len_samples() >= raw_length {
            let mut noise = vec![0.0; raw_length];
            clip.copy_to(start, &mut noise);
            noise
        } else {
            repeat(rng, clip, raw_length)
        };
        if let Some(speed) = speed {
            noise = change_speed(&noise, speed, length);
        }
        if chance(rng, 0.5) {
            scale(&mut noise, -1.0);
        }
        noise
    }

    /// Lets a noise begin or end within the example, unless next to nothing of it would be left.
    fn start_or_stop(&self, rng: &mut impl Rng, noise: &mut Vec<f32>) {
        let length = noise.len() as f32;
        let ramp = (uniform(rng, self.config.noise_fade_s) * RATE_HZ) as usize;
        let (starts, stops) = [(true, false), (false, true), (true, true)][rng.random_range(0..3)];
        let mut faded = noise.clone();
        if starts {
            fade_in(&mut faded, (uniform(rng, [0.05, 0.5]) * length) as usize, ramp);
        }
        if stops {
            fade_out(&mut faded, (uniform(rng, [0.6, 0.95]) * length) as usize, ramp);
        }
        let kept = active_power(&faded, NOISE_RANGE_DB) / active_power(noise, NOISE_RANGE_DB);
        if kept > 0.01 {
            *noise = faded;
        }
    }
}

/// Repeats a short clip from a random phase, each joint cross-faded with constant power.
pub(super) fn repeat(rng: &mut impl Rng, clip: &Clip, length: usize) -> Vec<f32> {
    let mut once = vec![0.0; clip.len_samples()];
    clip.copy_to(0, &mut once);
    let fade = LOOP_FADE_SAMPLES.min(once.len() / 4);
    let period = once.len() - fade;
    for index in 0..fade {
        let share = (index as f32 + 0.5) / fade as f32;
        once[index] = once[index] * share.sqrt() + once[period + index] * (1.0 - share).sqrt();
    }
    let phase = rng.random_range(0..period);
    (0..length).map(|index| once[(phase + index) % period]).collect()
}
