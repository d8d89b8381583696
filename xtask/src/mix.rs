//! Training examples made on the fly: speech from the corpus in recorded and synthetic noise.

mod config;
mod noise;
mod speech;

use anyhow::{Context, Result};
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub use config::MixConfig;

use crate::augment::{
    RATE_HZ, Spectral, SpeedChange, active_power, band_limit, chance, clip, db_to_gain, log_uniform, peak,
    room_response, scale, uniform,
};
use crate::corpus::{Clip, Corpus, Sampler};
use crate::synth_noise::KindSampler;
use speech::Speech;

/// Bandwidth of an example whose reference is known at every frequency, in Hz.
pub const ALL_FREQUENCIES_HZ: f32 = RATE_HZ / 2.0;

/// Frames within this range of the loudest count as active speech, in dB.
const SPEECH_RANGE_DB: f32 = 30.0;

/// The same for noise: short bursts are measured while they sound.
const NOISE_RANGE_DB: f32 = 25.0;

/// A noise of less power than this, where it had unit power before its learnt stretch or its band was cut off, stays as it is:
/// the gain to the wanted ratio could overflow.
const INAUDIBLE_POWER: f32 = 1e-12;

/// Draws from a corpus before an almost silent stretch is accepted.
const TRIES: usize = 12;

/// Largest magnitude in an example.
const PEAK_LIMIT: f32 = 0.99;

/// One training example: mono, 48 kHz.
pub struct Example {
    /// What the denoiser hears.
    pub mix: Vec<f32>,
    /// The speech inside the mix, sample by sample (before clipping, if any); what it should give.
    pub speech: Vec<f32>,
    /// Above this frequency the example says nothing, in Hz: the speech recording ends there and so does the
    /// noise. 24 kHz when the reference is valid everywhere.
    pub bandwidth_hz: f32,
    /// Another stretch of the noise, from which user atoms are learnt; mostly empty.
    pub learnt_noise: Vec<f32>,
}

impl Example {
    /// Whether every sample is a number.
    pub fn is_finite(&self) -> bool {
        let signals = [&self.mix, &self.speech, &self.learnt_noise];
        signals.into_iter().flatten().all(|x| x.is_finite())
    }
}

/// Working memory of one thread. Examples do not depend on what it was used for before.
#[derive(Default)]
pub struct Scratch {
    spectral: Spectral,
}

/// Makes examples from a corpus.
pub struct Mixer<'a> {
    config: MixConfig,
    full_band: Option<Sampler<'a>>,
    band_limited: Option<Sampler<'a>>,
    recorded_noise: Sampler<'a>,
    kinds: KindSampler,
    noise_count: WeightedIndex<f32>,
}

impl<'a> Mixer<'a> {
    /// Prepares the draws.
    ///
    /// # Errors
    /// A value of `config` is out of range.
    pub fn new(corpus: &'a Corpus, config: MixConfig) -> Result<Self> {
        config.check()?;
        let babble = config.babble_weight;
        let noise_factor = |clip: &Clip| if clip.source.contains("babble") { babble } else { 1.0 };
        Ok(Self {
            full_band: Sampler::new(&corpus.speech, config.speech_length_exponent, |clip| {
                f32::from(u8::from(clip.is_full_band()))
            }),
            band_limited: Sampler::new(&corpus.speech, config.speech_length_exponent, |clip| {
                f32::from(u8::from(!clip.is_full_band()))
            }),
            recorded_noise: Sampler::new(&corpus.noise, config.noise_length_exponent, noise_factor)
                .context("babble_weight 0 leaves no recorded noise")?,
            kinds: KindSampler::default(),
            noise_count: WeightedIndex::new(config.noise_count_weights)
                .context("noise_count_weights must be positive in part and nowhere negative")?,
            config,
        })
    }

    /// One example of `length` samples, a function of `seed` alone.
    pub fn example(&self, seed: u64, length: usize, scratch: &mut Scratch) -> Example {
        let config = &self.config;
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let speechless = chance(rng, config.pure_noise_share);
        let mut speech = if speechless {
            Speech {
                samples: vec![0.0; length],
                limit_hz: None,
            }
        } else {
            self.speech(rng, length, &mut scratch.spectral)
        };
        let unknown_above_hz = speech.limit_hz.filter(|_| chance(rng, config.band_unknown_share));
        let noise_count = self.noise_count.sample(rng).max(usize::from(speechless));
        let learnt_length = if chance(rng, config.learnt_noise_share) {
            (uniform(rng, config.learnt_noise_s) * RATE_HZ) as usize
        } else {
            0
        };
        let mut noise = self.noise(rng, learnt_length + length, noise_count, &mut scratch.spectral);
        if let Some(hz) = unknown_above_hz {
            band_limit(&mut noise, hz);
        }
        self.limit_as_codec(rng, &mut speech.samples, &mut noise);
        let mut learnt_noise: Vec<f32> = noise.drain(..learnt_length).collect();
        if learnt_length > 0 && chance(rng, config.learnt_amiss_share) {
            learnt_noise = self.learnt_amiss(rng, learnt_length, &mut scratch.spectral);
        }
        self.set_snr(rng, &speech.samples, &mut noise);
        let mut example = Example {
            mix: speech.samples.iter().zip(&noise).map(|(x, y)| x + y).collect(),
            speech: speech.samples,
            bandwidth_hz: unknown_above_hz.unwrap_or(ALL_FREQUENCIES_HZ),
            learnt_noise,
        };
        self.set_level(rng, &mut example);
        example
    }

    /// What a user learns by mistake: a noise that is gone, or speech.
    fn learnt_amiss(&self, rng: &mut impl Rng, length: usize, spectral: &mut Spectral) -> Vec<f32> {
        if chance(rng, 0.5) {
            self.noise(rng, length, 1, spectral)
        } else {
            self.speech(rng, length, spectral).samples
        }
    }

    /// Sometimes narrows the speech, or speech and noise alike, as a telephone or a codec would.
    fn limit_as_codec(&self, rng: &mut impl Rng, speech: &mut [f32], noise: &mut [f32]) {
        let config = &self.config;
        if !chance(rng, config.band_limit_chance) {
            return;
        }
        let range_hz = if chance(rng, 0.5) {
            config.narrow_band_hz
        } else {
            config.wide_band_hz
        };
        let hz = uniform(rng, range_hz);
        band_limit(speech, hz);
        if chance(rng, config.band_limit_mix_share) {
            band_limit(noise, hz);
        }
    }

    /// Scales the noise to a random ratio over active frames. Noise without speech keeps its level.
    fn set_snr(&self, rng: &mut impl Rng, speech: &[f32], noise: &mut [f32]) {
        let config = &self.config;
        let snr_db = if chance(rng, config.high_snr_share) {
            uniform(rng, config.high_snr_db)
        } else {
            triangular(rng, config.snr_db, config.snr_mode_db)
        };
        let speech_power = active_power(speech, SPEECH_RANGE_DB);
        let noise_power = active_power(noise, NOISE_RANGE_DB);
        if speech_power > 0.0 && noise_power > INAUDIBLE_POWER {
            scale(noise, (speech_power / noise_power).sqrt() * db_to_gain(-snr_db));
        }
    }

    /// Sets the overall level, keeps peaks below full scale, and sometimes clips the mix.
    fn set_level(&self, rng: &mut impl Rng, example: &mut Example) {
        let config = &self.config;
        let level_gain = db_to_gain(uniform(rng, config.level_db));
        let power = active_power(&example.mix, NOISE_RANGE_DB);
        if power > 0.0 {
            let gain = level_gain / power.sqrt();
            scale(&mut example.mix, gain);
            scale(&mut example.speech, gain);
        }
        if chance(rng, config.clip_chance) {
            let threshold = uniform(rng, config.clip_threshold) * peak(&example.mix);
            clip(&mut example.mix, threshold.max(1e-9), chance(rng, 0.5));
        }
        let highest = peak(&example.mix).max(peak(&example.speech));
        if highest > PEAK_LIMIT {
            scale(&mut example.mix, PEAK_LIMIT / highest);
            scale(&mut example.speech, PEAK_LIMIT / highest);
        }
    }
}

fn pick_speed(rng: &mut impl Rng, probability: f32, range: [f32; 2]) -> Option<SpeedChange> {
    chance(rng, probability).then(|| SpeedChange::new(log_uniform(rng, range)))
}

/// Puts a random room around a signal.
fn place_in_room(
    rng: &mut impl Rng,
    signal: &mut [f32],
    rt60_s: [f32; 2],
    direct_to_reverb_db: [f32; 2],
    spectral: &mut Spectral,
) {
    let (rt60_s, direct_to_reverb_db) = (uniform(rng, rt60_s), uniform(rng, direct_to_reverb_db));
    let response = room_response(rng, rt60_s, direct_to_reverb_db);
    spectral.convolve(signal, &response);
}

/// A clip and a start such that at least `min_share` of the stretch is active, or the best of several draws.
fn pick_stretch<'a>(
    rng: &mut impl Rng,
    sampler: &Sampler<'a>,
    length: usize,
    range_db: f32,
    min_share: f32,
) -> (&'a Clip, usize) {
    let mut draw = || {
        let clip = sampler.pick(rng);
        let start = rng.random_range(0..=clip.len_samples().saturating_sub(length));
        (
            clip,
            start,
            clip.active_share(start, length.min(clip.len_samples()), range_db),
        )
    };
    let mut best = draw();
    for _ in 1..TRIES {
        if best.2 >= min_share {
            break;
        }
        let other = draw();
        if other.2 > best.2 {
            best = other;
        }
    }
    (best.0, best.1)
}

/// Triangular distribution over `[low, high]` with its peak at `mode`.
fn triangular(rng: &mut impl Rng, [low, high]: [f32; 2], mode: f32) -> f32 {
    let u: f32 = rng.random();
    let width = (high - low).max(1e-6);
    if u < (mode - low) / width {
        low + (u * width * (mode - low)).sqrt()
    } else {
        high - ((1.0 - u) * width * (high - mode)).sqrt()
    }
}

#[cfg(test)]
mod tests;
