//! Noises made of tones that come and go: struck objects, calls and signals, bubbles. None has a voice's formants.

use rand::Rng;

use super::partials::{Ring, add_tone};
use crate::augment::{RATE_HZ, chance, db_to_gain, log_uniform, uniform};

/// Shortest distance between two events.
const MIN_GAP_SAMPLES: f32 = 100.0;

/// Starts of events: the first falls inside the first half, the others follow at exponential gaps.
fn event_starts(rng: &mut impl Rng, length: usize, mean_gap_samples: f32) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = rng.random::<f32>() * mean_gap_samples.min(length as f32 / 2.0);
    while (at as usize) < length {
        starts.push(at as usize);
        at += MIN_GAP_SAMPLES - mean_gap_samples * rng.random::<f32>().max(1e-6).ln();
    }
    starts
}

/// Dishes, cutlery, keys, glass: a click and 3 to 12 inharmonic partials per stroke, from 1 to 4 objects.
pub fn clinks(rng: &mut impl Rng, length: usize) -> Vec<f32> {
    let objects: Vec<Vec<Ring>> = (0..rng.random_range(1..=4)).map(|_| object(rng)).collect();
    let mean_gap_samples = RATE_HZ / log_uniform(rng, [0.7, 14.0]);
    let burst_chance = uniform(rng, [0.0, 0.6]);
    let click_gain = log_uniform(rng, [0.1, 4.0]);
    let mut noise = vec![0.0; length];
    for start in event_starts(rng, length, mean_gap_samples) {
        let partials = &objects[rng.random_range(0..objects.len())];
        let mut level = db_to_gain(uniform(rng, [-24.0, 0.0]));
        let strokes = if chance(rng, burst_chance) {
            rng.random_range(2..=7)
        } else {
            1
        };
        // Something that bounces or rattles strikes again, mostly sooner and softer.
        let mut gap_samples = log_uniform(rng, [0.015, 0.15]) * RATE_HZ;
        let (shrink, fall) = (uniform(rng, [0.6, 1.1]), uniform(rng, [0.5, 1.1]));
        let mut at = start as f32;
        for _ in 0..strokes {
            let Some(out) = noise.get_mut(at as usize..) else { break };
            stroke(rng, out, partials, level, click_gain);
            at += gap_samples * uniform(rng, [0.7, 1.3]);
            gap_samples *= shrink;
            level *= fall;
        }
    }
    noise
}

/// Partials of one object; high ones often die sooner.
fn object(rng: &mut impl Rng) -> Vec<Ring> {
    let decay_slope = uniform(rng, [0.0, 0.8]);
    let lowest_hz = log_uniform(rng, [700.0, 4000.0]);
    (0..rng.random_range(3..=12))
        .map(|_| {
            let hz = log_uniform(rng, [lowest_hz, 14_000.0]);
            let decay_s = log_uniform(rng, [0.01, 0.3]) * (lowest_hz / hz).powf(decay_slope);
            Ring {
                hz,
                rise_per_s: 1.0,
                decay_s: decay_s.max(0.01),
                gain: db_to_gain(uniform(rng, [-24.0, 0.0])),
            }
        })
        .collect()
}

/// One stroke: where it falls decides how strongly each partial sounds.
fn stroke(rng: &mut impl Rng, out: &mut [f32], partials: &[Ring], level: f32, click_gain: f32) {
    for partial in partials {
        let gain = level * partial.gain * db_to_gain(uniform(rng, [-10.0, 4.0]));
        Ring { gain, ..*partial }.add_to(out);
    }
    let click_samples = (log_uniform(rng, [0.0002, 0.002]) * RATE_HZ) as usize;
    for (index, x) in out.iter_mut().take(click_samples).enumerate() {
        let fall = 1.0 - index as f32 / click_samples as f32;
        *x += click_gain * level * fall * (rng.random::<f32>() - 0.5);
    }
}

/// How the pitch of a call moves.
#[derive(Clone, Copy)]
enum Motion {
    /// From one pitch to the other.
    Glide,
    /// Forth and back.
    Swing,
    /// In equal steps.
    Steps(f32),
    /// Between the two pitches by turns, this often.
    Trill(f32),
    /// None.
    Beep,
}

impl Motion {
    /// Share of the way from the first pitch to the second at the relative time `t`.
    fn position(self, t: f32) -> f32 {
        match self {
            Self::Glide => t,
            Self::Swing => 1.0 - (2.0 * t - 1.0).abs(),
            Self::Steps(count) => (t * count).floor().min(count - 1.0) / (count - 1.0),
            Self::Trill(turns) => (t * turns).floor() % 2.0,
            Self::Beep => 0.0,
        }
    }
}

/// One kind of call that a source repeats with variations.
struct Call {
    from_hz: f32,
    to_hz: f32,
    seconds: f32,
    motion: Motion,
    vibrato_hz: f32,
    vibrato_share: f32,
    attack_share: f32,
    release_share: f32,
    harmonic_gain: Vec<f32>,
}

impl Call {
    fn random(rng: &mut impl Rng) -> Self {
        let from_hz = log_uniform(rng, [450.0, 6000.0]);
        let motion = match rng.random_range(0..5) {
            0 => Motion::Glide,
            1 => Motion::Swing,
            2 => Motion::Steps(rng.random_range(2..=6) as f32),
            3 => Motion::Trill(rng.random_range(2..=16) as f32),
            _ => Motion::Beep,
        };
        let harmonics = rng.random_range(1..=4);
        let fall_db = uniform(rng, [3.0, 24.0]);
        Self {
            from_hz,
            to_hz: (from_hz * log_uniform(rng, [0.5, 2.0])).clamp(450.0, 9000.0),
            seconds: log_uniform(rng, [0.04, 1.2]),
            motion,
            vibrato_hz: log_uniform(rng, [4.0, 60.0]),
            vibrato_share: if chance(rng, 0.5) {
                log_uniform(rng, [0.002, 0.1])
            } else {
                0.0
            },
            attack_share: log_uniform(rng, [0.02, 0.5]),
            release_share: log_uniform(rng, [0.02, 0.5]),
            harmonic_gain: (0..harmonics)
                .map(|order| db_to_gain(-fall_db * order as f32 + uniform(rng, [-6.0, 6.0])))
                .collect(),
        }
    }

    /// Adds one call of the given relative pitch and speed.
    fn add_to(&self, out: &mut [f32], pitch: f32, speed: f32, level: f32) {
        let seconds = self.seconds / speed;
        let length = out.len().min((seconds * RATE_HZ) as usize);
        let shown = length as f32 / (seconds * RATE_HZ).max(1.0);
        let ratio = self.to_hz / self.from_hz;
        let hz_at = |t: f32| {
            let t = t * shown;
            let vibrato = (std::f32::consts::TAU * self.vibrato_hz * t * seconds).sin();
            pitch * self.from_hz * ratio.powf(self.motion.position(t)) * (1.0 + self.vibrato_share * vibrato)
        };
        let level_at = |t: f32| {
            let t = t * shown;
            level
                * (t / self.attack_share)
                    .min((1.0 - t) / self.release_share)
                    .clamp(0.0, 1.0)
        };
        add_tone(&mut out[..length], &self.harmonic_gain, hz_at, level_at);
    }
}

/// Birds, whistles, beeps, sirens, ring tones: 1 to 3 sources, each with its call.
pub fn calls(rng: &mut impl Rng, length: usize) -> Vec<f32> {
    let mut noise = vec![0.0; length];
    for source in 0..rng.random_range(1..=3) {
        let call = Call::random(rng);
        let source_level = if source == 0 {
            1.0
        } else {
            db_to_gain(uniform(rng, [-20.0, 0.0]))
        };
        let variation = if chance(rng, 0.5) {
            0.0
        } else {
            uniform(rng, [0.0, 0.4])
        };
        let mean_gap_samples = (call.seconds + log_uniform(rng, [0.02, 1.5])) * RATE_HZ;
        let regular = chance(rng, 0.4);
        let starts = if regular {
            let first = rng.random::<f32>() * mean_gap_samples.min(length as f32 / 2.0);
            (0..)
                .map(|index| (first + index as f32 * mean_gap_samples) as usize)
                .take_while(|at| *at < length)
                .collect()
        } else {
            event_starts(rng, length, mean_gap_samples)
        };
        for start in starts {
            let pitch = uniform(rng, [-variation, variation]).exp();
            let speed = uniform(rng, [-variation, variation]).exp();
            let level = source_level * db_to_gain(-40.0 * variation * rng.random::<f32>());
            call.add_to(&mut noise[start..], pitch, speed, level);
        }
    }
    noise
}

/// Drops to a stream: short sines of rising pitch, as bubbles ring under water. The resonance of a bubble of
/// radius r metres is near 3 / r Hz (Minnaert 1933); decay and rise follow van den Doel, "Physically based models
/// for liquid sounds" (2005): damping 0.13 / r + 0.0072 r^-1.5 per second, and a rise in proportion to it.
pub fn bubbles(rng: &mut impl Rng, length: usize) -> Vec<f32> {
    let mean_gap_samples = RATE_HZ / log_uniform(rng, [1.5, 400.0]);
    let low_hz = log_uniform(rng, [400.0, 2000.0]);
    let high_hz = (low_hz * log_uniform(rng, [1.5, 8.0])).min(6000.0);
    let level_range_db = uniform(rng, [10.0, 35.0]);
    let longer = log_uniform(rng, [0.7, 3.0]);
    let mut noise = vec![0.0; length];
    for start in event_starts(rng, length, mean_gap_samples) {
        let hz = log_uniform(rng, [low_hz, high_hz]);
        let radius_m = 3.0 / hz;
        let damping_per_s = (0.13 / radius_m + 0.0072 * radius_m.powf(-1.5)) / longer;
        let rise = uniform(rng, [0.0, 0.3]) * damping_per_s;
        Ring {
            hz,
            rise_per_s: rise.min(40.0).exp(),
            decay_s: 6.9 / damping_per_s,
            gain: db_to_gain(-level_range_db * rng.random::<f32>()),
        }
        .add_to(&mut noise[start..]);
    }
    noise
}
