//! The noise of an example: one or several sounds, recorded or synthetic.

use rand::Rng;

use super::{Mixer, NOISE_RANGE_DB, pick_speed, pick_stretch, place_in_room};
use crate::augment::{
    Grains, RATE_HZ, Spectral, active_power, chance, db_to_gain, fade_in, fade_out, normalise, random_equaliser, scale,
    uniform,
};
use crate::corpus::Clip;
use crate::synth_noise::generate;

/// Cross-fade where a short noise recording is repeated: 50 ms.
const LOOP_FADE_SAMPLES: usize = 2400;

/// Share of a stretch's 100 ms frames that must sound.
const MIN_SOUNDING_SHARE: f32 = 0.05;

/// Places tried for a grain before a silent one is accepted.
const GRAIN_TRIES: usize = 4;

/// Chance that grains come from two clips.
const TWO_CLIPS_CHANCE: f32 = 0.35;

impl Mixer<'_> {
    /// Sum of `count` noises; level arbitrary.
    pub(super) fn noise(&self, rng: &mut impl Rng, length: usize, count: usize, spectral: &mut Spectral) -> Vec<f32> {
        let config = &self.config;
        let mut sum = vec![0.0; length];
        for index in 0..count {
            let mut noise = if chance(rng, config.recorded_noise_share) {
                self.recorded(rng, length, spectral)
            } else {
                generate(self.kinds.pick(rng), length, rng, spectral)
            };
            if chance(rng, config.noise_eq_chance) {
                random_equaliser(rng, config.noise_eq_db).run(&mut noise);
            }
            if chance(rng, config.noise_reverb_chance) {
                let ratio_db = config.noise_direct_to_reverb_db;
                place_in_room(rng, &mut noise, config.noise_rt60_s, ratio_db, spectral);
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

    /// A recorded noise, possibly rearranged, under the envelopes of another noise, or backwards.
    fn recorded(&self, rng: &mut impl Rng, length: usize, spectral: &mut Spectral) -> Vec<f32> {
        let config = &self.config;
        let mut noise = if chance(rng, config.noise_grain_chance) {
            self.rearranged(rng, length)
        } else {
            self.stretch(rng, length)
        };
        if chance(rng, config.noise_texture_chance) {
            let envelope = if chance(rng, config.recorded_noise_share) {
                self.stretch(rng, length)
            } else {
                generate(self.kinds.pick(rng), length, rng, spectral)
            };
            let strength = uniform(rng, config.noise_texture_strength);
            spectral.transfer_texture(&mut noise, &envelope, strength);
        }
        if chance(rng, config.noise_reverse_chance) {
            noise.reverse();
        }
        if chance(rng, 0.5) {
            scale(&mut noise, -1.0);
        }
        noise
    }

    /// A stretch of one clip as it was recorded, or at another speed.
    fn stretch(&self, rng: &mut impl Rng, length: usize) -> Vec<f32> {
        let speed = pick_speed(rng, self.config.noise_speed_chance, self.config.noise_speed);
        let raw_length = speed.as_ref().map_or(length, |speed| speed.input_samples(length));
        let (clip, start) = pick_stretch(
            rng,
            &self.recorded_noise,
            raw_length,
            NOISE_RANGE_DB,
            MIN_SOUNDING_SHARE,
        );
        let noise = if clip.len_samples() >= raw_length {
            let mut noise = vec![0.0; raw_length];
            clip.copy_to(start, &mut noise);
            noise
        } else {
            repeat(rng, clip, raw_length)
        };
        match speed {
            Some(speed) => speed.run(&noise, length),
            None => noise,
        }
    }

    /// Grains from all over one clip, or two.
    fn rearranged(&self, rng: &mut impl Rng, length: usize) -> Vec<f32> {
        let config = &self.config;
        let first = self.recorded_noise.pick(rng);
        let second = if chance(rng, TWO_CLIPS_CHANCE) {
            self.recorded_noise.pick(rng)
        } else {
            first
        };
        let grains = Grains {
            length_s: config.noise_grain_s,
            speed: config.noise_grain_speed,
            gain_db: config.noise_grain_gain_db,
        };
        grains.render(rng, length, |rng, grain| {
            let clip = if chance(rng, 0.5) { first } else { second };
            let mut start = 0;
            for _ in 0..GRAIN_TRIES {
                start = rng.random_range(0..=clip.len_samples().saturating_sub(grain.len()));
                if clip.active_share(start, grain.len(), NOISE_RANGE_DB) > 0.0 {
                    break;
                }
            }
            clip.copy_to(start, grain);
        })
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
