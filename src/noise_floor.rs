//! Features of the network, causal and per lane: compressed band magnitudes divided by a slow running level,
//! and the noise floor under them (docs/algorithm.md section 5, items 1 and 3).

use serde::{Deserialize, Serialize};

use crate::kernels::exp2;
use crate::units::time_constant_to_coefficient;

/// A frame whose mean compressed band magnitude is below this (white noise of about -87 dBFS) counts as silence and
/// moves no tracker.
pub const SILENCE: f32 = 1e-3;

/// A level above this (white noise of about -11 dBFS, louder than speech within full scale can be) is forgotten
/// with the first frame below it, so that an outburst of +40 dBFS does not leave the network deaf for seconds.
const LOUDEST: f32 = 0.08;

/// Power of speech over noise in a band that speech is assumed to have where it sounds: 15 dB (Gerkmann and Hendriks).
const SPEECH_TO_NOISE: f32 = 31.622_776;

/// log2(e) times the share of that speech in the whole: what a band's power over its floor takes from log2 of the odds against
/// speech.
const RATIO_TO_LOG2_ODDS: f32 = std::f32::consts::LOG2_E * SPEECH_TO_NOISE / (1.0 + SPEECH_TO_NOISE);

/// Share of the newest hop in the running mean of the probability of speech: a mean over about 0.1 s.
const PRESENCE_COEFFICIENT: f32 = 0.1;

/// Where that mean is above this, speech is taken to be no more certain than this.
const MOST_PRESENCE: f32 = 0.99;

/// White noise of about -127 dBFS, below every sound: lets a floor leave zero.
const LEAST_FLOOR: f32 = 1e-16;

/// The floor is this times the power followed, which lies below the mean of the noise where a band holds few bins, since it falls
/// faster than it climbs: 2.4 dB, the best of three levels tried on the shipped models (docs/experiments.md).
const FLOOR_FACTOR: f32 = 1.749;

/// Settings of the level and floor trackers; stored in the model, since it was trained with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrontEndConfig {
    /// Time constant of the running level.
    pub level_ms: f32,
    /// Time constant with which the floor follows louder noise.
    pub floor_smoothing_ms: f32,
    /// Time constant with which the floor follows softer noise.
    pub floor_fall_ms: f32,
    /// Most that the floor rises, in dB per second.
    pub floor_rise_db_per_s: f32,
}

impl Default for FrontEndConfig {
    fn default() -> Self {
        Self {
            level_ms: 1000.0,
            floor_smoothing_ms: 60.0,
            floor_fall_ms: 40.0,
            floor_rise_db_per_s: 15.0,
        }
    }
}

/// Compressed magnitude of a power: |X|^0.5.
#[inline(always)]
pub fn compress(power: f32) -> f32 {
    power.sqrt().sqrt()
}

/// Level and noise-floor trackers of one lane (one channel, or the channel mean).
#[derive(Clone)]
pub struct FrontEnd {
    level_coefficient: f32,
    climb_coefficient: f32,
    fall_coefficient: f32,
    rise_factor: f32,
    /// Hops of a window: as many frames after silence look at it in part.
    window_hops: u32,
    level: f32,
    /// Frames that were tracked.
    frames: u32,
    /// Frames since silence, up to `window_hops`.
    sounding: u32,
    /// Running mean of the probability of speech in each band.
    presence: Vec<f32>,
    /// Power of the noise in each band, as followed.
    floor: Vec<f32>,
}

impl FrontEnd {
    /// Trackers for `bands` bands of windows of `window_hops` hops. Allocates.
    pub fn new(config: &FrontEndConfig, bands: usize, window_hops: usize) -> Self {
        // dB per second -> factor per hop.
        let rise_db_per_hop = config.floor_rise_db_per_s * crate::units::HOP_S as f32;
        Self {
            level_coefficient: time_constant_to_coefficient(config.level_ms),
            climb_coefficient: time_constant_to_coefficient(config.floor_smoothing_ms),
            fall_coefficient: time_constant_to_coefficient(config.floor_fall_ms),
            rise_factor: 10.0_f32.powf(rise_db_per_hop / 10.0),
            window_hops: window_hops as u32,
            level: 0.0,
            frames: 0,
            sounding: 0,
            presence: vec![0.0; bands],
            floor: vec![0.0; bands],
        }
    }

    /// Forgets everything heard.
    pub fn reset(&mut self) {
        self.level = 0.0;
        self.frames = 0;
        self.sounding = 0;
        self.presence.fill(0.0);
        self.floor.fill(0.0);
    }

    /// Takes over the state of another front end of the same size, without allocating.
    pub fn copy_from(&mut self, other: &Self) {
        self.level = other.level;
        self.frames = other.frames;
        self.sounding = other.sounding;
        self.presence.copy_from_slice(&other.presence);
        self.floor.copy_from_slice(&other.floor);
    }

    /// One frame: band powers `[bands]` in, level-normalised features and floor `[bands]` out. The features'
    /// mean over the bands is about 1, whatever the input level.
    #[inline(always)]
    pub fn push(&mut self, band_power: &[f32], features: &mut [f32], floor: &mut [f32]) {
        for (v, &power) in features.iter_mut().zip(band_power) {
            *v = compress(power);
        }
        let mean = features.iter().sum::<f32>() / features.len() as f32;
        if mean > SILENCE {
            self.track(band_power, mean);
        } else {
            self.sounding = 0;
        }
        let scale = if self.level > 0.0 { 1.0 / self.level } else { 0.0 };
        for v in features.iter_mut() {
            *v *= scale;
        }
        for (out, n) in floor.iter_mut().zip(&self.floor) {
            *out = compress(FLOOR_FACTOR * n) * scale;
        }
    }

    #[inline(always)]
    fn track(&mut self, band_power: &[f32], mean: f32) {
        self.sounding = (self.sounding + 1).min(self.window_hops);
        if self.sounding < self.window_hops {
            // A window that still looks at silence in part would pull the floor far below the noise, from where it rises
            // slowly. At the very start it is all there is.
            if self.frames == 0 {
                self.level = mean.min(LOUDEST);
                self.floor.copy_from_slice(band_power);
            }
            return;
        }
        // A running average over the first frames, so that the start of a signal needs no warm-up.
        self.frames = self.frames.saturating_add(1);
        let start_coefficient = 1.0 / self.frames as f32;
        let level_coefficient = self.level_coefficient.max(start_coefficient);
        self.level += level_coefficient * (mean - self.level);
        if mean < LOUDEST {
            self.level = self.level.min(LOUDEST);
        }
        self.track_floor(band_power, start_coefficient);
    }

    /// The noise power of each band is the running mean of what the band holds, every hop weighted by the probability that it
    /// holds no speech (T. Gerkmann, R. C. Hendriks, "Unbiased MMSE-based noise power estimation with low complexity and low
    /// tracking delay", 2012; docs/algorithm.md section 5, item 3).
    #[inline(always)]
    fn track_floor(&mut self, band_power: &[f32], start_coefficient: f32) {
        if self.frames == 1 {
            self.floor.copy_from_slice(band_power);
            self.presence.fill(0.5);
            return;
        }
        let climb = self.climb_coefficient.max(start_coefficient);
        let fall = self.fall_coefficient.max(start_coefficient);
        let rise_factor = self.rise_factor;
        // No branches, so that the compiler vectorises.
        for ((&power, presence), floor) in band_power.iter().zip(&mut self.presence).zip(&mut self.floor) {
            let ratio = power / (*floor + LEAST_FLOOR);
            let odds = (1.0 + SPEECH_TO_NOISE) * exp2(-RATIO_TO_LOG2_ODDS * ratio);
            let speech = 1.0 / (1.0 + odds);
            let mean = *presence + PRESENCE_COEFFICIENT * (speech - *presence);
            // Or a noise that has become louder would be taken for speech for ever.
            let most = if mean > MOST_PRESENCE { MOST_PRESENCE } else { 1.0 };
            let noise = power + speech.min(most) * (*floor - power);
            let coefficient = if noise < *floor { fall } else { climb };
            let followed = *floor + coefficient * (noise - *floor);
            *presence = mean;
            *floor = followed.min(*floor * rise_factor + LEAST_FLOOR);
        }
    }

    /// The current noise floor of band `band` as a power per bin (the units of the band powers).
    pub fn floor_power(&self, band: usize) -> f32 {
        FLOOR_FACTOR * self.floor[band]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(front: &mut FrontEnd, powers: &[f32], frames: usize) -> (Vec<f32>, Vec<f32>) {
        let (mut v, mut n) = (vec![0.0; powers.len()], vec![0.0; powers.len()]);
        for _ in 0..frames {
            front.push(powers, &mut v, &mut n);
        }
        (v, n)
    }

    #[test]
    fn features_do_not_depend_on_the_level() {
        let powers = [1e-4, 3e-5, 2e-6, 7e-4];
        let louder = powers.map(|p| p * 1e3);
        let mut a = FrontEnd::new(&FrontEndConfig::default(), 4, 1);
        let mut b = a.clone();
        let ((va, na), (vb, nb)) = (run(&mut a, &powers, 50), run(&mut b, &louder, 50));
        for (x, y) in va.iter().chain(&na).zip(vb.iter().chain(&nb)) {
            assert!((x / y - 1.0).abs() < 1e-3, "{x} {y}");
        }
    }

    fn floor_db(front: &FrontEnd, power: f32) -> f32 {
        10.0 * (front.floor_power(0) / power).log10()
    }

    #[test]
    fn floor_stays_near_the_mean_of_the_noise() {
        let mut front = FrontEnd::new(&FrontEndConfig::default(), 1, 1);
        let mut state = 1_u32;
        let mut bin_power = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Of Gaussian noise.
            -1e-6 * ((f64::from(state) + 1.0) / f64::from(u32::MAX)).ln() as f32
        };
        let mut sum_db = 0.0;
        for hop in 0..3000 {
            // As many as a band of 200 Hz holds.
            let power = (0..8).map(|_| bin_power()).sum::<f32>() / 8.0;
            run(&mut front, &[power], 1);
            let from_mean_db = floor_db(&front, 1e-6);
            assert!(hop < 100 || from_mean_db.abs() < 6.0, "hop {hop}: {from_mean_db} dB");
            sum_db += from_mean_db / 3000.0;
        }
        assert!(sum_db.abs() < 2.5, "{sum_db} dB beside the mean");
    }

    #[test]
    fn floor_keeps_the_noise_under_speech_and_follows_what_stays() {
        let config = FrontEndConfig::default();
        let mut front = FrontEnd::new(&config, 1, 1);
        let (noise, louder) = (FLOOR_FACTOR * 1e-6, FLOOR_FACTOR * 1e-4);
        run(&mut front, &[1e-6], 100);
        // 20 dB more: for 0.2 s it is speech, for 3 s it is noise.
        run(&mut front, &[1e-4], 20);
        assert!(floor_db(&front, noise) < 0.5, "{} dB", floor_db(&front, noise));
        for hop in 0..280 {
            let before_db = floor_db(&front, noise);
            run(&mut front, &[1e-4], 1);
            let rise_db_per_s = (floor_db(&front, noise) - before_db) * 100.0;
            assert!(
                rise_db_per_s < config.floor_rise_db_per_s + 0.1,
                "hop {hop}: {rise_db_per_s} dB/s"
            );
        }
        assert!(floor_db(&front, louder).abs() < 1.0, "{} dB", floor_db(&front, louder));
        run(&mut front, &[1e-6], 40);
        let left_db = floor_db(&front, noise);
        assert!(left_db.abs() < 0.5, "{left_db} dB above the noise after it came back");
    }

    #[test]
    fn an_outburst_is_forgotten_within_a_second() {
        let sound = [1e-6, 4e-6];
        let mut front = FrontEnd::new(&FrontEndConfig::default(), 2, 1);
        let before = run(&mut front, &sound, 300);
        run(&mut front, &[1e2, 1e2], 300);
        let after = run(&mut front, &sound, 100);
        for (a, b) in after.0.iter().zip(&before.0) {
            assert!((0.4..1.1).contains(&(a / b)), "{a} {b}");
        }
        // Steady sound above the bound keeps its own level.
        let mean: f32 = run(&mut front, &[1e-2, 1e-2], 1000).0.iter().sum::<f32>() / 2.0;
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
    }

    #[test]
    fn windows_that_look_at_silence_in_part_move_nothing() {
        let noise = [1e-5, 1e-6];
        let mut front = FrontEnd::new(&FrontEndConfig::default(), 2, 4);
        let begin = |front: &mut FrontEnd| {
            for share in [0.05, 0.3, 0.7] {
                run(front, &noise.map(|p| share * p), 1);
            }
            run(front, &noise, 1)
        };
        let (features, floor) = begin(&mut front);
        for (v, n) in features.iter().zip(&floor) {
            let ratio = (n / v).powi(4) / FLOOR_FACTOR;
            assert!((ratio - 1.0).abs() < 1e-4, "the floor starts at the first whole window");
        }
        run(&mut front, &[0.0, 0.0], 10);
        assert_eq!(begin(&mut front).1, floor, "and stays where it was after a silence");
    }

    #[test]
    fn digital_silence_moves_nothing() {
        let mut front = FrontEnd::new(&FrontEndConfig::default(), 2, 1);
        let before = run(&mut front, &[1e-5, 1e-6], 30).1;
        run(&mut front, &[0.0, 0.0], 1000);
        let after = run(&mut front, &[1e-5, 1e-6], 1).1;
        assert!((before[0] / after[0] - 1.0).abs() < 0.05);
    }
}
