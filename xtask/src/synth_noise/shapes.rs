//! Spectral shapes of stationary noises: amplitude in dB as a function of frequency in Hz.

use rand::Rng;

use crate::augment::{log_uniform, uniform};

/// Below this frequency sloped shapes stay flat, in Hz: microphones and ears end here.
const FLAT_BELOW_HZ: f32 = 40.0;

/// Range over which the points of random shapes are spread, in Hz.
const SHAPE_RANGE_HZ: [f32; 2] = [30.0, 22_000.0];

/// Constant slope, 0 dB at 1 kHz.
pub fn coloured(hz: f32, slope_db_per_octave: f32) -> f32 {
    slope_db_per_octave * (hz.max(FLAT_BELOW_HZ) / 1000.0).log2()
}

/// Smooth curve through 8 to 16 random levels (±15 dB) over a random tilt.
pub fn random_shape<R: Rng>(rng: &mut R) -> impl Fn(f32) -> f32 + use<R> {
    let count = rng.random_range(8..=16);
    let levels_db: Vec<f32> = (0..count).map(|_| uniform(rng, [-15.0, 15.0])).collect();
    let tilt_db_per_octave = uniform(rng, [-7.0, 2.0]);
    let [low_hz, high_hz] = SHAPE_RANGE_HZ;
    let points_per_log = (count - 1) as f32 / (high_hz / low_hz).ln();
    move |hz| {
        let position = ((hz / low_hz).ln() * points_per_log).clamp(0.0, (count - 1) as f32);
        let at = (position as usize).min(count - 2);
        let blend = position - at as f32;
        let smooth = blend * blend * (3.0 - 2.0 * blend);
        let level_db = levels_db[at] + (levels_db[at + 1] - levels_db[at]) * smooth;
        level_db + coloured(hz, tilt_db_per_octave)
    }
}

/// One to five narrow bells 50 dB above a flat floor.
pub fn bands<R: Rng>(rng: &mut R) -> impl Fn(f32) -> f32 + use<R> {
    const FLOOR_DB: f32 = -50.0;
    struct Bell {
        hz: f32,
        octaves: f32,
        level_db: f32,
    }
    let bells: Vec<Bell> = (0..rng.random_range(1..=5))
        .map(|_| Bell {
            hz: log_uniform(rng, [80.0, 12_000.0]),
            octaves: log_uniform(rng, [0.04, 0.35]),
            level_db: uniform(rng, [-20.0, 0.0]),
        })
        .collect();
    move |hz| {
        let bell_db = |bell: &Bell| bell.level_db - 12.0 * ((hz / bell.hz).log2() / bell.octaves).powi(2);
        bells.iter().map(bell_db).fold(FLOOR_DB, f32::max)
    }
}
