//! Synthetic noises: endless variety of the kinds that a small noise collection cannot cover.

mod events;
mod partials;
mod shapes;
mod tonal;

use rand::Rng;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;

use crate::augment::{
    CONTROL_SAMPLES, RATE_HZ, Spectral, apply_gain_curve, chance, control_points, db_to_gain, log_uniform, normalise,
    uniform, wander,
};
use shapes::{bands, coloured, random_shape};

/// Frames within this range of the loudest count as sounding, in dB.
const ACTIVE_RANGE_DB: f32 = 25.0;

/// Samples of one stored period of a harmonic sound.
const WAVEFORM_SAMPLES: usize = 4096;

/// Kinds of synthetic noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Constant spectral slope: from brown over pink and white to blue.
    Coloured,
    /// Smooth random spectrum: stands for any unseen fan, air conditioner or room tone.
    Shaped,
    /// A few narrow bands of noise.
    Bands,
    /// Mains hum with drifting pitch, over faint hiss.
    Hum,
    /// Car interior, ventilation ducts: very low frequencies over a faint rest.
    Rumble,
    /// Harmonic series of a wandering pitch with broadband noise: engines, vacuum cleaners, drills.
    Engine,
    /// Short decaying bursts: keys, ticks, knocks.
    Clicks,
    /// Random impulses from sparse crackle to dense patter.
    Crackle,
    /// Gusts of low-passed noise.
    Wind,
    /// Smooth random spectrum with strong level changes: waves, passing vehicles, rotors.
    Modulated,
    /// Strokes with bright, inharmonic, decaying partials: dishes, cutlery, keys, glass.
    Clinks,
    /// Gliding, stepping or steady tones of few harmonics: birds, whistles, beeps, sirens.
    Calls,
    /// Short sines of rising pitch over faint hiss: single drops, pouring, a stream.
    Bubbles,
}

/// Every kind with its share among synthetic noises.
pub const KINDS: [(Kind, f32); 13] = [
    (Kind::Coloured, 0.09),
    (Kind::Shaped, 0.21),
    (Kind::Bands, 0.04),
    (Kind::Hum, 0.05),
    (Kind::Rumble, 0.08),
    (Kind::Engine, 0.09),
    (Kind::Clicks, 0.08),
    (Kind::Crackle, 0.04),
    (Kind::Wind, 0.05),
    (Kind::Modulated, 0.07),
    (Kind::Clinks, 0.08),
    (Kind::Calls, 0.06),
    (Kind::Bubbles, 0.06),
];

/// Draws kinds by their shares.
pub struct KindSampler(WeightedIndex<f32>);

impl Default for KindSampler {
    fn default() -> Self {
        Self(WeightedIndex::new(KINDS.map(|(_, share)| share)).expect("positive shares"))
    }
}

impl KindSampler {
    /// One kind.
    pub fn pick(&self, rng: &mut impl Rng) -> Kind {
        KINDS[self.0.sample(rng)].0
    }
}

/// A noise of the given kind: 48 kHz, mean power 1 over its sounding frames, everything else random.
pub fn generate(kind: Kind, length: usize, rng: &mut impl Rng, spectral: &mut Spectral) -> Vec<f32> {
    let mut noise = match kind {
        Kind::Coloured => {
            let slope_db_per_octave = uniform(rng, [-12.0, 6.0]);
            steady(spectral.noise(rng, length, |hz| coloured(hz, slope_db_per_octave)), rng)
        }
        Kind::Shaped => steady(shaped(rng, spectral, length), rng),
        Kind::Bands => {
            let shape = bands(rng);
            steady(spectral.noise(rng, length, shape), rng)
        }
        Kind::Hum => hum(rng, spectral, length),
        Kind::Rumble => rumble(rng, spectral, length),
        Kind::Engine => engine(rng, spectral, length),
        Kind::Clicks => events::clicks(rng, length),
        Kind::Crackle => events::crackle(rng, length),
        Kind::Wind => wind(rng, spectral, length),
        Kind::Modulated => {
            let mut noise = shaped(rng, spectral, length);
            let curve = modulation_db(rng, length, [0.1, 12.0], [6.0, 30.0]);
            apply_gain_curve(&mut noise, &curve);
            noise
        }
        Kind::Clinks => sometimes_hissing(tonal::clinks(rng, length), rng, spectral),
        Kind::Calls => sometimes_hissing(tonal::calls(rng, length), rng, spectral),
        Kind::Bubbles => {
            let mut noise = tonal::bubbles(rng, length);
            let hiss_db = uniform(rng, [-45.0, -10.0]);
            add_shaped(rng, spectral, &mut noise, hiss_db);
            noise
        }
    };
    normalise(&mut noise, ACTIVE_RANGE_DB);
    noise
}

fn shaped(rng: &mut impl Rng, spectral: &mut Spectral, length: usize) -> Vec<f32> {
    let shape = random_shape(rng);
    spectral.noise(rng, length, shape)
}

/// Real stationary noises are never quite stationary: some get a slight slow level change.
fn steady(mut noise: Vec<f32>, rng: &mut impl Rng) -> Vec<f32> {
    if chance(rng, 0.3) {
        let curve = modulation_db(rng, noise.len(), [0.1, 4.0], [1.0, 8.0]);
        apply_gain_curve(&mut noise, &curve);
    }
    noise
}

/// Half of the sounds that come and go lie over a faint steady noise.
fn sometimes_hissing(mut noise: Vec<f32>, rng: &mut impl Rng, spectral: &mut Spectral) -> Vec<f32> {
    if chance(rng, 0.5) {
        let hiss_db = uniform(rng, [-60.0, -25.0]);
        add_shaped(rng, spectral, &mut noise, hiss_db);
    }
    noise
}

/// Level curve of random rate, depth (peak to trough) and form: wandering, swinging or pulsing.
fn modulation_db(rng: &mut impl Rng, length: usize, rate_hz: [f32; 2], depth_db: [f32; 2]) -> Vec<f32> {
    let rate = log_uniform(rng, rate_hz);
    let depth = uniform(rng, depth_db);
    if chance(rng, 0.5) {
        return wander(rng, length, 0.5 / rate)
            .into_iter()
            .map(|x| 0.5 * depth * x)
            .collect();
    }
    let sharpness = log_uniform(rng, [0.3, 4.0]);
    let phase: f32 = rng.random();
    let step = rate / 100.0;
    let level = |point: usize| {
        let swing = 0.5 + 0.5 * (std::f32::consts::TAU * (phase + step * point as f32)).sin();
        depth * (swing.powf(sharpness) - 1.0)
    };
    (0..control_points(length)).map(level).collect()
}

/// A harmonic sound: `f0_hz` wanders by the relative `drift` with a new target every `drift_period_s`.
struct Harmonics {
    f0_hz: f32,
    drift: f32,
    drift_period_s: f32,
    slope_db_per_octave: f32,
    spread_db: f32,
    highest_hz: f32,
}

impl Harmonics {
    fn render(&self, rng: &mut impl Rng, spectral: &mut Spectral, length: usize) -> Vec<f32> {
        let highest = self.highest_hz.min(0.45 * RATE_HZ / (1.0 + self.drift));
        let count = ((highest / self.f0_hz) as usize).clamp(1, WAVEFORM_SAMPLES / 2 - 1);
        let gains: Vec<f32> = (1..=count)
            .map(|order| {
                let tilt_db = self.slope_db_per_octave * (order as f32).log2();
                db_to_gain(tilt_db + uniform(rng, [-self.spread_db, self.spread_db]))
            })
            .collect();
        let period = spectral.waveform(rng, WAVEFORM_SAMPLES, &gains);
        let pitch = wander(rng, length, self.drift_period_s);
        let mut phase: f32 = rng.random();
        (0..length)
            .map(|index| {
                let relative = pitch[index / CONTROL_SAMPLES];
                phase += self.f0_hz * (1.0 + self.drift * relative) / RATE_HZ;
                phase -= phase.floor();
                let position = phase * WAVEFORM_SAMPLES as f32;
                let at = position as usize % WAVEFORM_SAMPLES;
                let (now, next) = (period[at], period[(at + 1) % WAVEFORM_SAMPLES]);
                now + (position - at as f32).min(1.0) * (next - now)
            })
            .collect()
    }
}

fn hum(rng: &mut impl Rng, spectral: &mut Spectral, length: usize) -> Vec<f32> {
    let harmonics = Harmonics {
        f0_hz: if chance(rng, 0.5) { 50.0 } else { 60.0 },
        drift: uniform(rng, [0.0, 0.004]),
        drift_period_s: 1.0,
        slope_db_per_octave: uniform(rng, [-12.0, -2.0]),
        spread_db: 10.0,
        highest_hz: log_uniform(rng, [200.0, 6000.0]),
    };
    let mut noise = harmonics.render(rng, spectral, length);
    let hiss_db = uniform(rng, [-50.0, -20.0]);
    add_shaped(rng, spectral, &mut noise, hiss_db);
    noise
}

fn engine(rng: &mut impl Rng, spectral: &mut Spectral, length: usize) -> Vec<f32> {
    let harmonics = Harmonics {
        f0_hz: log_uniform(rng, [18.0, 500.0]),
        drift: log_uniform(rng, [0.002, 0.15]),
        drift_period_s: log_uniform(rng, [0.2, 3.0]),
        slope_db_per_octave: uniform(rng, [-9.0, -1.0]),
        spread_db: 8.0,
        highest_hz: log_uniform(rng, [1500.0, 20_000.0]),
    };
    let mut noise = harmonics.render(rng, spectral, length);
    let broadband_db = uniform(rng, [-20.0, 8.0]);
    add_shaped(rng, spectral, &mut noise, broadband_db);
    let curve = modulation_db(rng, length, [0.1, 12.0], [0.0, 6.0]);
    apply_gain_curve(&mut noise, &curve);
    noise
}

fn rumble(rng: &mut impl Rng, spectral: &mut Spectral, length: usize) -> Vec<f32> {
    let corner_hz = log_uniform(rng, [60.0, 300.0]);
    let slope = uniform(rng, [-24.0, -9.0]);
    let mut noise = spectral.noise(rng, length, |hz| slope * (hz / corner_hz).max(1.0).log2());
    normalise(&mut noise, ACTIVE_RANGE_DB);
    let rest_db = uniform(rng, [-50.0, -22.0]);
    add_shaped(rng, spectral, &mut noise, rest_db);
    let curve = modulation_db(rng, length, [0.1, 3.0], [0.0, 8.0]);
    apply_gain_curve(&mut noise, &curve);
    noise
}

fn wind(rng: &mut impl Rng, spectral: &mut Spectral, length: usize) -> Vec<f32> {
    let corner_hz = log_uniform(rng, [40.0, 400.0]);
    let slope = uniform(rng, [-14.0, -7.0]);
    let mut noise = spectral.noise(rng, length, |hz| slope * (hz / corner_hz).max(1.0).log2());
    // Gusts, and faster turbulence within them.
    let gusts = modulation_db(rng, length, [0.2, 3.0], [10.0, 30.0]);
    let turbulence = modulation_db(rng, length, [4.0, 12.0], [2.0, 12.0]);
    let curve: Vec<f32> = gusts.iter().zip(&turbulence).map(|(slow, fast)| slow + fast).collect();
    apply_gain_curve(&mut noise, &curve);
    noise
}

/// Adds randomly shaped noise at `level_db` relative to the signal, which is normalised first.
fn add_shaped(rng: &mut impl Rng, spectral: &mut Spectral, signal: &mut [f32], level_db: f32) {
    normalise(signal, ACTIVE_RANGE_DB);
    let mut other = shaped(rng, spectral, signal.len());
    normalise(&mut other, ACTIVE_RANGE_DB);
    let gain = db_to_gain(level_db);
    signal.iter_mut().zip(&other).for_each(|(x, y)| *x += gain * y);
}

#[cfg(test)]
mod tests;
